"""The audit and the releases: rows are only ever added; each carries the hash a later proof stands on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, Select, bindparam, func, insert, literal_column, select

from idp.domain import claims
from idp.domain.audit import Entry, Event, Kind, hash_of
from idp.runtime.data_keys import DataKey, Unsealable
from idp.runtime.keyring import Keyring
from idp.storage import tables
from idp.storage.database import Tx
from idp.storage.many_rows import insert_rows
from idp.storage.partitions import lowest_id
from idp.storage.tables import Moment, audit, releases


def insert_entry(tx: Tx, entry: Entry, key: DataKey | None = None) -> None:
    """Write one line. Details need `key`: the data key of the person concerned, or the house's where nobody is."""
    tx.execute(insert(audit).values(_values(entry, key)))


def insert_entries(tx: Tx, entries: Sequence[Entry], keys: Mapping[UUID, DataKey] | None = None) -> None:
    """Write many lines; `keys` are those of the persons concerned, for details."""
    found = keys or {}
    rows = [_values(entry, found.get(entry.subject_id) if entry.subject_id else None) for entry in entries]
    insert_rows(tx, audit, rows)


def _values(entry: Entry, key: DataKey | None) -> dict[str, object]:
    if entry.details and key is None:
        raise ValueError("details are sealed, and need a key")
    sealed = key.seal("audit.details_sealed", entry.id, entry.details) if key and entry.details else None
    values: dict[str, object] = {
        "id": entry.id,
        "at": entry.at,
        "event": entry.event,
        "subject_id": entry.subject_id,
        "service_id": entry.service_id,
        "session_id": entry.session_id,
        "actor": entry.actor,
        "details_sealed": sealed,
    }
    return {**values, "leaf_hash": hash_of(Kind.AUDIT, values)}


def release_values(
    *,
    id: UUID,
    at: datetime,
    subject_id: UUID,
    service_id: UUID,
    grant_id: UUID,
    name_bits: int,
    basis_kind: str,
    basis_id: UUID,
    legal_basis: str | None,
    personal_number_basis: str | None,
) -> dict[str, object]:
    """The columns of one release: which service may read which facts of whom, from when, on what basis."""
    values: dict[str, object] = {
        "id": id,
        "at": at,
        "subject_id": subject_id,
        "service_id": service_id,
        "grant_id": grant_id,
        "name_bits": name_bits,
        "basis_kind": basis_kind,
        "basis_id": basis_id,
        "legal_basis": legal_basis,
        "personal_number_basis": personal_number_basis,
    }
    return {**values, "leaf_hash": hash_of(Kind.RELEASE, values)}


def list_receivers(tx: Tx, subject_id: UUID) -> list[tuple[UUID, datetime]]:
    """The services that a person signed in to, each with the last time, as far back as releases are kept."""
    statement = (
        select(releases.c.service_id, func.max(releases.c.at, type_=Moment))
        .where(releases.c.subject_id == subject_id)
        .group_by(releases.c.service_id)
    )
    return [(row[0], row[1]) for row in tx.execute(statement)]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one service received at one sign-in, and why: by consent, or on a named law."""

    id: UUID
    service_id: UUID
    at: datetime
    names: frozenset[str]
    legal_basis: str | None


def list_receipts(tx: Tx, subject_id: UUID, *, limit: int, below: UUID | None = None) -> list[Receipt]:
    """Who received facts of a person, the newest first, from below an id on."""
    where = [releases.c.subject_id == subject_id, *([releases.c.id < below] if below else [])]
    statement = select(releases).where(*where).order_by(releases.c.id.desc()).limit(limit)
    return [
        Receipt(row.id, row.service_id, row.at, claims.from_bits(row.name_bits), row.legal_basis)
        for row in tx.execute(statement)
    ]


def list_looks(tx: Tx, key: DataKey, subject_id: UUID, *, limit: int, below: UUID | None = None) -> list[Entry]:
    """Who looked at a person's record, the newest first, from below an id on; `details` is the purpose."""
    where = [audit.c.subject_id == subject_id, audit.c.event == Event.RECORD_READ, *_below(below)]
    return _entries(tx, lambda _: key, select(audit).where(*where).order_by(audit.c.id.desc()).limit(limit))


def list_entries(tx: Tx, key: DataKey, subject_id: UUID, *, limit: int, below: UUID | None = None) -> list[Entry]:
    """The entries about a person, the newest first, from below an id on; what is sealed in them is opened."""
    statement = select(audit).where(audit.c.subject_id == subject_id, *_below(below)).order_by(audit.c.id.desc())
    return _entries(tx, lambda _: key, statement.limit(limit))


def _below(id_: UUID | None) -> list[ColumnElement[bool]]:
    return [audit.c.id < id_] if id_ else []


@dataclass(frozen=True, slots=True)
class Search:
    """What an auditor looks for: from one moment to before another, and what else is known of it."""

    since: datetime
    before: datetime
    event: Event | None = None
    actor: str = ""
    subject_id: UUID | None = None


def list_found(tx: Tx, keyring: Keyring, search: Search, *, limit: int, below: UUID | None = None) -> list[Entry]:
    """Entries of anybody, the newest first, from below an id on; of details only what the house seals for itself."""
    where = [audit.c.id >= lowest_id(search.since), audit.c.id < (below or lowest_id(search.before))]
    if search.event is not None:
        # Written out, here and below: a plan that is made once for all kinds would read what is rare by the days.
        where.append(audit.c.event == bindparam("event", search.event.value, literal_execute=True))
    if search.actor:
        where += [audit.c.actor == search.actor, literal_column(tables.BY_OFFICERS, Boolean)]
    if search.subject_id is not None:
        where.append(audit.c.subject_id == search.subject_id)
    return _entries(tx, keyring.house_key_of, select(audit).where(*where).order_by(audit.c.id.desc()).limit(limit))


def list_hashes(tx: Tx, entries: Sequence[Entry]) -> list[tuple[Entry, bytes]]:
    """Entries with the hash that each stands on in the log."""
    statement = select(audit.c.id, audit.c.leaf_hash).where(audit.c.id.in_([each.id for each in entries]))
    found = {row.id: row.leaf_hash for row in tx.execute(statement)}
    return [(each, found[each.id]) for each in entries]


def list_house_entries(tx: Tx, keyring: Keyring, event: Event) -> list[Entry]:
    """All entries of an event that concerns nobody, what the house sealed in them opened; '' where it cannot be."""
    return _entries(tx, keyring.house_key_of, select(audit).where(audit.c.event == event, audit.c.subject_id.is_(None)))


def _entries(tx: Tx, key_of: Callable[[bytes], DataKey], statement: Select[Any]) -> list[Entry]:
    return [
        Entry(
            id=row.id,
            at=row.at,
            event=Event(row.event),
            subject_id=row.subject_id,
            service_id=row.service_id,
            session_id=row.session_id,
            actor=row.actor,
            details=_open(key_of, row.id, row.details_sealed),
        )
        for row in tx.execute(statement)
    ]


def _open(key_of: Callable[[bytes], DataKey], id_: UUID, sealed: bytes | None) -> str:
    """What was sealed; '' where it was under another's key, or one that is gone."""
    try:
        return key_of(sealed).open("audit.details_sealed", id_, sealed) if sealed else ""
    except Unsealable:
        return ""
