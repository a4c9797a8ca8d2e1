"""Whether this process lives, and whether it can serve: for the load balancer, with nothing in it for strangers."""

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from idp import storage
from idp.protocol.answers import json_answer
from idp.runtime import log
from idp.web import given
from idp.web.errors import send

blueprint = Blueprint("health", __name__)
_log = log.get(__name__)


@blueprint.get("/healthz")
def alive() -> ResponseReturnValue:
    return Response("ok\n", mimetype="text/plain", headers={"Cache-Control": "no-store"})


@blueprint.get("/readyz")
def ready() -> ResponseReturnValue:
    """Database, schema and keys: 200 when all are there, else 503 naming what is not."""
    found = {"database": "ok", "schema": "ok", "keys": "ok"}
    try:
        with storage.once() as tx:
            step = storage.schema.find_step(tx)
        if step is None or step < storage.schema.NEWEST:
            found["schema"] = "behind"
        elif not given.runtime().keyring.signing_algorithms():
            found["keys"] = "missing"
    except storage.Unavailable:
        found = dict.fromkeys(found, "unavailable")
    except LookupError:
        found["keys"] = "missing"
    is_ready = set(found.values()) == {"ok"}
    if not is_ready:
        _log.warning("not ready", **found)
    return send(json_answer(200 if is_ready else 503, found))
