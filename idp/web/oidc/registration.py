"""The registration endpoint (RFC 7591), open where the settings say so."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from idp import flows, protocol, storage
from idp.domain.refusals import Refusal
from idp.protocol.answers import error_answer
from idp.web import given
from idp.web.errors import send

blueprint = Blueprint("registration", __name__)


@blueprint.post("/oauth2/register")
def register() -> ResponseReturnValue:
    runtime = given.runtime()
    if not runtime.settings.registration.open:
        return send(error_answer(403, "access_denied", "registration is not open; ask the province's service office"))
    try:
        metadata = protocol.registration.read(request.mimetype, request.get_data())
        with storage.begin() as tx:
            registered = flows.service_registry.register(tx, runtime, metadata)
    except Refusal as refusal:
        return send(protocol.registration.refuse(refusal))
    return send(protocol.registration.answer(registered.service, registered.secret))
