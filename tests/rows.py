"""Looking at stored rows from a test: how many stand in each table, and the plain ones of one table."""

from collections import Counter
from typing import Any

from sqlalchemy import func, select

from idp import storage


def count_rows() -> dict[str, int]:
    """How many rows stand in each table that has any; inside an application context.

    Messages to people, which stand in the outbox too, are counted apart: a first sign-in sends some.
    """
    outbox = storage.tables.outbox
    with storage.once() as tx:
        counts = {
            table.name: tx.scalar(select(func.count()).select_from(table)) or 0
            for table in storage.db.metadata.sorted_tables
        }
        to_people = outbox.c.kind.in_(storage.outbox.MESSAGES)
        counts["messages"] = tx.scalar(select(func.count()).select_from(outbox).where(to_people)) or 0
    counts["outbox"] -= counts["messages"]
    return {name: count for name, count in counts.items() if count}


def rows_of(table: str) -> list[Any]:
    """The rows of a table in the order of their keys (ids sort by time); of the outbox those to services."""
    found = storage.db.metadata.tables[table]
    statement = select(found).order_by(*found.primary_key)
    if table == "outbox":
        statement = statement.where(found.c.kind.not_in(storage.outbox.MESSAGES))
    with storage.once() as tx:
        return list(tx.execute(statement))


def messages_stored() -> list[Any]:
    """The rows of the outbox that are messages to people, as they are stored."""
    outbox = storage.tables.outbox
    statement = select(outbox).where(outbox.c.kind.in_(storage.outbox.MESSAGES)).order_by(outbox.c.id)
    with storage.once() as tx:
        return list(tx.execute(statement))


def events() -> Counter[str]:
    """How often each event stands in the audit. Tests' clocks stand still, so entries have no order."""
    return Counter(str(row.event) for row in rows_of("audit"))
