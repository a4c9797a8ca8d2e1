"""Subjects with their identifiers, contacts, sign-in names, facts and the one-row profile."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from idp.domain.accounts import AccountState, Fact, Profile, Subject, SubjectKind
from idp.domain.levels import AccountLevel, ProofSource
from idp.runtime.data_keys import DataKey
from idp.runtime.keyring import Keyring
from idp.storage import account_rows
from idp.storage import data_keys as data_key_rows
from idp.storage.database import Tx
from idp.storage.tables import (
    contacts,
    data_keys,
    facts,
    identifiers,
    name_words,
    profiles,
    sign_in_names,
    subjects,
)

# How a name to sign in with came to be: what one says of oneself, or a contact proved by a code, several may have.
SHARED_PROOFS: Final = ("self", "code")


@dataclass(frozen=True, slots=True)
class Record:
    """A person's account with what opens it."""

    subject: Subject
    key: DataKey
    profile: Profile


def find_preloaded(tx: Tx, keyring: Keyring, *, kind: str, value: str) -> Record | None:
    """The pending account on record under this identifier, held until the transaction ends.

    None once the identifier was proved to be somebody's: what an old portal knew of it is for an officer to merge.
    """
    is_proved = select(sign_in_names.c.id).where(
        sign_in_names.c.space == SubjectKind.PERSON,
        sign_in_names.c.kind == kind,
        sign_in_names.c.value_index.in_(keyring.indexes(f"sign-in/{SubjectKind.PERSON}/{kind}", value)),
        sign_in_names.c.proof.not_in(SHARED_PROOFS),
    )
    statement = (
        select(*subject_columns(), *profile_columns())
        .select_from(identifiers)
        .join(subjects, subjects.c.id == identifiers.c.subject_id)
        .join(data_keys, data_keys.c.subject_id == subjects.c.id)
        .join(profiles, profiles.c.subject_id == subjects.c.id)
        .where(
            identifiers.c.kind == kind,
            identifiers.c.value_index.in_(keyring.indexes(f"identifier/{kind}", value)),
            identifiers.c.ended_at.is_(None),
            subjects.c.state == AccountState.PENDING,
            ~is_proved.exists(),
        )
        .order_by(identifiers.c.id)
        .limit(1)
        .with_for_update(of=subjects)
    )
    row = tx.execute(statement).one_or_none()
    if row is None:
        return None
    key = keyring.unwrap(row.wrapped, row.subject_id)
    return Record(subject_of(row), key, profile_of(keyring, row))


def find_record(tx: Tx, keyring: Keyring, subject_id: UUID) -> Record | None:
    """An account with its profile, held until the transaction ends."""
    statement = (
        select(*subject_columns(), *profile_columns())
        .select_from(subjects)
        .join(data_keys, data_keys.c.subject_id == subjects.c.id)
        .join(profiles, profiles.c.subject_id == subjects.c.id)
        .where(subjects.c.id == subject_id)
        .with_for_update(of=subjects)
    )
    row = tx.execute(statement).one_or_none()
    if row is None:
        return None
    return Record(subject_of(row), keyring.unwrap(row.wrapped, row.subject_id), profile_of(keyring, row))


def end_declared(tx: Tx, keyring: Keyring, subject_id: UUID, *, kept: tuple[str, str] | None, now: datetime) -> None:
    """End what a person merely said: identifiers, and contacts but for the one kept."""
    end_identifiers(tx, subject_id, now)
    of_contacts = [contacts.c.subject_id == subject_id, contacts.c.ended_at.is_(None)]
    if kept is not None:
        of_contacts.append(contacts.c.value_index.not_in(keyring.indexes(f"contact/{kept[0]}", kept[1])))
    tx.execute(update(contacts).where(*of_contacts).values(ended_at=now))


def end_identifiers(tx: Tx, subject_id: UUID, now: datetime) -> tuple[UUID, ...]:
    """No number or paper is this person's any more; they stay on record. Gives which they were."""
    where = (identifiers.c.subject_id == subject_id, identifiers.c.ended_at.is_(None))
    ended = update(identifiers).where(*where).values(ended_at=now)
    return tuple(tx.scalars(ended.returning(identifiers.c.id)))


def end_identifier(tx: Tx, keyring: Keyring, subject_id: UUID, *, kind: str, value: str, now: datetime) -> None:
    """A number or paper that is the person's no longer; it stays on record."""
    where = (
        identifiers.c.subject_id == subject_id,
        identifiers.c.kind == kind,
        identifiers.c.value_index.in_(keyring.indexes(f"identifier/{kind}", value)),
        identifiers.c.ended_at.is_(None),
    )
    tx.execute(update(identifiers).where(*where).values(ended_at=now))


def end_contact(tx: Tx, subject_id: UUID, contact_id: UUID, now: datetime) -> None:
    where = (contacts.c.id == contact_id, contacts.c.subject_id == subject_id, contacts.c.ended_at.is_(None))
    tx.execute(update(contacts).where(*where).values(ended_at=now))


def save_contact(
    tx: Tx, keyring: Keyring, key: DataKey, subject_id: UUID, *, kind: str, value: str, now: datetime
) -> None:
    """A contact that was just proved: noted on the one on record, or new."""
    if verify_contact(tx, keyring, subject_id, kind, value, now) == 0:
        insert_contact(tx, keyring, key, subject_id, kind=kind, value=value, is_verified=True, now=now)


def save_proof(tx: Tx, subject_id: UUID, source: ProofSource, now: datetime) -> None:
    """Note who vouches for the person from now on."""
    tx.execute(update(subjects).where(subjects.c.id == subject_id).values(proof_source=source, updated_at=now))


def end_facts(tx: Tx, subject_id: UUID, fact_names: Iterable[str], now: datetime) -> None:
    """Facts that newer ones take the place of."""
    where = (facts.c.subject_id == subject_id, facts.c.name.in_(list(fact_names)), facts.c.superseded_at.is_(None))
    tx.execute(update(facts).where(*where).values(superseded_at=now))


def replace_name_words(tx: Tx, keyring: Keyring, key: DataKey, subject_id: UUID, words: Iterable[str]) -> None:
    tx.execute(delete(name_words).where(name_words.c.subject_id == subject_id))
    insert_name_words(tx, keyring, key, subject_id, words)


def verify_contact(tx: Tx, keyring: Keyring, subject_id: UUID, kind: str, value: str, now: datetime) -> int:
    """Note that a contact on record was proved; gives how many that are: 0 where there is none such."""
    where = (
        contacts.c.subject_id == subject_id,
        contacts.c.kind == kind,
        contacts.c.value_index.in_(keyring.indexes(f"contact/{kind}", value)),
        contacts.c.ended_at.is_(None),
    )
    return tx.execute(update(contacts).where(*where).values(verified_at=now)).rowcount


def insert_subject(tx: Tx, keyring: Keyring, subject: Subject, now: datetime) -> DataKey:
    """A new subject and its data key, under which all its values are sealed."""
    tx.execute(insert(subjects).values(account_rows.subject_row(subject, now)))
    return data_key_rows.insert_data_key(tx, keyring, subject.id, now)


def insert_identifier(
    tx: Tx,
    keyring: Keyring,
    key: DataKey,
    subject: Subject,
    *,
    kind: str,
    country: str,
    value: str,
    source: ProofSource,
    verified_by: str | None,
    valid_from: date | None,
    valid_until: date | None,
    now: datetime,
) -> None:
    row = account_rows.identifier_row(
        keyring,
        key,
        subject,
        kind=kind,
        country=country,
        value=value,
        source=source,
        verified_by=verified_by,
        valid_from=valid_from,
        valid_until=valid_until,
        now=now,
    )
    tx.execute(insert(identifiers).values(row))


def insert_contact(
    tx: Tx, keyring: Keyring, key: DataKey, subject_id: UUID, *, kind: str, value: str, is_verified: bool, now: datetime
) -> None:
    """A phone or e-mail address; one contact may serve many accounts."""
    row = account_rows.contact_row(keyring, key, subject_id, kind=kind, value=value, is_verified=is_verified, now=now)
    tx.execute(insert(contacts).values(row))


def insert_fact(tx: Tx, key: DataKey, fact: Fact) -> None:
    tx.execute(insert(facts).values(account_rows.fact_row(key, fact)))


def list_facts(tx: Tx, key: DataKey, subject_id: UUID) -> list[Fact]:
    """The facts in force of a person, in the order they were recorded."""
    where = (facts.c.subject_id == subject_id, facts.c.superseded_at.is_(None))
    return [
        Fact(
            id=row.id,
            subject_id=row.subject_id,
            name=row.name,
            value=key.open("facts.value_sealed", row.id, row.value_sealed),
            source=ProofSource(row.source),
            method=row.method,
            verified_by=row.verified_by,
            verified_at=row.verified_at,
            evidence=key.open("facts.evidence_sealed", row.id, row.evidence_sealed) if row.evidence_sealed else "",
            valid_from=row.valid_from,
            valid_until=row.valid_until,
        )
        for row in tx.execute(select(facts).where(*where).order_by(facts.c.id))
    ]


def save_profile(tx: Tx, key: DataKey, profile: Profile, now: datetime) -> None:
    """Write the projection of a person's facts that the hot path reads."""
    row = account_rows.profile_row(key, profile, now)
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(profiles).values(row)
    fresh = {name: row[name] for name in ("claims_sealed", "updated_at")}
    tx.execute(statement.on_conflict_do_update(index_elements=["subject_id"], set_=fresh))


def insert_name_words(tx: Tx, keyring: Keyring, key: DataKey, subject_id: UUID, words: Iterable[str]) -> None:
    """The keyed digests by which a person is found by folded words of the name and their beginnings.

    A name without Latin letters has none.
    """
    rows = account_rows.name_word_rows(lambda word: keyring.index("name", word), key, subject_id, words)
    if rows:
        tx.execute(insert(name_words), rows)


def find_subject(tx: Tx, subject_id: UUID, *, held: bool = False) -> Subject | None:
    """A subject; `held`, nobody changes its state before this transaction ends, and a change under way comes first.

    FOR SHARE: the KEY SHARE that a foreign key takes lets the UPDATE of a state by, which changes no key.
    """
    statement = select(*subject_columns()).where(subjects.c.id == subject_id)
    row = tx.execute(statement.with_for_update(read=True) if held else statement).one_or_none()
    return subject_of(row) if row else None


def subject_of(row: Any) -> Subject:
    """A Subject from a row that carries the columns of `subject_columns`."""
    return Subject(
        id=row.subject_id,
        kind=SubjectKind(row.subject_kind),
        state=AccountState(row.subject_state),
        account_level=AccountLevel(row.account_level),
        proof_source=ProofSource(row.proof_source),
    )


def profile_of(keyring: Keyring, row: Any) -> Profile:
    """A Profile from a row that carries the columns of `profile_columns`."""
    key = keyring.unwrap(row.wrapped, row.subject_id)
    text = key.open("profiles.claims_sealed", row.subject_id, row.claims_sealed)
    claims = account_rows.claims_of(text)
    return Profile(subject_id=row.subject_id, claims=claims, proof_source=ProofSource(row.proof_source))


def profile_columns() -> tuple[Any, ...]:
    return (data_keys.c.wrapped, profiles.c.claims_sealed)


def subject_columns() -> tuple[Any, ...]:
    return (
        subjects.c.id.label("subject_id"),
        subjects.c.kind.label("subject_kind"),
        subjects.c.state.label("subject_state"),
        subjects.c.account_level,
        subjects.c.proof_source,
    )
