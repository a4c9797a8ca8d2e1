"""The userinfo endpoint: the facts a service may read, as they stand now (OIDC Core 5.3; RFC 6750)."""

from dataclasses import dataclass

import orjson
from authlib.oauth2.rfc6749.errors import OAuth2Error

from idp import storage
from idp.domain import claims
from idp.domain.grants import Token, TokenKind
from idp.domain.relying_services import RelyingService
from idp.protocol import access_token, encrypting, issuing
from idp.protocol.answers import NO_STORE, Answer, Asked, error_answer, json_answer, repeated
from idp.protocol.server import Server


@dataclass(frozen=True, slots=True)
class Read:
    """A token that was made here for a service that is active; whether it lives, storage knows."""

    token: Token
    service: RelyingService


def read(server: Server, asked: Asked) -> Read | Answer:
    """The token of a userinfo request: in the Authorization header, or alone in a form body (RFC 6750 2)."""
    server.recall()
    try:
        text = _bearer(asked)
    except _Malformed as malformed:
        return _refused(server, 400, "invalid_request", str(malformed))
    if text is None:
        # RFC 6750 3.1: a request without any authentication is told nothing but how to authenticate.
        challenge = {"WWW-Authenticate": f'Bearer realm="{server.runtime.settings.issuer}"'}
        return Answer(401, b"", {**NO_STORE, **challenge})
    token = access_token.unseal_of_any_age(server.runtime, text, TokenKind.ACCESS)
    if token is not None and token.resource is not None:
        token = None  # it was made for another interface (RFC 8707 2)
    service = server.registry.find(token.service_id) if token else None
    if token is None or service is None or not service.is_active:
        return _invalid(server)
    if token.expires_at <= server.runtime.clock.now():
        # The service's own page must be able to read that its token is over, or it cannot sign in anew.
        return _invalid(server).readable_from(service)
    try:
        encrypting.find_key(server, service, service.userinfo_encrypted_response_alg)
    except OAuth2Error as error:
        return server.refuse(error).readable_from(service)
    return Read(token, service)


def answer(tx: storage.Tx, server: Server, read: Read) -> Answer:
    """What the service may read of the person, if the sign-in lives."""
    runtime, token, service = server.runtime, read.token, read.service
    held = storage.grants.find_live(
        tx, runtime.keyring, token.grant_id, sector=service.sector, times=issuing.times(runtime)
    )
    if held is None:
        return _invalid(server).readable_from(service)
    permitted = {name for scope in token.scopes for name in claims.SCOPE_CLAIMS.get(scope, ())}
    by_scope_before = {name for scope in held.grant.scopes for name in claims.SCOPE_CLAIMS.get(scope, ())}
    names = claims.from_bits(held.grant.userinfo_bits) - (by_scope_before - permitted)
    sub = server.sub_of(service, held.grant.subject_id, held.sub)
    said = {**claims.release(held.profile, names, service), "sub": sub}
    if "dvcqg" in token.scopes:
        said |= claims.national_portal_claims(said, sub)
    if service.userinfo_signed_response_alg is None and service.userinfo_encrypted_response_alg is None:
        return json_answer(200, said).readable_from(service)
    text = _protected(server, service, said)
    return Answer(200, text.encode(), {**NO_STORE, "Content-Type": "application/jwt"}).readable_from(service)


def _protected(server: Server, service: RelyingService, said: dict[str, object]) -> str:
    """Signed, encrypted, or both, as the service registered; signed, it says who made it and for whom (5.3.2)."""
    alg = service.userinfo_signed_response_alg
    if alg is None:
        return encrypting.encrypt_userinfo(server, service, orjson.dumps(said).decode(), is_jwt=False)
    named = {**said, "iss": server.runtime.settings.issuer, "aud": service.client_id}
    return encrypting.encrypt_userinfo(server, service, server.runtime.keyring.sign(alg, named), is_jwt=True)


class _Malformed(Exception):
    pass


def _bearer(asked: Asked) -> str | None:
    form = dict(asked.pairs)
    if repeated(asked.pairs):
        raise _Malformed("a parameter stands more than once (RFC 6750 2.2)")
    in_header = None
    if asked.authorization is not None:
        scheme, _, in_header = asked.authorization.partition(" ")
        if scheme.lower() != "bearer" or not in_header.strip():
            raise _Malformed("the Authorization header carries no bearer token (RFC 6750 2.1)")
    in_form = form.get("access_token")
    if in_header is not None and in_form is not None:
        raise _Malformed("the token was sent in more than one way (RFC 6750 2)")
    return in_header.strip() if in_header is not None else in_form


def _invalid(server: Server) -> Answer:
    return _refused(
        server, 401, "invalid_token", "the access token is not good, or its sign-in has ended (RFC 6750 3.1)"
    )


def _refused(server: Server, status: int, error: str, description: str) -> Answer:
    challenge = f'Bearer realm="{server.runtime.settings.issuer}", error="{error}", error_description="{description}"'
    return error_answer(status, error, description, {**NO_STORE, "WWW-Authenticate": challenge})
