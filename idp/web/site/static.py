"""Styles and scripts, under names that change with their content."""

from flask import Blueprint, Response, current_app, request
from flask.typing import ResponseReturnValue

from idp.domain.refusals import Refusal
from idp.web.assets import Assets

blueprint = Blueprint("static_files", __name__)


@blueprint.get("/static/<name>")
def file(name: str) -> ResponseReturnValue:
    assets: Assets = current_app.extensions["idp.assets"]
    asset = assets.find(name)
    if asset is None:
        raise Refusal("not_found")
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "ETag": f'W/"{asset.etag}"',  # weak: compressed or not, it is the same file (RFC 9110 8.8.3.3)
        "Vary": "Accept-Encoding",
    }
    if request.if_none_match.contains_weak(asset.etag):
        return Response(status=304, headers=headers)
    if request.accept_encodings.quality("gzip") > 0:
        return Response(asset.compressed, mimetype=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(asset.plain, mimetype=asset.media_type, headers=headers)


@blueprint.get("/favicon.ico")
def favicon() -> ResponseReturnValue:
    assets: Assets = current_app.extensions["idp.assets"]
    return file(assets.url("favicon.svg").rpartition("/")[2])
