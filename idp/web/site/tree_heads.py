"""The signed heads of the log and the keys they are signed by: for whoever keeps them, to hold us to what we sealed.

A head says nothing of anybody. Whoever fetches more seldom than so many heads come asks for those after one it has.
"""

from typing import Final

import orjson
from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from idp import storage
from idp.domain.refusals import Refusal
from idp.web import given

blueprint = Blueprint("tree_heads", __name__)
MOST: Final = 100
_LONGEST_NUMBER: Final = 15


@blueprint.get("/log/heads")
def heads() -> ResponseReturnValue:
    """The newest heads, one JWS a line, or those that follow the head number `after`; the oldest of them first."""
    after = request.args.get("after", "")
    if after and not (after.isascii() and after.isdecimal() and len(after) <= _LONGEST_NUMBER):
        raise Refusal("request_malformed", "after must be the number of a head")
    with storage.once() as tx:
        if after:
            found = storage.merkle_log.list_heads(tx, after=int(after), limit=MOST)
        else:
            found = storage.merkle_log.list_newest_heads(tx, limit=MOST)
    text = "".join(f"{head.jws}\n" for head in found)
    return Response(text, mimetype="text/plain", headers={"Cache-Control": "no-store"})


@blueprint.get("/log/keys")
def keys() -> ResponseReturnValue:
    """The public keys of the log as a JWK Set (RFC 7517 5), former ones too."""
    document = orjson.dumps(given.runtime().keyring.log.public_key_set())
    return Response(document, mimetype="application/json", headers={"Cache-Control": "no-store"})
