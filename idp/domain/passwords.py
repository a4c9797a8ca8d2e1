"""Passwords: the hash (Argon2id, RFC 9106), and what a new one must be."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from passlib.hash import argon2

from idp.domain.names import fold
from idp.domain.refusals import Refusal

SHORTEST: Final = 10
LONGEST: Final = 128
LONGEST_HASHED: Final = 1024
# zxcvbn's scale is 0 to 4; at 3 a guesser who has the hash needs 10^8 tries and more. It judges 72 characters at most.
WEAKEST: Final = 3
LONGEST_JUDGED: Final = 72
# What people here begin with, as it is typed without accents; zxcvbn knows none of it.
VIETNAMESE: Final = tuple(
    """
    matkhau mat khau matkhaucuatoi khongbiet khongco khongnho taikhoan dangnhap xinchao chaoban camon
    anhyeuem emyeuanh yeuem yeuanh yeuemnhieu tinhyeu mai mai maimai hanhphuc giadinh concon conyeu bome mevacon
    vietnam vietnamvodich toiyeuvietnam hanoi saigon thanhpho hochiminh tphcm danang haiphong cantho hue
    bacninh bacgiang kinhbac quanho langgiang tienson yenphong thuanthanh giabinh luongtai quevo tusson lucngan
    nguyen tran le pham hoang huynh phan vu vo dang bui do ho ngo duong ly thi van minh anh linh huong lan hoa
    thang nam ngay thu hai ba tu nam sau bay tam chin muoi congdan dichvucong vneid cancuoc dinhdanh chinhphu
    bongda manutd messi ronaldo sontung sontungmtp banhmi pho phobo trasua cafe
    matkhau123 abc123456 qwerty123 asdasd 123123 123456a a123456 0123456789 0987654321
    """.split()
)


@dataclass(frozen=True)
class Hasher:
    """Argon2id at one cost; verifies hashes of any cost and says when one should be renewed."""

    memory_kib: int
    passes: int
    lanes: int

    @cached_property
    def _scheme(self) -> Any:
        return argon2.using(
            type="ID", memory_cost=self.memory_kib, time_cost=self.passes, parallelism=self.lanes, digest_size=32
        )

    @cached_property
    def decoy(self) -> str:
        """A hash that no password has, verified where there is no account, so that time tells nothing."""
        return self.hash("there is no such account")

    def hash(self, password: str) -> str:
        return str(self._scheme.hash(_prepared(password)))

    def verify(self, password: str, hashed: str) -> bool:
        return bool(self._scheme.verify(_prepared(password), hashed))

    def is_stale(self, hashed: str) -> bool:
        """Whether the hash was made at a lower cost than today's."""
        return bool(self._scheme.needs_update(hashed))


def check_new_password(password: str, *, own_words: Callable[[], list[str]] = list) -> None:
    """Refuse a new password that is too short, too long, or soon guessed (NIST SP 800-63B 3.1.1.2)."""
    length = len(_prepared(password))
    if length < SHORTEST:
        raise Refusal("invalid_password", f"a password needs at least {SHORTEST} characters", field="password")
    if length > LONGEST:
        raise Refusal("invalid_password", f"a password has at most {LONGEST} characters", field="password")
    if _is_easy_to_guess(password, own_words()):
        raise Refusal("invalid_password", "the password is too easy to guess", field="password")


def _is_easy_to_guess(password: str, own_words: list[str]) -> bool:
    """By zxcvbn, which knows the patterns and the words that guessers try; ours and the person's own are told to it."""
    from zxcvbn import zxcvbn  # 30,000 words: read when somebody chooses a password, not by every process that starts

    own = [part for word in own_words for part in (word, *word.split()) if len(part) > 1]
    plain = fold(password).lower()  # typed without accents a Vietnamese word is another word
    told = [*own, *(fold(word).lower() for word in own), *VIETNAMESE]
    tried = dict.fromkeys((password, plain) if len(plain) >= SHORTEST else (password,))
    return any(zxcvbn(each[:LONGEST_JUDGED], user_inputs=told)["score"] < WEAKEST for each in tried)


def _prepared(password: str) -> str:
    # NFKC, so that one keyboard's accents equal another's (NIST SP 800-63B 3.1.1.2). A text may grow 18-fold by it;
    # what is longer than any password can be is cut, so that it is hashed, and found wrong, like any other.
    return unicodedata.normalize("NFKC", password)[:LONGEST_HASHED]
