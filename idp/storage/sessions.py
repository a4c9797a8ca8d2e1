"""Sessions: found by the digest of their cookie, ended once, listed when they ran out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, insert, literal, or_, select, update

from idp.domain.accounts import Profile, Subject
from idp.domain.sessions import EndReason, Session
from idp.runtime import chance
from idp.runtime.data_keys import DataKey
from idp.runtime.keyring import Keyring
from idp.storage import accounts, idleness
from idp.storage.database import Tx
from idp.storage.statements import Statement
from idp.storage.tables import Moment, authentications, data_keys, profiles, sessions, subjects


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A live session with whose it is, in one row."""

    session: Session
    subject: Subject
    profile: Profile


def find_signed_in(
    tx: Tx, keyring: Keyring, token_digest: bytes, *, now: datetime, idle_for: timedelta
) -> SignedIn | None:
    """The live session of this cookie, of a person who may sign in; None for any other."""
    row = _FIND_SIGNED_IN.find(tx, {"token_digest": token_digest})
    if row is None:
        return None
    session, subject = _session(row), accounts.subject_of(row)
    if not session.is_live(now, idle_for) or not subject.may_sign_in:
        return None
    return SignedIn(session=session, subject=subject, profile=accounts.profile_of(keyring, row))


def insert_session(
    tx: Tx, key: DataKey, session: Session, *, token_digest: bytes, device_id: UUID | None, address: str, agent: str
) -> None:
    tx.execute(
        insert(sessions).values(
            id=session.id,
            subject_id=session.subject_id,
            token_digest=token_digest,
            auth_time=session.auth_time,
            amr=" ".join(session.amr),
            auth_level=session.auth_level,
            device_id=device_id,
            address_sealed=key.seal("sessions.address_sealed", session.id, address),
            agent_sealed=key.seal("sessions.agent_sealed", session.id, agent),
            created_at=session.created_at,
            seen_at=session.seen_at,
            expires_at=session.expires_at,
            idle_for=_seconds(session.idle_for),
        )
    )


def renew_session(tx: Tx, session: Session, token_digest: bytes) -> bool:
    """Write a new proof of the same person into a live session, under a new cookie; False when it ended meanwhile."""
    where = (sessions.c.id == session.id, sessions.c.ended_at.is_(None))
    values = {
        "token_digest": token_digest,
        "auth_time": session.auth_time,
        "amr": " ".join(session.amr),
        "auth_level": session.auth_level,
        "seen_at": session.seen_at,
        "expires_at": session.expires_at,
        "idle_for": _seconds(session.idle_for),
    }
    return tx.execute(update(sessions).where(*where).values(values)).rowcount == 1


def insert_authentication(tx: Tx, key: DataKey, session: Session, *, source: str, address: str, now: datetime) -> None:
    """One proof of who somebody is: from which source, by which methods, at which level."""
    id_ = chance.new_id(now)
    tx.execute(
        insert(authentications).values(
            id=id_,
            subject_id=session.subject_id,
            session_id=session.id,
            source=source,
            amr=" ".join(session.amr),
            auth_level=session.auth_level,
            at=now,
            address_sealed=key.seal("authentications.address_sealed", id_, address),
        )
    )


def end_session(tx: Tx, session_id: UUID, reason: EndReason, now: datetime) -> bool:
    """End a session; waits for an exchange that holds it. False when it had ended before."""
    where = (sessions.c.id == session_id, sessions.c.ended_at.is_(None))
    return tx.execute(update(sessions).where(*where).values(ended_at=now, end_reason=reason)).rowcount == 1


def end_of_people(tx: Tx, subject_ids: Sequence[UUID], reason: EndReason, now: datetime) -> dict[UUID, UUID]:
    """End the sessions of these people; gives those that lived, each with whose it was."""
    where = (sessions.c.subject_id.in_(subject_ids), sessions.c.ended_at.is_(None))
    ended = update(sessions).where(*where).values(ended_at=now, end_reason=reason)
    return {row.id: row.subject_id for row in tx.execute(ended.returning(sessions.c.id, sessions.c.subject_id))}


def touch(tx: Tx, session_id: UUID, now: datetime) -> None:
    """Write when a session was last used."""
    tx.execute(update(sessions).where(sessions.c.id == session_id, sessions.c.ended_at.is_(None)).values(seen_at=now))


def list_live(tx: Tx, subject_id: UUID) -> list[Session]:
    where = (sessions.c.subject_id == subject_id, sessions.c.ended_at.is_(None))
    return [_session(row) for row in tx.execute(select(*_columns()).where(*where).order_by(sessions.c.id))]


@dataclass(frozen=True, slots=True)
class Seen:
    """Where and how a person is, or was, signed in. `address` and `agent` are what the browser said."""

    id: UUID
    at: datetime
    seen_at: datetime
    amr: tuple[str, ...]
    address: str
    agent: str


def list_open(tx: Tx, key: DataKey, subject_id: UUID, *, now: datetime, idle_for: timedelta) -> list[Seen]:
    """The sessions of a person that live now, the newest first."""
    where = (
        sessions.c.subject_id == subject_id,
        sessions.c.ended_at.is_(None),
        sessions.c.expires_at > now,
        idleness.is_in_use(literal(now, Moment), literal(now - idle_for, Moment)),
    )
    return [
        Seen(
            row.id,
            row.auth_time,
            row.seen_at,
            tuple(row.amr.split()),
            key.open("sessions.address_sealed", row.id, row.address_sealed),
            key.open("sessions.agent_sealed", row.id, row.agent_sealed),
        )
        for row in tx.execute(select(sessions).where(*where).order_by(sessions.c.id.desc()))
    ]


def list_authentications(tx: Tx, key: DataKey, subject_id: UUID, *, limit: int) -> list[Seen]:
    """The newest proofs of who somebody is; the browser is not kept with them."""
    statement = select(authentications).where(authentications.c.subject_id == subject_id)
    return [
        Seen(
            row.session_id,
            row.at,
            row.at,
            tuple(row.amr.split()),
            key.open("authentications.address_sealed", row.id, row.address_sealed),
            "",
        )
        for row in tx.execute(statement.order_by(authentications.c.id.desc()).limit(limit))
    ]


def list_run_out(tx: Tx, *, now: datetime, idle_for: timedelta, limit: int) -> list[Session]:
    """Sessions that nobody ended but time did, held for this worker alone."""
    run_out = or_(idleness.is_idle(literal(now, Moment), literal(now - idle_for, Moment)), sessions.c.expires_at <= now)
    statement = select(*_columns()).where(sessions.c.ended_at.is_(None), run_out).order_by(sessions.c.id).limit(limit)
    statement = statement.with_for_update(skip_locked=True)
    return [_session(row) for row in tx.execute(statement)]


def _columns() -> tuple[Any, ...]:
    return (
        sessions.c.id.label("session_id"),
        sessions.c.subject_id.label("session_subject_id"),
        sessions.c.auth_time,
        sessions.c.amr,
        sessions.c.auth_level,
        sessions.c.created_at.label("session_created_at"),
        sessions.c.seen_at,
        sessions.c.expires_at,
        sessions.c.ended_at,
        sessions.c.idle_for,
    )


def _session(row: Any) -> Session:
    return Session(
        id=row.session_id,
        subject_id=row.session_subject_id,
        auth_time=row.auth_time,
        amr=tuple(row.amr.split()),
        auth_level=row.auth_level,
        created_at=row.session_created_at,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        idle_for=None if row.idle_for is None else timedelta(seconds=row.idle_for),
    )


def _seconds(limit: timedelta | None) -> int | None:
    return None if limit is None else int(limit.total_seconds())


_FIND_SIGNED_IN: Final = Statement(
    select(*_columns(), *accounts.subject_columns(), *accounts.profile_columns())
    .select_from(sessions)
    .join(subjects, subjects.c.id == sessions.c.subject_id)
    .join(data_keys, data_keys.c.subject_id == subjects.c.id)
    .join(profiles, profiles.c.subject_id == subjects.c.id)
    .where(sessions.c.token_digest == bindparam("token_digest"))
)
