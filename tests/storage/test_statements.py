"""Statements that run on the driver's own cursor: the same rows and errors, and no memory of a server that went."""

from datetime import timedelta

import pytest
from sqlalchemy import Integer, bindparam, literal, select, text
from sqlalchemy.exc import DBAPIError

from idp import storage
from idp.storage.statements import Statement
from idp.storage.tables import subjects
from tests.storage.house import House

_FIRST, _SECOND = bindparam("first", type_=Integer), bindparam("second", type_=Integer)
_ADD = Statement(select((_FIRST + _SECOND).label("sum"), literal(7).label("own")))
_DIVIDE = Statement(select((_FIRST / _SECOND).label("part")))
_FIND = Statement(select(subjects.c.id, subjects.c.created_at).where(subjects.c.id == bindparam("subject_id")))


def test_columns_are_attributes_and_names_too_many_are_passed_over(house: House) -> None:
    with storage.once() as tx:
        row = _ADD.find(tx, {"first": 1, "second": 2, "third": 3})
        assert (row.sum, row.own) == (3, 7)
        assert _ADD.find(tx, {"first": 70_000, "second": -5_000_000}).sum == -4_930_000


def test_values_are_read_as_everywhere_and_nothing_found_is_none(house: House) -> None:
    person = house.person()
    with storage.once() as tx:
        found = _FIND.find(tx, {"subject_id": person.id})
        assert (found.id, found.created_at) == (person.id, house.clock.now())
        assert found.created_at.tzinfo is not None
        assert _FIND.find(tx, {"subject_id": house.new_id()}) is None


def test_it_runs_in_the_transaction_it_is_given(house: House) -> None:
    person, later = house.person(), house.clock.now() + timedelta(days=1)
    with storage.begin() as tx:
        tx.execute(subjects.update().where(subjects.c.id == person.id).values(created_at=later))
        assert _FIND.find(tx, {"subject_id": person.id}).created_at == later


@pytest.mark.postgres
def test_one_plan_serves_all_values(postgres_house: House) -> None:
    """Of a statement over partitions too, which PostgreSQL would otherwise plan anew at each execution."""
    house = postgres_house
    session = house.session(house.person(), "cookie")
    service = house.service()
    for _ in range(7):
        house.exchange(house.code(session, service))
    with storage.once() as tx:
        plans = tx.execute(text("SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements")).one()
    assert plans[0] >= 7
    assert plans[1] == 0


@pytest.mark.postgres
def test_a_grant_is_found_by_its_id_whatever_statistics_say(postgres_house: House) -> None:
    """They said once that there is hardly anybody, so that looking through everybody's grants would be quick."""
    house = postgres_house
    service, people = house.service(), [house.person() for _ in range(8)]
    sessions = [house.session(person, person.number) for person in people]
    codes = [house.code(session, service) for session in sessions for _ in range(20)]
    for code in codes:
        house.exchange(code)
    with storage.once() as tx:
        tx.execute(text("ANALYZE grants"))
    house.find_live(codes[0])
    house.refresh(codes[0], 0)
    rows = "sum(pg_stat_get_xact_tuples_returned(oid))"
    read = f"SELECT {rows} FROM pg_class WHERE relkind = 'i' AND relname LIKE 'grants_%'"
    with storage.begin() as tx:
        before = tx.scalar(text(read))  # what this connection read already, and did not report yet
        assert storage.grants.find_live(tx, house.keyring, codes[1].grant_id, sector="a.example", times=house.times)
        assert storage.grants.refresh(
            tx, house.keyring, codes[1].grant_id, service.id, 0, sector="a.example", times=house.times
        )
        seen = tx.scalar(text(read)) - before
        assert seen <= 4  # read; looked for by the touch of its session, by the refresh, and locked


@pytest.mark.postgres
def test_a_statement_outlives_what_is_undone_beside_it(postgres_house: House) -> None:
    person = postgres_house.person()
    for _ in range(2):
        with storage.once() as tx:
            assert _FIND.find(tx, {"subject_id": person.id}).id == person.id
        with pytest.raises(LookupError):
            undo_much()


def undo_much() -> None:
    """So much that the driver would prepare it, and then let go of all that is prepared."""
    with storage.begin() as tx:
        for _ in range(7):
            tx.execute(text("SELECT count(*) FROM subjects"))
        raise LookupError


@pytest.mark.postgres
def test_an_error_is_sqlalchemys_and_keeps_the_values_to_itself(postgres_house: House) -> None:
    with pytest.raises(DBAPIError) as failed, storage.once() as tx:
        _DIVIDE.find(tx, {"first": 41_000_013, "second": 0})
    assert "41000013" not in str(failed.value)


@pytest.mark.postgres
def test_a_server_that_went_away_costs_one_request(postgres_house: House) -> None:
    person = postgres_house.person()
    with storage.once() as one, storage.once() as two, storage.once() as three:
        for tx in (one, two, three):  # three connections, which then wait in the pool
            assert _ADD.find(tx, {"first": 1, "second": 1}).sum == 2
    with storage.begin() as tx:
        gone = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = "
        tx.execute(text(gone + "current_database()"))
    failed = 0
    for _ in range(5):
        try:
            with storage.once() as tx:
                assert _FIND.find(tx, {"subject_id": person.id}) is not None
        except storage.Unavailable:
            failed += 1
    assert failed == 1
