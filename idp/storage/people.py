"""Finding people, for officers: by a whole number, phone or e-mail, or by words of the name; by no part of a number."""

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import literal, select

from idp.domain.accounts import SubjectKind
from idp.runtime.keyring import Keyring
from idp.storage import accounts
from idp.storage.database import Tx
from idp.storage.tables import contacts, data_keys, identifiers, name_words, profiles, subjects


def list_subjects_by_name(tx: Tx, keyring: Keyring, words: Iterable[str], *, limit: int = 50) -> list[UUID]:
    """Subjects whose name has all these folded words (or beginnings of words)."""
    statement = select(subjects.c.id).where(subjects.c.kind == SubjectKind.PERSON)
    for word in words:
        found = select(literal(1)).where(
            name_words.c.subject_id == subjects.c.id, name_words.c.word_index.in_(keyring.indexes("name", word))
        )
        statement = statement.where(found.exists())
    return list(tx.scalars(statement.order_by(subjects.c.id).limit(limit)))


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
