"""The answer to an authorization request on its way to the service: by which mode, and with what every answer has.

RFC 6749 4.1.2 and 4.1.2.1, RFC 9207 2, Session Management 1.0 2.
"""

from collections.abc import Mapping

from idp.protocol import response_modes, session_management
from idp.protocol.authorize import AuthorizationRequest, Back, RefusedAtService
from idp.protocol.response_modes import Sent
from idp.protocol.server import Server


def success(server: Server, asked: AuthorizationRequest, said: Mapping[str, str | None], browser_state: str) -> Sent:
    """The answer on its way to the service."""
    return _send(server, asked.back, said, browser_state)


def refusal(server: Server, refused: RefusedAtService, browser_state: str) -> Sent:
    """A refusal on its way to the service (RFC 6749 4.1.2.1)."""
    said = {"error": refused.error, "error_description": refused.description}
    return _send(server, refused.back, said, browser_state)


def _send(server: Server, back: Back, said: Mapping[str, str | None], browser_state: str) -> Sent:
    """With `state`, with what the browser's session is known by (Session Management 2), with `iss` (RFC 9207 2)."""
    known_by = session_management.session_state(back.client_id, back.redirect_uri, browser_state)
    everything = {**said, "state": back.state, "session_state": known_by}
    return response_modes.send(server.runtime.settings.issuer, back.redirect_uri, back.mode, everything)
