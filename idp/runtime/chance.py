"""The one place that draws random values, and the digests under which secrets are kept."""

import hashlib
import os
import random
import secrets
from datetime import datetime
from threading import Lock
from uuid import UUID

DIGEST_BYTES = 32
# Of the 74 free bits the first stays clear, so that steps within a millisecond never run over.
_DRAWN_BITS = 73
_STEP_BITS = 32


class _Last:
    milliseconds = -1
    drawn = 0


# Not for secrets: a name of 64 bits, drawn without asking the system.
_names = random.Random(os.urandom(32))  # noqa: S311
_last = _Last()
_lock = Lock()


def new_id(now: datetime) -> UUID:
    """A UUIDv7 (RFC 9562 5.7) of the moment `now`: ids sort by time, and partitions are cut by them.

    Of two ids that one process makes in the same millisecond the later is the greater (6.2, method 2).
    """
    milliseconds = int(now.timestamp() * 1000)
    drawn = secrets.randbits(_DRAWN_BITS)
    with _lock:
        if milliseconds == _last.milliseconds:
            drawn = _last.drawn + 1 + (drawn >> _DRAWN_BITS - _STEP_BITS)
        _last.milliseconds, _last.drawn = milliseconds, drawn
    upper, lower = drawn >> 62, drawn & (1 << 62) - 1
    return UUID(int=milliseconds << 80 | 0x7 << 76 | upper << 64 | 0x2 << 62 | lower)


def new_secret() -> str:
    """256 bits of chance in 43 base64url characters."""
    return secrets.token_urlsafe(32)


def new_digits(count: int) -> str:
    """A code for people to type: so many digits, each as likely as any other."""
    return f"{secrets.randbelow(10**count):0{count}}"


def new_bytes(count: int) -> bytes:
    return os.urandom(count)


def new_reference() -> str:
    """16 hexadecimal digits to find a request by: no secret, and no two alike in any one log."""
    return f"{_names.getrandbits(64):016x}"


def digest(secret: str) -> bytes:
    """SHA-256 of a random secret: what is stored instead of it (never for passwords)."""
    return hashlib.sha256(secret.encode()).digest()


def equal(one: bytes, other: bytes) -> bool:
    """Whether two digests are equal, in constant time."""
    return secrets.compare_digest(one, other)
