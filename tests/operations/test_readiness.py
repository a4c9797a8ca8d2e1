"""/healthz and /readyz as a load balancer sees them: real processes, whose database fails in every way it can."""

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from sqlalchemy.engine import make_url

from idp import storage
from idp.storage.database import SILENT_FOR
from tests.builders import a_citizen, follow, parked_in
from tests.demo.test_supervisor import until
from tests.operations.browsing import Browser
from tests.operations.conftest import MASTER_KEY
from tests.operations.line import Line
from tests.operations.provider_process import ProviderProcess

pytestmark = [pytest.mark.postgres, pytest.mark.xdist_group("operations-readiness")]

READY = {"database": "ok", "schema": "ok", "keys": "ok"}
# Seconds in which a process notices, on a busy machine; keys are read again every five.
NOTICED_WITHIN = 30


@pytest.fixture(scope="module")
def line(database_url: str) -> Iterator[Line]:
    with Line(database_url) as line:
        yield line


@pytest.fixture(scope="module")
def provider(line: Line, start_provider: Callable[..., ProviderProcess]) -> ProviderProcess:
    return start_provider(line.url)


def wait_until_each_says(provider: ProviderProcess, status: int, document: dict[str, str]) -> None:
    def is_said() -> bool:
        return all(
            (answered, json.loads(body)) == (status, document) for answered, body in provider.ask_each("/readyz")
        )

    try:
        until(is_said, NOTICED_WITHIN)
    except AssertionError:
        raise AssertionError(f"not {status} {document}: {provider.ask_each('/readyz')}") from None


@contextlib.contextmanager
def database(url: str) -> Iterator[psycopg.Connection]:
    """The database itself, past the line."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        yield connection


@pytest.fixture(autouse=True)
def _ready_before_and_after(provider: ProviderProcess) -> Iterator[None]:
    wait_until_each_says(provider, 200, READY)
    yield
    wait_until_each_says(provider, 200, READY)
    assert set(provider.ask_each("/healthz")) == {(200, "ok\n")}


def test_without_the_database_every_worker_lives_and_none_is_ready(provider: ProviderProcess, line: Line) -> None:
    line.cut()
    try:
        wait_until_each_says(provider, 503, dict.fromkeys(READY, "unavailable"))
        assert provider.ask_each("/healthz") == [(200, "ok\n")] * provider.workers
        with Browser(provider.address) as browser:
            assert browser.get("/services").status_code == 503
    finally:
        line.mend()


def test_a_schema_that_is_behind_is_named_and_a_migration_is_enough(provider: ProviderProcess) -> None:
    assert provider.flask("db", "downgrade").returncode == 0
    wait_until_each_says(provider, 503, {**READY, "schema": "behind"})
    migrated = provider.flask("db", "upgrade")
    assert migrated.returncode == 0, migrated.stderr


def test_a_database_that_takes_no_work_is_named(provider: ProviderProcess, database_url: str) -> None:
    """A standby after a failover: it reads well, and every sign-in would fail."""
    name = make_url(database_url).database
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    with database(database_url) as connection:
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        connection.execute(f"{ended} AND pid <> pg_backend_pid()")
    try:
        wait_until_each_says(provider, 503, {**READY, "database": "read-only"})
        with Browser(provider.address) as browser:
            # The network's count is written before any password is looked at.
            assert sign_in_of_nobody(browser) == 503
    finally:
        with database(database_url) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
            connection.execute(f"{ended} AND pid <> pg_backend_pid()")


def sign_in_of_nobody(browser: Browser) -> int:
    parked = parked_in(follow(browser, browser.get("/sign-in")))  # type: ignore[arg-type]
    typed = {"identifier": "097090000001", "password": "Khong-dung-2026!"}
    return browser.post("/sign-in", data={"parked": parked, **typed}).status_code


def test_keys_that_are_gone_are_named_and_never_made_anew_where_people_are(
    provider: ProviderProcess, database_url: str, make_app: Callable[..., Flask]
) -> None:
    app = make_app(database_url)
    a_citizen(app)
    with database(database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT * FROM keys")
        connection.execute("DELETE FROM keys")
    try:
        wait_until_each_says(provider, 503, {**READY, "keys": "missing"})
    finally:
        with database(database_url) as connection:
            connection.execute("INSERT INTO keys SELECT * FROM kept")
            connection.execute("DROP TABLE kept")


def test_keys_of_another_master_key_are_named(provider: ProviderProcess, database_url: str) -> None:
    with database(database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT * FROM keys")
        connection.execute(r"UPDATE keys SET private_sealed = overlay(private_sealed placing '\x00000000' from 2)")
    try:
        wait_until_each_says(provider, 503, {**READY, "keys": "unreadable"})
    finally:
        with database(database_url) as connection:
            connection.execute("DELETE FROM keys")
            connection.execute("INSERT INTO keys SELECT * FROM kept")
            connection.execute("DROP TABLE kept")


def test_a_database_that_says_nothing_holds_up_neither_the_start_nor_a_look(
    provider: ProviderProcess, database_url: str, tmp_path: Path
) -> None:
    """A machine that vanished: nobody refuses, nobody answers. The provider comes up, says so, and goes on later."""
    with Line(database_url, dead=True) as silent:
        late = ProviderProcess(tmp_path, workers=1, IDP_DATABASE_URL=silent.url, **MASTER_KEY)
        with late:
            began = time.monotonic()
            wait_until_each_says(late, 503, dict.fromkeys(READY, "unavailable"))
            assert time.monotonic() - began < NOTICED_WITHIN
            assert late.ask_each("/healthz") == [(200, "ok\n")]
            silent.mend()
            wait_until_each_says(late, 200, READY)


def test_a_connection_whose_other_end_vanished_is_given_up(database_url: str, make_app: Callable[..., Flask]) -> None:
    with make_app(database_url).app_context(), storage.once() as tx:
        driver = tx.connection.dbapi_connection
        assert driver is not None
        with socket.fromfd(driver.pgconn.socket, socket.AF_INET, socket.SOCK_STREAM) as seen:  # type: ignore[attr-defined]
            assert seen.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == SILENT_FOR * 1000
            assert 0 < seen.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) <= SILENT_FOR
