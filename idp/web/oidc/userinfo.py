"""The userinfo endpoint."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from idp import protocol, storage
from idp.protocol.answers import Answer, Asked
from idp.web import given
from idp.web.errors import send
from idp.web.oidc.asked import asked

blueprint = Blueprint("userinfo", __name__)


@blueprint.route("/oauth2/userinfo", methods=["GET", "POST"])
def userinfo() -> ResponseReturnValue:
    return send(respond(asked()))


def respond(asked: Asked) -> Answer:
    server = given.server()
    read = protocol.userinfo.read(server, asked)
    if isinstance(read, Answer):
        return read
    with storage.once() as tx:
        return protocol.userinfo.answer(tx, server, read)
