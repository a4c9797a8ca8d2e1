"""The levels of Decree 69/2024/ND-CP, kept apart, and how each is said in `acr` (OIDC Core 2)."""

import pytest

from idp.domain.levels import (
    AccountLevel,
    AuthLevel,
    ProofSource,
    acr_values_supported,
    auth_level,
    needs_second_factor,
)


@pytest.mark.parametrize(
    ("methods", "level"),
    [
        ((), AuthLevel.ONE),
        (("pwd",), AuthLevel.ONE),
        (("pwd", "pin"), AuthLevel.ONE),
        (("otp",), AuthLevel.ONE),
        (("otp", "hwk"), AuthLevel.ONE),
        (("pwd", "otp"), AuthLevel.TWO),
        (("pin", "hwk"), AuthLevel.TWO),
        (("pwd", "sms"), AuthLevel.TWO),
        (("swk",), AuthLevel.ONE),
        (("swk", "mfa"), AuthLevel.TWO),
        (("otp", "sms", "hwk"), AuthLevel.ONE),
        (("pwd", "pwd", "otp", "mfa"), AuthLevel.TWO),
        (("face",), AuthLevel.ONE),
        (("pwd", "face"), AuthLevel.ONE),
    ],
)
def test_rfc8176_two_methods_of_one_kind_are_one_factor(methods: tuple[str, ...], level: AuthLevel) -> None:
    assert auth_level(methods) is level


def test_oidc_core_2_each_level_has_an_acr_of_its_own() -> None:
    assert [level.acr for level in AuthLevel] == [f"urn:bacninh:xacthuc:{number}" for number in (1, 2, 3, 4)]


def test_discovery_promises_no_level_that_a_sign_in_cannot_reach() -> None:
    assert acr_values_supported() == [auth_level(("pwd",)).acr, auth_level(("pwd", "otp")).acr]


@pytest.mark.parametrize(
    ("level", "source", "known", "reached", "needs"),
    [
        (0, "self", False, 1, False),
        (1, "national_id", False, 1, False),
        (2, "national_id", False, 1, True),
        (0, "counter", False, 1, True),
        (2, "national_id", True, 1, False),
        (2, "national_id", False, 2, False),
        (0, "counter", True, 1, False),
    ],
)
def test_what_was_proved_is_not_opened_by_one_factor_in_an_unknown_browser(
    level: int, source: str, known: bool, reached: int, needs: bool
) -> None:
    asked = needs_second_factor(
        AccountLevel(level), ProofSource(source), known_device=known, reached=AuthLevel(reached)
    )
    assert asked is needs


def test_an_account_begins_with_nothing_proved() -> None:
    assert min(AccountLevel) is AccountLevel.NONE == 0
