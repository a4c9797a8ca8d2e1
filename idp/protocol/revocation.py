"""Revocation: a service gives a token back, and the sign-in it came from ends at this service (RFC 7009)."""

from dataclasses import dataclass

from authlib.oauth2.rfc6749.errors import OAuth2Error

from idp import storage
from idp.domain.grants import Token, TokenKind
from idp.domain.sessions import EndReason
from idp.protocol import access_token, client_auth
from idp.protocol.answers import NO_STORE, Answer, Asked, error_answer, repeated
from idp.protocol.client_auth import Proof
from idp.protocol.server import Server


@dataclass(frozen=True, slots=True)
class Read:
    """A service that proved itself, and what it gives back: None where that is no token (any more)."""

    proof: Proof
    token: Token | None


def read(server: Server, asked: Asked) -> Read | Answer:
    """Who gives what back, before a connection is taken."""
    if repeated(asked.pairs):
        return error_answer(400, "invalid_request", "a parameter stands more than once (RFC 6749 3.2)")
    try:
        proof = server.prove(asked)
    except OAuth2Error as error:
        return server.refuse(error)
    text = dict(asked.pairs).get("token", "")
    if not text:
        return error_answer(400, "invalid_request", "token is missing (RFC 7009 2.1)")
    kinds = (TokenKind.ACCESS, TokenKind.REFRESH, TokenKind.MACHINE)
    return Read(proof, access_token.unseal(server.runtime, text, *kinds))


def answer(tx: storage.Tx, server: Server, read: Read) -> Answer:
    """End what the token came from. What is no token is answered like one that was revoked (2.2)."""
    service, token = read.proof.service, read.token
    try:
        client_auth.spend(tx, read.proof)
    except OAuth2Error as error:
        return server.refuse(error)
    done = Answer(200, b"", dict(NO_STORE)).readable_from(service)
    if token is None:
        return done
    if token.service_id != service.id:
        foreign = error_answer(400, "invalid_grant", "the token was given to another service (RFC 7009 2.1)")
        return foreign.readable_from(service)
    now = server.runtime.clock.now()
    if token.kind is TokenKind.MACHINE:
        storage.machine_grants.end_grant(tx, token.grant_id, now)
        return done
    storage.endings.end_grant(tx, token.grant_id, EndReason.REVOKED, now, actor=service.client_id[:64])
    return done
