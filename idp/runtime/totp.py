"""Codes of authenticator apps (RFC 6238): a new secret, its address for an app, and which time step a code is of."""

from datetime import datetime
from typing import Final

import pyotp

from idp.runtime import chance

STEP: Final = 30
# An app's clock may differ by one step (RFC 6238 5.2).
WINDOW: Final = 1


def new_secret() -> str:
    """160 bits in base32, as apps take them."""
    return str(pyotp.random_base32())


def address_of(secret: str, *, name: str, issuer: str) -> str:
    """The otpauth address by which an app takes the secret."""
    return str(pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer))


def code_at(secret: str, now: datetime) -> str:
    """What an app with this secret shows."""
    return str(pyotp.TOTP(secret).generate_otp(int(now.timestamp()) // STEP))


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """The time step that a code is of, around `now`; None for a wrong one."""
    at = int(now.timestamp()) // STEP
    app = pyotp.TOTP(secret)
    found = None
    for step in range(at - WINDOW, at + WINDOW + 1):  # each is compared, so that time tells nothing
        if chance.equal(app.generate_otp(step).encode(), code.encode()):
            found = step
    return found
