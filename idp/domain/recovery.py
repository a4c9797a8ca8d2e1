"""Getting an account back: what was proved without the password, and what that is worth.

Independent ways stand beside each other; a text message alone never opens what was proved of a person, or what a person
guards by more than a password, for its number may be in a thief's telephone by now. Where little was proved everybody
is told first, and there is time to say no.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Final

from idp.domain.factors import METHODS, Way, amr

PATIENCE: Final = timedelta(hours=24)
# A recovery that is ready waits so long for the person to come back.
OPEN_FOR: Final = timedelta(days=7)
# After a recovery nobody removes a factor, or adds or removes a contact, for so long: the owner can still say no.
COOL_DOWN: Final = timedelta(hours=72)
CONTACTS: Final = frozenset({Way.SMS, Way.EMAIL})
# Kept apart from phone and mailbox, or at least from their messages.
KEPT: Final = frozenset({Way.RECOVERY_CODE, Way.TOTP})


class Verdict(StrEnum):
    NOW = "now"
    LATER = "later"
    NOT_ENOUGH = "not_enough"


def judge(proved: Collection[Way], *, is_guarded: bool) -> Verdict:
    """What so much proof is worth. An account is guarded when its person was proved (by the State or at a counter), or
    has a passkey or an app: what one contact alone must not go round."""
    ways = frozenset(proved)
    if Way.COUNTER_CODE in ways:  # given into the person's own hand
        return Verdict.NOW
    if Way.RECOVERY_CODE in ways and ways & CONTACTS:
        return Verdict.NOW
    are_two = ways >= CONTACTS or bool(ways & KEPT and ways & CONTACTS)
    if is_guarded:
        return Verdict.LATER if are_two else Verdict.NOT_ENOUGH
    if are_two:
        return Verdict.NOW
    return Verdict.LATER if ways & CONTACTS else Verdict.NOT_ENOUGH


def cools_down(used: Sequence[Collection[Way]]) -> bool:
    """Whether the account was got back so lately that nothing is taken from it yet. `used` are the proofs of the last
    days, the newest first: who was seen at a counter since then may clear out at once."""
    return bool(used) and Way.COUNTER_CODE not in used[0]


def strength(proved: Collection[Way]) -> int:
    """How strong a proof is beside another: a person seen; a code in a drawer and a contact; two things; one."""
    ways = frozenset(proved)
    if Way.COUNTER_CODE in ways:
        return 4
    if Way.RECOVERY_CODE in ways and ways & CONTACTS:
        return 3
    return 2 if len(ways) > 1 else 1


def methods_of(proved: Sequence[Way]) -> tuple[str, ...]:
    """By which methods (`amr`, RFC 8176) one is signed in after it: the new password counts beside them, but where one
    contact is all that it stands on."""
    methods = [method for way in proved for method in METHODS[way]]
    return tuple(methods) if strength(proved) == 1 else amr(("pwd",), methods)
