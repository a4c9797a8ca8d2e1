"""Handing out the log: a month with all that its check needs, or one entry with its proof.

What was sealed in an entry leaves as it is stored, so that an export opens to nobody and outlives an erasure. Whoever
reads the log is noted in it, but for people who take the proof of an entry of their own.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from idp import storage
from idp.domain import merkle
from idp.domain.audit import Entry, Event, Kind, StoredEntry
from idp.domain.refusals import Refusal
from idp.domain.tree_heads import Leaf
from idp.runtime import chance
from idp.runtime.runtime import Runtime

CHUNK: Final = 1000
FORMAT: Final = 1


def note_export(tx: storage.Tx, runtime: Runtime, month: str, *, reader: str, purpose: str) -> None:
    """Note who takes a month away, and why; before it is handed out. Raises Refusal('not_found')."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month) or storage.merkle_log.find_tree(tx, month) is None:
        raise Refusal("not_found", f"the log has no month {month[:20]}")
    _note(tx, runtime, Event.LOG_EXPORTED, reader, f"{month} {purpose}")


def export(tx: storage.Tx, runtime: Runtime, month: str, *, reader: str, purpose: str) -> Iterator[dict[str, Any]]:
    """The lines of an export: what it is, the month's heads, its leaves with their entries, what is in no tree.

    An entry that is not there any more has no values: the check says so, and not this. Takes `storage.once()`.
    """
    made_at = runtime.clock.now()  # before the head is read: of an older one nothing may be missing
    newest = storage.merkle_log.find_newest_head(tx, month)
    size = newest.size if newest else 0
    yield {
        "type": "log",
        "format": FORMAT,
        "issuer": runtime.settings.issuer,
        "month": month,
        "size": size,
        "made_at": made_at.isoformat(),
        "reader": reader,
        "purpose": purpose,
    }
    after = 0
    while heads := storage.merkle_log.list_heads_of_month(tx, month, after=after, limit=CHUNK):
        yield from ({"type": "head", "jws": head.jws} for head in heads if head.size <= size)
        after = heads[-1].size
    start = 0
    while leaves := storage.merkle_log.list_leaves(tx, month, start=start, limit=CHUNK):
        entries = _entries(tx, leaves)
        yield from (_line("entry", leaf, entries.get(leaf.id)) for leaf in leaves if leaf.number < size)
        start = leaves[-1].number + 1
    yield from _unsealed(tx, month)


def prove(tx: storage.Tx, runtime: Runtime, entry_id: UUID, *, reader: str, purpose: str) -> dict[str, Any]:
    """One entry with its proof, for somebody who checks the log. Raises Refusal('not_found')."""
    proof = _prove(tx, runtime, entry_id)
    _note(tx, runtime, Event.LOG_READ, reader, f"{entry_id} {purpose}")
    return proof


def prove_own(tx: storage.Tx, runtime: Runtime, subject_id: UUID, entry_id: UUID) -> dict[str, Any]:
    """An entry about a person with its proof, for that person. Raises Refusal('not_found') for any other."""
    leaf = storage.merkle_log.find_leaf(tx, entry_id)
    entry = storage.merkle_log.find_entry(tx, leaf.kind, entry_id) if leaf else None
    if entry is None or entry.values["subject_id"] != subject_id:
        raise Refusal("not_found", "no entry of this person")
    return _prove(tx, runtime, entry_id)


def prove_many(tx: storage.Tx, runtime: Runtime, entry_ids: Sequence[UUID]) -> Iterator[dict[str, Any]]:
    """Entries with their proofs, without those of the last seconds, which are in no tree yet. The reader is noted where
    they were found."""
    sealed = storage.merkle_log.find_sealed(tx, list(entry_ids))
    return (_prove(tx, runtime, each) for each in entry_ids if each in sealed)


def _prove(tx: storage.Tx, runtime: Runtime, entry_id: UUID) -> dict[str, Any]:
    """By the newest head of the entry's month, so that the same head serves whoever asks at the same time."""
    leaf = storage.merkle_log.find_leaf(tx, entry_id)
    head = storage.merkle_log.find_newest_head(tx, leaf.month) if leaf else None
    if leaf is None or head is None or leaf.number >= head.size:
        raise Refusal("not_found", "no such entry is in the log; a new one is sealed within five seconds")

    def subtree(start: int, height: int) -> bytes:
        return storage.merkle_log.find_subtree(tx, leaf.month, start, height)

    return {
        **_line("proof", leaf, _entries(tx, [leaf]).get(leaf.id)),
        "issuer": runtime.settings.issuer,
        "month": leaf.month,
        "size": head.size,
        "path": [each.hex() for each in merkle.inclusion_path(leaf.number, head.size, subtree)],
        "head": head.jws,
    }


def _entries(tx: storage.Tx, leaves: list[Leaf]) -> dict[UUID, StoredEntry]:
    found: dict[UUID, StoredEntry] = {}
    for kind in Kind:
        found |= storage.merkle_log.find_entries(tx, kind, [leaf.id for leaf in leaves if leaf.kind == kind])
    return found


def _line(type_: str, leaf: Leaf, entry: StoredEntry | None) -> dict[str, Any]:
    return {
        "type": type_,
        "number": leaf.number,
        "kind": leaf.kind,
        "id": str(leaf.id),
        "leaf_hash": leaf.leaf_hash.hex(),
        "values": entry.told() if entry else None,
    }


def _unsealed(tx: storage.Tx, month: str) -> Iterator[dict[str, Any]]:
    """Entries of the month that are in no tree: a moment old, or put there afterwards."""
    for leaf in storage.merkle_log.list_unsealed_of(tx, month, limit=CHUNK):
        yield _line("unsealed", leaf, _entries(tx, [leaf]).get(leaf.id))


def _note(tx: storage.Tx, runtime: Runtime, event: Event, reader: str, details: str) -> None:
    now = runtime.clock.now()
    entry = Entry(id=chance.new_id(now), at=now, event=event, actor=reader, details=details)
    storage.audit.insert_entry(tx, entry, runtime.keyring.house_key())
