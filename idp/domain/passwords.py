"""Passwords: the hash (Argon2id, RFC 9106), and what a new one must be."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from passlib.hash import argon2

from idp.domain.refusals import Refusal

SHORTEST: Final = 10
LONGEST: Final = 128
LONGEST_HASHED: Final = 1024


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
    """Refuse a new password that is too short, too long, or is made of the person's own number or name."""
    length = len(_prepared(password))
    if length < SHORTEST:
        raise Refusal("invalid_password", f"a password needs at least {SHORTEST} characters", field="password")
    if length > LONGEST:
        raise Refusal("invalid_password", f"a password has at most {LONGEST} characters", field="password")
    lowered = password.casefold()
    if len(set(lowered)) < 5 or any(word and word.casefold() == lowered for word in own_words()):
        raise Refusal("invalid_password", "the password is too easy to guess", field="password")


def _prepared(password: str) -> str:
    # NFKC, so that one keyboard's accents equal another's (NIST SP 800-63B 3.1.1.2). A text may grow 18-fold by it;
    # what is longer than any password can be is cut, so that it is hashed, and found wrong, like any other.
    return unicodedata.normalize("NFKC", password)[:LONGEST_HASHED]
