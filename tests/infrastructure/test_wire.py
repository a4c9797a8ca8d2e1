"""The counters count what they say: round trips on PostgreSQL's wire, statements on SQLite."""

import struct
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy
from sqlalchemy import text

from tests.postgres import PostgresCluster
from tests.wire import FrontendReader, StatementCounter, WireCounter


@pytest.fixture
def database_url(postgres: PostgresCluster) -> Iterator[str]:
    yield postgres.create_database("idp_wire")
    postgres.drop_database("idp_wire")


@pytest.mark.postgres
def test_each_query_is_one_trip_and_a_transaction_adds_begin_and_commit(database_url: str) -> None:
    with WireCounter() as wire:
        plain = wire.url(database_url).replace("+psycopg", "")
        with psycopg.connect(plain, autocommit=True) as connection:
            assert wire.round_trips == 0
            connection.execute("SELECT 1")
            connection.execute("SELECT %s::int", (1,))
            assert wire.round_trips == 2
            assert wire.statements == ["SELECT 1", "SELECT $1::int"]
            wire.reset()
            with connection.transaction():
                connection.execute("SELECT 2")
            assert wire.round_trips == 3
            assert [text.split()[0] for text in wire.statements] == ["BEGIN", "SELECT", "COMMIT"]


@pytest.mark.postgres
def test_a_prepared_statement_is_told_each_time_it_is_used(database_url: str) -> None:
    with WireCounter() as wire, psycopg.connect(wire.url(database_url).replace("+psycopg", "")) as connection:
        connection.autocommit = True
        connection.execute("SELECT %s::int", (0,), prepare=True)
        wire.reset()
        for number in range(3):
            assert connection.execute("SELECT %s::int", (number,)).fetchone() == (number,)
        assert wire.statements == ["SELECT $1::int"] * 3
        assert wire.round_trips == 3


@pytest.mark.postgres
def test_an_engine_goes_through_the_counter_and_large_messages_pass_whole(database_url: str) -> None:
    with WireCounter() as wire:
        engine = sqlalchemy.create_engine(wire.url(database_url))
        with engine.begin() as connection:
            wire.reset()
            length = connection.execute(text("SELECT length(:long)"), {"long": "ă" * 300_000}).scalar_one()
        assert length == 300_000
        assert wire.round_trips == 3  # BEGIN, the query, COMMIT
        engine.dispose()


@pytest.mark.postgres
def test_one_counter_stands_before_one_server(database_url: str) -> None:
    with WireCounter() as wire:
        wire.url(database_url)
        with pytest.raises(AssertionError, match="one server"):
            wire.url("postgresql+psycopg://postgres@127.0.0.1:1/other")


def test_messages_are_read_however_they_are_cut() -> None:
    def message(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("!I", len(body) + 4) + body

    stream = b"".join(
        [
            message(b"P", b"s1\0SELECT 'S'\0\0\0"),
            message(b"B", b"\0s1\0\0\0\0\0\0\0"),
            message(b"D", b"P\0"),
            message(b"E", b"\0\0\0\0\0"),
            message(b"S", b""),
            message(b"Q", b"COMMIT\0"),
            message(b"X", b""),
        ]
    )
    for size in (1, 2, 5, 7, len(stream)):
        trips: list[int] = []
        statements: list[str] = []
        reader = FrontendReader(lambda seen=trips: seen.append(1), statements.append)  # type: ignore[misc]
        for start in range(0, len(stream), size):
            reader.feed(stream[start : start + size])
        assert (len(trips), statements) == (2, ["SELECT 'S'", "COMMIT"])


def test_statements_to_sqlite_are_counted_without_pragmas_and_transaction_words() -> None:
    engine = sqlalchemy.create_engine("sqlite://")
    with StatementCounter(engine) as counter:
        with engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.execute(text("SELECT 1"))
        assert counter.statements == ["SELECT 1"]
        counter.reset()
        assert counter.count == 0
    with engine.begin() as connection:
        connection.execute(text("SELECT 2"))
    assert counter.count == 0
    engine.dispose()
