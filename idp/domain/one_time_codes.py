"""Codes that are sent to a phone or a mailbox and typed within minutes: what they are for, and how many there may be.

NIST SP 800-63B 3.1.3: short-lived, few tries. A code is bound to the page that asked for it: good for one purpose, one
contact and one sealed page.
"""

from enum import StrEnum
from typing import Final

from idp.domain.identifiers import ContactKind

DIGITS: Final = 6
CONTACT: Final = "code to contact"
CONTACT_TODAY: Final = "code to contact in a day"
NETWORK: Final = "code from network"
SMS_TODAY: Final = "sms today"
SMS_ALARM: Final = "sms today, alarm"
SMS_SPENT: Final = "sms today, spent"


class CodePurpose(StrEnum):
    """What a right code proves, at the page it was sent for."""

    REGISTER = "register"
    SIGN_IN = "sign_in"
    RECOVER = "recover"
    LOCK = "lock"
    ADD_CONTACT = "add_contact"
    COUNTER = "counter"


class NotSent(StrEnum):
    """Why no code went out; none of these says whether there is an account."""

    TOO_MANY = "too_many"
    NO_GATEWAY = "no_gateway"
    SPENT = "spent"


def limits(kind: ContactKind, contact: str, network: str) -> dict[str, str]:
    """What is counted for a code within an hour, by name: the contact it goes to, the network that asks."""
    return {CONTACT: f"{kind}\0{contact}", NETWORK: network}


def limits_of_a_day(kind: ContactKind, contact: str) -> dict[str, str]:
    """What is counted for a code within a day: who guesses sends for one after the other (NIST SP 800-63B 3.2.2)."""
    return {CONTACT_TODAY: f"{kind}\0{contact}"}


def typed_digits(text: str) -> str:
    """What a person typed, without the spaces that a message may show a code with."""
    return "".join(character for character in text if character.isdecimal())[: DIGITS + 1]
