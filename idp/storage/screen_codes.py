"""Codes that make a browser the screen of a counter: a keyed digest with the counter's name, gone when it is used."""

from datetime import datetime

from sqlalchemy import delete, insert

from idp.runtime import chance
from idp.runtime.keyring import Keyring
from idp.storage.database import Tx
from idp.storage.tables import screen_codes

_KIND = "screen code"


def insert_code(tx: Tx, keyring: Keyring, code: str, name: str, *, now: datetime, expires_at: datetime) -> None:
    index = keyring.index(_KIND, code)
    row = {"id": chance.new_id(now), "code_index": index, "name": name, "expires_at": expires_at}
    tx.execute(insert(screen_codes).values(row))


def use_code(tx: Tx, keyring: Keyring, code: str, now: datetime) -> str | None:
    """The name that stands with a code, which is worth nothing from now on; None for any other."""
    is_it = (screen_codes.c.code_index.in_(keyring.indexes(_KIND, code)), screen_codes.c.expires_at > now)
    name: str | None = tx.scalar(delete(screen_codes).where(*is_it).returning(screen_codes.c.name))
    return name
