"""Months of the tables that only grow, on PostgreSQL; on SQLite there is one table and nothing to cut."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text

from idp.storage.database import Tx
from idp.storage.tables import PARTITIONED

MONTHS_AHEAD = 12


def ensure_months(tx: Tx, now: datetime) -> int:
    """Make the partitions of this month and the next twelve where they are missing; gives how many were made."""
    if tx.dialect.name != "postgresql":
        return 0
    tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('idp months'))"))  # of two workers, one makes them
    there = set(tx.scalars(text("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")))
    # Of a schema that is one step behind, the tables that it has.
    cut = set(tx.scalars(text("SELECT relname FROM pg_class WHERE relkind = 'p'")))
    made = 0
    for months in range(MONTHS_AHEAD + 1):
        first, after = _month(now, months), _month(now, months + 1)
        for table in PARTITIONED:
            name = f"{table}_{first:%Y_%m}"
            if name in there or table not in cut:
                continue
            bounds = f"FROM ('{_lowest_id(first)}') TO ('{_lowest_id(after)}')"
            tx.execute(text(f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} FOR VALUES {bounds}"))
            made += 1
    return made


def is_partition(name: str | None) -> bool:
    """Whether a table name is that of a partition (the check of tables against migrations passes over them)."""
    return name is not None and any(
        name.startswith(f"{table}_") and name[len(table) + 1 :].replace("_", "").isdigit() for table in PARTITIONED
    )


def _month(now: datetime, months: int) -> datetime:
    count = now.year * 12 + now.month - 1 + months
    return datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)


def _lowest_id(moment: datetime) -> UUID:
    """The smallest UUIDv7 of a moment: its milliseconds, then zeros."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
