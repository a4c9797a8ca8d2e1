"""Requests of people about their own data: what was said is sealed under their data key, all else is evidence."""

from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update

from idp.domain.rights import Act, Due, RequestState, RightKind, RightsRequest
from idp.runtime.data_keys import DataKey
from idp.runtime.keyring import Keyring
from idp.storage.database import Tx
from idp.storage.tables import data_keys, rights_requests

ActName = Literal["received", "answered", "extended", "ended"]
_IS_OPEN: Final = rights_requests.c.ended_at.is_(None)


def insert_request(tx: Tx, key: DataKey, request: RightsRequest) -> None:
    tx.execute(
        insert(rights_requests).values(
            id=request.id,
            subject_id=request.subject_id,
            kind=request.kind,
            **_standing(request),
            **_act(key, request, "received"),
        )
    )


def save_act(tx: Tx, key: DataKey | None, request: RightsRequest, done: ActName, *, was: RequestState) -> bool:
    """Write how a request stands after an act, and the act; False when it stood elsewhere than `was`.

    Without the person's key, which an erasure takes, what was said is not kept.
    """
    where = (rights_requests.c.id == request.id, rights_requests.c.state == was)
    values = {**_standing(request), **_act(key, request, done)}
    return tx.execute(update(rights_requests).where(*where).values(values)).rowcount == 1


def find_request(tx: Tx, keyring: Keyring, request_id: UUID) -> RightsRequest | None:
    """A request with what was said; without it where the person's data were erased."""
    statement = (
        select(rights_requests, data_keys.c.wrapped)
        .outerjoin(data_keys, data_keys.c.subject_id == rights_requests.c.subject_id)
        .where(rights_requests.c.id == request_id)
    )
    row = tx.execute(statement).one_or_none()
    if row is None:
        return None
    return _request(row, keyring.unwrap(row.wrapped, row.subject_id) if row.wrapped else None)


def list_of_person(tx: Tx, key: DataKey, subject_id: UUID, *, limit: int) -> list[RightsRequest]:
    """The requests of a person, the newest first."""
    statement = select(rights_requests).where(rights_requests.c.subject_id == subject_id)
    rows = tx.execute(statement.order_by(rights_requests.c.id.desc()).limit(limit))
    return [_request(row, key) for row in rows]


def list_open(tx: Tx, *, overdue_on: date | None = None, limit: int) -> list[RightsRequest]:
    """What is open, or overdue on that day, the most urgent first; without a word that was said."""
    where = _IS_OPEN if overdue_on is None else _is_overdue(overdue_on)
    statement = select(rights_requests).where(where).order_by(rights_requests.c.done_by, rights_requests.c.id)
    return [_request(row, None) for row in tx.execute(statement.limit(limit))]


def count_overdue(tx: Tx, today: date) -> int:
    return tx.scalar(select(func.count()).select_from(rights_requests).where(_is_overdue(today))) or 0


def count_lately(tx: Tx, subject_id: UUID, since: datetime) -> int:
    """How many requests of a person are open, or came since."""
    is_counted = or_(_IS_OPEN, rights_requests.c.received_at > since)
    where = (rights_requests.c.subject_id == subject_id, is_counted)
    return tx.scalar(select(func.count()).select_from(rights_requests).where(*where)) or 0


def _is_overdue(today: date) -> ColumnElement[bool]:
    table = rights_requests.c
    late_answer = and_(table.state == RequestState.RECEIVED, table.answer_by < today)
    return and_(_IS_OPEN, or_(late_answer, table.done_by < today))


def _standing(request: RightsRequest) -> dict[str, object]:
    return {
        "state": request.state,
        "through_others": request.through_others,
        "answer_by": request.due.answer_by,
        "done_by": request.due.done_by,
        "legal_ground": request.legal_ground or None,
    }


def _act(key: DataKey | None, request: RightsRequest, name: ActName) -> dict[str, object]:
    act: Act = getattr(request, name)
    place = f"rights_requests.{name}_sealed"
    sealed = key.seal(place, request.id, act.words) if key and act.words else None
    return {f"{name}_at": act.at, f"{name}_by": act.by, f"{name}_sealed": sealed}


def _request(row: Any, key: DataKey | None) -> RightsRequest:
    return RightsRequest(
        id=row.id,
        subject_id=row.subject_id,
        kind=RightKind(row.kind),
        state=RequestState(row.state),
        through_others=row.through_others,
        due=Due(row.answer_by, row.done_by),
        legal_ground=row.legal_ground or "",
        received=_opened(row, key, "received"),
        answered=_opened(row, key, "answered") if row.answered_at else None,
        extended=_opened(row, key, "extended") if row.extended_at else None,
        ended=_opened(row, key, "ended") if row.ended_at else None,
    )


def _opened(row: Any, key: DataKey | None, name: ActName) -> Act:
    sealed = getattr(row, f"{name}_sealed")
    words = key.open(f"rights_requests.{name}_sealed", row.id, sealed) if key and sealed else ""
    return Act(getattr(row, f"{name}_at"), getattr(row, f"{name}_by"), words)
