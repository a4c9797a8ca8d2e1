"""Recoveries: one open at a time for a person and a proof, ready after a while, used once or cancelled."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
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
    proved: frozenset[Way]
    ended_at: datetime | None

    @property
    def waited(self) -> bool:
        """Whether time was left to say no."""
        return self.ready_at > self.opened_at


def find_open(tx: Tx, subject_id: UUID, proved: Collection[Way], now: datetime) -> Recovery | None:
    """The recovery of a person that waits, or is ready, for just this proof."""
    where = (recoveries.c.subject_id == subject_id, recoveries.c.state == OPEN, recoveries.c.expires_at > now)
    found = [_recovery(row) for row in tx.execute(select(recoveries).where(*where).order_by(recoveries.c.id.desc()))]
    return next((each for each in found if each.proved == frozenset(proved)), None)


def find_by_id(tx: Tx, recovery_id: UUID, now: datetime) -> Recovery | None:
    """A recovery that waits or is ready."""
    where = (recoveries.c.id == recovery_id, recoveries.c.state == OPEN, recoveries.c.expires_at > now)
    row = tx.execute(select(recoveries).where(*where)).one_or_none()
    return _recovery(row) if row else None


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


def list_used_since(tx: Tx, subject_id: UUID, since: datetime) -> list[Recovery]:
    """By what the account was got back since then, the newest first."""
    where = (recoveries.c.subject_id == subject_id, recoveries.c.state == USED, recoveries.c.ended_at > since)
    return [
        _recovery(row) for row in tx.execute(select(recoveries).where(*where).order_by(recoveries.c.ended_at.desc()))
    ]


def _recovery(row: Any) -> Recovery:
    proved = frozenset(Way(way) for way in row.proved.split())
    return Recovery(row.id, row.subject_id, row.opened_at, row.ready_at, row.expires_at, proved, row.ended_at)
