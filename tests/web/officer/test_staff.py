"""Officers sign in with two factors, apart from everybody else; a role that is over opens nothing any more."""

import re
from datetime import timedelta

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient

from idp import flows, storage
from idp.domain.officers import Role
from idp.web.given import runtime_of
from tests.builders import a_citizen, a_service, ask, follow, page_of, parked_in, sign_in
from tests.doubles import FixedClock
from tests.rows import events, rows_of
from tests.soft_authenticator import Authenticator
from tests.staff import PASSWORD, Staff, a_unit, an_officer, enter, post, verify
from tests.web.citizen.test_security import options_in


@pytest.fixture
def officer(app: Flask) -> Staff:
    return an_officer(app, Role.HELP_DESK, "an.hd")


def first_step(client: FlaskClient, staff_code: str, password: str = PASSWORD):  # type: ignore[no-untyped-def]
    form = {"parked": parked_in(client.get("/admin/sign-in")), "identifier": staff_code, "password": password}
    return client.post("/admin/sign-in", data=form)


def test_an_officer_signs_in_with_password_and_app(app: Flask, officer: Staff, clock: FixedClock) -> None:
    browser = enter(app, officer, clock)
    page = browser.get("/admin")
    assert page.status_code == 200
    assert "Nguyễn Văn Cán" in page.text
    assert "Ủy ban nhân dân tỉnh Bắc Ninh" in page.text


def test_the_password_alone_opens_nothing(app: Flask, officer: Staff) -> None:
    client = app.test_client()
    first_step(client, officer.staff_code)
    assert client.get("/admin").status_code == 303


@pytest.mark.parametrize(("code", "password"), [("an.hd", "sai mat khau nay"), ("khong.co", PASSWORD)])
def test_wrong_and_unknown_look_the_same(app: Flask, officer: Staff, code: str, password: str) -> None:
    answer = first_step(app.test_client(), code, password)
    assert answer.status_code == 401


def test_a_code_of_the_app_is_spent_once(app: Flask, officer: Staff, clock: FixedClock) -> None:
    clock.advance(seconds=31)
    code = officer.code_at(clock)
    one, other = app.test_client(), app.test_client()
    assert verify(one, follow(one, first_step(one, officer.staff_code)), code).status_code == 303
    assert verify(other, follow(other, first_step(other, officer.staff_code)), code).status_code == 401


def test_an_officers_sign_in_is_nobodys_at_a_service(app: Flask, officer: Staff, clock: FixedClock) -> None:
    """Neither by the staff cookie nor by its secret in the cookie of people."""
    browser = enter(app, officer, clock)
    service = a_service(app)
    assert page_of(follow(browser, ask(browser, service))) == "sign_in"
    secret = browser.get_cookie("idp_staff")
    assert secret is not None
    thief = app.test_client()
    thief.set_cookie("idp_session", secret.value)
    assert thief.get("/account").status_code == 303


def test_a_persons_sign_in_opens_no_console(app: Flask, officer: Staff) -> None:
    client = app.test_client()
    sign_in(client, a_citizen(app))
    secret = client.get_cookie("idp_session")
    assert secret is not None
    client.set_cookie("idp_staff", secret.value)
    answer = client.get("/admin")
    assert answer.status_code == 303 and answer.location.startswith("/admin/sign-in")


def test_a_staff_code_signs_nobody_in_among_the_people(app: Flask, officer: Staff) -> None:
    client = app.test_client()
    form = {"parked": parked_in(follow(client, client.get("/sign-in"))), "identifier": officer.staff_code}
    assert client.post("/sign-in", data={**form, "password": PASSWORD}).status_code == 401


def test_who_is_transferred_is_out_at_the_next_click(app: Flask, officer: Staff, clock: FixedClock) -> None:
    browser, runtime = enter(app, officer, clock), runtime_of(app)
    with app.app_context(), storage.begin() as tx:
        found = flows.officers.find(tx, runtime, officer.staff_code)
        flows.officers.end_assignment(tx, runtime, found.assignments[0], actor="the tests")
    answer = browser.get("/admin")
    assert (answer.status_code, answer.location) == (303, "/admin/unit")
    assert 'id="error"' in browser.get("/admin/unit").text


def test_an_assignment_ends_with_its_last_day(app: Flask, clock: FixedClock) -> None:
    today = runtime_of(app).today
    officer = an_officer(app, Role.HELP_DESK, "het.han", valid_until=today)
    assert enter(app, officer, clock).get("/admin").status_code == 200
    clock.advance(seconds=timedelta(days=1).total_seconds())
    assert enter(app, officer, clock).get("/admin").location == "/admin/unit"


def test_with_two_roles_one_chooses_and_nobody_elses(app: Flask, officer: Staff, clock: FixedClock) -> None:
    runtime = runtime_of(app)
    other = an_officer(app, Role.AUDITOR, "nguoi.khac")
    with app.app_context(), storage.begin() as tx:
        unit = storage.agencies.find_by_code(tx, "H05")
        mine, theirs = (flows.officers.find(tx, runtime, each.staff_code) for each in (officer, other))
        assert unit is not None
        flows.officers.assign(
            tx, runtime, mine, unit, Role.AUDITOR, valid_from=runtime.today, valid_until=None, actor="the tests"
        )
    browser = enter(app, officer, clock)
    assert browser.get("/admin").location == "/admin/unit"
    page = browser.get("/admin/unit")
    assert post(browser, page, "/admin/unit", assignment=theirs.assignments[0].id.hex).location == "/admin/unit"
    assert post(browser, page, "/admin/unit", assignment=mine.assignments[0].id.hex).location == "/admin"
    assert browser.get("/admin").status_code == 200


def test_the_code_on_paper_enrols_once_and_ends_what_was_before(app: Flask, officer: Staff, clock: FixedClock) -> None:
    browser, runtime = enter(app, officer, clock), runtime_of(app)
    with app.app_context(), storage.begin() as tx:
        found = flows.officers.find(tx, runtime, officer.staff_code)
        code = flows.officers.print_code(tx, runtime, found.subject.id, actor="the tests")
    client = app.test_client()
    for status, expected in ((200, 1), (400, 1)):
        page = client.get("/admin/enrol")
        secret = page.text.split('id="secret">')[1].split("<")[0].replace(" ", "")
        typed = {"staff_code": officer.staff_code, "paper": code, "password": "doi mat khau moi nhe"}
        answer = post(client, page, "/admin/enrol", **typed, code=pyotp.TOTP(secret).at(clock.now()))
        assert answer.status_code == status
        with app.app_context():
            assert events()["officer.enrolled"] == 1 + expected
    assert browser.get("/admin").status_code == 303, "the sign-ins of before have ended"
    assert first_step(app.test_client(), officer.staff_code).status_code == 401, "and so has the password"


def test_break_glass_is_loud_and_lasts_a_day(app: Flask, officer: Staff, clock: FixedClock) -> None:
    runtime = runtime_of(app)
    with app.app_context(), storage.begin() as tx:
        found = flows.officers.find(tx, runtime, officer.staff_code)
        unit = storage.agencies.find_by_code(tx, "H05")
        assert unit is not None
        given = flows.officers.break_glass(tx, runtime, found, unit, "nobody else answers")
    browser = enter(app, officer, clock)
    page = browser.get("/admin/unit")
    post(browser, page, "/admin/unit", assignment=given.id.hex)
    assert 'class="alarm"' in browser.get("/admin").text
    with app.app_context():
        assert events()["officer.break_glass"] == 1
    clock.advance(seconds=timedelta(days=2).total_seconds())
    with app.app_context(), storage.once() as tx:
        assert storage.officers.find_assignment(tx, given.id, runtime.today) is None


def test_signing_out_ends_it(app: Flask, officer: Staff, clock: FixedClock) -> None:
    browser = enter(app, officer, clock)
    assert post(browser, browser.get("/admin"), "/admin/sign-out").location == "/admin/sign-in"
    assert browser.get("/admin").status_code == 303


def test_a_unit_is_no_circle(app: Flask) -> None:
    a_unit(app)
    a_unit(app, "H05.14", "Sở Tư pháp", parent="H05")
    with app.app_context(), storage.once() as tx:
        root = storage.agencies.find_by_code(tx, "H05")
        assert root is not None
        assert len(storage.agencies.list_below(tx, root.id)) == 2


# -- passkeys ----------------------------------------------------------------------------------------------------------


def add_passkey(browser: FlaskClient, key: Authenticator):  # type: ignore[no-untyped-def]
    page = browser.get("/admin/me")
    return post(browser, page, "/admin/me/passkey", answer=key.make(options_in(page, "create")), name="Máy cơ quan")


def enter_with(client: FlaskClient, key: Authenticator, path: str = "/admin/sign-in"):  # type: ignore[no-untyped-def]
    page = follow(client, client.get(path))
    answer = key.sign(options_in(page, "get" if path.startswith("/admin") else "autofill"))
    return post(client, page, f"{path}/passkey", answer=answer)


def test_webauthn_7_2_a_passkey_is_two_factors_of_an_officer(app: Flask, officer: Staff, clock: FixedClock) -> None:
    key, browser = Authenticator(), enter(app, officer, clock)
    assert "Máy cơ quan" in add_passkey(browser, key).text
    client = app.test_client()
    assert enter_with(client, key).location == "/admin"
    assert client.get("/admin").status_code == 200
    [session] = [row for row in rows_of_app(app, "sessions") if row.amr == "swk mfa"]
    assert session.auth_level == 2


def rows_of_app(app: Flask, table: str) -> list:  # type: ignore[type-arg]
    with app.app_context():
        return rows_of(table)


def test_an_officers_passkey_signs_nobody_in_among_the_people_nor_a_persons_an_officer(
    app: Flask, officer: Staff, clock: FixedClock
) -> None:
    staff_key, own_key = Authenticator(), Authenticator()
    add_passkey(enter(app, officer, clock), staff_key)
    person = app.test_client()
    sign_in(person, a_citizen(app))
    page = person.get("/account/security")
    made = own_key.make(options_in(page, "create"))
    person.post("/account/security/passkey", data={"parked": parked_in(page), "answer": made, "name": "x"})
    assert enter_with(app.test_client(), own_key, "/sign-in").status_code == 303
    assert enter_with(app.test_client(), staff_key, "/sign-in").status_code == 401
    assert enter_with(app.test_client(), own_key).status_code == 401


def test_the_last_factor_stays(app: Flask, officer: Staff, clock: FixedClock) -> None:
    browser, key = enter(app, officer, clock), Authenticator()
    page = browser.get("/admin/me")
    [app_id] = re.findall(r'name="factor" value="(\w+)"', page.text)
    assert post(browser, page, "/admin/me/remove", way="totp", factor=app_id).status_code == 400
    page = add_passkey(browser, key)
    assert post(browser, page, "/admin/me/remove", way="totp", factor=app_id).status_code == 200
    client = app.test_client()
    step = follow(client, first_step(client, officer.staff_code))
    assert 'data-passkey="get"' in step.text, "the passkey is the second step now"


def test_a_sign_in_that_is_not_fresh_changes_no_factor(app: Flask, officer: Staff, clock: FixedClock) -> None:
    browser = enter(app, officer, clock)
    page = browser.get("/admin/me")
    clock.advance(minutes=16)
    assert browser.get("/admin/me").location.startswith("/admin/sign-in")
    made = Authenticator().make(options_in(page, "create"))
    assert post(browser, page, "/admin/me/passkey", answer=made).location.startswith("/admin/sign-in")
    assert rows_of_app(app, "passkeys") == []
