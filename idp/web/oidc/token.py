"""The token endpoint: one statement on the hot path; a second use is settled in a transaction of its own."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from idp import protocol, storage
from idp.protocol.answers import Answer, Asked
from idp.protocol.code_grant import CodeSpentBefore
from idp.protocol.refresh_grant import RefreshFailed
from idp.web import given
from idp.web.errors import send
from idp.web.oidc.asked import asked

blueprint = Blueprint("token", __name__)


@blueprint.post("/oauth2/token")
def token() -> ResponseReturnValue:
    return send(respond(asked()))


def respond(asked: Asked) -> Answer:
    server = given.server()
    read = protocol.token.read(server, asked)
    if isinstance(read, Answer):
        return read
    try:
        with storage.once(writes=True) as tx:
            answer = protocol.token.answer(tx, server, read)
    except (CodeSpentBefore, RefreshFailed) as second:
        with storage.begin() as tx:
            answer = protocol.token.settle(tx, server, read, second)
    return answer
