"""The sign-in page: who asks, a name, a password; what was typed is kept, and it restarts by itself."""

import html
import re
import threading
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp.runtime.hash_slots import HashSlots
from tests.builders import (
    NUMBERS,
    Citizen,
    Service,
    a_citizen,
    a_service,
    answer_in,
    ask,
    follow,
    page_of,
    parked_in,
    sign_in,
    walk,
)
from tests.doubles import FixedClock
from tests.rows import count_rows
from tests.runtime.test_hash_slots import held
from tests.web.policy import cookies_of, error_of


@pytest.fixture
def citizen(sqlite_app: Flask) -> Citizen:
    return a_citizen(sqlite_app)


@pytest.fixture
def service(sqlite_app: Flask) -> Service:
    return a_service(sqlite_app, policy_uri="https://dich-vu.example/chinh-sach", tos_uri="https://dich-vu.example/ts")


@pytest.fixture
def browser(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


def typed(citizen: Citizen, page: TestResponse, **changes: str) -> dict[str, str]:
    return {"parked": parked_in(page), "identifier": citizen.number, "password": citizen.password, **changes}


def value_of(page: TestResponse, field: str) -> str:
    found = re.search(rf'<input[^>]*name="{field}"[^>]*>', page.text)
    assert found, f"no field {field}"
    value = re.search(r'value="([^"]*)"', found[0])
    return html.unescape(value[1]) if value else ""


# -- the page ------------------------------------------------------------------------------------------------------


def test_it_shows_who_asks_and_has_its_handles(browser: FlaskClient, service: Service) -> None:
    page = follow(browser, ask(browser, service))
    assert page.status_code == 200
    for part in (
        *('name="identifier"', 'autocomplete="username webauthn"', 'name="password"', 'id="sign-in"', 'id="register"'),
        *('id="recover"', "Dịch vụ thử", "dich-vu.example", "https://dich-vu.example/chinh-sach"),
    ):
        assert part in page.text
    assert value_of(page, "password") == ""


def test_oidc_core_3_1_2_1_the_login_hint_is_filled_in(browser: FlaskClient, service: Service) -> None:
    page = follow(browser, ask(browser, service, login_hint='003190000013"><script>'))
    assert value_of(page, "identifier") == '003190000013"><script>'
    assert "<script>" not in page.text


def test_nothing_is_written_before_something_is_proved(
    sqlite_app: Flask, browser: FlaskClient, service: Service
) -> None:
    with sqlite_app.app_context():
        before = count_rows()
        follow(browser, ask(browser, service))
        assert count_rows() == before


# -- what was typed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identifier", "password", "named"),
    [("", "", {"identifier", "password"}), ("  ", "x", {"identifier"}), ("003190000013", "", {"password"})],
)
def test_what_is_missing_is_named_and_what_was_typed_is_kept(
    browser: FlaskClient, service: Service, identifier: str, password: str, named: set[str]
) -> None:
    page = follow(browser, ask(browser, service))
    form = {"parked": parked_in(page), "identifier": identifier, "password": password}
    answer = browser.post("/sign-in", data=form)
    assert answer.status_code == 400
    assert set(re.findall(r'href="#(identifier|password)"', answer.text)) == named
    assert value_of(answer, "identifier") == identifier.strip()
    assert value_of(answer, "password") == ""


def test_a_wrong_password_says_so_and_keeps_the_name_and_the_service(
    browser: FlaskClient, service: Service, citizen: Citizen
) -> None:
    page = follow(browser, ask(browser, service))
    answer = browser.post("/sign-in", data=typed(citizen, page, password="Sai-mat-khau-1!"))
    assert answer.status_code == 401
    assert "Dịch vụ thử" in answer.text
    assert value_of(answer, "identifier") == citizen.number
    assert value_of(answer, "password") == ""
    assert "Sai-mat-khau-1!" not in answer.text
    assert "idp_session" not in cookies_of(answer)
    again = browser.post("/sign-in", data=typed(citizen, answer))
    assert again.status_code == 303, "the same page goes on"


def test_after_too_many_tries_one_is_told_how_long_to_wait(
    browser: FlaskClient, service: Service, citizen: Citizen, clock: FixedClock
) -> None:
    page = follow(browser, ask(browser, service))
    for _ in range(5):
        assert browser.post("/sign-in", data=typed(citizen, page, password="sai")).status_code == 401
    answer = browser.post("/sign-in", data=typed(citizen, page))
    assert answer.status_code == 429
    assert "15" in answer.text
    assert value_of(answer, "identifier") == citizen.number
    clock.advance(minutes=15)
    assert browser.post("/sign-in", data=typed(citizen, page)).status_code == 303


def test_when_all_hash_slots_are_taken_a_sign_in_is_turned_away_before_anything_is_looked_at(
    make_app: Callable[..., Flask], sqlite_url: str
) -> None:
    app = make_app(sqlite_url, IDP_PASSWORDS_HASH_SLOTS="1", IDP_PASSWORDS_HASH_QUEUE="0")
    citizen, browser = a_citizen(app), app.test_client()
    page = follow(browser, browser.get("/sign-in"))
    with app.app_context():
        before = count_rows()
    with held(app.extensions["idp"].hash_slots):
        answer = browser.post("/sign-in", data=typed(citizen, page), headers={"Accept": "text/html"})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
    assert "quay lại trang trước" in answer.text
    with app.app_context():
        assert count_rows() == before
    assert browser.post("/sign-in", data=typed(citizen, page)).status_code == 303


def test_when_the_last_hash_slot_is_taken_meanwhile_one_is_asked_to_press_again(
    make_app: Callable[..., Flask], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HashSlots, "is_full", lambda _: False)
    app = make_app(sqlite_url, IDP_PASSWORDS_HASH_SLOTS="1", IDP_PASSWORDS_HASH_QUEUE="0")
    citizen, browser = a_citizen(app), app.test_client()
    page = follow(browser, browser.get("/sign-in"))
    with held(app.extensions["idp"].hash_slots):
        answer = browser.post("/sign-in", data=typed(citizen, page))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "3"
    assert page_of(answer) == "sign_in"
    assert value_of(answer, "identifier") == citizen.number
    assert browser.post("/sign-in", data=typed(citizen, answer)).status_code == 303


@pytest.mark.parametrize("name", ["\x00", "x" * 300, "é" * 254, "\u202e003", "' OR 1=1 --", "${7*7}{{7*7}}"])
def test_hostile_names_are_wrong_names(browser: FlaskClient, service: Service, citizen: Citizen, name: str) -> None:
    page = follow(browser, ask(browser, service))
    answer = browser.post("/sign-in", data=typed(citizen, page, identifier=name, password="p" * 5000))
    assert answer.status_code == 401
    assert "49" not in value_of(answer, "identifier")


# -- restarting ----------------------------------------------------------------------------------------------------


def test_a_page_left_open_overnight_keeps_the_name_and_goes_on_for_the_same_service(
    browser: FlaskClient, service: Service, citizen: Citizen, clock: FixedClock
) -> None:
    page = follow(browser, ask(browser, service, state="cua-toi"))
    clock.advance(hours=10)
    answer = browser.post("/sign-in", data=typed(citizen, page))
    assert answer.status_code == 400
    assert page_of(answer) == "sign_in"
    assert "Dịch vụ thử" in answer.text
    assert value_of(answer, "identifier") == citizen.number
    assert "idp_session" not in cookies_of(answer)
    entered = walk(browser, browser.post("/sign-in", data=typed(citizen, answer)))
    assert answer_in(entered)["state"] == "cua-toi"


def test_reloading_an_old_page_restarts_it(browser: FlaskClient, service: Service, clock: FixedClock) -> None:
    first = follow(browser, ask(browser, service))
    clock.advance(hours=10)
    again = follow(browser, browser.get("/sign-in", query_string={"parked": parked_in(first)}))
    assert page_of(again) == "sign_in"
    assert "Dịch vụ thử" in again.text
    assert parked_in(again) != parked_in(first)


def test_a_browser_that_lost_its_cookies_restarts(
    sqlite_app: Flask, browser: FlaskClient, service: Service, citizen: Citizen
) -> None:
    page = follow(browser, ask(browser, service))
    fresh = sqlite_app.test_client()
    answer = fresh.post("/sign-in", data=typed(citizen, page))
    assert answer.status_code == 400
    assert value_of(answer, "identifier") == citizen.number
    assert fresh.post("/sign-in", data=typed(citizen, answer)).status_code == 303


def test_a_browser_that_keeps_no_cookies_is_told_so_and_not_sent_in_circles(
    sqlite_app: Flask, service: Service
) -> None:
    for start in ("/oauth2/authorize", "/sign-in", "/account", "/sign-out"):
        browser = sqlite_app.test_client(use_cookies=False)
        answer = ask(browser, service) if start == "/oauth2/authorize" else browser.get(start)
        answer = follow(browser, answer)
        if start == "/sign-out":
            assert answer.status_code == 200
        else:
            assert answer.status_code == 400
            assert "cookie" in error_of(answer).lower()


def test_the_back_button_after_signing_in_leads_on(browser: FlaskClient, service: Service, citizen: Citizen) -> None:
    page = follow(browser, ask(browser, service))
    walk(browser, browser.post("/sign-in", data=typed(citizen, page)))
    back = follow(browser, browser.get("/sign-in", query_string={"parked": parked_in(page)}))
    assert "code" in answer_in(back)


def test_a_second_tab_leads_on_when_the_first_has_signed_in(
    browser: FlaskClient, service: Service, citizen: Citizen
) -> None:
    one, other = (follow(browser, ask(browser, service, state=state)) for state in ("mot", "hai"))
    assert answer_in(walk(browser, browser.post("/sign-in", data=typed(citizen, one))))["state"] == "mot"
    reloaded = walk(browser, browser.get("/sign-in", query_string={"parked": parked_in(other)}))
    assert answer_in(reloaded)["state"] == "hai"


def test_a_second_tab_may_still_be_posted(browser: FlaskClient, service: Service, citizen: Citizen) -> None:
    one, other = (follow(browser, ask(browser, service, state=state)) for state in ("mot", "hai"))
    walk(browser, browser.post("/sign-in", data=typed(citizen, one)))
    assert answer_in(walk(browser, browser.post("/sign-in", data=typed(citizen, other))))["state"] == "hai"


def test_where_a_new_sign_in_is_asked_for_the_page_is_shown_to_who_is_signed_in(
    browser: FlaskClient, service: Service, citizen: Citizen, clock: FixedClock
) -> None:
    sign_in(browser, citizen)
    clock.advance(minutes=1)
    page = follow(browser, ask(browser, service, prompt="login"))
    assert page_of(page) == "sign_in"
    assert "code" in answer_in(walk(browser, browser.post("/sign-in", data=typed(citizen, page))))


# -- the session ---------------------------------------------------------------------------------------------------


def test_the_cookie_from_before_the_sign_in_is_worth_nothing_after_it(
    sqlite_app: Flask, browser: FlaskClient, citizen: Citizen, clock: FixedClock
) -> None:
    """Session fixation: whoever knew the old cookie is nobody now."""
    sign_in(browser, citizen)
    old = browser.get_cookie("idp_session")
    assert old is not None
    clock.advance(minutes=1)
    page = follow(browser, browser.get("/sign-in"))
    assert browser.post("/sign-in", data=typed(citizen, page)).status_code == 303
    thief = sqlite_app.test_client()
    thief.set_cookie("idp_session", old.value)
    assert thief.get("/account").status_code == 303
    assert browser.get("/account").status_code == 200


def test_a_cookie_that_a_stranger_chose_never_becomes_a_session(
    sqlite_app: Flask, browser: FlaskClient, citizen: Citizen
) -> None:
    browser.set_cookie("idp_session", "do-ke-gian-chon")
    sign_in(browser, citizen)
    new = browser.get_cookie("idp_session")
    assert new is not None
    assert new.value != "do-ke-gian-chon"


def test_another_person_in_the_same_browser_takes_over_and_the_first_is_gone(
    sqlite_app: Flask, browser: FlaskClient, service: Service, citizen: Citizen, clock: FixedClock
) -> None:
    sign_in(browser, citizen)
    first = browser.get_cookie("idp_session")
    assert first is not None
    clock.advance(minutes=1)
    other = a_citizen(sqlite_app, NUMBERS[1])
    page = follow(browser, browser.get("/sign-in"))
    walk(browser, browser.post("/sign-in", data=typed(other, page)))
    assert "Trần Văn Thử" in browser.get("/account").text
    ghost = sqlite_app.test_client()
    ghost.set_cookie("idp_session", first.value)
    assert ghost.get("/account").status_code == 303


def test_signing_in_at_the_same_moment_in_two_tabs_leaves_one_living_cookie(
    sqlite_app: Flask, citizen: Citizen
) -> None:
    browsers = [sqlite_app.test_client() for _ in range(4)]
    pages = [follow(browser, browser.get("/sign-in")) for browser in browsers]
    statuses: list[int] = []

    def enter(browser: FlaskClient, page: TestResponse) -> None:
        statuses.append(browser.post("/sign-in", data=typed(citizen, page)).status_code)

    threads = [threading.Thread(target=enter, args=pair) for pair in zip(browsers, pages, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {303, 503}, "four slots are not there; nobody meets a fault"
    assert 303 in statuses


@pytest.mark.parametrize("name", [NUMBERS[0], "003199000099"], ids=["known", "unknown"])
def test_a_password_that_grows_without_end_is_wrong_and_no_fault(
    browser: FlaskClient, citizen: Citizen, name: str
) -> None:
    page = follow(browser, browser.get("/sign-in"))
    answer = browser.post("/sign-in", data=typed(citizen, page, identifier=name, password="\ufdfa" * 1024))
    assert answer.status_code == 401
    assert page_of(answer) == "sign_in"
