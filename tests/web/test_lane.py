"""The short way and Flask's own answer alike: status, body, headers, log line and count."""

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import storage
from idp.domain.refusals import Refusal
from idp.runtime import log
from idp.web import lane
from tests.builders import VERIFIER, Service, a_citizen, a_service, obtain_code, obtain_tokens, request_of
from tests.doubles import FixedClock

FORM = "application/x-www-form-urlencoded"
# What is new in each answer: tokens, their signatures, the request's id, the time it took.
_NEW = re.compile(rb'"(access_token|refresh_token|id_token)":"[^"]*"')


@pytest.fixture
def journal() -> Iterator[io.StringIO]:
    yield io.StringIO()
    log.configure("warning")


@pytest.fixture
def app(make_app: Callable[..., Flask], sqlite_url: str, journal: io.StringIO) -> Flask:
    made = make_app(sqlite_url, IDP_LOGGING_LEVEL="info")
    [handler] = [each for each in logging.getLogger().handlers if type(each) is logging.StreamHandler]
    handler.setStream(journal)
    return made


@pytest.fixture
def service(app: Flask) -> Service:
    return a_service(app)


@pytest.fixture
def browser(app: Flask, service: Service) -> FlaskClient:
    """Of somebody who is signed in and has agreed."""
    browser = app.test_client()
    obtain_code(browser, service, a_citizen(app), scope="openid email")
    return browser


class Ways:
    """Sends one request both ways, and keeps what was logged and counted of each."""

    def __init__(self, app: Flask, journal: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
        self.app, self.journal, self.counted = app, journal, []
        self.browser: FlaskClient | None = None
        metrics = app.extensions["idp"].metrics
        monkeypatch.setattr(metrics, "answered", lambda *said: self.counted.append(said[:3]))
        self._monkeypatch = monkeypatch

    def send(self, method: str, path: str, **options: Any) -> tuple[Any, Any]:
        return self._send("lane", method, path, options), self._send("flask", method, path, options)

    def _send(self, way: str, method: str, path: str, options: dict[str, Any]) -> dict[str, Any]:
        self.journal.truncate(self.journal.seek(0))
        self.counted.clear()
        went: list[str] = []
        with self._monkeypatch.context() as patch:
            if way == "flask":
                patch.setattr(lane.Lane, "_plain", lambda *_: None)
                patch.setattr(lane.Lane, "_document", lambda *_: None)
            own = lane.Lane._headers
            patch.setattr(lane.Lane, "_headers", lambda *given: (went.append("lane"), own(*given))[1])
            response = (self.browser or self.app.test_client()).open(path, method=method, **options)
        assert bool(went) is (way == "lane"), f"{method} {path} did not go the way of {way}"
        return _told(response, self.journal, self.counted)


def _told(response: TestResponse, journal: io.StringIO, counted: list[Any]) -> dict[str, Any]:
    headers = {name: value for name, value in response.headers if name != "X-Request-Id"}
    assert re.fullmatch("[0-9a-f]{16}", response.headers["X-Request-Id"])
    lines = [json.loads(line) for line in journal.getvalue().splitlines()]
    for line in lines:
        assert line.pop("request") == response.headers["X-Request-Id"]
        del line["timestamp"]
        line.pop("ms", None)
    body = _NEW.sub(rb'"\1":""', response.data)
    if body != response.data:
        del headers["Content-Length"]
    return {"status": response.status_code, "headers": headers, "body": body, "log": lines, "counted": list(counted)}


@pytest.fixture
def ways(app: Flask, journal: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> Ways:
    return Ways(app, journal, monkeypatch)


def same(pair: tuple[Any, Any], status: int) -> dict[str, Any]:
    short, long = pair
    assert short == long
    assert short["status"] == status
    assert short["log"][-1]["event"] == "answered"
    assert len(short["counted"]) == 1
    said: dict[str, Any] = short
    return said


@pytest.mark.parametrize("path", [*lane.DOCUMENTS, "/static/"])
@pytest.mark.parametrize("accepts", ["gzip", "identity", "gzip;q=0", ""])
def test_a_document_is_the_same_by_both_ways(app: Flask, ways: Ways, path: str, accepts: str) -> None:
    path = app.extensions["idp.assets"].url("site.css") if path == "/static/" else path
    said = same(ways.send("GET", path, headers={"Accept-Encoding": accepts}), 200)
    assert ("Content-Encoding" in said["headers"]) is (accepts == "gzip")
    tag = said["headers"]["ETag"]
    same(ways.send("GET", path, headers={"Accept-Encoding": accepts, "If-None-Match": tag}), 304)


def test_a_code_is_exchanged_the_same_by_both_ways(ways: Ways, browser: FlaskClient, service: Service) -> None:
    def body() -> dict[str, Any]:
        form = {"grant_type": "authorization_code", "code": obtain_code(browser, service, scope="openid email")}
        form |= {"redirect_uri": service.redirect_uri, "code_verifier": VERIFIER}
        return {"data": urlencode(form), "content_type": FORM, **service.credentials()}

    short = ways._send("lane", "POST", "/oauth2/token", body())
    long = ways._send("flask", "POST", "/oauth2/token", body())
    said = same((short, long), 200)
    assert b'"id_token":""' in said["body"]


def test_tokens_are_used_the_same_by_both_ways(ways: Ways, browser: FlaskClient, service: Service) -> None:
    tokens = obtain_tokens(browser, service, scope="openid email")
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    same(ways.send("GET", "/oauth2/userinfo", headers=bearer), 200)
    form = {"content_type": FORM, "data": urlencode({"access_token": tokens["access_token"]})}
    same(ways.send("POST", "/oauth2/userinfo", **form), 200)
    about = {"content_type": FORM, "data": urlencode({"token": tokens["access_token"]}), **service.credentials()}
    assert b'"active":true' in same(ways.send("POST", "/oauth2/introspect", **about), 200)["body"]
    same(ways.send("POST", "/oauth2/revoke", **about), 200)


@pytest.mark.parametrize("asked", [{}, {"response_mode": "fragment"}, {"state": None}, {"prompt": "none"}])
def test_a_sign_in_that_asks_nothing_is_the_same_by_both_ways(
    ways: Ways, browser: FlaskClient, service: Service, asked: dict[str, str | None]
) -> None:
    ways.browser = browser
    address = "/oauth2/authorize?" + urlencode(request_of(service, scope="openid email", **asked))
    short, long = ways.send("GET", address)
    for told in (short, long):
        told["headers"]["Location"], found = re.subn("(code|session_state)=[^&#]+", r"\1=", told["headers"]["Location"])
        assert found == 2
    assert same((short, long), 303)["headers"]["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "asked",
    [
        {"prompt": "login"},
        {"prompt": "consent"},
        {"scope": "openid phone"},
        {"response_mode": "form_post"},
        {"redirect_uri": "https://evil.example/"},
        {"client_id": "khong-co"},
        {"response_type": "token"},
        {"max_age": "0"},
        {"parked": "x"},
        {"nonce": "n" * 900},
        {"resource": "https://khong-co.example/api"},
    ],
)
def test_a_sign_in_that_needs_a_page_a_word_or_a_row_is_flasks(
    browser: FlaskClient,
    service: Service,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
    asked: dict[str, str],
) -> None:
    clock.advance(seconds=5)
    address = "/oauth2/authorize?" + urlencode({**request_of(service, scope="openid email"), **asked})
    answers: list[object] = []
    monkeypatch.setattr(lane.Lane, "_headers", lambda *_: answers.append(1))
    answer = browser.get(address)
    assert answers == []
    assert answer.status_code in (200, 303, 400)


@pytest.mark.parametrize("cookie", ["", "idp_session=x", "idp_session=", 'idp_session="x"'])
def test_a_cookie_that_is_nobodys_signs_nobody_in(app: Flask, service: Service, cookie: str) -> None:
    answer = app.test_client(use_cookies=False).get(
        "/oauth2/authorize?" + urlencode(request_of(service)), headers={"Cookie": cookie}
    )
    assert answer.location.startswith("/sign-in?")


def test_two_session_cookies_are_one_too_many_for_the_short_way(
    app: Flask, browser: FlaskClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = browser.get_cookie("idp_session")
    assert own is not None
    read: list[str] = []
    monkeypatch.setattr(lane.authorize.given, "find_signed_in", read.append)
    for cookies in (f"idp_session={own.value}", f"idp_session=x; idp_session={own.value}"):
        app.test_client(use_cookies=False).get(
            "/oauth2/authorize?" + urlencode(request_of(service)), headers={"Cookie": cookies}
        )
    assert read[0] == own.value
    assert own.value not in read[2:3], "which of two would count, Flask decides"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/oauth2/token", "grant_type=authorization_code", 401),
        ("POST", "/oauth2/token", "a=1&a=2", 400),
        ("POST", "/oauth2/token", "grant_type=%FF%zz&client_id=x", 401),
        ("POST", "/oauth2/introspect", "token=x", 401),
        ("POST", "/oauth2/revoke", "token=x", 401),
        ("GET", "/oauth2/userinfo", "", 401),
        ("POST", "/oauth2/userinfo", "access_token=x&access_token=y", 400),
    ],
)
def test_a_refusal_is_the_same_by_both_ways(ways: Ways, method: str, path: str, body: str, status: int) -> None:
    options = {"data": body, "content_type": FORM} if body else {}
    same(ways.send(method, path, **options), status)


@pytest.mark.parametrize(
    ("fault", "status"),
    [(storage.Unavailable("OperationalError"), 503), (Refusal("busy", "no"), 503), (ZeroDivisionError("ours"), 500)],
)
def test_a_fault_is_the_same_by_both_ways(
    ways: Ways, monkeypatch: pytest.MonkeyPatch, fault: Exception, status: int
) -> None:
    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr("idp.protocol.userinfo.read", fail)
    short, long = ways.send("GET", "/oauth2/userinfo", headers={"Authorization": "Bearer x"})
    for told in (short, long):  # the traces name other lines
        [line] = [line for line in told["log"] if line["event"] != "answered"]
        assert ("Traceback" in str(line.pop("exception", ""))) is (status == 500)
    same((short, long), status)


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("HEAD", "/oauth2/jwks", {}),
        ("OPTIONS", "/oauth2/token", {}),
        ("PUT", "/oauth2/token", {}),
        ("POST", "/oauth2/jwks", {}),
        ("GET", "/oauth2/token", {}),
        ("GET", "/static/khong-co.css", {}),
        ("GET", "/oauth2/userinfo", {"headers": {"Origin": "https://dich-vu.example"}}),
        ("POST", "/oauth2/token", {"json": {"grant_type": "authorization_code"}}),
        ("POST", "/oauth2/token", {"data": "a=1", "content_type": f"{FORM}; charset=utf-8"}),
        ("POST", "/oauth2/token", {"data": "a=\u00e9".encode(), "content_type": FORM}),
        ("POST", "/oauth2/token", {"data": "a=" + "x" * 20_000, "content_type": FORM}),
        ("POST", "/oauth2/token", {"content_type": FORM}),
    ],
)
def test_what_is_not_plain_takes_flasks_way(
    app: Flask, monkeypatch: pytest.MonkeyPatch, method: str, path: str, options: dict[str, Any]
) -> None:
    both = []
    for plain in (lane.Lane._plain, lambda *_: None):
        monkeypatch.setattr(lane.Lane, "_plain", plain)
        answer = app.test_client().open(path, method=method, **options)
        both.append((answer.status_code, b"" if answer.mimetype == "text/html" else answer.data))
    assert both[0] == both[1]
    monkeypatch.undo()
    asked: list[object] = []
    monkeypatch.setattr(lane.Lane, "_headers", lambda *_: asked.append(1))
    app.test_client().open(path, method=method, **options)
    assert asked == []


def test_a_body_that_is_cut_short_is_read_once(app: Flask) -> None:
    short = {"CONTENT_LENGTH": "50", "wsgi.input": io.BytesIO(b"grant_type=x"), "CONTENT_TYPE": FORM}
    answer = app.test_client().post("/oauth2/token", environ_overrides=short)
    assert answer.status_code in (400, 401)
