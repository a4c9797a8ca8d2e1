"""What a person may prove oneself with beside a password, and what each is worth (RFC 8176 names, RFC 6238, WebAuthn).

A passkey is user-verified always: what one has, and what its device checked of its holder.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from idp.domain.identifiers import ContactKind
from idp.domain.levels import AuthLevel, auth_level


class Way(StrEnum):
    """A second factor, as the page of the second step names it."""

    PASSKEY = "passkey"
    TOTP = "totp"
    SMS = "sms"
    EMAIL = "email"
    RECOVERY_CODE = "recovery_code"
    COUNTER_CODE = "counter_code"


METHODS: Final = {
    Way.PASSKEY: ("swk", "mfa"),
    Way.TOTP: ("otp",),
    Way.SMS: ("sms",),
    Way.EMAIL: ("otp",),
    Way.RECOVERY_CODE: ("otp",),
    Way.COUNTER_CODE: ("otp",),
}
# A passkey that stays in the one device it was made in.
DEVICE_BOUND: Final = ("hwk", "mfa")
BY_CONTACT: Final = {Way.SMS: ContactKind.PHONE, Way.EMAIL: ContactKind.EMAIL}
RECOVERY_CODES: Final = 10
RECOVERY_DIGITS: Final = 10
MOST_OF_A_KIND: Final = 10


def amr(before: Collection[str], new: Collection[str]) -> tuple[str, ...]:
    """The methods of a sign-in after one more step, each once; `mfa` after them when they are of two factors."""
    methods = tuple(dict.fromkeys((*before, *new)))
    plain = tuple(method for method in methods if method != "mfa")
    return (*plain, "mfa") if auth_level(methods) >= AuthLevel.TWO else plain


def read_code(text: str) -> str:
    """The digits of a typed code, as printed in groups or not."""
    return "".join(character for character in text if character.isdecimal())[:32]


def written(code: str) -> str:
    """A recovery code as it is printed: 12345 67890."""
    return f"{code[:5]} {code[5:]}"
