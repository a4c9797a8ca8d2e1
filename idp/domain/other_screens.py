"""Signing in on another screen: a computer shows a picture and a number, a phone that is signed in says yes.

Whoever sits at the computer proves nothing there. What the phone's sign-in proved is lent to it, marked as lent (`mca`,
RFC 8176), and neither lent on nor good for changing how one signs in.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

# The picture is another one in every slot; one of the slot before is still taken, for who is slow with the camera.
SLOT: Final = timedelta(seconds=30)
OPEN_FOR: Final = timedelta(minutes=5)
DIGITS: Final = 2
LENT: Final = "mca"
NETWORK: Final = "screen from network"


class ScreenState(StrEnum):
    """asked (the picture is shown), approved or refused on the phone, used (the computer is signed in)."""

    ASKED = "asked"
    APPROVED = "approved"
    REFUSED = "refused"
    USED = "used"


def slot_of(now: datetime) -> int:
    return int(now.timestamp() // SLOT.total_seconds())


def is_shown(slot: int, now: datetime) -> bool:
    """Whether a picture of this slot is on a screen now, or was until just now."""
    return slot_of(now) - 1 <= slot <= slot_of(now)


def methods_of(lender: Collection[str]) -> tuple[str, ...]:
    """The methods (`amr`) of a sign-in that a phone's sign-in lent: what was proved there, and that it was lent."""
    return (*(method for method in lender if method != LENT), LENT)


def is_lent(methods: Collection[str]) -> bool:
    return LENT in methods
