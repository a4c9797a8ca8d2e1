"""Lock my identity: by number and a proved contact, without signing in; everything ends at once, and nobody learns what
exists. On both stores.
"""

from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from tests.builders import (
    Citizen,
    a_citizen,
    a_service,
    follow,
    obtain_tokens,
    parked_in,
    refresh,
    sign_in,
    userinfo,
)
from tests.mailbag import messages
from tests.rows import count_rows, events, rows_of

PHONE = "0912 000 013"


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    return app.test_client()


def ask(browser: FlaskClient, number: str, contact: str = PHONE) -> TestResponse:
    page = browser.get("/lock")
    form = {"parked": parked_in(page), "identifier": number, "contact": contact}
    return follow(browser, browser.post("/lock", data=form))


def answer(browser: FlaskClient, page: TestResponse, **typed: str) -> TestResponse:
    return follow(browser, browser.post("/lock/code", data={"parked": parked_in(page), **typed}))


@pytest.mark.parametrize("contact", [PHONE, "Nguyen.Thi.Mau@nguoi-mau.example"])
def test_number_contact_and_code_lock_at_once_and_end_everything(
    app: Flask, browser: FlaskClient, citizen: Citizen, contact: str
) -> None:
    service, elsewhere = a_service(app), app.test_client()
    tokens = obtain_tokens(elsewhere, service, citizen, scope="openid offline_access")
    page = ask(browser, citizen.number, contact)
    done = answer(browser, page, code=messages(app)[-1].code)
    assert 'id="locked"' in done.text
    assert elsewhere.get("/account").status_code == 303
    assert userinfo(elsewhere, tokens["access_token"]).status_code == 401
    assert refresh(elsewhere, service, tokens["refresh_token"]).status_code == 400
    asked = follow(browser, browser.get("/sign-in"))
    typed = {"identifier": citizen.number, "password": citizen.password}
    assert browser.post("/sign-in", data={"parked": parked_in(asked), **typed}).status_code == 403
    with app.app_context():
        assert events()["account.locked"] == 1
        [row] = rows_of("subjects")
        assert (row.state, row.state_legal_basis) == ("locked", "Decree 69/2024 Art 15")
    told = [message.to for message in messages(app) if "khóa" in message.text and "mã" not in message.text]
    assert sorted(told) == ["+84912000013", "nguyen.thi.mau@nguoi-mau.example"]


def test_it_opens_again_by_an_officer(app: Flask, browser: FlaskClient, citizen: Citizen) -> None:
    answer(browser, ask(browser, citizen.number), code=messages(app)[-1].code)
    with app.app_context(), storage.begin() as tx:
        runtime = app.extensions["idp"]
        person = flows.account_care.find_person(tx, runtime, citizen.number)
        flows.account_care.unlock(tx, runtime, person, reason="seen in person", actor="the counter")
    sign_in(app.test_client(), citizen)


@pytest.mark.parametrize(
    ("number", "contact"),
    [("003190000099", PHONE), ("003190000013", "0912 000 099"), ("003190000099", "x@khong.example")],
)
def test_for_what_nobody_has_pages_and_rows_are_the_same_and_nothing_is_sent(
    app: Flask, browser: FlaskClient, citizen: Citizen, number: str, contact: str
) -> None:
    ask(browser, citizen.number, "0912000077")  # the network's and the day's counts begin
    with app.app_context():
        before = count_rows()
    known = ask(browser, citizen.number)
    with app.app_context():
        of_known = {name: count - before.get(name, 0) for name, count in count_rows().items()}
        before = count_rows()
    unknown = ask(browser, number, contact)
    with app.app_context():
        of_unknown = {name: count - before.get(name, 0) for name, count in count_rows().items()}
    assert (known.status_code, known.request.path) == (unknown.status_code, unknown.request.path)
    assert {**of_known, "throttles": 0} == {**of_unknown, "throttles": 0}
    assert messages(app)[-1].to == ""
    for code in (messages(app)[-1].code, "000000"):
        assert answer(browser, unknown, code=code).status_code == 401
    with app.app_context():
        assert events()["account.locked"] == 0


def test_a_contact_that_was_never_proved_locks_nobody(app: Flask, browser: FlaskClient) -> None:
    a_citizen(app, "003190000099", claims={"name": "Lê Thị Mẫu", "phone_number": PHONE})
    ask(browser, "003190000099")
    assert messages(app)[-1].to == ""


def test_a_code_for_another_purpose_locks_nobody(app: Flask, browser: FlaskClient, citizen: Citizen) -> None:
    page = ask(browser, citizen.number)
    with app.app_context(), storage.begin() as tx:
        [row] = rows_of("one_time_codes")
        table = storage.tables.one_time_codes
        tx.execute(table.update().where(table.c.id == UUID(str(row.id))).values(purpose="register"))
    assert answer(browser, page, code=messages(app)[-1].code).status_code == 401


@pytest.mark.parametrize(
    "typed", [{"identifier": ""}, {"contact": ""}, {"identifier": "x"}, {"contact": "1900 1234"}], ids=str
)
def test_what_cannot_be_is_told_and_kept(app: Flask, browser: FlaskClient, typed: dict[str, str]) -> None:
    page = browser.get("/lock")
    form = {"parked": parked_in(page), "identifier": "003190000013", "contact": PHONE, **typed}
    refused = browser.post("/lock", data=form)
    assert refused.status_code == 400
    assert f'href="#{next(iter(typed))}"' in refused.text
    assert PHONE in refused.text or "contact" in typed
    assert messages(app) == []


def test_a_new_code_can_be_sent_and_the_pages_are_one_browsers(
    app: Flask, browser: FlaskClient, citizen: Citizen
) -> None:
    page = ask(browser, citizen.number)
    assert app.test_client().post("/lock/code", data={"parked": parked_in(page), "code": "1"}).location == "/lock"
    again = answer(browser, page, again="1")
    assert len(messages(app)) == 2
    assert 'id="locked"' in answer(browser, again, code=messages(app)[-1].code).text
