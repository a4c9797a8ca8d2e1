"""Data keys, one a person, wrapped by the master key; the row is what erasure erases."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select

from idp.runtime.data_keys import DataKey
from idp.runtime.keyring import Keyring
from idp.storage import account_rows
from idp.storage.database import Tx
from idp.storage.tables import data_keys


def insert_data_key(tx: Tx, keyring: Keyring, subject_id: UUID | None, now: datetime) -> DataKey:
    """A new data key for a person, or for the house where `subject_id` is None."""
    key = keyring.new_data_key()
    tx.execute(insert(data_keys).values(account_rows.data_key_row(keyring, key, subject_id, now)))
    return key


def find_data_key(tx: Tx, keyring: Keyring, subject_id: UUID) -> DataKey | None:
    wrapped = tx.scalar(select(data_keys.c.wrapped).where(data_keys.c.subject_id == subject_id))
    return keyring.unwrap(wrapped, subject_id) if wrapped else None


def list_data_keys(tx: Tx, keyring: Keyring, subject_ids: Collection[UUID]) -> dict[UUID, DataKey]:
    """The data keys of many people; none of who was erased."""
    statement = select(data_keys.c.subject_id, data_keys.c.wrapped).where(data_keys.c.subject_id.in_(list(subject_ids)))
    return {row.subject_id: keyring.unwrap(row.wrapped, row.subject_id) for row in tx.execute(statement)}


def list_house_keys(tx: Tx, keyring: Keyring) -> tuple[DataKey, ...]:
    """The house's own data keys, newest first."""
    rows = tx.scalars(
        select(data_keys.c.wrapped).where(data_keys.c.subject_id.is_(None)).order_by(data_keys.c.id.desc())
    )
    return tuple(keyring.unwrap(wrapped, None) for wrapped in rows)
