"""The state of an account and the lock that is on it: read, changed by a guarded UPDATE, found when it is over."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, update

from idp.domain.accounts import AccountState, Ground, Lock, Subject
from idp.storage import accounts
from idp.storage.database import Tx
from idp.storage.tables import subjects

_LOCK: Final = (
    subjects.c.state_reason,
    subjects.c.state_source,
    subjects.c.state_legal_basis,
    subjects.c.state_until,
)


def find_lock(tx: Tx, subject_id: UUID) -> Lock | None:
    """The lock that is on an account, held until this transaction ends; None where there is none."""
    where = (subjects.c.id == subject_id, subjects.c.state == AccountState.LOCKED)
    row = tx.execute(select(*_LOCK).where(*where).with_for_update()).one_or_none()
    return _lock(row) if row else None


def list_locks(tx: Tx, subject_ids: Collection[UUID]) -> dict[UUID, Lock]:
    """The locks that are on these accounts, by whose they are."""
    where = (subjects.c.id.in_(list(subject_ids)), subjects.c.state == AccountState.LOCKED)
    return {row.id: _lock(row) for row in tx.execute(select(subjects.c.id, *_LOCK).where(*where))}


def save_locks(tx: Tx, subject_ids: Collection[UUID], lock: Lock, now: datetime) -> None:
    """Put one lock on many accounts, which are held and may be locked."""
    values = {"state": AccountState.LOCKED, "state_reason": lock.ground, **_lock_values(lock), "updated_at": now}
    tx.execute(update(subjects).where(subjects.c.id.in_(list(subject_ids))).values(values))


def list_run_out_locks(tx: Tx, now: datetime, *, limit: int) -> list[tuple[Subject, Lock]]:
    """Locks whose end has come, held for this worker alone."""
    where = (subjects.c.state == AccountState.LOCKED, subjects.c.state_until <= now)
    statement = select(*accounts.subject_columns(), *_LOCK).where(*where).order_by(subjects.c.id).limit(limit)
    return [(accounts.subject_of(row), _lock(row)) for row in tx.execute(statement.with_for_update(skip_locked=True))]


def _lock(row: Any) -> Lock:
    # What the version before wrote as a reason is nobody's automatic ground.
    known = row.state_reason in set(Ground)
    return Lock(
        ground=Ground(row.state_reason) if known else Ground.MISUSE,
        source=row.state_source or "",
        legal_basis=row.state_legal_basis or "",
        until=row.state_until,
    )


def _lock_values(lock: Lock | None) -> dict[str, object]:
    return {
        "state_source": lock.source[:64] or None if lock else None,
        "state_legal_basis": lock.legal_basis[:200] or None if lock else None,
        "state_until": lock.until if lock else None,
    }


def save_state(
    tx: Tx,
    subject_id: UUID,
    was: AccountState,
    state: AccountState,
    *,
    reason: str,
    now: datetime,
    lock: Lock | None = None,
) -> bool:
    """Move an account from one state to another, with why; False when it was in another state."""
    values = {
        "state": state,
        "state_reason": reason,
        **_lock_values(lock),
        "updated_at": now,
    }
    where = (subjects.c.id == subject_id, subjects.c.state == was)
    return tx.execute(update(subjects).where(*where).values(values)).rowcount == 1
