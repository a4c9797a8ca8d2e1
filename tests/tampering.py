"""Changing what is only ever added, as somebody would who has the database: past the guards of the tables."""

from typing import Any

from sqlalchemy import Table, text

from idp import storage

GUARDED = ("audit", "releases", "log_leaves", "log_heads")


def lift_guards(tx: storage.Tx) -> None:
    """For this transaction on PostgreSQL, for good on SQLite."""
    if tx.dialect.name == "postgresql":
        tx.execute(text("SET LOCAL session_replication_role = replica"))
        return
    for table in GUARDED:
        for change in ("update", "delete"):
            tx.execute(text(f"DROP TRIGGER IF EXISTS {table}_refuses_{change}"))


def change(table: Table, where: Any, **values: Any) -> None:
    with storage.begin() as tx:
        lift_guards(tx)
        assert tx.execute(table.update().where(where).values(**values)).rowcount


def delete(table: Table, where: Any) -> None:
    with storage.begin() as tx:
        lift_guards(tx)
        assert tx.execute(table.delete().where(where)).rowcount


def insert(table: Table, **values: Any) -> None:
    with storage.begin() as tx:
        tx.execute(table.insert().values(**values))
