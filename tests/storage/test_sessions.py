"""Sessions: found by the digest of their cookie while they live, ended once, listed when they ran out."""

from dataclasses import replace
from datetime import timedelta

import pytest

from idp import storage
from idp.domain.accounts import AccountState
from idp.domain.sessions import EndReason
from idp.runtime import chance
from idp.storage import tables
from idp.storage.sessions import SignedIn
from tests.storage.house import ABSOLUTE_FOR, IDLE_FOR, House


def signed_in(house: House, token: str = "cookie") -> SignedIn | None:
    with storage.once() as tx:
        return storage.sessions.find_signed_in(
            tx, house.keyring, chance.digest(token), now=house.clock.now(), idle_for=IDLE_FOR
        )


def test_a_live_session_is_found_with_its_person(house: House) -> None:
    person, _ = house.person(), house.session(house.person(), "another cookie")
    session = house.session(person, "cookie")
    found = signed_in(house)
    assert found is not None
    assert (found.session, found.subject, found.profile.name) == (session, person.subject, "Nguyễn Thị Mẫu")


@pytest.mark.parametrize("token", ["", "Cookie", "cookie ", "another"])
def test_another_cookie_finds_nobody(house: House, token: str) -> None:
    house.session(house.person(), "cookie")
    assert signed_in(house, token) is None


def test_the_cookie_itself_stands_nowhere(house: House) -> None:
    house.session(house.person(), "a-secret-cookie")
    (row,) = house.rows(tables.sessions)
    assert not [value for value in row if value in ("a-secret-cookie", b"a-secret-cookie")]
    assert row.token_digest == chance.digest("a-secret-cookie")


def test_a_session_idle_for_too_long_is_over(house: House) -> None:
    session = house.session(house.person(), "cookie")
    house.clock.advance(seconds=IDLE_FOR.total_seconds() - 1)
    assert signed_in(house) is not None
    with storage.begin() as tx:
        storage.sessions.touch(tx, session.id, house.clock.now())
    house.clock.advance(seconds=IDLE_FOR.total_seconds() - 1)
    assert signed_in(house) is not None
    house.clock.advance(seconds=1)
    assert signed_in(house) is None


def test_a_session_too_old_is_over_though_it_is_used(house: House) -> None:
    session = house.session(house.person(), "cookie")
    house.clock.advance(seconds=ABSOLUTE_FOR.total_seconds())
    with storage.begin() as tx:
        storage.sessions.touch(tx, session.id, house.clock.now())
    assert signed_in(house) is None


@pytest.mark.parametrize("state", [AccountState.LOCKED, AccountState.CLOSED, AccountState.PENDING])
def test_the_session_of_a_person_who_may_not_sign_in_is_none(house: House, state: AccountState) -> None:
    person = house.person()
    house.session(person, "cookie")
    house.set_state(person, state)
    assert signed_in(house) is None


def test_a_session_ends_once_and_for_good(house: House) -> None:
    session = house.session(house.person(), "cookie")
    with storage.begin() as tx:
        assert storage.sessions.end_session(tx, session.id, EndReason.SIGNED_OUT, house.clock.now())
        assert not storage.sessions.end_session(tx, session.id, EndReason.LOCKED, house.clock.now())
        storage.sessions.touch(tx, session.id, house.clock.advance(minutes=1))
        assert not storage.sessions.renew_session(tx, session, chance.digest("new"))
    (row,) = house.rows(tables.sessions)
    assert (row.end_reason, row.seen_at) == ("signed_out", session.seen_at)
    assert signed_in(house) is None
    assert signed_in(house, "new") is None


def test_a_new_proof_moves_the_session_under_a_new_cookie(house: House) -> None:
    session = house.session(house.person(), "old")
    now = house.clock.advance(minutes=1)
    proved = replace(
        session, auth_time=now, amr=("pwd", "otp"), auth_level=2, seen_at=now, expires_at=now + ABSOLUTE_FOR
    )
    with storage.begin() as tx:
        assert storage.sessions.renew_session(tx, proved, chance.digest("new"))
    assert signed_in(house, "old") is None
    found = signed_in(house, "new")
    assert found is not None
    assert found.session == proved


def test_address_and_agent_are_sealed_for_the_person(house: House) -> None:
    person = house.person()
    session = house.session(person)
    (row,) = house.rows(tables.sessions)
    assert person.key.open("sessions.address_sealed", session.id, row.address_sealed) == "192.0.2.7"
    assert person.key.open("sessions.agent_sealed", session.id, row.agent_sealed) == "an agent"


def test_a_proof_is_kept_with_its_source_and_methods(house: House) -> None:
    person = house.person()
    session = house.session(person)
    with storage.begin() as tx:
        storage.sessions.insert_authentication(
            tx, person.key, session, source="https://id.example", address="192.0.2.7", now=house.clock.now()
        )
    (row,) = house.rows(tables.authentications)
    assert (row.session_id, row.source, row.amr, row.auth_level) == (session.id, "https://id.example", "pwd", 1)
    assert person.key.open("authentications.address_sealed", row.id, row.address_sealed) == "192.0.2.7"


def test_what_ran_out_by_itself_is_listed_and_nothing_else(house: House) -> None:
    person = house.person()
    idle, ended = house.session(person), house.session(person)
    house.end(ended)
    house.clock.advance(minutes=20)
    fresh = house.session(person)
    house.clock.advance(minutes=10)

    def run_out(limit: int = 10, idle_for: timedelta = IDLE_FOR) -> list[object]:
        with storage.once() as tx:
            found = storage.sessions.list_run_out(tx, now=house.clock.now(), idle_for=idle_for, limit=limit)
        return [session.id for session in found]

    assert run_out() == [idle.id]
    house.clock.advance(hours=12)
    assert run_out(idle_for=timedelta(days=1)) == [idle.id, fresh.id]
    assert run_out(1) == [idle.id]
    with storage.once() as tx:
        assert [session.id for session in storage.sessions.list_live(tx, person.id)] == [idle.id, fresh.id]
