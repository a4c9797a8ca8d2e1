"""Officers: staff subjects, their assignments, and who is signed in at the consoles."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, func, insert, or_, select, update

from idp.domain.accounts import Subject, SubjectKind
from idp.domain.identifiers import IdentifierKind, SignInKind
from idp.domain.levels import ProofSource
from idp.domain.officers import Assignment, Role
from idp.runtime.data_keys import DataKey
from idp.runtime.keyring import Keyring
from idp.storage import accounts, agencies, sign_in_names
from idp.storage.database import Tx
from idp.storage.tables import agencies as agency_rows
from idp.storage.tables import assignments, data_keys, identifiers, profiles, sessions, subjects
from idp.storage.tables import sign_in_names as name_rows


@dataclass(frozen=True, slots=True)
class Officer:
    """A member of staff as the lists show them; `assignments` are those in force on the day that was asked for."""

    subject: Subject
    name: str
    staff_code: str
    assignments: tuple[Assignment, ...]


def find_officer(tx: Tx, keyring: Keyring, staff_code: str, day: date) -> Officer | None:
    """The officer who signs in with this code."""
    found = sign_in_names.find_subject(
        tx, keyring, space=SubjectKind.STAFF, kind=SignInKind.STAFF_CODE, value=staff_code
    )
    return find_by_id(tx, keyring, found.id, day) if found else None


def find_by_id(tx: Tx, keyring: Keyring, subject_id: UUID, day: date) -> Officer | None:
    row = tx.execute(_OFFICERS.where(subjects.c.id == subject_id)).one_or_none()
    if row is None:
        return None
    return _officer(keyring, row, list_assignments(tx, [subject_id], day))


def list_officers(tx: Tx, keyring: Keyring, agency_ids: list[UUID], day: date) -> list[Officer]:
    """The officers with an assignment in force at one of these units, by their codes."""
    held = (
        select(assignments.c.subject_id)
        .where(assignments.c.agency_id.in_(agency_ids), *_in_force(day))
        .scalar_subquery()
    )
    rows = tx.execute(_OFFICERS.where(subjects.c.id.in_(held))).all()
    found = list_assignments(tx, [row.subject_id for row in rows], day)
    return sorted((_officer(keyring, row, found) for row in rows), key=lambda each: each.staff_code)


def count_officers(tx: Tx) -> int:
    """How many officers there are, whether or not they have an assignment."""
    statement = select(func.count()).select_from(subjects).where(subjects.c.kind == SubjectKind.STAFF)
    return int(tx.scalar(statement) or 0)


def insert_own_number(tx: Tx, keyring: Keyring, key: DataKey, subject: Subject, number: str, now: datetime) -> None:
    """The officer's own personal number, kept for one question alone: whether a record is the officer's own."""
    accounts.insert_identifier(
        tx,
        keyring,
        key,
        subject,
        kind=IdentifierKind.PERSONAL_NUMBER,
        country="VN",
        value=number,
        source=ProofSource.SELF,
        verified_by=None,
        valid_from=None,
        valid_until=None,
        now=now,
    )


def find_own_record(tx: Tx, officer_id: UUID, person_id: UUID) -> UUID | None:
    """The identifier by which a person's record is the officer's own, proved or not; None where it is another's."""
    own = select(identifiers.c.value_index).where(
        identifiers.c.subject_id == officer_id, identifiers.c.kind == IdentifierKind.PERSONAL_NUMBER
    )
    of_person = select(identifiers.c.id).where(
        identifiers.c.subject_id == person_id,
        identifiers.c.kind == IdentifierKind.PERSONAL_NUMBER,
        identifiers.c.value_index.in_(own),
    )
    found: UUID | None = tx.scalar(of_person.limit(1))
    return found


def find_own_number(tx: Tx, keyring: Keyring, officer_id: UUID, number: str) -> UUID | None:
    """The identifier by which a personal number is the officer's own; None where it is another's."""
    where = (
        identifiers.c.subject_id == officer_id,
        identifiers.c.kind == IdentifierKind.PERSONAL_NUMBER,
        identifiers.c.value_index.in_(keyring.indexes(f"identifier/{IdentifierKind.PERSONAL_NUMBER}", number)),
    )
    found: UUID | None = tx.scalar(select(identifiers.c.id).where(*where).limit(1))
    return found


def insert_assignment(tx: Tx, assignment: Assignment, now: datetime) -> None:
    tx.execute(
        insert(assignments).values(
            id=assignment.id,
            subject_id=assignment.subject_id,
            agency_id=assignment.agency.id,
            role=assignment.role,
            valid_from=assignment.valid_from,
            valid_until=assignment.valid_until,
            granted_by=assignment.granted_by[:64],
            created_at=now,
        )
    )


def end_assignment(tx: Tx, assignment_id: UUID, *, ended_by: str, now: datetime) -> bool:
    """An assignment that is over from this moment on; False when it was before."""
    where = (assignments.c.id == assignment_id, assignments.c.ended_at.is_(None))
    return tx.execute(update(assignments).where(*where).values(ended_at=now, ended_by=ended_by)).rowcount == 1


def list_assignments(tx: Tx, subject_ids: list[UUID], day: date) -> list[Assignment]:
    """The assignments of these officers that are in force on this day."""
    statement = _ASSIGNMENTS.where(assignments.c.subject_id.in_(subject_ids), *_in_force(day))
    return [_assignment(row) for row in tx.execute(statement.order_by(assignments.c.id))]


def find_assignment(tx: Tx, assignment_id: UUID, day: date) -> Assignment | None:
    """An assignment that is in force on this day."""
    row = tx.execute(_ASSIGNMENTS.where(assignments.c.id == assignment_id, *_in_force(day))).one_or_none()
    return _assignment(row) if row else None


def find_of_session(tx: Tx, session_id: UUID, day: date) -> Assignment | None:
    """The assignment that a session works under, if it is in force: asked anew at every use, so that a transfer counts
    at once."""
    statement = _ASSIGNMENTS.join(sessions, sessions.c.assignment_id == assignments.c.id).where(
        sessions.c.id == session_id, sessions.c.subject_id == assignments.c.subject_id, *_in_force(day)
    )
    row = tx.execute(statement).one_or_none()
    return _assignment(row) if row else None


def save_choice(tx: Tx, session_id: UUID, assignment_id: UUID) -> None:
    """Note under which assignment a session works."""
    tx.execute(update(sessions).where(sessions.c.id == session_id).values(assignment_id=assignment_id))


def _in_force(day: date) -> tuple[Any, ...]:
    return (
        assignments.c.ended_at.is_(None),
        assignments.c.valid_from <= day,
        or_(assignments.c.valid_until.is_(None), assignments.c.valid_until >= day),
    )


def _assignment(row: Any) -> Assignment:
    return Assignment(
        id=row.assignment_id,
        subject_id=row.assignment_subject_id,
        agency=agencies.agency_of(row),
        role=Role(row.role),
        valid_from=row.assignment_valid_from,
        valid_until=row.assignment_valid_until,
        granted_by=row.granted_by,
    )


def _officer(keyring: Keyring, row: Any, found: list[Assignment]) -> Officer:
    key: DataKey = keyring.unwrap(row.wrapped, row.subject_id)
    return Officer(
        subject=accounts.subject_of(row),
        name=accounts.profile_of(keyring, row).name,
        staff_code=key.open("sign_in_names.value_sealed", row.name_id, row.value_sealed),
        assignments=tuple(each for each in found if each.subject_id == row.subject_id),
    )


_ASSIGNMENTS: Final = (
    select(
        assignments.c.id.label("assignment_id"),
        assignments.c.subject_id.label("assignment_subject_id"),
        assignments.c.role,
        assignments.c.granted_by,
        assignments.c.valid_from.label("assignment_valid_from"),
        assignments.c.valid_until.label("assignment_valid_until"),
        *agency_rows.c,
    )
    .select_from(assignments)
    .join(agency_rows, agency_rows.c.id == assignments.c.agency_id)
)
_OFFICERS: Final = (
    select(
        *accounts.subject_columns(),
        *accounts.profile_columns(),
        name_rows.c.id.label("name_id"),
        name_rows.c.value_sealed,
    )
    .select_from(subjects)
    .join(data_keys, data_keys.c.subject_id == subjects.c.id)
    .join(profiles, profiles.c.subject_id == subjects.c.id)
    .join(name_rows, and_(name_rows.c.subject_id == subjects.c.id, name_rows.c.space == SubjectKind.STAFF.value))
)
