"""Merging two accounts at the consoles: looked for, seen side by side, asked, decided by another officer, undone."""

import re
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.domain.accounts import Ground, Lock
from idp.domain.levels import ProofSource
from idp.domain.officers import Role
from idp.web.given import runtime_of
from tests.builders import NUMBERS, Citizen, Service, a_citizen, a_service, claims_in, obtain_tokens, parked_in
from tests.doubles import FixedClock
from tests.mailbag import messages
from tests.rows import events, rows_of
from tests.staff import an_officer, enter, post
from tests.web.admin.conftest import SignedIn
from tests.web.admin.test_people import WHY, open_record, search

SAID = {"reason": "cùng người, đã gặp tại quầy", "document": "CCCD 003 <b>"}
UNDO = {"undo_reason": "khiếu nại đúng", "undo_document": "CV 7"}


@pytest.fixture
def other(app: Flask) -> Citizen:
    """The person's second account, merely declared."""
    return a_citizen(app, NUMBERS[1])


@pytest.fixture
def service(app: Flask, other: Citizen) -> Service:
    """One that knows the second account alone."""
    made = a_service(app, client_name="Cổng hồ sơ")
    obtain_tokens(app.test_client(), made, other)
    return made


def preview(browser: FlaskClient, citizen: Citizen, other: Citizen) -> TestResponse:
    found = post(browser, open_record(browser, citizen), "/admin/people/merge", other=other.number)
    return post(browser, found, "/admin/people/merge/preview", other=other.id.hex)


def ask(browser: FlaskClient, citizen: Citizen, other: Citizen, **said: str) -> TestResponse:
    return post(browser, preview(browser, citizen, other), "/admin/people/merge/ask", **{**SAID, **said})


def only_case(browser: FlaskClient) -> TestResponse:
    [address] = re.findall(r'href="(/admin/cases/[0-9a-f-]{36})"', browser.get("/admin/cases").text)
    return browser.get(address)


def approve(browser: FlaskClient) -> TestResponse:
    return post(browser, only_case(browser), "/admin/cases/approve")


def states(app: Flask) -> dict[UUID, str]:
    with app.app_context():
        return {row.id: row.state for row in rows_of("subjects") if row.kind == "person"}


def test_looked_for_seen_asked_approved_and_undone(
    app: Flask,
    registrar: FlaskClient,
    approver: FlaskClient,
    citizen: Citizen,
    other: Citizen,
    service: Service,
) -> None:
    runtime = runtime_of(app)
    with app.app_context(), storage.once() as tx:
        found = storage.relying_services.find_service(tx, service.id)
    assert found is not None
    old = runtime.keyring.pairwise_sub(found.sector, other.id)
    page = preview(registrar, citizen, other)
    for said in (citizen.number, other.number, "Cổng hồ sơ", old, "KHÔNG giống nhau"):
        assert said in page.text, said
    asked = post(registrar, page, "/admin/people/merge/ask", **SAID)
    assert asked.status_code == 200 and 'role="status"' in asked.text
    assert states(app)[other.id] == "active", "asking does nothing"
    case = only_case(approver)
    for said in (citizen.number, other.number, "Cổng hồ sơ", old, "CCCD 003 &lt;b&gt;", "đã gặp tại quầy"):
        assert said in case.text, said
    assert approve(approver).status_code == 200
    assert states(app) == {citizen.id: "active", other.id: "closed"}
    browser = app.test_client()
    token = obtain_tokens(browser, service, citizen)["id_token"]
    assert claims_in(browser, token)["sub"] == old
    record = open_record(registrar, citizen)
    assert 'id="undo-merge"' in record.text
    assert post(registrar, record, "/admin/people/merge/undo", merge=merge_in(record), **UNDO).status_code == 200
    assert states(app)[other.id] == "closed"
    assert approve(approver).status_code == 200
    assert states(app) == {citizen.id: "active", other.id: "active"}
    assert 'id="undo-merge"' not in open_record(registrar, citizen).text
    with app.app_context():
        assert events()["account.merged"] == events()["account.unmerged"] == 2


def merge_in(record: TestResponse) -> str:
    found = re.search(r'name="merge" value="([0-9a-f]{32})"', record.text)
    assert found, record.text
    return found[1]


def test_each_look_stands_in_both_histories_with_its_purpose(
    app: Flask, registrar: FlaskClient, approver: FlaskClient, citizen: Citizen, other: Citizen
) -> None:
    ask(registrar, citizen, other)
    only_case(approver)
    with app.app_context():
        looks = [row.subject_id for row in rows_of("audit") if row.event == "record.read"]
        assert looks.count(other.id) == 2, "the preview, and the case"
        assert looks.count(citizen.id) >= 3
        assert events()["people.searched"] == 2


def test_the_better_proved_is_kept_wherever_the_officer_began(
    app: Flask, registrar: FlaskClient, citizen: Citizen, other: Citizen
) -> None:
    page = preview(registrar, other, citizen)
    assert 'id="hindrance"' not in page.text
    swapped = post(registrar, page, "/admin/people/merge/swap")
    assert 'id="hindrance"' in swapped.text and 'id="ask"' not in swapped.text
    assert post(registrar, swapped, "/admin/people/merge/ask", **SAID).status_code == 400
    with app.app_context():
        assert rows_of("cases") == []
    back = post(registrar, swapped, "/admin/people/merge/swap")
    assert post(registrar, back, "/admin/people/merge/ask", **SAID).status_code == 200
    with app.app_context():
        [case] = rows_of("cases")
    assert case.subject_id == citizen.id


def test_the_other_account_is_not_this_one(registrar: FlaskClient, citizen: Citizen) -> None:
    record = open_record(registrar, citizen)
    found = post(registrar, record, "/admin/people/merge", other=citizen.number)
    assert "/admin/people/merge/preview" not in found.text
    page = post(registrar, record, "/admin/people/merge/preview", other=citizen.id.hex)
    assert 'id="hindrance"' in page.text


def test_nothing_is_looked_for_without_a_word(app: Flask, registrar: FlaskClient, citizen: Citizen) -> None:
    page = post(registrar, open_record(registrar, citizen), "/admin/people/merge", other=" ")
    assert page.status_code == 400 and 'id="other-error"' in page.text
    with app.app_context():
        assert events()["people.searched"] == 1


@pytest.mark.parametrize("field", ["reason", "document"])
def test_reason_and_document_are_asked_for_at_their_fields(
    app: Flask, registrar: FlaskClient, citizen: Citizen, other: Citizen, field: str
) -> None:
    page = ask(registrar, citizen, other, **{field: " "})
    assert page.status_code == 400 and f'id="{field}-error"' in page.text
    with app.app_context():
        assert rows_of("cases") == []


def test_what_changed_before_it_was_asked_is_shown_anew(
    app: Flask, registrar: FlaskClient, citizen: Citizen, other: Citizen
) -> None:
    page = preview(registrar, citizen, other)
    obtain_tokens(app.test_client(), a_service(app, client_name="Cổng mới"), other)
    again = post(registrar, page, "/admin/people/merge/ask", **SAID)
    assert again.status_code == 400
    assert "Cổng mới" in again.text and "CCCD 003" in again.text, "what was typed stays"
    assert post(registrar, again, "/admin/people/merge/ask", **SAID).status_code == 200


@pytest.mark.parametrize("changed", ["kept locked", "other closed", "new service"])
def test_what_changed_before_it_was_decided_is_refused(
    app: Flask, registrar: FlaskClient, approver: FlaskClient, citizen: Citizen, other: Citizen, changed: str
) -> None:
    ask(registrar, citizen, other)
    case = only_case(approver)
    change(app, citizen, other, changed)
    before = states(app)
    refused = post(approver, case, "/admin/cases/approve")
    assert refused.status_code in (400, 403, 409), refused.status
    assert states(app) == before
    again = only_case(approver)
    assert 'id="changed"' in again.text
    assert post(approver, again, "/admin/cases/approve").status_code != 200
    assert post(approver, again, "/admin/cases/refuse", reason="đã thay đổi").status_code == 200
    with app.app_context():
        assert events()["account.merged"] == 0


def change(app: Flask, citizen: Citizen, other: Citizen, changed: str) -> None:
    if changed == "new service":
        obtain_tokens(app.test_client(), a_service(app), other)
        return
    runtime = runtime_of(app)
    with app.app_context(), storage.begin() as tx:
        person = storage.accounts.find_subject(tx, citizen.id if changed == "kept locked" else other.id)
        assert person is not None
        if changed == "kept locked":
            flows.account_care.lock(tx, runtime, person, Lock(Ground.MISUSE, "báo mất"), actor="the tests")
        else:
            flows.account_care.close(tx, runtime, person, "died", reason="x", actor="the tests")  # type: ignore[arg-type]


def test_who_asked_does_not_decide_and_who_it_is_about_neither_asks_nor_decides(
    app: Flask, registrar: FlaskClient, citizen: Citizen, other: Citizen, clock: FixedClock
) -> None:
    """The officer's own record is one of the two, whichever."""
    for number, code in ((citizen.number, "mot.a"), (other.number, "hai.b")):
        own = enter(app, an_officer(app, Role.REGISTRAR, code, number=number), clock)
        mine, theirs = (citizen, other) if number == citizen.number else (other, citizen)
        found = post(own, open_record(own, theirs), "/admin/people/merge", other=mine.number)
        assert post(own, found, "/admin/people/merge/preview", other=mine.id.hex).status_code == 403
    ask(registrar, citizen, other)
    with app.app_context():
        [case] = rows_of("cases")
    for number, code in ((citizen.number, "ba.c"), (other.number, "bon.d")):
        deciding = enter(app, an_officer(app, Role.APPROVER, code, number=number), clock)
        assert deciding.get(f"/admin/cases/{case.id}").status_code == 403
    assert post(registrar, registrar.get(f"/admin/cases/{case.id}"), "/admin/cases/approve").status_code == 403
    assert states(app)[other.id] == "active"


def test_an_officers_account_is_never_merged(app: Flask, registrar: FlaskClient, citizen: Citizen) -> None:
    with app.app_context():
        [staff] = [row for row in rows_of("subjects") if row.kind == "staff"]
    record = open_record(registrar, citizen)
    assert post(registrar, record, "/admin/people/merge/preview", other=staff.id.hex).status_code == 404


@pytest.mark.parametrize("typed", ["", "x", "0" * 32])
def test_no_account_and_no_merge_are_none(registrar: FlaskClient, citizen: Citizen, typed: str) -> None:
    record = open_record(registrar, citizen)
    assert post(registrar, record, "/admin/people/merge/preview", other=typed).status_code == 404
    assert post(registrar, record, "/admin/people/merge/undo", merge=typed, **UNDO).status_code == 404


def test_a_merge_is_undone_from_a_record_that_it_is_of(
    app: Flask, registrar: FlaskClient, approver: FlaskClient, citizen: Citizen, other: Citizen
) -> None:
    stranger = a_citizen(app, "003199000099")
    ask(registrar, citizen, other)
    approve(approver)
    merge = merge_in(open_record(registrar, citizen))
    elsewhere = open_record(registrar, stranger)
    assert post(registrar, elsewhere, "/admin/people/merge/undo", merge=merge, **UNDO).status_code == 404
    closed = post(registrar, search(registrar, other.number), "/admin/people/record", subject=other.id.hex, purpose=WHY)
    assert merge_in(closed) == merge, "and from the closed one, which is still found by its number"
    missing = post(registrar, closed, "/admin/people/merge/undo", merge=merge, undo_reason="x", undo_document="")
    assert missing.status_code == 400 and 'id="undo_document-error"' in missing.text
    assert post(registrar, closed, "/admin/people/merge/undo", merge=merge, **UNDO).status_code == 200


def test_after_thirty_days_nothing_is_offered_and_a_case_that_waited_is_refused(
    app: Flask, clock: FixedClock, signed_in: SignedIn, citizen: Citizen, other: Citizen
) -> None:
    first, second = signed_in(Role.REGISTRAR), signed_in(Role.APPROVER)
    ask(first, citizen, other)
    approve(second)
    clock.advance(days=29)
    late, decides = (enter(app, an_officer(app, role, code), clock) for role, code in LATE)
    record = open_record(late, citizen)
    assert post(late, record, "/admin/people/merge/undo", merge=merge_in(record), **UNDO).status_code == 200
    clock.advance(days=1)
    again = enter(app, an_officer(app, Role.APPROVER, "duyet.sau"), clock)
    assert approve(again).status_code != 200
    assert states(app)[other.id] == "closed"
    assert decides is not again
    last = enter(app, an_officer(app, Role.REGISTRAR, "dang.ky.sau"), clock)
    assert 'id="undo-merge"' not in open_record(last, citizen).text


LATE = ((Role.REGISTRAR, "dang.ky.2"), (Role.APPROVER, "duyet.2"))


def test_both_owners_are_told_in_words(
    app: Flask, registrar: FlaskClient, approver: FlaskClient, citizen: Citizen, other: Citizen
) -> None:
    ask(registrar, citizen, other)
    approve(approver)
    told = [message.text for message in messages(app) if "1022" in message.text]
    assert len(told) >= 2
    assert all(citizen.number not in text and other.number not in text for text in told)


def test_a_page_of_another_officer_merges_nothing(
    app: Flask, registrar: FlaskClient, citizen: Citizen, other: Citizen, signed_in: SignedIn
) -> None:
    page = preview(registrar, citizen, other)
    colleague = signed_in(Role.REGISTRAR, "dang.ky.2")
    for path in ("ask", "swap", "preview", "undo", ""):
        form = {"parked": parked_in(page), **SAID, **UNDO, "other": other.id.hex, "merge": "0" * 32}
        stolen = colleague.post(f"/admin/people/merge/{path}".rstrip("/"), data=form)
        assert stolen.status_code == 400
    with app.app_context():
        assert rows_of("cases") == []


def test_a_second_account_is_not_merely_closed(registrar: FlaskClient, citizen: Citizen) -> None:
    record = open_record(registrar, citizen)
    assert post(registrar, record, "/admin/people/close", because="merged", paper="x").status_code == 400


def test_help_desk_is_offered_no_merge(signed_in: SignedIn, citizen: Citizen) -> None:
    assert 'id="find-other"' not in open_record(signed_in(Role.HELP_DESK), citizen).text


def test_a_declared_account_alone_is_told_to_be_checked_first(
    app: Flask, registrar: FlaskClient, other: Citizen
) -> None:
    another = a_citizen(app, "003199000099", proof_source=ProofSource.SELF)
    page = preview(registrar, other, another)
    assert 'id="hindrance"' in page.text and 'id="ask"' not in page.text
