"""Officers find people and look at records: only behind a purpose, which the person reads at once."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.domain.officers import Role
from tests.builders import NUMBERS, Citizen, a_citizen, parked_in, sign_in
from tests.rows import events, rows_of
from tests.staff import an_officer, enter, post
from tests.web.admin.conftest import SignedIn

WHY = "hồ sơ 12/2026 <b>"


def search(browser: FlaskClient, query: str, purpose: str = WHY) -> TestResponse:
    return post(browser, browser.get("/admin/people"), "/admin/people", query=query, purpose=purpose)


def open_record(browser: FlaskClient, citizen: Citizen, purpose: str = WHY) -> TestResponse:
    found = search(browser, citizen.number)
    return post(browser, found, "/admin/people/record", subject=citizen.id.hex, purpose=purpose)


@pytest.mark.parametrize(
    "query", [NUMBERS[0], "0912 000 013", "nguyen.thi.mau@nguoi-mau.example", "mau nguyen", "Mẫu", "ngu thi"]
)
def test_a_person_is_found_by_what_is_whole_and_by_words_without_accents(
    registrar: FlaskClient, citizen: Citizen, query: str
) -> None:
    page = search(registrar, query)
    assert "Nguyễn T. M." in page.text
    assert "Nguyễn Thị Mẫu" not in page.text, "who it is shows on the record alone"
    assert citizen.number == query or citizen.number not in page.text


@pytest.mark.parametrize("query", [NUMBERS[0][:8], "0912", "an", "%", "_", "' OR 1=1 --", "x" * 300])
def test_nobody_is_found_by_a_part_of_a_number(registrar: FlaskClient, citizen: Citizen, query: str) -> None:
    assert "Nguyễn T. M." not in search(registrar, query).text


def test_an_officer_is_not_found_among_the_people(app: Flask, registrar: FlaskClient) -> None:
    an_officer(app, Role.AUDITOR, "kiem.tra")
    assert "Nguyễn V. C." not in search(registrar, "can nguyen").text


def test_a_search_without_a_purpose_finds_nobody_and_is_said_so(registrar: FlaskClient, citizen: Citizen) -> None:
    page = search(registrar, citizen.number, purpose=" ")
    assert page.status_code == 400
    assert "Nguyễn T. M." not in page.text


def test_a_search_is_noted_and_what_was_typed_is_not(app: Flask, registrar: FlaskClient, citizen: Citizen) -> None:
    search(registrar, citizen.number)
    with app.app_context():
        assert events()["people.searched"] == 1
        [row] = [row for row in rows_of("audit") if row.event == "people.searched"]
        assert row.actor == "registrar@H05"
        assert row.subject_id is None


def test_a_look_shows_at_once_in_the_persons_own_page_with_unit_and_purpose(
    app: Flask, registrar: FlaskClient, citizen: Citizen
) -> None:
    page = open_record(registrar, citizen)
    assert page.status_code == 200
    assert citizen.number in page.text and "Nguyễn Thị Mẫu" in page.text
    person = app.test_client()
    sign_in_fully(app, person, citizen)
    own = person.get("/account/activity").text
    assert "Ủy ban nhân dân tỉnh Bắc Ninh" in own
    assert "hồ sơ 12/2026 &lt;b&gt;" in own
    assert "registrar" in own


def sign_in_fully(app: Flask, client: FlaskClient, citizen: Citizen) -> None:
    """The person's device is known, so that the password suffices."""
    with app.app_context(), storage.begin() as tx:
        tx.execute(storage.tables.subjects.update().values(proof_source="self"))
    sign_in(client, citizen)


def test_a_record_is_not_opened_without_a_purpose_nor_by_a_page_of_another(
    app: Flask, registrar: FlaskClient, citizen: Citizen, signed_in: SignedIn
) -> None:
    found = search(registrar, citizen.number)
    assert (
        citizen.number not in post(registrar, found, "/admin/people/record", subject=citizen.id.hex, purpose=" ").text
    )
    other = signed_in(Role.HELP_DESK)
    stolen = other.post(
        "/admin/people/record", data={"parked": parked_in(found), "subject": citizen.id.hex, "purpose": WHY}
    )
    assert citizen.number not in stolen.text
    with app.app_context():
        assert events()["record.read"] == 0


@pytest.mark.parametrize("subject", ["", "x", "0" * 32])
def test_no_record_is_none(registrar: FlaskClient, citizen: Citizen, subject: str) -> None:
    found = search(registrar, citizen.number)
    assert post(registrar, found, "/admin/people/record", subject=subject, purpose=WHY).status_code == 404


def test_ones_own_record_stays_shut(app: Flask, clock: object, citizen: Citizen) -> None:
    officer = an_officer(app, Role.REGISTRAR, "chinh.minh", number=citizen.number)
    browser = enter(app, officer, clock)  # type: ignore[arg-type]
    answer = open_record(browser, citizen)
    assert answer.status_code == 403
    assert "Nguyễn Thị Mẫu" not in answer.text
    with app.app_context():
        assert events()["officer.access_refused"] == 1
        assert events()["record.read"] == 0


def test_an_officers_record_is_nobodys_to_open(app: Flask, registrar: FlaskClient, citizen: Citizen) -> None:
    with app.app_context():
        [staff] = [row for row in rows_of("subjects") if row.kind == "staff"]
    found = search(registrar, citizen.number)
    assert post(registrar, found, "/admin/people/record", subject=staff.id.hex, purpose=WHY).status_code == 404


def test_an_account_is_locked_with_its_ground_and_unlocked(
    app: Flask, registrar: FlaskClient, citizen: Citizen
) -> None:
    person = app.test_client()
    sign_in_fully(app, person, citizen)
    record = open_record(registrar, citizen)
    typed = {"ground": "misuse", "why": "báo mất", "source": "CV 12", "legal_basis": "NĐ 69/2024", "until": ""}
    done = post(registrar, record, "/admin/people/lock", **typed)
    assert done.status_code == 200 and "CV 12" in done.text
    assert person.get("/account").status_code == 303, "the sign-in has ended"
    again = post(registrar, done, "/admin/people/unlock", reason="đã gặp tại quầy, CCCD 003…")
    assert again.status_code == 200
    with app.app_context():
        assert events()["account.locked"] == events()["account.unlocked"] == 1
        assert {row.actor for row in rows_of("audit") if row.event == "account.locked"} == {"registrar@H05"}


@pytest.mark.parametrize(
    "typed",
    [
        {"ground": "", "why": "x"},
        {"ground": "khong-co", "why": "x"},
        {"ground": "misuse", "why": " "},
        {"ground": "card_expired", "why": "x", "until": "32/13/2026"},
        {"ground": "misuse", "why": "x", "until": "31/12/2099"},
        {"ground": "authority", "why": "x"},
    ],
)
def test_a_lock_without_its_ground_or_reason_changes_nothing(
    app: Flask, registrar: FlaskClient, citizen: Citizen, typed: dict[str, str]
) -> None:
    answer = post(registrar, open_record(registrar, citizen), "/admin/people/lock", **typed)
    assert answer.status_code == 400
    with app.app_context():
        assert events()["account.locked"] == 0


def test_a_person_is_signed_out_everywhere(app: Flask, registrar: FlaskClient, citizen: Citizen) -> None:
    person = app.test_client()
    sign_in_fully(app, person, citizen)
    assert post(registrar, open_record(registrar, citizen), "/admin/people/end-sessions").status_code == 200
    assert person.get("/account").status_code == 303


def test_a_code_on_paper_is_printed_for_somebody_seen(app: Flask, registrar: FlaskClient, citizen: Citizen) -> None:
    page = post(registrar, open_record(registrar, citizen), "/admin/people/print-code")
    assert 'id="paper-code"' in page.text
    with app.app_context():
        assert {row.actor for row in rows_of("audit") if row.event == "printed_codes.issued"} >= {"registrar@H05"}


def test_a_record_page_acts_on_its_own_person_and_for_its_own_session_alone(
    app: Flask, registrar: FlaskClient, citizen: Citizen, signed_in: SignedIn
) -> None:
    """What is posted beside the sealed page names nobody; a page of another officer's, or of before, does nothing."""
    other = a_citizen(app, NUMBERS[1])
    record = open_record(registrar, citizen)
    typed = {"ground": "misuse", "why": "x", "source": "CV 1"}
    post(registrar, record, "/admin/people/lock", subject=other.id.hex, **typed)
    with app.app_context(), storage.once() as tx:
        states = {row.id: row.state for row in rows_of("subjects")}
        assert tx is not None
    assert (states[citizen.id], states[other.id]) == ("locked", "active")
    colleague = signed_in(Role.HELP_DESK)
    stolen = colleague.post("/admin/people/unlock", data={"parked": parked_in(record), "reason": "x"})
    assert stolen.status_code == 400
    with app.app_context():
        assert events()["account.unlocked"] == 0


def test_help_desk_neither_closes_nor_corrects(signed_in: SignedIn, citizen: Citizen) -> None:
    browser = signed_in(Role.HELP_DESK)
    record = open_record(browser, citizen)
    assert 'id="lock"' in record.text
    assert 'id="close-now"' not in record.text and 'id="correct-now"' not in record.text
    for path in ("/admin/people/close", "/admin/people/correct", "/admin/people/print-code"):
        assert post(browser, record, path).status_code == 403


def test_what_was_erased_is_no_record(app: Flask, registrar: FlaskClient, citizen: Citizen) -> None:
    found = search(registrar, citizen.number)
    runtime = app.extensions["idp"]
    with app.app_context(), storage.begin() as tx:
        person = flows.account_care.find_person(tx, runtime, citizen.number)
        flows.account_care.close(tx, runtime, person, "withdrawn", reason="asked", actor="the tests")  # type: ignore[arg-type]
        flows.account_care.erase(tx, runtime, person, actor="the tests")
    assert post(registrar, found, "/admin/people/record", subject=citizen.id.hex, purpose=WHY).status_code in (400, 404)
    assert "Nguyễn T. M." not in search(registrar, citizen.number).text
