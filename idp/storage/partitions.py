"""Months of the tables that only grow: made ahead, and let go as a whole when nothing in them is needed any more.

On PostgreSQL a month is a partition. Neither making one nor letting it go takes a lock that a deed would wait for. On
SQLite there is one table and nothing to cut: the rows of tokens go a batch at a time, and history stays.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, MetaData, Table, and_, delete, exists, func, or_, select, text
from sqlalchemy import table as sql_table
from sqlalchemy.exc import OperationalError

from idp.storage.database import Tx, db
from idp.storage.tables import HISTORY, OF_TOKENS, PARTITIONED, grants, machine_grants, sessions

MONTHS_AHEAD = 12
# How long letting go waits for somebody else before it gives up until the next time.
LOCK_TIMEOUT: Final = "1s"
_LOCK_NOT_AVAILABLE: Final = "55P03"
# Whether a row is still asked for: a grant while a token of it may live, and while its session does, whose end its
# service is told of. Asked of each month before it goes, because lifetimes in the settings may have been longer once.
_IS_NEEDED: Final[Mapping[str, Callable[[datetime], ColumnElement[bool]]]] = {
    "grants": lambda now: or_(
        grants.c.expires_at > now,
        grants.c.session_id.in_(select(sessions.c.id).where(sessions.c.ended_at.is_(None))),
    ),
    "machine_grants": lambda now: machine_grants.c.expires_at > now,
}


@dataclass(frozen=True, slots=True)
class LetGo:
    """What went: how many rows of which table, and of which month where it went as a whole."""

    table: str
    rows: int
    month: str = ""

    @property
    def is_history(self) -> bool:
        return self.table in HISTORY


def ensure_months(tx: Tx, now: datetime) -> int:
    """Make the partitions of this month and the next twelve where they are missing; gives how many were made."""
    if tx.dialect.name != "postgresql":
        return 0
    tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('idp months'))"))  # of two processes, one makes them
    there = set(tx.scalars(text("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")))
    # Of a schema that is one step behind, the tables that it has.
    cut = set(tx.scalars(text("SELECT relname FROM pg_class WHERE relkind = 'p'")))
    made = 0
    for months in range(MONTHS_AHEAD + 1):
        first, after = first_of_month(now, months), first_of_month(now, months + 1)
        for table in PARTITIONED:
            name = f"{table}_{first:%Y_%m}"
            if name in there or table not in cut:
                continue
            # Attached, not created in place: that would wait for every deed on the table, and every deed for it.
            tx.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"))
            bounds = f"FROM ('{lowest_id(first)}') TO ('{lowest_id(after)}')"
            tx.execute(text(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {bounds}"))
            made += 1
    return made


def detach_months(tx: Tx, kept_since: Mapping[str, datetime], now: datetime) -> bool:
    """Take each month before `kept_since` (by table) out of its table when nothing in it is needed; PostgreSQL only.

    Takes a connection in autocommit. False when somebody held on too long: the rest is for the next time. A month that
    was half taken out by then is out of sight already, and is finished first.
    """
    if tx.dialect.name != "postgresql" or not tx.scalar(text("SELECT pg_try_advisory_lock(hashtext('idp old'))")):
        return True
    tx.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    try:
        with _giving_up() as gave_up:
            for table, first_kept in kept_since.items():
                _detach_months_of(tx, table, first_kept, now)
    finally:
        tx.execute(text("RESET lock_timeout"))
        tx.execute(text("SELECT pg_advisory_unlock(hashtext('idp old'))"))
    return not gave_up


def drop_month(tx: Tx, kept_since: Mapping[str, datetime]) -> LetGo | None:
    """Drop one of the months that stand alone and are over; None when there is none, or somebody reads it just now."""
    if tx.dialect.name != "postgresql" or not tx.scalar(text("SELECT pg_try_advisory_xact_lock(hashtext('idp old'))")):
        return None
    names = tx.scalars(text(_ALONE)).all()
    for table, first_kept in kept_since.items():
        for name in (name for name in sorted(names) if _is_before(name, table, first_kept)):
            with _giving_up(), tx.begin_nested():
                tx.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
                rows = tx.scalar(select(func.count()).select_from(sql_table(name))) or 0
                tx.execute(text(f"DROP TABLE {name}"))
                return LetGo(table, rows, month=name.removeprefix(f"{table}_"))
    return None


def delete_rows(tx: Tx, kept_since: Mapping[str, datetime], now: datetime, *, limit: int) -> list[LetGo]:
    """On SQLite, a batch of the rows of tokens that would go with their month elsewhere."""
    gone = []
    for name in OF_TOKENS if tx.dialect.name == "sqlite" else ():
        table = db.metadata.tables[name]
        is_over = and_(table.c.id < lowest_id(first_of_month(kept_since[name])), ~_IS_NEEDED[name](now))
        old = select(table.c.id).where(is_over).limit(limit)
        rows = tx.execute(delete(table).where(table.c.id.in_(old))).rowcount
        gone += [LetGo(name, rows)] if rows else []
    return gone


def month_of(table: Table, id_: UUID) -> Table:
    """The month of `table` where a row of this id stands: a table for statements that name it. PostgreSQL only.

    A statement over all months locks every one of them at each use, and what thirteen would cost leads its plan astray.
    """
    first = datetime.fromtimestamp((id_.int >> 80) / 1000, UTC)
    return _named_month(table, f"{table.name}_{first:%Y_%m}")


@cache
def _named_month(table: Table, name: str) -> Table:
    return table.to_metadata(MetaData(), name=name)


def is_partition(name: str | None) -> bool:
    """Whether a table name is that of a partition (the check of tables against migrations passes over them)."""
    return name is not None and any(_is_month(name, table) for table in PARTITIONED)


def first_of_month(moment: datetime, later: int = 0) -> datetime:
    """When the month of a moment began, or one so many months later."""
    count = moment.year * 12 + moment.month - 1 + later
    return datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)


def lowest_id(moment: datetime) -> UUID:
    """The smallest UUIDv7 of a moment: its milliseconds, then zeros."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


_MONTHS = """
    SELECT relname, inhdetachpending FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = to_regclass(:table) ORDER BY inhdetachpending DESC, relname
"""
_ALONE = "SELECT relname FROM pg_class WHERE relkind = 'r' AND NOT relispartition AND pg_table_is_visible(oid)"


def _detach_months_of(tx: Tx, table: str, first_kept: datetime, now: datetime) -> None:
    for month in tx.execute(text(_MONTHS), {"table": table}).all():
        if month.inhdetachpending:  # a table has at most one of these, and none can follow before it is done
            tx.execute(text(f"ALTER TABLE {table} DETACH PARTITION {month.relname} FINALIZE"))
        elif _is_before(month.relname, table, first_kept) and not _is_any_needed(tx, table, month.relname, now):
            tx.execute(text(f"ALTER TABLE {table} DETACH PARTITION {month.relname} CONCURRENTLY"))


def _is_month(name: str, table: str) -> bool:
    return re.fullmatch(rf"{table}_\d{{4}}_\d{{2}}", name) is not None


def _is_before(name: str, table: str, first_kept: datetime) -> bool:
    """Whether this is a month of the table, and one before `first_kept`; months compare as their names do."""
    return _is_month(name, table) and name < f"{table}_{first_kept:%Y_%m}"


def _is_any_needed(tx: Tx, table: str, month: str, now: datetime) -> bool:
    if table in HISTORY:
        return False
    year, number = map(int, month.removeprefix(f"{table}_").split("_"))
    first = datetime(year, number, 1, tzinfo=UTC)
    id_ = db.metadata.tables[table].c.id
    is_in_month = and_(id_ >= lowest_id(first), id_ < lowest_id(first_of_month(first, 1)))
    return bool(tx.scalar(select(exists().where(is_in_month, _IS_NEEDED[table](now)))))


@contextmanager
def _giving_up() -> Iterator[list[str]]:
    """What waits too long for a lock is left; the list that is given then says so."""
    gave_up: list[str] = []
    try:
        yield gave_up
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", "") != _LOCK_NOT_AVAILABLE:
            raise
        gave_up.append(_LOCK_NOT_AVAILABLE)
