"""The one place that draws random values, and the digests under which secrets are kept."""

import hashlib
import secrets
from datetime import datetime
from uuid import UUID

DIGEST_BYTES = 32


def new_id(now: datetime) -> UUID:
    """A UUIDv7 (RFC 9562 5.7) of the moment `now`: ids sort by time, and partitions are cut by them."""
    milliseconds = int(now.timestamp() * 1000)
    drawn = secrets.token_bytes(10)
    value = milliseconds << 80 | int.from_bytes(drawn, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def new_secret() -> str:
    """256 bits of chance in 43 base64url characters."""
    return secrets.token_urlsafe(32)


def new_bytes(count: int) -> bytes:
    return secrets.token_bytes(count)


def digest(secret: str) -> bytes:
    """SHA-256 of a random secret: what is stored instead of it (never for passwords)."""
    return hashlib.sha256(secret.encode()).digest()


def equal(one: bytes, other: bytes) -> bool:
    """Whether two digests are equal, in constant time."""
    return secrets.compare_digest(one, other)
