"""The timed jobs: one of many workers does them, another when it dies or leaves; and what they do."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text
from structlog.testing import capture_logs

from idp import flows, storage
from idp.cli.timed_jobs import TIDY_EVERY, TimedJobs
from idp.domain.accounts import Ground, Lock
from idp.domain.rights import RightKind
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from idp.web import rights_texts
from tests.builders import a_citizen, a_service, lend_keys, obtain_tokens, sign_in
from tests.doubles import FixedClock
from tests.mailbag import messages
from tests.rows import count_rows, events, rows_of

LEASE = 30


@pytest.fixture
def new_jobs(app: Flask) -> Callable[[], TimedJobs]:
    """`new_jobs()`: those of another worker, on the same store."""
    lend_keys(app)
    return lambda: TimedJobs(app, app.extensions["idp"])


def throw_away(app: Flask, clock: FixedClock) -> None:
    """Something that the next tidying lets go."""
    with app.app_context(), storage.begin() as tx:
        storage.spent_tokens.use_token(tx, "a", str(clock.now()), clock.now())


def is_tidy(app: Flask) -> bool:
    with app.app_context():
        return "spent_tokens" not in count_rows()


def settle(jobs: TimedJobs) -> None:
    while jobs.run():
        pass


def sign_somebody_in(app: Flask) -> None:
    obtain_tokens(app.test_client(), a_service(app), a_citizen(app))


def test_a_lock_that_is_over_opens_by_itself_and_the_person_is_told(
    app: Flask, new_jobs: Callable[[], TimedJobs], clock: FixedClock
) -> None:
    """Decree 69/2024 Art 30."""
    runtime: Runtime = app.extensions["idp"]
    phone = {"phone_number": "+84912000013", "phone_number_verified": True}
    citizen = a_citizen(app, claims={"name": "Lê Thị Mẫu", **phone})
    with app.app_context(), storage.begin() as tx:
        person = flows.account_care.find_person(tx, runtime, citizen.number)
        over = Lock(Ground.CARD_EXPIRED, "card ran out", until=clock.now() + timedelta(days=1))
        flows.account_care.lock(tx, runtime, person, over, actor="the register")
    jobs = new_jobs()
    settle(jobs)
    assert messages(app) == []
    clock.advance(days=1)
    settle(jobs)
    [told] = messages(app)
    assert (told.to, "mở lại" in told.text) == ("+84912000013", True)
    sign_in(app.test_client(), citizen)


def test_of_two_workers_exactly_one_tidies(app: Flask, new_jobs: Callable[[], TimedJobs], clock: FixedClock) -> None:
    one, other = new_jobs(), new_jobs()
    settle(one)
    throw_away(app, clock)
    tidied = 0
    for _ in range(60):  # for twenty minutes
        clock.advance(seconds=20)
        other.run()
        assert not is_tidy(app)
        one.run()
        if is_tidy(app):
            tidied += 1
            throw_away(app, clock)
    assert tidied == 2


def test_what_ran_out_is_ended_by_who_holds_the_lease(
    app: Flask, new_jobs: Callable[[], TimedJobs], clock: FixedClock
) -> None:
    sign_somebody_in(app)
    clock.advance(hours=13)
    holder = chance.new_id(clock.now())
    with app.app_context():
        with storage.once(writes=True) as tx:
            name, lease_for = storage.leases.TIMED_JOBS, timedelta(seconds=LEASE)
            storage.leases.use_lease(tx, name, holder, now=clock.now(), lease_for=lease_for)
        assert new_jobs().run() is False
        assert "session.expired" not in events()
        clock.advance(seconds=LEASE)
        assert new_jobs().run() is True
        assert events()["session.expired"] == 1


def test_when_the_holder_dies_another_takes_over_after_the_lease(
    app: Flask, new_jobs: Callable[[], TimedJobs], clock: FixedClock
) -> None:
    dead, other = new_jobs(), new_jobs()
    dead.run()
    throw_away(app, clock)
    for _ in range(LEASE - 1):
        clock.advance(seconds=1)
        other.run()
        assert not is_tidy(app)
    for _ in range(1 + LEASE // 3):  # it does not ask all the time
        clock.advance(seconds=1)
        other.run()
    assert is_tidy(app), "the lease is over"


def test_who_comes_back_to_life_asks_before_it_does_anything(
    app: Flask, new_jobs: Callable[[], TimedJobs], clock: FixedClock
) -> None:
    paused, other = new_jobs(), new_jobs()
    paused.run()
    clock.advance(seconds=LEASE)
    other.run()
    clock.advance(seconds=TIDY_EVERY.total_seconds() + 1)
    other.run()
    throw_away(app, clock)
    paused.run()
    assert not is_tidy(app)


def test_who_leaves_gives_the_lease_back(app: Flask, new_jobs: Callable[[], TimedJobs], clock: FixedClock) -> None:
    one, other = new_jobs(), new_jobs()
    one.run()
    throw_away(app, clock)
    one.leave()
    other.run()
    assert is_tidy(app)


def test_it_tidies_every_ten_minutes_and_ends_sessions_all_the_time(
    app: Flask, new_jobs: Callable[[], TimedJobs], clock: FixedClock
) -> None:
    sign_somebody_in(app)
    jobs = new_jobs()
    clock.advance(minutes=29)
    settle(jobs)
    throw_away(app, clock)
    clock.advance(minutes=2)
    assert jobs.run() is True
    assert not is_tidy(app)
    with app.app_context():
        assert events()["session.expired"] == 1
    clock.advance(minutes=8)
    jobs.run()
    assert is_tidy(app)


def test_a_great_heap_is_let_go_in_batches_one_right_after_the_other(
    app: Flask, new_jobs: Callable[[], TimedJobs], clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows.housekeeping, "ROWS", 2)
    for _ in range(5):
        clock.advance(seconds=1)
        throw_away(app, clock)
    jobs = new_jobs()
    left = []
    while jobs.run():
        with app.app_context():
            left.append(count_rows().get("spent_tokens", 0))
    assert left == [3, 1]
    assert is_tidy(app)


def test_a_job_that_fails_keeps_no_other_from_being_done(
    app: Flask,
    new_jobs: Callable[[], TimedJobs],
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault nobody thought of")

    done: list[bool] = []
    monkeypatch.setattr(flows.housekeeping, "let_go", fail)
    monkeypatch.setattr(flows.key_care, "withdraw_old", lambda *_: done.append(True))
    with capture_logs() as said:
        new_jobs().run()
    assert done == [True]
    assert [line["job"] for line in said if line["event"] == "a timed job failed"] == ["_let_rows_go"]


def test_it_goes_on_until_it_is_told_to_stop_and_gives_the_lease_back(
    app: Flask, new_jobs: Callable[[], TimedJobs], clock: FixedClock
) -> None:
    throw_away(app, clock)
    stop, jobs = threading.Event(), new_jobs()
    running = threading.Thread(target=jobs.go_on, args=(stop,))
    running.start()
    try:
        until(lambda: is_tidy(app))
        assert leases(app)
    finally:
        stop.set()
        running.join(timeout=20)
    assert not running.is_alive()
    assert leases(app) == []


def test_a_fault_of_the_database_does_not_end_it(app: Flask, new_jobs: Callable[[], TimedJobs]) -> None:
    rename(app, "leases", "away")
    stop, jobs = threading.Event(), new_jobs()
    running = threading.Thread(target=jobs.go_on, args=(stop,))
    with capture_logs() as said:
        running.start()
        try:
            until(lambda: [line for line in said if line["event"] == "the database did not answer"])
            rename(app, "away", "leases")
            until(lambda: leases(app))
        finally:
            stop.set()
            running.join(timeout=20)
    assert not running.is_alive()


def test_what_is_late_by_law_is_warned_of_once_for_each_number(
    app: Flask, new_jobs: Callable[[], TimedJobs], clock: FixedClock
) -> None:
    citizen, runtime, jobs = a_citizen(app), app.extensions["idp"], new_jobs()

    def ask() -> None:
        with app.app_context(), storage.begin() as tx:
            about = (citizen.id, RightKind.COPY, "", rights_texts.notice)
            flows.rights.ask(tx, runtime, *about, actor="the person")

    def warned(days: int) -> list[int]:
        with capture_logs() as said:
            for _ in range(days):
                settle(jobs)
                clock.advance(days=1)
        return [line["number"] for line in said if line["event"] == "rights requests are overdue"]

    ask()
    assert warned(3) == []
    ask()
    assert warned(3) == [1]
    assert warned(3) == [2]


def rename(app: Flask, old: str, new: str) -> None:
    with app.app_context(), storage.begin() as tx:
        tx.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))


def leases(app: Flask) -> list[object]:
    with app.app_context():
        return rows_of("leases")


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds, for twenty seconds at most."""
    waited = threading.Event()
    for _ in range(400):
        if holds():
            return
        waited.wait(0.05)
    raise AssertionError("it never came to hold")
