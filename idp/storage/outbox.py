"""What leaves the house: rows written with the change they tell of, taken by a worker, delivered at least once."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Select, Text, and_, cast, func, insert, literal_column, or_, select, update

from idp.domain.identifiers import ContactKind
from idp.domain.notices import BY_SMS, GOOD_FOR, MOST_BY_SMS, Notice
from idp.domain.one_time_codes import SMS_TODAY
from idp.runtime import chance
from idp.runtime.data_keys import DataKey, Unsealable
from idp.runtime.keyring import Keyring
from idp.storage import throttles
from idp.storage.database import Tx
from idp.storage.factors import Reachable, list_factors
from idp.storage.tables import Moment, outbox, relying_services

BACKCHANNEL_LOGOUT = "backchannel_logout"
FETCH_LOGO = "fetch_logo"
# Messages to people, by the channel that carries them.
CHANNEL_OF = {"phone": "sms", "email": "mail"}
MESSAGES = tuple(CHANNEL_OF.values())
KINDS = (BACKCHANNEL_LOGOUT, FETCH_LOGO, *MESSAGES)
# Messages of one channel under way at once: a gateway that hangs holds no more of the worker than this.
MESSAGES_AT_ONCE = 3
STATES = ("queued", "delivered", "failed")


@dataclass(frozen=True, slots=True)
class Parcel:
    """One thing to deliver. `tries` counts the attempts before this one."""

    id: UUID
    kind: str
    service_id: UUID | None
    body: dict[str, Any]
    tries: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """What became of one parcel so far, without what is in it."""

    id: UUID
    kind: str
    client_id: str | None
    state: str
    tries: int
    created_at: datetime
    next_try_at: datetime
    delivered_at: datetime | None
    last_failure: str | None


def insert_parcel(
    tx: Tx, keyring: Keyring, kind: str, body: dict[str, Any], *, now: datetime, **whose: UUID | None
) -> UUID:
    """Queue a delivery in the transaction of the change it tells of; `whose` as in `parcel_values`."""
    values = parcel_values(keyring, kind, body, now=now, **whose)
    insert_parcels(tx, [values])
    return UUID(int=values["id"].int)


def insert_parcels(tx: Tx, parcels: Sequence[Mapping[str, object]]) -> None:
    """Queue deliveries that `parcel_values` packed."""
    if parcels:
        tx.execute(insert(outbox), parcels)


def parcel_values(
    keyring: Keyring,
    kind: str,
    body: dict[str, Any],
    *,
    now: datetime,
    service_id: UUID | None = None,
    subject_id: UUID | None = None,
    session_id: UUID | None = None,
) -> dict[str, Any]:
    """The row of a delivery, its body sealed."""
    id_ = chance.new_id(now)
    return {
        "id": id_,
        "kind": kind,
        "service_id": service_id,
        "subject_id": subject_id,
        "session_id": session_id,
        "body_sealed": keyring.house_key().seal("outbox.body_sealed", id_, orjson.dumps(body).decode()),
        "state": "queued",
        "tries": 0,
        "created_at": now,
        "next_try_at": now,
    }


def insert_message(
    tx: Tx,
    keyring: Keyring,
    channel: str,
    *,
    to: str,
    subject: str,
    text: str,
    until: datetime,
    subject_id: UUID | None,
    now: datetime,
) -> None:
    """Queue a message to a person, worth nothing after `until`; to nobody (''), it is taken and never sent."""
    body = {"to": to, "subject": subject, "text": text, "until": until.isoformat()}
    insert_parcel(tx, keyring, channel, body, now=now, subject_id=subject_id)


def insert_notices(
    tx: Tx, keyring: Keyring, contacts: Iterable[Reachable], notice: Notice, subject_id: UUID, now: datetime
) -> None:
    """Queue a notice to each of a person's contacts; a phone that had MOST_BY_SMS of them today gets no more.

    A notice counts in the day's text messages and is sent when they are spent too: spending them must silence no alarm.
    """
    reached = list(contacts)
    told = _count_phones(tx, keyring, {each.value for each in reached if each.kind == ContactKind.PHONE}, now)
    for contact in reached:
        if contact.kind == ContactKind.PHONE and contact.value not in told:
            continue
        channel = CHANNEL_OF[contact.kind]
        more = f"\n\n{notice.in_mail}" if notice.in_mail and channel == "mail" else ""
        insert_message(
            tx,
            keyring,
            channel,
            to=contact.value,
            subject=notice.subject,
            text=notice.text + more,
            until=now + GOOD_FOR,
            subject_id=subject_id,
            now=now,
        )


def insert_notices_to_person(
    tx: Tx, keyring: Keyring, key: DataKey, subject_id: UUID, notice: Notice, now: datetime
) -> None:
    """Queue a notice to each contact that a person has proved."""
    insert_notices(tx, keyring, list_factors(tx, key, subject_id, now).contacts, notice, subject_id, now)


def _count_phones(tx: Tx, keyring: Keyring, phones: Set[str], now: datetime) -> set[str]:
    """Those of the phones that are told today; the phones in one order, and the count of all last, as codes do."""
    tomorrow, told = now + timedelta(days=1), set()
    for phone in sorted(phones):
        counts = throttles.use_tries(tx, keyring, {BY_SMS: phone}, now=now, window_ends_at=tomorrow)
        if counts[BY_SMS] <= MOST_BY_SMS:
            told.add(phone)
    for _ in told:
        use_text_message(tx, keyring, now)
    return told


def use_text_message(tx: Tx, keyring: Keyring, now: datetime) -> int:
    """Count one text message more in the day; gives how many there are. Last of all counts, since everybody's wait for
    it."""
    counts = throttles.use_tries(tx, keyring, {SMS_TODAY: ""}, now=now, window_ends_at=now + timedelta(days=1))
    return counts[SMS_TODAY]


def count_held_up(tx: Tx, channel: str, now: datetime) -> int:
    """How many messages of a channel wait that were tried already: its gateway does not take them just now."""
    waiting = (outbox.c.kind == channel, outbox.c.state == "queued", outbox.c.tries > 0)
    recent = outbox.c.created_at > now - timedelta(hours=1)
    return tx.scalar(select(func.count()).select_from(outbox).where(*waiting, recent)) or 0


def use_due(
    tx: Tx,
    keyring: Keyring,
    *,
    now: datetime,
    lease_for: timedelta,
    limit: int,
) -> list[Parcel]:
    """Take what is due under a lease, one parcel a service, so that a service that hangs keeps nobody waiting.

    A service with a parcel under way, in whichever worker, is passed over; so is a channel with MESSAGES_AT_ONCE.
    """
    others = outbox.alias()
    is_leased = (others.c.state == "queued", others.c.leased_until > now, others.c.service_id.is_not(None))
    is_due = and_(
        outbox.c.state == "queued",
        outbox.c.next_try_at <= now,
        or_(outbox.c.leased_until.is_(None), outbox.c.leased_until <= now),
    )
    ids = _due_messages(tx, is_due, now, limit)
    is_due = and_(
        is_due,
        outbox.c.kind.in_(KINDS),  # what a newer version queued waits for its worker
        outbox.c.kind.not_in(MESSAGES),
        or_(outbox.c.service_id.is_(None), outbox.c.service_id.not_in(select(others.c.service_id).where(*is_leased))),
    )
    services = (
        select(outbox.c.service_id)
        .where(is_due)
        .group_by(outbox.c.service_id)
        .order_by(func.min(outbox.c.next_try_at))
        .limit(max(0, limit - len(ids)))
    )
    for service_id in tx.scalars(_alone(tx, services)).all():
        # Of parcels due at once one that was tried less comes first: one that alone is refused holds up no other.
        in_order = (outbox.c.next_try_at, outbox.c.tries, outbox.c.id)
        first = select(outbox.c.id).where(is_due, outbox.c.service_id == service_id).order_by(*in_order)
        ids += tx.scalars(first.limit(1).with_for_update(skip_locked=True)).all()
    if not ids:
        return []
    tx.execute(update(outbox).where(outbox.c.id.in_(ids)).values(leased_until=now + lease_for))
    parcels = []
    for row in tx.execute(select(outbox).where(outbox.c.id.in_(ids)).order_by(outbox.c.id)).all():
        try:
            body = keyring.house_key_of(row.body_sealed).open("outbox.body_sealed", row.id, row.body_sealed)
        except Unsealable:
            # Its key is lost: nobody can ever deliver it, and the others must not wait behind it.
            end_failed_try(tx, row.id, "the body cannot be opened", next_try_at=None)
            continue
        parcels.append(
            Parcel(
                id=row.id,
                kind=row.kind,
                service_id=row.service_id,
                body=orjson.loads(body),
                tries=row.tries,
                created_at=row.created_at,
            )
        )
    return parcels


def _due_messages(tx: Tx, is_due: ColumnElement[bool], now: datetime, limit: int) -> list[UUID]:
    """The messages whose turn it is: the oldest of each channel, as many as it may have under way."""
    ids: list[UUID] = []
    for channel in MESSAGES:
        is_leased = (outbox.c.kind == channel, outbox.c.state == "queued", outbox.c.leased_until > now)
        free = MESSAGES_AT_ONCE - (tx.scalar(select(func.count()).select_from(outbox).where(*is_leased)) or 0)
        due = select(outbox.c.id).where(is_due, outbox.c.kind == channel).order_by(outbox.c.next_try_at, outbox.c.id)
        most = max(0, min(free, limit - len(ids)))
        ids += tx.scalars(due.limit(most).with_for_update(skip_locked=True)).all()
    return ids


def _alone(tx: Tx, services: Select[Any]) -> Select[Any]:
    """Those of the services that no other worker is choosing a parcel of just now; SQLite has one writer anyway."""
    if tx.dialect.name != "postgresql":
        return services
    found = services.subquery()
    key = func.hashtextextended(func.coalesce(cast(found.c.service_id, Text), ""), literal_column("0"))
    return select(found.c.service_id).where(func.pg_try_advisory_xact_lock(key))


def end_delivered(tx: Tx, parcel: Parcel, now: datetime) -> None:
    """Note a delivery; what else waits for the service is due now, since it answers."""
    tx.execute(
        update(outbox)
        .where(outbox.c.id == parcel.id)
        .values(state="delivered", delivered_at=now, leased_until=None, tries=outbox.c.tries + 1)
    )
    waiting = (outbox.c.service_id == parcel.service_id, outbox.c.state == "queued", outbox.c.next_try_at > now)
    tx.execute(update(outbox).where(*waiting).values(next_try_at=now))


def end_failed_try(tx: Tx, parcel_id: UUID, failure: str, *, next_try_at: datetime | None) -> None:
    """Note a failed try; without a next one the parcel is given up and stays in the ledger as `failed`."""
    values: dict[str, Any] = {"tries": outbox.c.tries + 1, "last_failure": failure[:120], "leased_until": None}
    values |= {"next_try_at": next_try_at} if next_try_at else {"state": "failed"}
    tx.execute(update(outbox).where(outbox.c.id == parcel_id).values(**values))


def count_waiting(tx: Tx, now: datetime) -> tuple[int, float]:
    """How many parcels are queued, and by how many seconds the one that is most overdue is late."""
    statement = select(func.count(), func.min(outbox.c.created_at, type_=Moment)).where(outbox.c.state == "queued")
    count, oldest = tx.execute(statement).one()
    return count, max(0.0, (now - oldest).total_seconds()) if oldest else 0.0


def put_off(tx: Tx, service_id: UUID, until: datetime) -> None:
    """A service does not answer: what waits for it waits on, and one parcel at a time finds out when it is back."""
    waiting = (outbox.c.service_id == service_id, outbox.c.state == "queued", outbox.c.next_try_at < until)
    tx.execute(update(outbox).where(*waiting).values(next_try_at=until))


def list_of_session(tx: Tx, session_id: UUID) -> list[tuple[UUID | None, str, int]]:
    """The ledger of a session's ending: service, state, tries."""
    statement = (
        select(outbox.c.service_id, outbox.c.state, outbox.c.tries)
        .where(outbox.c.session_id == session_id)
        .order_by(outbox.c.id)
    )
    return [(row.service_id, row.state, row.tries) for row in tx.execute(statement)]


@dataclass(frozen=True, slots=True)
class News:
    """What a service is told of a person: when it was written, and whether it has arrived."""

    service_id: UUID
    at: datetime
    state: str
    delivered_at: datetime | None


def list_news(tx: Tx, subject_id: UUID, *, limit: int) -> list[News]:
    """The newest that services were told of a person."""
    columns = (outbox.c.service_id, outbox.c.created_at, outbox.c.state, outbox.c.delivered_at)
    where = (outbox.c.subject_id == subject_id, outbox.c.service_id.is_not(None))
    rows = tx.execute(select(*columns).where(*where).order_by(outbox.c.id.desc()).limit(limit))
    return [News(*row) for row in rows]


def list_ledger(tx: Tx, *, service_id: UUID | None, state: str | None, limit: int) -> list[LedgerLine]:
    """The newest parcels, of all services or one, in all states or one."""
    statement = (
        select(
            *(getattr(outbox.c, name) for name in LedgerLine.__slots__ if name != "client_id"),
            relying_services.c.client_id,
        )
        .outerjoin(relying_services, relying_services.c.id == outbox.c.service_id)
        .order_by(outbox.c.id.desc())
        .limit(limit)
    )
    if service_id is not None:
        statement = statement.where(outbox.c.service_id == service_id)
    if state is not None:
        statement = statement.where(outbox.c.state == state)
    return [LedgerLine(**row._mapping) for row in tx.execute(statement)]


def retry(
    tx: Tx, now: datetime, *, parcel_id: UUID | None = None, service_id: UUID | None = None
) -> list[tuple[UUID, UUID | None]]:
    """Make what waits or was given up due now, one parcel or all of a service; gives each with its service."""
    of_whom = outbox.c.id == parcel_id if parcel_id else outbox.c.service_id == service_id
    statement = (
        update(outbox)
        .where(of_whom, outbox.c.state != "delivered")
        .values(state="queued", next_try_at=now)
        .returning(outbox.c.id, outbox.c.service_id)
    )
    return [(row.id, row.service_id) for row in tx.execute(statement)]
