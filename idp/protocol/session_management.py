"""Whether a browser's sign-in is still the one a service knows (OpenID Connect Session Management 1.0 2, 3.2, 4.2).

The browser's state is a digest of its session, in a cookie that the provider's frame reads; of nobody's session it is
empty. A service learns a digest of it that only this browser, at this service's origin, can make again.
"""

import base64
from hashlib import sha256
from urllib.parse import urlsplit
from uuid import UUID

from idp.domain.relying_services import origin_of
from idp.runtime import chance
from idp.runtime.keyring import Keyring


def browser_state(keyring: Keyring, session_id: UUID | None) -> str:
    """What the cookie of a browser holds; it tells nothing of the session, and changes with it."""
    return "" if session_id is None else keyring.browser_state(session_id)


def session_state(client_id: str, redirect_uri: str, state: str) -> str | None:
    """What goes with an answer to a service; None for an address without an origin, which no frame stands at."""
    parts = urlsplit(redirect_uri)
    if parts.scheme not in ("https", "http"):
        return None
    salt = chance.new_reference()
    digest = sha256(f"{client_id} {origin_of(parts)} {state} {salt}".encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() + f".{salt}"
