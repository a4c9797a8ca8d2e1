"""What the picture on another screen says: which screen, and in which half minute it was shown."""

from typing import Final
from uuid import UUID

from idp.runtime.data_keys import Unsealable
from idp.runtime.keyring import Keyring

_ID: Final = 16
LONGEST: Final = 200


def seal(keyring: Keyring, screen_id: UUID, slot: int) -> str:
    return keyring.seal_text("screen code", screen_id.bytes + slot.to_bytes(6, "big"))


def open_(keyring: Keyring, code: str) -> tuple[UUID, int] | None:
    """The screen and the slot of a code; None for any other text."""
    if not code or len(code) > LONGEST:
        return None
    try:
        opened = keyring.open_text("screen code", code)
    except (Unsealable, ValueError):
        return None
    return UUID(bytes=opened[:_ID]), int.from_bytes(opened[_ID:], "big")
