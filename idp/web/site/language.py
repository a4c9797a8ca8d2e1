"""Choosing the language and the size of the text: kept in a cookie, back to the page one came from."""

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

from idp.domain.refusals import Refusal
from idp.web import cookies
from idp.web.language import LANGUAGES, local_path

blueprint = Blueprint("language", __name__)
A_YEAR = 31_536_000


@blueprint.get("/language/<code>", endpoint="choose")
def choose(code: str) -> ResponseReturnValue:
    if code not in LANGUAGES:
        raise Refusal("not_found")
    return _keep(cookies.LANGUAGE, code)


@blueprint.get("/text/<size>", endpoint="text")
def text(size: str) -> ResponseReturnValue:
    if size not in ("normal", "large"):
        raise Refusal("not_found")
    return _keep(cookies.TEXT, size)


def _keep(name: str, value: str) -> ResponseReturnValue:
    response = redirect(local_path(request.args.get("to", "/")), 303)
    cookies.write(response, name, value, max_age=A_YEAR)  # type: ignore[arg-type]
    return response
