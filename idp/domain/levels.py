"""The three levels, kept apart: what the State proved, how one signed in, how safe a service's system is.

Decree 69/2024/ND-CP Art 6-7 (account level) and its authentication levels 1 to 4; system-security levels 1 to 5 belong
to relying services. A check at our own counter is never called level 2: it is a source, not a level.
"""

from collections.abc import Iterable
from enum import IntEnum, StrEnum
from typing import Final


class AccountLevel(IntEnum):
    """What was proved of the person: nothing, level 1, level 2 (only the national ID system grants 1 and 2)."""

    NONE = 0
    ONE = 1
    TWO = 2


class ProofSource(StrEnum):
    """Who vouches for the person's facts."""

    SELF = "self"
    COUNTER = "counter"
    NATIONAL_ID = "national_id"


class AuthLevel(IntEnum):
    """How the person signed in: one factor; two; with one biometric; biometric and possession and knowledge."""

    ONE = 1
    TWO = 2
    THREE = 3
    FOUR = 4

    @property
    def acr(self) -> str:
        return f"{ACR_PREFIX}{self.value}"


ACR_PREFIX: Final = "urn:bacninh:xacthuc:"
# What each method (RFC 8176 names) proves. A device's own check of its holder (a PIN, a finger) is knowledge here: the
# State has no reference of that finger, so that no method leads to level 3 or 4.
FACTORS_OF_METHOD: Final = {
    "pwd": {"knowledge"},
    "pin": {"knowledge"},
    "otp": {"possession"},
    "sms": {"possession"},
    "hwk": {"possession"},
    "swk": {"possession"},
    "mfa": {"knowledge", "possession"},
}
REACHABLE: Final = AuthLevel.TWO


def auth_level(methods: Iterable[str]) -> AuthLevel:
    """The authentication level that these methods (`amr`) reach."""
    factors = {factor for method in methods for factor in FACTORS_OF_METHOD.get(method, ())}
    return AuthLevel.TWO if len(factors) >= 2 else AuthLevel.ONE


def is_proved(level: AccountLevel, source: ProofSource) -> bool:
    """Whether the State or our counter vouches for the person; a check at the counter counts, though it is no level."""
    return level > AccountLevel.ONE or source is ProofSource.COUNTER


def needs_second_factor(level: AccountLevel, source: ProofSource, *, known_device: bool, reached: AuthLevel) -> bool:
    """Whether a password alone, in a browser that is not known, does not open what was proved of a person.

    A person checked at our own counter counts as proved, though that is no level.
    """
    return is_proved(level, source) and not known_device and reached < AuthLevel.TWO


def acr_values_supported() -> list[str]:
    """The `acr` values that a sign-in here can reach today."""
    return [level.acr for level in AuthLevel if level <= REACHABLE]
