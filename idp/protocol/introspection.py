"""Introspection: what a token is good for, told only to its owner and to the guard of its interface.

RFC 7662; as a signed JWT by RFC 9701. Anybody else, and any token that does not live, gets `active: false` and no more.
"""

from dataclasses import dataclass
from typing import Any, Final

from authlib.oauth2.rfc6749.errors import InvalidClientError, OAuth2Error

from idp import storage
from idp.domain.grants import Token, TokenKind
from idp.domain.relying_services import RelyingService
from idp.protocol import access_token, client_auth, issuing, presented_token
from idp.protocol.answers import NO_STORE, Answer, Asked, json_answer
from idp.protocol.client_auth import Proof
from idp.protocol.server import Server

JWT_MEDIA_TYPE: Final = "application/token-introspection+jwt"
INACTIVE: Final[dict[str, Any]] = {"active": False}


@dataclass(frozen=True, slots=True)
class Read:
    """A question by a service that proved itself; `token` and `owner` are None where the answer is no already."""

    proof: Proof
    wants_jwt: bool
    token: Token | None = None
    owner: RelyingService | None = None


def read(server: Server, asked: Asked) -> Read | Answer:
    """Who asks about what, before a connection is taken."""
    presented = presented_token.read(server, asked)
    if isinstance(presented, Answer):
        return presented
    proof, token = presented.proof, presented.token
    if proof.method == "none":
        description = "introspection needs a confidential service (RFC 7662 2.1)"
        return server.refuse(InvalidClientError(description=description, status_code=401))
    wants_jwt = JWT_MEDIA_TYPE in asked.accept
    owner = server.registry.find(token.service_id) if token and _may_ask(proof.service, token) else None
    if token is None or owner is None or not owner.is_active:
        read = Read(proof, wants_jwt)
        return read if proof.jti else _say(server, read, INACTIVE)
    return Read(proof, wants_jwt, token, owner)


def answer(tx: storage.Tx, server: Server, read: Read) -> Answer:
    """What the token is good for now."""
    try:
        client_auth.spend(tx, read.proof)
    except OAuth2Error as error:
        return server.refuse(error)
    return _say(server, read, _describe(tx, server, read))


def _say(server: Server, read: Read, said: dict[str, Any]) -> Answer:
    if not read.wants_jwt:
        return json_answer(200, said)
    caller = read.proof.service
    claims = {
        "iss": server.runtime.settings.issuer,
        "aud": caller.client_id,
        "iat": int(server.runtime.clock.now().timestamp()),
        "token_introspection": said,
    }
    alg = caller.introspection_signed_response_alg
    signed = server.runtime.keyring.sign(alg, claims, typ="token-introspection+jwt")
    return Answer(200, signed.encode(), {**NO_STORE, "Content-Type": JWT_MEDIA_TYPE})


def _describe(tx: storage.Tx, server: Server, read: Read) -> dict[str, Any]:
    token, owner, caller = read.token, read.owner, read.proof.service
    if token is None or owner is None:
        return INACTIVE
    if token.kind is TokenKind.MACHINE:
        found = storage.machine_grants.find_live(tx, token.grant_id, server.runtime.clock.now())
        return INACTIVE if found is None else _said(server, token, owner, {"sub": owner.client_id})
    held = storage.grants.find_live(
        tx, server.runtime.keyring, token.grant_id, sector=caller.sector, times=issuing.times(server.runtime)
    )
    if held is None or (token.kind is TokenKind.REFRESH and token.generation != held.grant.generation):
        return INACTIVE
    return _said(server, token, owner, access_token.person_claims(server, caller, held, held.sub))


def _may_ask(caller: RelyingService, token: Token) -> bool:
    """Its owner, or the guard of the interface it is for; a refresh token is nobody's but its owner's."""
    if caller.id == token.service_id:
        return True
    return token.kind is not TokenKind.REFRESH and token.resource is not None and token.resource in caller.resources


def _said(server: Server, token: Token, owner: RelyingService, about: dict[str, Any]) -> dict[str, Any]:
    return {
        "active": True,
        "iss": server.runtime.settings.issuer,
        "client_id": owner.client_id,
        "scope": " ".join(token.scopes),
        "token_type": "Bearer" if token.kind is not TokenKind.REFRESH else "refresh_token",
        "exp": int(token.expires_at.timestamp()),
        "aud": token.resource or owner.client_id,
        **about,
    }
