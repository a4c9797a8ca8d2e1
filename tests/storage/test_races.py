"""What happens when many do it at once, on either store: one code, one winner; a logout leaves nothing alive."""

from collections.abc import Callable

import pytest

from idp import storage
from idp.domain.relying_services import RelyingService
from idp.domain.sessions import EndReason
from idp.flows import housekeeping
from idp.storage import tables
from idp.storage.grants import AlreadySpent, Held
from tests.storage.house import IDLE_FOR, House, Person


def test_rfc6749_10_5_of_64_threads_that_spend_one_code_exactly_one_wins(house: House) -> None:
    code = house.code(house.session(house.person()), house.service())
    got = house.at_once([lambda: house.exchange(code)] * 64)
    assert [type(each) for each in got if not isinstance(each, AlreadySpent)] == [Held]
    assert house.count(tables.grants) == house.count(tables.releases) == 1


def test_a_logout_that_races_32_exchanges_leaves_no_live_grant(house: House) -> None:
    session, service = house.session(house.person()), house.service()
    codes = [house.code(session, service) for _ in range(32)]
    house.clock.advance(minutes=6)  # so that each exchange touches the session too

    def spend(code: object) -> object:
        return house.exchange(code)  # type: ignore[arg-type]

    deeds = [lambda code=code: spend(code) for code in codes]  # type: ignore[misc]
    deeds.insert(16, lambda: house.end(session))
    got = house.at_once(deeds)
    assert not [each for each in got if isinstance(each, Exception)]
    assert [house.find_live(code) for code in codes] == [None] * 32
    won = [each for each in got if isinstance(each, Held)]
    assert house.count(tables.grants) == len(won)
    assert {row.end_reason for row in house.rows(tables.grants)} <= {EndReason.SIGNED_OUT}


def test_a_withdrawal_that_races_32_exchanges_leaves_no_live_grant(house: House) -> None:
    """The exchange holds what was agreed, so that a withdrawal wins or waits."""
    session, service = house.session(house.person()), house.service()
    codes = [house.code(session, service) for _ in range(32)]

    def withdraw() -> int:
        now = house.clock.now()
        with storage.begin() as tx:
            storage.consents.end_consents(tx, session.subject_id, service.id, now)
            return storage.endings.end_at_service(
                tx, house.keyring, session.subject_id, service.id, EndReason.WITHDRAWN, now, actor="the tests"
            )

    deeds: list[Callable[[], object]] = [lambda code=code: house.exchange(code) for code in codes]  # type: ignore[misc]
    deeds.insert(16, withdraw)
    got = house.at_once(deeds)
    assert not [each for each in got if isinstance(each, Exception)]
    assert [house.find_live(code) for code in codes] == [None] * 32
    assert house.count(tables.grants) == len([each for each in got if isinstance(each, Held)])


def test_of_two_refreshes_at_once_one_wins(house: House) -> None:
    session, service = house.session(house.person()), house.service()
    code = house.code(session, service)
    house.exchange(code)
    for generation in range(5):
        house.clock.advance(minutes=6)
        got = house.at_once([lambda generation=generation: house.refresh(code, generation)] * 2)  # type: ignore[misc]
        assert sorted(type(each).__name__ for each in got) == ["Held", "NoneType"]
    assert house.rows(tables.grants)[0].generation == 5


def race(house: House, person: Person, service: RelyingService) -> None:
    """Two refreshes, two exchanges and the logout of one session at once."""
    session = house.session(person)
    codes = [house.code(session, service) for _ in range(4)]
    for code in codes[:2]:
        house.exchange(code)
    house.clock.advance(minutes=6)
    deeds: list[Callable[[], object]] = [
        lambda: house.refresh(codes[0], 0),
        lambda: house.refresh(codes[1], 0),
        lambda: house.exchange(codes[2]),
        lambda: house.exchange(codes[3]),
        lambda: house.end(session),
    ]
    assert not [each for each in house.at_once(deeds) if isinstance(each, Exception)]
    assert [house.find_live(code) for code in codes] == [None] * 4


def test_refreshes_exchanges_and_a_logout_never_wait_for_each_other_in_a_circle(house: House) -> None:
    person, service = house.person(), house.service()
    for _ in range(10):
        race(house, person, service)


@pytest.mark.slow
def test_refreshes_exchanges_and_a_logout_never_wait_in_a_circle_many_times(house: House) -> None:
    person, service = house.person(), house.service()
    for _ in range(60):
        race(house, person, service)


def test_of_two_endings_at_once_one_tells_the_services(house: House) -> None:
    session = house.session(house.person())
    house.exchange(house.code(session, house.service(logout="https://one.example/logout")))
    got = house.at_once([lambda: house.end(session)] * 4)
    assert sorted(len(each) for each in got if isinstance(each, list)) == [0, 0, 0, 1]
    assert house.count(tables.outbox) == len(house.endings()) == 1


def test_workers_that_end_what_ran_out_at_once_write_one_line_each(house: House) -> None:
    person, service = house.person(), house.service(logout="https://one.example/logout")
    for _ in range(6):
        house.exchange(house.code(house.session(person), service))
    house.clock.advance(seconds=IDLE_FOR.total_seconds())

    def end_run_out() -> int:
        with storage.begin() as tx:
            return housekeeping.end_run_out_sessions(tx, house.runtime)

    got = house.at_once([end_run_out] * 4)
    assert sum(each for each in got if isinstance(each, int)) == 6, got
    noted = [(row.event, row.session_id) for row in house.endings()]
    assert len(noted) == len(set(noted)) == house.count(tables.outbox) == 6
    assert {event for event, _ in noted} == {"session.expired"}


@pytest.mark.postgres
def test_what_another_worker_is_ending_is_passed_over_without_waiting(postgres_house: House) -> None:
    house = postgres_house
    person = house.person()
    ids = [house.session(person).id, house.session(person).id]
    now = house.clock.advance(seconds=IDLE_FOR.total_seconds())
    with storage.begin() as first:
        held = storage.sessions.list_run_out(first, now=now, idle_for=IDLE_FOR, limit=1)
        with storage.begin() as second:
            second.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
            other = storage.sessions.list_run_out(second, now=now, idle_for=IDLE_FOR, limit=2)
    assert [[session.id for session in each] for each in (held, other)] == [ids[:1], ids[1:]]


@pytest.mark.parametrize("offline", [False, True])
def test_a_lock_that_races_refreshes_leaves_no_live_grant(house: House, offline: bool) -> None:
    session, service = house.session(house.person()), house.service()
    codes = [house.code(session, service, offline=offline) for _ in range(6)]
    for code in codes:
        house.exchange(code)
    deeds = [lambda code=code: house.refresh(code, 0) for code in codes]  # type: ignore[misc]
    got = house.at_once([*deeds, lambda: house.end(session, EndReason.LOCKED, offline_too=True)])  # type: ignore[list-item,return-value]
    assert not [each for each in got if isinstance(each, Exception)]
    assert [house.find_live(code) for code in codes] == [None] * 6
