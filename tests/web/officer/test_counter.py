"""Two officers prove who somebody is: one sees person and paper, another one approves, then a code is printed."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.domain.levels import ProofSource
from idp.domain.officers import Role
from idp.web.given import runtime_of
from tests.builders import a_citizen, follow, parked_in, sign_in
from tests.doubles import FixedClock
from tests.rows import events, rows_of
from tests.staff import an_officer, enter, post
from tests.web.admin.conftest import SignedIn
from tests.web.admin.conftest import approver as approver
from tests.web.admin.conftest import registrar as registrar
from tests.web.admin.conftest import signed_in as signed_in
from tests.web.admin.test_cases import approve, only_case

NUMBER = "003156000127"
SEEN = {
    "document_type": "id_card",
    "document_number": NUMBER,
    "issued_on": "12/03/2024",
    "expires_on": "12/03/2039",
    "number": NUMBER,
    "name": "Lê Thị Lụa",
    "birth_date": "1956",
    "contact": "",
    "face": "yes",
}
CARD = f"{NUMBER}|125000127|Lê Thị Lụa|02011956|Nữ|12 Đường Mẫu, Kinh Bắc, Bắc Ninh|12032024"


def capture(browser: FlaskClient, **typed: str) -> TestResponse:
    return post(browser, browser.get("/counter"), "/counter/capture", **{**SEEN, **typed})


def test_a_person_is_proved_by_two_officers_and_leaves_with_a_code(
    app: Flask, registrar: FlaskClient, approver: FlaskClient
) -> None:
    assert capture(registrar).status_code == 200
    with app.app_context():
        assert events()["person.proved"] == 0, "nobody is proved by one officer"
    assert 'action="/counter/print-code"' not in registrar.get("/counter").text
    page = only_case(approver)
    for said in ("Lê Thị Lụa", NUMBER, "1956", "Thẻ căn cước", "12/03/2039"):
        assert said in page.text, said
    assert approve(approver, page).status_code == 200
    runtime = runtime_of(app)
    with app.app_context(), storage.begin() as tx:
        person = flows.account_care.find_person(tx, runtime, NUMBER)
        assert person.proof_source is ProofSource.COUNTER
        assert person.account_level == 0, "a check at our counter is no level"
        key = storage.data_keys.find_data_key(tx, runtime.keyring, person.id)
        assert key is not None
        facts = storage.accounts.list_facts(tx, key, person.id)
    assert {fact.verified_by for fact in facts} == {"registrar@H05"}
    assert all("approver@H05" in fact.evidence for fact in facts), "every fact names both officers"
    [case] = rows_of_app(app, "cases")
    shown = post(registrar, registrar.get("/counter"), "/counter/print-code", case=str(case.id))
    assert 'id="paper-code"' in shown.text


def rows_of_app(app: Flask, table: str) -> list:  # type: ignore[type-arg]
    with app.app_context():
        return rows_of(table)


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("document_type", ""),
        ("document_type", "driving_licence"),
        ("document_number", ""),
        ("document_number", "12 34"),
        ("document_number", "<b>"),
        ("issued_on", "31/02/2024"),
        ("issued_on", "12/03/2099"),
        ("expires_on", "12/03/2020"),
        ("expires_on", "x"),
        ("number", "12"),
        ("name", ""),
        ("name", "<script>"),
        ("birth_date", "2099"),
        ("contact", "x@"),
        ("face", ""),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_asked_of_nobody(
    app: Flask, registrar: FlaskClient, field: str, typed: str
) -> None:
    page = capture(registrar, **{field: typed})
    assert page.status_code == 400
    assert f'id="{field}-error"' in page.text
    assert 'value="Lê Thị Lụa"' in page.text or field == "name", "what was typed is kept"
    assert rows_of_app(app, "cases") == []


def test_a_paper_that_ran_out_proves_nothing(app: Flask, registrar: FlaskClient) -> None:
    page = capture(registrar, issued_on="12/03/2009", expires_on="12/03/2024")
    assert page.status_code == 400 and 'id="expires_on-error"' in page.text


def test_nobody_captures_or_decides_on_oneself(app: Flask, clock: FixedClock, registrar: FlaskClient) -> None:
    oneself = enter(app, an_officer(app, Role.REGISTRAR, "chinh.minh", number=NUMBER), clock)
    assert capture(oneself).status_code == 403
    assert rows_of_app(app, "cases") == []
    capture(registrar)
    judge = enter(app, an_officer(app, Role.APPROVER, "tu.xu", number=NUMBER), clock)
    [case] = rows_of_app(app, "cases")
    assert judge.get(f"/admin/cases/{case.id}").status_code == 403


def test_a_stronger_proof_takes_the_number_and_what_was_declared_ends(
    app: Flask, registrar: FlaskClient, approver: FlaskClient
) -> None:
    """Who said the number first, with a password and a session, keeps neither (pre-hijacking)."""
    thief, browser = a_citizen(app, NUMBER), app.test_client()
    sign_in(browser, thief)
    capture(registrar)
    approve(approver, only_case(approver))
    assert browser.get("/account").status_code == 303, "the session has ended"
    page = follow(browser, browser.get("/sign-in"))
    typed = {"parked": parked_in(page), "identifier": NUMBER, "password": thief.password}
    assert browser.post("/sign-in", data=typed).status_code == 401, "and so has the password"


def test_a_code_is_printed_by_who_captured_within_a_day(
    app: Flask, registrar: FlaskClient, approver: FlaskClient, signed_in: SignedIn, clock: FixedClock
) -> None:
    capture(registrar)
    [case] = rows_of_app(app, "cases")
    page = registrar.get("/counter")
    assert post(registrar, page, "/counter/print-code", case=str(case.id)).status_code == 404, "not approved yet"
    approve(approver, only_case(approver))
    colleague = signed_in(Role.REGISTRAR, "dong.nghiep")
    assert post(colleague, colleague.get("/counter"), "/counter/print-code", case=str(case.id)).status_code == 404
    for wrong in ("", "x", "0" * 32):
        assert post(registrar, page, "/counter/print-code", case=wrong).status_code == 404
    clock.advance(seconds=timedelta(days=1, seconds=1).total_seconds())
    later = signed_in(Role.REGISTRAR, "hom.sau")
    assert post(later, later.get("/counter"), "/counter/print-code", case=str(case.id)).status_code == 404


def test_the_cards_picture_code_fills_in_and_proves_nothing(app: Flask, registrar: FlaskClient) -> None:
    page = post(registrar, registrar.get("/counter"), "/counter/fill-in", card_text=CARD)
    for value in (NUMBER, "Lê Thị Lụa", "02/01/1956", "12/03/2024"):
        assert f'value="{value}"' in page.text
    assert "checked" not in page.text, "the face is compared by a person"
    assert rows_of_app(app, "cases") == []


@pytest.mark.parametrize("text", ["", "x", "|" * 20, f"{NUMBER}|", "<script>|b|c|d|e|f|g", "1" * 1001])
def test_what_is_no_card_fills_in_nothing(registrar: FlaskClient, text: str) -> None:
    assert post(registrar, registrar.get("/counter"), "/counter/fill-in", card_text=text).status_code == 400
