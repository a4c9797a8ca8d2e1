"""What happens at the same moment: codes, refresh tokens and sign-outs raced through real HTTP, on both stores."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from idp import storage
from idp.domain.audit import Event
from idp.domain.sessions import EndReason
from idp.storage.tables import audit, grants, outbox, releases
from tests.builders import (
    SECRET,
    VERIFIER,
    Citizen,
    Service,
    a_citizen,
    a_service,
    basic,
    follow,
    obtain_code,
    obtain_tokens,
    parked_in,
)
from tests.doubles import FixedClock

THREADS = 64


class Silent(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """The provider writes its own lines."""


@dataclass(frozen=True, slots=True)
class Raced:
    """A provider behind a real, threaded HTTP server."""

    app: Flask
    port: int
    citizen: Citizen
    service: Service

    def post(self, **form: str) -> tuple[int, dict[str, Any]]:
        """A token request over a connection of its own."""
        headers = {
            "Authorization": basic(self.service.client_id, SECRET),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return self._ask("POST", "/oauth2/token", urlencode(form), headers)

    def exchange(self, code: str) -> tuple[int, dict[str, Any]]:
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.service.redirect_uri}
        return self.post(**asked, code_verifier=VERIFIER)

    def refresh(self, token: str) -> tuple[int, dict[str, Any]]:
        return self.post(grant_type="refresh_token", refresh_token=token)

    def userinfo(self, token: str) -> int:
        return self._ask("GET", "/oauth2/userinfo", None, {"Authorization": f"Bearer {token}"})[0]

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text else {}
        finally:
            connection.close()

    def rows(self, table: Any) -> list[Any]:
        with self.app.app_context(), storage.once() as tx:
            return list(tx.execute(table.select()).all())


@pytest.fixture
def raced(make_app: Callable[..., Flask], store_url: str) -> Iterator[Raced]:
    # Nobody is sent away at the gate: it is the database that they race for.
    wide = {"IDP_SERVER_AT_WORK": "64", "IDP_SERVER_UNDER_WAY": "128", "IDP_SERVER_THREADS": "129"}
    app = make_app(store_url, IDP_DATABASE_POOL_TIMEOUT="30", **wide)
    citizen, service = a_citizen(app), a_service(app)
    obtain_code(app.test_client(), service, citizen)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Silent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield Raced(app, server.server_port, citizen, service)
    server.shutdown()
    thread.join()
    server.server_close()


def all_at_once(deeds: list[Callable[[], Any]]) -> list[Any]:
    """Each deed in a thread of its own, all let go at the same moment; gives what they gave."""
    gate = threading.Barrier(len(deeds))

    def do(deed: Callable[[], Any]) -> Any:
        gate.wait(timeout=60)
        return deed()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(do, deeds))


def test_rfc6749_4_1_2_of_64_that_spend_one_code_exactly_one_wins(raced: Raced) -> None:
    code = obtain_code(raced.app.test_client(), raced.service, raced.citizen)
    answers = all_at_once([lambda: raced.exchange(code)] * THREADS)
    won = [body for status, body in answers if status == 200]
    lost = [(status, body["error"]) for status, body in answers if status != 200]
    assert len(won) == 1
    assert lost == [(400, "invalid_grant")] * (THREADS - 1)
    # The others' replay ended what the winner got, and that is committed: other connections see it.
    assert raced.userinfo(won[0]["access_token"]) == 401
    assert raced.refresh(won[0]["refresh_token"])[0] == 400
    [grant] = raced.rows(grants)
    assert (grant.end_reason, grant.ended_at is not None) == (EndReason.CODE_REPLAYED, True)
    assert len(raced.rows(releases)) == 1
    assert [row.event for row in raced.rows(audit)].count(Event.CODE_REPLAYED) == 1


def test_64_codes_of_one_session_do_not_stand_in_each_others_way(raced: Raced, clock: FixedClock) -> None:
    """Each exchange touches the session's row: they queue, and none is refused or deadlocked."""
    browser = raced.app.test_client()
    codes = [obtain_code(browser, raced.service, raced.citizen)]
    codes += [obtain_code(browser, raced.service) for _ in range(THREADS - 1)]
    clock.advance(seconds=50)
    answers = all_at_once([partial(raced.exchange, code) for code in codes])
    assert {status for status, _ in answers} == {200}
    assert len({body["access_token"] for _, body in answers}) == THREADS


def test_rfc9700_4_14_2_retries_at_the_same_moment_all_get_usable_tokens(raced: Raced) -> None:
    tokens = obtain_tokens(raced.app.test_client(), raced.service, raced.citizen)
    answers = all_at_once([lambda: raced.refresh(tokens["refresh_token"])] * 16)
    assert {status for status, _ in answers} == {200}
    assert all(raced.userinfo(body["access_token"]) == 200 for _, body in answers)
    [grant] = raced.rows(grants)
    assert (grant.generation, grant.ended_at) == (1, None), "sixteen retries are one refresh"
    again = all_at_once([partial(raced.refresh, body["refresh_token"]) for _, body in answers])
    assert {status for status, _ in again} == {200}


def test_rfc9700_4_14_2_reuse_after_the_window_ends_the_family_once(raced: Raced, clock: FixedClock) -> None:
    tokens = obtain_tokens(raced.app.test_client(), raced.service, raced.citizen)
    newer = raced.refresh(tokens["refresh_token"])[1]
    clock.advance(seconds=11)
    answers = all_at_once([lambda: raced.refresh(tokens["refresh_token"])] * 16)
    assert {(status, body["error"]) for status, body in answers} == {(400, "invalid_grant")}
    assert raced.userinfo(newer["access_token"]) == 401
    assert raced.refresh(newer["refresh_token"])[0] == 400
    assert [row.event for row in raced.rows(audit)].count(Event.REFRESH_REUSED) == 1


@pytest.mark.parametrize("deed", ["exchange", "refresh"])
def test_a_sign_out_that_races_leaves_nothing_alive_and_nobody_untold(raced: Raced, deed: str) -> None:
    """Whoever wins: no token lives on, and a service that got one is told of the sign-out."""
    seen = set()
    for _ in range(8):
        browser = raced.app.test_client()
        if deed == "exchange":
            code = obtain_code(browser, raced.service, raced.citizen)
            racing = [partial(raced.exchange, code)]
        else:
            token = obtain_tokens(browser, raced.service, raced.citizen)["refresh_token"]
            racing = [partial(raced.refresh, token)] * 2
        parked = parked_in(follow(browser, browser.get("/sign-out")))
        told_before = len(raced.rows(outbox))
        *answers, left = all_at_once([*racing, partial(browser.post, "/sign-out", data={"parked": parked})])
        assert left.status_code == 303
        for status, body in answers:
            seen.add(status)
            assert status in (200, 400), body
            if status == 200:
                assert raced.userinfo(body["access_token"]) == 401
                assert raced.refresh(body["refresh_token"])[0] == 400
        got_one = deed == "refresh" or answers[0][0] == 200
        assert len(raced.rows(outbox)) - told_before == (1 if got_one else 0)
    assert seen <= {200, 400}
