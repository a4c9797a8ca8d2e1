"""The outbox: taken under a lease by one worker, tried again, given up in the end, never lost."""

from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from idp import storage
from idp.storage import tables
from idp.storage.outbox import Parcel
from tests.storage.house import House

LEASE = timedelta(seconds=60)


def add(house: House, kind: str = "fetch_logo", service: UUID | None = None, **body: str) -> UUID:
    """A parcel for `service`, or for one of its own."""
    with storage.begin() as tx:
        return storage.outbox.insert_parcel(
            tx, house.keyring, kind, dict(body), now=house.clock.now(), service_id=service or house.new_id()
        )


def take(house: House, limit: int = 10) -> list[Parcel]:
    with storage.begin() as tx:
        return storage.outbox.use_due(tx, house.keyring, now=house.clock.now(), lease_for=LEASE, limit=limit)


def deliver(house: House, parcel: Parcel) -> None:
    with storage.begin() as tx:
        storage.outbox.end_delivered(tx, parcel, house.clock.now())


def deliver_next(house: House) -> UUID:
    """Deliver the one parcel that is due."""
    (parcel,) = take(house)
    deliver(house, parcel)
    return parcel.id


def put_off(house: House, service: UUID, seconds: int) -> None:
    with storage.begin() as tx:
        storage.outbox.put_off(tx, service, house.clock.now() + timedelta(seconds=seconds))


def next_tries(house: House) -> dict[UUID, datetime]:
    return {row.id: row.next_try_at for row in house.rows(tables.outbox)}


def fail(house: House, parcel: Parcel, next_try_at: datetime | None, failure: str = "answered 500") -> None:
    with storage.begin() as tx:
        storage.outbox.end_failed_try(tx, parcel.id, failure, next_try_at=next_try_at)


def test_a_parcel_is_taken_once_while_its_lease_lasts(house: House) -> None:
    id_ = add(house, name="Nguyễn Thị Mẫu")
    (parcel,) = take(house)
    assert (parcel.id, parcel.kind, parcel.body, parcel.tries) == (id_, "fetch_logo", {"name": "Nguyễn Thị Mẫu"}, 0)
    assert parcel.created_at == house.clock.now()
    assert take(house) == []
    house.clock.advance(seconds=59)
    assert take(house) == []


def test_a_parcel_of_a_worker_that_died_is_taken_by_another(house: House) -> None:
    id_ = add(house)
    take(house)
    house.clock.advance(seconds=60)
    assert [parcel.id for parcel in take(house)] == [id_]


def test_a_delivered_parcel_is_never_taken_again_and_stays_in_the_ledger(house: House) -> None:
    add(house)
    (parcel,) = take(house)
    deliver(house, parcel)
    house.clock.advance(days=2)
    assert take(house) == []
    (row,) = house.rows(tables.outbox)
    assert (row.state, row.tries, row.leased_until) == ("delivered", 1, None)
    assert row.delivered_at is not None


def test_a_failed_parcel_waits_for_its_next_try(house: House) -> None:
    add(house)
    (parcel,) = take(house)
    fail(house, parcel, house.clock.now() + timedelta(seconds=5))
    assert take(house) == []
    house.clock.advance(seconds=5)
    (again,) = take(house)
    assert (again.id, again.tries) == (parcel.id, 1)
    assert house.rows(tables.outbox)[0].last_failure == "answered 500"


def test_a_parcel_without_a_next_try_is_given_up_and_stays_in_the_ledger(house: House) -> None:
    add(house)
    (parcel,) = take(house)
    fail(house, parcel, None, "x" * 500)
    house.clock.advance(days=2)
    assert take(house) == []
    (row,) = house.rows(tables.outbox)
    assert (row.state, row.tries, row.last_failure) == ("failed", 1, "x" * 120)


def test_the_longest_due_comes_first_and_no_more_than_asked(house: House) -> None:
    ids = []
    for _ in range(4):
        ids.append(add(house))
        house.clock.advance(seconds=1)
    assert [parcel.id for parcel in take(house, 3)] == ids[:3]
    assert [parcel.id for parcel in take(house, 3)] == ids[3:]


def test_a_parcel_that_is_undone_with_its_change_was_never_there(house: House) -> None:
    with suppress(ZeroDivisionError), storage.begin() as tx:
        storage.outbox.insert_parcel(
            tx, house.keyring, "fetch_logo", {}, now=house.clock.now(), service_id=house.new_id()
        )
        raise ZeroDivisionError
    assert take(house) == []


def test_many_workers_at_once_take_each_parcel_once(house: House) -> None:
    ids = {add(house) for _ in range(24)}
    got = house.at_once([lambda: take(house, 6)] * 5)
    taken = [parcel.id for each in got if isinstance(each, list) for parcel in each]
    assert not [each for each in got if isinstance(each, Exception)]
    assert len(taken) == len(set(taken))
    house_keeping = take(house, 100)
    assert {*taken, *(parcel.id for parcel in house_keeping)} == ids


@pytest.mark.postgres
def test_what_another_connection_holds_is_passed_over_without_waiting(postgres_house: House) -> None:
    house = postgres_house
    ids = [add(house), add(house)]
    with storage.begin() as first:
        held = storage.outbox.use_due(first, house.keyring, now=house.clock.now(), lease_for=LEASE, limit=1)
        with storage.begin() as second:  # the first has not committed, so the lease is not to be seen yet
            second.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
            other = storage.outbox.use_due(second, house.keyring, now=house.clock.now(), lease_for=LEASE, limit=2)
    assert {parcel.id for parcel in (*held, *other)} == set(ids)
    assert len(held) == len(other) == 1


def test_a_parcel_whose_key_is_lost_is_given_up_and_holds_nobody_up(house: House) -> None:
    lost, good = add(house), add(house)
    with storage.begin() as tx:
        rows = tables.outbox
        foreign = house.keyring.new_data_key().seal("outbox.body_sealed", house.rows(rows)[0].id, "{}")
        tx.execute(rows.update().where(rows.c.id == lost).values(body_sealed=foreign))
    assert [parcel.id for parcel in take(house)] == [good]
    (given_up,) = [row for row in house.rows(tables.outbox) if row.id == lost]
    assert (given_up.state, given_up.last_failure) == ("failed", "the body cannot be opened")


def test_a_service_is_given_one_parcel_at_a_time_the_longest_due_first(house: House) -> None:
    service = house.new_id()
    ids = []
    for _ in range(3):
        ids.append(add(house, service=service))
        house.clock.advance(seconds=1)
    alone = add(house)
    taken = {parcel.id: parcel for parcel in take(house)}
    assert set(taken) == {ids[0], alone}
    deliver(house, taken[ids[0]])
    assert [parcel.id for parcel in take(house)] == [ids[1]]


def test_what_many_parcels_wait_for_keeps_no_other_service_waiting(house: House) -> None:
    hanging = house.new_id()
    for _ in range(20):
        add(house, service=hanging)
        house.clock.advance(seconds=1)
    others = [add(house) for _ in range(3)]
    assert {parcel.id for parcel in take(house, 4)} > set(others)


def test_a_service_with_a_delivery_under_way_is_passed_over_until_it_is_done_or_its_lease_ends(house: House) -> None:
    service = house.new_id()
    ids = [add(house, service=service) for _ in range(3)]
    (first,) = take(house)
    other = add(house)
    assert [parcel.id for parcel in take(house)] == [other]
    assert take(house) == []
    deliver(house, first)
    assert [parcel.id for parcel in take(house)] == [ids[1]]
    house.clock.advance(seconds=60)
    assert {parcel.id for parcel in take(house)} == {ids[1], other}, "their worker died"


def test_of_many_workers_at_once_one_is_given_a_parcel_of_a_service(house: House) -> None:
    service = house.new_id()
    waiting = {add(house, service=service) for _ in range(12)}
    while waiting:
        got = house.at_once([lambda: take(house, 6)] * 4)
        assert not [each for each in got if isinstance(each, Exception)]
        (parcel,) = (parcel for each in got if isinstance(each, list) for parcel in each)
        waiting.remove(parcel.id)
        deliver(house, parcel)


@pytest.mark.postgres
def test_a_service_that_another_worker_is_choosing_for_is_passed_over(postgres_house: House) -> None:
    house, service = postgres_house, postgres_house.new_id()
    for _ in range(2):
        add(house, service=service)
    with storage.begin() as first:
        assert storage.outbox.use_due(first, house.keyring, now=house.clock.now(), lease_for=LEASE, limit=1)
        assert take(house) == []


def test_a_parcel_for_no_service_waits_for_none(house: House) -> None:
    ids = []
    for _ in range(2):
        with storage.begin() as tx:
            ids.append(storage.outbox.insert_parcel(tx, house.keyring, "fetch_logo", {}, now=house.clock.now()))
    add(house)
    assert ids[0] in {parcel.id for parcel in take(house)}
    assert [parcel.id for parcel in take(house)] == [ids[1]]


def test_of_parcels_that_are_due_at_once_one_that_was_tried_less_comes_first(house: House) -> None:
    service = house.new_id()
    refused, other = add(house, service=service), add(house, service=service)
    (tried,) = take(house)
    assert tried.id == refused
    soon = house.clock.now() + timedelta(seconds=5)
    put_off(house, service, 5)
    fail(house, tried, soon)
    house.clock.advance(seconds=5)
    assert [parcel.id for parcel in take(house)] == [other]


def test_a_parcel_of_a_kind_this_version_does_not_know_stays_queued_and_holds_nobody_up(house: House) -> None:
    service = house.new_id()
    unknown = add(house, "of_a_newer_version", service)
    house.clock.advance(seconds=1)
    known = [add(house, kind, service) for kind in storage.outbox.KINDS if kind not in storage.outbox.MESSAGES]
    assert [deliver_next(house) for _ in known] == known
    assert take(house) == []
    house.clock.advance(days=3)
    assert unknown not in [parcel.id for parcel in take(house)]
    (row,) = [row for row in house.rows(tables.outbox) if row.id == unknown]
    assert (row.state, row.tries, row.leased_until, row.last_failure) == ("queued", 0, None, None)


def test_a_delivery_makes_what_else_waits_for_its_service_due_now(house: House) -> None:
    back, away = house.new_id(), house.new_id()
    first, second, third, elsewhere = (add(house, service=each) for each in (back, back, back, away))
    taken = {parcel.id: parcel for parcel in take(house)}
    fail(house, taken[elsewhere], None)
    still_away = add(house, service=away)
    for service in (back, away):
        put_off(house, service, 30)
    assert take(house) == []
    deliver(house, taken[first])
    assert [deliver_next(house), deliver_next(house)] == [second, third]
    assert take(house) == []
    assert next_tries(house)[still_away] == house.clock.now() + timedelta(seconds=30)
    states = {row.id: row.state for row in house.rows(tables.outbox)}
    assert (states[first], states[elsewhere], states[still_away]) == ("delivered", "failed", "queued")


def test_what_waits_for_a_service_that_does_not_answer_is_put_off_and_nothing_else(house: House) -> None:
    away, other = house.new_id(), house.new_id()
    over, waiting, of_other = add(house, service=away), add(house, service=away), add(house, service=other)
    taken = {parcel.id: parcel for parcel in take(house)}
    deliver(house, taken[over])
    later = add(house, service=away)
    (tried,) = take(house)
    fail(house, tried, house.clock.now() + timedelta(seconds=90))
    before = next_tries(house)
    put_off(house, away, 60)
    until = house.clock.now() + timedelta(seconds=60)
    assert tried.id == waiting
    assert next_tries(house) == {**before, later: until}
    assert before[of_other] == house.clock.now()
