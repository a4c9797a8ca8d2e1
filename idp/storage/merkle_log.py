"""The log over the audit and the releases: leaves, perfect subtrees, the right edge of each month's tree, signed heads.

Only the sealer writes here. Leaves stand in the months of their entries, and go with them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import merge
from itertools import islice
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, and_, exists, insert, literal, select, text
from sqlalchemy.dialects import postgresql, sqlite

from idp.domain import merkle, tree_heads
from idp.domain.audit import PARTS, Kind, StoredEntry
from idp.domain.merkle import Frontier, Grown
from idp.domain.tree_heads import Leaf, TreeHead
from idp.storage.database import Tx
from idp.storage.partitions import first_of_month, lowest_id
from idp.storage.tables import audit, log_heads, log_leaves, log_nodes, log_trees, releases

TABLES: Final = {Kind.AUDIT: audit, Kind.RELEASE: releases}
# A kept subtree of level n has 2 ** (LEVEL_HEIGHT * n) leaves: one row for 256 leaves, and a proof reads few rows.
LEVEL_HEIGHT: Final = 8


@dataclass(frozen=True, slots=True)
class StoredHead:
    """A signed head as it stands, with what is asked of it without reading the signed text."""

    number: int
    month: str
    size: int
    at: datetime
    jws: str


@dataclass(frozen=True, slots=True)
class Tree:
    """What a month has grown to; `newest_id` is the greatest id in it."""

    month: str
    frontier: Frontier
    newest_id: UUID


# -- sealing -----------------------------------------------------------------------------------------------------------


def lock_log(tx: Tx) -> None:
    """Let nobody else seal meanwhile. On SQLite the transaction itself does."""
    if tx.dialect.name == "postgresql":
        tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('idp log'))"))


def find_newest_moment(tx: Tx) -> datetime | None:
    """The moment of the youngest entry that is in the log; None while it is empty."""
    newest = tx.scalar(select(log_trees.c.newest_id).order_by(log_trees.c.month.desc()).limit(1))
    return None if newest is None else tree_heads.moment_of(newest)


def list_unsealed(tx: Tx, *, since: datetime | None, until: datetime | None = None, limit: int) -> list[Leaf]:
    """Entries that are in no tree, the oldest first; by the moments in their ids."""
    found = [tx.execute(_unsealed(kind, since, until, limit)).all() for kind in TABLES]
    return [Leaf(Kind(row.kind), row.id, row.leaf_hash) for row in islice(merge(*found, key=lambda row: row.id), limit)]


def list_unsealed_of(tx: Tx, month: str, *, limit: int) -> list[Leaf]:
    """The same of one month."""
    first = _first_of(month)
    return list_unsealed(tx, since=first, until=first_of_month(first, 1), limit=limit)


def _unsealed(kind: Kind, since: datetime | None, until: datetime | None, limit: int) -> Select[Any]:
    table = TABLES[kind]
    is_sealed = exists().where(
        log_leaves.c.id == table.c.id, log_leaves.c.kind == kind, *_between(log_leaves, since, until)
    )
    wanted = select(literal(kind.value).label("kind"), table.c.id, table.c.leaf_hash)
    return wanted.where(*_between(table, since, until), ~is_sealed).order_by(table.c.id).limit(limit)


def _between(table: Table, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    bounds = [table.c.id >= lowest_id(since)] if since else []
    return [*bounds, table.c.id < lowest_id(until)] if until else bounds


def find_tree(tx: Tx, month: str) -> Tree | None:
    row = tx.execute(select(log_trees).where(log_trees.c.month == month)).one_or_none()
    return None if row is None else Tree(month, Frontier.of_bytes(row.size, row.frontier), row.newest_id)


def save_tree(tx: Tx, tree: Tree) -> None:
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    edge = {"size": tree.frontier.size, "frontier": tree.frontier.to_bytes(), "newest_id": tree.newest_id}
    statement = dialect.insert(log_trees).values(month=tree.month, **edge)
    tx.execute(statement.on_conflict_do_update(index_elements=["month"], set_=edge))


def insert_leaves(tx: Tx, leaves: Sequence[Leaf]) -> None:
    """Fails for an entry that has a leaf already."""
    rows = [
        {"id": leaf.id, "kind": leaf.kind, "month": leaf.month, "number": leaf.number, "leaf_hash": leaf.leaf_hash}
        for leaf in leaves
    ]
    tx.execute(insert(log_leaves), rows)


def insert_grown(tx: Tx, month: str, grown: Iterable[Grown]) -> None:
    """Keep those subtrees of which proofs are made; leaves are kept by themselves."""
    rows = [
        {
            "month": month,
            "level": each.height // LEVEL_HEIGHT,
            "number": each.start >> each.height,
            "hash": each.hash,
        }
        for each in grown
        if each.height and each.height % LEVEL_HEIGHT == 0
    ]
    if rows:
        tx.execute(insert(log_nodes), rows)


def insert_head(tx: Tx, head: TreeHead, jws: str) -> None:
    """Fails where a head of this number is there."""
    tx.execute(insert(log_heads).values(number=head.number, month=head.month, size=head.size, at=head.at, jws=jws))


# -- heads -------------------------------------------------------------------------------------------------------------


def find_newest_head(tx: Tx, month: str | None = None) -> StoredHead | None:
    """The newest head of all, or that of a month."""
    of_month = () if month is None else (log_heads.c.month == month,)
    found = _heads(tx, select(log_heads).where(*of_month).order_by(log_heads.c.number.desc()).limit(1))
    return found[0] if found else None


def find_head(tx: Tx, number: int) -> StoredHead | None:
    found = _heads(tx, select(log_heads).where(log_heads.c.number == number))
    return found[0] if found else None


def list_heads(tx: Tx, *, after: int, limit: int) -> list[StoredHead]:
    """The heads that follow a number, in their order."""
    return _heads(tx, select(log_heads).where(log_heads.c.number > after).order_by(log_heads.c.number).limit(limit))


def list_heads_of_month(tx: Tx, month: str, *, after: int, limit: int) -> list[StoredHead]:
    """The heads of one tree beyond a size, in their order."""
    where = (log_heads.c.month == month, log_heads.c.size > after)
    return _heads(tx, select(log_heads).where(*where).order_by(log_heads.c.size).limit(limit))


def list_newest_heads(tx: Tx, *, limit: int) -> list[StoredHead]:
    """The newest heads, in their order."""
    return _heads(tx, select(log_heads).order_by(log_heads.c.number.desc()).limit(limit))[::-1]


def _heads(tx: Tx, statement: Select[Any]) -> list[StoredHead]:
    return [StoredHead(row.number, row.month, row.size, row.at, row.jws) for row in tx.execute(statement)]


# -- leaves, and what they stand for -----------------------------------------------------------------------------------


def list_months(tx: Tx) -> list[str]:
    """The months that have a tree, the oldest first."""
    return list(tx.scalars(select(log_trees.c.month).order_by(log_trees.c.month)))


def list_leaves(tx: Tx, month: str, *, start: int, limit: int) -> list[Leaf]:
    """The leaves of a month from a number on, in their order."""
    numbered = (log_leaves.c.number >= start, *_in_month(month))
    return _leaves(tx, select(log_leaves).where(*numbered).order_by(log_leaves.c.number).limit(limit))


def find_leaf(tx: Tx, id_: UUID) -> Leaf | None:
    """The leaf of an entry, whatever its kind: ids are random, and no two are alike."""
    found = _leaves(tx, select(log_leaves).where(log_leaves.c.id == id_))
    return found[0] if found else None


def find_sealed(tx: Tx, ids: Sequence[UUID]) -> frozenset[UUID]:
    """Which of these entries are in the log."""
    return frozenset(tx.scalars(select(log_leaves.c.id).where(log_leaves.c.id.in_(ids))))


def find_entry(tx: Tx, kind: Kind, id_: UUID) -> StoredEntry | None:
    return find_entries(tx, kind, [id_]).get(id_)


def find_entries(tx: Tx, kind: Kind, ids: Sequence[UUID]) -> dict[UUID, StoredEntry]:
    """Those of the entries that are there, by their ids."""
    if not ids:
        return {}
    table = TABLES[kind]
    # The bounds keep the search to the months that these ids are of.
    is_wanted = and_(table.c.id.in_(ids), table.c.id >= min(ids), table.c.id <= max(ids))
    rows = tx.execute(select(*(table.c[name] for name in PARTS[kind]), table.c.leaf_hash).where(is_wanted))
    return {row.id: StoredEntry(kind, row.id, row._asdict(), row.leaf_hash) for row in rows}


def find_subtree(tx: Tx, month: str, start: int, height: int) -> bytes:
    """The root of a perfect subtree, from the kept ones or the leaves below it; raises LookupError."""
    level, rest = divmod(height, LEVEL_HEIGHT)
    first, count = start >> level * LEVEL_HEIGHT, 1 << rest
    table, column = (log_nodes, log_nodes.c.hash) if level else (log_leaves, log_leaves.c.leaf_hash)
    where = [table.c.number >= first, table.c.number < first + count]
    where += [log_nodes.c.month == month, log_nodes.c.level == level] if level else _in_month(month)
    found = list(tx.scalars(select(column).where(*where).order_by(table.c.number)))
    if len(found) != count:
        raise LookupError("a part of the tree is not there")
    return merkle.root(found if level else map(merkle.leaf, found))


def _leaves(tx: Tx, statement: Select[Any]) -> list[Leaf]:
    return [Leaf(Kind(row.kind), row.id, row.leaf_hash, row.number) for row in tx.execute(statement)]


def _in_month(month: str) -> Iterator[ColumnElement[bool]]:
    """The month's own rows, by the column and by the ids, which name the partition."""
    first = _first_of(month)
    yield log_leaves.c.month == month
    yield log_leaves.c.id >= lowest_id(first)
    yield log_leaves.c.id < lowest_id(first_of_month(first, 1))


def _first_of(month: str) -> datetime:
    return datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
