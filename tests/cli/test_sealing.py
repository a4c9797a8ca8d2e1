"""The worker's part in the log: at most five seconds behind, told once of what is wrong, and never stopped by it."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, text, update
from structlog.testing import capture_logs

from idp import storage
from idp.cli.sealing import SEAL_EVERY, Sealing
from idp.cli.timed_jobs import TimedJobs
from idp.domain.audit import Entry, Event, Kind, hash_of
from idp.flows import sealing
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from idp.storage.database import IDLE_IN_TRANSACTION_FOR
from idp.storage.tables import audit, log_trees
from tests.builders import lend_keys
from tests.doubles import FixedClock
from tests.rows import rows_of


@pytest.fixture
def published(make_app: Callable[..., Flask], sqlite_url: str, tmp_path: Path) -> Flask:
    app = make_app(sqlite_url, IDP_LOG_HEADS_FILE=str(tmp_path / "heads.txt"))
    lend_keys(app)
    return app


def write(app: Flask) -> None:
    now = app.extensions["idp"].clock.now()
    with storage.begin() as tx:
        storage.audit.insert_entry(tx, Entry(chance.new_id(now), now, Event.KEY_MADE, actor="a test"))


def unsealed() -> int:
    return sum(len(rows_of(name)) for name in ("audit", "releases")) - len(rows_of("log_leaves"))


def test_no_entry_waits_for_more_than_five_seconds(app: Flask, clock: FixedClock) -> None:
    lend_keys(app)
    jobs, poll_every = TimedJobs(app, app.extensions["idp"]), app.extensions["idp"].settings.worker.poll_every
    assert SEAL_EVERY.total_seconds() + poll_every < 5
    while jobs.run():
        pass
    with app.app_context():
        for _ in range(10):
            write(app)
            for _ in range(5):
                clock.advance(seconds=1)
                jobs.run()
            assert unsealed() == 0


def test_heads_are_not_made_more_often_than_is_needed(app: Flask, clock: FixedClock) -> None:
    lend_keys(app)
    jobs = TimedJobs(app, app.extensions["idp"])
    while jobs.run():
        pass
    with app.app_context():
        before = len(rows_of("log_heads"))
        for _ in range(30):
            write(app)
            jobs.run()
            clock.advance(seconds=1)
        assert 1 < len(rows_of("log_heads")) - before <= 10


def test_a_file_that_cannot_be_written_is_told_of_once_and_tried_again(
    published: Flask, clock: FixedClock, tmp_path: Path
) -> None:
    file, jobs = tmp_path / "heads.txt", Sealing(published.extensions["idp"])
    file.mkdir()
    with published.app_context(), capture_logs() as said:
        for _ in range(3):
            write(published)
            clock.advance(seconds=5)
            jobs.go_on()
        assert unsealed() == 0
        file.rmdir()
        clock.advance(seconds=5)
        jobs.go_on()
        assert file.read_text().splitlines() == [row.jws for row in rows_of("log_heads")]
    assert [line["fault"] for line in said] == ["log.heads_file cannot be written: IsADirectoryError"]


def test_a_tree_that_was_changed_is_told_of_and_stops_no_other_job(published: Flask, clock: FixedClock) -> None:
    jobs = TimedJobs(published, published.extensions["idp"])
    while jobs.run():
        pass
    with published.app_context():
        with storage.begin() as tx:
            tx.execute(update(log_trees).values(size=0, frontier=b""))
        with capture_logs() as said:
            for _ in range(3):
                write(published)
                clock.advance(minutes=10)
                assert jobs.run() is False
    assert [line["event"] for line in said] == ["the log is not sealed or not published"]


def test_the_slower_look_is_a_part_of_tidying(app: Flask, clock: FixedClock) -> None:
    lend_keys(app)
    jobs, began = TimedJobs(app, app.extensions["idp"]), clock.now()
    while jobs.run():
        pass
    with app.app_context():
        clock.advance(minutes=3)
        write(app)
        jobs.run()
        with storage.begin() as tx:
            storage.audit.insert_entry(tx, Entry(chance.new_id(began), began, Event.KEY_MADE, actor="late"))
        clock.advance(seconds=5)
        jobs.run()
        assert unsealed() == 1
        clock.advance(minutes=10)
        while jobs.run():
            pass
        assert unsealed() == 0


@pytest.mark.postgres
def test_the_server_ends_transactions_that_stand_still_before_the_margin(
    make_app: Callable[..., Flask], postgres_url: str
) -> None:
    app = make_app(postgres_url)
    assert timedelta(seconds=IDLE_IN_TRANSACTION_FOR) < sealing.MARGIN
    with app.app_context():
        with storage.once() as tx:
            assert tx.scalar(text("SHOW idle_in_transaction_session_timeout")) == f"{IDLE_IN_TRANSACTION_FOR}s"
        with pytest.raises(storage.Unavailable, match="stood still"):
            stand_still()


def stand_still() -> None:
    """A transaction that does nothing until the server has ended it, and then goes on."""
    with storage.begin() as tx:
        pid = tx.scalar(text("SELECT pg_backend_pid()"))
        tx.execute(text("SET LOCAL idle_in_transaction_session_timeout = '1ms'"))
        with storage.once() as other:
            while other.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid"), {"pid": pid}):
                pass
        tx.execute(text("SELECT 1"))


# -- as many as there may ever be --------------------------------------------------------------------------------------

PER_SECOND, BEHIND = 2000, 120_000


@pytest.mark.slow
@pytest.mark.postgres
def test_two_thousand_entries_a_second_are_sealed_as_they_come(
    make_app: Callable[..., Flask], postgres_url: str, clock: FixedClock
) -> None:
    """With a whole margin of entries behind, all of which each look passes over again."""
    app = make_app(postgres_url)
    lend_keys(app)
    runtime: Runtime = app.extensions["idp"]
    jobs = Sealing(runtime)
    with app.app_context():
        write_many(clock, BEHIND)
        while jobs.go_on():
            pass
        took = []
        for _ in range(5):
            write_many(clock, 3 * PER_SECOND)
            clock.advance(seconds=3)
            began = time.monotonic()
            while jobs.go_on():
                pass
            took.append(time.monotonic() - began)
        assert unsealed_count() == 0
        print(f"\n{3 * PER_SECOND} entries sealed in {sorted(took)[2]:.2f} s")  # noqa: T201
        assert sorted(took)[2] < SEAL_EVERY.total_seconds(), "the sealer falls behind"


def write_many(clock: FixedClock, count: int) -> None:
    """So many entries of one second."""
    rows: list[dict[str, Any]] = []
    for _ in range(count):
        now = clock.now()
        values = {"id": chance.new_id(now), "at": now, "event": Event.SIGNED_IN, "actor": "the person"}
        values |= dict.fromkeys(("subject_id", "service_id", "session_id"), chance.new_id(now))
        values["details_sealed"] = b"x" * 120
        rows.append({**values, "leaf_hash": hash_of(Kind.AUDIT, values)})
    with storage.begin() as tx:
        tx.execute(insert(audit), rows)


def unsealed_count() -> int:
    with storage.once() as tx:
        return len(storage.merkle_log.list_unsealed(tx, since=None, limit=10))
