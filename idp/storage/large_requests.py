"""Authorization codes that hold more than fits into a code: the code carries the row's id instead."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select

from idp.runtime.keyring import Keyring
from idp.storage.database import Tx
from idp.storage.tables import large_requests


def insert_body(tx: Tx, keyring: Keyring, id_: UUID, body: bytes, expires_at: datetime) -> None:
    sealed = keyring.seal("code", body, id_.bytes)
    tx.execute(insert(large_requests).values(id=id_, body_sealed=sealed, expires_at=expires_at))


def find_body(tx: Tx, keyring: Keyring, id_: UUID) -> bytes | None:
    sealed = tx.scalar(select(large_requests.c.body_sealed).where(large_requests.c.id == id_))
    return keyring.open("code", sealed, id_.bytes) if sealed else None
