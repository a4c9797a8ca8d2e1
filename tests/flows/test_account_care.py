"""A lock ends everything and lasts until it is lifted; a withdrawal ends one service's access and no other's."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from idp import storage
from idp.domain.accounts import Closing, Ground, Lock, Subject
from idp.domain.notices import Notice
from idp.domain.refusals import Refusal
from idp.flows import account_care, sign_out
from idp.runtime.runtime import Runtime
from tests.builders import (
    Citizen,
    Service,
    a_citizen,
    a_service,
    ask,
    follow,
    obtain_code,
    obtain_tokens,
    page_of,
    refresh,
    sign_in,
    spend,
    userinfo,
)
from tests.doubles import FixedClock
from tests.flows.test_sign_out import find_signed_in
from tests.rows import count_rows, events, rows_of

LASTING = "openid email offline_access"


@pytest.fixture
def citizen(app: Flask) -> Citizen:
    return a_citizen(app)


@pytest.fixture
def service(app: Flask) -> Service:
    return a_service(app)


@pytest.fixture
def browser(app: Flask, citizen: Citizen, service: Service) -> FlaskClient:
    """Of a person who has agreed to lasting access at the service."""
    browser = app.test_client()
    obtain_code(browser, service, citizen, scope=LASTING)
    return browser


@pytest.fixture
def person(runtime: Runtime, citizen: Citizen) -> Iterator[Subject]:
    with storage.once() as tx:
        yield account_care.find_person(tx, runtime, citizen.number)


def do(deed: Any, runtime: Runtime, person: Subject, *rest: Any, **words: Any) -> Any:
    with storage.begin() as tx:
        return deed(tx, runtime, person, *rest, actor="an officer", **words)


def lock(runtime: Runtime, person: Subject) -> None:
    do(account_care.lock, runtime, person, Lock(Ground.MISUSE, "reported stolen", legal_basis="QĐ 12/2026"))


def test_a_lock_ends_sessions_grants_and_codes_at_once_and_tells_the_services(
    app: Flask, runtime: Runtime, person: Subject, browser: FlaskClient, service: Service
) -> None:
    lasting, waiting = obtain_tokens(browser, service, scope=LASTING), obtain_code(browser, service, scope=LASTING)
    lock(runtime, person)
    assert userinfo(browser, lasting["access_token"]).status_code == 401
    assert refresh(browser, service, lasting["refresh_token"]).status_code == 400
    assert spend(browser, service, waiting).get_json()["error"] == "invalid_grant"
    assert page_of(follow(browser, ask(browser, service))) == "sign_in"
    assert {row.end_reason for row in (*rows_of("sessions"), *rows_of("grants"))} == {"locked"}
    assert [row.kind for row in rows_of("outbox")] == ["backchannel_logout"]
    assert events()["account.locked"] == 1


def test_a_lock_ends_what_outlived_its_session(
    runtime: Runtime, person: Subject, browser: FlaskClient, service: Service
) -> None:
    lasting = obtain_tokens(browser, service, scope=LASTING)
    signed_in = find_signed_in(runtime, browser)
    assert signed_in is not None
    with storage.begin() as tx:
        sign_out.sign_out(tx, runtime, signed_in)
    assert userinfo(browser, lasting["access_token"]).status_code == 200
    [told_of_sign_out] = rows_of("outbox")
    lock(runtime, person)
    assert userinfo(browser, lasting["access_token"]).status_code == 401
    [entry] = [row for row in rows_of("audit") if row.event == "grant.revoked"]
    assert (entry.subject_id, entry.service_id, entry.session_id, entry.actor) == (
        *(person.id, service.id, signed_in.session.id),
        "an officer",
    )
    [told] = [row for row in rows_of("outbox") if row.id != told_of_sign_out.id]
    assert (told.service_id, told.session_id) == (service.id, signed_in.session.id)
    do(account_care.unlock, runtime, person, reason="found again")
    assert userinfo(browser, lasting["access_token"]).status_code == 401, "a lock is no pause"


def test_who_is_locked_signs_in_again_only_when_unlocked(
    app: Flask, runtime: Runtime, person: Subject, citizen: Citizen
) -> None:
    lock(runtime, person)
    with pytest.raises(AssertionError):
        sign_in(app.test_client(), citizen)
    do(account_care.unlock, runtime, person, reason="found again")
    sign_in(app.test_client(), citizen)
    assert events()["account.unlocked"] == 1


def test_a_state_changes_once_and_never_without_a_reason(runtime: Runtime, person: Subject) -> None:
    with pytest.raises(Refusal, match="reason_missing"):
        do(account_care.lock, runtime, person, Lock(Ground.MISUSE, " "))
    with pytest.raises(Refusal, match="wrong_state"):
        do(account_care.unlock, runtime, person, reason="nothing to unlock")
    lock(runtime, person)
    with pytest.raises(Refusal, match="wrong_state"):
        lock(runtime, person)
    assert events()["account.locked"] == 1


def test_why_an_account_was_locked_is_kept(runtime: Runtime, person: Subject) -> None:
    lock(runtime, person)
    [row] = rows_of("subjects")
    assert (row.state, row.state_reason, row.state_legal_basis) == ("locked", "misuse", "QĐ 12/2026")
    [entry] = [row for row in rows_of("audit") if row.event == "account.locked"]
    assert entry.actor == "an officer"
    assert b"stolen" not in entry.details_sealed


@pytest.mark.parametrize("number", ["003190009999", "12345", ""])
def test_nobody_is_found_under_another_number(runtime: Runtime, person: Subject, number: str) -> None:
    with pytest.raises(Refusal), storage.once() as tx:
        account_care.find_person(tx, runtime, number)


def test_a_withdrawal_ends_the_access_of_one_service_and_is_told_to_it(
    app: Flask, runtime: Runtime, person: Subject, browser: FlaskClient, service: Service
) -> None:
    other = a_service(app, client_name="Khác", redirect_uris=["https://khac.example/cb"])
    obtain_code(browser, other, scope="openid email")
    kept, lasting = obtain_tokens(browser, other), obtain_tokens(browser, service, scope=LASTING)
    waiting = obtain_code(browser, service, scope="openid email")
    assert do(account_care.withdraw, runtime, person, service.client_id) == 1
    assert userinfo(browser, lasting["access_token"]).status_code == 401
    assert refresh(browser, service, lasting["refresh_token"]).status_code == 400
    assert spend(browser, service, waiting).get_json()["error"] == "invalid_grant"
    assert userinfo(browser, kept["access_token"]).status_code == 200
    assert [row.service_id for row in rows_of("outbox")] == [service.id]
    assert (events()["consent.withdrawn"], events()["grant.withdrawn"]) == (1, 1)
    assert page_of(follow(browser, ask(browser, service, scope="openid email"))) == "consent"


def test_nothing_is_withdrawn_where_nothing_was_agreed(
    app: Flask, runtime: Runtime, person: Subject, service: Service
) -> None:
    before = count_rows()
    for client_id in (service.client_id, "khong-co"):
        with pytest.raises(Refusal):
            do(account_care.withdraw, runtime, person, client_id)
    assert count_rows() == before


OPEN_AGAIN = Notice("Open again", "Open again")


def end_of(clock: FixedClock, **ahead: float) -> datetime:
    return clock.now() + timedelta(**ahead)


def test_an_automatic_lock_opens_by_itself_when_its_ground_is_over(
    app: Flask, runtime: Runtime, person: Subject, citizen: Citizen, clock: FixedClock
) -> None:
    """Decree 69/2024 Art 15, 30."""
    expired = Lock(Ground.CARD_EXPIRED, "card ran out", source="register", until=end_of(clock, days=3))
    do(account_care.lock, runtime, person, expired)
    clock.advance(days=2, hours=23)
    assert reopen(runtime) == 0
    with pytest.raises(AssertionError):
        sign_in(app.test_client(), citizen)
    clock.advance(hours=1)
    assert (reopen(runtime), reopen(runtime)) == (1, 0)
    sign_in(app.test_client(), citizen)
    assert events()["account.unlocked"] == 1
    [row] = rows_of("subjects")
    assert (row.state, row.state_until, row.state_source) == ("active", None, None)


def test_a_decision_takes_the_place_of_an_automatic_lock_and_no_day_opens_it(
    runtime: Runtime, person: Subject, clock: FixedClock
) -> None:
    expired = Lock(Ground.RESIDENCE_EXPIRED, "permit ran out", until=end_of(clock, days=1))
    do(account_care.lock, runtime, person, expired)
    do(account_care.lock, runtime, person, Lock(Ground.AUTHORITY, "asked by the court", source="CV 7/2026"))
    clock.advance(days=400)
    assert reopen(runtime) == 0
    with pytest.raises(Refusal, match="wrong_state"):
        do(account_care.lock, runtime, person, Lock(Ground.CARD_EXPIRED, "too", until=end_of(clock, days=1)))
    [row] = rows_of("subjects")
    assert (row.state, row.state_reason, row.state_source) == ("locked", "authority", "CV 7/2026")


def test_the_own_wish_stays_when_the_automatic_ground_it_was_put_over_is_over(
    runtime: Runtime, person: Subject, clock: FixedClock
) -> None:
    """Whoever fears for the account gets the lock asked for, though the card had run out."""
    do(account_care.lock, runtime, person, Lock(Ground.CARD_EXPIRED, "card ran out", until=end_of(clock, days=1)))
    with storage.begin() as tx:
        assert account_care.lock_own(tx, runtime, person.id, Notice("Locked", "Locked"))
        assert not account_care.lock_own(tx, runtime, person.id, Notice("Locked", "Locked"))
    clock.advance(days=400)
    assert reopen(runtime) == 0
    [row] = rows_of("subjects")
    assert (row.state, row.state_reason) == ("locked", "own_wish")


def test_what_is_closed_is_neither_locked_nor_opened(runtime: Runtime, person: Subject) -> None:
    do(account_care.close, runtime, person, Closing.DIED, reason="certificate 12")
    for deed, words in (
        (account_care.unlock, {"reason": "mistake"}),
        (account_care.close, {"closing": Closing.MERGED, "reason": "again"}),
        (account_care.lock, {"lock": Lock(Ground.MISUSE, "late")}),
    ):
        with pytest.raises(Refusal, match="wrong_state"):
            do(deed, runtime, person, **words)
    assert events()["account.closed"] == 1


def test_only_a_closed_account_is_erased(runtime: Runtime, person: Subject) -> None:
    with pytest.raises(Refusal, match="wrong_state"):
        do(account_care.erase, runtime, person)
    assert count_rows()["data_keys"] == 2, "the person's and the house's"


def test_who_was_erased_is_neither_read_nor_found_and_the_history_stays(
    runtime: Runtime, citizen: Citizen, person: Subject
) -> None:
    do(account_care.close, runtime, person, Closing.WITHDRAWN, reason="asked")
    written = rows_of("audit")
    do(account_care.erase, runtime, person)
    with storage.begin() as tx:
        assert storage.data_keys.find_data_key(tx, runtime.keyring, person.id) is None
        with pytest.raises(Refusal, match="no_such_account"):
            account_care.find_person(tx, runtime, citizen.number)
    for table in storage.erasure.FOUND_BY:
        assert person.id not in {row.subject_id for row in rows_of(table.name)}, table.name
    [subject] = [row for row in rows_of("subjects") if row.id == person.id]
    assert subject.state == "closed", "its sub is nobody else's"
    assert {row.id: row for row in rows_of("audit")}.items() >= {row.id: row for row in written}.items()
    assert events()["account.erased"] == 1


def reopen(runtime: Runtime) -> int:
    with storage.begin() as tx:
        return account_care.reopen_run_out(tx, runtime, OPEN_AGAIN, limit=10)
