"""Codes of authenticator apps (RFC 6238): a new secret, the picture an app reads, and which time step a code is of."""

import io
from datetime import datetime
from typing import Final

import pyotp
import segno

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


def picture_of(text: str) -> str:
    """A QR code as an SVG element, dark on light whatever the scheme of the page, which says beside it what it is."""
    drawn = io.BytesIO()
    segno.make(text, error="m").save(
        drawn, kind="svg", xmldecl=False, svgns=True, scale=4, border=4, dark="#000", light="#fff", omitsize=True
    )
    return drawn.getvalue().decode().replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """The time step that a code is of, around `now`; None for a wrong one."""
    at = int(now.timestamp()) // STEP
    app = pyotp.TOTP(secret)
    found = None
    for step in range(at - WINDOW, at + WINDOW + 1):  # each is compared, so that time tells nothing
        if chance.equal(app.generate_otp(step).encode(), code.encode()):
            found = step
    return found
