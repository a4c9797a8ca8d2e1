"""What time does by itself: sessions that ran out end as any other and services are told; what is over goes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from idp import storage
from idp.domain.sessions import EndReason
from idp.flows import housekeeping
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from idp.storage.partitions import LetGo
from tests.builders import Citizen, a_citizen, a_service, lend_keys, obtain_code, obtain_tokens, sign_in
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


# -- row by row ----------------------------------------------------------------------------------------------------


def let_go(runtime: Runtime, table: str) -> int:
    with storage.begin() as tx:
        return housekeeping.let_go(tx, runtime, table)


def test_counts_go_with_their_window_and_no_other(runtime: Runtime, clock: FixedClock) -> None:
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
    assert let_go(runtime, "throttles") == 1
    assert count_rows()["throttles"] == 1


def test_large_requests_go_when_nobody_may_use_them_any_more(
    app: Flask, runtime: Runtime, citizen: Citizen, clock: FixedClock
) -> None:
    obtain_code(app.test_client(), a_service(app), citizen, nonce="n" * 1000)
    clock.advance(seconds=30)
    assert let_go(runtime, "large_requests") == 0
    clock.advance(hours=1)
    assert let_go(runtime, "large_requests") == 1
    assert "large_requests" not in count_rows()


WAITS = [("sessions", 30), ("outbox", 30), ("devices", 365)]


@pytest.mark.parametrize(("table", "days"), WAITS)
def test_the_settings_say_how_long_a_sign_in_leaves_traces(
    app: Flask, runtime: Runtime, citizen: Citizen, clock: FixedClock, table: str, days: int
) -> None:
    obtain_tokens(app.test_client(), a_service(app), citizen)
    with storage.begin() as tx:
        [session] = storage.sessions.list_live(tx, citizen.id)
        storage.endings.end_session(
            tx, runtime.keyring, session, EndReason.SIGNED_OUT, clock.now(), actor="a test", offline_too=False
        )
        tx.execute(storage.tables.outbox.update().values(state="delivered"))
    clock.advance(days=days, seconds=-1)
    assert let_go(runtime, table) == 0
    clock.advance(seconds=2)
    told_of_a_new_device = 2 if table == "outbox" else 0
    assert let_go(runtime, table) == 1 + told_of_a_new_device
    assert table not in count_rows()


# -- by month ------------------------------------------------------------------------------------------------------


def test_months_of_tokens_are_kept_by_the_longest_lifetime_and_history_by_its_setting(
    make_app: Callable[..., Flask], sqlite_url: str, clock: FixedClock
) -> None:
    def since(**changed: str) -> dict[str, datetime]:
        return housekeeping.kept_since(make_app(sqlite_url, **changed).extensions["idp"])

    now = clock.now()
    history = datetime(2021, 12, 1, tzinfo=UTC)
    assert since() == {
        "grants": now - timedelta(days=30),
        "machine_grants": now - timedelta(minutes=10),
        "releases": history,
        "authentications": history,
        "audit": history,
        "log_leaves": history,
    }
    assert since(IDP_TOKENS_OFFLINE_GRANT_FOR="60")["grants"] == now - timedelta(hours=12)
    shortest = {"IDP_TOKENS_OFFLINE_GRANT_FOR": "5", "IDP_TOKENS_GRANT_FOR": "5", "IDP_TOKENS_CODE_FOR": "7"}
    assert since(**shortest)["grants"] == now - timedelta(seconds=7)
    assert since(IDP_RETENTION_HISTORY_FOR_MONTHS="12")["audit"] == datetime(2025, 12, 1, tzinfo=UTC)


def let_months_go(runtime: Runtime) -> list[LetGo]:
    """All that is over, as the worker does it."""
    with storage.once() as tx:
        assert housekeeping.detach_months(tx, runtime)
    gone = []
    while True:
        with storage.begin() as tx:
            more = housekeeping.let_months_go(tx, runtime)
        if not more:
            return gone
        gone += more


def test_a_grant_goes_when_its_month_is_over_and_every_token_of_the_month_is_dead(
    app: Flask, runtime: Runtime, citizen: Citizen, clock: FixedClock
) -> None:
    obtain_tokens(app.test_client(), a_service(app), citizen, scope="openid offline_access")
    clock.advance(days=31 + 29)  # the end of January: thirty days after the last moment of December are not over
    end_run_out(runtime)
    assert not [each for each in let_months_go(runtime) if each.rows]
    assert count_rows()["grants"] == 1
    clock.advance(days=2)
    gone = [each for each in let_months_go(runtime) if each.rows]
    assert [(each.table, each.rows) for each in gone] == [("grants", 1)]
    counted = count_rows()
    assert "grants" not in counted
    assert counted["releases"] == counted["authentications"] == 1


@pytest.mark.postgres
def test_a_month_of_history_goes_after_years_and_the_audit_says_so(
    make_app: Callable[..., Flask], postgres_url: str, clock: FixedClock
) -> None:
    app = make_app(postgres_url, IDP_RETENTION_HISTORY_FOR_MONTHS="12")
    lend_keys(app)
    runtime: Runtime = app.extensions["idp"]
    with app.app_context():
        obtain_tokens(app.test_client(), a_service(app), a_citizen(app))
        with storage.begin() as tx:
            storage.partitions.ensure_months(tx, clock.now() + timedelta(days=366 + 31))
        clock.advance(days=366)
        end_run_out(runtime)
        let_months_go(runtime)
        assert count_rows()["releases"] == 1, "twelve months beside the present one"
        clock.advance(days=31)
        before = events()
        gone = {each.table: each for each in let_months_go(runtime) if each.month == "2026_12"}
        assert {table: gone[table].rows for table in storage.tables.HISTORY} == {
            "releases": 1,
            "authentications": 1,
            "audit": before.total() - before["session.expired"] - before["history.dropped"],
            "log_leaves": 0,
        }
        assert "releases" not in count_rows()
        key = runtime.keyring.house_key()
        said = [
            key.open("audit.details_sealed", row.id, row.details_sealed)
            for row in rows_of("audit")
            if row.event == "history.dropped" and row.at == clock.now()
        ]
        assert f"releases 2026_12: {gone['releases'].rows} rows" in said
        assert {line.partition(" ")[0] for line in said} == set(storage.tables.HISTORY), "and none of tokens"


def test_the_months_ahead_are_made(runtime: Runtime, clock: FixedClock, app: Flask, citizen: Citizen) -> None:
    clock.advance(days=200)
    with storage.begin() as tx:
        housekeeping.make_months(tx, runtime)
    clock.advance(days=360)
    sign_in(app.test_client(), citizen)
    assert count_rows()["sessions"] == 1
