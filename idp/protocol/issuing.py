"""What a token request is answered with: access token, ID token, refresh token.

OIDC Core 2, 3.1.3.3, 3.1.3.6, 12.2; RFC 6749 5.1. Access and refresh tokens are sealed references to the grant.
"""

from datetime import timedelta
from typing import Any

from idp.domain import claims
from idp.domain.grants import Code, Token, TokenKind, Unreadable
from idp.domain.levels import AuthLevel
from idp.domain.relying_services import RelyingService
from idp.protocol.server import Server
from idp.runtime.data_keys import Unsealable
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


def token_response(
    server: Server, service: RelyingService, held: Held, scopes: tuple[str, ...], *, nonce: str | None
) -> dict[str, Any]:
    """The successful answer; a service registered for refresh_token always gets one."""
    runtime, grant = server.runtime, held.grant
    now = runtime.clock.now()
    expires_at = min(now + timedelta(seconds=runtime.settings.tokens.access_token_for), grant.expires_at)
    access = Token(TokenKind.ACCESS, grant.id, service.id, scopes, grant.generation, expires_at)
    access_token = seal_token(runtime, access)
    body: dict[str, Any] = {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": int((expires_at - now).total_seconds()),
        "scope": " ".join(scopes),
        "id_token": id_token(server, service, held, access_token=access_token, nonce=nonce),
    }
    if service.may_use_grant("refresh_token"):
        # The next token keeps the whole scope: a narrowed refresh narrows its access token alone (RFC 6749 6).
        refresh = Token(TokenKind.REFRESH, grant.id, service.id, grant.scopes, grant.generation, grant.expires_at)
        body["refresh_token"] = seal_token(runtime, refresh)
    return body


def id_token(
    server: Server, service: RelyingService, held: Held, *, access_token: str | None, nonce: str | None
) -> str:
    """The ID token: this sign-in as it was, whenever it is told; facts of the person only where `claims` asked."""
    runtime, grant = server.runtime, held.grant
    now = runtime.clock.now()
    said: dict[str, Any] = {
        **claims.release(held.profile, claims.from_bits(grant.id_token_bits), service),
        "iss": runtime.settings.issuer,
        "sub": held.sub or runtime.keyring.pairwise_sub(service.sector, grant.subject_id),
        "aud": service.client_id,
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + runtime.settings.tokens.id_token_for,
        "auth_time": int(grant.auth_time.timestamp()),
        "acr": AuthLevel(grant.auth_level).acr,
        "amr": list(grant.amr),
        "sid": runtime.keyring.pairwise_sid(service.sector, grant.session_id),
    }
    if nonce is not None:
        said["nonce"] = nonce
    if access_token is not None:
        said["at_hash"] = half_hash(access_token)
    return runtime.keyring.sign(service.id_token_signed_response_alg, said)


def seal_token(runtime: Runtime, token: Token) -> str:
    return runtime.keyring.seal_text("token", token.pack(), token.kind.encode())


def open_token(runtime: Runtime, text: str, kind: TokenKind) -> Token | None:
    """What a token says, if it is ours, of this kind and not expired; whether it lives, storage knows."""
    if len(text) > 2000:
        return None
    try:
        token = Token.unpack(runtime.keyring.open_text("token", text, kind.encode()))
    except (Unsealable, Unreadable):
        return None
    return token if token.kind is kind and runtime.clock.now() < token.expires_at else None
