"""Which account: the one that is signed in, or another (OIDC Core 3.1.2.1, prompt=select_account)."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.builders import (
    NUMBERS,
    Citizen,
    Service,
    a_citizen,
    a_service,
    answer_in,
    ask,
    claims_in,
    follow,
    page_of,
    parked_in,
    sign_in,
    spend,
    walk,
)
from tests.doubles import FixedClock


@pytest.fixture
def citizen(sqlite_app: Flask) -> Citizen:
    return a_citizen(sqlite_app)


@pytest.fixture
def service(sqlite_app: Flask) -> Service:
    return a_service(sqlite_app)


@pytest.fixture
def browser(sqlite_app: Flask, citizen: Citizen, service: Service, clock: FixedClock) -> FlaskClient:
    """A browser in which the citizen has entered the service before."""
    client = sqlite_app.test_client()
    walk(client, ask(client, service), citizen)
    clock.advance(seconds=30)
    return client


def choice(browser: FlaskClient, service: Service, **parameters: str) -> TestResponse:
    page = follow(browser, ask(browser, service, **{"prompt": "select_account", **parameters}))
    assert page_of(page) == "choose_account", page.status
    return page


def choose(browser: FlaskClient, page: TestResponse, what: str) -> TestResponse:
    return browser.post("/choose-account", data={"parked": parked_in(page), "choice": what})


def test_it_names_who_is_signed_in_and_nobody_else(browser: FlaskClient, service: Service) -> None:
    page = choice(browser, service)
    assert "Nguyễn Thị Mẫu" in page.text
    assert "013" in page.text
    assert "003190000013" not in page.text
    assert 'id="account-continue"' in page.text
    assert 'id="account-other"' in page.text


def test_continuing_leads_to_the_service_and_is_not_asked_twice(browser: FlaskClient, service: Service) -> None:
    assert (
        answer_in(walk(browser, choose(browser, choice(browser, service, state="a b"), "continue")))["state"] == "a b"
    )


def test_another_account_signs_in_and_the_first_one_is_signed_out(
    sqlite_app: Flask, browser: FlaskClient, service: Service
) -> None:
    other = a_citizen(sqlite_app, NUMBERS[1])
    page = follow(browser, choose(browser, choice(browser, service), "other"))
    assert page_of(page) == "sign_in"
    done = walk(browser, page, other)
    assert "code" in answer_in(done)
    assert "Trần Văn Thử" in browser.get("/account").text


def test_whoever_was_chosen_is_who_the_service_gets(
    sqlite_app: Flask, browser: FlaskClient, service: Service, citizen: Citizen
) -> None:
    other = a_citizen(sqlite_app, NUMBERS[1])
    subs = []
    for who, what in ((citizen, "continue"), (other, "other")):
        done = walk(browser, choose(browser, choice(browser, service), what), who)
        token = spend(browser, service, answer_in(done)["code"]).get_json()["id_token"]
        subs.append(claims_in(browser, token)["sub"])
    assert subs[0] != subs[1]


@pytest.mark.parametrize("what", ["", "all", "CONTINUE"])
def test_no_choice_asks_again(browser: FlaskClient, service: Service, what: str) -> None:
    again = choose(browser, choice(browser, service), what)
    assert page_of(again) == "choose_account"
    assert "code" in answer_in(walk(browser, choose(browser, again, "continue")))


def test_a_choice_that_was_shown_to_another_person_does_not_count(
    sqlite_app: Flask, browser: FlaskClient, service: Service
) -> None:
    page = choice(browser, service)
    sign_in_other(sqlite_app, browser)
    answer = choose(browser, page, "continue")
    assert page_of(answer) == "choose_account"
    assert "Trần Văn Thử" in answer.text


def sign_in_other(app: Flask, browser: FlaskClient) -> None:
    other = a_citizen(app, NUMBERS[1])
    page = follow(browser, browser.get("/sign-in"))
    form = {"parked": parked_in(page), "identifier": other.number, "password": other.password}
    assert browser.post("/sign-in", data=form).status_code == 303


def test_csrf_a_page_of_another_browser_chooses_nothing(
    sqlite_app: Flask, browser: FlaskClient, service: Service, citizen: Citizen, clock: FixedClock
) -> None:
    attacker = sqlite_app.test_client()
    sign_in(attacker, citizen)
    clock.advance(seconds=5)
    page = choice(attacker, service)
    assert page_of(follow(browser, choose(browser, page, "continue"))) == "choose_account"


def test_after_signing_out_a_choice_leads_to_signing_in(browser: FlaskClient, service: Service) -> None:
    page = choice(browser, service)
    browser.delete_cookie("idp_session")
    assert page_of(follow(browser, choose(browser, page, "continue"))) == "sign_in"


def test_an_old_page_restarts(browser: FlaskClient, service: Service, clock: FixedClock) -> None:
    page = choice(browser, service)
    clock.advance(minutes=61)
    assert page_of(follow(browser, choose(browser, page, "continue"))) in ("sign_in", "choose_account")
