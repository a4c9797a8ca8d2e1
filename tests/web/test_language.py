"""Which language a page speaks, and that the way back never leaves this site (CWE-601)."""

from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from idp.web.language import local_path
from tests.builders import a_citizen, a_service, ask, follow, parked_in, sign_in
from tests.web.policy import cookies_of


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


def spoken(page: object) -> str:
    text = page.text  # type: ignore[attr-defined]
    return str(text.split('<html lang="')[1][:2])


def test_vietnamese_comes_first_and_english_is_one_tap_away(client: FlaskClient) -> None:
    home = client.get("/", headers={"Accept-Language": "en-GB"})
    assert spoken(home) == "vi"
    [link] = [part.split('"')[0] for part in home.text.split('href="') if part.startswith("/language/en")]
    assert spoken(follow(client, client.get(link.replace("&amp;", "&")))) == "en"
    assert spoken(client.get("/help")) == "en", "the choice is kept"


def test_after_a_page_that_is_merely_posted_to_the_language_leads_to_one_that_is_shown(
    sqlite_app: Flask, client: FlaskClient
) -> None:
    sign_in(client, a_citizen(sqlite_app))
    answer = client.post("/account/activity/end")
    [link] = [part.split('"')[0] for part in answer.text.split('href="') if part.startswith("/language/en")]
    assert client.get(link.replace("&amp;", "&")).location == "/account/activity"


@pytest.mark.parametrize(
    ("ui_locales", "language"),
    [("en", "en"), ("en-GB vi", "en"), ("fr en", "en"), ("vi-VN en", "vi"), ("fr", "vi"), ("EN", "en"), ("- ;", "vi")],
)
def test_oidc_core_3_1_2_1_ui_locales_is_honoured(
    sqlite_app: Flask, client: FlaskClient, ui_locales: str, language: str
) -> None:
    page = follow(client, ask(client, a_service(sqlite_app), ui_locales=ui_locales))
    assert spoken(page) == language


def test_the_persons_choice_wins_over_the_services(sqlite_app: Flask, client: FlaskClient) -> None:
    client.get("/language/vi")
    assert spoken(follow(client, ask(client, a_service(sqlite_app), ui_locales="en"))) == "vi"


def test_the_language_goes_along_through_the_pages_of_a_request(sqlite_app: Flask, client: FlaskClient) -> None:
    citizen, service = a_citizen(sqlite_app), a_service(sqlite_app)
    page = follow(client, ask(client, service, ui_locales="en", scope="openid email"))
    form = {"parked": parked_in(page), "identifier": citizen.number, "password": "sai"}
    wrong = client.post("/sign-in", data=form)
    stale = sqlite_app.test_client().post("/sign-in", data=form)
    consent = follow(client, client.post("/sign-in", data={**form, "password": citizen.password}))
    assert [spoken(each) for each in (page, wrong, stale, consent)] == ["en"] * 4


def test_the_language_link_comes_back_to_the_very_page(sqlite_app: Flask, client: FlaskClient) -> None:
    page = follow(client, ask(client, a_service(sqlite_app)))
    [link] = [part.split('"')[0] for part in page.text.split('href="') if part.startswith("/language/en")]
    other = follow(client, client.get(link.replace("&amp;", "&")))
    assert spoken(other) == "en"
    assert "Dịch vụ thử" in other.text
    assert 'id="sign-in"' in other.text


def test_after_a_wrong_password_the_link_comes_back_to_the_page(sqlite_app: Flask, client: FlaskClient) -> None:
    page = follow(client, ask(client, a_service(sqlite_app)))
    wrong = client.post("/sign-in", data={"parked": parked_in(page), "identifier": "003199000099", "password": "x"})
    [link] = [part.split('"')[0] for part in wrong.text.split('href="') if part.startswith("/language/en")]
    assert "003199000099" not in link
    assert 'id="sign-in"' in follow(client, client.get(link.replace("&amp;", "&"))).text


@pytest.mark.parametrize("value", ["fr", "vi-VN", "<b>", "", "e" * 70])
def test_a_foreign_value_in_the_cookie_counts_as_none(client: FlaskClient, value: str) -> None:
    client.set_cookie("idp_language", value)
    assert spoken(client.get("/")) == "vi"


def test_large_text_is_kept_and_can_be_taken_back(client: FlaskClient) -> None:
    assert client.get("/text/large", query_string={"to": "/help"}).location == "/help"
    assert 'data-text="large"' in client.get("/help").text
    client.get("/text/normal")
    assert "data-text" not in client.get("/help").text


@pytest.mark.parametrize("path", ["/language/fr", "/language/", "/text/huge", "/text/"])
def test_other_choices_are_not_there(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert cookies_of(answer) == {}


EVIL = [
    *("//evil", "///evil", "/\\evil", "\\\\evil", "https:", "https://evil", "https:evil", "javascript:alert(1)"),
    *("/\t/evil", "/\n/evil", " //evil", "evil", "", "/a\\..\\//evil", "/\x00", "/" + "x" * 10_001, "\u2028//evil"),
    *("http:///evil", "//evil@localhost", "/\r\nLocation: https://evil", "?x", "#x", ".", "..//evil"),
]


@pytest.mark.parametrize("to", EVIL)
@pytest.mark.parametrize("path", ["/language/en", "/text/large"])
def test_the_way_back_cannot_leave_the_site(client: FlaskClient, path: str, to: str) -> None:
    assert client.get(path, query_string={"to": to}).location == "/"


@given(st.text(st.sampled_from("/\\:.@?#ab \t\n%")) | st.text())
def test_whatever_is_asked_for_stays_here(to: str) -> None:
    path = local_path(to)
    parts = urlsplit(path)
    assert (parts.scheme, parts.netloc) == ("", "")
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))


@pytest.mark.parametrize("to", ["/", "/help", "/sign-in?parked=abc-_", "/đường?q=é", "/a//b"])
def test_a_local_page_is_gone_back_to(client: FlaskClient, to: str) -> None:
    location = client.get("/language/en", query_string={"to": to}).location
    assert location.startswith("/")
    assert local_path(to) == to
