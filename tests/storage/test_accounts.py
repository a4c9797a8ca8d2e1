"""People in storage: looked up by sign-in names, found by words of the name, sealed for themselves alone."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from idp import storage
from idp.domain.accounts import AccountState, Fact, SubjectKind
from idp.domain.levels import ProofSource
from idp.domain.names import fold_words
from idp.runtime import chance
from idp.runtime.data_keys import Unsealable
from idp.storage import tables
from idp.storage.sign_in_names import Candidate
from tests.storage.house import House, Person

PHONE = "+84970000013"


def candidate(
    house: House,
    value: str,
    kind: str = "personal_number",
    space: SubjectKind = SubjectKind.PERSON,
    device: bytes = b"?" * 32,
    device_for: timedelta = timedelta(days=1),
) -> Candidate | None:
    with storage.begin() as tx:
        return storage.sign_in_names.find_candidate(
            tx,
            house.keyring,
            space=space,
            kind=kind,
            value=value,
            device_digest=device,
            device_since=house.clock.now() - device_for,
        )


def test_a_candidate_is_found_with_what_the_check_needs(house: House) -> None:
    person, _ = house.person(), house.person()
    found = candidate(house, person.number)
    assert found is not None
    assert found.subject == person.subject
    assert found.password_hash == "a hash"
    assert found.data_key == person.key
    assert found.device_id is None


def test_a_known_device_is_known_for_its_person_alone(house: House) -> None:
    one, other = house.person(), house.person()
    at_home, elsewhere = (
        candidate(house, one.number, device=one.device),
        candidate(house, one.number, device=other.device),
    )
    assert at_home is not None
    assert elsewhere is not None
    assert at_home.device_id is not None
    assert elsewhere.device_id is None
    with storage.begin() as tx:
        tx.execute(update(tables.devices).values(ended_at=house.clock.now()))
    forgotten = candidate(house, one.number, device=one.device)
    assert forgotten is not None
    assert forgotten.device_id is None


def test_a_device_not_seen_for_too_long_is_a_stranger_again(house: House) -> None:
    person = house.person()
    knows = []
    for seconds in (0, 59, 1):
        house.clock.advance(seconds=seconds)
        found = candidate(house, person.number, device=person.device, device_for=timedelta(seconds=60))
        assert found is not None
        knows.append(found.device_id is not None)
    assert knows == [True, True, False]


@pytest.mark.parametrize("value", ["", "003190999999", "003190000001 ", "%", "_" * 12, "003190000001'--"])
def test_an_unknown_name_is_nobody(house: House, value: str) -> None:
    house.person()
    assert candidate(house, value) is None


def test_a_name_means_somebody_in_its_own_space_and_kind_alone(house: House) -> None:
    person = house.person()
    house.sign_in_name(person, "phone", PHONE)
    assert candidate(house, PHONE, "phone") is not None
    assert candidate(house, PHONE, "email") is None
    assert candidate(house, PHONE, "phone", SubjectKind.STAFF) is None


def test_a_locked_person_is_still_found_as_locked(house: House) -> None:
    person = house.person()
    house.set_state(person, AccountState.LOCKED)
    found = candidate(house, person.number)
    assert found is not None
    assert not found.subject.may_sign_in


def test_an_ended_password_is_none(house: House) -> None:
    person = house.person()
    with storage.begin() as tx:
        tx.execute(update(tables.credentials).values(ended_at=house.clock.now()))
    found = candidate(house, person.number)
    assert found is not None
    assert found.password_hash is None


def test_a_sign_in_name_belongs_to_one_person_of_a_space_and_kind(house: House) -> None:
    one, other = house.person(), house.person()
    staff = house.person(kind=SubjectKind.STAFF)
    assert house.sign_in_name(one, "phone", PHONE)
    assert not house.sign_in_name(other, "phone", PHONE)
    assert not house.sign_in_name(one, "phone", PHONE)
    assert house.sign_in_name(staff, "phone", PHONE)
    assert house.sign_in_name(other, "email", PHONE)
    found = candidate(house, PHONE, "phone")
    assert found is not None
    assert found.subject.id == one.id


def test_of_many_who_take_a_sign_in_name_at_once_one_gets_it(house: House) -> None:
    people = [house.person() for _ in range(8)]
    got = house.at_once([lambda person=person: house.sign_in_name(person, "phone", PHONE) for person in people])  # type: ignore[misc]
    assert sorted(map(str, got)) == ["False"] * 7 + ["True"]


def test_one_phone_is_a_contact_of_many(house: House) -> None:
    for _ in range(3):
        house.contact(house.person(), "phone", PHONE)
    rows = house.rows(tables.contacts)
    assert len({row.value_index for row in rows}) == 1
    assert len({row.last_four_index for row in rows}) == 1
    assert len({row.value_sealed for row in rows}) == 3
    assert candidate(house, PHONE, "phone") is None  # a contact signs nobody in


def test_phones_are_indexed_by_their_last_four_digits_and_addresses_are_not(house: House) -> None:
    person = house.person()
    house.contact(person, "phone", PHONE)
    house.contact(person, "email", "mau@nguoi-mau.example")
    by_kind = {row.kind: row for row in house.rows(tables.contacts)}
    assert by_kind["phone"].last_four_index == house.keyring.index("contact/last-four", "0013")
    assert by_kind["email"].last_four_index is None


def test_a_number_that_a_person_only_says_reserves_nothing(house: House) -> None:
    one, other = house.person(), house.person()
    for person in (one, other):
        house.identifier(person, "003190000013", None)
    assert house.count(tables.identifiers) == 2
    house.identifier(one, "003190000013", "an officer")
    with pytest.raises(IntegrityError):
        house.identifier(other, "003190000013", "an officer")


def test_a_verified_number_is_free_again_when_it_ended_and_in_another_kind(house: House) -> None:
    one, other = house.person(), house.person()
    house.identifier(one, "003190000013", "an officer")
    house.identifier(other, "003190000013", "an officer", kind="passport")
    with storage.begin() as tx:
        tx.execute(update(tables.identifiers).values(ended_at=house.clock.now()))
    house.identifier(other, "003190000013", "an officer")


def found_by(house: House, typed: str) -> set[object]:
    with storage.once() as tx:
        return set(storage.people.list_subjects_by_name(tx, house.keyring, fold_words(typed)))


def test_people_are_found_by_words_and_beginnings_without_accents(house: House) -> None:
    mau, thu = house.person("Nguyễn Thị Mẫu"), house.person("Trần Văn Thử")
    both = house.person("Đặng Nguyễn Thu")
    assert found_by(house, "nguyen") == {mau.id, both.id}
    assert found_by(house, "NGUYỄN") == {mau.id, both.id}
    assert found_by(house, "ngu") == {mau.id, both.id}
    assert found_by(house, "thu") == {thu.id, both.id}
    assert found_by(house, "thu nguyen") == {both.id}
    assert found_by(house, "dang") == {both.id}
    assert found_by(house, "guyen") == set()
    assert found_by(house, "nguyen tran") == set()


def test_a_search_gives_no_more_than_its_limit(house: House) -> None:
    for _ in range(4):
        house.person()
    with storage.once() as tx:
        assert len(storage.people.list_subjects_by_name(tx, house.keyring, ["mau"], limit=3)) == 3


def fact(house: House, person: Person, name: str, value: str, evidence: str = "") -> Fact:
    now = house.clock.advance(milliseconds=1)
    return Fact(
        id=chance.new_id(now),
        subject_id=person.id,
        name=name,
        value=value,
        source=ProofSource.COUNTER,
        method="card read",
        verified_by="an officer",
        verified_at=now,
        evidence=evidence,
        valid_from=now,
        valid_until=now + timedelta(days=1),
    )


def test_facts_come_back_as_they_were_recorded(house: House) -> None:
    person, other = house.person(), house.person()
    kept = [fact(house, person, "birthdate", "1990-01-02", "page 1"), fact(house, person, "name", "Nguyễn Thị Mẫu")]
    with storage.begin() as tx:
        for each in (*kept, fact(house, other, "name", "Trần Văn Thử")):
            storage.accounts.insert_fact(tx, person.key if each in kept else other.key, each)
        assert storage.accounts.list_facts(tx, person.key, person.id) == kept
        tx.execute(update(tables.facts).where(tables.facts.c.name == "name").values(superseded_at=house.clock.now()))
        assert storage.accounts.list_facts(tx, person.key, person.id) == kept[:1]


def test_a_sealed_value_moved_to_another_row_or_column_is_refused(house: House) -> None:
    person = house.person()
    with storage.begin() as tx:
        for value in ("one", "two"):
            storage.accounts.insert_fact(tx, person.key, fact(house, person, "name", value, evidence="paper"))
        one, two = tx.execute(select(tables.facts).order_by(tables.facts.c.id)).all()
        swaps = ({"value_sealed": two.value_sealed}, {"value_sealed": one.evidence_sealed})
        for swapped in swaps:
            tx.execute(update(tables.facts).where(tables.facts.c.id == one.id).values(**swapped))
            with pytest.raises(Unsealable):
                storage.accounts.list_facts(tx, person.key, person.id)


def test_a_password_is_renewed_only_over_the_hash_that_was_checked(house: House) -> None:
    person = house.person()
    found = candidate(house, person.number)
    assert found is not None
    assert found.credential_id is not None
    with storage.begin() as tx:
        save = storage.credentials.save_password
        assert not save(tx, found.credential_id, "another hash", "a new hash", house.clock.now())
        assert save(tx, found.credential_id, "a hash", "a new hash", house.clock.now())
    renewed = candidate(house, person.number)
    assert renewed is not None
    assert renewed.password_hash == "a new hash"


def test_a_device_is_kept_once_and_seen_again(house: House) -> None:
    person = house.person()
    with storage.begin() as tx:
        first = storage.credentials.save_device(tx, person.key, person.id, person.device, "an agent", house.clock.now())
        later = house.clock.advance(days=1)
        assert storage.credentials.save_device(tx, person.key, person.id, person.device, "x", later) == first
    (row,) = house.rows(tables.devices)
    assert row.seen_at == later
    assert person.key.open("devices.agent_sealed", row.id, row.agent_sealed) == "an agent"


def test_an_erased_person_is_found_by_nothing_and_reads_as_nothing(house: House) -> None:
    person = house.person()
    session = house.session(person, "cookie")
    house.erase(person)
    assert candidate(house, person.number) is None
    with storage.once() as tx:
        assert storage.data_keys.find_data_key(tx, house.keyring, person.id) is None
        assert (
            storage.sessions.find_signed_in(
                tx, house.keyring, chance.digest("cookie"), now=session.created_at, idle_for=timedelta(hours=1)
            )
            is None
        )
