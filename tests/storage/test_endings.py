"""One way out for every ending: the session ends, its grants end, and who wants to know is told through the outbox."""

from collections import Counter
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import update

from idp import storage
from idp.domain.grants import MachineGrant
from idp.domain.relying_services import RelyingService
from idp.domain.sessions import EndReason, Session
from idp.flows import housekeeping
from idp.storage import tables
from tests.storage.house import IDLE_FOR, House, Person

LOGOUT = "https://one.example/logout"


def parcels(house: House) -> list[storage.outbox.Parcel]:
    with storage.begin() as tx:
        return storage.outbox.use_due(
            tx, house.keyring, now=house.clock.now(), lease_for=house.times.idle_for, limit=100
        )


def endings(house: House) -> list[tuple[object, ...]]:
    return [(row.event, row.session_id, row.actor) for row in house.endings()]


def test_backchannel_logout_2_each_visited_service_with_a_logout_address_is_told_once(house: House) -> None:
    person = house.person()
    session = house.session(person)
    told, silent = house.service("one", LOGOUT), house.service("two")
    never_visited = house.service("three", "https://three.example/logout")
    for service in (told, told, silent):
        house.exchange(house.code(session, service))
    visited = house.end(session)
    assert sorted(visited) == sorted([told.id, silent.id])
    assert never_visited.id not in visited
    (parcel,) = parcels(house)
    assert (parcel.kind, parcel.service_id) == ("backchannel_logout", told.id)
    assert parcel.body == {"session": session.id.hex, "subject": person.id.hex}
    with storage.once() as tx:
        assert storage.outbox.list_of_session(tx, session.id) == [(told.id, "queued", 0)]


def test_a_session_that_ended_before_tells_nobody_again(house: House) -> None:
    session = house.session(house.person())
    house.exchange(house.code(session, house.service(logout=LOGOUT)))
    assert house.end(session) != []
    assert house.end(session, EndReason.LOCKED, actor="an officer", offline_too=True) == []
    assert house.count(tables.outbox) == 1
    assert endings(house) == [("session.signed_out", session.id, "the tests")]
    assert {row.end_reason for row in house.rows(tables.sessions)} == {"signed_out"}


def test_a_session_that_visited_nobody_ends_quietly(house: House) -> None:
    assert house.end(house.session(house.person())) == []
    assert house.count(tables.outbox) == 0
    assert house.rows(tables.sessions)[0].ended_at == house.clock.now()


def test_a_service_whose_grant_ended_before_is_told_all_the_same(house: House) -> None:
    session, service = house.session(house.person()), house.service(logout=LOGOUT)
    code = house.code(session, service)
    house.exchange(code)
    with storage.begin() as tx:
        storage.grants.end_grant(tx, code.grant_id, EndReason.CODE_REPLAYED, house.clock.now())
    house.end(session)
    assert house.count(tables.outbox) == 1
    assert house.rows(tables.grants)[0].end_reason == "code_replayed"


def test_an_ending_that_is_undone_leaves_no_trace(house: House) -> None:
    session = house.session(house.person())
    code = house.code(session, house.service(logout=LOGOUT))
    house.exchange(code)
    with suppress(ZeroDivisionError), storage.begin() as tx:
        storage.endings.end_session(
            tx, house.keyring, session, EndReason.SIGNED_OUT, house.clock.now(), actor="the tests", offline_too=False
        )
        raise ZeroDivisionError
    assert house.find_live(code) is not None
    assert house.count(tables.outbox) == 0
    assert endings(house) == []


@pytest.mark.parametrize(
    ("reason", "event"),
    [
        (EndReason.SIGNED_OUT, "session.signed_out"),
        (EndReason.EXPIRED, "session.expired"),
        (EndReason.ANOTHER_PERSON, "session.replaced"),
        (EndReason.LOCKED, "session.ended"),
    ],
)
def test_every_ending_is_noted_by_what_it_was_and_who_did_it(house: House, reason: EndReason, event: str) -> None:
    person = house.person()
    session, other = house.session(person), house.session(person)
    house.end(session, reason, actor="somebody")
    assert endings(house) == [(event, session.id, "somebody")]
    (line,) = house.endings()
    assert (line.subject_id, line.at, line.details_sealed) == (person.id, house.clock.now(), None)
    assert other.id in {row.id for row in house.rows(tables.sessions) if row.ended_at is None}


def test_the_ending_of_somebody_erased_is_noted_all_the_same(house: House) -> None:
    person = house.person()
    session = house.session(person)
    house.erase(person)
    house.end(session, EndReason.EXPIRED, actor="the worker")
    assert endings(house) == [("session.expired", session.id, "the worker")]


def test_a_session_that_ran_out_is_ended_and_noted_by_the_worker_once(house: House) -> None:
    session = house.session(house.person())
    house.exchange(house.code(session, house.service(logout=LOGOUT)))
    house.clock.advance(seconds=IDLE_FOR.total_seconds())
    ended = []
    for _ in range(2):
        with storage.begin() as tx:
            ended.append(housekeeping.end_run_out_sessions(tx, house.runtime))
    assert ended == [1, 0]
    assert endings(house) == [("session.expired", session.id, "the worker")]
    assert house.count(tables.outbox) == 1


def test_what_waits_in_the_outbox_is_sealed_for_its_row(house: House) -> None:
    person = house.person()
    session = house.session(person)
    house.exchange(house.code(session, house.service(logout=LOGOUT)))
    house.end(session)
    (row,) = house.rows(tables.outbox)
    assert session.id.hex.encode() not in row.body_sealed
    with storage.begin() as tx:
        tx.execute(update(tables.outbox).values(id=house.new_id()))
    assert parcels(house) == []
    assert house.rows(tables.outbox)[0].last_failure == "the body cannot be opened"


# -- grants that end without their session -------------------------------------------------------------------------


def lasting_grants(house: House, person: Person, *services: RelyingService) -> Session:
    """Two grants at each service that have outlived their session; what was told of its end is cleared."""
    session = house.session(person)
    for service in services * 2:
        house.exchange(house.code(session, service, offline=True))
    house.end(session)
    with storage.begin() as tx:
        tx.execute(tables.outbox.delete())
    return session


def noted(house: House) -> Counter[tuple[object, ...]]:
    """The lines of the audit that tell of a grant's end."""
    lines = [row for row in house.rows(tables.audit) if row.event.startswith("grant.")]
    return Counter((row.event, row.subject_id, row.service_id, row.session_id, row.actor) for row in lines)


def test_the_end_of_a_person_notes_each_lasting_grant_and_tells_each_service_once_of_each_session(house: House) -> None:
    person, told, silent = house.person(), house.service("one", LOGOUT), house.service("two")
    first, second = (lasting_grants(house, person, told, silent) for _ in range(2))
    with storage.begin() as tx:
        storage.endings.end_person(
            tx, house.keyring, person.id, EndReason.LOCKED, house.clock.now(), actor="an officer"
        )
    assert {row.end_reason for row in house.rows(tables.grants)} == {"locked"}
    assert noted(house) == {
        ("grant.revoked", person.id, service.id, session.id, "an officer"): 2
        for service in (told, silent)
        for session in (first, second)
    }
    assert sorted((row.service_id, row.session_id) for row in house.rows(tables.outbox)) == sorted(
        (told.id, session.id) for session in (first, second)
    )


def test_the_end_of_a_service_notes_each_grant_and_machine_grant_that_lived_and_tells_nobody(house: House) -> None:
    person, service, other = house.person(), house.service("one", LOGOUT), house.service("two", LOGOUT)
    session, now = lasting_grants(house, person, service, other), house.clock.now()
    with storage.begin() as tx:
        for lasts in (timedelta(minutes=5), timedelta(0)):
            own = MachineGrant(house.new_id(), service.id, ("doc",), None, now, now + lasts)
            storage.machine_grants.insert_grant(tx, own)
        storage.relying_services.end_service(tx, service.id)
        storage.endings.end_service(tx, house.keyring, service.id, now, actor="itself")
    assert noted(house) == {
        ("grant.revoked", person.id, service.id, session.id, "itself"): 2,
        ("grant.revoked", None, service.id, None, "itself"): 1,
    }
    assert house.count(tables.outbox) == 0
    ended = {row.service_id: row.end_reason for row in house.rows(tables.grants)}
    assert ended == {service.id: "service_removed", other.id: None}


def test_a_session_that_ends_later_tells_no_service_that_was_removed(house: House) -> None:
    session, service = house.session(house.person()), house.service(logout=LOGOUT)
    house.exchange(house.code(session, service))
    with storage.begin() as tx:
        storage.relying_services.end_service(tx, service.id)
    assert house.end(session) == [service.id]
    assert house.count(tables.outbox) == 0


@pytest.mark.parametrize(("law", "left"), [(None, ["agreed"]), ("Luật mới", ["agreed", "new"])])
def test_what_stands_on_a_law_ends_with_it_and_what_people_agreed_to_stays(
    house: House, law: str | None, left: list[str]
) -> None:
    session, service = house.session(house.person()), house.service("one", LOGOUT)
    elsewhere = house.service("two", legal_basis="Luật cũ")
    codes = {
        "agreed": house.code(session, service),
        "old": house.noticed(session, service, "Luật cũ"),
        "new": house.noticed(session, service, "Luật mới"),
        "elsewhere": house.noticed(session, elsewhere, "Luật cũ"),
    }
    for name, code in codes.items():
        house.exchange(code, legal_basis={"old": "Luật cũ", "new": "Luật mới"}.get(name, "Luật cũ"))
    waiting = house.noticed(session, service, "Luật cũ")
    with storage.begin() as tx:
        storage.endings.end_on_other_laws(tx, house.keyring, service.id, law, house.clock.now(), actor="the tests")
    assert [name for name, code in codes.items() if house.find_live(code)] == [*left, "elsewhere"]
    assert {row.end_reason for row in house.rows(tables.grants)} == {None, "withdrawn"}
    assert set(noted(house)) == {("grant.withdrawn", session.subject_id, service.id, session.id, "the tests")}
    assert house.count(tables.outbox) == 1
    assert house.exchange(waiting) is None, "a code that stands on it is worth nothing"
