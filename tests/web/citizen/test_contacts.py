"""My phones and mailboxes: proved before they count, told to the others, taken off; services hear the newest."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.builders import Citizen, a_citizen, a_service, follow, obtain_tokens, parked_in, sign_in, userinfo
from tests.doubles import FixedClock
from tests.mailbag import messages
from tests.rows import events
from tests.web.citizen import test_recover as recovery

NEW = "lua@nguoi-mau.example"


def post(browser: FlaskClient, page: TestResponse, path: str = "", **typed: str) -> TestResponse:
    return follow(browser, browser.post(f"/account/contacts{path}", data={"parked": parked_in(page), **typed}))


def add(app: Flask, browser: FlaskClient, contact: str = NEW) -> TestResponse:
    page = post(browser, browser.get("/account/contacts"), contact=contact)
    return post(browser, page, "/code", code=messages(app)[-1].code)


def told(app: Flask, browser: FlaskClient) -> dict[str, object]:
    tokens = obtain_tokens(browser, a_service(app), scope="openid email phone")
    return dict(userinfo(browser, tokens["access_token"]).get_json())


def enters_by(app: Flask, name: str, citizen: Citizen) -> bool:
    stranger = app.test_client()
    page = follow(stranger, stranger.get("/sign-in"))
    typed = {"identifier": name, "password": citizen.password}
    return stranger.post("/sign-in", data={"parked": parked_in(page), **typed}).status_code == 303


def test_one_that_was_proved_signs_in_is_told_to_services_and_the_others_hear_of_it(
    app: Flask, browser: FlaskClient, citizen: Citizen
) -> None:
    assert NEW in add(app, browser).text
    heard = [message.to for message in messages(app)[1:]]
    assert heard == ["+84912000013", "nguyen.thi.mau@nguoi-mau.example"]
    assert enters_by(app, NEW, citizen)
    assert (told(app, browser)["email"], told(app, browser)["email_verified"]) == (NEW, True)
    with app.app_context():
        assert events()["contact.added"] == 1


def test_nothing_is_kept_before_the_right_code(app: Flask, browser: FlaskClient, citizen: Citizen) -> None:
    page = post(browser, browser.get("/account/contacts"), contact=NEW)
    code = messages(app)[-1].code
    wrong = post(browser, page, "/code", code=f"{(int(code) + 1) % 1_000_000:06}")
    assert wrong.status_code == 401
    assert not enters_by(app, NEW, citizen)
    again = post(browser, page, "/code", again="1")
    assert post(browser, again, "/code", code=messages(app)[-1].code).status_code == 200
    assert enters_by(app, NEW, citizen)


def contact_ids(page: TestResponse) -> list[str]:
    return re.findall(r'name="contact" value="(\w{32})"', page.text)


def test_one_that_was_removed_is_nothing_any_more(app: Flask, browser: FlaskClient, citizen: Citizen) -> None:
    page = add(app, browser)
    phone, first, new = contact_ids(page)
    gone = post(browser, page, "/remove", sure="yes", contact=new)
    assert gone.status_code == 200
    assert not enters_by(app, NEW, citizen)
    assert told(app, browser)["email"] == "nguyen.thi.mau@nguoi-mau.example"
    gone = post(browser, gone, "/remove", sure="yes", contact=first)
    assert "email" not in told(app, browser)
    assert contact_ids(gone) == [phone]
    assert messages(app)[-1].to == "nguyen.thi.mau@nguoi-mau.example", "who was removed hears of it"


def test_after_a_recovery_nothing_is_removed_for_three_days(app: Flask, clock: FixedClock) -> None:
    recovery.a_person(app)
    browser = app.test_client()
    recovery.set_password(browser, recovery.by_both(app, browser))
    page = browser.get("/account/contacts")
    assert post(browser, page, "/remove", sure="yes", contact=contact_ids(page)[0]).status_code == 400


def test_nobody_removes_another_person_s_nor_posts_from_elsewhere(app: Flask, browser: FlaskClient) -> None:
    other = app.test_client()
    sign_in(other, a_citizen(app, "003085000021"))
    theirs = browser.get("/account/contacts")
    own = other.get("/account/contacts")
    assert post(other, own, "/remove", sure="yes", contact=contact_ids(theirs)[0]).status_code == 400
    browser.post(
        "/account/contacts/remove", data={"parked": parked_in(own), "sure": "yes", "contact": contact_ids(theirs)[0]}
    )
    browser.post("/account/contacts", data={"contact": NEW})
    assert messages(app) == []
    assert len(contact_ids(browser.get("/account/contacts"))) == 2


@pytest.mark.parametrize("contact", ["", "x", "1900 1234"])
def test_what_cannot_be_reached_is_told(app: Flask, browser: FlaskClient, contact: str) -> None:
    page = post(browser, browser.get("/account/contacts"), contact=contact)
    assert page.status_code == 400
    assert messages(app) == []


def test_five_are_enough(app: Flask, browser: FlaskClient) -> None:
    for number in range(3):
        assert add(app, browser, f"lua{number}@nguoi-mau.example").status_code == 200
    assert add(app, browser, "lua4@nguoi-mau.example").status_code == 400


def test_an_old_sign_in_is_taken_anew_first(browser: FlaskClient, clock: FixedClock) -> None:
    clock.advance(minutes=6)
    assert browser.get("/account/contacts").location.startswith("/sign-in?")


def test_a_removal_is_asked_about_first_by_its_name(app: Flask, browser: FlaskClient, citizen: Citizen) -> None:
    page = add(app, browser)
    *_, new = contact_ids(page)
    asked = post(browser, page, "/remove", contact=new)
    assert 'id="sure"' in asked.text and NEW in asked.text
    assert enters_by(app, NEW, citizen), "nothing was removed yet"
    post(browser, asked, "/remove", sure="yes", contact=new)
    assert not enters_by(app, NEW, citizen)
