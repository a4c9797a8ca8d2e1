"""The introspection endpoint (RFC 7662)."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from idp import protocol, storage
from idp.protocol.answers import Answer, Asked
from idp.web import given
from idp.web.errors import send
from idp.web.oidc.asked import asked

blueprint = Blueprint("introspection", __name__)


@blueprint.post("/oauth2/introspect")
def introspect() -> ResponseReturnValue:
    return send(respond(asked()))


def respond(asked: Asked) -> Answer:
    server = given.server()
    read = protocol.introspection.read(server, asked)
    if isinstance(read, Answer):
        return read
    with storage.once(writes=True) as tx:
        return protocol.introspection.answer(tx, server, read)
