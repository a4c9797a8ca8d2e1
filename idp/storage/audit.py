"""The audit and the releases: rows are only ever added; each carries the hash a later proof stands on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, insert, select

from idp.domain import claims
from idp.domain.audit import Entry, Event, leaf_hash
from idp.runtime.data_keys import DataKey, Unsealable
from idp.storage.database import Tx
from idp.storage.tables import Moment, audit, releases


def insert_entry(tx: Tx, entry: Entry, key: DataKey | None = None) -> None:
    """Write one line. Details need `key`: the data key of the person concerned, or the house's where nobody is."""
    tx.execute(insert(audit).values(_values(entry, key)))


def insert_entries(tx: Tx, entries: Sequence[Entry], keys: Mapping[UUID, DataKey] | None = None) -> None:
    """Write many lines; `keys` are those of the persons concerned, for details."""
    found = keys or {}
    rows = [_values(entry, found.get(entry.subject_id) if entry.subject_id else None) for entry in entries]
    if rows:
        tx.execute(insert(audit), rows)


def _values(entry: Entry, key: DataKey | None) -> dict[str, object]:
    if entry.details and key is None:
        raise ValueError("details are sealed, and need a key")
    sealed = key.seal("audit.details_sealed", entry.id, entry.details) if key and entry.details else None
    said = (entry.event, entry.subject_id, entry.service_id, entry.session_id, entry.actor)
    return {
        "id": entry.id,
        "at": entry.at,
        "event": entry.event,
        "subject_id": entry.subject_id,
        "service_id": entry.service_id,
        "session_id": entry.session_id,
        "actor": entry.actor,
        "details_sealed": sealed,
        "leaf_hash": leaf_hash("audit", entry.id, entry.at.isoformat(), *said, sealed),
    }


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
    told = (at.isoformat(), subject_id, service_id, grant_id, name_bits)
    basis = (basis_kind, basis_id, legal_basis, personal_number_basis)
    return {
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
        "leaf_hash": leaf_hash("release", id, *told, *basis),
    }


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

    service_id: UUID
    at: datetime
    names: frozenset[str]
    legal_basis: str | None


def list_receipts(tx: Tx, subject_id: UUID, *, limit: int) -> list[Receipt]:
    """Who received facts of a person, the newest first."""
    statement = select(releases).where(releases.c.subject_id == subject_id).order_by(releases.c.id.desc()).limit(limit)
    return [
        Receipt(row.service_id, row.at, claims.from_bits(row.name_bits), row.legal_basis)
        for row in tx.execute(statement)
    ]


def list_looks(tx: Tx, key: DataKey, subject_id: UUID, *, limit: int) -> list[Entry]:
    """Who looked at a person's record, the newest first; `details` is the purpose."""
    where = (audit.c.subject_id == subject_id, audit.c.event == Event.RECORD_READ)
    return _entries(tx, key, select(audit).where(*where).order_by(audit.c.id.desc()).limit(limit))


def list_entries(tx: Tx, key: DataKey, subject_id: UUID, *, limit: int) -> list[Entry]:
    """The newest entries about a person, what is sealed in them opened."""
    statement = select(audit).where(audit.c.subject_id == subject_id).order_by(audit.c.id.desc()).limit(limit)
    return _entries(tx, key, statement)


def _entries(tx: Tx, key: DataKey, statement: Select[Any]) -> list[Entry]:
    return [
        Entry(
            id=row.id,
            at=row.at,
            event=Event(row.event),
            subject_id=row.subject_id,
            service_id=row.service_id,
            session_id=row.session_id,
            actor=row.actor,
            details=_open(key, row.id, row.details_sealed),
        )
        for row in tx.execute(statement)
    ]


def _open(key: DataKey, id_: UUID, sealed: bytes | None) -> str:
    """What was sealed under the person's key; '' for what the house keeps for itself."""
    try:
        return key.open("audit.details_sealed", id_, sealed) if sealed else ""
    except Unsealable:
        return ""
