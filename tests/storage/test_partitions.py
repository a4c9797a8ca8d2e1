"""The months of the tables that only grow: ids land in their month, and a month goes when nothing in it is needed."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select, text, update
from sqlalchemy.exc import IntegrityError

from idp import storage
from idp.domain.audit import Entry, Event
from idp.domain.grants import MachineGrant
from idp.runtime import chance
from idp.storage import partitions, tables
from idp.storage.database import in_transactions
from idp.storage.partitions import LetGo
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
        ("audit_2026", False),
        ("audit_202612", False),
        ("audit_2026_12_31", False),
        ("", False),
        (None, False),
    ],
)
def test_a_partition_is_known_by_its_name(name: str | None, expected: bool) -> None:
    assert partitions.is_partition(name) is expected


def test_no_declared_table_is_taken_for_a_partition() -> None:
    assert not [name for name in storage.db.metadata.tables if partitions.is_partition(name)]


# -- months ahead ----------------------------------------------------------------------------------------------------


@contextmanager
def somebody_uses(table: str) -> Iterator[Connection]:
    """A transaction that has written to a table and goes on."""
    with in_transactions(storage.db.engine).begin() as deed:
        deed.execute(text(f"SELECT count(*) FROM {table}"))
        deed.execute(text(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE"))
        yield deed


@pytest.mark.postgres
@pytest.mark.parametrize("table", tables.PARTITIONED)
def test_making_months_waits_for_no_deed(postgres_house: House, table: str) -> None:
    with somebody_uses(table), storage.begin() as tx:
        tx.execute(text("SET LOCAL lock_timeout = '500ms'"))
        assert partitions.ensure_months(tx, START + timedelta(days=31)) == len(tables.PARTITIONED)


@pytest.mark.postgres
@pytest.mark.parametrize("table", tables.PARTITIONED)
def test_a_month_has_the_keys_indexes_and_guards_of_its_table(postgres_house: House, table: str) -> None:
    asked = """
        SELECT replace(indexdef, tablename, :table) AS index FROM pg_indexes WHERE tablename = :name
        UNION ALL SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(:name) AND tgname = 'append_only'
    """

    def shape(name: str) -> list[str]:
        with storage.once() as tx:
            found = tx.scalars(text(asked), {"table": table, "name": name})
            return sorted(each.partition(" USING ")[2] or each for each in found)

    assert len(shape(table)) > 0
    assert shape(f"{table}_2026_12") == shape(table)


# -- months that are over ----------------------------------------------------------------------------------------------


@pytest.fixture
def months_house(postgres_house: House) -> House:
    """A house whose first month is the tests' own, whatever month it is outside."""
    with storage.begin() as tx:
        for table in tables.PARTITIONED:
            for month in months(table):
                tx.execute(text(f"DROP TABLE {month}"))
        partitions.ensure_months(tx, postgres_house.clock.now())
    return postgres_house


def since(house: House, *table_names: str) -> dict[str, datetime]:
    """Everything before this month may go."""
    return dict.fromkeys(table_names or tables.PARTITIONED, house.clock.now())


def detach(house: House, *table_names: str) -> bool:
    with storage.once() as tx:
        return partitions.detach_months(tx, since(house, *table_names), house.clock.now())


def drop(house: House, *table_names: str) -> list[LetGo]:
    """Drop one after the other, as the worker does."""
    dropped = []
    while True:
        with storage.begin() as tx:
            one = partitions.drop_month(tx, since(house, *table_names))
        if one is None:
            return dropped
        dropped.append(one)


def months(table: str) -> list[str]:
    with storage.once() as tx:
        found = tx.scalars(
            text(f"SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = '{table}'::regclass")
        )
        return sorted(found)


def a_machine_grant(house: House, lasts: timedelta) -> None:
    now = house.clock.now()
    grant = MachineGrant(house.new_id(), house.new_id(), ("a",), None, now, now + lasts)
    with storage.begin() as tx:
        storage.machine_grants.insert_grant(tx, grant)


@pytest.mark.postgres
@pytest.mark.parametrize("table", tables.PARTITIONED)
def test_months_before_the_first_that_is_kept_go_as_a_whole(months_house: House, table: str) -> None:
    house, before = months_house, months(table)
    house.clock.advance(days=62)  # the first of February
    assert before[:3] == [f"{table}_2026_12", f"{table}_2027_01", f"{table}_2027_02"]
    assert detach(house, table)
    assert months(table) == before[2:]
    assert [(each.table, each.month, each.is_history) for each in drop(house, table)] == [
        (table, "2026_12", table in tables.HISTORY),
        (table, "2027_01", table in tables.HISTORY),
    ]
    assert detach(house, table)
    assert drop(house, table) == []
    with storage.once() as tx:
        assert tx.scalar(text(f"SELECT to_regclass('{table}_2026_12')")) is None


@pytest.mark.postgres
def test_what_went_is_counted(months_house: House) -> None:
    house = months_house
    for _ in range(3):
        write(house, house.clock.now())
    house.clock.advance(days=31)
    detach(house, "audit")
    (gone,) = drop(house, "audit")
    assert gone == LetGo("audit", 3, "2026_12")


LASTS = timedelta(days=90)


def a_lasting_grant(house: House) -> None:
    session = house.session(house.person())
    house.exchange(house.code(session, house.service(), offline=True), lasts=LASTS)
    house.end(session)


def a_grant_of_a_session_that_lives(house: House) -> None:
    session = house.session(house.person())
    house.exchange(house.code(session, house.service()), lasts=timedelta(hours=1))


def a_machine_grant_that_lasts(house: House) -> None:
    a_machine_grant(house, LASTS)


NEEDED = [
    ("grants", a_lasting_grant),
    ("grants", a_grant_of_a_session_that_lives),
    ("machine_grants", a_machine_grant_that_lasts),
]


@pytest.mark.postgres
@pytest.mark.parametrize(("table", "make"), NEEDED)
def test_a_month_stays_while_one_row_of_it_is_needed(
    months_house: House, table: str, make: Callable[[House], None]
) -> None:
    house = months_house
    make(house)
    house.clock.advance(days=35)
    assert detach(house, table)
    assert months(table)[0] == f"{table}_2026_12"
    house.clock.advance(days=56)
    with storage.begin() as tx:
        tx.execute(update(tables.sessions).values(ended_at=house.clock.now()))
    assert detach(house, table)
    assert f"{table}_2026_12" not in months(table)
    assert sum(each.rows for each in drop(house, table)) == 1


@pytest.mark.parametrize(("table", "make"), NEEDED)
def test_on_sqlite_rows_go_in_batches_when_their_month_would(
    sqlite_house: House, table: str, make: Callable[[House], None]
) -> None:
    house = sqlite_house

    def delete(limit: int = 10) -> list[LetGo]:
        with storage.begin() as tx:
            return partitions.delete_rows(tx, since(house), house.clock.now(), limit=limit)

    make(house)
    for _ in range(5):
        a_machine_grant(house, timedelta(hours=1))
    house.clock.advance(days=30)
    assert delete() == [], "the month is not over"
    house.clock.advance(days=1)
    assert [delete(3), delete(3), delete(3)] == [[LetGo("machine_grants", 3)], [LetGo("machine_grants", 2)], []]
    house.clock.advance(days=60)
    with storage.begin() as tx:
        tx.execute(update(tables.sessions).values(ended_at=house.clock.now()))
    assert delete() == [LetGo(table, 1)]


def test_on_sqlite_history_stays(sqlite_house: House) -> None:
    made = write(sqlite_house, sqlite_house.clock.now())
    sqlite_house.clock.advance(days=4000)
    assert detach(sqlite_house)
    assert drop(sqlite_house) == []
    with storage.begin() as tx:
        assert partitions.delete_rows(tx, since(sqlite_house), sqlite_house.clock.now(), limit=10) == []
    assert made.id in {row.id for row in sqlite_house.rows(tables.audit)}


@pytest.mark.postgres
def test_a_long_transaction_is_waited_for_no_longer_than_a_moment_and_nobody_waits_behind_it(
    months_house: House,
) -> None:
    house = months_house
    session, service = house.session(house.person()), house.service()
    house.exchange(house.code(session, service), lasts=timedelta(hours=1))
    house.end(session)
    house.clock.advance(days=31)
    hot = house.session(house.person("Nguyễn Văn Mẫu"))
    is_over = threading.Event()

    def purge() -> bool:
        try:
            return detach(house, "grants")
        finally:
            is_over.set()

    def exchange_all_the_while() -> int:
        count = 0
        while not is_over.is_set():
            code = house.code(hot, service)
            with storage.begin() as tx:
                tx.execute(text("SET LOCAL lock_timeout = '500ms'"))
                values = {"expires_at": house.clock.now() + timedelta(hours=1), "times": house.times}
                storage.grants.exchange(tx, house.keyring, code, service=service, **values)
            count += 1
        return count

    with somebody_uses("grants"):
        gave_up, exchanged = house.at_once([purge, exchange_all_the_while])
        assert gave_up is False
        assert isinstance(exchanged, int), exchanged
        assert exchanged > 1
        assert house.count(tables.grants) == exchanged, "the old month is out of sight"
        assert drop(house, "grants") == [], "and not dropped under the reader"
        assert detach(house, "grants") is False, "it is given up again, quietly"
    assert detach(house, "grants")
    assert drop(house, "grants") == [LetGo("grants", 1, "2026_12")]


@pytest.mark.postgres
def test_the_time_limit_of_the_purge_does_not_stay_with_the_connection(months_house: House) -> None:
    house = months_house
    with storage.db.engine.connect() as connection:
        before = connection.scalar(text("SHOW lock_timeout"))
    with somebody_uses("grants"):
        house.clock.advance(days=31)
        detach(house, "grants")
    with storage.once() as tx:
        assert tx.scalar(text("SHOW lock_timeout")) == before
        ours = "SELECT count(*) FROM pg_locks JOIN pg_database ON database = pg_database.oid"
        assert tx.scalar(text(f"{ours} WHERE locktype = 'advisory' AND datname = current_database()")) == 0


@pytest.mark.postgres
def test_a_month_that_is_being_read_is_not_dropped_and_goes_the_next_time(months_house: House) -> None:
    house = months_house
    house.clock.advance(days=31)
    assert detach(house, "audit")
    with in_transactions(storage.db.engine).begin() as reader:
        reader.execute(text("SELECT count(*) FROM audit_2026_12"))
        assert drop(house, "audit") == []
    assert [each.month for each in drop(house, "audit")] == ["2026_12"]


@pytest.mark.postgres
def test_a_table_of_another_name_and_a_month_that_is_kept_are_left_alone(months_house: House) -> None:
    house = months_house
    with storage.begin() as tx:
        tx.execute(text("ALTER TABLE audit DETACH PARTITION audit_2027_02"))
        tx.execute(text("CREATE TABLE audit_2020 (id int)"))
        tx.execute(text("CREATE TABLE audit_2020_01_kept (id int)"))
    house.clock.advance(days=31)
    assert detach(house, "audit")
    assert [each.month for each in drop(house, "audit")] == ["2026_12"]
    with storage.once() as tx:
        for name in ("audit_2027_02", "audit_2020", "audit_2020_01_kept"):
            assert tx.scalar(text(f"SELECT to_regclass('{name}')")) == name


@pytest.mark.postgres
def test_of_workers_that_let_months_go_at_once_each_month_goes_once(months_house: House) -> None:
    house = months_house
    house.clock.advance(days=31)
    assert not [each for each in house.at_once([lambda: detach(house)] * 4) if isinstance(each, Exception)]
    detach(house)
    got = house.at_once([lambda: drop(house)] * 4)
    assert not [each for each in got if isinstance(each, Exception)]
    dropped = [each.table for many in got if isinstance(many, list) for each in many]
    assert sorted([*dropped, *(each.table for each in drop(house))]) == sorted(tables.PARTITIONED)


@pytest.mark.postgres
def test_no_deed_fails_while_a_year_of_months_goes(months_house: House) -> None:
    """Statements that were planned while the months were there run on, in the same connections, while they go."""
    house = months_house
    with storage.begin() as tx:
        partitions.ensure_months(tx, house.clock.now() + timedelta(days=400))
    house.clock.advance(days=366)
    person, service = house.person(), house.service(logout="https://one.example/logout")
    is_over = threading.Event()

    def purge() -> int:
        try:
            while not detach(house):
                pass  # on a slow machine a deed may have held on for more than a second
            return len(drop(house))
        finally:
            is_over.set()

    def sign_in_and_out() -> int:
        rounds = 0
        while not is_over.is_set():
            session = house.session(person)
            code = house.code(session, service)
            assert house.exchange(code) is not None
            assert house.refresh(code, 0) is not None
            assert house.find_live(code) is not None
            assert house.end(session) == [service.id]
            with storage.once() as tx:
                assert storage.audit.list_receivers(tx, person.id)
            rounds += 1
        return rounds

    dropped, *rounds = house.at_once([purge, *[sign_in_and_out] * 3])
    assert dropped == 12 * len(tables.PARTITIONED)
    assert not [each for each in rounds if isinstance(each, Exception)], rounds
    assert min(rounds) > 0  # type: ignore[type-var]


@pytest.mark.postgres
def test_a_grant_of_a_month_that_was_let_go_is_not_there(months_house: House) -> None:
    house = months_house
    session = house.session(house.person(), "cookie")
    code = house.code(session, house.service())
    assert house.exchange(code) is not None
    assert house.find_live(code) is not None
    with storage.begin() as tx:
        tx.execute(text(f"DROP TABLE {partitions.month_of(tables.grants, code.grant_id).name}"))
    assert house.find_live(code) is None
    assert house.refresh(code, 0) is None
