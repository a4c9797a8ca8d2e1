"""Whether this process lives, and whether it can serve: for the load balancer, with nothing in it for strangers."""

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from idp import flows, storage
from idp.protocol.answers import json_answer
from idp.runtime import log
from idp.runtime.data_keys import Unsealable
from idp.web import given
from idp.web.errors import send

blueprint = Blueprint("health", __name__)
_log = log.get(__name__)


@blueprint.get("/healthz")
def alive() -> ResponseReturnValue:
    return Response("ok\n", mimetype="text/plain", headers={"Cache-Control": "no-store"})


@blueprint.get("/readyz")
def ready() -> ResponseReturnValue:
    """Database, schema and keys: 200 when all are there, else 503 naming what is not and why."""
    found = {"database": "ok", "schema": "ok", "keys": "ok"}
    try:
        with storage.once() as tx:
            step, is_read_only = storage.schema.find_step(tx), storage.is_read_only(tx)
        if step is None or step < storage.schema.NEWEST:
            found["schema"] = "behind"
        else:
            given.runtime().keyring.recall()
        if is_read_only:
            found["database"] = "read-only"
        # A process that came up before its database looks at it here, not at its start.
        elif given.runtime().settings.is_production and storage.check_durable():
            found["database"] = "unsafe"
    except flows.key_care.KeysMissing:
        found["keys"] = "missing"
    except storage.Unavailable:
        found = dict.fromkeys(found, "unavailable")
    except Unsealable:
        found["keys"] = "unreadable"
    is_ready = set(found.values()) == {"ok"}
    if not is_ready:
        _log.warning("not ready", **found)
    return send(json_answer(200 if is_ready else 503, found))
