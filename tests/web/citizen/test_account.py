"""My identity: what is known of me, who says so, and which services received it."""

from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from idp.domain.levels import ProofSource
from tests.builders import NUMBERS, a_citizen, a_service, follow, obtain_tokens, page_of, parked_in, sign_in
from tests.doubles import FixedClock
from tests.rows import rows_of


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


def test_a_stranger_signs_in_and_comes_back(sqlite_app: Flask, client: FlaskClient) -> None:
    citizen = a_citizen(sqlite_app)
    page = follow(client, client.get("/account"))
    assert page_of(page) == "sign_in"
    form = {"parked": parked_in(page), "identifier": citizen.number, "password": citizen.password}
    assert client.post("/sign-in", data=form).location == "/account"


def test_it_shows_my_facts_and_who_says_so(sqlite_app: Flask, client: FlaskClient) -> None:
    sign_in(client, a_citizen(sqlite_app))
    page = client.get("/account")
    for part in ("Nguyễn Thị Mẫu", "003190000013", "02/01/1990", "0912 000 013", "nguyen.thi.mau@nguoi-mau.example"):
        assert part in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_who_vouches_is_told_apart(sqlite_app: Flask) -> None:
    texts = []
    for number, source in zip(NUMBERS, (ProofSource.SELF, ProofSource.COUNTER), strict=True):
        client = sqlite_app.test_client()
        client.get("/language/en")
        sign_in(client, a_citizen(sqlite_app, number, proof_source=source))
        texts.append(client.get("/account").text)
    assert ["declared by yourself" in text.lower() for text in texts] == [True, False]
    assert ["checked at a service counter" in text.lower() for text in texts] == [False, True]


def test_it_shows_nobody_elses(sqlite_app: Flask, client: FlaskClient) -> None:
    a_citizen(sqlite_app, NUMBERS[1])
    sign_in(client, a_citizen(sqlite_app))
    text = client.get("/account").text
    assert "Trần Văn Thử" not in text
    assert "003085000021" not in text


def test_it_lists_the_services_that_received_something(sqlite_app: Flask, client: FlaskClient) -> None:
    service = a_service(sqlite_app, purpose={"vi": "Nhận hồ sơ"})
    a_service(sqlite_app, client_name="Chưa từng vào")
    obtain_tokens(client, service, a_citizen(sqlite_app))
    text = client.get("/account").text
    assert "Dịch vụ thử" in text
    assert "Nhận hồ sơ" in text
    assert "Chưa từng vào" not in text


def test_days_are_those_of_viet_nam(sqlite_app: Flask, clock: FixedClock) -> None:
    clock.advance(seconds=(datetime(2026, 12, 31, 17, 30, tzinfo=UTC) - clock.now()).total_seconds())
    client = sqlite_app.test_client()
    sign_in(client, a_citizen(sqlite_app))
    text = client.get("/account").text
    assert "01/01/2027" in text
    assert "31/12/2026" not in text


def test_looking_at_it_keeps_the_sign_in_from_becoming_idle_and_is_written_seldom(
    sqlite_app: Flask, client: FlaskClient, clock: FixedClock
) -> None:
    sign_in(client, a_citizen(sqlite_app))
    for _ in range(4):
        clock.advance(minutes=25)
        assert client.get("/account").status_code == 200
    seen_at = clock.now()
    clock.advance(minutes=4)
    client.get("/account")
    with sqlite_app.app_context():
        assert [row.seen_at for row in rows_of("sessions")] == [seen_at]
    clock.advance(minutes=30)
    assert client.get("/account").status_code == 303
