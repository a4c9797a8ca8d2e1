"""A process that is full says so at once: to machines in JSON, to people on a page, to the load balancer not at all."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from flask import Flask

from idp.runtime.gate import Gate


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


def test_when_there_is_room_again_everything_is_answered(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    limits = {"IDP_SERVER_AT_WORK": "1", "IDP_SERVER_UNDER_WAY": "2", "IDP_PASSWORDS_HASH_SLOTS": "1"}
    client = make_app(sqlite_url, **limits, IDP_PASSWORDS_HASH_QUEUE="0").test_client()
    assert [client.get("/oauth2/jwks").status_code for _ in range(5)] == [200] * 5
