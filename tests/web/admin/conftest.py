"""One of each: a citizen who was checked at a counter, and officers who are signed in."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from idp.domain.levels import ProofSource
from idp.domain.officers import Role
from tests.builders import Citizen, a_citizen
from tests.doubles import FixedClock
from tests.staff import an_officer, enter

SignedIn = Callable[..., FlaskClient]


@pytest.fixture
def citizen(app: Flask) -> Citizen:
    return a_citizen(app, proof_source=ProofSource.COUNTER)


@pytest.fixture
def signed_in(app: Flask, clock: FixedClock) -> SignedIn:
    """A browser in which a new officer of this role is signed in."""

    def make(role: Role, staff_code: str | None = None, **facts: object) -> FlaskClient:
        code = staff_code or role.replace("_", "-")
        return enter(app, an_officer(app, role, code, **facts), clock)  # type: ignore[arg-type]

    return make


@pytest.fixture
def registrar(signed_in: SignedIn) -> FlaskClient:
    return signed_in(Role.REGISTRAR)


@pytest.fixture
def approver(signed_in: SignedIn) -> FlaskClient:
    return signed_in(Role.APPROVER)
