"""`flask worker --once`: delivers what is due, ends what time ended, then stops; one bad parcel stops no other."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from idp import storage
from idp.cli.worker import Worker
from idp.runtime.outbound import Answer, Outbound
from tests.builders import Citizen, Service, a_citizen, a_service, follow, obtain_tokens, parked_in
from tests.cli.conftest import Type
from tests.doubles import FixedClock, RecordingOutbound
from tests.rows import rows_of

ADDRESSES = ["https://mot.example/out", "https://hai.example/out"]


@pytest.fixture
def app(sqlite_app: Flask) -> Flask:
    """Somebody has entered two services and signed out."""
    citizen, client = a_citizen(sqlite_app), sqlite_app.test_client()
    for address in ADDRESSES:
        obtain_tokens(client, a_service(sqlite_app, backchannel_logout_uri=address), citizen)
    sign_out(client)
    return sqlite_app


def sign_out(client: FlaskClient) -> None:
    client.post("/sign-out", data={"parked": parked_in(follow(client, client.get("/sign-out")))})


def states(app: Flask) -> list[tuple[str, str]]:
    with app.app_context():
        return sorted((row.state, row.last_failure or "") for row in rows_of("outbox"))


def test_everything_due_is_delivered(app: Flask, type_in: Type, outbound: RecordingOutbound) -> None:
    assert type_in("worker", "--once").exit_code == 0
    assert [len(outbound.calls_to(address)) for address in ADDRESSES] == [1, 1]
    assert states(app) == [("delivered", ""), ("delivered", "")]
    type_in("worker", "--once")
    assert len(outbound.calls) == 2


def test_one_service_that_fails_stops_no_other(app: Flask, type_in: Type, outbound: RecordingOutbound) -> None:
    outbound.answer(ADDRESSES[0], RuntimeError("a fault nobody thought of"))
    assert type_in("worker", "--once").exit_code == 0
    assert states(app) == [("delivered", ""), ("queued", "RuntimeError")]


def test_a_failed_delivery_is_tried_again_later_and_not_at_once(
    app: Flask, type_in: Type, outbound: RecordingOutbound, clock: FixedClock
) -> None:
    outbound.answer(ADDRESSES[0], Answer(503, {}, b""), Answer(200, {}, b""))
    type_in("worker", "--once")
    assert len(outbound.calls_to(ADDRESSES[0])) == 1
    clock.advance(seconds=2)
    type_in("worker", "--once")
    assert states(app) == [("delivered", ""), ("delivered", "answered 503")]


def test_sessions_that_ran_out_end_and_their_services_are_told_in_the_same_run(
    sqlite_app: Flask, type_in: Type, outbound: RecordingOutbound, clock: FixedClock
) -> None:
    service = a_service(sqlite_app, backchannel_logout_uri=ADDRESSES[0])
    obtain_tokens(sqlite_app.test_client(), service, a_citizen(sqlite_app))
    clock.advance(hours=13)
    type_in("worker", "--once")
    assert len(outbound.calls_to(ADDRESSES[0])) == 1


def test_it_stops_when_told_to(app: Flask, outbound: RecordingOutbound) -> None:
    stop, worker = threading.Event(), Worker(app, app.extensions["idp"])
    running = threading.Thread(target=worker.run, args=(stop,))
    running.start()
    stop.set()
    running.join(timeout=20)
    assert not running.is_alive()


def test_without_its_tables_it_says_so_and_stops(sqlite_app: Flask, type_in: Type) -> None:
    with sqlite_app.app_context(), storage.begin() as tx:
        tx.execute(text("DROP TABLE outbox"))
    done = type_in("worker", "--once")
    assert done.exit_code == 1
    assert done.output.splitlines()[-1].startswith("Error: the database does not answer")


class HangingOutbound(Outbound):
    """One address does not answer before it is let go; another says when it was told."""

    def __init__(self, hanging: str, waited_for: str) -> None:
        self.hung, self.let_go, self.told = threading.Event(), threading.Event(), threading.Event()
        self._hanging, self._waited_for = hanging, waited_for

    def get(self, url: str) -> Answer:
        raise AssertionError(url)

    def post(self, url: str, form: Mapping[str, str]) -> Answer:
        if url == self._hanging:
            self.hung.set()
            assert self.let_go.wait(timeout=30)
        elif url == self._waited_for:
            self.told.set()
        return Answer(200, {}, b"")


def test_a_service_that_hangs_delays_no_other(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    """It has more parcels than there are deliveries at a time, and they are the older ones."""
    app = make_app(sqlite_url, IDP_WORKER_PARALLEL="2", IDP_WORKER_POLL_EVERY="0.05")
    citizen, outbound = a_citizen(app), HangingOutbound(*ADDRESSES)
    hanging, other = (a_service(app, backchannel_logout_uri=address) for address in ADDRESSES)
    for service in (hanging, hanging, hanging):
        visit_and_leave(app, service, citizen)
    stop, worker = threading.Event(), Worker(app, replace(app.extensions["idp"], outbound=outbound))
    running = threading.Thread(target=worker.run, args=(stop,))
    running.start()
    try:
        assert outbound.hung.wait(timeout=20)
        visit_and_leave(app, other, citizen)
        assert outbound.told.wait(timeout=20), "it waits behind the one that hangs"
        assert not outbound.let_go.is_set()
    finally:
        outbound.let_go.set()
        stop.set()
        running.join(timeout=20)
    assert not running.is_alive()


def visit_and_leave(app: Flask, service: Service, citizen: Citizen) -> None:
    client = app.test_client()
    obtain_tokens(client, service, citizen)
    sign_out(client)
