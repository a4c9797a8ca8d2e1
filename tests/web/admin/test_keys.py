"""Keys at the consoles: listed with their age; rotated, or one revoked, when two officers want it."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from idp.domain.officers import Role
from idp.web.given import runtime_of
from tests.builders import lend_keys
from tests.doubles import FixedClock
from tests.rows import events, rows_of
from tests.staff import a_unit, an_officer, post
from tests.web.officer.test_counter_chip import decide, enter


@pytest.fixture
def browser(app: Flask, clock: FixedClock) -> FlaskClient:
    lend_keys(app)
    return enter(app, an_officer(app, Role.SYSTEM_ADMINISTRATOR, "quan.tri"), clock)


@pytest.fixture
def desk(app: Flask, clock: FixedClock) -> FlaskClient:
    return enter(app, an_officer(app, Role.APPROVER, "phe.duyet"), clock)


def states(app: Flask) -> dict[str, str]:
    runtime = runtime_of(app)
    runtime.keyring.forget()
    with app.app_context():
        return {kid: state for _, state, kid in runtime.keyring.list_keys()}


def ask(browser: FlaskClient, **form: str) -> int:
    return post(browser, browser.get("/admin/keys"), "/admin/keys", **form).status_code


def newest_case(app: Flask) -> str:
    with app.app_context():
        return str(max(row.id for row in rows_of("cases")))


def test_keys_are_rotated_when_two_officers_want_it(
    app: Flask, browser: FlaskClient, desk: FlaskClient, clock: FixedClock
) -> None:
    before = states(app)
    assert all(kid in browser.get("/admin/keys").text for kid in before)
    assert ask(browser, deed="rotate", reason="quý 4") == 303
    assert states(app) == before, "asking does nothing"
    clock.advance(seconds=20)
    assert decide(desk, newest_case(app)).status_code == 200
    after = states(app)
    assert {kid for kid, state in before.items() if state == "next"} == {
        kid for kid, state in after.items() if state == "current"
    }
    with app.app_context():
        [entry, *_] = [row for row in rows_of("audit") if row.event == "key.state_changed"]
    assert entry.actor == "quan.tri@H05 phe.duyet@H05"


def test_a_leaked_key_goes_when_two_officers_want_it(app: Flask, browser: FlaskClient, desk: FlaskClient) -> None:
    leaked = next(kid for kid, state in states(app).items() if state == "current")
    assert ask(browser, deed="revoke", kid=leaked, reason="lộ khóa") == 303
    assert leaked in desk.get(f"/admin/cases/{newest_case(app)}").text
    assert decide(desk, newest_case(app)).status_code == 200
    assert leaked not in states(app)


def test_who_asked_does_not_decide_and_what_is_gone_is_refused(
    app: Flask, browser: FlaskClient, desk: FlaskClient
) -> None:
    leaked = next(kid for kid, state in states(app).items() if state == "current")
    for _ in range(2):
        ask(browser, deed="revoke", kid=leaked, reason="lộ khóa")
    assert decide(browser, newest_case(app)).status_code >= 400
    with app.app_context():
        first, second = sorted(str(row.id) for row in rows_of("cases"))
    assert decide(desk, first).status_code == 200
    assert decide(desk, second).status_code >= 400
    with app.app_context():
        assert events()["case.approved"] == 1


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"deed": "", "reason": "x"}, "deed"),
        ({"deed": "revoke", "kid": "none", "reason": "x"}, "kid"),
        ({"deed": "rotate", "reason": " "}, "reason"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(browser: FlaskClient, form: dict[str, str], field: str) -> None:
    page = post(browser, browser.get("/admin/keys"), "/admin/keys", **form)
    assert page.status_code == 400
    assert re.search(rf'href="#{field}"', page.text)


def test_an_administrator_of_one_commune_has_no_keys(app: Flask, clock: FixedClock) -> None:
    a_unit(app)
    a_unit(app, "H05.01", "Phường Kinh Bắc", parent="H05")
    officer = an_officer(app, Role.SYSTEM_ADMINISTRATOR, "quan.xa", agency="H05.01")
    assert enter(app, officer, clock).get("/admin/keys").status_code == 403
