"""What a token request is answered with: access token, ID token, refresh token.

OIDC Core 2, 3.1.3.3, 3.1.3.6, 12.2; RFC 6749 5.1. Access and refresh tokens are sealed references to the grant.
"""

from datetime import datetime, timedelta
from typing import Any

from idp import storage
from idp.domain import claims
from idp.domain.grants import Code, Token, TokenKind
from idp.domain.levels import AuthLevel
from idp.domain.relying_services import RelyingService
from idp.protocol import access_token, encrypting
from idp.protocol.answers import Asked
from idp.protocol.server import Server
from idp.runtime.keyring import half_hash
from idp.runtime.runtime import Runtime
from idp.storage.grants import Held, Times


def times(runtime: Runtime) -> Times:
    sessions = runtime.settings.sessions
    return Times(
        now=runtime.clock.now(),
        idle_for=timedelta(seconds=sessions.idle_for),
        touch_every=timedelta(seconds=sessions.touch_every),
    )


def grant_ends_at(runtime: Runtime, code: Code) -> Any:
    """When the grant of this code ends for good: fixed at its birth, whatever is refreshed."""
    tokens = runtime.settings.tokens
    return code.issued_at + timedelta(seconds=tokens.offline_grant_for if code.offline else tokens.grant_for)


def find_guard(server: Server, asked: Asked, granted: str | None, caller: RelyingService) -> RelyingService | None:
    """Who guards the interface a token is wanted for: the one of the sign-in, and no other (RFC 8707 2.2).

    Asked before anything is spent: what is refused here is as good as before.
    """
    named = [value for name, value in asked.pairs if name == "resource"]
    if any(value != granted for value in named):
        raise access_token.InvalidTarget(description="resource is not the one the sign-in was for (RFC 8707 2.2)")
    return access_token.find_guard(server, granted, caller)


def token_response(
    tx: storage.Tx,
    server: Server,
    service: RelyingService,
    held: Held,
    scopes: tuple[str, ...],
    *,
    nonce: str | None,
    guard: RelyingService | None,
) -> dict[str, Any]:
    """The successful answer; a service registered for refresh_token always gets one."""
    runtime, grant, now = server.runtime, held.grant, server.runtime.clock.now()
    issued = access_token_for(tx, server, service, held, scopes, guard=guard, now=now)
    body: dict[str, Any] = {
        "access_token": issued.text,
        "token_type": "Bearer",
        "expires_in": int((issued.expires_at - now).total_seconds()),
        "scope": " ".join(scopes),
        "id_token": id_token(server, service, held, beside=issued.text, nonce=nonce),
    }
    if service.may_use_grant("refresh_token"):
        # The next token keeps the whole scope: a narrowed refresh narrows its access token alone (RFC 6749 6).
        refresh = Token(
            TokenKind.REFRESH, grant.id, service.id, grant.scopes, grant.generation, grant.expires_at, grant.resource
        )
        body["refresh_token"] = access_token.seal(runtime, refresh)
    return body


def access_token_for(
    tx: storage.Tx,
    server: Server,
    service: RelyingService,
    held: Held,
    scopes: tuple[str, ...],
    *,
    guard: RelyingService | None,
    now: datetime,
) -> access_token.Issued:
    """An access token of this grant, which ends with it at the latest."""
    runtime, grant = server.runtime, held.grant
    ends_at = min(now + timedelta(seconds=runtime.settings.tokens.access_token_for), grant.expires_at)
    token = Token(TokenKind.ACCESS, grant.id, service.id, scopes, grant.generation, ends_at, grant.resource)
    return access_token.issue(server, service, token, guard, now=now, person=_person(tx, server, guard, held))


def _person(tx: storage.Tx, server: Server, guard: RelyingService | None, held: Held) -> dict[str, Any] | None:
    """Only a signed token says who the person is; a sealed one is asked about (RFC 7662)."""
    if guard is None or guard.resource_token_format != "jwt":
        return None
    override = storage.grants.find_sub_override(tx, guard.sector, held.grant.subject_id)
    return access_token.person_claims(server, guard, held, override)


def id_token(
    server: Server,
    service: RelyingService,
    held: Held,
    *,
    beside: str | None,
    nonce: str | None,
    code: str | None = None,
) -> str:
    """The ID token: this sign-in as it was, and what is proved of the person now; facts only where `claims` asked.

    `beside` is the access token that goes with it, for at_hash; `code` the code, for c_hash (3.3.2.11).
    """
    runtime, grant, alg = server.runtime, held.grant, service.id_token_signed_response_alg
    now = runtime.clock.now()
    said: dict[str, Any] = {
        **claims.release(held.profile, claims.from_bits(grant.id_token_bits), service),
        "iss": runtime.settings.issuer,
        "sub": server.sub_of(service, grant.subject_id, held.sub),
        "aud": service.client_id,
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + runtime.settings.tokens.id_token_for,
        "auth_time": int(grant.auth_time.timestamp()),
        "acr": AuthLevel(grant.auth_level).acr,
        "amr": list(grant.amr),
        "account_level": int(held.account_level),
        "proof_source": held.profile.proof_source.value,
        "sid": runtime.keyring.pairwise_sid(service.sector, grant.session_id),
    }
    if nonce is not None:
        said["nonce"] = nonce
    if beside is not None:
        said["at_hash"] = half_hash(alg, beside)
    if code is not None:
        said["c_hash"] = half_hash(alg, code)
    return encrypting.encrypt_id_token(server, service, runtime.keyring.sign(alg, said))
