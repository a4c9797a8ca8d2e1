"""Registering in four pages: what is typed is kept, nothing is written before a contact is proved, and nobody learns
whether somebody else has an account. On both stores.
"""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.domain.accounts import AccountState
from idp.domain.levels import ProofSource
from tests.builders import (
    NUMBERS,
    a_citizen,
    a_service,
    answer_in,
    ask,
    follow,
    lend_keys,
    parked_in,
    sign_in,
    walk,
)
from tests.doubles import FixedClock
from tests.mailbag import messages
from tests.rows import count_rows, events, messages_stored, rows_of

PASSWORD = "cay da ben nuoc san dinh"
WHO = {"personal_number": "003 199 000 013", "full_name": "Lê Thị  Lụa", "birth_date": "2/1/1999"}
PHONE, MAIL = "0912 000 013", "lua@nguoi-mau.example"


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    lend_keys(app)
    return app.test_client()


def post(browser: FlaskClient, page: TestResponse, path: str, **typed: str) -> TestResponse:
    return follow(browser, browser.post(path, data={"parked": parked_in(page), **typed}))


def at_contact(browser: FlaskClient, who: Mapping[str, str] = WHO, start: str = "/register") -> TestResponse:
    return post(browser, follow(browser, browser.get(start)), "/register", **who)


def at_code(browser: FlaskClient, who: Mapping[str, str] = WHO, contact: str = PHONE, **more: Any) -> TestResponse:
    return post(browser, at_contact(browser, who, **more), "/register/contact", contact=contact)


def at_password(browser: FlaskClient, app: Flask, who: Mapping[str, str] = WHO, **more: Any) -> TestResponse:
    page = at_code(browser, who, **more)
    return post(browser, page, "/register/code", code=messages(app)[-1].code)


def register(browser: FlaskClient, app: Flask, who: Mapping[str, str] = WHO, **more: Any) -> TestResponse:
    page = at_password(browser, app, who, **more)
    return post(browser, page, "/register/password", password=PASSWORD)


def errors_in(page: TestResponse) -> list[str]:
    """The fields that the error summary leads to."""
    return re.findall(r'<li><a href="#(\w+)">', page.text)


def value_of(page: TestResponse, field: str) -> str:
    found = re.search(rf'<input class="form-control" id="{field}".*?>', page.text, re.S)
    assert found, f"no field {field}"
    value = re.search(r'value="([^"]*)"', found[0])
    return unescape(value[1]) if value else ""


# -- the way through -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("contact", [PHONE, MAIL])
def test_a_person_registers_is_signed_in_and_signs_in_again(app: Flask, browser: FlaskClient, contact: str) -> None:
    page = register(browser, app, contact=contact)
    assert page.status_code == 200
    assert page.request.path == "/account"
    assert "Lê Thị Lụa" in page.text
    for name in (contact, WHO["personal_number"]):
        again = app.test_client()
        asked = follow(again, again.get("/sign-in"))
        entered = again.post("/sign-in", data={"parked": parked_in(asked), "identifier": name, "password": PASSWORD})
        assert entered.status_code == 303


def test_afterwards_one_goes_on_to_the_service_that_asked(app: Flask, browser: FlaskClient) -> None:
    service = a_service(app)
    sign_in_page = follow(browser, ask(browser, service, state="cua-toi", prompt="create", ui_locales="en"))
    link = re.search(r'id="register-first"', sign_in_page.text)
    assert link
    address = re.search(r'href="(/register\?parked=[^"]+)"', sign_in_page.text)
    assert address
    page = follow(browser, browser.get(unescape(address[1])))
    assert 'lang="en"' in page.text
    assert "Dịch vụ thử" in page.text
    page = post(browser, page, "/register", **WHO)
    page = post(browser, page, "/register/contact", contact=PHONE)
    page = post(browser, page, "/register/code", code=messages(app)[-1].code)
    done = browser.post("/register/password", data={"parked": parked_in(page), "password": PASSWORD})
    assert answer_in(walk(browser, done))["state"] == "cua-toi"


def test_a_foreigner_registers_by_passport(app: Flask, browser: FlaskClient) -> None:
    first = follow(browser, browser.get("/register"))
    address = re.search(r'href="(/register\?with=passport[^"]+)"', first.text)
    assert address
    page = browser.get(unescape(address[1]))
    who = {"passport": "m1234567", "country": "kr", "full_name": "김유진", "birth_date": "1990"}
    page = post(browser, page, "/register", **{"with": "passport"}, **who)
    page = post(browser, page, "/register/contact", contact=MAIL)
    page = post(browser, page, "/register/code", code=messages(app)[-1].code)
    page = post(browser, page, "/register/password", password=PASSWORD)
    assert "김유진" in page.text
    with app.app_context():
        [row] = rows_of("identifiers")
        assert (row.kind, row.country) == ("passport", "KR")


def test_what_was_said_is_stored_as_said_by_oneself_and_the_contact_as_proved(app: Flask, browser: FlaskClient) -> None:
    register(browser, app)
    with app.app_context():
        [subject] = rows_of("subjects")
        assert (subject.state, subject.account_level, subject.proof_source) == ("active", 0, "self")
        assert [row.verified_at for row in rows_of("identifiers")] == [None]
        assert [row.verified_at is not None for row in rows_of("contacts")] == [True]
        assert sorted(row.proof for row in rows_of("sign_in_names")) == ["code", "self"]
        of_facts = {row.name: (row.method, row.verified_at is not None) for row in rows_of("facts")}
        assert of_facts["phone_number"] == ("proved by a code", True)
        assert of_facts["name"] == ("declared by the person", False)
        assert {"account.created", "sign_in.succeeded"} <= set(events())


# -- nothing is lost, nothing is half written ----------------------------------------------------------------------


def test_nothing_is_written_before_a_contact_is_typed_and_no_person_before_it_is_proved(
    app: Flask, browser: FlaskClient
) -> None:
    with app.app_context():
        before = count_rows()
    at_contact(browser)
    with app.app_context():
        assert count_rows() == before
    page = at_code(browser)
    post(browser, page, "/register/code", code="000000")
    with app.app_context():
        assert set(count_rows()) - set(before) == {"one_time_codes", "messages", "throttles"}


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"personal_number": "12345"}, ["personal_number"]),
        ({"personal_number": ""}, ["personal_number"]),
        ({"personal_number": "003999000013"}, ["personal_number"]),
        ({"full_name": "<b>"}, ["full_name"]),
        ({"full_name": ""}, ["full_name"]),
        ({"birth_date": "31/02/1999"}, ["birth_date"]),
        ({"birth_date": "01/01/2050"}, ["birth_date"]),
        ({"birth_date": "30/11/2013"}, ["birth_date"]),
        ({"personal_number": "x", "full_name": "1", "birth_date": "x"}, ["personal_number", "full_name", "birth_date"]),
    ],
    ids=str,
)
def test_every_fault_is_told_at_once_and_what_was_typed_stays(
    browser: FlaskClient, typed: dict[str, str], wrong: list[str]
) -> None:
    page = at_contact(browser, {**WHO, **typed})
    assert page.status_code == 400
    assert errors_in(page) == wrong
    for field, value in {**WHO, **typed}.items():
        assert value_of(page, field) == value.strip()


def test_a_child_of_fourteen_registers_alone(browser: FlaskClient) -> None:
    number = {"personal_number": "003212000013", "birth_date": "01/12/2012"}
    assert at_contact(browser, {**WHO, **number}).status_code == 200


def test_a_number_of_no_known_province_or_another_year_is_a_warning_and_no_refusal(browser: FlaskClient) -> None:
    page = at_contact(browser, {**WHO, "birth_date": "1998"})
    assert page.status_code == 200
    assert page.text.count("Kiểm tra lại") >= 1
    assert "003" not in page.text.split("<main")[1].split("note-warn")[0]


@pytest.mark.parametrize("contact", ["", "abc", "1900 1234", "a@", "+84 12"])
def test_a_contact_that_cannot_be_reached_is_told(app: Flask, browser: FlaskClient, contact: str) -> None:
    page = post(browser, at_contact(browser), "/register/contact", contact=contact)
    assert (page.status_code, errors_in(page), value_of(page, "contact")) == (400, ["contact"], contact)
    assert messages(app) == []


def test_a_wrong_code_keeps_the_page_and_a_new_one_can_be_sent(app: Flask, browser: FlaskClient) -> None:
    page = at_code(browser)
    first = messages(app)[-1].code
    page = post(browser, page, "/register/code", code=f"{(int(first) + 1) % 1_000_000:06}")
    assert (page.status_code, errors_in(page)) == (401, ["code"])
    page = post(browser, page, "/register/code", again="1")
    assert page.status_code == 200
    assert len(messages(app)) == 2
    page = post(browser, page, "/register/code", code=messages(app)[-1].code)
    assert 'id="register"' in page.text


def test_a_weak_password_is_told_and_nothing_is_made(app: Flask, browser: FlaskClient) -> None:
    page = at_password(browser, app)
    for weak in ("ngan", "0912000013", "a" * 200, "003199000013"):
        page = post(browser, page, "/register/password", password=weak)
        assert (page.status_code, errors_in(page)) == (400, ["password"])
    with app.app_context():
        assert "subjects" not in count_rows()


def test_going_back_and_forth_loses_nothing(app: Flask, browser: FlaskClient) -> None:
    page = at_code(browser)
    back = re.findall(r'href="(/register/contact\?parked=[^"]+)"', page.text)
    page = browser.get(unescape(back[0]))
    assert value_of(page, "contact") == "+84912000013"
    back = re.findall(r'href="(/register\?parked=[^"]+)"', page.text)
    page = browser.get(unescape(back[0]))
    assert value_of(page, "full_name") == "Lê Thị Lụa"
    assert value_of(page, "personal_number") == "003199000013"


def test_the_last_page_makes_one_account_however_often_it_is_sent(app: Flask, browser: FlaskClient) -> None:
    page = at_password(browser, app)
    post(browser, page, "/register/password", password=PASSWORD)
    again = browser.post("/register/password", data={"parked": parked_in(page), "password": PASSWORD})
    assert again.status_code == 400
    with app.app_context():
        assert len(rows_of("subjects")) == 1


@pytest.mark.parametrize("path", ["/register/contact", "/register/code", "/register/password"])
def test_pages_are_for_who_came_through_the_ones_before(app: Flask, browser: FlaskClient, path: str) -> None:
    assert browser.get(path).location == "/register"
    page = at_code(browser)
    stranger = app.test_client()
    for parked in (parked_in(page), "", "x"):
        answer = stranger.post(path, data={"parked": parked, "code": messages(app)[-1].code, "password": PASSWORD})
        assert answer.location == "/register"
    assert browser.post("/register/password", data={"parked": parked_in(page)}).location == "/register"


def test_a_page_left_open_overnight_begins_anew(app: Flask, browser: FlaskClient, clock: FixedClock) -> None:
    page = at_password(browser, app)
    clock.advance(hours=10)
    assert browser.post("/register/password", data={"parked": parked_in(page)}).location == "/register"


def test_no_more_codes_than_the_limit(app: Flask, browser: FlaskClient) -> None:
    page = at_code(browser)
    for _ in range(4):
        page = post(browser, page, "/register/code", again="1")
    page = post(browser, page, "/register/code", again="1")
    assert (page.status_code, errors_in(page)) == (429, ["code"])
    assert len(messages(app)) == 5


def test_a_gateway_that_is_dead_is_told_with_another_way(app: Flask, browser: FlaskClient) -> None:
    at_code(browser)
    with app.app_context(), storage.begin() as tx:
        [row] = messages_stored()
        storage.outbox.end_failed_try(tx, row.id, "answered 503", next_try_at=row.next_try_at)
    page = at_code(browser)
    assert "Tin nhắn đang chậm" in page.text


# -- others --------------------------------------------------------------------------------------------------------


def test_nobody_learns_who_else_has_an_account(app: Flask, browser: FlaskClient) -> None:
    """The same pages, statuses and rows, whether the number and the phone are somebody's already or nobody's."""
    a_citizen(app, NUMBERS[0], proof_source=ProofSource.COUNTER)
    at_code(browser, contact="0912000077")  # the day's and the network's counts begin
    seen = []
    for number, phone in ((NUMBERS[0], "0912000013"), ("003190000099", "0912000099")):
        visitor, pages = app.test_client(), []
        with app.app_context():
            before = count_rows()
        who = {**WHO, "personal_number": number, "birth_date": "1990"}
        page = at_password(visitor, app, who, contact=phone)
        done = visitor.post("/register/password", data={"parked": parked_in(page), "password": PASSWORD})
        pages += [page.status_code, done.status_code, done.location]
        with app.app_context():
            after = count_rows()
        seen.append((pages, {name: count - before.get(name, 0) for name, count in after.items()}))
    assert seen[0] == seen[1]


def test_whoever_says_another_s_number_takes_nothing_from_them(app: Flask, browser: FlaskClient) -> None:
    owner = a_citizen(app, NUMBERS[0], proof_source=ProofSource.COUNTER)
    register(browser, app, {**WHO, "personal_number": NUMBERS[0], "birth_date": "1990"}, contact=MAIL)
    sign_in(app.test_client(), owner)
    stranger = app.test_client()
    asked = follow(stranger, stranger.get("/sign-in"))
    typed = {"identifier": NUMBERS[0], "password": PASSWORD}
    assert stranger.post("/sign-in", data={"parked": parked_in(asked), **typed}).status_code == 401


def test_a_family_that_shares_a_phone_has_an_account_each(app: Flask, browser: FlaskClient) -> None:
    """In one's own browser the phone means oneself; in an unknown one, who was first."""
    son = app.test_client()
    register(browser, app)
    register(son, app, {**WHO, "personal_number": "003099000021", "full_name": "Lê Văn Lúa"})
    for visitor, name in ((browser, "Lê Thị Lụa"), (son, "Lê Văn Lúa"), (app.test_client(), "Lê Thị Lụa")):
        visitor.delete_cookie("idp_session")
        asked = follow(visitor, visitor.get("/sign-in"))
        typed = {"identifier": PHONE, "password": PASSWORD}
        home = follow(visitor, visitor.post("/sign-in", data={"parked": parked_in(asked), **typed}))
        assert name in home.text


# -- accounts of old portals ---------------------------------------------------------------------------------------


def preload(app: Flask, **claims: object) -> None:
    usual = {"name": "LE THI LUA", "birthdate": "1999", "phone_number": PHONE, "nickname": "Lụa"}
    with app.app_context(), storage.begin() as tx:
        flows.registration.preload(
            tx, app.extensions["idp"], "003199000013", {**usual, **claims}, actor="the old portal"
        )


def test_an_account_of_an_old_portal_is_claimed_by_name_year_and_its_contact(app: Flask, browser: FlaskClient) -> None:
    preload(app)
    register(browser, app)
    with app.app_context():
        [subject] = rows_of("subjects")
        assert subject.state == AccountState.ACTIVE
        seen = events()
        assert {"account.preloaded", "account.claimed", "sign_in.succeeded"} <= set(seen)
        assert "account.created" not in seen


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"name": "Lê Thị Lúa Vàng"}, {}),
        ({"birthdate": "1998-01-02"}, {}),
        ({"phone_number": "0912000021"}, {}),
        ({}, {"contact": MAIL}),
        ({}, {"who": {**WHO, "personal_number": "003199000021"}}),
    ],
    ids=str,
)
def test_whoever_does_not_match_gets_an_account_of_their_own_and_reads_where_they_are_joined(
    app: Flask, browser: FlaskClient, record: dict[str, str], said: dict[str, Any]
) -> None:
    preload(app, **record)
    page = at_password(browser, app, **said)
    assert "cổng cũ" in page.text
    post(browser, page, "/register/password", password=PASSWORD)
    with app.app_context():
        assert sorted(row.state for row in rows_of("subjects")) == ["active", "pending"]


def test_nobody_signs_in_with_an_account_that_waits_to_be_claimed(app: Flask, browser: FlaskClient) -> None:
    preload(app)
    with app.app_context():
        assert "sign_in_names" not in count_rows()
