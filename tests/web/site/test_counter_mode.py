"""The screen of a counter: nothing of one person stays for the next, and it ends by itself (WCAG 2.2 2.2.1)."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.domain.counter_screens import SETTING_FOR
from idp.runtime.runtime import Runtime
from tests.builders import (
    NUMBERS,
    Citizen,
    a_citizen,
    a_service,
    ask,
    follow,
    lend_keys,
    obtain_code,
    obtain_tokens,
    page_of,
    parked_in,
    refresh,
    sign_in,
    spend,
    userinfo,
    walk,
)
from tests.doubles import FixedClock
from tests.rows import count_rows, events, rows_of
from tests.soft_authenticator import Authenticator
from tests.web.citizen import test_security as security
from tests.web.policy import cookies_of

NAME = "Trung tâm PVHCC phường Kinh Bắc, quầy 3"
SETTING = "idp_counter"


def a_code(app: Flask, name: str = NAME) -> str:
    lend_keys(app)
    with app.app_context(), storage.begin() as tx:
        return flows.counter_screens.make_code(tx, app.extensions["idp"], name, actor="the tests")


def set_up(client: FlaskClient, code: str) -> TestResponse:
    form = {"parked": parked_in(client.get("/counter-mode")), "code": code}
    return client.post("/counter-mode", data=form)


def a_screen(app: Flask) -> FlaskClient:
    client = app.test_client()
    assert SETTING in cookies_of(set_up(client, a_code(app)))
    return client


def is_screen(client: FlaskClient) -> bool:
    return NAME in client.get("/").text


def finish(client: FlaskClient, page: TestResponse | None = None) -> TestResponse:
    found = re.search(r'name="parked" type="hidden" value="([^"]+)"', (page or client.get("/account")).text)
    assert found, "no button to finish with"
    return client.post("/counter-mode/finish", data={"parked": found[1]})


@pytest.fixture
def citizen(app: Flask) -> Citizen:
    return a_citizen(app)


@pytest.fixture
def screen(app: Flask) -> FlaskClient:
    return a_screen(app)


# -- the setting ---------------------------------------------------------------------------------------------------


def test_a_code_makes_one_browser_a_screen_once(app: Flask) -> None:
    code = a_code(app)
    first, second = app.test_client(), app.test_client()
    setting = cookies_of(set_up(first, f"{code[:5]} {code[5:]}"))[SETTING]
    assert int(setting["max-age"]) == SETTING_FOR.total_seconds()
    assert (setting["httponly"], setting["samesite"]) == (True, "Lax")
    assert set_up(second, code).status_code == 400
    assert [is_screen(each) for each in (first, second)] == [True, False]
    with app.app_context():
        assert "screen_codes" not in count_rows()
        assert (events()["screen_code.made"], events()["counter_screen.set"]) == (1, 1)


@pytest.mark.parametrize("code", ["", "0000000000", "x", "1" * 500])
def test_another_code_sets_nothing(app: Flask, code: str) -> None:
    a_code(app)
    client = app.test_client()
    assert SETTING not in cookies_of(set_up(client, code))
    assert not is_screen(client)


def test_a_code_is_good_for_an_hour(app: Flask, clock: FixedClock) -> None:
    late, in_time = a_code(app), a_code(app)
    client = app.test_client()
    clock.advance(minutes=59, seconds=59)
    assert set_up(client, in_time).status_code == 303
    clock.advance(seconds=1)
    assert set_up(app.test_client(), late).status_code == 400


def test_a_setting_that_is_forged_or_edited_counts_as_none(app: Flask, screen: FlaskClient) -> None:
    setting = screen.get_cookie(SETTING)
    assert setting is not None
    edited = setting.value[:60] + ("A" if setting.value[60] != "A" else "B") + setting.value[61:]
    of_a_page = parked_in(app.test_client().get("/counter-mode"))
    for value in ("", "x", setting.value[:-1], edited, of_a_page, "x" * 4000):
        client = app.test_client()
        client.set_cookie(SETTING, value)
        answer = client.get("/")
        assert answer.status_code == 200
        assert NAME not in answer.text
        assert "Refresh" not in answer.headers


def test_a_setting_ends_after_its_time(app: Flask, screen: FlaskClient, clock: FixedClock) -> None:
    setting = screen.get_cookie(SETTING)
    assert setting is not None
    for seconds, counts in ((-1, True), (1, False)):
        clock.advance(seconds=SETTING_FOR.total_seconds() + seconds if counts else seconds)
        later = app.test_client()
        later.set_cookie(SETTING, setting.value)
        assert is_screen(later) is counts


def test_it_is_taken_away_on_the_same_page(app: Flask, screen: FlaskClient) -> None:
    screen.post("/counter-mode/end", data={"parked": "rac"})
    assert is_screen(screen), "not by a post from elsewhere"
    screen.post("/counter-mode/end", data={"parked": parked_in(screen.get("/counter-mode"))})
    assert not is_screen(screen)


def test_setting_it_up_ends_what_was_open_in_the_browser(app: Flask, citizen: Citizen) -> None:
    client = app.test_client()
    sign_in(client, citizen)
    set_up(client, a_code(app))
    assert client.get("/account").status_code == 303
    assert client.get_cookie("idp_device") is None
    with app.app_context():
        assert [row.end_reason for row in rows_of("sessions")] == ["signed_out"]


def test_csrf_nobody_is_tricked_into_it_and_who_is_loses_nothing(app: Flask, citizen: Citizen) -> None:
    """Like login CSRF: with a code of the attacker's own, in the browser of somebody who is signed in."""
    code, attacker, victim = a_code(app), app.test_client(), app.test_client()
    sign_in(victim, citizen)
    forged = parked_in(attacker.get("/counter-mode"))
    assert SETTING not in cookies_of(victim.post("/counter-mode", data={"parked": forged, "code": code}))
    assert victim.get("/account").status_code == 200
    set_up(attacker, code)
    setting = attacker.get_cookie(SETTING)
    assert setting is not None
    victim.set_cookie(SETTING, setting.value)
    assert victim.get("/account").status_code == 200, "signed in as before"
    finish(victim)
    sign_in(victim, citizen)
    victim.post("/counter-mode/end", data={"parked": parked_in(victim.get("/counter-mode"))})
    assert not is_screen(victim)


# -- nothing stays -------------------------------------------------------------------------------------------------


def test_no_cookie_outlives_the_browser(app: Flask, screen: FlaskClient, citizen: Citizen) -> None:
    page = follow(screen, screen.get("/sign-in"))
    form = {"parked": parked_in(page), "identifier": citizen.number, "password": citizen.password}
    seen = {}
    for answer in (screen.post("/sign-in", data=form), screen.get("/language/en"), screen.get("/text/normal")):
        seen |= cookies_of(answer)
    assert {"idp_session", "idp_language", "idp_text"} <= set(seen)
    assert "idp_device" not in seen
    assert [name for name, morsel in seen.items() if morsel["max-age"] or morsel["expires"]] == []


def test_the_browser_is_never_known_to_who_signs_in(app: Flask, screen: FlaskClient, citizen: Citizen) -> None:
    for time in (1, 2):
        sign_in(screen, citizen)
        finish(screen)
        with app.app_context():
            assert "devices" not in count_rows()
            assert {row.device_id for row in rows_of("sessions")} == {None}
            assert count_rows()["messages"] == 2 * time, "told to both contacts each time"


def test_a_device_that_was_known_before_is_not_known_there(app: Flask, citizen: Citizen) -> None:
    client = app.test_client()
    sign_in(client, citizen)
    device = client.get_cookie("idp_device")
    assert device is not None
    set_up(client, a_code(app))
    client.set_cookie("idp_device", device.value)
    sign_in(client, citizen)
    with app.app_context():
        assert count_rows()["messages"] == 4, "told of a new device as the first time"


def test_the_text_is_large_unless_somebody_wants_it_normal(screen: FlaskClient) -> None:
    assert 'data-text="large"' in screen.get("/").text
    screen.get("/text/normal")
    assert 'data-text="large"' not in screen.get("/").text
    screen.get("/signed-out")
    assert 'data-text="large"' in screen.get("/").text


def test_the_browser_is_asked_to_fill_in_nothing(app: Flask, screen: FlaskClient) -> None:
    def said(client: FlaskClient) -> list[str]:
        return re.findall(r'autocomplete="([^"]+)"', follow(client, client.get("/sign-in")).text)

    def suggestions(path: str) -> set[str]:
        return set(re.findall(r'autocomplete="([^"]+)"', follow(screen, screen.get(path)).text))

    for path in ("/register", "/register?with=passport", "/recover", "/lock"):
        assert suggestions(path) <= {"off", "one-time-code"}, path

    assert said(screen) == ["off", "off"]
    assert said(app.test_client()) == ["username webauthn", "current-password"]
    sign_in(screen, a_citizen(app))
    for path in ("/account/contacts", "/account/security"):
        assert suggestions(path) <= {"off", "one-time-code"}, path


def test_no_passkey_is_made_on_everybodys_computer(app: Flask, screen: FlaskClient, citizen: Citizen) -> None:
    sign_in(screen, citizen)
    page = screen.get("/account/security")
    assert 'id="no-passkey-here"' in page.text
    assert 'data-passkey="create"' not in page.text
    own, setting = app.test_client(), screen.get_cookie(SETTING)
    assert setting is not None
    sign_in(own, citizen)
    page = own.get("/account/security")
    form = {"parked": parked_in(page), "answer": Authenticator().make(security.options_in(page, "create"))}
    own.set_cookie(SETTING, setting.value)
    own.post("/account/security/passkey", data=form)
    with app.app_context():
        assert "passkeys" not in count_rows()


# -- idle ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "lives"), [(149, True), (150, False)])
def test_a_session_there_is_idle_for_150_seconds_at_most(
    app: Flask, screen: FlaskClient, citizen: Citizen, clock: FixedClock, seconds: int, lives: bool
) -> None:
    service = a_service(app)
    tokens = obtain_tokens(screen, service, citizen)
    clock.advance(seconds=seconds)
    assert (ask(screen, service).location.startswith(service.redirect_uri)) is lives
    assert (userinfo(screen, tokens["access_token"]).status_code == 200) is lives
    assert (refresh(screen, service, tokens["refresh_token"]).status_code == 200) is lives
    assert (screen.get("/account").status_code == 200) is lives


def test_a_code_is_not_exchanged_for_an_idle_session(
    app: Flask, screen: FlaskClient, citizen: Citizen, clock: FixedClock
) -> None:
    service = a_service(app)
    obtain_tokens(screen, service, citizen)
    clock.advance(seconds=140)
    code = obtain_code(screen, service)
    clock.advance(seconds=10)
    assert spend(screen, service, code).get_json()["error"] == "invalid_grant"


def test_elsewhere_it_stays_half_an_hour(app: Flask, citizen: Citizen, clock: FixedClock) -> None:
    client = app.test_client()
    sign_in(client, citizen)
    clock.advance(minutes=29)
    assert client.get("/account").status_code == 200


def test_use_keeps_it_open(app: Flask, screen: FlaskClient, citizen: Citizen, clock: FixedClock) -> None:
    sign_in(screen, citizen)
    for _ in range(6):
        clock.advance(seconds=31)
        assert screen.get("/account").status_code == 200
    clock.advance(seconds=29)
    touched = screen.get("/account")
    with app.app_context():
        [row] = rows_of("sessions")
    assert touched.status_code == 200
    assert clock.now() - row.seen_at == timedelta(seconds=29), "written every fifth of the limit, no oftener"


def test_a_refresh_and_an_exchange_count_as_use_there_too(
    app: Flask, screen: FlaskClient, citizen: Citizen, clock: FixedClock
) -> None:
    service = a_service(app)
    tokens = obtain_tokens(screen, service, citizen)
    clock.advance(seconds=100)
    refresh(screen, service, tokens["refresh_token"])
    clock.advance(seconds=100)
    obtain_tokens(screen, service)
    clock.advance(seconds=100)
    assert screen.get("/account").status_code == 200


def test_the_worker_ends_it_and_the_services_are_told(
    app: Flask, screen: FlaskClient, citizen: Citizen, clock: FixedClock
) -> None:
    service, runtime = a_service(app), app.extensions["idp"]
    obtain_tokens(screen, service, citizen)
    obtain_tokens(app.test_client(), service, citizen)
    with app.app_context():
        clock.advance(seconds=149)
        assert _end_run_out(runtime) == 0
        clock.advance(seconds=1)
        assert _end_run_out(runtime) == 1, "that of the counter, and no other"
        assert [row.end_reason for row in rows_of("sessions")] == ["expired", None]
        assert [row.service_id for row in rows_of("outbox")] == [service.id]


def _end_run_out(runtime: Runtime) -> int:
    with storage.begin() as tx:
        return flows.housekeeping.end_run_out_sessions(tx, runtime)


def test_it_is_no_longer_on_the_list_of_where_one_is(
    app: Flask, screen: FlaskClient, citizen: Citizen, clock: FixedClock
) -> None:
    own = app.test_client()
    sign_in(own, citizen)
    sign_in(screen, citizen)
    assert own.get("/account/activity").text.count('action="/account/activity/end"') == 2
    clock.advance(seconds=150)
    assert own.get("/account/activity").text.count('action="/account/activity/end"') < 2


def test_a_page_closes_by_itself_and_says_so(app: Flask, screen: FlaskClient, citizen: Citizen) -> None:
    sign_in(screen, citizen)
    for path in ("/", "/account", "/help", "/khong-co"):
        page = screen.get(path)
        assert page.headers["Refresh"] == "155; url=/signed-out"
        assert " 2,5 " in page.text, "WCAG 2.2 2.2.1: how long there is"
    assert "Refresh" not in app.test_client().get("/").headers


def test_what_it_closes_to_is_ready_and_leaves_nothing(
    screen: FlaskClient, citizen: Citizen, clock: FixedClock
) -> None:
    sign_in(screen, citizen)
    screen.get("/language/en")
    clock.advance(seconds=155)
    ready = screen.get("/signed-out")
    assert 'id="next"' in ready.text
    assert "Refresh" not in ready.headers
    left = ("idp_session", "idp_device", "idp_page", "idp_language", "idp_text", "idp_browser_state")
    assert [name for name in left if screen.get_cookie(name)] == []
    assert is_screen(screen)


# -- finish --------------------------------------------------------------------------------------------------------


def test_one_tap_ends_the_session_tells_the_services_and_clears_the_browser(
    app: Flask, screen: FlaskClient, citizen: Citizen
) -> None:
    service = a_service(app, frontchannel_logout_uri="https://dich-vu.example/khung")
    obtain_tokens(screen, service, citizen)
    screen.get("/language/en")
    page = screen.get("/account")
    assert "Nguyễn Thị Mẫu" in page.text
    done = finish(screen, page)
    left = ("idp_session", "idp_device", "idp_page", "idp_language", "idp_text", "idp_browser_state")
    assert [name for name in left if screen.get_cookie(name)] == []
    ready = follow(screen, done)
    assert re.search(r'<a [^>]*id="next" [^>]*href="/sign-in" autofocus', ready.text)
    assert 'src="https://dich-vu.example/khung?iss=' in ready.text
    assert "Nguyễn" not in ready.text
    assert "Dịch vụ thử" not in ready.text, "nor where they had been"
    assert "may take a few minutes" in ready.text or "mất vài phút" in ready.text
    assert screen.get("/account").status_code == 303
    with app.app_context():
        assert [row.end_reason for row in rows_of("sessions")] == ["signed_out"]
        assert [row.service_id for row in rows_of("outbox")] == [service.id]


def test_csrf_a_post_from_elsewhere_finishes_nobody(app: Flask, screen: FlaskClient, citizen: Citizen) -> None:
    attacker = a_screen(app)
    sign_in(attacker, citizen)
    found = re.search(r'name="parked" type="hidden" value="([^"]+)"', attacker.get("/account").text)
    assert found
    sign_in(screen, citizen)
    for parked in (found[1], "", "rac", parked_in(screen.get("/counter-mode"))):
        answer = screen.post("/counter-mode/finish", data={"parked": parked})
        assert page_of(follow(screen, answer)) == "sign_out", "the person is asked"
    assert screen.get("/account").status_code == 200


def test_a_page_left_by_one_person_does_not_finish_the_next(app: Flask, screen: FlaskClient, citizen: Citizen) -> None:
    sign_in(screen, citizen)
    old = screen.get("/account")
    finish(screen, old)
    sign_in(screen, a_citizen(app, NUMBERS[1]))
    finish(screen, old)
    assert "Trần Văn Thử" in screen.get("/account").text


def test_the_next_person_sees_nothing_of_the_one_before(app: Flask, screen: FlaskClient, citizen: Citizen) -> None:
    service = a_service(app)
    obtain_tokens(screen, service, citizen)
    follow(screen, finish(screen))
    assert page_of(follow(screen, ask(screen, service))) == "sign_in"
    assert walk(screen, ask(screen, service), a_citizen(app, NUMBERS[1])).location.startswith(service.redirect_uri)
    page = screen.get("/account").text
    assert "Trần Văn Thử" in page
    assert "Nguyễn Thị Mẫu" not in page


def test_elsewhere_there_is_no_bar(app: Flask, citizen: Citizen) -> None:
    client = app.test_client()
    sign_in(client, citizen)
    assert 'id="finish"' not in client.get("/account").text
    assert client.post("/counter-mode/finish").status_code == 303
    assert client.get("/account").status_code == 200
