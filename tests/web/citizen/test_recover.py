"""Getting an account back: by what is enough at once, by little after a day with everybody told, else at a counter.

Nobody learns what exists, and a thief of one thing gets nothing of who was proved. On both stores.
"""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.domain.accounts import Ground, Lock
from idp.domain.levels import ProofSource
from tests.builders import (
    Citizen,
    a_citizen,
    a_service,
    follow,
    obtain_tokens,
    parked_in,
    refresh,
    sign_in,
)
from tests.doubles import FixedClock
from tests.mailbag import messages
from tests.rows import count_rows, events
from tests.web.citizen.test_security import Authenticator, add_passkey, enter_with_passkey, open_page, printed
from tests.web.citizen.test_security import post as post_security

PHONE, MAIL = "0912 000 013", "nguyen.thi.mau@nguoi-mau.example"
NEW = "ba con meo trang ngu"
LEVELS = {"declared": ProofSource.SELF, "proved": ProofSource.COUNTER}


def a_person(app: Flask, level: str = "declared") -> Citizen:
    return a_citizen(app, proof_source=LEVELS[level])


def ask(browser: FlaskClient, **typed: str) -> TestResponse:
    page = browser.get("/recover")
    usual = {"identifier": "003190000013", "contact": "", "other": "", "paper": ""}
    return follow(browser, browser.post("/recover", data={"parked": parked_in(page), **usual, **typed}))


def answer(browser: FlaskClient, page: TestResponse, **typed: str) -> TestResponse:
    return follow(browser, browser.post("/recover/codes", data={"parked": parked_in(page), **typed}))


def codes_for(app: Flask, *names: str) -> dict[str, str]:
    """The newest codes, one a contact, in the order in which they were asked for."""
    return {name: message.code for name, message in zip(names, messages(app)[-len(names) :], strict=True)}


def by_one(app: Flask, browser: FlaskClient, contact: str = PHONE, **typed: str) -> TestResponse:
    page = ask(browser, contact=contact, **typed)
    return answer(browser, page, **codes_for(app, "contact-code"))


def by_both(app: Flask, browser: FlaskClient) -> TestResponse:
    page = ask(browser, contact=PHONE, other=MAIL)
    return answer(browser, page, **codes_for(app, "contact-code", "other-code"))


def set_password(browser: FlaskClient, page: TestResponse, password: str = NEW) -> TestResponse:
    assert page.request.path == "/recover/password", page.text[:3000]
    return follow(browser, browser.post("/recover/password", data={"parked": parked_in(page), "password": password}))


def enters(app: Flask, citizen: Citizen, password: str) -> bool:
    browser = app.test_client()
    page = follow(browser, browser.get("/sign-in"))
    typed = {"identifier": citizen.number, "password": password}
    return browser.post("/sign-in", data={"parked": parked_in(page), **typed}).status_code == 303


# -- who gets it back ----------------------------------------------------------------------------------------------


def test_both_contacts_open_a_declared_account_at_once_and_end_everything_else(app: Flask) -> None:
    citizen, elsewhere, browser = a_person(app), app.test_client(), app.test_client()
    service = a_service(app)
    tokens = obtain_tokens(elsewhere, service, citizen, scope="openid offline_access")
    done = set_password(browser, by_both(app, browser))
    assert done.request.path == "/account/security"
    assert not enters(app, citizen, citizen.password)
    assert enters(app, citizen, NEW)
    assert elsewhere.get("/account").status_code == 303
    assert refresh(elsewhere, service, tokens["refresh_token"]).status_code == 400
    with app.app_context():
        assert {"recovery.opened": 1, "recovery.done": 1}.items() <= events().items()


@pytest.mark.parametrize(("level", "handle"), [("declared", "wait"), ("proved", "not-enough")])
@pytest.mark.parametrize("contact", [PHONE, MAIL])
def test_one_contact_waits_or_is_not_enough(app: Flask, contact: str, level: str, handle: str) -> None:
    a_person(app, level)
    page = by_one(app, app.test_client(), contact)
    assert f'id="{handle}"' in page.text
    with app.app_context():
        assert count_rows().get("recoveries", 0) == (level == "declared")


def test_a_recovery_that_waits_tells_every_contact_and_opens_a_day_later(app: Flask, clock: FixedClock) -> None:
    citizen, browser = a_person(app), app.test_client()
    by_one(app, browser)
    told = [message.to for message in messages(app)[1:]]
    assert sorted(told) == ["+84912000013", MAIL]
    assert 'id="wait"' in by_one(app, browser).text
    assert len(messages(app)) == 4, "told once"
    clock.advance(hours=24)
    set_password(browser, by_one(app, browser))
    assert enters(app, citizen, NEW)


def test_both_contacts_of_a_proved_person_wait_too(app: Flask, clock: FixedClock) -> None:
    a_person(app, "proved")
    browser = app.test_client()
    assert 'id="wait"' in by_both(app, browser).text
    clock.advance(hours=24)
    set_password(browser, by_both(app, browser))


def a_printed_code(app: Flask, citizen: Citizen) -> str:
    browser = app.test_client()
    sign_in(browser, citizen)
    return printed(post_security(browser, open_page(browser), "/codes"))[0]


@pytest.mark.parametrize("level", LEVELS)
def test_a_printed_code_and_a_contact_open_at_once(app: Flask, level: str) -> None:
    citizen, browser = a_person(app, level), app.test_client()
    paper = a_printed_code(app, citizen)
    set_password(browser, by_one(app, browser, paper=paper))
    assert enters(app, citizen, NEW)
    again = by_one(app, app.test_client(), paper=paper)
    assert again.status_code == 401


@pytest.mark.parametrize("level", LEVELS)
def test_a_printed_code_alone_opens_nothing_and_is_not_lost(app: Flask, level: str) -> None:
    citizen, browser = a_person(app, level), app.test_client()
    paper = a_printed_code(app, citizen)
    page = ask(browser, paper=paper)
    assert answer(browser, page).status_code == 401
    set_password(browser, by_one(app, browser, paper=paper))


def a_counter_code(app: Flask, number: str) -> str:
    runtime = app.extensions["idp"]
    with app.app_context(), storage.begin() as tx:
        person = flows.account_care.find_person(tx, runtime, number)
        return flows.proofing.issue_code(tx, runtime, person.id, officer="Cán bộ A")


@pytest.mark.parametrize("level", LEVELS)
def test_a_code_from_the_counter_opens_alone_and_once(app: Flask, clock: FixedClock, level: str) -> None:
    citizen, browser = a_person(app, level), app.test_client()
    paper = a_counter_code(app, citizen.number)
    page = ask(browser, paper=paper)
    set_password(browser, answer(browser, page))
    assert enters(app, citizen, NEW)
    assert answer(browser, ask(browser, paper=paper)).status_code == 401
    late = a_counter_code(app, citizen.number)
    clock.advance(days=31)
    assert answer(browser, ask(browser, paper=late)).status_code == 401


# -- thieves -------------------------------------------------------------------------------------------------------


def test_a_thief_of_one_thing_gets_nothing_of_who_was_proved(app: Flask, clock: FixedClock) -> None:
    citizen = a_person(app, "proved")
    for contact in (PHONE, MAIL):
        thief = app.test_client()
        for _ in range(3):
            assert 'id="not-enough"' in by_one(app, thief, contact).text
            clock.advance(hours=25)
    thief = app.test_client()
    page = follow(thief, thief.get("/sign-in"))
    typed = {"identifier": citizen.number, "password": citizen.password}
    assert thief.post("/sign-in", data={"parked": parked_in(page), **typed}).location.startswith("/second-step")
    assert thief.get("/account").status_code == 303


def test_the_owner_says_no_from_the_mail_by_a_button(app: Flask, clock: FixedClock) -> None:
    a_person(app)
    thief, owner = app.test_client(), app.test_client()
    by_one(app, thief)
    mail = next(message for message in messages(app) if message.to == MAIL)
    found = re.search(r"(/recover/cancel\?token=\S+)", mail.text)
    assert found
    assert "http" not in next(message.text for message in messages(app)[1:] if message.channel == "sms")
    shown = owner.get(found[1])
    with app.app_context():
        assert events()["recovery.cancelled"] == 0, "looking changes nothing"
    token = re.search(r'name="token" value="([^"]+)"', shown.text)
    assert token
    assert 'id="cancelled"' in owner.post("/recover/cancel", data={"token": token[1]}).text
    again = owner.post("/recover/cancel", data={"token": token[1]})
    assert "Không còn gì để dừng" in again.text, "it is not said to be stopped by what stopped nothing"
    clock.advance(hours=24)
    assert 'id="wait"' in by_one(app, thief).text
    for wrong in ("", "x", token[1][:-2] + "AA"):
        assert owner.get("/recover/cancel", query_string={"token": wrong}).status_code == 400
    clock.advance(days=9)
    assert owner.get("/recover/cancel", query_string={"token": token[1]}).status_code == 400


def test_after_a_recovery_nothing_is_removed_for_three_days(app: Flask, clock: FixedClock) -> None:
    citizen, browser = a_person(app), app.test_client()
    key, owner = Authenticator(), app.test_client()
    sign_in(owner, citizen)
    add_passkey(owner, key)
    assert 'id="wait"' in by_both(app, browser).text, "what guards an account is not gone round at once"
    clock.advance(hours=24)
    set_password(browser, by_both(app, browser))
    page = open_page(browser)
    factor = re.search(r'name="factor" value="(\w+)"', page.text)
    assert factor
    refused = post_security(browser, page, "/remove", sure="yes", way="passkey", factor=factor[1])
    assert refused.status_code == 400
    assert enter_with_passkey(app.test_client(), key).status_code == 303
    clock.advance(hours=73)
    back = app.test_client()
    enter_with_passkey(back, key)
    post_security(back, open_page(back), "/remove", sure="yes", way="passkey", factor=factor[1])
    assert enter_with_passkey(app.test_client(), key).status_code == 401


def test_who_was_seen_at_the_counter_clears_out_at_once(app: Flask) -> None:
    """A thief's passkey, first of all."""
    citizen, browser, key = a_person(app), app.test_client(), Authenticator()
    thief = app.test_client()
    sign_in(thief, citizen)
    add_passkey(thief, key)
    paper = a_counter_code(app, citizen.number)
    set_password(browser, answer(browser, ask(browser, paper=paper)))
    page = open_page(browser)
    factor = re.search(r'name="factor" value="(\w+)"', page.text)
    assert factor
    post_security(browser, page, "/remove", sure="yes", way="passkey", factor=factor[1])
    assert enter_with_passkey(app.test_client(), key).status_code == 401


def test_codes_on_paper_are_not_guessed(app: Flask) -> None:
    a_person(app)
    paper, browser = a_counter_code(app, "003190000013"), app.test_client()
    for number in range(5):
        page = ask(browser, paper=f"{number:010}")
        assert answer(browser, page).status_code == 401
    assert answer(browser, ask(browser, paper=paper)).status_code == 401
    elsewhere = app.test_client()
    elsewhere.environ_base["REMOTE_ADDR"] = "198.51.100.7"
    set_password(elsewhere, answer(elsewhere, ask(elsewhere, paper=paper)))


def test_a_locked_account_is_got_back_by_nobody_here(app: Flask) -> None:
    citizen, browser = a_person(app), app.test_client()
    paper = a_counter_code(app, citizen.number)
    with app.app_context(), storage.begin() as tx:
        runtime = app.extensions["idp"]
        person = flows.account_care.find_person(tx, runtime, citizen.number)
        flows.account_care.lock(tx, runtime, person, Lock(Ground.OWN_WISH, "lost"), actor="the counter")
    for told in (answer(browser, ask(browser, paper=paper)), by_both(app, browser)):
        assert told.status_code == 403
        assert 'id="locked"' in told.text
    assert answer(browser, ask(browser, paper=paper)).status_code == 401  # a wrong code is told no more than that


def test_what_was_enough_and_not_finished_opens_to_nothing_less(app: Flask, clock: FixedClock) -> None:
    a_person(app)
    owner, thief = app.test_client(), app.test_client()
    assert by_both(app, owner).request.path == "/recover/password"
    clock.advance(minutes=30)
    thief.environ_base["REMOTE_ADDR"] = "198.51.100.7"
    assert 'id="wait"' in by_one(app, thief).text


def test_who_is_seen_at_a_counter_while_a_recovery_waits_clears_out_at_once(app: Flask) -> None:
    citizen, browser = a_person(app), app.test_client()
    assert 'id="wait"' in by_one(app, browser).text
    paper = a_counter_code(app, citizen.number)
    set_password(browser, answer(browser, ask(browser, paper=paper)))
    page = browser.get("/account/contacts")
    found = re.search(r'name="contact" value="(\w{32})"', page.text)
    assert found
    typed = {"parked": parked_in(page), "sure": "yes", "contact": found[1]}
    assert browser.post("/account/contacts/remove", data=typed).status_code == 200


# -- pages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        {"contact": PHONE, "identifier": "003190000099"},
        {"contact": "0912 000 099"},
        {"contact": PHONE, "other": "ai@khong.example"},
        {"paper": "0123456789", "identifier": "003190000099"},
    ],
    ids=str,
)
def test_what_nobody_has_looks_and_costs_the_same(app: Flask, typed: dict[str, str]) -> None:
    a_person(app)
    browser = app.test_client()
    ask(browser, contact="0912000077")  # the network's and the day's counts begin

    def seen(**said: str) -> tuple[Any, ...]:
        with app.app_context():
            before = count_rows()
        page = ask(browser, **said)
        refused = answer(browser, page, **{"contact-code": "1", "other-code": "1"})
        with app.app_context():
            rows = {name: count - before.get(name, 0) for name, count in count_rows().items()}
        return page.status_code, page.request.path, refused.status_code, {**rows, "throttles": 0, "audit": 0}

    theirs = {"contact": PHONE, "other": MAIL, "paper": "9"}
    assert seen(**{name: theirs[name] for name in typed if name in theirs}) == seen(**typed)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"identifier": "x", "contact": PHONE}, "identifier"),
        ({}, "contact"),
        ({"contact": "1900 1234"}, "contact"),
        ({"contact": PHONE, "other": "0912.000.013"}, "other"),
    ],
    ids=str,
)
def test_what_cannot_be_is_told_and_kept(app: Flask, typed: dict[str, str], field: str) -> None:
    page = ask(app.test_client(), **typed)
    assert page.status_code == 400
    assert f'<li><a href="#{field}">' in page.text
    assert messages(app) == []


def test_the_persons_own_name_and_number_make_no_password(app: Flask) -> None:
    a_person(app)
    browser = app.test_client()
    page = by_both(app, browser)
    for typed in ("Nguyễn Thị Mẫu", "003190000013"):
        form = {"parked": parked_in(page), "password": typed}
        assert browser.post("/recover/password", data=form).status_code == 400, typed


def test_a_weak_password_is_told_and_the_recovery_stays(app: Flask) -> None:
    citizen, browser = a_person(app), app.test_client()
    page = by_both(app, browser)
    refused = set_password(browser, page, "matkhau123")
    assert refused.status_code == 400
    set_password(browser, page)
    assert enters(app, citizen, NEW)
    assert browser.post("/recover/password", data={"parked": parked_in(page), "password": NEW}).status_code == 400


def test_pages_are_for_who_came_through_the_ones_before(app: Flask) -> None:
    a_person(app)
    page, stranger = by_both(app, app.test_client()), app.test_client()
    for path in ("/recover/codes", "/recover/password"):
        for parked in ("", "x", parked_in(page)):
            assert stranger.post(path, data={"parked": parked, "password": NEW}).location == "/recover"
