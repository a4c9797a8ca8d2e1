"""Nobody learns from registering, recovery or the lock whether an account exists: what is known and what is not costs
the same hashes, statements, rows and messages, and each answer is as long, on both stores.
"""

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.domain.accounts import Closing, Ground, Lock
from idp.web.release_texts import written
from tests.builders import NUMBERS, a_citizen, parked_in
from tests.doubles import FixedClock
from tests.mailbag import messages
from tests.rows import count_rows
from tests.test_same_for_strangers import counted_hashes
from tests.wire import StatementCounter

KNOWN, UNKNOWN = NUMBERS[0], "003199000099"
PHONE, MAIL = "0912000013", "nguyen.thi.mau@nguoi-mau.example"
OTHER_PHONE, OTHER_MAIL = "0912000099", "nguyen.thi.mau@khong-ai.example"
PRELOADED = "003190000088"
_networks = itertools.count(1)


@dataclass(frozen=True)
class Seen:
    """All that one post shows or costs; `room` is how long the sealed texts in it are."""

    status: int
    length: int
    location: str
    page: str
    room: list[int]
    hashes: dict[str, int]
    statements: list[str]
    rows: dict[str, int]


def check_same(runs: list[list[Seen]]) -> None:
    for other in runs[1:]:
        for one, two in zip(runs[0], other, strict=True):
            assert one.statements == two.statements
            assert one == two


SEALED = re.compile(r"(?<=parked=)[\w-]+|(?<=parked%3D)[\w-]+|(?<=name=\"parked\" value=\")[\w-]+")


def see(app: Flask, clock: FixedClock, post: Callable[[], TestResponse], *typed: str) -> tuple[Seen, TestResponse]:
    clock.advance(seconds=10)  # whatever a process keeps for seconds is read anew
    with app.app_context():
        before = count_rows()
        slots = app.extensions["idp"].hash_slots
        with StatementCounter(storage.db.engine) as counter, counted_hashes(slots) as hashes:
            answer = post()
        after = count_rows()
    text, location = answer.text, answer.headers.get("Location", "")
    for each in typed:
        text = text.replace(each, "").replace(written(each), "")
    seen = Seen(
        status=answer.status_code,
        length=len(answer.data) - sum(answer.text.count(each) * len(each.encode()) for each in typed),
        location=SEALED.sub("", location),
        page="" if answer.status_code == 303 else SEALED.sub("", text),
        room=[len(found) for found in SEALED.findall(location) + SEALED.findall(text)],
        hashes=hashes,
        statements=counter.statements,
        rows={name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)},
    )
    return seen, answer


@dataclass
class Place:
    app: Flask
    clock: FixedClock

    def walk(self, path: str, code_path: str, form: dict[str, str], code: dict[str, str]) -> list[Seen]:
        """What the first page and, with a wrong code, the second one show and cost."""
        client = self.new_browser()
        parked = parked_in(client.get(path))
        first, answer = see(self.app, self.clock, lambda: client.post(path, data={"parked": parked, **form}))
        assert answer.status_code == 303, answer.text
        page = client.get(answer.location)
        wrong = {"parked": parked_in(page), **code}
        second, answer = see(self.app, self.clock, lambda: client.post(code_path, data=wrong), *self.said(form))
        assert answer.status_code == 401
        return [first, second]

    @staticmethod
    def said(form: dict[str, str]) -> list[str]:
        """What was typed, as typed and as kept: a page may say it back."""
        return [each for value in form.values() if value for each in (value, f"+84{value[1:]}")]

    def new_browser(self) -> FlaskClient:
        """From a network of its own, and with no tries counted for any contact."""
        with self.app.app_context(), storage.begin() as tx:
            tx.execute(storage.tables.throttles.delete())
        client = self.app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"198.51.{next(_networks) % 250}.7"
        return client


@pytest.fixture
def place(app: Flask, clock: FixedClock) -> Place:
    a_citizen(app)
    return Place(app, clock)


def put_into(app: Flask, state: str) -> None:
    with app.app_context(), storage.begin() as tx:
        runtime: Any = app.extensions["idp"]
        person = flows.account_care.find_person(tx, runtime, KNOWN)
        if state == "closed":
            flows.account_care.close(tx, runtime, person, Closing.WITHDRAWN, reason="a test", actor="the tests")
        if state == "locked":
            flows.account_care.lock(tx, runtime, person, Lock(Ground.MISUSE, "a test"), actor="the tests")


def preload(app: Flask) -> None:
    with app.app_context(), storage.begin() as tx:
        claims = {"name": "Trần Văn Thử", "birthdate": "1990", "phone_number": PHONE, "email": MAIL}
        flows.registration.preload(tx, app.extensions["idp"], PRELOADED, claims, actor="the tests")


# Number and contact of one person; of nobody; a number that is somebody's with a contact that is nobody's, and round.
PAIRS = [(KNOWN, PHONE), (UNKNOWN, PHONE), (KNOWN, OTHER_PHONE), (UNKNOWN, OTHER_PHONE)]


@pytest.mark.parametrize("state", ["active", "locked", "closed"])
def test_the_lock_looks_and_costs_the_same(place: Place, state: str) -> None:
    put_into(place.app, state)
    seen = [
        place.walk("/lock", "/lock/code", {"identifier": number, "contact": contact}, {"code": "000000"})
        for number, contact in PAIRS
    ]
    check_same(seen)
    assert seen[0][0].rows["one_time_codes"] == 1
    assert seen[0][0].rows["messages"] == 1


@pytest.mark.parametrize("state", ["active", "locked", "closed"])
@pytest.mark.parametrize("others", [(MAIL, OTHER_MAIL), ("", "")])
@pytest.mark.parametrize("paper", ["", "12345 67890"])
def test_recovery_looks_and_costs_the_same(place: Place, state: str, others: tuple[str, str], paper: str) -> None:
    put_into(place.app, state)
    seen = [
        place.walk(
            "/recover",
            "/recover/codes",
            {"identifier": number, "contact": contact, "other": other, "paper": paper},
            {"contact-code": "000000", "other-code": "000000"},
        )
        for (number, contact), other in itertools.product(PAIRS, others)
        if len(other) == len(others[0])
    ]
    assert len(seen) >= len(PAIRS)
    check_same(seen)


def test_a_code_on_paper_alone_looks_and_costs_the_same(place: Place) -> None:
    seen = [
        place.walk("/recover", "/recover/codes", {"identifier": number, "paper": "12345 67890"}, {})
        for number in (KNOWN, UNKNOWN)
    ]
    check_same(seen)


# As long as each other: what somebody types, the sealed page carries on.
CONTACTS = {
    "phone": (PHONE, OTHER_PHONE, "0912000098"),
    "mail": (MAIL, "nguyen.thi.nau@nguoi-mau.example", "nguyen.thi.bau@nguoi-mau.example"),
}


@pytest.mark.parametrize("kind", CONTACTS)
@pytest.mark.parametrize("number", [KNOWN, UNKNOWN, PRELOADED])
def test_registering_looks_and_costs_the_same(place: Place, number: str, kind: str) -> None:
    """Of a number that somebody has, or a phone that somebody has, as of one that nobody has: to the very end.

    An account of an old portal that has another name, or another contact, counts as nobody's.
    """
    preload(place.app)
    runs = []
    somebodys, nobodys, anothers = CONTACTS[kind]
    for given, contact in ((number, somebodys), (number, nobodys), (UNKNOWN, anothers)):
        client, seen = place.new_browser(), []
        said = {"personal_number": given, "full_name": "Lê Thị Lụa", "birth_date": f"19{given[4:6]}"}
        typed = (given, contact, f"+84{contact[1:]}")
        path, form = "/register", said
        for field, next_path in (
            ("contact", "/register/contact"),
            ("code", "/register/code"),
            ("password", "/register/password"),
        ):
            page = client.get(path) if path == "/register" else page  # noqa: F821
            post = {"parked": parked_in(page), **form}
            one, answer = see(place.app, place.clock, lambda: client.post(path, data=post), *typed)  # noqa: B023
            assert answer.status_code == 303, answer.text
            seen.append(one)
            page, path = client.get(answer.location), next_path
            value = {"contact": contact, "password": "cay da ben nuoc san dinh"}.get(field)
            form = {field: value or messages(place.app)[-1].code}
        post = {"parked": parked_in(page), **form}
        one, _ = see(place.app, place.clock, lambda: client.post(path, data=post), *typed)  # noqa: B023
        runs.append([*seen, one])
    check_same(runs)
