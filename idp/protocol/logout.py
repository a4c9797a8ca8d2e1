"""What a service asks when it sends a person here to sign out (OpenID Connect RP-Initiated Logout 1.0)."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from idp.domain.refusals import Refusal
from idp.domain.relying_services import RelyingService
from idp.protocol.answers import Pairs, repeated
from idp.protocol.authorize import LONGEST_STATE, OF_ID_TOKENS_ALONE
from idp.protocol.server import Server
from idp.runtime.data_keys import Unsealable
from idp.storage.sessions import SignedIn


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """A logout request. `redirect_to` is set only where the specification permits going there.

    `hinted_sid` is the session of the ID token given as hint, None without a hint that is ours. `fault` says what was
    wrong with the request, to its service's developer: the person stays here.
    """

    service: RelyingService | None
    hinted_sid: str | None
    hinted_sub: str | None
    redirect_to: str | None
    fault: str | None = None

    def is_of(self, server: Server, signed_in: SignedIn, sub: str) -> bool:
        """Whether the hint names just this session of this person, so that nobody needs to be asked."""
        if self.service is None or self.hinted_sid is None:
            return False
        sid = server.runtime.keyring.pairwise_sid(self.service.sector, signed_in.session.id)
        return self.hinted_sid == sid and self.hinted_sub == sub


def read(server: Server, pairs: Pairs) -> LogoutRequest:
    """Check a logout request (2, 3, 4).

    A hint that is not ours counts as none: the person is asked, and nobody is redirected. Raises Refusal where
    parameters stand twice or contradict each other.
    """
    if repeated(pairs):
        raise Refusal("logout_malformed", "a parameter stands more than once (RFC 6749 3.1)")
    given = {name: value for name, value in pairs if value != ""}
    hint = _read_hint(server, given.get("id_token_hint"))
    client_id = given.get("client_id")
    if hint and client_id and hint.get("aud") != client_id:
        raise Refusal("logout_malformed", "client_id is not the audience of id_token_hint (RP-Initiated Logout 2)")
    named = client_id or (str(hint["aud"]) if hint else None)
    service = server.registry.find_by_client_id(named) if named else None
    if service is not None and not service.is_active:
        service = None
    fault = _fault_of(service, given, is_bad_hint="id_token_hint" in given and not hint)
    return LogoutRequest(
        service=service,
        hinted_sid=str(hint["sid"]) if hint and "sid" in hint else None,
        hinted_sub=str(hint["sub"]) if hint else None,
        redirect_to=None if fault else _redirect_to(service, given),
        fault=fault,
    )


def _fault_of(service: RelyingService | None, given: dict[str, str], *, is_bad_hint: bool) -> str | None:
    """What makes it a request that nobody is redirected by (2, 3)."""
    if is_bad_hint:
        return "id_token_hint is not an ID token that was made here (RP-Initiated Logout 4)"
    wanted = given.get("post_logout_redirect_uri")
    if wanted and service is not None and not service.has_post_logout_redirect_uri(wanted):
        return "post_logout_redirect_uri is not one of the registered ones (RP-Initiated Logout 3)"
    if wanted and service is None:
        return "post_logout_redirect_uri needs an id_token_hint or a client_id beside it (RP-Initiated Logout 2)"
    return None


def _read_hint(server: Server, token: str | None) -> dict[str, Any] | None:
    """The claims of an ID token made here, expired or not (2); an access or logout token is not one."""
    if token is None:
        return None
    try:
        said = server.runtime.keyring.read_own(token, having=OF_ID_TOKENS_ALONE)
    except Unsealable:
        return None
    return said if said.get("iss") == server.runtime.settings.issuer and isinstance(said.get("aud"), str) else None


def _redirect_to(service: RelyingService | None, given: dict[str, str]) -> str | None:
    """The registered address, character by character, with the state it came with (3)."""
    wanted = given.get("post_logout_redirect_uri")
    if service is None or not wanted or not service.has_post_logout_redirect_uri(wanted):
        return None
    state = given.get("state")
    if state is None or len(state) > LONGEST_STATE:
        return wanted
    return f"{wanted}{'&' if '?' in wanted else '?'}{urlencode({'state': state})}"
