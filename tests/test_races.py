"""What happens at the same moment: codes, refresh tokens and sign-outs raced through real HTTP, on both stores."""

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from idp import storage
from idp.domain.audit import Event
from idp.domain.sessions import EndReason
from idp.storage.tables import audit, grants, outbox, releases, sessions
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
    request_of,
)
from tests.doubles import FixedClock

THREADS = 64
ROUNDS = 100
LASTING = "openid offline_access"


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
        return self.post_to("/oauth2/token", **form)

    def post_to(self, path: str, **form: str) -> tuple[int, dict[str, Any]]:
        headers = {
            "Authorization": basic(self.service.client_id, SECRET),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return self._ask("POST", path, urlencode(form), headers)

    def exchange(self, code: str) -> tuple[int, dict[str, Any]]:
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.service.redirect_uri}
        return self.post(**asked, code_verifier=VERIFIER)

    def refresh(self, token: str) -> tuple[int, dict[str, Any]]:
        return self.post(grant_type="refresh_token", refresh_token=token)

    def introspect(self, token: str) -> bool:
        return bool(self.post_to("/oauth2/introspect", token=token)[1]["active"])

    def userinfo(self, token: str) -> int:
        return self._ask("GET", "/oauth2/userinfo", None, {"Authorization": f"Bearer {token}"})[0]

    def go(self, path: str, cookie: str, **parameters: str) -> str:
        """Where a browser with this session cookie is sent."""
        address, headers = f"{path}?{urlencode(parameters)}", {"Cookie": f"idp_session={cookie}"}
        status, _, location = self._send("GET", address, None, headers)
        assert status == 303, status
        return location

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        status, text, _ = self._send(method, path, body, headers)
        return status, json.loads(text) if text else {}

    def _send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, bytes, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read(), response.getheader("Location", "")
        finally:
            connection.close()

    def rows(self, table: Any) -> list[Any]:
        with self.app.app_context(), storage.once() as tx:
            return list(tx.execute(table.select()).all())


@pytest.fixture
def raced(make_app: Callable[..., Flask], store_url: str) -> Iterator[Raced]:
    # Nobody is sent away at the gate: it is the database that they race for.
    wide = {"IDP_SERVER_AT_WORK": "64", "IDP_SERVER_UNDER_WAY": "128", "IDP_SERVER_THREADS": "129"}
    app = make_app(store_url, IDP_DATABASE_POOL_TIMEOUT="30", IDP_SESSIONS_TOUCH_EVERY="30", **wide)
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


# -- a logout against all else ---------------------------------------------------------------------------------------


class Storm:
    """One session and all that can be done with it at the moment of its logout."""

    def __init__(self, raced: Raced, chance: random.Random) -> None:
        self._raced, self._chance = raced, chance
        browser = raced.app.test_client()
        self._bound = [obtain_code(browser, raced.service, raced.citizen)]
        self._bound += [obtain_code(browser, raced.service) for _ in range(2)]
        self._lasting = obtain_code(browser, raced.service, raced.citizen, scope=LASTING)
        self._held = [obtain_tokens(browser, raced.service) for _ in range(6)]
        self._held_lasting = obtain_tokens(browser, raced.service, scope=LASTING)
        found = browser.get_cookie("idp_session")
        assert found is not None
        self._cookie = found.value
        self.unspent: list[str] = []

    def break_loose(self) -> list[tuple[int, dict[str, Any]]]:
        """All at once; gives the answers of the token endpoint."""
        raced = self._raced
        deeds: list[Callable[[], Any]] = [
            *(partial(raced.exchange, code) for code in (*self._bound, self._lasting)),
            *(partial(raced.refresh, tokens["refresh_token"]) for tokens in (*self._held, self._held_lasting)),
            *[self._authorize] * 2,
            *[self._enter] * 2,
            *[self._leave] * 2,
        ]
        answers = all_at_once([partial(self._do_after, self._chance.random() / 100, deed) for deed in deeds])
        return [answer for answer in answers if answer is not None]

    def tokens_from_before(self) -> list[dict[str, Any]]:
        return self._held

    @staticmethod
    def _do_after(seconds: float, deed: Callable[[], Any]) -> Any:
        time.sleep(seconds)  # so that now one and now the other comes first
        return deed()

    def _leave(self) -> None:
        where = self._raced.go("/oauth2/logout", self._cookie, id_token_hint=self._held[0]["id_token"])
        assert where.startswith("/signed-out")

    def _authorize(self) -> None:
        """A code that nobody spends before the storm is over."""
        self.unspent += self._code()

    def _enter(self) -> tuple[int, dict[str, Any]] | None:
        for code in self._code():
            return self._raced.exchange(code)
        return None

    def _code(self) -> list[str]:
        where = self._raced.go("/oauth2/authorize", self._cookie, **request_of(self._raced.service))
        return parse_qs(urlsplit(where).query).get("code", [])


@pytest.mark.slow
def test_a_logout_that_races_exchanges_refreshes_and_sign_ins_leaves_no_live_grant(
    raced: Raced, clock: FixedClock
) -> None:
    """Over many rounds: nothing bound to the session lives, lasting access does, and the service is told once."""
    chance, statuses, before = random.Random(20261201), Counter[int](), set[Any]()
    obtain_code(raced.app.test_client(), raced.service, raced.citizen, scope=LASTING)
    for _ in range(ROUNDS):
        storm = Storm(raced, chance)
        clock.advance(seconds=31)  # so that whoever uses the session writes to its row
        answers = storm.break_loose()
        statuses.update(status for status, _ in answers)
        given = [body for status, body in answers if status == 200]
        assert {body["error"] for status, body in answers if status != 200} <= {"invalid_grant"}
        for tokens in (*storm.tokens_from_before(), *given):
            lasts = "offline_access" in tokens["scope"]
            assert raced.userinfo(tokens["access_token"]) == (200 if lasts else 401)
            assert raced.introspect(tokens["access_token"]) is raced.introspect(tokens["refresh_token"]) is lasts
        assert [raced.exchange(code)[0] for code in storm.unspent] == [400] * len(storm.unspent)
        [session] = [
            row for row in raced.rows(sessions) if row.end_reason == EndReason.SIGNED_OUT and row.id not in before
        ]
        before.add(session.id)
        held = [row for row in raced.rows(grants) if row.session_id == session.id]
        assert {row.offline for row in held if row.ended_at is None} <= {True}
        assert {row.end_reason for row in held} <= {None, EndReason.SIGNED_OUT}
        assert [row.session_id for row in raced.rows(outbox)].count(session.id) == 1
        noted = [row.event for row in raced.rows(audit) if row.session_id == session.id]
        assert noted.count(Event.SIGNED_OUT) == 1
        released = [row.grant_id for row in raced.rows(releases)]
        assert all(released.count(row.id) == 1 for row in held)
    assert min(statuses[200], statuses[400]) > ROUNDS, f"one side always won: {statuses}"
