"""Styles and scripts, under names that change with their content."""

from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue

from idp.domain.refusals import Refusal
from idp.web.assets import Assets
from idp.web.errors import send

blueprint = Blueprint("static_files", __name__)


@blueprint.get("/static/<name>")
def file(name: str) -> ResponseReturnValue:
    assets: Assets = current_app.extensions["idp.assets"]
    document = assets.find(name)
    if document is None:
        raise Refusal("not_found")
    asked = request.headers
    return send(document.answer(asked.get("If-None-Match", ""), asked.get("Accept-Encoding", "")))


@blueprint.get("/favicon.ico")
def favicon() -> ResponseReturnValue:
    assets: Assets = current_app.extensions["idp.assets"]
    return file(assets.url("favicon.svg").rpartition("/")[2])
