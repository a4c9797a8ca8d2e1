"""Finding people, for officers: by a whole number, phone or e-mail, or by words of the name; by no part of a number."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final
from uuid import UUID

from sqlalchemy import exists, or_, select

from idp.domain.accounts import TAKEN_OVER, Fact, Profile, Subject, SubjectKind
from idp.domain.identifiers import ContactKind, IdentifierKind
from idp.domain.levels import ProofSource
from idp.runtime.data_keys import DataKey
from idp.runtime.keyring import Keyring
from idp.storage import account_rows, accounts, sign_in_names
from idp.storage.database import Tx
from idp.storage.many_rows import insert_rows
from idp.storage.tables import contacts, data_keys, facts, identifiers, name_words, profiles, subjects
from idp.storage.tables import sign_in_names as sign_in_name_rows

# In the order in which one points to another.
_OF_A_PERSON: Final = (subjects, data_keys, identifiers, contacts, facts, profiles, name_words)


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person's account that is to be made. `contacts` by their kinds; `words` are those of the name, to search by."""

    subject: Subject
    key: DataKey
    number: str
    profile: Profile
    facts: Sequence[Fact]
    contacts: Mapping[ContactKind, str]
    words: Collection[str]


def list_subjects_by_name(tx: Tx, keyring: Keyring, words: Iterable[str], *, limit: int = 50) -> list[UUID]:
    """People whose name has all these folded words (or beginnings of words), in the order in which they came.

    Each word is read from its index in that order, and only as far as the limit asks.
    """
    wanted = sorted(set(words))
    if not wanted:
        return []
    tables = [name_words.alias(f"word_{place}") for place in range(len(wanted))]
    statement = select(tables[0].c.subject_id)
    for table in tables[1:]:
        statement = statement.join(table, table.c.subject_id == tables[0].c.subject_id)
    for table, word in zip(tables, wanted, strict=True):
        statement = statement.where(table.c.word_index.in_(keyring.indexes("name", word)))
    return list(tx.scalars(statement.distinct().order_by(tables[0].c.subject_id).limit(limit)))


def find_by_number(tx: Tx, keyring: Keyring, number: str) -> Subject | None:
    """Whose personal number this is: who signs in with it, else who had it last on record, a closed account too."""
    kind = IdentifierKind.PERSONAL_NUMBER
    found = sign_in_names.find_subject(tx, keyring, space=SubjectKind.PERSON, kind=kind, value=number)
    if found is not None:
        return found
    statement = (
        select(*accounts.subject_columns())
        .join(identifiers, identifiers.c.subject_id == subjects.c.id)
        .where(
            subjects.c.kind == SubjectKind.PERSON,
            identifiers.c.kind == kind,
            identifiers.c.value_index.in_(keyring.indexes(f"identifier/{kind}", number)),
        )
        .order_by(identifiers.c.id.desc())
        .limit(1)
    )
    row = tx.execute(statement).one_or_none()
    return accounts.subject_of(row) if row else None


def list_on_record(tx: Tx, keyring: Keyring, numbers: Collection[str]) -> set[str]:
    """Those of these personal numbers that are somebody's here: proved, or taken over from a portal, claimed or not.

    What people merely say of themselves reserves no number.
    """
    of_record = _by_index(keyring, f"identifier/{IdentifierKind.PERSONAL_NUMBER}", numbers)
    taken_over = exists().where(facts.c.subject_id == subjects.c.id, facts.c.method == TAKEN_OVER)
    somebodys = (
        select(identifiers.c.value_index)
        .join(subjects, subjects.c.id == identifiers.c.subject_id)
        .where(
            identifiers.c.space == SubjectKind.PERSON,
            identifiers.c.kind == IdentifierKind.PERSONAL_NUMBER,
            identifiers.c.ended_at.is_(None),
            identifiers.c.value_index.in_(list(of_record)),
            or_(subjects.c.proof_source != ProofSource.SELF, taken_over),
        )
    )
    names = _by_index(keyring, f"sign-in/{SubjectKind.PERSON}/{IdentifierKind.PERSONAL_NUMBER}", numbers)
    proved = select(sign_in_name_rows.c.value_index).where(
        sign_in_name_rows.c.space == SubjectKind.PERSON,
        sign_in_name_rows.c.kind == IdentifierKind.PERSONAL_NUMBER,
        sign_in_name_rows.c.proof.not_in(accounts.SHARED_PROOFS),
        sign_in_name_rows.c.value_index.in_(list(names)),
    )
    found = {of_record[bytes(index)] for index in tx.scalars(somebodys)}
    return found | {names[bytes(index)] for index in tx.scalars(proved)}


def list_owners_of(
    tx: Tx, keyring: Keyring, numbers: Collection[str], *, held: bool = False
) -> dict[str, list[Subject]]:
    """Everybody who may sign in with these personal numbers, by number; `held`, until the transaction ends."""
    names = _by_index(keyring, f"sign-in/{SubjectKind.PERSON}/{IdentifierKind.PERSONAL_NUMBER}", numbers)
    statement = (
        select(*accounts.subject_columns(), sign_in_name_rows.c.value_index)
        .join(sign_in_name_rows, sign_in_name_rows.c.subject_id == subjects.c.id)
        .where(
            sign_in_name_rows.c.space == SubjectKind.PERSON,
            sign_in_name_rows.c.kind == IdentifierKind.PERSONAL_NUMBER,
            sign_in_name_rows.c.value_index.in_(list(names)),
        )
        .order_by(subjects.c.id)
    )
    found: dict[str, list[Subject]] = {}
    for row in tx.execute(statement.with_for_update(of=subjects) if held else statement):
        found.setdefault(names[bytes(row.value_index)], []).append(accounts.subject_of(row))
    return found


def _by_index(keyring: Keyring, purpose: str, values: Collection[str]) -> dict[bytes, str]:
    return {index: value for value in values for index in keyring.indexes(purpose, value)}


def insert_people(tx: Tx, keyring: Keyring, people: Sequence[NewPerson], now: datetime) -> None:
    """The rows of many people's accounts at once, but for names to sign in with and passwords."""
    rows = {table: list[account_rows.Row]() for table in _OF_A_PERSON}
    # Of a thousand people a hundred have the same family name.
    index_of = cache(lambda word: keyring.index("name", word))
    for each in people:
        subject, key = each.subject, each.key
        rows[subjects].append(account_rows.subject_row(subject, now))
        rows[data_keys].append(account_rows.data_key_row(keyring, key, subject.id, now))
        rows[identifiers].append(
            account_rows.identifier_row(
                keyring,
                key,
                subject,
                kind=IdentifierKind.PERSONAL_NUMBER,
                country="VN",
                value=each.number,
                source=subject.proof_source,
                verified_by=None,
                valid_from=None,
                valid_until=None,
                now=now,
            )
        )
        rows[contacts] += [
            account_rows.contact_row(keyring, key, subject.id, kind=kind, value=value, is_verified=False, now=now)
            for kind, value in each.contacts.items()
        ]
        rows[facts] += [account_rows.fact_row(key, fact) for fact in each.facts]
        rows[profiles].append(account_rows.profile_row(key, each.profile, now))
        rows[name_words] += account_rows.name_word_rows(index_of, key, subject.id, each.words)
    for table, of_table in rows.items():
        insert_rows(tx, table, of_table)


def list_subjects_by_value(tx: Tx, keyring: Keyring, *, kind: str, value: str, limit: int) -> list[UUID]:
    """People who have this number, phone or e-mail on record, whether or not they sign in with it."""
    table, purpose = (
        (contacts, f"contact/{kind}") if kind in ("phone", "email") else (identifiers, f"identifier/{kind}")
    )
    statement = (
        select(table.c.subject_id)
        .join(subjects, subjects.c.id == table.c.subject_id)
        .where(
            subjects.c.kind == SubjectKind.PERSON,
            table.c.kind == kind,
            table.c.value_index.in_(keyring.indexes(purpose, value)),
        )
        .distinct()
        .limit(limit)
    )
    return list(tx.scalars(statement))


def list_records(tx: Tx, keyring: Keyring, subject_ids: Collection[UUID]) -> list[accounts.Record]:
    """The accounts of these people, in the order in which they were made; without those whose data were erased."""
    statement = (
        select(*accounts.subject_columns(), *accounts.profile_columns())
        .select_from(subjects)
        .join(data_keys, data_keys.c.subject_id == subjects.c.id)
        .join(profiles, profiles.c.subject_id == subjects.c.id)
        .where(subjects.c.id.in_(list(subject_ids)))
        .order_by(subjects.c.id)
    )
    return [
        accounts.Record(
            accounts.subject_of(row), keyring.unwrap(row.wrapped, row.subject_id), accounts.profile_of(keyring, row)
        )
        for row in tx.execute(statement)
    ]
