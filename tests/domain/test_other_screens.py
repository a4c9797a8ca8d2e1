"""The half minutes of a picture, and what is lent."""

from datetime import UTC, datetime, timedelta

import pytest

from idp.domain import levels, other_screens
from idp.domain.levels import AuthLevel

AT = datetime(2026, 11, 20, 7, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "is_shown"), [(-1, False), (0, True), (29.9, True), (30, True), (59.9, True), (60, False)]
)
def test_a_picture_is_good_for_its_half_minute_and_the_next(seconds: float, is_shown: bool) -> None:
    slot = other_screens.slot_of(AT)
    assert other_screens.is_shown(slot, AT + timedelta(seconds=seconds)) is is_shown


@pytest.mark.parametrize("methods", [("pwd",), ("swk", "mfa"), ("pwd", "otp", "mfa"), ("pwd", "mca")])
def test_what_is_lent_is_marked_and_reaches_what_the_phone_reached(methods: tuple[str, ...]) -> None:
    """RFC 8176 2: mca, multiple-channel authentication; it proves no factor by itself."""
    lent = other_screens.methods_of(methods)
    assert other_screens.is_lent(lent)
    assert lent.count("mca") == 1
    assert levels.auth_level(lent) is levels.auth_level(methods) <= AuthLevel.TWO


def test_what_was_not_lent_is_not_marked() -> None:
    assert not other_screens.is_lent(("pwd", "otp", "mfa"))
