"""Taking checks back at the consoles: counted, asked for, decided by another officer, worked off, seen."""

from collections.abc import Iterator

import pytest
from flask import Flask

from idp import flows, storage
from idp.cli.timed_jobs import TimedJobs
from idp.domain.officers import Role
from idp.domain.proofing import CounterCheck
from idp.web.given import runtime_of
from tests.builders import a_citizen, lend_keys
from tests.doubles import FixedClock
from tests.mailbag import messages
from tests.rows import events, rows_of
from tests.staff import Staff, a_unit, an_officer, post
from tests.web.officer.test_counter_chip import decide, enter

NUMBERS = ["003199000010", "003199000011", "003199000012"]


@pytest.fixture
def administrator(app: Flask) -> Staff:
    return an_officer(app, Role.SYSTEM_ADMINISTRATOR, "quan.tri")


@pytest.fixture
def approver(app: Flask) -> Staff:
    return an_officer(app, Role.APPROVER, "phe.duyet")


@pytest.fixture(autouse=True)
def proved(app: Flask) -> Iterator[None]:
    """Two people whom one officer checked, one whom another did."""
    lend_keys(app)
    runtime = runtime_of(app)
    with app.app_context(), storage.begin() as tx:
        for number, officer in zip(NUMBERS, ("xau.a@H05", "xau.a@H05.01", "tot.b@H05"), strict=True):
            check = CounterCheck(number, "Lê Thị Lụa", "1999-01-02", "thẻ căn cước", officer)
            flows.proofing.take_down(tx, runtime, check)
    return


def scope(app: Flask, **changed: str) -> dict[str, str]:
    day = runtime_of(app).today.strftime("%d/%m/%Y")
    return {"source": "counter", "officer": "xau.a", "since": day, "until": day, "reason": "QĐ 12/2026", **changed}


def sources(app: Flask) -> list[str]:
    with app.app_context():
        return sorted(row.proof_source for row in rows_of("subjects") if row.kind == "person")


def work_off(app: Flask) -> None:
    jobs = TimedJobs(app, runtime_of(app))
    while jobs.run():
        pass


def test_counted_asked_approved_worked_off_and_seen(
    app: Flask, administrator: Staff, approver: Staff, clock: FixedClock
) -> None:
    browser, desk = enter(app, administrator, clock), enter(app, approver, clock)
    counted = post(browser, browser.get("/admin/recall"), "/admin/recall", **scope(app))
    assert 'id="counted" tabindex="-1">People: 2<' in counted.text
    assert sources(app) == ["counter"] * 3, "counting does nothing"
    post(browser, counted, "/admin/recall/ask")
    with app.app_context():
        [case] = rows_of("cases")
    seen = desk.get(f"/admin/cases/{case.id}").text
    assert "xau.a" in seen and "QĐ 12/2026" in seen
    assert decide(desk, case.id).status_code == 200
    assert sources(app) == ["counter"] * 3, "never in the request"
    assert "<progress" in browser.get("/admin/recall").text
    work_off(app)
    assert sources(app) == ["counter", "self", "self"]
    page = browser.get("/admin/recall").text
    assert "<progress" not in page and "2 of 2" in page
    with app.app_context():
        assert events()["proof.recalled"] == 2
        assert events()["recall.started"] == events()["recall.done"] == 1


def test_the_person_is_told_in_words(app: Flask, administrator: Staff, clock: FixedClock) -> None:
    from idp.domain.levels import ProofSource

    contact = {"name": "Lê Thị Mẫu", "phone_number": "+84912000013", "phone_number_verified": True}
    a_citizen(app, "003199000099", proof_source=ProofSource.COUNTER, claims=contact)
    runtime = runtime_of(app)
    body = {
        "recall_source": "counter",
        "recall_officer": "the tests",
        "recall_from": runtime.today.isoformat(),
        "recall_until": runtime.today.isoformat(),
        "reason": "QĐ 1",
    }
    clock.advance(seconds=1)
    with app.app_context(), storage.begin() as tx:
        flows.recall.start(tx, runtime, flows.recall.Approved(body, "a@H05", "b@H05"))
    work_off(app)
    told = messages(app)[-1]
    assert told.to == "+84912000013"
    assert "1022" in told.text


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"source": "self"}, "source"),
        ({"since": "31/02/2026"}, "since"),
        ({"since": "01/01/2027", "until": "02/01/2027"}, "until"),
        ({"until": "01/01/2026"}, "until"),
        ({"reason": " "}, "reason"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    app: Flask, administrator: Staff, clock: FixedClock, changed: dict[str, str], field: str
) -> None:
    browser = enter(app, administrator, clock)
    page = post(browser, browser.get("/admin/recall"), "/admin/recall", **scope(app, **changed))
    assert page.status_code == 400
    assert f'id="{field}-error"' in page.text


def test_where_nobody_is_concerned_nothing_is_asked(app: Flask, administrator: Staff, clock: FixedClock) -> None:
    browser = enter(app, administrator, clock)
    page = post(browser, browser.get("/admin/recall"), "/admin/recall", **scope(app, officer="khong.co"))
    assert 'action="/admin/recall/ask"' not in page.text


def test_the_officer_whose_checks_they_are_does_not_decide(
    app: Flask, administrator: Staff, approver: Staff, clock: FixedClock
) -> None:
    browser = enter(app, administrator, clock)
    page = browser.get("/admin/recall")
    counted = post(browser, page, "/admin/recall", **scope(app, officer="xau.a"))
    post(browser, counted, "/admin/recall/ask")
    own = an_officer(app, Role.APPROVER, "xau.a")
    with app.app_context():
        [case] = rows_of("cases")
    assert decide(enter(app, own, clock), case.id).status_code == 403
    work_off(app)
    assert sources(app) == ["counter"] * 3


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SYSTEM_ADMINISTRATOR])
def test_nobody_else_asks(app: Flask, role: Role, clock: FixedClock) -> None:
    browser = enter(app, an_officer(app, role, "ai.do"), clock)
    assert browser.get("/admin/recall").status_code == 403


def test_below_the_root_nobody_asks(app: Flask, clock: FixedClock) -> None:
    a_unit(app)
    a_unit(app, "H05.14", "Sở Tư pháp", parent="H05")
    below = an_officer(app, Role.SYSTEM_ADMINISTRATOR, "quan.tri.2", agency="H05.14")
    assert enter(app, below, clock).get("/admin/recall").status_code == 403


def test_an_old_sign_in_is_proved_anew_first(app: Flask, administrator: Staff, clock: FixedClock) -> None:
    browser = enter(app, administrator, clock)
    clock.advance(minutes=16)
    answer = browser.get("/admin/recall")
    assert answer.status_code == 303 and answer.location.startswith("/admin/sign-in")
