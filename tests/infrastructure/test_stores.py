"""Each test gets an empty, migrated database of its own on either store, and no trace of it stays."""

import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from flask import Flask
from sqlalchemy.engine import make_url

from idp.storage import db, partitions
from tests.postgres import PostgresCluster
from tests.stores import STORES, Stores


def _tables(url: str) -> dict[str, int]:
    """The rows of each table."""
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        names = sqlalchemy.inspect(connection).get_table_names()
        counted = {
            name: connection.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(sqlalchemy.table(name)))
            for name in names
        }
        rows = {name: result.scalar_one() for name, result in counted.items()}
    engine.dispose()
    return rows


def _whole_tables(url: str) -> dict[str, int]:
    """The rows of each table, the months of a table counted in it."""
    return {name: count for name, count in _tables(url).items() if not partitions.is_partition(name)}


def test_a_store_has_every_table_and_no_row_but_the_keys_of_a_first_start(store_url: str) -> None:
    rows = _whole_tables(store_url)
    assert set(rows) == {*db.metadata.tables, "alembic_version"}
    filled = {name: count for name, count in rows.items() if count}
    # The pairwise key, current and next for ES256 and RS256, each signing key noted; the house's data key.
    assert filled == {"alembic_version": 1, "keys": 5, "audit": 4, "data_keys": 1}


@pytest.mark.postgres
def test_a_postgresql_database_that_was_used_comes_back_with_the_same_keys(postgres: PostgresCluster) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stores = Stores(Path(folder), "idp_again", lambda: postgres)
        url = stores.fresh("postgresql")
        first = _whole_tables(url)
        with psycopg.connect(_plain(url)) as connection:
            keys = connection.execute("SELECT kid, private_sealed FROM keys ORDER BY kid").fetchall()
            connection.execute("DELETE FROM keys WHERE kid = 'pairwise'")
            connection.execute("INSERT INTO throttles VALUES ('x', 1, now())")
        stores.discard(url)
        assert stores.fresh("postgresql") == url
        assert _whole_tables(url) == first
        with psycopg.connect(_plain(url)) as connection:
            assert connection.execute("SELECT kid, private_sealed FROM keys ORDER BY kid").fetchall() == keys
        for name in ("idp_again_template", "idp_again_1"):
            postgres.drop_database(name)


RESISTING = """
    CREATE TABLE parent (id int PRIMARY KEY);
    CREATE TABLE child (id int GENERATED ALWAYS AS IDENTITY, parent int NOT NULL REFERENCES parent);
    CREATE TABLE ledger (id int) PARTITION BY RANGE (id);
    CREATE TABLE ledger_1 PARTITION OF ledger DEFAULT;
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'append only'; END $$;
    CREATE TRIGGER append_only BEFORE DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION refuse();
"""
ROWS = "INSERT INTO parent VALUES (1); INSERT INTO child (parent) VALUES (1); INSERT INTO ledger VALUES (1)"


@pytest.fixture
def resisting(postgres: PostgresCluster, tmp_path: Path) -> Iterator[Stores]:
    """Stores whose tables resist deletion, as the audit's do."""

    def run(url: str) -> None:
        with psycopg.connect(_plain(url), autocommit=True) as connection:
            connection.execute(RESISTING)

    yield Stores(tmp_path, "idp_resisting", lambda: postgres, migrate=run)
    for name in ("idp_resisting_template", "idp_resisting_1", "idp_resisting_2"):
        postgres.drop_database(name)


def _plain(url: str) -> str:
    return url.replace("+psycopg", "")


@pytest.mark.postgres
def test_a_postgresql_database_comes_back_empty_though_its_rows_resist(resisting: Stores) -> None:
    url = resisting.fresh("postgresql")
    # A test that forgot to let go, in the midst of a transaction.
    held = psycopg.connect(_plain(url))
    held.execute(ROWS)
    held.commit()
    held.execute("SELECT * FROM parent FOR UPDATE")
    resisting.discard(url)
    held.close()
    assert resisting.fresh("postgresql") == url
    assert set(_tables(url).values()) == {0}
    with psycopg.connect(_plain(url)) as connection:
        connection.execute(ROWS)
        assert connection.execute("SELECT id FROM child").fetchall() == [(1,)]


@pytest.mark.postgres
@pytest.mark.parametrize(
    "change",
    ["DROP TABLE ledger_1", "ALTER TABLE child ALTER parent DROP NOT NULL", "ALTER TABLE child DROP COLUMN parent"],
)
def test_a_postgresql_database_with_other_tables_than_it_had_is_not_used_again(resisting: Stores, change: str) -> None:
    url = resisting.fresh("postgresql")
    with psycopg.connect(_plain(url)) as connection:
        connection.execute(change)
    resisting.discard(url)
    assert resisting.fresh("postgresql") != url


@pytest.mark.parametrize("kind", STORES)
def test_what_one_store_keeps_no_other_sees_and_discarding_leaves_nothing(stores: Stores, kind: str) -> None:
    one, two = stores.fresh(kind), stores.fresh(kind)
    engine = sqlalchemy.create_engine(one)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE only_here (word text)"))
    engine.dispose()
    assert "only_here" in _tables(one)
    assert "only_here" not in _tables(two)
    stores.discard(one)
    stores.discard(two)
    if kind == "sqlite":
        folder = Path(str(make_url(one).database)).parent
        assert not [left for left in folder.iterdir() if Path(str(make_url(one).database)).stem == left.stem]
    else:
        with pytest.raises(sqlalchemy.exc.OperationalError, match="does not exist"):
            _tables(one)


def test_an_app_stands_on_its_store_with_this_tests_clock_and_network(
    make_app: Callable[..., Flask], sqlite_url: str, clock: object, outbound: object
) -> None:
    app = make_app(sqlite_url, IDP_ISSUER="https://id.example")
    runtime = app.extensions["idp"]
    assert (runtime.clock, runtime.outbound) == (clock, outbound)
    assert runtime.settings.issuer == "https://id.example"
    assert runtime.settings.profile == "testing"
    assert runtime.settings.database.url == sqlite_url


def test_tests_have_no_network() -> None:
    with socket.socket() as outward, pytest.raises(RuntimeError, match="tests have no network"):
        outward.connect(("192.0.2.1", 443))
