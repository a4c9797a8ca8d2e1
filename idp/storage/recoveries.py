"""Recoveries: one open at a time for a person, ready after a while, used once or cancelled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, update

from idp.domain.factors import Way
from idp.runtime import chance
from idp.storage.database import Tx
from idp.storage.tables import recoveries

OPEN, USED, CANCELLED = "open", "used", "cancelled"


@dataclass(frozen=True, slots=True)
class Recovery:
    id: UUID
    subject_id: UUID
    opened_at: datetime
    ready_at: datetime
    expires_at: datetime
    proved: frozenset[str]


def find_open(tx: Tx, subject_id: UUID, now: datetime) -> Recovery | None:
    """The recovery of a person that waits or is ready."""
    where = (recoveries.c.subject_id == subject_id, recoveries.c.state == OPEN, recoveries.c.expires_at > now)
    row = tx.execute(select(recoveries).where(*where).order_by(recoveries.c.id.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    proved = frozenset(row.proved.split())
    return Recovery(row.id, row.subject_id, row.opened_at, row.ready_at, row.expires_at, proved)


def insert_recovery(
    tx: Tx, subject_id: UUID, proved: tuple[Way, ...], *, now: datetime, ready_at: datetime, expires_at: datetime
) -> UUID:
    id_ = chance.new_id(now)
    tx.execute(
        insert(recoveries).values(
            id=id_,
            subject_id=subject_id,
            state=OPEN,
            proved=" ".join(proved),
            opened_at=now,
            ready_at=ready_at,
            expires_at=expires_at,
        )
    )
    return id_


def end_recovery(tx: Tx, recovery_id: UUID, state: str, now: datetime) -> bool:
    """Use or cancel it; False when that was done before."""
    where = (recoveries.c.id == recovery_id, recoveries.c.state == OPEN)
    return tx.execute(update(recoveries).where(*where).values(state=state, ended_at=now)).rowcount == 1


def end_of_people(tx: Tx, subject_ids: Sequence[UUID], now: datetime) -> None:
    """Cancel what waits or is ready of these people, whoever opened it."""
    where = (recoveries.c.subject_id.in_(subject_ids), recoveries.c.state == OPEN)
    tx.execute(update(recoveries).where(*where).values(state=CANCELLED, ended_at=now))


def count_used_since(tx: Tx, subject_id: UUID, since: datetime) -> int:
    """How often the account was got back since from afar: who was seen at a counter may clear out at once."""
    afar = recoveries.c.proved.not_like(f"%{Way.COUNTER_CODE}%")
    where = (recoveries.c.subject_id == subject_id, recoveries.c.state == USED, recoveries.c.ended_at > since, afar)
    return len(tx.execute(select(recoveries.c.id).where(*where)).all())
