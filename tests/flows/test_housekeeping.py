"""What time does by itself: sessions that ran out end as any other and services are told; old counts go."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask

from idp import storage
from idp.flows import housekeeping
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from tests.builders import Citizen, a_citizen, a_service, obtain_code, obtain_tokens, sign_in
from tests.domain.test_next_step import a_session
from tests.doubles import FixedClock
from tests.rows import count_rows, events, rows_of


@pytest.fixture
def citizen(app: Flask, runtime: Runtime) -> Citizen:
    return a_citizen(app)


def end_run_out(runtime: Runtime) -> int:
    with storage.begin() as tx:
        return housekeeping.end_run_out_sessions(tx, runtime)


def wait_idle(clock: FixedClock) -> None:
    clock.advance(minutes=30)


def wait_absolute(clock: FixedClock) -> None:
    with storage.begin() as tx:
        tx.execute(storage.tables.sessions.update().values(seen_at=clock.now().replace(year=2027)))
    clock.advance(hours=12)


@pytest.mark.parametrize("wait", [wait_idle, wait_absolute])
def test_a_session_that_ran_out_ends_and_its_services_are_told(
    app: Flask, runtime: Runtime, citizen: Citizen, clock: FixedClock, wait: Callable[[FixedClock], None]
) -> None:
    service = a_service(app)
    obtain_tokens(app.test_client(), service, citizen)
    assert end_run_out(runtime) == 0
    wait(clock)
    assert end_run_out(runtime) == 1
    [session] = rows_of("sessions")
    assert (session.end_reason, session.ended_at) == ("expired", clock.now())
    assert [(row.end_reason, row.ended_at) for row in rows_of("grants")] == [("expired", clock.now())]
    assert [row.service_id for row in rows_of("outbox")] == [service.id]
    assert events()["session.expired"] == 1


def test_it_is_done_once(app: Flask, runtime: Runtime, citizen: Citizen, clock: FixedClock) -> None:
    obtain_tokens(app.test_client(), a_service(app), citizen)
    clock.advance(hours=13)
    assert [end_run_out(runtime) for _ in range(2)] == [1, 0]
    assert count_rows()["outbox"] == 1


def test_back_channel_logout_2_7_lasting_access_outlives_the_session(
    app: Flask, runtime: Runtime, citizen: Citizen, clock: FixedClock
) -> None:
    obtain_tokens(app.test_client(), a_service(app), citizen, scope="openid offline_access")
    clock.advance(hours=13)
    end_run_out(runtime)
    assert [row.ended_at for row in rows_of("grants")] == [None]


def test_a_great_heap_is_ended_in_batches(runtime: Runtime, citizen: Citizen, clock: FixedClock) -> None:
    now = clock.now()
    with storage.begin() as tx:
        key = storage.data_keys.find_data_key(tx, runtime.keyring, citizen.id)
        assert key is not None
        for _ in range(housekeeping.BATCH + 1):
            session = replace(a_session(now), id=chance.new_id(now), subject_id=citizen.id)
            digest = chance.digest(chance.new_secret())
            storage.sessions.insert_session(tx, key, session, token_digest=digest, device_id=None, address="", agent="")
    clock.advance(hours=13)
    assert [end_run_out(runtime) for _ in range(3)] == [housekeeping.BATCH, 1, 0]


def test_tidying_drops_counts_whose_window_is_over_and_no_other(runtime: Runtime, clock: FixedClock) -> None:
    def count(name: str) -> None:
        with storage.begin() as tx:
            storage.throttles.use_tries(
                tx,
                runtime.keyring,
                {"network": name},
                now=clock.now(),
                window_ends_at=clock.now().replace(minute=59),
            )

    count("a")
    clock.advance(hours=1)
    count("b")
    with storage.begin() as tx:
        housekeeping.tidy(tx, runtime)
    assert count_rows()["throttles"] == 1


def test_tidying_drops_large_requests_that_nobody_may_use_any_more(
    app: Flask, runtime: Runtime, citizen: Citizen, clock: FixedClock
) -> None:
    obtain_code(app.test_client(), a_service(app), citizen, nonce="n" * 1000)
    assert count_rows()["large_requests"] == 1
    clock.advance(seconds=30)
    with storage.begin() as tx:
        housekeeping.tidy(tx, runtime)
    assert count_rows()["large_requests"] == 1
    clock.advance(hours=1)
    with storage.begin() as tx:
        housekeeping.tidy(tx, runtime)
    assert "large_requests" not in count_rows()


def test_tidying_makes_the_months_ahead(runtime: Runtime, clock: FixedClock, app: Flask, citizen: Citizen) -> None:
    clock.advance(days=200)
    with storage.begin() as tx:
        housekeeping.tidy(tx, runtime)
    clock.advance(days=360)
    sign_in(app.test_client(), citizen)
    assert count_rows()["sessions"] == 1
