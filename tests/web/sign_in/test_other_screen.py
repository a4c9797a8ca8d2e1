"""Signing in on a computer with a phone: number, place, half minutes, one browser, one answer, and what is never lent.

On both stores.
"""

import html
import re
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.domain.accounts import Ground, Lock
from idp.domain.levels import ProofSource
from tests.builders import (
    Citizen,
    Service,
    a_citizen,
    a_service,
    answer_in,
    ask,
    claims_in,
    follow,
    parked_in,
    sign_in,
    spend,
    walk,
)
from tests.doubles import FixedClock
from tests.mailbag import messages
from tests.rows import events, rows_of

AGENT = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/131.0 Edg/131.0"


@pytest.fixture
def citizen(app: Flask) -> Citizen:
    return a_citizen(app)


@pytest.fixture
def service(app: Flask) -> Service:
    return a_service(app)


@pytest.fixture
def phone(app: Flask, citizen: Citizen) -> FlaskClient:
    client = app.test_client()
    sign_in(client, citizen)
    return client


@pytest.fixture
def computer(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_USER_AGENT"] = AGENT
    client.environ_base["REMOTE_ADDR"] = "198.51.100.7"
    return client


def found_in(page: TestResponse, pattern: str) -> str:
    found = re.search(pattern, page.text)
    assert found, pattern
    return html.unescape(found[1])


class Shown:
    """What a screen shows: its page, the number, and the address in the picture."""

    def __init__(self, browser: FlaskClient, page: TestResponse) -> None:
        self.browser, self.page = browser, page
        self.number = found_in(page, r'id="number">(\d\d)<')
        self.address = found_in(page, r'data-address="https?://[^/"]+([^"]+)"')

    def again(self) -> TestResponse:
        return self.browser.get("/sign-in/screen", query_string={"parked": parked_in(self.page)})

    def go_on(self) -> TestResponse:
        return self.browser.post("/sign-in/screen/continue", data={"parked": parked_in(self.page)})


def show(computer: FlaskClient, service: Service | None = None) -> Shown:
    start = ask(computer, service) if service else computer.get("/sign-in")
    page = follow(computer, start)
    page = follow(computer, computer.post("/sign-in/screen", data={"parked": parked_in(page)}))
    assert page.status_code == 200, page.text
    return Shown(computer, page)


def scan(phone: FlaskClient, shown: Shown) -> TestResponse:
    return follow(phone, phone.get(shown.address))


def say(phone: FlaskClient, page: TestResponse, **typed: str) -> TestResponse:
    return phone.post("/phone", data={"parked": parked_in(page), **typed})


def test_the_phone_sees_service_and_place_and_its_yes_signs_the_computer_in(
    app: Flask, phone: FlaskClient, computer: FlaskClient, service: Service
) -> None:
    shown = show(computer, service)
    assert re.fullmatch(r"\d\d", shown.number)
    page = scan(phone, shown)
    for told in ("Edge, Windows", "198.51.100.7", "Dịch vụ thử"):
        assert told in html.unescape(page.text), told
    assert not re.search(rf">\s*{shown.number}\s*<", page.text), "the number is typed, never picked"
    assert shown.go_on().status_code == 409, "nobody is signed in before the phone said yes"
    assert 'id="phone-approved"' in say(phone, page, number=shown.number).text
    assert 'data-state="approved"' in shown.again().text
    answer = walk(computer, shown.go_on())
    token = spend(computer, service, answer_in(answer)["code"]).get_json()["id_token"]
    claims = claims_in(computer, token)
    assert claims["amr"] == ["pwd", "mca"]
    assert claims["acr"] == "urn:bacninh:xacthuc:1"
    with app.app_context():
        told = events()
        assert told["screen.approved"] == 1
        assert told["sign_in.succeeded"] == 2
        assert len(rows_of("devices")) == 1, "the computer is not one that the account knows"


def test_a_screen_goes_on_once_and_only_in_the_browser_that_asked(
    app: Flask, phone: FlaskClient, computer: FlaskClient, citizen: Citizen
) -> None:
    shown = show(computer)
    say(phone, scan(phone, shown), number=shown.number)
    thief = app.test_client()
    thief.get("/sign-in")
    stolen = thief.post("/sign-in/screen/continue", data={"parked": parked_in(shown.page)})
    assert "idp_session" not in " ".join(stolen.headers.getlist("Set-Cookie"))
    first = shown.go_on()
    assert "idp_session" in " ".join(first.headers.getlist("Set-Cookie"))
    second = shown.go_on()
    assert second.status_code == 409
    with app.app_context():
        assert len(rows_of("sessions")) == 2


def test_another_number_is_a_no_for_good(
    app: Flask, phone: FlaskClient, computer: FlaskClient, citizen: Citizen
) -> None:
    shown = show(computer)
    page = scan(phone, shown)
    wrong = f"{(int(shown.number) + 1) % 100:02d}"
    assert say(phone, page, number=wrong).status_code == 403
    assert 'id="phone-approved"' not in say(phone, page, number=shown.number).text
    assert 'data-state="refused"' in shown.again().text
    assert shown.go_on().status_code == 409
    with app.app_context():
        assert events()["screen.refused"] == 1
        assert len(rows_of("sessions")) == 1


def test_what_is_not_two_digits_costs_nothing(phone: FlaskClient, computer: FlaskClient) -> None:
    shown = show(computer)
    page = scan(phone, shown)
    again = say(phone, page, number="4")
    assert again.status_code == 400
    assert 'id="phone-approved"' in say(phone, again, number=f" {shown.number} ").text


def test_the_person_may_refuse(app: Flask, phone: FlaskClient, computer: FlaskClient) -> None:
    shown = show(computer)
    assert 'id="phone-refused"' in say(phone, scan(phone, shown), refuse="1").text
    assert shown.go_on().status_code == 409
    with app.app_context():
        assert events()["screen.refused"] == 1


def test_the_picture_changes_every_half_minute_and_an_old_one_is_worth_nothing(
    phone: FlaskClient, computer: FlaskClient, clock: FixedClock
) -> None:
    shown = show(computer)
    slot = re.search(r'data-slot="(\d+)"', shown.page.text)
    clock.advance(seconds=30)
    page = shown.again()
    assert slot and f'data-slot="{int(slot[1]) + 1}"' in page.text
    assert Shown(computer, page).address != shown.address
    assert 'content="30"' in page.text, "without scripts the browser renews the page"
    clock.advance(seconds=30)
    assert scan(phone, shown).status_code == 410, "of the slot before last"
    fresh = Shown(computer, page)
    assert 'name="number"' in scan(phone, fresh).text, "of the slot before"
    clock.advance(minutes=5)
    assert 'data-state="over"' in shown.again().text


def test_the_phones_page_cannot_be_sent_on(app: Flask, phone: FlaskClient, computer: FlaskClient) -> None:
    """Who got the address once cannot keep it good for a victim by sealing it into a page of their own."""
    shown = show(computer)
    relay = app.test_client()
    taken = relay.get(shown.address)
    assert phone.get(taken.headers["Location"]).status_code == 410


def test_who_is_not_signed_in_on_the_phone_signs_in_first_and_comes_back(
    app: Flask, computer: FlaskClient, citizen: Citizen
) -> None:
    shown, phone = show(computer), app.test_client()
    page = scan(phone, shown)
    assert 'id="sign-in"' in page.text
    typed = {"identifier": citizen.number, "password": citizen.password}
    page = follow(phone, phone.post("/sign-in", data={"parked": parked_in(page), **typed}))
    assert 'id="phone-approved"' in say(phone, page, number=shown.number).text


def test_an_old_sign_in_on_the_phone_is_taken_anew(
    phone: FlaskClient, computer: FlaskClient, clock: FixedClock
) -> None:
    clock.advance(minutes=6)
    assert 'id="sign-in"' in scan(phone, show(computer)).text


def test_what_was_proved_opens_on_a_new_screen_only_after_two_factors_on_the_phone(
    app: Flask, computer: FlaskClient
) -> None:
    proved, phone = a_citizen(app, proof_source=ProofSource.COUNTER), app.test_client()
    sign_in(phone, proved)
    shown = show(computer)
    page = scan(phone, shown)
    with app.app_context():
        [session] = rows_of("sessions")
    if session.auth_level == 1:
        assert 'id="send"' in page.text or 'id="verify"' in page.text
    else:
        assert 'id="phone-approved"' in say(phone, page, number=shown.number).text
        follow(computer, shown.go_on())
        with app.app_context():
            assert {row.auth_level for row in rows_of("sessions")} == {2}, "never more than level 2"


def test_what_is_lent_neither_changes_factors_nor_is_lent_on(
    app: Flask, phone: FlaskClient, computer: FlaskClient, clock: FixedClock
) -> None:
    shown = show(computer)
    say(phone, scan(phone, shown), number=shown.number)
    follow(computer, shown.go_on())
    clock.advance(seconds=1)
    for own in ("/account/security", "/account/contacts", "/account/download"):
        page = follow(computer, computer.get(own))
        assert 'id="sign-in"' in page.text, own
    assert computer.get("/account").status_code == 200
    assert 'id="sign-in"' in scan(computer, show(app.test_client())).text


def test_a_lock_comes_before_the_yes_is_taken_up(app: Flask, phone: FlaskClient, computer: FlaskClient) -> None:
    shown = show(computer)
    say(phone, scan(phone, shown), number=shown.number)
    with app.app_context():
        [row] = rows_of("subjects")
        with storage.begin() as tx:
            person = storage.accounts.find_subject(tx, UUID(str(row.id)))
            assert person is not None
            runtime = app.extensions["idp"]
            flows.account_care.lock(tx, runtime, person, Lock(Ground.MISUSE, "lost"), actor="officer")
    assert shown.go_on().status_code == 409


def test_contacts_are_told_of_the_new_screen(app: Flask, phone: FlaskClient, computer: FlaskClient) -> None:
    before = len(messages(app, of_devices=True))
    shown = show(computer)
    say(phone, scan(phone, shown), number=shown.number)
    shown.go_on()
    assert len(messages(app, of_devices=True)) > before


def test_a_network_asks_for_only_so_many_screens(app: Flask, computer: FlaskClient) -> None:
    limit = app.extensions["idp"].settings.throttle.tries_per_network
    if not app.extensions["idp"].settings.throttle.enabled:
        pytest.fail("the limit is off in these tests")
    for _ in range(limit):
        show(computer)
    page = follow(computer, computer.get("/sign-in"))
    assert computer.post("/sign-in/screen", data={"parked": parked_in(page)}).status_code == 429


def test_nothing_of_the_browser_is_readable_in_the_table(app: Flask, computer: FlaskClient) -> None:
    show(computer)
    with app.app_context():
        [row] = rows_of("other_screens")
        assert b"198.51.100.7" not in bytes(row.asking_sealed)
        assert b"Edg" not in bytes(row.asking_sealed)


def test_a_second_step_on_the_screen_does_not_make_it_known_either(
    app: Flask, phone: FlaskClient, computer: FlaskClient, service: Service
) -> None:
    shown = show(computer, service)
    say(phone, scan(phone, shown), number=shown.number)
    walk(computer, shown.go_on())
    answer = walk(
        computer,
        ask(computer, service, claims='{"id_token":{"acr":{"essential":true,"value":"urn:bacninh:xacthuc:2"}}}'),
    )
    claims = claims_in(computer, spend(computer, service, answer_in(answer)["code"]).get_json()["id_token"])
    assert claims["acr"] == "urn:bacninh:xacthuc:2"
    assert "mca" in claims["amr"]
    with app.app_context():
        assert len(rows_of("devices")) == 1
