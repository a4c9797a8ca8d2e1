"""The outbox: taken under a lease by one worker, tried again, given up in the end, never lost."""

from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from idp import storage
from idp.storage import tables
from idp.storage.outbox import Parcel
from tests.storage.house import House

LEASE = timedelta(seconds=60)


def add(house: House, kind: str = "fetch_logo", **body: str) -> object:
    with storage.begin() as tx:
        return storage.outbox.insert_parcel(tx, house.keyring, kind, dict(body), now=house.clock.now())


def take(house: House, limit: int = 10) -> list[Parcel]:
    with storage.begin() as tx:
        return storage.outbox.use_due(tx, house.keyring, now=house.clock.now(), lease_for=LEASE, limit=limit)


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
    with storage.begin() as tx:
        storage.outbox.end_delivered(tx, parcel, house.clock.now())
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
        storage.outbox.insert_parcel(tx, house.keyring, "fetch_logo", {}, now=house.clock.now())
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
