"""A grant's life in storage: born by one exchange, counted up by refreshes, alive only while all it hangs on lives."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from idp import storage
from idp.domain import claims
from idp.domain.accounts import AccountState
from idp.domain.grants import Code
from idp.domain.sessions import EndReason
from idp.storage import tables
from idp.storage.grants import AlreadySpent
from tests.storage.house import ABSOLUTE_FOR, IDLE_FOR, TOUCH_EVERY, House, Person


def sub_override(house: House, person: Person, sector: str, sub: str) -> None:
    with storage.begin() as tx:
        tx.execute(tables.subs.insert().values(sector=sector, subject_id=person.id, sub=sub))


def test_an_exchange_makes_the_grant_and_its_release_and_gives_the_facts(house: House) -> None:
    person, service = house.person(email="mau@nguoi-mau.example"), house.service()
    session = house.session(person)
    code = house.code(session, service)
    house.clock.advance(seconds=30)
    held = house.exchange(code)
    assert held is not None
    assert held.profile.claims == {"name": "Nguyễn Thị Mẫu", "email": "mau@nguoi-mau.example"}
    assert held.sub is None
    grant = held.grant
    assert (grant.id, grant.session_id, grant.subject_id) == (code.grant_id, session.id, person.id)
    assert (grant.auth_time, grant.amr, grant.auth_level) == (session.auth_time, ("pwd",), 1)
    assert (grant.scopes, grant.offline, grant.generation) == (("openid", "profile"), False, 0)
    assert (grant.created_at, grant.expires_at) == (house.clock.now(), house.clock.now() + ABSOLUTE_FOR)
    with storage.once() as tx:
        assert storage.grants.find_grant(tx, code.grant_id) == grant
    (release,) = house.rows(tables.releases)
    assert (release.grant_id, release.subject_id, release.service_id) == (grant.id, person.id, service.id)
    assert (release.name_bits, release.basis_kind, release.basis_id) == (7, "consent", code.basis_id)


NUMBER_BIT = claims.to_bits(frozenset({"personal_id_number"}))


@pytest.mark.parametrize(
    ("basis_kind", "bits", "recorded"),
    [
        ("notice", 0, ("Law A", None)),
        ("notice", NUMBER_BIT, ("Law A", "Law B")),
        ("consent", 0, (None, None)),
        ("consent", NUMBER_BIT, (None, "Law B")),
    ],
)
@pytest.mark.parametrize("place", ["userinfo_bits", "id_token_bits"])
def test_a_release_records_the_law_it_was_made_by_and_the_one_for_the_number(
    house: House, basis_kind: str, bits: int, recorded: tuple[str | None, str | None], place: str
) -> None:
    service = house.service(legal_basis="Law A", personal_number_basis="Law B")
    code = replace(house.code(house.session(house.person()), service), basis_kind=basis_kind)
    code = replace(code, **{place: getattr(code, place) | bits})
    assert house.exchange(code) is not None
    (release,) = house.rows(tables.releases)
    assert (release.legal_basis, release.personal_number_basis) == recorded


def test_nothing_is_released_without_a_basis_that_stands(house: House) -> None:
    session, service = house.session(house.person()), house.service()
    code = house.code(session, service)
    for basis_id in (None, house.new_id()):
        assert house.exchange(replace(code, basis_id=basis_id)) is None  # type: ignore[arg-type]
    with storage.begin() as tx:
        assert storage.consents.end_consents(tx, session.subject_id, service.id, house.clock.now()) == 1
    assert house.exchange(code) is None
    assert house.count(tables.grants) == house.count(tables.releases) == 0


def test_rfc6749_4_1_2_a_code_is_spent_once_and_the_second_use_is_told(house: House) -> None:
    session = house.session(house.person())
    code = house.code(session, house.service())
    assert house.exchange(code) is not None
    with pytest.raises(AlreadySpent):
        house.exchange(code)
    assert house.count(tables.grants) == house.count(tables.releases) == 1


def test_a_code_whose_grant_ended_is_still_spent(house: House) -> None:
    code = house.code(house.session(house.person()), house.service())
    house.exchange(code)
    with storage.begin() as tx:
        assert storage.grants.end_grant(tx, code.grant_id, EndReason.CODE_REPLAYED, house.clock.now()) is not None
        assert storage.grants.end_grant(tx, code.grant_id, EndReason.CODE_REPLAYED, house.clock.now()) is None
    with pytest.raises(AlreadySpent):
        house.exchange(code)
    assert house.find_live(code) is None


def signed_out(house: House, person: Person, code: object) -> None:
    (session,) = sessions_of(house, person)
    house.end(session)


def sessions_of(house: House, person: Person) -> list[object]:
    with storage.once() as tx:
        return list(storage.sessions.list_live(tx, person.id))


DEATHS: dict[str, Callable[[House, Person, object], None]] = {
    "signed out": signed_out,
    "idle": lambda house, _person, _code: house.clock.advance(seconds=IDLE_FOR.total_seconds()) and None,
    "locked": lambda house, person, _code: house.set_state(person, AccountState.LOCKED),
    "closed": lambda house, person, _code: house.set_state(person, AccountState.CLOSED),
    "pending": lambda house, person, _code: house.set_state(person, AccountState.PENDING),
    "erased": lambda house, person, _code: house.erase(person),
}


@pytest.mark.parametrize("death", DEATHS)
def test_a_code_of_a_session_or_person_that_does_not_live_makes_no_grant(house: House, death: str) -> None:
    person = house.person()
    code = house.code(house.session(person), house.service())
    DEATHS[death](house, person, code)
    assert house.exchange(code) is None
    assert house.count(tables.grants) == house.count(tables.releases) == 0


@pytest.mark.parametrize("death", DEATHS)
def test_a_grant_dies_with_its_session_or_its_person(house: House, death: str) -> None:
    person = house.person()
    code = house.code(house.session(person), house.service())
    house.exchange(code)
    assert house.find_live(code) is not None
    DEATHS[death](house, person, code)
    assert house.find_live(code) is None
    assert house.refresh(code, 0) is None


@pytest.mark.parametrize("death", DEATHS)
def test_backchannel_logout_2_7_an_offline_grant_outlives_a_logout_but_no_lock(house: House, death: str) -> None:
    person = house.person()
    code = house.code(house.session(person), house.service(), offline=True)
    house.exchange(code)
    DEATHS[death](house, person, code)
    lives = death in ("signed out", "idle")
    assert (house.find_live(code) is not None) is lives
    assert (house.refresh(code, 0) is not None) is lives


def test_a_lock_ends_offline_grants_for_good(house: House) -> None:
    person = house.person()
    session = house.session(person)
    code = house.code(session, house.service(), offline=True)
    house.exchange(code)
    house.end(session, EndReason.LOCKED, offline_too=True)
    assert house.find_live(code) is None
    with storage.once() as tx:
        ended = storage.grants.find_grant(tx, code.grant_id)
    assert ended is not None
    assert (ended.end_reason, ended.ended_at) == (EndReason.LOCKED, house.clock.now())


@pytest.mark.parametrize("offline", [False, True])
def test_a_grant_ends_at_its_end_whatever_was_refreshed(house: House, offline: bool) -> None:
    code = house.code(house.session(house.person()), house.service(), offline=offline)
    house.exchange(code, lasts=timedelta(minutes=10))
    house.clock.advance(minutes=9)
    assert house.refresh(code, 0) is not None
    house.clock.advance(minutes=1)
    assert house.find_live(code) is None
    assert house.refresh(code, 1) is None


def test_a_session_ends_at_its_absolute_end_though_it_is_used(house: House) -> None:
    code = house.code(house.session(house.person()), house.service())
    house.exchange(code, lasts=timedelta(days=30))
    for generation in range(47):
        house.clock.advance(minutes=15)
        assert house.refresh(code, generation) is not None
    house.clock.advance(minutes=15)
    assert house.find_live(code) is None


def test_rfc9700_4_14_2_a_refresh_counts_up_and_only_the_newest_is_good(house: House) -> None:
    code = house.code(house.session(house.person()), house.service())
    house.exchange(code)
    later = house.clock.advance(minutes=1)
    first = house.refresh(code, 0)
    assert first is not None
    assert (first.grant.generation, first.grant.refreshed_at) == (1, later)
    assert first.profile.name == "Nguyễn Thị Mẫu"
    for wrong in (0, 2, -1):
        assert house.refresh(code, wrong) is None
    second = house.refresh(code, 1)
    assert second is not None
    assert second.grant.generation == 2


def test_rfc6749_6_another_service_refreshes_nothing(house: House) -> None:
    code = house.code(house.session(house.person()), house.service())
    other = house.service("two")
    house.exchange(code)
    assert house.refresh(code, 0, other.id) is None
    assert house.refresh(code, 0) is not None


def test_a_grant_that_is_not_there_is_none(house: House) -> None:
    code = house.code(house.session(house.person()), house.service())
    assert house.find_live(code) is None
    assert house.refresh(code, 0) is None
    with storage.once() as tx:
        assert storage.grants.find_grant(tx, code.grant_id) is None


def test_an_overridden_sub_is_given_back_for_its_sector_alone(house: House) -> None:
    person, other = house.person(), house.person()
    sub_override(house, person, "one.example", "imported-7")
    sub_override(house, person, "two.example", "imported-8")
    sub_override(house, other, "one.example", "imported-9")
    code = house.code(house.session(person), house.service())
    exchanged = house.exchange(code)
    live, refreshed, elsewhere = house.find_live(code), house.refresh(code, 0), house.find_live(code, "three.example")
    assert [held and held.sub for held in (exchanged, live, refreshed, elsewhere)] == ["imported-7"] * 3 + [None]
    with storage.once() as tx:
        assert storage.grants.find_sub_override(tx, "two.example", person.id) == "imported-8"
        assert storage.grants.find_sub_override(tx, "three.example", person.id) is None


def test_the_idle_time_is_written_by_use_but_not_often(house: House) -> None:
    session = house.session(house.person())
    code = house.code(session, house.service())

    def seen_at() -> object:
        return house.rows(tables.sessions)[0].seen_at

    house.clock.advance(seconds=TOUCH_EVERY.total_seconds() - 1)
    house.exchange(code)
    assert seen_at() == session.seen_at
    written = house.clock.advance(seconds=1)
    house.refresh(code, 0)
    assert seen_at() == written
    house.clock.advance(seconds=TOUCH_EVERY.total_seconds())
    assert house.exchange(house.code(session, house.service("two"))) is not None
    assert seen_at() == house.clock.now()


def test_a_refused_exchange_does_not_keep_the_session_awake(house: House) -> None:
    session = house.session(house.person())
    code = house.code(session, house.service())
    house.exchange(code)
    house.clock.advance(minutes=10)
    with pytest.raises(AlreadySpent):
        house.exchange(code)
    assert house.rows(tables.sessions)[0].seen_at == session.seen_at


def test_an_offline_refresh_does_not_count_as_use_of_the_session(house: House) -> None:
    session, service = house.session(house.person()), house.service()
    offline, online = house.code(session, service, offline=True), house.code(session, service)
    for code in (offline, online):
        house.exchange(code)
    house.clock.advance(minutes=10)
    assert house.refresh(offline, 0) is not None
    assert house.rows(tables.sessions)[0].seen_at == session.seen_at
    assert house.refresh(online, 0) is not None
    assert house.rows(tables.sessions)[0].seen_at == house.clock.now()


def another_service(house: House, _person: Person, code: Code) -> bool:
    return house.refresh(code, 0, house.service("two").id) is None


def locked(house: House, person: Person, code: Code) -> bool:
    house.set_state(person, AccountState.LOCKED)
    return house.refresh(code, 0) is None


def grant_ended(house: House, _person: Person, code: Code) -> bool:
    with storage.begin() as tx:
        storage.grants.end_grant(tx, code.grant_id, EndReason.CODE_REPLAYED, house.clock.now())
    return house.refresh(code, 0) is None


REFUSALS: dict[str, Callable[[House, Person, Code], bool]] = {
    "of an earlier generation": lambda house, _person, code: house.refresh(code, -1) is None,
    "of a later generation": lambda house, _person, code: house.refresh(code, 1) is None,
    "of another service": another_service,
    "of a locked person": locked,
    "of a grant that ended": grant_ended,
    "of a grant that ran out": lambda house, _person, code: (
        house.clock.advance(minutes=5) and not house.refresh(code, 0)
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refused_refresh_does_not_keep_the_session_awake(house: House, refusal: str) -> None:
    person = house.person()
    session = house.session(person)
    code = house.code(session, house.service())
    house.exchange(code, lasts=timedelta(minutes=15))
    house.clock.advance(minutes=10)
    assert REFUSALS[refusal](house, person, code)
    assert house.rows(tables.sessions)[0].seen_at == session.seen_at


def test_an_offline_refresh_does_not_wake_a_session_that_ended(house: House) -> None:
    session = house.session(house.person())
    code = house.code(session, house.service(), offline=True)
    house.exchange(code)
    house.clock.advance(minutes=10)
    house.end(session)
    assert house.refresh(code, 0) is not None
    assert house.rows(tables.sessions)[0].seen_at == session.seen_at


def test_the_end_of_a_session_ends_its_grants_and_no_others(house: House) -> None:
    person = house.person()
    one, two = house.session(person), house.session(person)
    service, other = house.service(), house.service("two")
    codes = [house.code(one, service), house.code(one, service), house.code(one, other, offline=True)]
    elsewhere = house.code(two, service)
    for code in (*codes, elsewhere):
        house.exchange(code)
    with storage.begin() as tx:
        visited = storage.grants.end_of_sessions(
            tx, [one.id], EndReason.SIGNED_OUT, house.clock.now(), offline_too=False
        )
    assert sorted(visited) == sorted([(one.id, service.id), (one.id, other.id)])
    assert [house.find_live(code) is not None for code in (*codes, elsewhere)] == [False, False, True, True]


def test_the_services_a_person_visited_are_listed_with_the_last_time(house: House) -> None:
    person, service, other = house.person(), house.service(), house.service("two")
    session = house.session(person)
    house.exchange(house.code(session, service))
    later = house.clock.advance(minutes=5)
    for each in (service, other):
        house.exchange(house.code(session, each))
    with storage.once() as tx:
        listed = storage.audit.list_receivers(tx, person.id)
    assert sorted(listed) == sorted([(service.id, later), (other.id, later)])
    with storage.begin() as tx:
        tx.execute(tables.grants.delete())
        assert storage.audit.list_receivers(tx, person.id) == listed, "the record outlives the grants"
