"""The userinfo endpoint."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from idp import protocol, storage
from idp.web import given
from idp.web.errors import send
from idp.web.oidc.asked import asked

blueprint = Blueprint("userinfo", __name__)


@blueprint.route("/oauth2/userinfo", methods=["GET", "POST"])
def userinfo() -> ResponseReturnValue:
    with storage.once() as tx:
        return send(protocol.userinfo.answer(tx, given.server(), asked()))
