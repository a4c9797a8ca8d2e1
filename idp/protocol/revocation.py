"""Revocation: a service gives a token back, and the sign-in it came from ends at this service (RFC 7009)."""

from authlib.oauth2.rfc6749.errors import OAuth2Error

from idp import storage
from idp.domain.grants import TokenKind
from idp.domain.sessions import EndReason
from idp.protocol import client_auth
from idp.protocol.answers import NO_STORE, Answer, error_answer
from idp.protocol.presented_token import Presented
from idp.protocol.server import Server


def answer(tx: storage.Tx, server: Server, presented: Presented) -> Answer:
    """End what the token came from. What is no token is answered like one that was revoked (2.2)."""
    service, token = presented.proof.service, presented.token
    try:
        client_auth.spend(tx, presented.proof)
    except OAuth2Error as error:
        return server.refuse(error)
    done = Answer(200, b"", dict(NO_STORE)).readable_from(service)
    if token is None:
        return done
    if token.service_id != service.id:
        foreign = error_answer(400, "invalid_grant", "the token was given to another service (RFC 7009 2.1)")
        return foreign.readable_from(service)
    now, reason, actor = server.runtime.clock.now(), EndReason.REVOKED, service.client_id[:64]
    if token.kind is TokenKind.MACHINE:
        storage.endings.end_machine_grant(tx, token.grant_id, service.id, reason, now, actor=actor)
        return done
    storage.endings.end_grant(tx, token.grant_id, reason, now, actor=actor)
    return done
