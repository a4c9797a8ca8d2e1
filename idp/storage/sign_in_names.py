"""Names to sign in with: whom a typed number, phone or e-mail address may mean. Several may have what none was proved
to own.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from idp.domain.accounts import Subject, SubjectKind
from idp.runtime import chance
from idp.runtime.data_keys import DataKey
from idp.runtime.keyring import Keyring
from idp.storage.accounts import SHARED_PROOFS, subject_columns, subject_of
from idp.storage.database import Tx
from idp.storage.tables import contacts, credentials, data_keys, devices, sign_in_names, subjects


@dataclass(frozen=True, slots=True)
class Candidate:
    """Whom a typed sign-in name may mean, with what the check needs, in one row."""

    subject: Subject
    password_hash: str | None
    credential_id: UUID | None
    data_key: DataKey
    device_id: UUID | None


def find_candidate(
    tx: Tx, keyring: Keyring, *, space: SubjectKind, kind: str, value: str, device_digest: bytes, device_since: datetime
) -> Candidate | None:
    """The subject a sign-in name belongs to; `device_id` is set when this browser is a known device of it.

    Of several that have the name, the one whose known device this is; else whose it was proved to be; else the first.
    """
    device = and_(
        devices.c.subject_id == subjects.c.id,
        devices.c.token_digest == device_digest,
        devices.c.ended_at.is_(None),
        devices.c.seen_at > device_since,
    )
    password = and_(
        credentials.c.subject_id == subjects.c.id,
        credentials.c.kind == "password",
        credentials.c.ended_at.is_(None),
    )
    statement = (
        select(
            *subject_columns(),
            credentials.c.id.label("credential_id"),
            credentials.c.secret_hash,
            data_keys.c.wrapped,
            devices.c.id.label("device_id"),
        )
        .select_from(sign_in_names)
        .join(subjects, subjects.c.id == sign_in_names.c.subject_id)
        .join(data_keys, data_keys.c.subject_id == subjects.c.id)
        .outerjoin(credentials, password)
        .outerjoin(devices, device)
        .where(
            sign_in_names.c.space == space,
            sign_in_names.c.kind == kind,
            sign_in_names.c.value_index.in_(keyring.indexes(f"sign-in/{space}/{kind}", value)),
        )
        .order_by(devices.c.id.is_(None), sign_in_names.c.proof.in_(SHARED_PROOFS), sign_in_names.c.id)
        .limit(1)
    )
    row = tx.execute(statement).one_or_none()
    if row is None:
        return None
    return Candidate(
        subject=subject_of(row),
        password_hash=row.secret_hash,
        credential_id=row.credential_id,
        data_key=keyring.unwrap(row.wrapped, row.subject_id),
        device_id=row.device_id,
    )


def insert_name(
    tx: Tx, keyring: Keyring, key: DataKey, subject: Subject, *, kind: str, value: str, proof: str, now: datetime
) -> bool:
    """Make a value the name to sign in with; False when it was proved to be another subject's, and now for this one."""
    index, *under_earlier_masters = keyring.indexes(f"sign-in/{subject.kind}/{kind}", value)
    if under_earlier_masters and proof not in SHARED_PROOFS:
        # Until the rewrap has passed, the unique index alone does not see them.
        earlier = sign_in_names.c.value_index.in_(under_earlier_masters)
        same = (
            sign_in_names.c.space == subject.kind,
            sign_in_names.c.kind == kind,
            sign_in_names.c.proof.not_in(SHARED_PROOFS),
            earlier,
        )
        if tx.scalar(select(sign_in_names.c.id).where(*same)) is not None:
            return False
    id_ = chance.new_id(now)
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    statement = (
        dialect.insert(sign_in_names)
        .values(
            id=id_,
            subject_id=subject.id,
            space=subject.kind,
            kind=kind,
            value_sealed=key.seal("sign_in_names.value_sealed", id_, value),
            value_index=index,
            proof=proof,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(sign_in_names.c.id)
    )
    # Not by the row count: of an INSERT it is gone on PostgreSQL once the statement is done.
    return tx.scalar(statement) is not None


def find_subject(tx: Tx, keyring: Keyring, *, space: SubjectKind, kind: str, value: str) -> Subject | None:
    """Whom a value signs in, whatever the state of the account; of several, whose it was proved to be, or the first."""
    statement = (
        select(*subject_columns())
        .join(sign_in_names, sign_in_names.c.subject_id == subjects.c.id)
        .where(
            sign_in_names.c.space == space,
            sign_in_names.c.kind == kind,
            sign_in_names.c.value_index.in_(keyring.indexes(f"sign-in/{space}/{kind}", value)),
        )
        .order_by(sign_in_names.c.proof.in_(SHARED_PROOFS), sign_in_names.c.id)
        .limit(1)
    )
    row = tx.execute(statement).one_or_none()
    return subject_of(row) if row else None


def list_owners(tx: Tx, keyring: Keyring, *, kind: str, value: str, limit: int) -> list[UUID]:
    """Everybody who may sign in with this, of those whom it was proved to be the first."""
    statement = select(sign_in_names.c.subject_id).where(*_of(keyring, kind, value))
    ordered = statement.order_by(sign_in_names.c.proof.in_(SHARED_PROOFS), sign_in_names.c.id)
    return list(tx.scalars(ordered.limit(limit)))


def find_by_contact(tx: Tx, keyring: Keyring, *, kind: str, name: str, contact_kind: str, contact: str) -> UUID | None:
    """Whose account has this name and this proved contact; of several, the one that was proved best, else the first."""
    statement = (
        select(sign_in_names.c.subject_id)
        .join(contacts, contacts.c.subject_id == sign_in_names.c.subject_id)
        .where(
            sign_in_names.c.space == SubjectKind.PERSON,
            sign_in_names.c.kind == kind,
            sign_in_names.c.value_index.in_(keyring.indexes(f"sign-in/{SubjectKind.PERSON}/{kind}", name)),
            contacts.c.kind == contact_kind,
            contacts.c.value_index.in_(keyring.indexes(f"contact/{contact_kind}", contact)),
            contacts.c.verified_at.is_not(None),
            contacts.c.ended_at.is_(None),
        )
        .order_by(sign_in_names.c.proof.in_(SHARED_PROOFS), sign_in_names.c.id)
        .limit(1)
    )
    found: UUID | None = tx.scalar(statement)
    return found


def find_proved(tx: Tx, keyring: Keyring, *, kind: str, value: str) -> UUID | None:
    """Whose a name was proved to be."""
    where = (*_of(keyring, kind, value), sign_in_names.c.proof.not_in(SHARED_PROOFS))
    found: UUID | None = tx.scalar(select(sign_in_names.c.subject_id).where(*where).limit(1))
    return found


def end_declared(tx: Tx, keyring: Keyring, *, kind: str, value: str) -> None:
    """Take a name from everybody who merely said it."""
    tx.execute(delete(sign_in_names).where(*_of(keyring, kind, value), sign_in_names.c.proof.in_(SHARED_PROOFS)))


def end_name(tx: Tx, keyring: Keyring, subject_id: UUID, *, kind: str, value: str) -> None:
    """A name of this person is none any more."""
    tx.execute(delete(sign_in_names).where(*_of(keyring, kind, value), sign_in_names.c.subject_id == subject_id))


def end_all(tx: Tx, subject_id: UUID) -> None:
    """This subject has no names any more: they are free for whoever proves or says them next."""
    tx.execute(delete(sign_in_names).where(sign_in_names.c.subject_id == subject_id))


def _of(keyring: Keyring, kind: str, value: str) -> tuple[ColumnElement[bool], ...]:
    space = SubjectKind.PERSON
    indexes = keyring.indexes(f"sign-in/{space}/{kind}", value)
    return (sign_in_names.c.space == space, sign_in_names.c.kind == kind, sign_in_names.c.value_index.in_(indexes))
