"""The messages that wait in the outbox, as the people they go to would read them."""

import re
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Flask

from idp import storage
from idp.runtime.runtime import Runtime


@dataclass(frozen=True)
class Waiting:
    channel: str
    to: str
    subject: str
    text: str

    @property
    def code(self) -> str:
        """The six digits in it."""
        found = re.search(r"(?<!\d)\d{6}(?!\d)", self.text)
        assert found, self.text
        return found[0]


NEW_DEVICE = {"Signed in on a new device", "Đăng nhập trên thiết bị mới"}


def messages(app: Flask, *, of_devices: bool = False) -> list[Waiting]:
    """All messages that were queued, the oldest first; those to nobody have an empty `to`.

    Those that tell of a new device, which every first sign-in sends, only where they are asked for, and then alone.
    """
    runtime: Runtime = app.extensions["idp"]
    with app.app_context(), storage.once() as tx:
        rows: list[Any] = list(tx.execute(storage.tables.outbox.select().order_by(storage.tables.outbox.c.id)))
        found = []
        for row in rows:
            if row.kind in storage.outbox.MESSAGES:
                key = runtime.keyring.house_key_of(row.body_sealed)
                body = orjson.loads(key.open("outbox.body_sealed", row.id, row.body_sealed))
                if (body["subject"] in NEW_DEVICE) is of_devices:
                    found.append(Waiting(row.kind, body["to"], body["subject"], body["text"]))
    return found
