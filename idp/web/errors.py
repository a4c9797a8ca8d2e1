"""Every refusal and fault as an answer: a page with a reference for people, an OAuth error for machines."""

from typing import Final

from flask import Flask, Response, g, make_response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from idp import storage
from idp.domain.refusals import Refusal
from idp.protocol.answers import Answer, error_answer
from idp.runtime import log
from idp.web.pages import page
from idp.web.texts import refusal_text

STATUS: Final = {
    "not_found": 404,
    "method_not_allowed": 405,
    "request_too_large": 413,
    "not_permitted": 403,
    "same_officer": 403,
    "same_device": 403,
    "own_case": 403,
    "case_changed": 409,
    "case_expired": 409,
    "document_expired": 409,
    "server_error": 500,
    "busy": 503,
    "unavailable": 503,
}
# Where a wrong method meets no blueprint, and so no guard that would have said that a machine asks.
MACHINES: Final = frozenset(
    {
        "/oauth2/token",
        "/oauth2/userinfo",
        "/oauth2/introspect",
        "/oauth2/revoke",
        "/oauth2/jwks",
        "/oauth2/register",
        "/log/heads",
        "/log/keys",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    }
)
_BY_STATUS: Final = {404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}
_log = log.get(__name__)


def install(app: Flask) -> None:
    app.register_error_handler(Refusal, refused)
    app.register_error_handler(HTTPException, http_refused)
    app.register_error_handler(storage.Unavailable, unavailable)
    app.register_error_handler(Exception, failed)


def send(answer: Answer) -> Response:
    """A machine's answer as Flask sends it."""
    g.readable_from = answer.origins
    response = Response(answer.body, status=answer.status, headers=dict(answer.headers))
    if not answer.body:
        response.headers.remove("Content-Type")  # nothing is no page
    return response


def machine_answer(fault: Exception) -> Answer:
    """Every refusal and fault of a machine endpoint; noted in the log."""
    match fault:
        case Refusal():
            status = _note_refusal(fault)
            return error_answer(status, "invalid_request", fault.detail or fault.code)
        case storage.Unavailable():
            _note_unavailable(fault)
            answer = error_answer(503, "temporarily_unavailable", "try again in a moment (RFC 9110 15.6.4)")
            return Answer(answer.status, answer.body, {**answer.headers, "Retry-After": "5"})
    _note_fault(fault)
    return error_answer(500, "server_error", "the provider failed: quote the X-Request-Id header (RFC 9110 15.6.1)")


def refused(refusal: Refusal) -> ResponseReturnValue:
    if g.get("is_machine"):
        return send(machine_answer(refusal))
    return _refused_page(refusal)


def http_refused(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if status < 400:
        return error.get_response()
    allowed = getattr(error, "valid_methods", None)
    headers = {"Allow": ", ".join(sorted(allowed))} if allowed else {}
    if g.get("is_machine") or request.path in MACHINES:
        answer = error_answer(status, "invalid_request", f"{error.name} (RFC 9110 15.5)")
        return send(Answer(answer.status, answer.body, {**answer.headers, **headers}))
    response = _refused_page(Refusal(_BY_STATUS.get(status, "request_malformed")))
    response.status_code = status
    response.headers.update(headers)
    return response


def unavailable(error: storage.Unavailable) -> ResponseReturnValue:
    if g.get("is_machine"):
        return send(machine_answer(error))
    _note_unavailable(error)
    return _refused_page(Refusal("unavailable"))


def failed(error: Exception) -> ResponseReturnValue:
    """A fault of ours: logged with its trace, answered without."""
    if g.get("is_machine"):
        return send(machine_answer(error))
    _note_fault(error)
    return _refused_page(Refusal("server_error"))


def _refused_page(refusal: Refusal) -> Response:
    status = _note_refusal(refusal)
    response = make_response(
        page(
            "refusal.html",
            status=status,
            text=refusal_text(refusal.code),
            reference=g.watch.id,
            back=None,
            detail=refusal.detail or None,
        )
    )
    if status == 503:
        response.headers["Retry-After"] = "5"
    return response


def _note_refusal(refusal: Refusal) -> int:
    status = STATUS.get(refusal.code, 400)
    _log.info("refused", request=g.watch.id, code=refusal.code, detail=refusal.detail, status=status)
    return status


def _note_unavailable(error: storage.Unavailable) -> None:
    _log.error("the database did not answer", request=g.watch.id, fault=str(error))


def _note_fault(error: Exception) -> None:
    _log.error("a request failed", request=g.watch.id, fault=type(error).__name__, exc_info=error)
