"""Access tokens: sealed references for this provider and most interfaces, signed JWTs where those are registered.

RFC 9068 (JWT access tokens, five minutes at most), RFC 8707 (one token, one interface, for the callers that its guard
names), RFC 6750. A token for another service's interface carries the `sub` of that service's sector, so that
interfaces cannot match people across sectors. The `jti` of a signed token is a sealed reference too, by which it is
asked about and given back like the others.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from authlib.oauth2.rfc6749.errors import OAuth2Error

from idp import storage
from idp.domain.grants import Token, TokenKind, Unreadable
from idp.domain.levels import AuthLevel
from idp.domain.relying_services import RelyingService
from idp.protocol.server import Server
from idp.runtime.data_keys import Unsealable
from idp.runtime.runtime import Runtime

JWT_TYPE: Final = "at+jwt"
JWT_FOR: Final = timedelta(minutes=5)
LONGEST: Final = 4096
_JTI: Final = JWT_TYPE.encode()


class InvalidTarget(OAuth2Error):
    """RFC 8707 2."""

    error = "invalid_target"


@dataclass(frozen=True, slots=True)
class Issued:
    """An access token as it is handed out, and when it ends."""

    text: str
    expires_at: datetime


def find_guard(server: Server, resource: str | None, caller: RelyingService) -> RelyingService | None:
    """The service whose interface a token is for; None for a token of this provider alone.

    Raises InvalidTarget where nobody guards it, or its guard does not let the caller in.
    """
    if resource is None:
        return None
    guard = server.registry.find_by_resource(resource)
    if guard is None or not guard.is_active:
        raise InvalidTarget(description="resource is not registered here (RFC 8707 2)")
    if not guard.lets_in(caller):
        raise InvalidTarget(description="the service is not among the callers of this resource (RFC 8707 2)")
    return guard


def issue(
    server: Server,
    service: RelyingService,
    token: Token,
    guard: RelyingService | None,
    *,
    now: datetime,
    person: dict[str, Any] | None = None,
) -> Issued:
    """Seal or sign a token. `person` holds sub, auth_time, acr and amr as the interface may know them."""
    if guard is None or guard.resource_token_format != "jwt":
        return Issued(seal(server.runtime, token), token.expires_at)
    expires_at = min(token.expires_at, now + JWT_FOR)
    claims: dict[str, Any] = {
        "iss": server.runtime.settings.issuer,
        "aud": token.resource,
        "client_id": service.client_id,
        "iat": int(now.timestamp()),
        "exp": int(expires_at.timestamp()),
        "jti": _seal_jti(server.runtime, token),
        "scope": " ".join(token.scopes),
        **(person or {"sub": service.client_id}),
    }
    return Issued(server.runtime.keyring.sign("ES256", claims, typ=JWT_TYPE), expires_at)


def person_claims(server: Server, guard: RelyingService, held: storage.grants.Held, sub: str | None) -> dict[str, Any]:
    """The person of a grant as the guard of an interface may know it (RFC 9068 2.2)."""
    grant = held.grant
    return {
        "sub": server.sub_of(guard, grant.subject_id, sub),
        "auth_time": int(grant.auth_time.timestamp()),
        "acr": AuthLevel(grant.auth_level).acr,
        "amr": list(grant.amr),
    }


def seal(runtime: Runtime, token: Token) -> str:
    return runtime.keyring.seal_text("token", token.pack(), token.kind.encode())


def recognise(runtime: Runtime, text: str) -> Token | None:
    """What any token says, sealed or signed, if it is ours and not expired; whether it lives, storage knows."""
    if text.count(".") != 2:
        return unseal(runtime, text, TokenKind.ACCESS, TokenKind.MACHINE, TokenKind.REFRESH)
    return _unexpired(runtime, _read_signed(runtime, text))


def unseal(runtime: Runtime, text: str, *kinds: TokenKind) -> Token | None:
    """What a token says, if it is ours, of one of these kinds and not expired; whether it lives, storage knows."""
    return _unexpired(runtime, unseal_of_any_age(runtime, text, *kinds))


def unseal_of_any_age(runtime: Runtime, text: str, *kinds: TokenKind) -> Token | None:
    """What a token says, if it is ours and of one of these kinds; expired or not."""
    if len(text) > LONGEST:
        return None
    for kind in kinds:
        try:
            token = Token.unpack(runtime.keyring.open_text("token", text, kind.encode()))
        except (Unsealable, Unreadable):
            continue
        if token.kind is kind:
            return token
    return None


def _unexpired(runtime: Runtime, token: Token | None) -> Token | None:
    return token if token is not None and runtime.clock.now() < token.expires_at else None


def _seal_jti(runtime: Runtime, token: Token) -> str:
    """A reference that is never the same: what of the token stands nowhere else among its claims."""
    return runtime.keyring.seal_text("token", token.kind.encode() + token.grant_id.bytes + token.service_id.bytes, _JTI)


def _read_signed(runtime: Runtime, text: str) -> Token | None:
    """What a JWT access token says (RFC 9068), expired or not; None for what was not signed here as one."""
    if len(text) > LONGEST:
        return None
    try:
        said = runtime.keyring.read_own(text, typ=JWT_TYPE)
        opened = runtime.keyring.open_text("token", said["jti"], _JTI)
    except Unsealable:
        return None
    return Token(
        kind=TokenKind(opened[:1].decode()),
        grant_id=UUID(bytes=opened[1:17]),
        service_id=UUID(bytes=opened[17:]),
        scopes=tuple(said["scope"].split()),
        generation=0,
        expires_at=datetime.fromtimestamp(said["exp"], UTC),
        resource=said["aud"],
    )
