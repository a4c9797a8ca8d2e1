"""The revocation endpoint (RFC 7009)."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from idp import protocol, storage
from idp.protocol.answers import Answer, Asked
from idp.web import given
from idp.web.errors import send
from idp.web.oidc.asked import asked

blueprint = Blueprint("revocation", __name__)


@blueprint.post("/oauth2/revoke")
def revoke() -> ResponseReturnValue:
    return send(respond(asked()))


def respond(asked: Asked) -> Answer:
    server = given.server()
    presented = protocol.presented_token.read(server, asked)
    if isinstance(presented, Answer):
        return presented
    with storage.begin() as tx:
        return protocol.revocation.answer(tx, server, presented)
