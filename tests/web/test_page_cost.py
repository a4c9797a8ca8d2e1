"""What a page costs without a hash: under 100 ms of the server's own time, for somebody with years of history."""

import time
from collections.abc import Callable
from statistics import median

import pytest
from flask import Flask
from flask.testing import FlaskClient

from idp import storage
from idp.domain.audit import Entry, Event
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from tests.builders import Citizen, a_citizen, a_service, follow, obtain_code, sign_in

MOST = 0.1
SERVICES, LINES = 10, 60
ANYBODYS = ("/", "/sign-in", "/register", "/recover", "/lock", "/services", "/privacy")
OWN = (
    "/account",
    "/account/activity",
    "/account/contacts",
    "/account/security",
    "/account/rights",
    "/account/data",
    "/account/download",
)


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    """Somebody who uses ten services, and of whom much is written."""
    citizen, client = a_citizen(app), app.test_client()
    sign_in(client, citizen)
    for number in range(SERVICES):
        service = a_service(app, client_id=f"dich-vu-{number}", redirect_uris=[f"https://dv{number}.example/cb"])
        obtain_code(client, service, citizen)
    write_history(app, citizen)
    return client


def write_history(app: Flask, citizen: Citizen) -> None:
    runtime: Runtime = app.extensions["idp"]
    with app.app_context(), storage.begin() as tx:
        key = storage.data_keys.find_data_key(tx, runtime.keyring, citizen.id)
        for event in [Event.SIGNED_IN, Event.RECORD_READ] * (LINES // 2):
            now = runtime.clock.now()
            entry = Entry(id=chance.new_id(now), at=now, event=event, subject_id=citizen.id, actor="o", details="why")
            storage.audit.insert_entry(tx, entry, key)


def cost_of(get: Callable[[], object]) -> float:
    took = []
    for _ in range(5):
        began = time.process_time()
        get()
        took.append(time.process_time() - began)
    return median(took)


def test_no_page_takes_a_tenth_of_a_second(browser: FlaskClient) -> None:
    costs = {path: cost_of(lambda path=path: follow(browser, browser.get(path))) for path in (*ANYBODYS, *OWN)}
    assert all(browser.get(path).status_code == 200 for path in OWN), "a sign-in page is no page of one's own"
    assert {path: cost for path, cost in costs.items() if cost > MOST} == {}
