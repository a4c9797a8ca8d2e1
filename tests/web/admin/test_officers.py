"""Administrators of a unit: officers made, roles asked for and taken away, within their own reach."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from idp import flows, storage
from idp.domain.officers import Role
from idp.web.given import runtime_of
from tests.rows import events, rows_of
from tests.staff import a_unit, an_officer, post
from tests.web.admin.conftest import SignedIn
from tests.web.admin.test_cases import approve, only_case

NEW = {"staff_code": "binh.nv", "name": "Trần Văn Bình", "number": "098085000091", "role": "registrar"}


@pytest.fixture
def admin(signed_in: SignedIn) -> FlaskClient:
    return signed_in(Role.SYSTEM_ADMINISTRATOR)


def create(admin: FlaskClient, **typed: str) -> object:
    form = {**NEW, "agency": "H05", "until": "", **typed}
    return post(admin, admin.get("/admin/officers"), "/admin/officers/create", **form)


def roles_of(app: Flask, staff_code: str) -> list[str]:
    with app.app_context(), storage.once() as tx:
        found = flows.officers.find(tx, runtime_of(app), staff_code)
        return [each.role for each in found.assignments]


def test_a_new_officer_may_do_nothing_before_a_second_one_approved(
    app: Flask, admin: FlaskClient, approver: FlaskClient
) -> None:
    page = create(admin)
    assert 'id="paper-code"' in page.text  # type: ignore[attr-defined]
    assert roles_of(app, "binh.nv") == []
    assert approve(approver, only_case(approver)).status_code == 200
    assert roles_of(app, "binh.nv") == ["registrar"]
    assert "Trần Văn Bình" in admin.get("/admin/officers").text


@pytest.mark.parametrize(
    "typed",
    [
        {"staff_code": "x"},
        {"staff_code": "Có dấu"},
        {"name": ""},
        {"number": "12"},
        {"role": "vua"},
        {"agency": "H99"},
        {"until": "1/2"},
        {"until": "01/01/2020"},
        {"staff_code": "system-administrator"},
    ],
)
def test_what_is_wrong_is_said_and_nobody_is_made(app: Flask, admin: FlaskClient, typed: dict[str, str]) -> None:
    answer = create(admin, **typed)
    assert answer.status_code == 400  # type: ignore[attr-defined]
    with app.app_context():
        assert events()["officer.created"] == 1, "the administrator alone"
        assert rows_of("cases") == []


def test_no_role_for_oneself(app: Flask, admin: FlaskClient) -> None:
    form = {"staff_code": "system-administrator", "role": "approver", "agency": "H05", "until": ""}
    answer = post(admin, admin.get("/admin/officers"), "/admin/officers/assign", **form)
    assert answer.status_code == 400
    with app.app_context():
        assert rows_of("cases") == []


def test_a_role_is_taken_away_at_once_and_alone(app: Flask, admin: FlaskClient, signed_in: SignedIn) -> None:
    victim = signed_in(Role.HELP_DESK, "ho.tro")
    with app.app_context(), storage.once() as tx:
        [assignment] = flows.officers.find(tx, runtime_of(app), "ho.tro").assignments
    page = admin.get("/admin/officers")
    assert post(admin, page, "/admin/officers/end", assignment=assignment.id.hex).status_code == 200
    assert victim.get("/admin").location == "/admin/unit"


def test_what_is_not_in_reach_is_not_there(app: Flask, signed_in: SignedIn) -> None:
    """An administrator of one department sees and ends nothing of another, nor of the province."""
    for code, name in (("H05.14", "Sở Tư pháp"), ("H05.15", "Sở Y tế")):
        a_unit(app)
        a_unit(app, code, name, parent="H05")
    here = signed_in(Role.SYSTEM_ADMINISTRATOR, "quan.tri.tp", agency="H05.14")
    an_officer(app, Role.HELP_DESK, "y.te", agency="H05.15")
    an_officer(app, Role.HELP_DESK, "tinh")
    an_officer(app, Role.HELP_DESK, "tu.phap", agency="H05.14")
    page = here.get("/admin/officers")
    assert "tu.phap" in page.text
    assert "y.te" not in page.text and ">tinh<" not in page.text
    with app.app_context(), storage.once() as tx:
        elsewhere = [flows.officers.find(tx, runtime_of(app), code) for code in ("y.te", "tinh")]
    for officer in elsewhere:
        [assignment] = officer.assignments
        assert post(here, page, "/admin/officers/end", assignment=assignment.id.hex).status_code == 404
        assert post(here, page, "/admin/officers/print-code", officer=officer.subject.id.hex).status_code == 403
    answer = create(here, agency="H05.15")
    assert answer.status_code == 400  # type: ignore[attr-defined]


def test_a_new_code_on_paper_is_not_for_oneself(app: Flask, admin: FlaskClient) -> None:
    with app.app_context(), storage.once() as tx:
        oneself = flows.officers.find(tx, runtime_of(app), "system-administrator")
    page = admin.get("/admin/officers")
    assert post(admin, page, "/admin/officers/print-code", officer=oneself.subject.id.hex).status_code == 403
    other = an_officer(app, Role.HELP_DESK, "ho.tro")
    with app.app_context(), storage.once() as tx:
        found = flows.officers.find(tx, runtime_of(app), other.staff_code)
    shown = post(admin, page, "/admin/officers/print-code", officer=found.subject.id.hex)
    assert 'id="paper-code"' in shown.text
