"""The answer to an authorization request on its way to the service: by which mode, and with what every answer has.

RFC 6749 4.1.2 and 4.1.2.1, RFC 9207 2, Session Management 1.0 2.
"""

from collections.abc import Mapping
from uuid import UUID

from idp.protocol import response_modes, session_management
from idp.protocol.authorize import AuthorizationRequest, Back, RefusedAtService
from idp.protocol.response_modes import Sent
from idp.protocol.server import Server


def success(
    server: Server, asked: AuthorizationRequest, said: Mapping[str, str | None], session_id: UUID | None
) -> Sent:
    """The answer on its way to the service."""
    return _send(server, asked.back, said, session_id)


def refusal(server: Server, refused: RefusedAtService, session_id: UUID | None) -> Sent:
    """A refusal on its way to the service (RFC 6749 4.1.2.1)."""
    said = {"error": refused.error, "error_description": refused.description}
    return _send(server, refused.back, said, session_id)


def _send(server: Server, back: Back, said: Mapping[str, str | None], session_id: UUID | None) -> Sent:
    """With `state`, with what the browser's session is known by (Session Management 2), with `iss` (RFC 9207 2)."""
    browser_state = session_management.browser_state(server.runtime.keyring, session_id)
    known_by = session_management.session_state(back.client_id, back.redirect_uri, browser_state)
    everything = {**said, "state": back.state, "session_state": known_by}
    return response_modes.send(server.runtime.settings.issuer, back.redirect_uri, back.mode, everything)
