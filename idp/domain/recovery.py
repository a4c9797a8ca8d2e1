"""Getting an account back: what was proved without the password, and what that is worth.

Independent ways stand beside each other; a text message alone never opens what was proved of a person, for its number
may be in a thief's telephone by now. Where little was proved everybody is told first, and there is time to say no.
"""

from collections.abc import Collection
from datetime import timedelta
from enum import StrEnum
from typing import Final

from idp.domain.factors import Way

PATIENCE: Final = timedelta(hours=24)
# A recovery that is ready waits so long for the person to come back.
OPEN_FOR: Final = timedelta(days=7)
# After a recovery nobody removes a factor or a contact for so long, so that the owner can still say no.
COOL_DOWN: Final = timedelta(hours=72)
CONTACTS: Final = frozenset({Way.SMS, Way.EMAIL})


class Verdict(StrEnum):
    NOW = "now"
    LATER = "later"
    NOT_ENOUGH = "not_enough"


def judge(proved: Collection[Way], *, is_proved_person: bool) -> Verdict:
    """What so much proof is worth, of a person who was proved (by the State or at a counter) or of one who was not."""
    ways = frozenset(proved)
    if Way.COUNTER_CODE in ways:  # given into the person's own hand
        return Verdict.NOW
    if Way.RECOVERY_CODE in ways and ways & CONTACTS:
        return Verdict.NOW
    if is_proved_person:
        return Verdict.LATER if ways >= CONTACTS else Verdict.NOT_ENOUGH
    if ways >= CONTACTS:
        return Verdict.NOW
    return Verdict.LATER if ways & CONTACTS else Verdict.NOT_ENOUGH
