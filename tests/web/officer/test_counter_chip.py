"""The counter: contacts confirmed by a code, chips, and each short cut of two officers refused."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.domain.cases import CaseKind
from idp.domain.levels import ProofSource
from idp.domain.officers import Role
from idp.web.given import runtime_of
from tests import chips
from tests.builders import a_citizen
from tests.doubles import FixedClock
from tests.flows.test_proofing import enter_by_paper, password_opens
from tests.mailbag import messages
from tests.rows import events, rows_of
from tests.staff import Staff, an_officer, post
from tests.staff import enter as enter_console

TYPED = {
    "document_type": "id_card",
    "document_number": chips.NUMBER,
    "issued_on": "12/03/2024",
    "expires_on": "12/03/2034",
    "number": chips.NUMBER,
    "name": chips.NAME,
    "birth_date": "02/01/1999",
    "contact": "",
    "face": "yes",
}
NEW = "ba con meo trang ngu"


@pytest.fixture
def registrar(app: Flask) -> Staff:
    return an_officer(app, Role.REGISTRAR, "tiep.nhan")


@pytest.fixture
def approver(app: Flask) -> Staff:
    return an_officer(app, Role.APPROVER, "phe.duyet")


def enter(app: Flask, staff: Staff, clock: FixedClock, client: FlaskClient | None = None) -> FlaskClient:
    """A browser in which this officer is signed in, and reads English."""
    browser = enter_console(app, staff, clock, client)
    browser.set_cookie("idp_language", "en")
    return browser


def capture(browser: FlaskClient, **changed: Any) -> TestResponse:
    return post(browser, browser.get("/counter"), "/counter/capture", **{**TYPED, **changed})


def take_down(browser: FlaskClient, **changed: Any) -> UUID:
    """Captured and asked for; gives the case."""
    done = capture(browser, **changed)
    assert done.status_code == 200, done.text
    return UUID(bytes=max(row.id.bytes for row in rows_of_cases(browser)))


def rows_of_cases(browser: FlaskClient) -> list[Any]:
    with browser.application.app_context():
        return rows_of("cases")


def decide(browser: FlaskClient, case: UUID, how: str = "approve", **form: str) -> TestResponse:
    return post(browser, browser.get(f"/admin/cases/{case}"), f"/admin/cases/{how}", **form)


def upload(data: bytes, name: str = "chip.zip") -> tuple[io.BytesIO, str]:
    return io.BytesIO(data), name


def chip(**more: bytes) -> bytes:
    files = {"DG1": chips.dg1(), "DG2": chips.FACE, "DG13": chips.dg13()}
    signed = chips.sod({1: files["DG1"], 2: files["DG2"], 13: files["DG13"]})
    return chips.archive(**{"SOD": signed, **files, **more})


# -- from the counter to the person's hand -------------------------------------------------------------------------


def test_two_officers_prove_a_person_who_signs_in_with_the_code(
    app: Flask, registrar: Staff, approver: Staff, clock: FixedClock
) -> None:
    counter, desk = enter(app, registrar, clock), enter(app, approver, clock)
    case = take_down(counter)
    with app.app_context():
        assert [row.kind for row in rows_of("subjects") if row.kind == "person"] == [], "nothing is stored yet"
    seen = desk.get(f"/admin/cases/{case}").text
    for shown in (chips.NUMBER, chips.NAME, "02/01/1999", "12/03/2034"):
        assert shown in seen
    assert decide(desk, case).status_code == 200
    page = counter.get("/counter")
    assert f'value="{case}"' in page.text
    paper = post(counter, page, "/counter/print-code", case=str(case))
    code = paper.text.split('id="paper-code">')[1].split("<")[0]
    enter_by_paper(app, chips.NUMBER, code, NEW)
    assert password_opens(app, chips.NUMBER, NEW)


def test_each_fact_names_both_officers_and_the_paper(
    app: Flask, registrar: Staff, approver: Staff, clock: FixedClock
) -> None:
    case = take_down(enter(app, registrar, clock))
    decide(enter(app, approver, clock), case)
    runtime = runtime_of(app)
    with app.app_context(), storage.begin() as tx:
        subject_id = flows.capture.find_proved(tx, runtime, chips.NUMBER)
        assert subject_id is not None
        record = storage.accounts.find_record(tx, runtime.keyring, subject_id)
        assert record is not None
        facts = storage.accounts.list_facts(tx, record.key, subject_id)
    assert {fact.verified_by for fact in facts} == {"tiep.nhan@H05"}
    assert all("phe.duyet@H05" in fact.evidence and chips.NUMBER in fact.evidence for fact in facts)


def test_the_contact_is_proved_by_the_code_that_goes_there(
    app: Flask, registrar: Staff, approver: Staff, clock: FixedClock
) -> None:
    counter = enter(app, registrar, clock)
    page = capture(counter, contact="0912 000 013")
    wrong = post(counter, page, "/counter/ask", code="000000")
    assert wrong.status_code == 400
    with app.app_context():
        assert rows_of("cases") == []
    right = post(counter, page, "/counter/ask", code=messages(app)[-1].code)
    assert right.status_code == 200
    with app.app_context():
        [case] = rows_of("cases")
    assert "by a code that was sent there" in counter.get(f"/admin/cases/{case.id}").text
    decide(enter(app, approver, clock), case.id)
    with app.app_context():
        [contact] = rows_of("contacts")
    assert contact.verified_at is not None


def test_where_no_code_can_be_sent_the_officer_says_that_the_person_confirmed(
    make_app: Any, sqlite_url: str, clock: FixedClock
) -> None:
    app = make_app(sqlite_url, IDP_MESSAGES_SMS="none")
    counter = enter(app, an_officer(app, Role.REGISTRAR, "tiep.nhan"), clock)
    page = capture(counter, contact="0912 000 013")
    assert post(counter, page, "/counter/ask").status_code == 400
    assert post(counter, page, "/counter/ask", in_person="yes").status_code == 200
    with app.app_context():
        assert len(rows_of("cases")) == 1


# -- what is refused -----------------------------------------------------------------------------------------------


def test_a_document_that_runs_out_while_the_case_waits(
    app: Flask, registrar: Staff, approver: Staff, clock: FixedClock
) -> None:
    case = take_down(enter(app, registrar, clock), expires_on=runtime_of(app).today.strftime("%d/%m/%Y"))
    clock.advance(seconds=timedelta(days=1).total_seconds())
    refused = decide(enter(app, approver, clock), case)
    assert refused.status_code == 409
    with app.app_context():
        assert [row.state for row in rows_of("cases")] == ["waiting"], "nothing was decided"
        assert events()["person.proved"] == 0
        assert events()["officer.access_refused"] == 1


def test_nobody_takes_oneself_down(app: Flask, registrar: Staff, clock: FixedClock) -> None:
    page = capture(enter(app, registrar, clock), number=registrar.number, document_number=registrar.number)
    assert page.status_code == 403
    with app.app_context():
        assert events()["officer.access_refused"] == 1


def test_nobody_approves_ones_own_check(app: Flask, registrar: Staff, approver: Staff, clock: FixedClock) -> None:
    """A person without an account yet, so that only the number tells."""
    case = take_down(enter(app, registrar, clock), number=approver.number, document_number=approver.number)
    assert enter(app, approver, clock).get(f"/admin/cases/{case}").status_code == 403
    with app.app_context():
        assert [row.state for row in rows_of("cases")] == ["waiting"]
        assert events()["person.proved"] == 0


def test_who_took_down_does_not_approve(app: Flask, registrar: Staff, clock: FixedClock) -> None:
    runtime = runtime_of(app)
    counter = enter(app, registrar, clock)
    case = take_down(counter)
    with app.app_context(), storage.begin() as tx:
        officer = flows.officers.find(tx, runtime, registrar.staff_code)
        for each in officer.assignments:
            flows.officers.end_assignment(tx, runtime, each, actor="the tests")
        unit = storage.agencies.find_by_code(tx, "H05")
        assert unit is not None
        flows.officers.assign(
            tx,
            runtime,
            officer,
            unit,
            Role.APPROVER,
            valid_from=runtime.today,
            valid_until=None,
            actor="the tests",
        )
    assert decide(enter(app, registrar, clock), case).status_code in (400, 403)
    with app.app_context():
        assert events()["person.proved"] == 0


def test_the_same_computer_is_not_two_officers(
    app: Flask, registrar: Staff, approver: Staff, clock: FixedClock
) -> None:
    counter = enter(app, registrar, clock)
    case = take_down(counter)
    page = counter.get("/admin")
    post(counter, page, "/admin/sign-out")
    assert decide(enter(app, approver, clock, counter), case).status_code == 403
    with app.app_context():
        assert events()["person.proved"] == 0


def test_edited_evidence_is_found(app: Flask, registrar: Staff, approver: Staff, clock: FixedClock) -> None:
    """Somebody with the database and the house's key changes whom the case is about."""
    case, runtime = take_down(enter(app, registrar, clock)), runtime_of(app)
    desk = enter(app, approver, clock)
    page = desk.get(f"/admin/cases/{case}")
    with app.app_context(), storage.begin() as tx:
        found = storage.cases.find_case(tx, runtime.keyring, case)
        assert found is not None
        body = orjson.dumps({**found.body, "name": "Trần Văn Khác"}).decode()
        sealed = runtime.keyring.house_key().seal("cases.body_sealed", case, body)
        rows = storage.tables.cases
        tx.execute(rows.update().where(rows.c.id == case).values(body_sealed=sealed))
    assert post(desk, page, "/admin/cases/approve").status_code == 409
    with app.app_context():
        assert events()["person.proved"] == 0


def test_a_case_that_waited_too_long_proves_nobody(
    app: Flask, registrar: Staff, approver: Staff, clock: FixedClock
) -> None:
    case = take_down(enter(app, registrar, clock))
    clock.advance(seconds=timedelta(days=8).total_seconds())
    assert decide(enter(app, approver, clock), case).status_code == 409
    with app.app_context():
        assert events()["person.proved"] == 0


def test_who_was_transferred_meanwhile_approves_nothing(
    app: Flask, registrar: Staff, approver: Staff, clock: FixedClock
) -> None:
    case, runtime = take_down(enter(app, registrar, clock)), runtime_of(app)
    desk = enter(app, approver, clock)
    page = desk.get(f"/admin/cases/{case}")
    with app.app_context(), storage.begin() as tx:
        officer = flows.officers.find(tx, runtime, approver.staff_code)
        flows.officers.end_assignment(tx, runtime, officer.assignments[0], actor="the tests")
    answer = post(desk, page, "/admin/cases/approve")
    assert (answer.status_code, answer.location) == (303, "/admin/unit")
    with app.app_context():
        assert events()["person.proved"] == 0


def test_no_code_is_printed_once_the_check_was_taken_back(
    app: Flask, registrar: Staff, approver: Staff, clock: FixedClock
) -> None:
    counter = enter(app, registrar, clock)
    case = take_down(counter)
    decide(enter(app, approver, clock), case)
    page = counter.get("/counter")
    with app.app_context(), storage.begin() as tx:
        rows = storage.tables.subjects
        tx.execute(rows.update().where(rows.c.kind == "person").values(proof_source="self"))
    assert post(counter, page, "/counter/print-code", case=str(case)).status_code == 400


def test_a_page_of_another_session_asks_for_nothing(app: Flask, registrar: Staff, clock: FixedClock) -> None:
    page = capture(enter(app, registrar, clock), contact="0912 000 013")
    again = enter(app, registrar, clock)
    assert post(again, page, "/counter/ask").status_code == 400
    with app.app_context():
        assert rows_of("cases") == []


def test_the_account_of_the_number_stands_on_the_case(
    app: Flask, registrar: Staff, approver: Staff, clock: FixedClock
) -> None:
    citizen = a_citizen(app, chips.NUMBER, proof_source=ProofSource.COUNTER, claims={"name": "Tên Cũ"})
    take_down(enter(app, registrar, clock))
    with app.app_context():
        [case] = rows_of("cases")
    assert (case.subject_id, case.kind) == (citizen.id, CaseKind.PROOF)


# -- the chip ------------------------------------------------------------------------------------------------------


@pytest.fixture
def trusting(make_app: Any, sqlite_url: str, tmp_path: Path) -> Flask:
    app: Flask = make_app(sqlite_url, IDP_PROOFING_TRUST_STORE=str(chips.trust_store(tmp_path, revoked=False)))
    return app


def test_the_approver_sees_each_verdict_and_the_hashes_are_kept(trusting: Flask, clock: FixedClock) -> None:
    counter = enter(trusting, an_officer(trusting, Role.REGISTRAR, "tiep.nhan"), clock)
    desk = enter(trusting, an_officer(trusting, Role.APPROVER, "phe.duyet"), clock)
    case = take_down(counter, dump=upload(chip()))
    seen = desk.get(f"/admin/cases/{case}").text
    assert seen.count("<dd>passed</dd>") == 7
    assert decide(desk, case).status_code == 200
    runtime = runtime_of(trusting)
    with trusting.app_context(), storage.begin() as tx:
        subject_id = flows.capture.find_proved(tx, runtime, chips.NUMBER)
        assert subject_id is not None
        record = storage.accounts.find_record(tx, runtime.keyring, subject_id)
        assert record is not None
        evidence = storage.accounts.list_facts(tx, record.key, subject_id)[0].evidence
    assert "signature=pass" in evidence and "dg2=" in evidence and "signer=" in evidence


def test_what_was_not_done_is_asked_and_shown_to_the_approver(
    app: Flask, registrar: Staff, approver: Staff, clock: FixedClock
) -> None:
    case = take_down(enter(app, registrar, clock), dump=upload(chip()))
    seen = enter(app, approver, clock).get(f"/admin/cases/{case}").text
    assert "no trusted certificates are configured" in seen or "chưa cài đặt chứng thư tin cậy" in seen


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"DG1": chips.dg1(number="003199000014")}, "the machine-readable lines were changed"),
        ({"DG13": chips.dg13(name="Trần Văn Khác")}, "the Vietnamese data were changed"),
        ({"SOD": chips.sod({1: chips.dg1(expires=chips.ISSUED)}), "DG1": chips.dg1(expires=chips.ISSUED)}, "run out"),
        ({"SOD": b"rac"}, "the signed list cannot be read"),
    ],
)
def test_a_step_that_fails_forbids_asking(
    app: Flask, registrar: Staff, clock: FixedClock, changed: dict[str, bytes], words: str
) -> None:
    page = capture(enter(app, registrar, clock), dump=upload(chip(**changed)))
    assert page.status_code == 400
    assert words in page.text
    assert 'action="/counter/ask"' not in page.text
    with app.app_context():
        assert events()["officer.access_refused"] == 1


def test_another_persons_chip_is_not_this_persons(app: Flask, registrar: Staff, clock: FixedClock) -> None:
    page = capture(enter(app, registrar, clock), dump=upload(chip()), name="Trần Văn Khác")
    assert page.status_code == 400
    assert "another name" in page.text


@pytest.mark.parametrize(
    "sent", [b"PK rac", chips.archive(SOD=bytes(20_000_000)), chips.archive(**{f"F{n}": b"" for n in range(30)})]
)
def test_archives_that_are_none_or_bombs(app: Flask, registrar: Staff, clock: FixedClock, sent: bytes) -> None:
    page = capture(enter(app, registrar, clock), dump=upload(sent))
    assert page.status_code == 400
    assert "archive" in page.text or "larger" in page.text


def test_a_huge_file_is_not_even_read(app: Flask, registrar: Staff, clock: FixedClock) -> None:
    assert capture(enter(app, registrar, clock), sod=upload(bytes(200_000), "sod")).status_code == 413


def test_no_picture_and_nothing_else_of_the_chip_is_stored(app: Flask, registrar: Staff, clock: FixedClock) -> None:
    take_down(enter(app, registrar, clock), dump=upload(chip()))
    runtime = runtime_of(app)
    with app.app_context(), storage.begin() as tx:
        [row] = rows_of("cases")
        found = storage.cases.find_case(tx, runtime.keyring, row.id)
    assert found is not None
    said = " ".join(found.body.values())
    assert "Không" not in said and "picture" not in said and len(said) < 1200
