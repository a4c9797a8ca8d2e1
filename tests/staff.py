"""Officers for the tests: made as an administrator makes them, enrolled as they enrol, signed in as they sign in."""

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyotp
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.domain.officers import Role
from idp.runtime.runtime import Runtime
from idp.web.given import runtime_of
from tests.builders import follow, parked_in
from tests.doubles import FixedClock

PASSWORD = "tram huong bay xa muoi dam"
ROOT = "H05"
# The officers' own numbers, of the prefix that no province has.
_OWN_NUMBERS = [f"0980850000{number:02d}" for number in range(1, 60)]


@dataclass(frozen=True, slots=True)
class Staff:
    """An officer who has set up password and app."""

    staff_code: str
    number: str
    secret: str = field(repr=False)

    def code_at(self, clock: FixedClock) -> str:
        return str(pyotp.TOTP(self.secret).at(clock.now()))


def a_unit(
    app: Flask, code: str = ROOT, name: str = "Ủy ban nhân dân tỉnh Bắc Ninh", parent: str | None = None
) -> None:
    """A unit of the tree, once."""
    now = runtime_of(app).clock.now()
    with app.app_context(), storage.begin() as tx:
        if storage.agencies.find_by_code(tx, code) is None:
            above = storage.agencies.find_by_code(tx, parent) if parent else None
            parent_id = above.id if above else None
            storage.agencies.insert_agency(tx, code, name_vi=name, name_en="", now=now, parent_id=parent_id)


def an_officer(
    app: Flask,
    role: Role,
    staff_code: str,
    *,
    agency: str = ROOT,
    number: str | None = None,
    valid_until: date | None = None,
) -> Staff:
    """An officer with one role, enrolled."""
    runtime: Runtime = runtime_of(app)
    a_unit(app)
    with app.app_context(), storage.begin() as tx:
        taken = storage.officers.count_officers(tx)
        own = number or _OWN_NUMBERS[taken]
        made = flows.officers.create(tx, runtime, staff_code, "Nguyễn Văn Cán", own, actor="the tests")
        unit = storage.agencies.find_by_code(tx, agency)
        assert unit is not None
        officer = flows.officers.find(tx, runtime, staff_code)
        flows.officers.assign(
            tx,
            runtime,
            officer,
            unit,
            role,
            valid_from=runtime.today,
            valid_until=valid_until,
            actor="the tests",
        )
    client = app.test_client()
    page = client.get("/admin/enrol")
    secret = _secret_in(page)
    answer = client.post(
        "/admin/enrol",
        data={
            "parked": parked_in(page),
            "staff_code": staff_code,
            "paper": made.code,
            "password": PASSWORD,
            "code": pyotp.TOTP(secret).at(runtime.clock.now()),
        },
    )
    assert answer.status_code == 200 and 'id="error' not in answer.text, answer.text
    return Staff(staff_code, own, secret)


def enter(app: Flask, staff: Staff, clock: FixedClock, client: FlaskClient | None = None) -> FlaskClient:
    """A browser in which this officer is signed in."""
    client = client or app.test_client()
    clock.advance(seconds=31)  # a code of the app is spent once
    page = client.get("/admin/sign-in")
    step = follow(client, _post_sign_in(client, page, staff))
    answer = verify(client, step, staff.code_at(clock))
    assert answer.status_code == 303, answer.text
    return client


def _post_sign_in(client: FlaskClient, page: TestResponse, staff: Staff, password: str = PASSWORD) -> TestResponse:
    form = {"parked": parked_in(page), "identifier": staff.staff_code, "password": password}
    return client.post("/admin/sign-in", data=form)


def verify(client: FlaskClient, step: TestResponse, code: str) -> TestResponse:
    return client.post("/admin/second-step", data={"parked": parked_in(step), "way": "totp", "code": code})


def post(client: FlaskClient, page: TestResponse, path: str, **form: Any) -> TestResponse:
    """Post a form of a page that was shown: with what is sealed into the form of this address, or into the last one."""
    forms = re.findall(r"<form[^>]*?action=\"([^\"]+)\".*?name=\"parked\" value=\"([^\"]*)\"", page.text, re.DOTALL)
    sealed = next((parked for action, parked in forms if action == path), forms[-1][1] if forms else "")
    return client.post(path, data={"parked": sealed, **form})


def _secret_in(page: TestResponse) -> str:
    after = page.text.split('id="secret">', 1)[1]
    return after.split("<", 1)[0].replace(" ", "")
