"""A process that is full says so at once: to machines in JSON, to people on a page, to the load balancer not at all."""

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask

from idp.runtime.foreign_keys import MOST_AT_ONCE
from idp.runtime.gate import Gate
from idp.runtime.outbound import Answer, OutboundFailure
from idp.web.mount import LARGEST_BODY
from tests.builders import SECRET, Service, a_service
from tests.builders_assertions import a_key, assertion_form, signed
from tests.doubles import RecordingOutbound

PATIENCE = 20


@pytest.fixture
def full(make_app: Callable[..., Flask], sqlite_url: str) -> Iterator[Flask]:
    """An application with all its places taken."""
    limits = {"IDP_SERVER_AT_WORK": "2", "IDP_SERVER_UNDER_WAY": "2", "IDP_PASSWORDS_HASH_SLOTS": "1"}
    app = make_app(sqlite_url, **limits, IDP_PASSWORDS_HASH_QUEUE="0")
    gate: Gate = app.extensions["idp"].gate
    with ExitStack() as inside:
        for _ in range(2):
            inside.enter_context(gate.enter())
        yield app


@pytest.mark.parametrize(("method", "path"), [("POST", "/oauth2/token"), ("GET", "/oauth2/jwks"), ("GET", "/")])
def test_rfc9110_15_6_4_a_machine_is_told_when_to_come_back(full: Flask, method: str, path: str) -> None:
    answer = full.test_client().open(path, method=method)
    assert (answer.status_code, answer.get_json()["error"]) == (503, "temporarily_unavailable")
    assert answer.headers["Retry-After"] == "2"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_person_reads_a_page_that_opens_again_by_itself(full: Flask) -> None:
    answer = full.test_client().get("/sign-in", headers={"Accept": "text/html,*/*"})
    assert answer.status_code == 503
    assert "Xin Ông/Bà đợi một chút" in answer.text
    assert 'lang="en"' in answer.text
    assert 'http-equiv="refresh"' in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_what_was_filled_in_is_not_lost_by_opening_again(full: Flask) -> None:
    answer = full.test_client().post("/sign-in", headers={"Accept": "text/html"}, data={"identifier": "x"})
    assert answer.status_code == 503
    assert "refresh" not in answer.text
    assert "quay lại trang trước" in answer.text


def test_the_load_balancer_hears_that_the_process_lives(full: Flask) -> None:
    assert full.test_client().get("/healthz").status_code == 200


@pytest.mark.parametrize(("path", "status"), [("/readyz", 200), ("/oauth2/jwks", 200), ("/sign-in", 503)])
def test_a_wave_of_people_leaves_machines_and_the_load_balancer_their_way_in(
    make_app: Callable[..., Flask], sqlite_url: str, path: str, status: int
) -> None:
    limits = {"IDP_SERVER_AT_WORK": "2", "IDP_SERVER_UNDER_WAY": "4", "IDP_PASSWORDS_HASH_SLOTS": "1"}
    app = make_app(sqlite_url, **limits, IDP_PASSWORDS_HASH_QUEUE="0")
    gate: Gate = app.extensions["idp"].gate
    with ExitStack() as inside:
        for _ in range(3):  # each waits for a password's hash
            inside.enter_context(gate.enter(people=True))
            inside.enter_context(gate.step_aside())
        assert app.test_client().get(path).status_code == status


def test_when_there_is_room_again_everything_is_answered(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    limits = {"IDP_SERVER_AT_WORK": "1", "IDP_SERVER_UNDER_WAY": "2", "IDP_PASSWORDS_HASH_SLOTS": "1"}
    client = make_app(sqlite_url, **limits, IDP_PASSWORDS_HASH_QUEUE="0").test_client()
    assert [client.get("/oauth2/jwks").status_code for _ in range(5)] == [200] * 5


# -- bodies --------------------------------------------------------------------------------------------------------


class Slow(io.RawIOBase):
    """A body whose sender makes no haste."""

    def __init__(self) -> None:
        self.asked, self.go = threading.Semaphore(0), threading.Event()

    def read(self, size: int = -1) -> bytes:
        self.asked.release()
        assert self.go.wait(PATIENCE)
        return b"a" * size


@pytest.fixture
def slow() -> Iterator[Slow]:
    made = Slow()
    yield made
    made.go.set()


def test_who_sends_slowly_keeps_no_other_waiting(make_app: Callable[..., Flask], sqlite_url: str, slow: Slow) -> None:
    app = make_app(sqlite_url, IDP_SERVER_AT_WORK="1")
    sent = {"CONTENT_LENGTH": "30", "wsgi.input": slow, "wsgi.input_terminated": True}
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(app.test_client().post, "/oauth2/token", environ_overrides=sent)
        assert slow.asked.acquire(timeout=PATIENCE)
        assert app.test_client().get("/oauth2/jwks").status_code == 200
        slow.go.set()
        assert waiting.result(PATIENCE).status_code == 400


def test_half_sent_bodies_turn_away_only_those_who_send(
    make_app: Callable[..., Flask], sqlite_url: str, slow: Slow
) -> None:
    """As many as there may be inside, and more: whoever sends nothing is served, and a sender is told at once."""
    limits = {"IDP_SERVER_AT_WORK": "1", "IDP_SERVER_UNDER_WAY": "4", "IDP_SERVER_THREADS": "8"}
    limits |= {"IDP_PASSWORDS_HASH_SLOTS": "1", "IDP_PASSWORDS_HASH_QUEUE": "0"}
    app = make_app(sqlite_url, **limits)
    sent = {"CONTENT_LENGTH": "30", "wsgi.input": slow, "wsgi.input_terminated": True}
    with ThreadPoolExecutor(5) as others:
        waiting = [others.submit(app.test_client().post, "/oauth2/token", environ_overrides=sent) for _ in range(5)]
        assert all(slow.asked.acquire(timeout=PATIENCE) for _ in waiting)
        answer = app.test_client().post("/oauth2/token", environ_overrides=sent)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        for path in ("/oauth2/jwks", "/healthz", "/sign-in"):
            assert app.test_client().get(path).status_code in (200, 303), path
        slow.go.set()
        assert {each.result(PATIENCE).status_code for each in waiting} <= {400, 503}
    assert app.test_client().post("/oauth2/token", data={"grant_type": "x"}).status_code == 401


@pytest.fixture
def service(sqlite_app: Flask) -> Service:
    return a_service(
        sqlite_app,
        grant_types=["client_credentials"],
        machine_scopes="doc",
        response_types=None,
        token_endpoint_auth_method="client_secret_post",
    )


def send_raw(app: Flask, body: bytes, **environ: str) -> Any:
    """As Granian hands it on."""
    sent = {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True, **environ}
    content_type = "application/x-www-form-urlencoded"
    return app.test_client().post("/oauth2/token", content_type=content_type, environ_overrides=sent)


def test_rfc9112_6_3_a_body_in_chunks_is_read_like_any_other(sqlite_app: Flask, service: Service) -> None:
    form = f"grant_type=client_credentials&client_id={service.client_id}&client_secret={SECRET}"
    sent = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    assert send_raw(sqlite_app, form.encode(), **sent).status_code == 200
    assert send_raw(sqlite_app, f"{form}&x=".encode() + b"x" * LARGEST_BODY, **sent).status_code == 413


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/revoke", "/oauth2/register", "/sign-in"])
def test_rfc9112_8_a_body_that_ends_before_its_length_is_never_acted_upon(
    sqlite_app: Flask, service: Service, path: str
) -> None:
    form = f"grant_type=client_credentials&client_id={service.client_id}&client_secret={SECRET}"
    answer = send_raw(sqlite_app, form.encode(), CONTENT_LENGTH=str(len(form) + 1), PATH_INFO=path)
    assert answer.status_code == 400
    assert "access_token" not in answer.text


# -- what others keep us waiting for -------------------------------------------------------------------------------


class HangingOutbound(RecordingOutbound):
    """Addresses from which no answer comes before they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go = threading.Semaphore(0), threading.Event()

    def get(self, url: str) -> Answer:
        self.asked.release()
        assert self.go.wait(PATIENCE)
        raise OutboundFailure("the answer takes too long")


@pytest.fixture
def outbound() -> Iterator[HangingOutbound]:
    """The network of all tests here, most of which call nobody."""
    made = HangingOutbound()
    yield made
    made.go.set()


def test_services_whose_keys_hang_keep_nobody_else_waiting(
    make_app: Callable[..., Flask], sqlite_url: str, outbound: HangingOutbound
) -> None:
    """As many as are asked at a time, which is as many as a process works on: anybody can send such a request."""
    app, key = make_app(sqlite_url, IDP_SERVER_AT_WORK=str(MOST_AT_ONCE)), a_key()
    keyed = {"token_endpoint_auth_method": "private_key_jwt", "client_secret": None}
    addresses = [f"https://treo-{place}.example/jwks" for place in range(MOST_AT_ONCE + 1)]
    *hanging, last = [a_service(app, **keyed, jwks_uri=address) for address in addresses]

    def ask(service: Service) -> int:
        form = assertion_form(signed({"sub": service.client_id}, key, kid="la"))
        return app.test_client().post("/oauth2/token", data={"grant_type": "x", **form}).status_code

    with ThreadPoolExecutor(MOST_AT_ONCE) as others:
        waiting = [others.submit(ask, service) for service in hanging]
        assert all(outbound.asked.acquire(timeout=PATIENCE) for _ in waiting)
        assert app.test_client().get("/oauth2/jwks").status_code == 200
        assert ask(last) == 401
        assert not any(each.done() for each in waiting), "others were served only when they were done"
        outbound.go.set()
        assert [each.result(PATIENCE) for each in waiting] == [401] * MOST_AT_ONCE
