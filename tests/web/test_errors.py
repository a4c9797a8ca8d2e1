"""Every fault as an answer: a page with #error and a reference that is in the log, or an OAuth error for a machine."""

import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO

import pytest
from flask import Flask
from sqlalchemy import text

from idp import storage
from idp.domain.refusals import Refusal
from idp.runtime import log
from tests.builders import a_service, request_of
from tests.web.policy import error_of, reference_of

SECRET = "003190000013"


@pytest.fixture
def journal() -> StringIO:
    """What the application wrote to its log."""
    return StringIO()


@pytest.fixture
def app(make_app: Callable[..., Flask], sqlite_url: str, journal: StringIO) -> Iterator[Flask]:
    """An application that logs as in production, with doors that fail."""
    made = make_app(sqlite_url, IDP_LOGGING_LEVEL="info")
    [handler] = [each for each in logging.getLogger().handlers if type(each) is logging.StreamHandler]
    handler.setStream(journal)

    def fail() -> str:
        raise ZeroDivisionError(f"a fault of ours, with {SECRET} in it")

    def unavailable() -> str:
        raise storage.Unavailable("OperationalError")

    def refuse() -> str:
        raise Refusal("busy", "all slots for hashing are taken")

    for name, view in (("fail", fail), ("unavailable", unavailable), ("refuse", refuse)):
        made.add_url_rule(f"/test/{name}", endpoint=f"home.{name}", view_func=view)
        made.add_url_rule(f"/test/machine/{name}", endpoint=f"token.{name}", view_func=view)
    yield made
    log.configure("warning")


def lines(journal: StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in journal.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/khong-co", 404),
        ("GET", "/static/khong-co.css", 404),
        ("GET", "/logos/khong-co", 404),
        ("GET", "/logos/00ff", 404),
        ("GET", "/language/fr", 404),
        ("DELETE", "/sign-in", 405),
        ("POST", "/", 405),
        ("GET", "/test/fail", 500),
        ("GET", "/test/unavailable", 503),
        ("GET", "/test/refuse", 503),
        ("GET", "/oauth2/authorize", 400),
        ("GET", "/oauth2/authorize?parked=rac", 400),
    ],
)
def test_a_person_gets_a_page_with_a_text_and_a_reference_that_is_in_the_log(
    app: Flask, journal: StringIO, method: str, path: str, status: int
) -> None:
    answer = app.test_client().open(path, method=method)
    assert answer.status_code == status
    assert answer.mimetype == "text/html"
    assert len(error_of(answer)) > 20
    assert reference_of(answer) == answer.headers["X-Request-Id"]
    assert answer.headers["Cache-Control"] == "no-store"
    logged = lines(journal)
    mine = [line for line in logged if line.get("request") == reference_of(answer)]
    assert {"answered"} < {line["event"] for line in mine}, "the answer, and why"
    assert all(line["status"] == status for line in mine if "status" in line)


def test_a_wrong_method_says_which_are_right(app: Flask) -> None:
    assert app.test_client().delete("/sign-in").headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert "POST" in app.test_client().get("/oauth2/token").headers["Allow"]


@pytest.mark.parametrize("path", ["/test/unavailable", "/test/refuse", "/test/machine/unavailable"])
def test_who_should_come_back_is_told_when(app: Flask, path: str) -> None:
    assert app.test_client().get(path).headers["Retry-After"] == "5"


def test_a_fault_of_ours_shows_neither_trace_nor_text(app: Flask, journal: StringIO) -> None:
    for path in ("/test/fail", "/test/machine/fail"):
        answer = app.test_client().get(path)
        assert answer.status_code == 500
        assert "ZeroDivision" not in answer.text
        assert SECRET not in answer.text
    [first, second] = [line for line in lines(journal) if line["event"] == "a request failed"]
    assert "ZeroDivisionError" in str(first["exception"])
    assert SECRET not in str(first) + str(second), "the log is scrubbed"


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/oauth2/token", 405, "invalid_request"),
        ("DELETE", "/oauth2/userinfo", 405, "invalid_request"),
        ("POST", "/oauth2/jwks", 405, "invalid_request"),
        ("POST", "/.well-known/openid-configuration", 405, "invalid_request"),
        ("PUT", "/.well-known/oauth-authorization-server", 405, "invalid_request"),
        ("GET", "/oauth2/register", 405, "invalid_request"),
        ("GET", "/test/machine/fail", 500, "server_error"),
        ("GET", "/test/machine/unavailable", 503, "temporarily_unavailable"),
    ],
)
def test_rfc6749_5_2_a_machine_gets_json_and_no_cookie(
    app: Flask, method: str, path: str, status: int, error: str
) -> None:
    answer = app.test_client().open(path, method=method)
    assert answer.status_code == status
    assert answer.mimetype == "application/json"
    assert answer.get_json()["error"] == error
    assert answer.get_json()["error_description"].isascii()
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/sign-in", "/consent", "/choose-account", "/sign-out", "/oauth2/authorize"])
@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_body_beyond_64_kb_is_answered_by_a_page(app: Flask, path: str, media_type: str) -> None:
    answer = app.test_client().post(path, data=b"a=" + b"x" * 70_000, content_type=media_type)
    assert answer.status_code in (400, 413)
    assert answer.status_code == 413 or path == "/oauth2/authorize"
    assert error_of(answer)


def test_a_body_beyond_64_kb_is_answered_to_a_machine_in_json(app: Flask) -> None:
    answer = app.test_client().post("/oauth2/token", data={"code": "x" * 70_000})
    assert answer.status_code == 413
    assert answer.get_json()["error"] == "invalid_request"


def test_a_form_of_too_many_parts_is_answered_by_a_page(app: Flask) -> None:
    parts = b"".join(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' for _ in range(200))
    content_type = "multipart/form-data; boundary=x"
    answer = app.test_client().post("/sign-in", data=parts + b"--x--\r\n", content_type=content_type)
    assert answer.status_code == 413
    assert error_of(answer)


def test_when_the_database_is_gone_people_are_asked_to_come_back(app: Flask) -> None:
    with app.app_context(), storage.begin() as tx:
        tx.execute(text("DROP TABLE agencies"))
    answer = app.test_client().get("/services")
    assert answer.status_code == 503
    assert error_of(answer)


def test_nothing_personal_of_the_request_stands_on_an_error_page_or_in_the_log(app: Flask, journal: StringIO) -> None:
    service = a_service(app)
    asked = request_of(
        service,
        redirect_uri="https://dich-vu.example/khac",
        login_hint=SECRET,
        id_token_hint="eyJhbGciOiJub25lIn0.e30.",
        state="trang-thai-rieng",
        password="Thu-nghiem-2026!",
    )
    for path in ("/oauth2/authorize", "/khong-co", "/test/fail"):
        answer = app.test_client().get(path, query_string=asked)
        assert answer.status_code >= 400
        for value in (SECRET, "eyJhbGciOiJub25lIn0", "trang-thai-rieng", "Thu-nghiem-2026!"):
            assert value not in answer.text
    logged = journal.getvalue()
    assert "answered" in logged
    for value in (SECRET, "eyJhbGciOiJub25lIn0", "trang-thai-rieng", "Thu-nghiem-2026!"):
        assert value not in logged


def test_the_other_language_shows_the_same_error(app: Flask) -> None:
    service, client = a_service(app), app.test_client()
    asked = request_of(service, redirect_uri="https://dich-vu.example/khac")
    vietnamese = client.get("/oauth2/authorize", query_string=asked)
    [link] = [part.split('"')[0] for part in vietnamese.text.split('href="') if part.startswith("/language/en")]
    english = client.get(client.get(link.replace("&amp;", "&")).location)
    assert english.status_code == 400
    assert error_of(english) != error_of(vietnamese)
    assert "redirect_uri" in english.text


def test_a_long_path_is_logged_by_its_beginning(app: Flask, journal: StringIO) -> None:
    app.test_client().get("/" + "khong-co/" * 500)
    [line] = [line for line in lines(journal) if line["event"] == "answered"]
    assert len(line["path"]) == 200


@pytest.mark.parametrize("path", ["/sign-in", "/consent", "/oauth2/authorize", "/oauth2/logout", "/oauth2/token"])
def test_a_body_that_ends_before_its_length_is_a_bad_request(app: Flask, path: str) -> None:
    """The page that says so must not read the body once more."""
    answer = app.test_client().post(path, data={"a": "b"}, environ_overrides={"CONTENT_LENGTH": "700"})
    assert answer.status_code == 400
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
