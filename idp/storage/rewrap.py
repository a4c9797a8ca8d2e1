"""Moving all that the master key seals or indexes over to the current master key, a batch at a time.

Values of persons are sealed by data keys, so only the wrapped data keys, the stored private keys and the blind indexes
change; append-only tables are never touched. Each batch is a transaction of its own, so the move can stop and go on.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import LargeBinary, Table, and_, exists, func, literal, select, update

from idp.runtime.data_keys import DataKey
from idp.runtime.keyring import Keyring
from idp.storage.database import Tx
from idp.storage.tables import contacts, data_keys, identifiers, identity_links, keys, name_words, sign_in_names

BATCH = 500


def rewrap_data_keys(tx: Tx, keyring: Keyring) -> int:
    """Wrap a batch of data keys with the current master key; gives how many rows were renewed."""
    renewed = 0
    for row in _stale(tx, keyring, data_keys, data_keys.c.wrapped):
        wrapped = keyring.wrap(keyring.unwrap(row.wrapped, row.subject_id), row.subject_id)
        tx.execute(update(data_keys).where(data_keys.c.id == row.id).values(wrapped=wrapped))
        renewed += 1
    return renewed


def rewrap_keys(tx: Tx, keyring: Keyring) -> int:
    renewed = 0
    for row in _stale(tx, keyring, keys, keys.c.private_sealed):
        context = f"keys.private_sealed:{row.kid}".encode()
        sealed = keyring.seal("wrap", keyring.open("wrap", row.private_sealed, context), context)
        tx.execute(update(keys).where(keys.c.kid == row.kid).values(private_sealed=sealed))
        renewed += 1
    return renewed


def reindex(tx: Tx, keyring: Keyring, table_name: str) -> int:
    """Make a batch of blind indexes anew from the sealed values; gives how many rows were renewed."""
    table, stale_column, renew = _INDEXED[table_name]
    renewed = 0
    for row in _stale(tx, keyring, table, stale_column):
        wrapped = tx.scalar(select(data_keys.c.wrapped).where(data_keys.c.subject_id == row.subject_id))
        if wrapped is None:  # erased this very moment
            continue
        values = renew(keyring, keyring.unwrap(wrapped, row.subject_id), row)
        same = and_(*(column == getattr(row, column.name) for column in table.primary_key))
        tx.execute(update(table).where(same).values(**values))
        renewed += 1
    return renewed


def count_stale(tx: Tx, keyring: Keyring) -> dict[str, int]:
    """How many rows of each table still wait for the current master key."""
    columns = {"data_keys": data_keys.c.wrapped, "keys": keys.c.private_sealed}
    columns |= {name: column for name, (_, column, _) in _INDEXED.items()}
    return {
        name: tx.scalar(select(func.count()).where(_is_stale(keyring, column))) or 0 for name, column in columns.items()
    }


def _is_stale(keyring: Keyring, column: Any) -> Any:
    """An index of a person whose data key was erased can never be made anew, and nobody is to find it."""
    start = 1 if column.type.length == 20 else 2
    is_stale = func.substr(column, start, 4) != literal(keyring.current_master_id, LargeBinary)
    if column.table in (data_keys, keys):
        return is_stale
    return and_(is_stale, exists().where(data_keys.c.subject_id == column.table.c.subject_id))


def _stale(tx: Tx, keyring: Keyring, table: Table, column: Any) -> list[Any]:
    """A batch of rows whose blob or index was not made with the current master key."""
    statement = select(table).where(_is_stale(keyring, column)).limit(BATCH)
    return list(tx.execute(statement.with_for_update(skip_locked=True)))


def _identifier(keyring: Keyring, key: DataKey, row: Any) -> dict[str, bytes]:
    value = key.open("identifiers.value_sealed", row.id, row.value_sealed)
    return {"value_index": keyring.index(f"identifier/{row.kind}", value)}


def _contact(keyring: Keyring, key: DataKey, row: Any) -> dict[str, bytes | None]:
    value = key.open("contacts.value_sealed", row.id, row.value_sealed)
    return {
        "value_index": keyring.index(f"contact/{row.kind}", value),
        "last_four_index": keyring.index("contact/last-four", value[-4:]) if row.last_four_index else None,
    }


def _sign_in_name(keyring: Keyring, key: DataKey, row: Any) -> dict[str, bytes]:
    value = key.open("sign_in_names.value_sealed", row.id, row.value_sealed)
    return {"value_index": keyring.index(f"sign-in/{row.space}/{row.kind}", value)}


def _name_word(keyring: Keyring, key: DataKey, row: Any) -> dict[str, bytes]:
    word = key.open("name_words.word_sealed", row.subject_id, row.word_sealed)
    return {"word_index": keyring.index("name", word)}


def _identity_link(keyring: Keyring, key: DataKey, row: Any) -> dict[str, bytes]:
    upstream = key.open("identity_links.upstream_sealed", row.id, row.upstream_sealed)
    return {"upstream_index": keyring.index(f"upstream/{row.issuer}", upstream)}


_Renew = Callable[[Keyring, DataKey, Any], dict[str, Any]]
_INDEXED: dict[str, tuple[Table, Any, _Renew]] = {
    "identifiers": (identifiers, identifiers.c.value_index, _identifier),
    "contacts": (contacts, contacts.c.value_index, _contact),
    "sign_in_names": (sign_in_names, sign_in_names.c.value_index, _sign_in_name),
    "name_words": (name_words, name_words.c.word_index, _name_word),
    "identity_links": (identity_links, identity_links.c.upstream_index, _identity_link),
}
INDEXED_TABLES = tuple(_INDEXED)
