"""The registration endpoint (RFC 7591) and its management (RFC 7592)."""

from typing import Final

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from idp import flows, protocol, storage
from idp.domain.refusals import Refusal
from idp.domain.relying_services import RelyingService
from idp.protocol.answers import Answer, error_answer
from idp.runtime import chance
from idp.web import given
from idp.web.errors import send

blueprint = Blueprint("registration", __name__)
PLACES: Final = {"GET": "RFC 7592 2.1", "HEAD": "RFC 7592 2.1", "PUT": "RFC 7592 2.2", "DELETE": "RFC 7592 2.3"}


@blueprint.post("/oauth2/register")
def register() -> ResponseReturnValue:
    """Open in development; elsewhere behind an initial access token, which a failed try does not use up."""
    runtime = given.runtime()
    given.server().recall()
    token = protocol.registration.read_bearer(request.headers.get("Authorization"))
    try:
        metadata = protocol.registration.read(request.mimetype, request.get_data())
        with storage.begin() as tx:
            permission = flows.service_registry.may_register(tx, runtime, token)
            if permission is None:
                return send(protocol.registration.refuse_stranger(runtime.settings.issuer))
            registered = flows.service_registry.register(
                tx, runtime, metadata, agency_id=permission.agency_id, invitation=permission.invitation
            )
            flows.key_care.ensure_for(tx, runtime, registered.service)
    except Refusal as refusal:
        return send(protocol.registration.refuse(refusal))
    answer = protocol.registration.answer(
        registered.service,
        issuer=runtime.settings.issuer,
        management=_management(registered.service),
        secret=registered.secret,
        registration_token=registered.registration_token,
    )
    return send(answer)


@blueprint.route("/oauth2/register/<client_id>", methods=["GET", "PUT", "DELETE"])
def manage(client_id: str) -> ResponseReturnValue:
    """Read, replace or remove one's own registration with the registration access token.

    Not while the service is suspended: the token may be in wrong hands, and what it planted or took away would stand
    when the service goes on.
    """
    runtime = given.runtime()
    given.server().recall()
    token = protocol.registration.read_bearer(request.headers.get("Authorization"))
    try:
        with storage.begin() as tx:
            service = _find(tx, client_id, token)
            if service is None:
                return send(protocol.registration.refuse_token(runtime.settings.issuer))
            if not service.is_active:
                return send(_refuse_suspended())
            if request.method == "DELETE":
                flows.service_registry.remove(tx, runtime, service, actor="itself")
                return send(protocol.registration.removed())
            secret = None
            if request.method == "PUT":
                metadata = protocol.registration.read(request.mimetype, request.get_data())
                changed = flows.service_registry.change(tx, runtime, service, metadata)
                service, secret = changed.service, changed.secret
                flows.key_care.ensure_for(tx, runtime, service)
    except Refusal as refusal:
        return send(protocol.registration.refuse(refusal))
    answer = protocol.registration.answer(
        service, issuer=runtime.settings.issuer, management=_management(service), secret=secret, status=200
    )
    return send(answer)


def _find(tx: storage.Tx, client_id: str, token: str | None) -> RelyingService | None:
    if token is None or not client_id.isascii() or not client_id.isprintable():
        return None
    held = request.method in ("PUT", "DELETE")
    return storage.relying_services.find_by_registration_token(tx, client_id, chance.digest(token), held=held)


def _refuse_suspended() -> Answer:
    """403 for who has no permission; said only to who holds the token."""
    return error_answer(403, "access_denied", f"the service is suspended ({PLACES[request.method]})")


def _management(service: RelyingService) -> str:
    return url_for("registration.manage", client_id=service.client_id)
