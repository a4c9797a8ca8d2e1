"""Checking the log: every entry against its leaf, every leaf against the signed heads, the heads against each other and
against their file outside the database.

What cannot be found here: an entry that was changed before it was sealed, some five seconds after it was written.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from heapq import merge
from typing import Final
from uuid import UUID

from idp import storage
from idp.domain import tree_heads
from idp.domain.audit import Event, Kind, StoredEntry
from idp.domain.merkle import Frontier
from idp.domain.tree_heads import MARGIN, TYP, Fault, Leaf, TreeHead
from idp.runtime.data_keys import Unsealable
from idp.runtime.runtime import Runtime
from idp.storage.merkle_log import StoredHead

CHUNK: Final = 1000
# Sealed so long after the moment in its id, an entry is told of: it waited for a worker, or its moment is invented.
LATE_AFTER: Final = timedelta(minutes=10)
_TABLES: Final = {Kind.AUDIT: "audit", Kind.RELEASE: "releases"}


@dataclass
class Report:
    """What a check found; of each month the first bad entry, since all that follows it is in doubt."""

    faults: list[Fault] = field(default_factory=list)
    let_go: list[str] = field(default_factory=list)
    entries: int = 0
    heads: int = 0
    late: int = 0
    first_late: UUID | None = None
    waiting: int = 0


def check(tx: storage.Tx, runtime: Runtime, published: Iterable[str] = ()) -> Report:
    """Check the whole log; `published` are the lines of the file outside. Takes `storage.once()`, and its time."""
    report = Report()
    missing = _check_heads(tx, runtime, published, report)
    dropped = _list_dropped(tx, runtime)
    months = {*storage.merkle_log.list_months(tx), *(head.month for head in missing)}
    for month in sorted(months):
        checked = _Month(tx, month, dropped, report)
        fault = checked.find_fault([head for head in missing if head.month == month])
        report.faults += [fault] if fault else []
    _check_unsealed(tx, report)
    return report


def read_lines(lines: Iterable[str]) -> Iterator[str]:
    """The heads of a file; a line that was torn by a power cut is the beginning of the one after it."""
    before = ""
    for line in map(str.strip, lines):
        if before and not line.startswith(before):
            yield before
        before = line
    if before:
        yield before


# -- heads -------------------------------------------------------------------------------------------------------------


def _check_heads(tx: storage.Tx, runtime: Runtime, published: Iterable[str], report: Report) -> list[TreeHead]:
    """Numbers, signatures and the chain; gives the heads that the file has and the database has not."""
    outside = _Outside(runtime, read_lines(published), report)
    number, previous = 0, b""
    for stored in _all_heads(tx):
        number += 1
        head = _signed(runtime, stored.jws)
        if stored.number != number:
            report.faults.append(Fault(f"head number {number} is missing"))
            number = stored.number
        elif head is None:
            report.faults.append(Fault(f"head number {number} was not signed by the log"))
        elif (head.number, head.month, head.size) != (stored.number, stored.month, stored.size):
            report.faults.append(Fault(f"head number {number} stands in the place of another"))
        elif head.previous != previous:
            report.faults.append(Fault(f"head number {number} does not follow the one before it"))
        outside.compare(stored)
        previous = tree_heads.digest(stored.jws)
        report.heads += 1
    return outside.rest()


class _Outside:
    """The heads of the file, read along with those of the database; both stand in the order of their numbers."""

    def __init__(self, runtime: Runtime, lines: Iterator[str], report: Report) -> None:
        self._runtime, self._lines, self._report = runtime, lines, report
        self._missing: list[TreeHead] = []
        self._next: tuple[str, TreeHead] | None = None
        self._step()

    def compare(self, stored: StoredHead) -> None:
        while self._next and self._next[1].number < stored.number:
            self._miss(self._next[1])
        if self._next and self._next[1].number == stored.number:
            jws, head = self._next
            if jws != stored.jws:
                self._report.faults.append(Fault(f"head number {head.number} is not the one that was published"))
                self._missing.append(head)
            self._step()

    def rest(self) -> list[TreeHead]:
        while self._next:
            self._miss(self._next[1])
        return self._missing

    def _miss(self, head: TreeHead) -> None:
        self._report.faults.append(Fault(f"head number {head.number} was published, and is not in the database"))
        self._missing.append(head)
        self._step()

    def _step(self) -> None:
        self._next = None
        for line in self._lines:
            head = _signed(self._runtime, line)
            if head is not None:
                self._next = (line, head)
                return
            self._report.faults.append(Fault("a line of the file of heads was not signed by the log"))


def _all_heads(tx: storage.Tx) -> Iterator[StoredHead]:
    after = 0
    while found := storage.merkle_log.list_heads(tx, after=after, limit=CHUNK):
        yield from found
        after = found[-1].number


def _signed(runtime: Runtime, jws: str) -> TreeHead | None:
    try:
        return tree_heads.of_claims(runtime.keyring.log.read(jws, typ=TYP))
    except (Unsealable, ValueError):
        return None


# -- entries -----------------------------------------------------------------------------------------------------------


class _Month:
    """One tree, from its first leaf on."""

    def __init__(self, tx: storage.Tx, month: str, dropped: frozenset[str], report: Report) -> None:
        self._tx, self._month, self._report = tx, month, report
        self._gone = {kind for kind, table in _TABLES.items() if self._is_dropped(dropped, table)}
        self._leaves_are_gone = self._is_dropped(dropped, "log_leaves")

    def _is_dropped(self, dropped: frozenset[str], table: str) -> bool:
        return f"{table} {self._month.replace('-', '_')}" in dropped

    def find_fault(self, missing: list[TreeHead]) -> Fault | None:
        """The first thing that is wrong. `missing` are heads that the database should have."""
        leaves = self._numbered()
        first = next(leaves, None)
        if first is None and self._leaves_are_gone:
            self._report.let_go.append(self._month)
            return None
        frontier, following = Frontier(), first
        for head in self._heads(missing):
            while frontier.size < head.size:
                fault = self._fault_of(frontier.size, following, head)
                if fault or following is None:
                    return fault
                frontier, _ = frontier.append(following[0].tree_hash)
                following = next(leaves, None)
                self._report.entries += 1
            if frontier.root() != head.root:
                return Fault("its head has another root than its entries", self._month, head.first_new)
        if following is not None:
            return Fault("stands behind all that was signed", self._month, following[0].number, following[0].id)
        return None

    def _heads(self, missing: list[TreeHead]) -> Iterator[TreeHead]:
        """Of two that say something else of one size, that of the file counts."""
        sizes = {head.size for head in missing}
        stored = (head for head in self._stored_heads() if head.size not in sizes)
        return merge(stored, sorted(missing, key=_size_of), key=_size_of)

    def _stored_heads(self) -> Iterator[TreeHead]:
        size = 0
        while found := storage.merkle_log.list_heads_of_month(self._tx, self._month, after=size, limit=CHUNK):
            for stored in found:
                with suppress(ValueError):  # told of already
                    yield tree_heads.read_unverified(stored.jws)
            size = found[-1].size

    def _fault_of(self, number: int, found: tuple[Leaf, StoredEntry | None] | None, head: TreeHead) -> Fault | None:
        if found is None or found[0].number > number:
            return Fault("was deleted, and its leaf with it", self._month, number)
        leaf, entry = found
        place = (self._month, number, leaf.id)
        if leaf.number < number:
            return Fault("stands twice in the log", *place)
        if number >= head.first_new and leaf.mark != head.mark_of(number):
            return Fault("is not what was sealed here: it was changed, moved or inserted, or one was deleted", *place)
        if entry is None and leaf.kind not in self._gone:
            return Fault("was deleted", *place)
        if entry is not None and not (entry.is_as_written and entry.leaf_hash() == leaf.leaf_hash):
            return Fault("was changed", *place)
        self._note_late(leaf, head)
        return None

    def _note_late(self, leaf: Leaf, head: TreeHead) -> None:
        if head.at - tree_heads.moment_of(leaf.id) > LATE_AFTER:
            self._report.late += 1
            self._report.first_late = self._report.first_late or leaf.id

    def _numbered(self) -> Iterator[tuple[Leaf, StoredEntry | None]]:
        start = 0
        while found := storage.merkle_log.list_leaves(self._tx, self._month, start=start, limit=CHUNK):
            entries = {
                kind: storage.merkle_log.find_entries(self._tx, kind, [each.id for each in found if each.kind == kind])
                for kind in Kind
            }
            for leaf in found:
                yield leaf, entries[leaf.kind].get(leaf.id)
            start = found[-1].number + 1


def _size_of(head: TreeHead) -> int:
    return head.size


def _check_unsealed(tx: storage.Tx, report: Report) -> None:
    """An entry that is older than what was sealed, and in no tree, was put there afterwards."""
    newest = storage.merkle_log.find_newest_moment(tx)
    if newest is not None:
        for leaf in storage.merkle_log.list_unsealed(tx, since=None, until=newest - MARGIN, limit=1):
            report.faults.append(Fault("was never sealed: it was inserted afterwards", leaf.month, entry=leaf.id))
    since = None if newest is None else newest - MARGIN
    report.waiting = len(storage.merkle_log.list_unsealed(tx, since=since, limit=CHUNK))


def _list_dropped(tx: storage.Tx, runtime: Runtime) -> frozenset[str]:
    """What the log itself says was let go, such as 'audit 2026_12'; whoever deletes rows cannot seal that."""
    found = set()
    for entry in storage.audit.list_house_entries(tx, runtime.keyring, Event.HISTORY_DROPPED):
        stored = storage.merkle_log.find_entry(tx, Kind.AUDIT, entry.id)
        leaf = storage.merkle_log.find_leaf(tx, entry.id)
        if stored and leaf and stored.leaf_hash() == leaf.leaf_hash:
            found.add(entry.details.partition(":")[0])
    return frozenset(found)
