"""Rights requests as rows: what was said is sealed, what is evidence is not, and one act follows another."""

from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import delete

from idp import storage
from idp.domain.rights import Act, RequestState, RightKind, RightsRequest, due_of
from idp.storage import tables
from tests.storage.house import House, Person

SAID = "Tên đệm của tôi bị sai"


def put(house: House, person: Person, kind: RightKind = RightKind.CORRECT) -> RightsRequest:
    """A request that comes now; the tests' clock begins on 01/12/2026."""
    now = house.clock.now()
    request = RightsRequest(
        id=house.new_id(),
        subject_id=person.id,
        kind=kind,
        state=RequestState.RECEIVED,
        through_others=False,
        due=due_of(kind, now.date(), ()),
        legal_ground="",
        received=Act(now, "the person", SAID),
    )
    with storage.begin() as tx:
        storage.rights.insert_request(tx, person.key, request)
    return request


def refuse(house: House, person: Person, request: RightsRequest) -> RightsRequest:
    ended = Act(house.clock.now(), "Bà Bình", "Tên trên thẻ là như vậy")
    after = replace(request, state=RequestState.REFUSED, legal_ground="Luật 91/2025/QH15", ended=ended)
    with storage.begin() as tx:
        assert storage.rights.save_act(tx, person.key, after, "ended", was=request.state)
    return after


def find(house: House, request: RightsRequest) -> RightsRequest | None:
    with storage.once() as tx:
        return storage.rights.find_request(tx, house.keyring, request.id)


def overdue(today: date) -> tuple[int, list[RightKind]]:
    with storage.once() as tx:
        late = storage.rights.list_open(tx, overdue_on=today, limit=10)
        return storage.rights.count_overdue(tx, today), [each.kind for each in late]


def test_a_request_comes_back_as_it_was_put_in(house: House) -> None:
    person = house.person()
    request = put(house, person)
    assert find(house, request) == request
    after = refuse(house, person, request)
    assert find(house, request) == after
    with storage.once() as tx:
        assert storage.rights.list_of_person(tx, person.key, person.id, limit=5) == [after]
        assert storage.rights.list_of_person(tx, person.key, house.new_id(), limit=5) == []
        assert storage.rights.find_request(tx, house.keyring, house.new_id()) is None


def test_what_was_said_is_sealed_and_the_evidence_outlives_the_erasure(house: House) -> None:
    person = house.person()
    after = refuse(house, person, put(house, person))
    [row] = house.rows(tables.rights_requests)
    assert SAID.encode() not in bytes(row.received_sealed)
    assert (row.kind, row.state, row.ended_by, row.legal_ground) == (
        "correct",
        "refused",
        "Bà Bình",
        "Luật 91/2025/QH15",
    )
    with storage.begin() as tx:
        tx.execute(delete(tables.data_keys).where(tables.data_keys.c.subject_id == person.id))
    found = find(house, after)
    assert found is not None
    assert (found.received.words, found.ended and found.ended.words) == ("", "")
    assert (found.due, found.state) == (after.due, after.state)


def test_of_two_acts_at_once_one_is_done(house: House) -> None:
    person = house.person()
    request = put(house, person)
    refuse(house, person, request)
    late = replace(request, state=RequestState.DONE, ended=Act(house.clock.now(), "Ông An", "Xong"))
    with storage.begin() as tx:
        assert not storage.rights.save_act(tx, person.key, late, "ended", was=RequestState.RECEIVED)
    found = find(house, request)
    assert found is not None
    assert found.state is RequestState.REFUSED


def test_what_is_open_is_listed_by_its_day_without_a_word(house: House) -> None:
    person = house.person()
    for kind in (RightKind.ERASE, RightKind.COPY):
        put(house, person, kind)
    refuse(house, person, put(house, person))
    with storage.once() as tx:
        found = storage.rights.list_open(tx, limit=10)
        assert len(storage.rights.list_open(tx, limit=1)) == 1
    assert [(each.kind, each.received.words) for each in found] == [(RightKind.COPY, ""), (RightKind.ERASE, "")]


def test_overdue_is_what_the_domain_says(house: House) -> None:
    person = house.person()
    unanswered, closed = put(house, person), put(house, person, RightKind.OBJECT)
    refuse(house, person, closed)
    answered = replace(put(house, person, RightKind.ERASE), state=RequestState.ANSWERED)
    answered = replace(answered, answered=Act(house.clock.now(), "Bà Bình", "Đã nhận"))
    with storage.begin() as tx:
        assert storage.rights.save_act(tx, person.key, answered, "answered", was=RequestState.RECEIVED)
    for passed in range(30):
        today = date(2026, 12, 1) + timedelta(days=passed)
        late = [each.kind for each in (unanswered, answered) if each.is_overdue(today)]
        assert overdue(today) == (len(late), late)
    assert overdue(date(2026, 12, 30))[0] == 2


def test_open_ones_count_always_and_ended_ones_for_a_while(house: House) -> None:
    person, other = house.person(), house.person()
    put(house, person)
    refuse(house, person, put(house, person))
    now = house.clock.now()

    def count(person: Person, ago: timedelta) -> int:
        with storage.once() as tx:
            return storage.rights.count_lately(tx, person.id, now - ago)

    assert count(person, timedelta(seconds=1)) == 2
    assert count(person, -timedelta(seconds=1)) == 1
    assert count(other, timedelta(days=1)) == 0
