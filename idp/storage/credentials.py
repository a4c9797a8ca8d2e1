"""What a person proves oneself with: password hashes, and the browsers known as one's devices."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from idp.runtime import chance
from idp.runtime.data_keys import DataKey
from idp.storage.database import Tx
from idp.storage.tables import credentials, devices, sessions


def insert_password(tx: Tx, subject_id: UUID, secret_hash: str, now: datetime) -> None:
    tx.execute(
        insert(credentials).values(
            id=chance.new_id(now),
            subject_id=subject_id,
            kind="password",
            secret_hash=secret_hash,
            created_at=now,
            changed_at=now,
        )
    )


def save_password(tx: Tx, credential_id: UUID, old_hash: str, new_hash: str, now: datetime) -> bool:
    """Renew a hash in place; False when the password was changed meanwhile."""
    where = (credentials.c.id == credential_id, credentials.c.secret_hash == old_hash)
    return tx.execute(update(credentials).where(*where).values(secret_hash=new_hash, changed_at=now)).rowcount == 1


def is_in_force(tx: Tx, credential_id: UUID | None, secret_hash: str | None) -> bool:
    """Whether this password is still the one that counts; who changes it waits until this transaction ends."""
    where = (credentials.c.id == credential_id, credentials.c.ended_at.is_(None))
    found = tx.scalar(select(credentials.c.secret_hash).where(*where).with_for_update(read=True))
    return secret_hash is not None and found == secret_hash


def replace_password(tx: Tx, subject_id: UUID, secret_hash: str, now: datetime) -> None:
    """A new password in place of the one in force, if there is one."""
    in_force = (
        credentials.c.subject_id == subject_id,
        credentials.c.kind == "password",
        credentials.c.ended_at.is_(None),
    )
    tx.execute(update(credentials).where(*in_force).values(ended_at=now))
    insert_password(tx, subject_id, secret_hash, now)


def count_passwords_since(tx: Tx, subject_id: UUID, since: datetime) -> int:
    """How many passwords were chosen after this moment: one typed before it is worth nothing then."""
    where = (credentials.c.subject_id == subject_id, credentials.c.kind == "password", credentials.c.created_at > since)
    return int(tx.scalar(select(func.count()).select_from(credentials).where(*where)) or 0)


def end_all(tx: Tx, subject_id: UUID, now: datetime) -> None:
    """No password and no browser of the person counts any more."""
    for table in (credentials, devices):
        tx.execute(
            update(table).where(table.c.subject_id == subject_id, table.c.ended_at.is_(None)).values(ended_at=now)
        )


def find_device(tx: Tx, subject_id: UUID, token_digest: bytes) -> UUID | None:
    """The person's known device with this cookie."""
    where = (devices.c.subject_id == subject_id, devices.c.token_digest == token_digest, devices.c.ended_at.is_(None))
    found: UUID | None = tx.scalar(select(devices.c.id).where(*where))
    return found


@dataclass(frozen=True, slots=True)
class Device:
    """A browser that is known; `agent` is what it said it is."""

    id: UUID
    agent: str
    first_seen_at: datetime
    seen_at: datetime


def list_devices(tx: Tx, key: DataKey, subject_id: UUID, since: datetime) -> list[Device]:
    """The browsers that are known to a person, and were seen since then; the last seen first."""
    where = (devices.c.subject_id == subject_id, devices.c.ended_at.is_(None), devices.c.seen_at > since)
    statement = select(devices).where(*where).order_by(devices.c.seen_at.desc(), devices.c.id)
    return [
        Device(row.id, key.open("devices.agent_sealed", row.id, row.agent_sealed), row.first_seen_at, row.seen_at)
        for row in tx.execute(statement)
    ]


def end_device(tx: Tx, subject_id: UUID, device_id: UUID, now: datetime) -> bool:
    """Forget a browser; False when the person has none such."""
    where = (devices.c.id == device_id, devices.c.subject_id == subject_id, devices.c.ended_at.is_(None))
    return tx.execute(update(devices).where(*where).values(ended_at=now)).rowcount == 1


def end_devices(tx: Tx, subject_ids: Sequence[UUID], now: datetime) -> None:
    """Forget every browser of these people."""
    where = (devices.c.subject_id.in_(subject_ids), devices.c.ended_at.is_(None))
    tx.execute(update(devices).where(*where).values(ended_at=now))


def end_devices_of_sessions(tx: Tx, subject_id: UUID, now: datetime, *, of: UUID | None = None, but: UUID) -> None:
    """Forget the browser of session `of`, or of all sessions there were; not the one in which session `but` is."""
    where = [devices.c.subject_id == subject_id, devices.c.ended_at.is_(None), devices.c.id.not_in(_device_of(but))]
    if of is not None:
        where.append(devices.c.id.in_(_device_of(of)))
    tx.execute(update(devices).where(*where).values(ended_at=now))


def _device_of(session_id: UUID) -> Select[tuple[UUID]]:
    return select(sessions.c.device_id).where(sessions.c.id == session_id, sessions.c.device_id.is_not(None))


def save_device(tx: Tx, key: DataKey, subject_id: UUID, token_digest: bytes, agent: str, now: datetime) -> UUID:
    """Remember this browser as a known device of the person; gives its id."""
    id_ = chance.new_id(now)
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    statement = (
        dialect.insert(devices)
        .values(
            id=id_,
            subject_id=subject_id,
            token_digest=token_digest,
            agent_sealed=key.seal("devices.agent_sealed", id_, agent),
            first_seen_at=now,
            seen_at=now,
        )
        .on_conflict_do_update(index_elements=["subject_id", "token_digest"], set_={"seen_at": now, "ended_at": None})
        .returning(devices.c.id)
    )
    found: UUID = tx.execute(statement).scalar_one()
    return found
