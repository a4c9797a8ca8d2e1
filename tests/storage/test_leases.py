"""Leases: one holder at a time, held longer by renewing, another's when the holder gave it back or died."""

from datetime import timedelta
from uuid import UUID

from idp import storage
from idp.storage import tables
from tests.storage.house import House

FOR = timedelta(seconds=30)
ONE, OTHER = UUID(int=1), UUID(int=2)


def use(house: House, holder: UUID, name: str = "timed_jobs") -> bool:
    with storage.once(writes=True) as tx:
        return storage.leases.use_lease(tx, name, holder, now=house.clock.now(), lease_for=FOR)


def give_back(holder: UUID) -> None:
    with storage.once(writes=True) as tx:
        storage.leases.end_lease(tx, "timed_jobs", holder)


def test_it_is_anothers_until_it_runs_out(house: House) -> None:
    assert [use(house, ONE), use(house, OTHER)] == [True, False]
    house.clock.advance(seconds=29)
    assert not use(house, OTHER)
    house.clock.advance(seconds=1)
    assert [use(house, OTHER), use(house, ONE)] == [True, False]


def test_its_holder_holds_it_longer(house: House) -> None:
    use(house, ONE)
    for _ in range(3):
        house.clock.advance(seconds=20)
        assert [use(house, ONE), use(house, OTHER)] == [True, False]
    (row,) = house.rows(tables.leases)
    assert (row.holder, row.ends_at) == (ONE, house.clock.now() + FOR)


def test_what_is_given_back_is_free_at_once_and_only_its_holder_gives_it_back(house: House) -> None:
    use(house, ONE)
    give_back(OTHER)
    assert not use(house, OTHER)
    give_back(ONE)
    assert use(house, OTHER)


def test_leases_of_other_names_are_others(house: House) -> None:
    assert use(house, ONE)
    assert use(house, OTHER, "other_work")


def test_of_many_at_once_one_gets_it(house: House) -> None:
    holders = [UUID(int=number) for number in range(1, 13)]
    for _ in range(3):
        got = house.at_once([lambda holder=holder: use(house, holder) for holder in holders])  # type: ignore[misc]
        assert sorted(got) == [False] * 11 + [True]  # type: ignore[type-var]
        house.clock.advance(seconds=30)
