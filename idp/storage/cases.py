"""Cases: what one officer asked and another one decides. What is asked is sealed; its hash is not."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import func, insert, select, update

from idp.domain.cases import Case, CaseKind, CaseState, Hand
from idp.runtime.keyring import Keyring
from idp.storage.database import Tx
from idp.storage.tables import cases


def insert_case(tx: Tx, keyring: Keyring, case: Case) -> None:
    body = orjson.dumps(dict(case.body)).decode()
    tx.execute(
        insert(cases).values(
            id=case.id,
            kind=case.kind,
            state=case.state,
            subject_id=case.subject_id,
            agency_id=case.agency_id,
            asked_by=case.asked.officer_id,
            asked_as=case.asked.actor[:64],
            asked_session_id=case.asked.session_id,
            asked_device_digest=case.asked.device_digest,
            asked_at=case.asked_at,
            body_sealed=keyring.house_key().seal("cases.body_sealed", case.id, body),
            body_hash=case.body_hash,
            due_by=case.due_by,
            expires_at=case.expires_at,
        )
    )


def find_case(tx: Tx, keyring: Keyring, case_id: UUID, *, held: bool = False) -> Case | None:
    """A case; `held`, nobody else decides it before this transaction ends."""
    statement = select(cases).where(cases.c.id == case_id)
    row = tx.execute(statement.with_for_update() if held else statement).one_or_none()
    return _case(keyring, row) if row else None


def save_decision(tx: Tx, case_id: UUID, state: CaseState, hand: Hand, reason: str, now: datetime) -> bool:
    """How a case ended; False when it had ended before."""
    where = (cases.c.id == case_id, cases.c.state == CaseState.WAITING)
    values = {
        "state": state,
        "decided_by": hand.officer_id,
        "decided_as": hand.actor[:64],
        "decided_session_id": hand.session_id,
        "decided_at": now,
        "reason": reason,
    }
    return tx.execute(update(cases).where(*where).values(values)).rowcount == 1


ORDERS: Final = {"due": cases.c.due_by, "asked": cases.c.asked_at, "kind": cases.c.kind}


def list_cases(
    tx: Tx,
    keyring: Keyring,
    *,
    states: list[CaseState],
    agency_ids: list[UUID] | None,
    asked_by: UUID | None = None,
    kinds: Sequence[CaseKind] | None = None,
    limit: int,
    offset: int = 0,
    by: str = "due",
    is_descending: bool = False,
) -> list[Case]:
    """Cases of these units and kinds (None: of all), asked by one officer or by anybody, in the order of one of ORDERS:
    those due first, unless another is asked for."""
    statement = select(cases).where(cases.c.state.in_(states))
    if asked_by is not None:
        statement = statement.where(cases.c.asked_by == asked_by)
    if kinds is not None:
        statement = statement.where(cases.c.kind.in_(kinds))
    if agency_ids is not None:
        statement = statement.where(cases.c.agency_id.in_(agency_ids))
    order = [ORDERS[by], cases.c.id]
    ordered = statement.order_by(*(each.desc() if is_descending else each for each in order))
    rows = tx.execute(ordered.limit(limit).offset(offset))
    return [_case(keyring, row) for row in rows]


def list_of_asker(tx: Tx, keyring: Keyring, officer_id: UUID, kind: CaseKind, *, limit: int) -> list[Case]:
    """What an officer asked of one kind, the newest first."""
    statement = select(cases).where(cases.c.asked_by == officer_id, cases.c.kind == kind)
    return [_case(keyring, row) for row in tx.execute(statement.order_by(cases.c.id.desc()).limit(limit))]


def count_waiting(tx: Tx, agency_ids: list[UUID] | None, kinds: Sequence[CaseKind]) -> int:
    where = (cases.c.state == CaseState.WAITING, cases.c.kind.in_(kinds))
    statement = select(func.count()).select_from(cases).where(*where)
    if agency_ids is not None:
        statement = statement.where(cases.c.agency_id.in_(agency_ids))
    return int(tx.scalar(statement) or 0)


def list_expired(tx: Tx, keyring: Keyring, now: datetime, *, limit: int) -> list[Case]:
    """Cases that waited too long, held for this worker alone."""
    where = (cases.c.state == CaseState.WAITING, cases.c.expires_at <= now)
    statement = select(cases).where(*where).order_by(cases.c.id).limit(limit).with_for_update(skip_locked=True)
    return [_case(keyring, row) for row in tx.execute(statement)]


def end_bodies(tx: Tx, before: datetime) -> int:
    """Let go of what was asked in cases that ended before this moment."""
    where = (cases.c.decided_at < before, cases.c.body_sealed.is_not(None))
    return tx.execute(update(cases).where(*where).values(body_sealed=None)).rowcount


def _case(keyring: Keyring, row: Any) -> Case:
    sealed = row.body_sealed  # under the house key of its day, which may be an older one by now
    body = keyring.house_key_of(sealed).open("cases.body_sealed", row.id, sealed) if sealed else "{}"
    return Case(
        id=row.id,
        kind=CaseKind(row.kind),
        state=CaseState(row.state),
        subject_id=row.subject_id,
        agency_id=row.agency_id,
        asked=Hand(row.asked_by, row.asked_as, row.asked_session_id, row.asked_device_digest),
        asked_at=row.asked_at,
        body=orjson.loads(body),
        body_hash=row.body_hash,
        due_by=row.due_by,
        expires_at=row.expires_at,
        decided_as=row.decided_as or "",
        decided_at=row.decided_at,
        reason=row.reason or "",
    )
