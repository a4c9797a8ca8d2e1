"""The months of the tables that only grow: ids land in their month, and beyond the last one nothing is taken."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from idp import storage
from idp.domain.audit import Entry, Event
from idp.runtime import chance
from idp.storage import partitions, tables
from tests.doubles import START
from tests.storage.house import House


def write(house: House, at: datetime) -> Entry:
    made = Entry(id=chance.new_id(at), at=at, event=Event.KEY_MADE, actor="a test")
    with storage.begin() as tx:
        storage.audit.insert_entry(tx, made, house.keyring.house_key())
    return made


MOMENTS = {
    "audit_2026_12": [datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)],
    "audit_2027_01": [datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)],
    "audit_2027_02": [datetime(2027, 2, 28, 23, 59, tzinfo=UTC)],
    "audit_2027_03": [datetime(2027, 3, 1, tzinfo=UTC)],
}


@pytest.mark.postgres
@pytest.mark.parametrize("month", MOMENTS)
def test_an_id_lands_in_the_month_of_its_moment(postgres_house: House, month: str) -> None:
    ids = {write(postgres_house, moment).id for moment in MOMENTS[month]}
    with storage.once() as tx:
        assert set(tx.scalars(text(f"SELECT id FROM {month} WHERE actor = 'a test'"))) == ids


def test_ids_of_every_month_are_found_through_the_one_table(house: House) -> None:
    ids = {write(house, moment).id for moments in MOMENTS.values() for moment in moments}
    with storage.once() as tx:
        assert set(tx.scalars(select(tables.audit.c.id).where(tables.audit.c.actor == "a test"))) == ids


@pytest.mark.postgres
def test_beyond_the_last_month_an_insert_fails_clearly_and_keeps_nothing(postgres_house: House) -> None:
    with pytest.raises(IntegrityError, match='no partition of relation "audit" found for row'):
        write(postgres_house, START + timedelta(days=800))
    with storage.once() as tx:
        assert tx.scalar(text("SELECT count(*) FROM audit WHERE actor = 'a test'")) == 0


@pytest.mark.postgres
def test_the_months_ahead_are_made_once_and_in_time(postgres_house: House) -> None:
    house, later = postgres_house, START + timedelta(days=31)
    with storage.begin() as tx:
        assert partitions.ensure_months(tx, house.clock.now()) == 0
        assert partitions.ensure_months(tx, later) == len(tables.PARTITIONED)
        assert partitions.ensure_months(tx, later) == 0
    write(house, datetime(2028, 1, 31, tzinfo=UTC))


@pytest.mark.postgres
def test_two_workers_that_make_the_months_at_once_do_not_meet(postgres_house: House) -> None:
    def make() -> int:
        with storage.begin() as tx:
            return partitions.ensure_months(tx, START + timedelta(days=31))

    assert sorted(postgres_house.at_once([make] * 4)) == [0, 0, 0, len(tables.PARTITIONED)]  # type: ignore[type-var]


def test_on_sqlite_there_is_nothing_to_cut(sqlite_house: House) -> None:
    with storage.begin() as tx:
        assert partitions.ensure_months(tx, sqlite_house.clock.now()) == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("audit_2026_12", True),
        ("grants_2027_01", True),
        ("authentications_2027_01", True),
        ("audit", False),
        ("grants_old", False),
        ("sessions_2026_12", False),
        ("audit_", False),
        ("", False),
        (None, False),
    ],
)
def test_a_partition_is_known_by_its_name(name: str | None, expected: bool) -> None:
    assert partitions.is_partition(name) is expected


def test_no_declared_table_is_taken_for_a_partition() -> None:
    assert not [name for name in storage.db.metadata.tables if partitions.is_partition(name)]
