"""Counts of tries in a window, under keyed digests: the rows tell nobody who was tried from where."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import case, delete, update
from sqlalchemy.dialects import postgresql, sqlite

from idp.runtime.keyring import Keyring
from idp.storage.database import Tx
from idp.storage.tables import throttles


def use_tries(
    tx: Tx, keyring: Keyring, counted: Mapping[str, str], *, now: datetime, window_ends_at: datetime
) -> dict[str, int]:
    """Count one try under each key, in one statement; gives the counts with this try in them, by name.

    The try is counted before the password is looked at, so that tries at the same moment cannot slip past the limit.
    """
    indexes = {keyring.index(f"throttle/{name}", value): name for name, value in counted.items()}
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    rows = [{"counted_index": index, "tries": 1, "window_ends_at": window_ends_at} for index in sorted(indexes)]
    statement = dialect.insert(throttles).values(rows)
    is_over = throttles.c.window_ends_at <= now
    statement = statement.on_conflict_do_update(
        index_elements=["counted_index"],
        set_={
            "tries": case((is_over, 1), else_=throttles.c.tries + 1),
            "window_ends_at": case((is_over, statement.excluded.window_ends_at), else_=throttles.c.window_ends_at),
        },
    ).returning(throttles.c.counted_index, throttles.c.tries)
    return {indexes[bytes(row.counted_index)]: row.tries for row in tx.execute(statement)}


def give_back_try(tx: Tx, keyring: Keyring, name: str, value: str) -> None:
    """Take one try back under this key: it turned out to be no guess."""
    index = keyring.index(f"throttle/{name}", value)
    where = (throttles.c.counted_index == index, throttles.c.tries > 0)
    tx.execute(update(throttles).where(*where).values(tries=throttles.c.tries - 1))


def end_tries(tx: Tx, keyring: Keyring, counted: Mapping[str, str]) -> None:
    """Forget the tries under these keys: the right password was given."""
    indexes = [keyring.index(f"throttle/{name}", value) for name, value in counted.items()]
    tx.execute(delete(throttles).where(throttles.c.counted_index.in_(indexes)))
