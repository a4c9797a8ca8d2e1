"""One way out for every ending: the session ends, its grants end, and who wants to know is told through the outbox."""

from contextlib import suppress

import pytest
from sqlalchemy import update

from idp import storage
from idp.domain.sessions import EndReason
from idp.runtime.data_keys import Unsealable
from idp.storage import tables
from tests.storage.house import House

LOGOUT = "https://one.example/logout"


def parcels(house: House) -> list[storage.outbox.Parcel]:
    with storage.begin() as tx:
        return storage.outbox.use_due(
            tx, house.keyring, now=house.clock.now(), lease_for=house.times.idle_for, limit=100
        )


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
    assert house.end(session, EndReason.LOCKED, actor="the tests", offline_too=True) == []
    assert house.count(tables.outbox) == 1
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


def test_what_waits_in_the_outbox_is_sealed_for_its_row(house: House) -> None:
    person = house.person()
    session = house.session(person)
    house.exchange(house.code(session, house.service(logout=LOGOUT)))
    house.end(session)
    (row,) = house.rows(tables.outbox)
    assert session.id.hex.encode() not in row.body_sealed
    with storage.begin() as tx:
        tx.execute(update(tables.outbox).values(id=house.new_id()))
    with pytest.raises(Unsealable):
        parcels(house)
