"""Looking at stored rows from a test: how many stand in each table, and the plain ones of one table."""

from collections import Counter
from typing import Any

from sqlalchemy import func, select

from idp import storage


def count_rows() -> dict[str, int]:
    """How many rows stand in each table that has any; inside an application context."""
    with storage.once() as tx:
        counts = {
            table.name: tx.scalar(select(func.count()).select_from(table)) or 0
            for table in storage.db.metadata.sorted_tables
        }
    return {name: count for name, count in counts.items() if count}


def rows_of(table: str) -> list[Any]:
    """The rows of a table in the order of their keys (ids sort by time)."""
    found = storage.db.metadata.tables[table]
    with storage.once() as tx:
        return list(tx.execute(select(found).order_by(*found.primary_key)))


def events() -> Counter[str]:
    """How often each event stands in the audit. Tests' clocks stand still, so entries have no order."""
    return Counter(str(row.event) for row in rows_of("audit"))
