"""What another party's JWT says, read once and strictly: an object, of this depth, in which no name stands twice.

RFC 7515 4 and RFC 7519 4 let a reader refuse a name that stands twice; whoever takes the first and whoever takes the
last of them would believe different things. Libraries take the last.
"""

import json
from base64 import urlsafe_b64decode
from typing import Any

from idp.runtime.data_keys import Unsealable


def check_token(token: str) -> None:
    """Refuse a compact JWT whose header or claims are no such object; raises Unsealable. Signatures are not judged."""
    parts = token.split(".")
    if len(parts) != 3:
        raise Unsealable
    for part in parts[:2]:
        read_part(part)


def read_part(part: str) -> dict[str, Any]:
    """One part of a token as the object that it must be; raises Unsealable."""
    try:
        read = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise Unsealable from None
    if not isinstance(read, dict):
        raise Unsealable
    return read


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError
    return read
