"""The levels of Decree 69/2024/ND-CP, kept apart, and how each is said in `acr` (OIDC Core 2)."""

import pytest

from idp.domain.levels import AccountLevel, AuthLevel, acr_values_supported, auth_level


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
    assert acr_values_supported() == [auth_level(("pwd",)).acr]


def test_an_account_begins_with_nothing_proved() -> None:
    assert min(AccountLevel) is AccountLevel.NONE == 0
