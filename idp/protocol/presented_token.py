"""A token that a service presents, to ask about it or to give it back: how introspection and revocation begin.

RFC 7662 2.1, RFC 7009 2.1. `token_type_hint` is not looked at: a token says of itself what it is.
"""

from dataclasses import dataclass

from authlib.oauth2.rfc6749.errors import OAuth2Error

from idp.domain.grants import Token
from idp.protocol import access_token
from idp.protocol.answers import Answer, Asked, error_answer, repeated
from idp.protocol.client_auth import Proof
from idp.protocol.server import Server


@dataclass(frozen=True, slots=True)
class Presented:
    """A service that proved itself, and what it presents: None where that is no token of ours (any more)."""

    proof: Proof
    token: Token | None


def read(server: Server, asked: Asked) -> Presented | Answer:
    """Who presents what, before a connection is taken."""
    if repeated(asked.pairs):
        return error_answer(400, "invalid_request", "a parameter stands more than once (RFC 6749 3.2)")
    try:
        proof = server.prove(asked)
    except OAuth2Error as error:
        return server.refuse(error)
    text = dict(asked.pairs).get("token", "")
    if not text:
        return error_answer(400, "invalid_request", "token is missing (RFC 7662 2.1, RFC 7009 2.1)")
    return Presented(proof, access_token.recognise(server.runtime, text))
