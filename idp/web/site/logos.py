"""Services' logos, from our own store."""

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from idp import storage
from idp.domain.refusals import Refusal

blueprint = Blueprint("logos", __name__)


@blueprint.get("/logos/<digest>")
def logo(digest: str) -> ResponseReturnValue:
    try:
        wanted = bytes.fromhex(digest)
    except ValueError:
        raise Refusal("not_found") from None
    with storage.once() as tx:
        found = storage.logos.find_logo(tx, wanted)
    if found is None:
        raise Refusal("not_found")
    media_type, image = found
    return Response(image, mimetype=media_type, headers={"Cache-Control": "public, max-age=86400"})
