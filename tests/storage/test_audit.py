"""Audit and releases: rows only come; each carries a hash over what is stored, that erasing a person does not break."""

from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, select, text
from sqlalchemy.exc import DatabaseError

from idp import storage
from idp.domain.audit import Entry, Event, leaf_hash
from idp.runtime.data_keys import DataKey
from idp.storage import tables
from idp.storage.database import in_transactions
from tests.storage.house import House


def entry(house: House, **changed: object) -> Entry:
    values: dict[str, object] = {
        "id": house.new_id(),
        "at": house.clock.now(),
        "event": Event.SIGNED_IN,
        "subject_id": house.new_id(),
        "service_id": house.new_id(),
        "session_id": house.new_id(),
        "actor": "the person",
        "details": "192.0.2.7 an agent",
    }
    return Entry(**{**values, **changed})  # type: ignore[arg-type]


def write(house: House, made: Entry, key: DataKey | None = None) -> Any:
    """The row as it is stored."""
    with storage.begin() as tx:
        storage.audit.insert_entry(tx, made, key or house.keyring.house_key())
    (row,) = (row for row in house.rows(tables.audit) if row.id == made.id)
    return row


def test_an_entry_is_stored_whole_with_its_details_sealed(house: House) -> None:
    person = house.person()
    made = entry(house, subject_id=person.id)
    row = write(house, made, person.key)
    stored = (row.at, row.event, row.subject_id, row.service_id, row.session_id, row.actor)
    assert stored == (made.at, "sign_in.succeeded", person.id, made.service_id, made.session_id, "the person")
    assert person.key.open("audit.details_sealed", row.id, row.details_sealed) == made.details
    assert b"192.0.2.7" not in row.details_sealed


def hash_of(row: Any) -> bytes:
    """The leaf hash as anybody can compute it from what is stored, without any key."""
    return leaf_hash(
        "audit",
        row.id,
        row.at.astimezone(UTC).isoformat(),
        row.event,
        row.subject_id,
        row.service_id,
        row.session_id,
        row.actor,
        row.details_sealed,
    )


def test_the_hash_is_computed_from_the_row_alone_so_that_erasure_breaks_no_proof(house: House) -> None:
    person = house.person()
    row = write(house, entry(house, subject_id=person.id), person.key)
    assert hash_of(row) == row.leaf_hash
    house.erase(person)
    (row,) = (each for each in house.rows(tables.audit) if each.id == row.id)
    assert hash_of(row) == row.leaf_hash


def leaf_hash_of(house: House, made: Entry) -> bytes:
    """The hash under which the entry would be stored; the row is undone, so that another may have its id."""
    with in_transactions(storage.db.engine).connect() as connection:
        storage.audit.insert_entry(connection, made, house.keyring.house_key())
        found = connection.scalar(select(tables.audit.c.leaf_hash).where(tables.audit.c.id == made.id))
        connection.rollback()
    assert found is not None
    return bytes(found)


def test_the_hash_changes_with_every_field(house: House) -> None:
    made = entry(house, details="")
    changed = [
        made,
        replace(made, id=house.new_id()),
        replace(made, at=made.at + timedelta(microseconds=1)),
        replace(made, event=Event.SIGNED_OUT),
        replace(made, subject_id=house.new_id()),
        replace(made, subject_id=None),
        replace(made, subject_id=made.service_id, service_id=made.subject_id),
        replace(made, service_id=None, session_id=made.service_id),
        replace(made, session_id=None),
        replace(made, actor="the worker"),
        replace(made, actor=""),
        replace(made, details="x"),
    ]
    same_id = [leaf_hash_of(house, each) for each in changed]
    assert len(set(same_id)) == len(changed)


def test_the_hash_of_a_release_changes_with_every_field(house: House) -> None:
    ids = {name: house.new_id() for name in ("id", "subject_id", "service_id", "grant_id", "basis_id")}
    values: dict[str, Any] = {**ids, "at": house.clock.now(), "name_bits": 3, "basis_kind": "consent"}
    values |= {"legal_basis": "Law A", "personal_number_basis": None}
    changes: list[dict[str, Any]] = [{}, *({name: house.new_id()} for name in ids)]
    changes += [{"at": house.clock.now() + timedelta(microseconds=1)}, {"name_bits": 7}, {"basis_kind": "notice"}]
    changes += [
        {"basis_id": ids["grant_id"]},
        {"legal_basis": None},
        {"personal_number_basis": "Law B"},
        {"subject_id": ids["service_id"], "service_id": ids["subject_id"]},
    ]
    hashes = {storage.audit.release_values(**{**values, **changed})["leaf_hash"] for changed in changes}
    assert len(hashes) == len(changes)


def test_a_stored_release_hashes_to_its_leaf(house: House) -> None:
    house.exchange(house.code(house.session(house.person()), house.service()))
    (row,) = house.rows(tables.releases)
    values = {column.name: getattr(row, column.name) for column in tables.releases.c if column.name != "leaf_hash"}
    again = storage.audit.release_values(**{**values, "at": row.at.astimezone(UTC)})
    assert again["leaf_hash"] == row.leaf_hash


APPEND_ONLY = [tables.audit, tables.releases]


@pytest.mark.parametrize("table", APPEND_ONLY, ids=str)
@pytest.mark.parametrize("change", ["update", "delete", "upsert", "empty"])
def test_what_happened_is_never_changed_or_removed(house: House, table: Table, change: str) -> None:
    house.exchange(house.code(house.session(house.person()), house.service()))
    before = house.rows(table)
    assert before
    statements = {
        "update": f"UPDATE {table.name} SET subject_id = subject_id",
        "delete": f"DELETE FROM {table.name}",
        "upsert": f"INSERT INTO {table.name} SELECT * FROM {table.name} WHERE true "
        "ON CONFLICT (id) DO UPDATE SET leaf_hash = excluded.leaf_hash",
        "empty": f"TRUNCATE {table.name}" if _is_postgres(house) else f"DELETE FROM {table.name} WHERE id IS NOT NULL",
    }
    with pytest.raises(DatabaseError, match="only ever added"), storage.begin() as tx:
        tx.execute(text(statements[change]))
    assert house.rows(table) == before


def _is_postgres(house: House) -> bool:
    return house.runtime.settings.database.url.startswith("postgresql")


@pytest.mark.postgres
@pytest.mark.parametrize("table", APPEND_ONLY, ids=str)
def test_a_month_refuses_changes_of_its_own_too_and_goes_as_a_whole(postgres_house: House, table: Table) -> None:
    house = postgres_house
    house.exchange(house.code(house.session(house.person()), house.service()))
    with storage.begin() as tx:
        storage.audit.insert_entry(tx, entry(house), house.keyring.house_key())
    month = f"{table.name}_{house.clock.now():%Y_%m}"
    for statement in (f"DELETE FROM {month}", f"UPDATE {month} SET subject_id = subject_id"):
        with pytest.raises(DatabaseError, match=f"rows of {month} are only ever added"):
            _run(statement)
    with storage.begin() as tx:
        assert tx.scalar(text(f"SELECT count(*) FROM {month}"))
        tx.execute(text(f"DROP TABLE {month}"))
    with storage.begin() as tx:
        assert storage.partitions.ensure_months(tx, house.clock.now()) == 1
    # The month that was made anew refuses as the first one did.
    house.exchange(house.code(house.session(house.person()), house.service("two")))
    with storage.begin() as tx:
        storage.audit.insert_entry(tx, entry(house), house.keyring.house_key())
    with pytest.raises(DatabaseError, match="only ever added"):
        _run(f"DELETE FROM {month}")


def _run(statement: str) -> None:
    with storage.begin() as tx:
        tx.execute(text(statement))
