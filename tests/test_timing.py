"""Nor does time tell whether an account exists: known and unknown names, asked in turns, take as long on average.

The exact tests (test_same_for_strangers*.py) hold statements, rows and hashes; this looks at the clock for what they do
not see. The two kinds are asked in turns, in an order that is drawn for each pair, so that a machine that warms up
or is busy slows both. What is compared is the process's own time, in pairs: the median difference must be small beside
what one request costs, or no more than chance (a sign test).
"""

import itertools
import math
import random
import time
from collections.abc import Callable
from statistics import median

import pytest
from flask import Flask
from flask.testing import FlaskClient

from idp import storage
from tests.builders import NUMBERS, a_citizen, parked_in
from tests.doubles import FixedClock

pytestmark = pytest.mark.slow
PAIRS = 300
KNOWN, UNKNOWN = NUMBERS[0], "003199000099"
PHONE, MAIL, OTHER_PHONE = "0912000013", "nguyen.thi.mau@nguoi-mau.example", "0912000099"
WRONG = "Sai-mat-khau-2026!"
# Of what a request costs; a difference that small is below what a network lets anybody see.
MOST = 0.03
_networks = itertools.count(1)


def clear(app: Flask) -> None:
    """No count stands in the way, and tables are as long as before."""
    with app.app_context(), storage.begin() as tx:
        for name in ("throttles", "one_time_codes", "outbox"):
            tx.execute(storage.db.metadata.tables[name].delete())


def new_browser(app: Flask) -> FlaskClient:
    client, number = app.test_client(), next(_networks)
    client.environ_base["REMOTE_ADDR"] = f"198.18.{number // 250 % 250}.{number % 250}"
    return client


def first_page(path: str, known: dict[str, str], unknown: dict[str, str]) -> Callable[[Flask, bool], float]:
    """The time of posting the first page of a deed, with what is known or what is not."""

    def take(app: Flask, is_known: bool) -> float:
        client = new_browser(app)
        form = {"parked": parked_in(client.get(path, follow_redirects=True)), **(known if is_known else unknown)}
        return timed(lambda: client.post(path, data=form))

    return take


def second_page(path: str, known: dict[str, str], unknown: dict[str, str]) -> Callable[[Flask, bool], float]:
    """The time of a wrong code on the page after it."""

    def take(app: Flask, is_known: bool) -> float:
        client = new_browser(app)
        form = {"parked": parked_in(client.get(path)), **(known if is_known else unknown)}
        page = client.post(path, data=form, follow_redirects=True)
        codes = {"parked": parked_in(page), "code": "000000", "contact-code": "000000", "other-code": "000000"}
        address = {"/lock": "/lock/code", "/recover": "/recover/codes", "/register/contact": "/register/code"}[path]
        return timed(lambda: client.post(address, data=codes))

    return take


def register_contact(app: Flask, is_known: bool) -> float:
    """A number and a phone that somebody has, or that nobody has, up to the code that is sent."""
    client, number = new_browser(app), KNOWN if is_known else UNKNOWN
    said = {"personal_number": number, "full_name": "Le Thi Lua", "birth_date": f"19{number[4:6]}"}
    page = client.post("/register", data={"parked": parked_in(client.get("/register")), **said}, follow_redirects=True)
    form = {"parked": parked_in(page), "contact": PHONE if is_known else OTHER_PHONE}
    return timed(lambda: client.post("/register/contact", data=form))


def timed(post: Callable[[], object]) -> float:
    began = time.process_time()
    post()
    return time.process_time() - began


HAS = {"identifier": KNOWN, "contact": PHONE}
HAS_NOT = {"identifier": UNKNOWN, "contact": OTHER_PHONE}
DEEDS = {
    "sign-in": first_page(
        "/sign-in", {"identifier": KNOWN, "password": WRONG}, {"identifier": UNKNOWN, "password": WRONG}
    ),
    "lock": first_page("/lock", HAS, HAS_NOT),
    "lock, a wrong code": second_page("/lock", HAS, HAS_NOT),
    "recovery": first_page("/recover", HAS | {"other": MAIL}, HAS_NOT | {"other": "ai@khong.example"}),
    "recovery, a wrong code": second_page("/recover", HAS | {"other": MAIL}, HAS_NOT | {"other": "ai@khong.example"}),
    "registering": register_contact,
}


@pytest.fixture(autouse=True)
def citizen(app: Flask) -> None:
    a_citizen(app)


@pytest.mark.parametrize("deed", DEEDS)
def test_time_does_not_tell_who_has_an_account(app: Flask, clock: FixedClock, deed: str) -> None:
    take, drawn = DEEDS[deed], random.Random(deed)
    for is_known in (True, False) * 5:
        take(app, is_known)
    differences, costs = [], []
    for _ in range(PAIRS):
        clear(app)
        clock.advance(seconds=10)
        order = drawn.sample([True, False], 2)
        took = {is_known: take(app, is_known) for is_known in order}
        differences.append(took[True] - took[False])
        costs.append(took[False])
    longer = sum(each > 0 for each in differences)
    distance = abs(longer - PAIRS / 2) / math.sqrt(PAIRS / 4)
    share = abs(median(differences)) / median(costs)
    assert share <= MOST or distance < 3, f"{deed}: {share:.1%} of a request, {distance:.1f} deviations"
