"""Sealing the log: each entry of the audit and of the releases gets its place in the tree of its month, by the worker.

The hot path knows nothing of it. Leaf numbers are given here alone, by one sealer at a time, and each time the log has
grown a head is signed and published outside the database.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from typing import Final

from idp import storage
from idp.domain import tree_heads
from idp.domain.merkle import Frontier, Grown
from idp.domain.tree_heads import MARGIN, TYP, Leaf, TreeHead
from idp.runtime.data_keys import Unsealable
from idp.runtime.runtime import Runtime
from idp.storage.merkle_log import StoredHead, Tree

# How much one transaction seals: so many marks make a line of 22,000 characters.
BATCH: Final = 2000
# The slower look goes so far back. What comes with an older id was not written by this provider, and stays unsealed.
LOOK_BACK: Final = timedelta(days=1)
_PUBLISHED_AT_ONCE: Final = 1000


class TreesDiffer(Exception):
    """What the log would grow on is not what was signed or published last: somebody changed it."""


def seal(tx: storage.Tx, runtime: Runtime, *, look_back: timedelta = MARGIN) -> int:
    """Put a batch of entries into the log, the oldest first; gives how many. Raises TreesDiffer.

    What was seen late stands behind younger entries: numbers say when an entry was sealed, ids when it was made.
    """
    storage.merkle_log.lock_log(tx)
    newest = storage.merkle_log.find_newest_moment(tx)
    # The clock of another machine may be ahead, and what it wrote must not hide what the others write meanwhile.
    since = None if newest is None else min(newest, runtime.clock.now()) - look_back
    found = storage.merkle_log.list_unsealed(tx, since=since, limit=BATCH)
    for month, leaves in groupby(found, key=lambda leaf: leaf.month):
        _grow(tx, runtime, month, list(leaves))
    return len(found)


def publish(tx: storage.Tx, runtime: Runtime) -> int:
    """Add heads that the file does not have yet to it; gives how many. Raises OSError, and TreesDiffer.

    The file itself says how far it came, so that none is lost, whatever happened to it or to the worker meanwhile.
    """
    with runtime.heads_file.held() as file:
        last, after = file.last_line(), 0
        if last:
            after = _read(runtime, last).number
            stored = storage.merkle_log.find_head(tx, after)
            if stored is None or stored.jws != last:
                raise TreesDiffer(f"the file's last head, number {after}, is not in the database")
        heads = storage.merkle_log.list_heads(tx, after=after, limit=_PUBLISHED_AT_ONCE)
        if heads:
            file.append([head.jws for head in heads])
        return len(heads)


def _grow(tx: storage.Tx, runtime: Runtime, month: str, found: list[Leaf]) -> None:
    before = storage.merkle_log.find_newest_head(tx)
    tree = storage.merkle_log.find_tree(tx, month)
    frontier = tree.frontier if tree else Frontier()
    _check(runtime, storage.merkle_log.find_newest_head(tx, month), frontier)
    leaves = [replace(leaf, number=frontier.size + place) for place, leaf in enumerate(found)]
    frontier, grown = _append(frontier, leaves)
    head = TreeHead(
        number=before.number + 1 if before else 1,
        month=month,
        size=frontier.size,
        root=frontier.root(),
        previous=tree_heads.digest(before.jws) if before else b"",
        marks=tree_heads.marks_of(leaves),
        at=runtime.clock.now(),
    )
    newest_id = max([leaf.id for leaf in leaves] + ([tree.newest_id] if tree else []))
    storage.merkle_log.insert_leaves(tx, leaves)
    storage.merkle_log.insert_grown(tx, month, grown)
    storage.merkle_log.save_tree(tx, Tree(month, frontier, newest_id))
    signed = runtime.keyring.log.sign(head.claims(runtime.settings.issuer), typ=TYP)
    storage.merkle_log.insert_head(tx, head, signed)


def _append(frontier: Frontier, leaves: Iterable[Leaf]) -> tuple[Frontier, list[Grown]]:
    grown: list[Grown] = []
    for leaf in leaves:
        frontier, more = frontier.append(leaf.tree_hash)
        grown += more
    return frontier, grown


def _check(runtime: Runtime, head: StoredHead | None, frontier: Frontier) -> None:
    """Nothing is signed on top of an edge that was changed: the fault would look like another's."""
    signed = _read(runtime, head.jws) if head else None
    is_same = frontier.size == 0 if signed is None else (signed.size, signed.root) == (frontier.size, frontier.root())
    if not is_same:
        raise TreesDiffer("the tree that stands in log_trees is not the one that was signed last")


def _read(runtime: Runtime, jws: str) -> TreeHead:
    try:
        return tree_heads.of_claims(runtime.keyring.log.read(jws, typ=TYP))
    except (Unsealable, ValueError):
        raise TreesDiffer("the last head was not signed by the log") from None
