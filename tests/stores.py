"""Empty, migrated databases for tests, on SQLite and PostgreSQL: migrated once a test process, then copied.

A PostgreSQL database takes a quarter of a second to copy and some milliseconds to empty, so one that a test
is done with is emptied and given to the next; unless the test changed its tables: then it is dropped.

Empty means: as the migration left it, with the keys that a first start makes. They are the same in every database of
a test process, since making RSA keys takes longer than most tests.
"""

import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import flask_migrate
import psycopg
from flask import Flask
from psycopg import sql
from sqlalchemy.engine import make_url

from tests.builders_settings import testing_settings
from tests.doubles import START
from tests.postgres import PostgresCluster

ROOT = Path(__file__).resolve().parents[1]
STORES = ("sqlite", "postgresql")


def migrate(database_url: str) -> None:
    """Bring the database to the newest schema, the way `flask db upgrade` does."""
    from idp import storage
    from idp.app import create_app

    app = create_app(testing_settings(database_url))
    with app.app_context():
        flask_migrate.upgrade(directory=str(ROOT / "migrations"))
        with storage.begin() as tx:  # the tests' clock stands still: its months stay needed as the real ones go by
            storage.partitions.ensure_months(tx, START)
    close(app)


def close(app: Flask) -> None:
    """Close the connections of an app that a test is done with."""
    with app.app_context():
        for engine in app.extensions["sqlalchemy"].engines.values():
            engine.dispose()


class Stores:
    """Makes databases of both kinds; `postgres` is asked for the cluster only when one is needed."""

    def __init__(
        self,
        folder: Path,
        prefix: str,
        postgres: Callable[[], PostgresCluster],
        migrate: Callable[[str], None] = migrate,
    ) -> None:
        """`prefix` begins the names of databases, and is this process's alone."""
        self._folder = folder
        self._prefix = prefix
        self._postgres = postgres
        self._migrate = migrate
        self._numbers = itertools.count(1)
        self._emptied: list[str] = []

    def fresh(self, kind: str) -> str:
        """The URL of a new database with every table and no row; `kind` is one of STORES."""
        name = f"{self._prefix}_{next(self._numbers)}"
        if kind == "sqlite":
            file = self._folder / f"{name}.sqlite3"
            shutil.copyfile(self._sqlite_template, file)
            return f"sqlite:///{file}"
        if self._emptied:
            return self._emptied.pop()
        return self._postgres().create_database(name, self._postgres_template.name)

    def discard(self, url: str) -> None:
        """Take back what `fresh` gave; nobody may use it afterwards."""
        address = make_url(url)
        if address.get_backend_name() == "sqlite":
            for ending in ("", "-wal", "-shm", "-journal"):
                Path(f"{address.database}{ending}").unlink(missing_ok=True)
        elif self._is_emptied(url):
            self._emptied.append(url)
        else:
            self._postgres().drop_database(str(address.database))

    def _is_emptied(self, url: str) -> bool:
        with _connect(url) as connection:
            connection.execute(_END_OTHERS)
            if _shape(connection) != self._postgres_template.shape:
                return False
            _empty(connection)
            _put(connection, self._postgres_template.rows)
        return True

    @cached_property
    def _sqlite_template(self) -> Path:
        file = self._folder / f"{self._prefix}_template.sqlite3"
        self._migrate(f"sqlite:///{file}")
        left = Path(f"{file}-wal")
        assert not left.exists() or left.stat().st_size == 0, "the migration left a connection open"
        return file

    @cached_property
    def _postgres_template(self) -> "_Template":
        """The database that others are copied from."""
        name = f"{self._prefix}_template"
        url = self._postgres().create_database(name)
        self._migrate(url)
        with _connect(url) as connection:
            return _Template(name, _shape(connection), _rows(connection))


@dataclass(frozen=True, slots=True)
class _Template:
    """`rows` are what the migration left, by table, as PostgreSQL copies them."""

    name: str
    shape: str
    rows: dict[str, bytes]


_END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_SHAPE = """
    SELECT md5(string_agg(concat_ws(' ', oid, relname, relhastriggers, relchecks, columns), ' ' ORDER BY oid))
    FROM pg_class LEFT JOIN (
        SELECT attrelid,
            string_agg(concat_ws(' ', attname, atttypid, atttypmod, attnotnull), ' ' ORDER BY attnum) columns
        FROM pg_attribute WHERE NOT attisdropped GROUP BY attrelid
    ) attributes ON attrelid = oid
    WHERE relnamespace = 'public'::regnamespace
"""
_HOLDERS = """
    SELECT relkind::text, relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')
"""


def _connect(url: str) -> psycopg.Connection[Any]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True)


def _shape(connection: psycopg.Connection[Any]) -> str:
    """A digest of tables, their columns, indexes and sequences; a test that adds or drops one changes it."""
    row = connection.execute(_SHAPE).fetchone()
    assert row is not None
    return str(row[0])


def _empty(connection: psycopg.Connection[Any]) -> None:
    """Delete every row and restart every sequence, past the keys and triggers that would refuse it."""
    holders = [(kind, name, sql.Identifier(name)) for kind, name in connection.execute(_HOLDERS)]
    asked = [sql.SQL("(SELECT {} FROM {} LIMIT 1)").format(name, table) for kind, name, table in holders if kind == "r"]
    full = {row[0] for row in connection.execute(sql.SQL(" UNION ALL ").join(asked))} if asked else set()
    connection.execute("SET session_replication_role = replica")
    for kind, name, holder in holders:
        if kind == "S":
            connection.execute(sql.SQL("ALTER SEQUENCE {} RESTART").format(holder))
        elif name in full:
            connection.execute(sql.SQL("DELETE FROM {}").format(holder))


def _rows(connection: psycopg.Connection[Any]) -> dict[str, bytes]:
    """What stands in the tables that are not empty."""
    tables = [name for kind, name in connection.execute(_HOLDERS) if kind == "r"]
    copied = {}
    for name in tables:
        with (
            connection.cursor() as cursor,
            cursor.copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(name))) as copy,
        ):
            copied[name] = b"".join(copy)
    return {name: rows for name, rows in copied.items() if rows}


def _put(connection: psycopg.Connection[Any], rows: dict[str, bytes]) -> None:
    """Put rows back, past keys and triggers as `_empty` left them."""
    for name, text in rows.items():
        with (
            connection.cursor() as cursor,
            cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(name))) as copy,
        ):
            copy.write(text)
