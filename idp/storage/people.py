"""Finding people, for officers: by a whole number, phone or e-mail, or by words of the name; by no part of a number."""

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import select

from idp.domain.accounts import Subject, SubjectKind
from idp.domain.identifiers import IdentifierKind
from idp.runtime.keyring import Keyring
from idp.storage import accounts, sign_in_names
from idp.storage.database import Tx
from idp.storage.tables import contacts, data_keys, identifiers, name_words, profiles, subjects


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
