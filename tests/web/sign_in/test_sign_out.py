"""Signing out from our own pages: asked once, done, said; and no stranger can do it for somebody."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.builders import Citizen, Service, a_citizen, a_service, follow, obtain_tokens, page_of, parked_in, sign_in
from tests.doubles import FixedClock
from tests.rows import rows_of


@pytest.fixture
def citizen(sqlite_app: Flask) -> Citizen:
    return a_citizen(sqlite_app)


@pytest.fixture
def service(sqlite_app: Flask) -> Service:
    return a_service(sqlite_app, client_uri="https://dich-vu.example/")


@pytest.fixture
def browser(sqlite_app: Flask, citizen: Citizen, service: Service) -> FlaskClient:
    """A browser in which the citizen has entered the service."""
    client = sqlite_app.test_client()
    obtain_tokens(client, service, citizen)
    return client


def confirm(browser: FlaskClient) -> TestResponse:
    page = follow(browser, browser.get("/sign-out"))
    assert page_of(page) == "sign_out"
    return browser.post("/sign-out", data={"parked": parked_in(page)})


def test_it_asks_then_says_that_it_is_done_and_whom_it_tells(sqlite_app: Flask, browser: FlaskClient) -> None:
    done = follow(browser, confirm(browser))
    assert done.status_code == 200
    assert "đã đăng xuất" in done.text.lower()
    assert "Dịch vụ thử" in done.text
    assert browser.get_cookie("idp_session") is None
    assert browser.get("/account").status_code == 303
    with sqlite_app.app_context():
        assert [row.end_reason for row in rows_of("sessions")] == ["signed_out"]
        assert len(rows_of("outbox")) == 1


def test_in_english_it_says_you_have_signed_out(browser: FlaskClient) -> None:
    browser.get("/language/en")
    assert "You have signed out" in follow(browser, confirm(browser)).text


def test_a_stranger_is_told_the_same_and_nothing_is_asked(sqlite_app: Flask) -> None:
    page = follow(stranger := sqlite_app.test_client(), stranger.get("/sign-out"))
    assert "đã đăng xuất" in page.text.lower()


def test_the_cookie_of_before_is_dead_on_the_server_too(sqlite_app: Flask, browser: FlaskClient) -> None:
    old = browser.get_cookie("idp_session")
    assert old is not None
    confirm(browser)
    thief = sqlite_app.test_client()
    thief.set_cookie("idp_session", old.value)
    assert thief.get("/account").status_code == 303


def test_csrf_a_post_from_elsewhere_signs_nobody_out(sqlite_app: Flask, browser: FlaskClient, citizen: Citizen) -> None:
    attacker = sqlite_app.test_client()
    sign_in(attacker, citizen)
    forged = parked_in(follow(attacker, attacker.get("/sign-out")))
    for parked in (forged, "", "rac"):
        answer = browser.post("/sign-out", data={"parked": parked})
        assert page_of(follow(browser, answer)) == "sign_out", "the person is asked"
    assert browser.get("/account").status_code == 200


def test_csrf_a_cross_site_post_that_brings_no_cookies_takes_none_away(sqlite_app: Flask) -> None:
    """SameSite=Lax keeps the cookies at home; the answer must not delete what it has not seen."""
    answer = sqlite_app.test_client().post("/sign-out", data={})
    assert answer.status_code == 303
    assert not [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("idp_session=")]


def test_a_session_that_ended_meanwhile_is_signed_out_all_the_same(browser: FlaskClient, clock: FixedClock) -> None:
    page = follow(browser, browser.get("/sign-out"))
    clock.advance(minutes=31)
    done = follow(browser, browser.post("/sign-out", data={"parked": parked_in(page)}))
    assert "đã đăng xuất" in done.text.lower()


def test_an_old_page_asks_anew(sqlite_app: Flask, browser: FlaskClient, citizen: Citizen, clock: FixedClock) -> None:
    page = follow(browser, browser.get("/sign-out"))
    clock.advance(minutes=61)
    sign_in(browser, citizen)
    assert page_of(follow(browser, browser.post("/sign-out", data={"parked": parked_in(page)}))) == "sign_out"


def test_the_signed_out_page_is_not_shown_to_who_is_signed_in(browser: FlaskClient) -> None:
    assert browser.get("/signed-out").location == "/"


@pytest.mark.parametrize("parked", ["", "rac"])
def test_the_signed_out_page_stands_alone(sqlite_app: Flask, parked: str) -> None:
    page = sqlite_app.test_client().get("/signed-out", query_string={"parked": parked})
    assert page.status_code == 200
    assert "đã đăng xuất" in page.text.lower()


def test_rp_initiated_logout_2_1_without_a_hint_the_person_is_asked_and_comes_back_to_the_service(
    browser: FlaskClient, service: Service
) -> None:
    query = {
        "client_id": service.client_id,
        "post_logout_redirect_uri": "https://dich-vu.example/da-dang-xuat",
        "state": "s",
    }
    page = follow(browser, browser.get("/oauth2/logout", query_string=query))
    assert page_of(page) == "sign_out"
    assert "Dịch vụ thử" in page.text
    done = browser.post("/sign-out", data={"parked": parked_in(page)})
    assert done.location == "https://dich-vu.example/da-dang-xuat?state=s"


def test_without_a_place_to_go_the_page_offers_the_way_back_to_the_service(
    browser: FlaskClient, service: Service
) -> None:
    page = follow(browser, browser.get("/oauth2/logout", query_string={"client_id": service.client_id}))
    done = follow(browser, browser.post("/sign-out", data={"parked": parked_in(page)}))
    assert 'href="https://dich-vu.example/"' in done.text


def test_a_service_that_signs_nobody_in_asks_for_nobody_and_breaks_nothing(
    sqlite_app: Flask, browser: FlaskClient
) -> None:
    machine = a_service(
        sqlite_app,
        client_name="Chỉ có máy",
        grant_types=["client_credentials"],
        machine_scopes="doc",
        redirect_uris=None,
    )
    page = follow(browser, browser.get("/oauth2/logout", query_string={"client_id": machine.client_id}))
    assert page_of(page) == "sign_out"
    assert "Chỉ có máy" not in page.text
    assert follow(browser, browser.post("/sign-out", data={"parked": parked_in(page)})).status_code == 200
