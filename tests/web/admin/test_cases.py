"""What one officer asks another one decides: in another session, on another device, as it was seen, in time."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.domain.officers import Role
from idp.web.given import runtime_of
from tests.builders import Citizen, parked_in
from tests.doubles import FixedClock
from tests.rows import events, rows_of
from tests.staff import Staff, a_unit, an_officer, enter, post
from tests.web.admin.conftest import SignedIn
from tests.web.admin.test_people import open_record

WRONG_NAME = {"name": "Nguyễn Thị Mậu", "birthdate": "02/01/1985", "document": "Giấy khai sinh số 4"}


def ask_for_correction(browser: FlaskClient, citizen: Citizen, **typed: str) -> TestResponse:
    answer = post(browser, open_record(browser, citizen), "/admin/people/correct", **(typed or WRONG_NAME))
    assert answer.status_code == 200, answer.text
    return answer


def only_case(browser: FlaskClient) -> TestResponse:
    [address] = re.findall(r'href="(/admin/cases/[0-9a-f-]{36})"', browser.get("/admin/cases").text)
    return browser.get(address)


def approve(browser: FlaskClient, page: TestResponse) -> TestResponse:
    return post(browser, page, "/admin/cases/approve")


def name_of(app: Flask, citizen: Citizen) -> str:
    with app.app_context(), storage.begin() as tx:
        record = storage.accounts.find_record(tx, runtime_of(app).keyring, citizen.id)
        assert record is not None
        return record.profile.name


def test_a_correction_counts_once_a_second_officer_approves(
    app: Flask, registrar: FlaskClient, approver: FlaskClient, citizen: Citizen
) -> None:
    ask_for_correction(registrar, citizen)
    assert name_of(app, citizen) == "Nguyễn Thị Mẫu"
    page = only_case(approver)
    for said in ("Nguyễn Thị Mậu", "02/01/1985", "Giấy khai sinh số 4", "registrar"):
        assert said in page.text
    assert approve(approver, page).status_code == 200
    assert name_of(app, citizen) == "Nguyễn Thị Mậu"
    with app.app_context():
        assert events()["case.asked"] == events()["case.approved"] == events()["person.corrected"] == 1
        new = [row for row in rows_of("facts") if row.subject_id == citizen.id and row.verified_by == "registrar@H05"]
        assert {row.name for row in new} >= {"name", "birthdate"}


def test_a_changed_number_opens_the_account_and_the_old_one_no_more(
    app: Flask, registrar: FlaskClient, approver: FlaskClient, citizen: Citizen
) -> None:
    ask_for_correction(registrar, citizen, number="003185000999", document="Thông báo hủy số")
    assert approve(approver, only_case(approver)).status_code == 200
    runtime = runtime_of(app)
    with app.app_context(), storage.once() as tx:
        assert flows.account_care.find_person(tx, runtime, "003185000999").id == citizen.id
        ended = [row for row in rows_of("identifiers") if row.subject_id == citizen.id and row.ended_at]
        assert len(ended) == 1, "the number of before stays on record"


def test_who_asked_does_not_decide(app: Flask, clock: FixedClock, citizen: Citizen) -> None:
    """Not even with both roles, in another browser."""
    both = an_officer(app, Role.REGISTRAR, "hai.vai")
    runtime = runtime_of(app)
    with app.app_context(), storage.begin() as tx:
        found = flows.officers.find(tx, runtime, both.staff_code)
        unit = found.assignments[0].agency
        flows.officers.assign(
            tx, runtime, found, unit, Role.APPROVER, valid_from=runtime.today, valid_until=None, actor="the tests"
        )
    asking = working_as(app, both, clock, Role.REGISTRAR)
    ask_for_correction(asking, citizen)
    deciding = working_as(app, both, clock, Role.APPROVER)
    page = only_case(deciding)
    assert 'id="approve"' not in page.text
    refused = approve(deciding, page)
    assert refused.status_code == 403
    refused_and_logged(app, citizen)


def working_as(app: Flask, staff: Staff, clock: FixedClock, role: Role) -> FlaskClient:
    browser = enter(app, staff, clock)
    page = browser.get("/admin/unit")
    with app.app_context(), storage.once() as tx:
        found = flows.officers.find(tx, runtime_of(app), staff.staff_code)
    wanted = next(each for each in found.assignments if each.role is role)
    post(browser, page, "/admin/unit", assignment=wanted.id.hex)
    return browser


def refused_and_logged(app: Flask, citizen: Citizen) -> None:
    assert name_of(app, citizen) == "Nguyễn Thị Mẫu"
    with app.app_context():
        assert events()["officer.access_refused"] == 1
        assert events()["case.approved"] == 0
        assert [row.state for row in rows_of("cases")] == ["waiting"]


def test_two_officers_at_one_browser_are_not_two(
    app: Flask, registrar: FlaskClient, citizen: Citizen, clock: FixedClock
) -> None:
    ask_for_correction(registrar, citizen)
    second = an_officer(app, Role.APPROVER, "cung.may")
    enter(app, second, clock, client=registrar)
    assert approve(registrar, only_case(registrar)).status_code == 403
    refused_and_logged(app, citizen)


def test_nobody_decides_on_oneself(app: Flask, registrar: FlaskClient, citizen: Citizen, clock: FixedClock) -> None:
    ask_for_correction(registrar, citizen)
    oneself = enter(app, an_officer(app, Role.APPROVER, "chinh.minh", number=citizen.number), clock)
    assert oneself.get("/admin/cases").status_code == 200
    [case] = rows(app)
    page = oneself.get(f"/admin/cases/{case.id}")
    assert page.status_code == 403, "nor sees what is asked about oneself"
    with app.app_context():
        assert events()["case.approved"] == 0


def rows(app: Flask) -> list[object]:
    with app.app_context():
        return rows_of("cases")


def test_edited_evidence_is_not_approved(
    app: Flask, registrar: FlaskClient, approver: FlaskClient, citizen: Citizen
) -> None:
    """Another body under the same case, put there behind our back: sealed anew, so that it opens."""
    ask_for_correction(registrar, citizen)
    page = only_case(approver)
    runtime = runtime_of(app)
    [case] = rows(app)
    with app.app_context(), storage.begin() as tx:
        body = '{"document":"Giấy khai sinh số 4","name":"Kẻ Trộm"}'
        sealed = runtime.keyring.house_key().seal("cases.body_sealed", case.id, body)  # type: ignore[attr-defined]
        tx.execute(storage.tables.cases.update().values(body_sealed=sealed))
    assert approve(approver, page).status_code == 409
    assert approve(approver, only_case(approver)).status_code == 409, "nor where the page shows the edited one"
    assert name_of(app, citizen) == "Nguyễn Thị Mẫu"
    with app.app_context():
        assert events()["officer.access_refused"] == 2


def test_what_waited_too_long_is_not_approved_and_ends(
    app: Flask, registrar: FlaskClient, citizen: Citizen, clock: FixedClock, signed_in: SignedIn
) -> None:
    ask_for_correction(registrar, citizen)
    clock.advance(seconds=7 * 86_400 + 1)
    late = signed_in(Role.APPROVER)
    page = only_case(late)
    assert approve(late, page).status_code == 409
    refused_and_logged(app, citizen)
    with app.app_context(), storage.begin() as tx:
        assert flows.cases.expire(tx, runtime_of(app), limit=10) == 1
    assert [row.state for row in rows(app)] == ["expired"]  # type: ignore[attr-defined]
    clock.advance(seconds=91 * 86_400)
    with app.app_context(), storage.begin() as tx:
        flows.cases.expire(tx, runtime_of(app), limit=10)
    assert [row.body_sealed for row in rows(app)] == [None]  # type: ignore[attr-defined]


def test_a_stale_page_and_a_second_click_decide_nothing_twice(
    app: Flask, registrar: FlaskClient, approver: FlaskClient, citizen: Citizen
) -> None:
    ask_for_correction(registrar, citizen)
    page = only_case(approver)
    assert approve(approver, page).status_code == 200
    assert approve(approver, page).status_code == 400
    with app.app_context():
        assert events()["case.approved"] == events()["person.corrected"] == 1


def test_an_approver_who_was_transferred_meanwhile_decides_nothing(
    app: Flask, registrar: FlaskClient, approver: FlaskClient, citizen: Citizen
) -> None:
    ask_for_correction(registrar, citizen)
    page, runtime = only_case(approver), runtime_of(app)
    with app.app_context(), storage.begin() as tx:
        found = flows.officers.find(tx, runtime, "approver")
        flows.officers.end_assignment(tx, runtime, found.assignments[0], actor="the tests")
    assert approve(approver, page).location == "/admin/unit"
    assert name_of(app, citizen) == "Nguyễn Thị Mẫu"


def test_a_sign_in_that_is_not_fresh_is_taken_anew_before_a_decision(
    app: Flask, registrar: FlaskClient, approver: FlaskClient, citizen: Citizen, clock: FixedClock
) -> None:
    ask_for_correction(registrar, citizen)
    page = only_case(approver)
    clock.advance(minutes=16)
    answer = approve(approver, page)
    assert (answer.status_code, answer.location.split("?")[0]) == (303, "/admin/sign-in")
    assert name_of(app, citizen) == "Nguyễn Thị Mẫu"


def test_a_refusal_says_why_and_does_nothing(
    app: Flask, registrar: FlaskClient, approver: FlaskClient, citizen: Citizen
) -> None:
    ask_for_correction(registrar, citizen)
    page = only_case(approver)
    assert post(approver, page, "/admin/cases/refuse", reason=" ").status_code == 400
    assert post(approver, page, "/admin/cases/refuse", reason="giấy tờ không rõ").status_code == 200
    assert name_of(app, citizen) == "Nguyễn Thị Mẫu"
    ended = registrar.get("/admin/cases?ended=1").text
    assert "/admin/cases/" in ended


def test_only_who_asked_takes_it_back(
    app: Flask, registrar: FlaskClient, approver: FlaskClient, citizen: Citizen
) -> None:
    ask_for_correction(registrar, citizen)
    assert post(approver, only_case(approver), "/admin/cases/withdraw").status_code == 403
    assert post(registrar, only_case(registrar), "/admin/cases/withdraw").status_code == 200
    assert [row.state for row in rows(app)] == ["withdrawn"]  # type: ignore[attr-defined]


def test_a_case_of_another_unit_is_none(
    app: Flask, registrar: FlaskClient, citizen: Citizen, signed_in: SignedIn
) -> None:
    ask_for_correction(registrar, citizen)
    a_unit(app, "H05.14", "Sở Tư pháp", parent="H05")
    elsewhere = signed_in(Role.APPROVER, "so.tu.phap", agency="H05.14")
    assert "/admin/cases/" not in elsewhere.get("/admin/cases").text
    [case] = rows(app)
    assert elsewhere.get(f"/admin/cases/{case.id}").status_code == 404  # type: ignore[attr-defined]
    assert elsewhere.get("/admin/cases/00000000-0000-0000-0000-000000000000").status_code == 404
    colleague = signed_in(Role.REGISTRAR, "nguoi.khac")
    assert colleague.get(f"/admin/cases/{case.id}").status_code == 404, "nor is it who neither asked nor decides"  # type: ignore[attr-defined]


def test_a_closing_is_decided_by_two(
    app: Flask, registrar: FlaskClient, approver: FlaskClient, citizen: Citizen
) -> None:
    record = open_record(registrar, citizen)
    assert post(registrar, record, "/admin/people/close", because="", paper="x").status_code == 400
    assert post(registrar, record, "/admin/people/close", because="died", paper="Giấy chứng tử 3").status_code == 200
    assert approve(approver, only_case(approver)).status_code == 200
    with app.app_context():
        [subject] = [row for row in rows_of("subjects") if row.id == citizen.id]
        assert (subject.state, subject.state_reason) == ("closed", "died")


def test_a_deed_that_cannot_be_done_undoes_its_approval(
    app: Flask, registrar: FlaskClient, approver: FlaskClient, citizen: Citizen
) -> None:
    ask_for_correction(registrar, citizen)
    page, runtime = only_case(approver), runtime_of(app)
    with app.app_context(), storage.begin() as tx:
        person = flows.account_care.find_person(tx, runtime, citizen.number)
        flows.account_care.close(tx, runtime, person, "died", reason="x", actor="the tests")  # type: ignore[arg-type]
    assert approve(approver, page).status_code == 400
    assert [row.state for row in rows(app)] == ["waiting"]  # type: ignore[attr-defined]


def test_a_page_of_another_officer_decides_nothing(
    app: Flask, registrar: FlaskClient, approver: FlaskClient, citizen: Citizen, signed_in: SignedIn
) -> None:
    ask_for_correction(registrar, citizen)
    page = only_case(approver)
    other = signed_in(Role.APPROVER, "khac")
    assert other.post("/admin/cases/approve", data={"parked": parked_in(page)}).status_code == 400
    assert name_of(app, citizen) == "Nguyễn Thị Mẫu"


@pytest.mark.parametrize("typed", [{"name": "x"}, {"document": "CV"}, {"name": "<b>", "document": "CV"}])
def test_a_correction_wants_its_document_and_something_to_correct(
    registrar: FlaskClient, citizen: Citizen, typed: dict[str, str]
) -> None:
    record = open_record(registrar, citizen)
    assert post(registrar, record, "/admin/people/correct", **typed).status_code == 400
