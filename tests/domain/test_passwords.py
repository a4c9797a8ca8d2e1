"""Passwords: Argon2id at the cost of the settings (RFC 9106, NIST SP 800-63B 3.1.1), and what a new one must be."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idp.domain.passwords import LONGEST, LONGEST_HASHED, SHORTEST, Hasher, check_new_password
from idp.domain.refusals import Refusal
from idp.runtime.settings import load_settings

CHEAP = Hasher(memory_kib=64, passes=1, lanes=1)
GOOD = "Thu-nghiem-2026!"


def test_the_default_cost_is_argon2id_at_19_mib_two_passes_or_more() -> None:
    cost = load_settings({"IDP_PROFILE": "development"}).passwords
    hashed = Hasher(cost.memory_kib, cost.passes, cost.lanes).hash(GOOD)
    found = re.match(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$", hashed)
    assert found, hashed[:20]
    memory_kib, passes, lanes = map(int, found.groups())
    assert (memory_kib >= 19 * 1024, passes >= 2, lanes >= 1) == (True, True, True)


def test_a_hash_verifies_its_own_password_alone() -> None:
    hashed = CHEAP.hash(GOOD)
    assert CHEAP.verify(GOOD, hashed)
    assert not CHEAP.verify(GOOD + " ", hashed)
    assert not CHEAP.verify(GOOD.lower(), hashed)
    assert not CHEAP.verify("", hashed)


def test_each_hash_has_a_salt_of_its_own() -> None:
    assert CHEAP.hash(GOOD) != CHEAP.hash(GOOD)


@settings(max_examples=25)
@given(st.text(max_size=40))
def test_nist_800_63b_3_1_1_2_one_keyboards_accents_equal_anothers(password: str) -> None:
    hashed = CHEAP.hash(unicodedata.normalize("NFD", password))
    assert CHEAP.verify(unicodedata.normalize("NFC", password), hashed)


def test_full_width_letters_are_the_plain_ones() -> None:
    assert CHEAP.verify("Mật khẩu 2026!", CHEAP.hash("Ｍật khẩu ２０２６！"))


@pytest.mark.parametrize("typed", ["ﷺ" * 1024, "x" * 1024, "ﷺ" * 128, "\0" * 1024, "🦆" * 1024])
def test_a_password_longer_than_any_can_be_is_wrong_like_any_other(typed: str) -> None:
    assert len(unicodedata.normalize("NFKC", typed)) >= LONGEST_HASHED > LONGEST
    assert not CHEAP.verify(typed, CHEAP.hash(GOOD))
    assert not CHEAP.verify(typed, CHEAP.decoy)


@pytest.mark.parametrize("raised", [{"memory_kib": 128}, {"passes": 2}, {"lanes": 2}])
def test_a_hash_of_lower_cost_is_found_and_still_verifies(raised: dict[str, int]) -> None:
    dearer = Hasher(**{"memory_kib": 64, "passes": 1, "lanes": 1, **raised})
    hashed = CHEAP.hash(GOOD)
    assert dearer.is_stale(hashed)
    assert dearer.verify(GOOD, hashed)
    assert not dearer.is_stale(dearer.hash(GOOD))


def test_the_decoy_costs_as_much_as_a_real_hash_and_has_no_password() -> None:
    cost = re.compile(r"\$argon2id\$v=19\$m=64,t=1,p=1\$")
    assert cost.match(CHEAP.decoy)
    assert cost.match(CHEAP.hash(GOOD))
    assert CHEAP.decoy == CHEAP.decoy, "made once, so that no try pays for it"
    assert not CHEAP.verify(GOOD, CHEAP.decoy)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "x" * (SHORTEST - 1),
        "Ngan-qua1",
        "aaaaaaaaaaaa",
        "abababababab",
        "003190000013",
        "xxxxx1234567",
        "abcde12345",
        "Matkhau@123",
        "thanhpho2024",
        "bacninh2026!",
        "anhyeuem12345",
        "Mật khẩu 123",
        "a1B2c3" * 22,
        "ﷺ" * 8,  # one character, eighteen after NFKC: 144
    ],
)
def test_a_weak_or_endless_new_password_is_refused(password: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_new_password(password, own_words=lambda: ["003190000013", ""])
    assert (refused.value.code, refused.value.field) == ("invalid_password", "password")
    assert refused.value.detail.isascii()
    assert not password or password not in refused.value.detail


@pytest.mark.parametrize("password", [GOOD, "mưa rơi trên mái", "tX9!kd02qz", "ba con mèo trắng ngủ " * 6])
def test_a_good_new_password_is_taken(password: str) -> None:
    assert SHORTEST <= len(password) <= LONGEST
    check_new_password(password, own_words=lambda: ["003190000013"])


def test_the_own_words_are_compared_whatever_the_case() -> None:
    with pytest.raises(Refusal):
        check_new_password("NGUYENTHIMAU", own_words=lambda: ["NguyenThiMau"])
