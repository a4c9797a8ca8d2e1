"""Tokens in the links of mails: whose account, for which deed, and when they were made. They open a page, no more."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from idp.runtime.data_keys import Unsealable
from idp.runtime.runtime import Runtime

GOOD_FOR: Final = timedelta(days=8)
_ID: Final = 16
LONGEST: Final = 400


def seal(runtime: Runtime, deed: str, subject_id: UUID) -> str:
    at = int(runtime.clock.now().timestamp())
    return runtime.keyring.seal_text("mail", subject_id.bytes + at.to_bytes(6, "big"), deed.encode())


def open_(runtime: Runtime, deed: str, token: str) -> UUID | None:
    """Whose account a token of this deed is about; None for any other text, and for one that is too old."""
    if len(token) > LONGEST:
        return None
    try:
        opened = runtime.keyring.open_text("mail", token, deed.encode())
    except (Unsealable, ValueError):
        return None
    age = runtime.clock.now().timestamp() - int.from_bytes(opened[_ID:], "big")
    return UUID(bytes=opened[:_ID]) if 0 <= age <= GOOD_FOR.total_seconds() else None
