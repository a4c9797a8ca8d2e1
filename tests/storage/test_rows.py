"""The small rooms of storage: throttles, consents, keys, logos, large requests, agencies, services, the doors."""

from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from idp import storage
from idp.domain.consent import BasisKind, Consent
from idp.domain.relying_services import ServiceException
from idp.runtime import chance, signing
from idp.runtime.data_keys import Unsealable
from idp.storage import tables
from tests.storage.house import House, Person
from tests.wire import StatementCounter

WINDOW = timedelta(minutes=15)


def use(house: House, **counted: str) -> dict[str, int]:
    with storage.begin() as tx:
        return storage.throttles.use_tries(
            tx, house.keyring, counted, now=house.clock.now(), window_ends_at=house.clock.now() + WINDOW
        )


def test_tries_are_counted_under_each_key_in_one_statement(house: House) -> None:
    use(house, account="a", network="n")
    with StatementCounter(storage.db.engine) as counter:
        assert use(house, account="a", network="other") == {"account": 2, "network": 1}
    assert counter.count == 1


def test_a_count_begins_anew_when_its_window_is_over_and_not_before(house: House) -> None:
    for expected in (1, 2):
        assert use(house, account="a") == {"account": expected}
    house.clock.advance(seconds=WINDOW.total_seconds() - 1)
    assert use(house, account="a") == {"account": 3}  # a try does not move the window's end
    house.clock.advance(seconds=1)
    assert use(house, account="a") == {"account": 1}
    house.clock.advance(seconds=WINDOW.total_seconds() - 1)
    assert use(house, account="a") == {"account": 2}


def test_the_same_value_under_another_name_is_counted_apart_and_stands_nowhere(house: House) -> None:
    use(house, account="003190000013")
    assert use(house, network="003190000013") == {"network": 1}
    assert not [row for row in house.rows(tables.throttles) if b"003190000013" in row.counted_index]


def test_many_tries_at_once_are_all_counted(house: House) -> None:
    got = house.at_once([lambda: use(house, account="a", network="n")["account"]] * 12)
    assert sorted(got) == list(range(1, 13))  # type: ignore[type-var]


def test_tries_are_forgotten_by_key(house: House) -> None:
    use(house, account="a", network="n")
    with storage.begin() as tx:
        storage.throttles.end_tries(tx, house.keyring, {"account": "a"})
    assert use(house, account="a", network="n") == {"account": 1, "network": 2}


# -- consents --------------------------------------------------------------------------------------------------------


def consent(house: House, person: Person, service_id: object, **changed: object) -> Consent:
    values: dict[str, object] = {
        "id": chance.new_id(house.clock.advance(seconds=1)),
        "subject_id": person.id,
        "service_id": service_id,
        "kind": BasisKind.CONSENT,
        "names": frozenset({"name", "email"}),
        "offline": False,
        "legal_basis": None,
        "given_at": house.clock.now(),
        "withdrawn_at": None,
    }
    made = Consent(**{**values, **changed})  # type: ignore[arg-type]
    with storage.begin() as tx:
        storage.consents.insert_consent(tx, made)
    return made


def test_the_newest_answer_of_a_person_for_a_service_is_found_whole(house: House) -> None:
    person, other, service, elsewhere = house.person(), house.person(), house.service(), house.service("two")
    consent(house, person, service.id, kind=BasisKind.NOTICE, legal_basis="Law A")
    newest = consent(
        house,
        person,
        service.id,
        kind=BasisKind.NOTICE,
        names=frozenset({"birthdate"}),
        offline=True,
        legal_basis="Luật",
        resources=frozenset({"https://a.example/api", "https://b.example/api"}),
    )
    consent(house, other, service.id)
    consent(house, person, elsewhere.id)
    with storage.once() as tx:
        assert storage.consents.find_latest(tx, person.id, service.id, BasisKind.NOTICE) == newest
        assert storage.consents.find_latest(tx, other.id, elsewhere.id, BasisKind.NOTICE) is None


def test_a_consent_stands_where_a_notice_would_do_and_never_the_other_way_round(house: House) -> None:
    person, service, other = house.person(), house.service(), house.service("two")
    agreed = consent(house, person, service.id)
    told = consent(house, person, other.id, kind=BasisKind.NOTICE, legal_basis="Law A")
    with storage.once() as tx:
        find = partial(storage.consents.find_latest, tx, person.id)
        assert find(service.id, BasisKind.NOTICE) == find(service.id, BasisKind.CONSENT) == agreed
        assert find(other.id, BasisKind.NOTICE) == told
        assert find(other.id, BasisKind.CONSENT) is None


def test_a_notice_shown_later_hides_no_consent(house: House) -> None:
    person, service = house.person(), house.service()
    agreed = consent(house, person, service.id)
    house.clock.advance(seconds=1)
    told = consent(house, person, service.id, kind=BasisKind.NOTICE, legal_basis="Law A")
    with storage.once() as tx:
        assert storage.consents.find_latest(tx, person.id, service.id, BasisKind.CONSENT) == agreed
        assert storage.consents.find_latest(tx, person.id, service.id, BasisKind.NOTICE) == told


def test_a_withdrawn_consent_stays_as_withdrawn(house: House) -> None:
    person, service = house.person(), house.service()
    consent(house, person, service.id)
    withdrawn_at = house.clock.advance(days=1)
    with storage.begin() as tx:
        assert storage.consents.end_consents(tx, person.id, service.id, withdrawn_at) == 1
        assert storage.consents.end_consents(tx, person.id, service.id, house.clock.advance(days=1)) == 0
        found = storage.consents.find_latest(tx, person.id, service.id, BasisKind.CONSENT)
    assert found is not None
    assert found.withdrawn_at == withdrawn_at


# -- stored keys -----------------------------------------------------------------------------------------------------


def test_there_is_one_current_key_for_an_algorithm_however_many_make_one(house: House) -> None:
    def make() -> bool:
        kid, private = signing.generate("ES256")
        with storage.begin() as tx:
            return storage.keys.insert_key(
                tx,
                house.keyring,
                kid=kid,
                purpose="signing",
                alg="ES256",
                state="current",
                private=private,
                now=house.clock.now(),
            )

    with storage.begin() as tx:
        (kid,) = storage.keys.list_keys(tx, "ES256", "current")
        storage.keys.set_state(tx, kid, "retired", house.clock.now())
    got = house.at_once([make] * 4)
    assert sorted(map(str, got)) == ["False", "False", "False", "True"]


def test_a_stored_key_opens_under_its_own_kid_alone(house: House) -> None:
    with storage.begin() as tx:
        one, two = storage.keys.list_keys(tx, "ES256", "current") + storage.keys.list_keys(tx, "ES256", "next")
        keys = tables.keys
        sealed = tx.scalar(select(keys.c.private_sealed).where(keys.c.kid == one))
        tx.execute(keys.update().where(keys.c.kid == two).values(private_sealed=sealed))
        with pytest.raises(Unsealable):
            storage.keys.find_stored_keys(tx, house.keyring)


def test_a_key_that_is_gone_is_not_given_and_missing_ones_are_told(house: House) -> None:
    with storage.begin() as tx:
        stored = storage.keys.find_stored_keys(tx, house.keyring)
        assert stored is not None
        assert sorted((key.alg, key.state) for key in stored.signing) == [
            ("ES256", "current"),
            ("ES256", "next"),
            ("RS256", "current"),
            ("RS256", "next"),
        ]
        assert len(stored.pairwise) == 32
        (kid,) = storage.keys.list_keys(tx, "ES256", "next")
        storage.keys.set_state(tx, kid, "retired", house.clock.now())
        assert storage.keys.list_retired_before(tx, house.clock.now()) == []
        assert storage.keys.list_retired_before(tx, house.clock.advance(seconds=1)) == [kid]
        storage.keys.set_state(tx, kid, "gone", house.clock.now())
        left = storage.keys.find_stored_keys(tx, house.keyring)
        assert left is not None
        assert kid not in [key.kid for key in left.signing]
        (current,) = storage.keys.list_keys(tx, "RS256", "current")
        storage.keys.set_state(tx, current, "retired", house.clock.now())
        assert storage.keys.find_stored_keys(tx, house.keyring) is None


# -- logos, large requests, agencies, services -----------------------------------------------------------------------


def test_a_logo_is_kept_once_a_service_and_found_by_its_digest(house: House) -> None:
    service, now = house.service(), house.clock.now()
    with storage.begin() as tx:
        assert storage.logos.find_logo_digest(tx, service.id) is None
        storage.logos.save_logo(tx, service.id, "image/png", b"old", chance.digest("old"), now)
        storage.logos.save_logo(tx, service.id, "image/webp", b"new", chance.digest("new"), now)
        assert storage.logos.find_logo_digest(tx, service.id) == chance.digest("new")
        assert storage.logos.find_logo(tx, chance.digest("new")) == ("image/webp", b"new")
        assert storage.logos.find_logo(tx, chance.digest("old")) is None
        assert storage.logos.find_logo(tx, b"") is None


def test_a_large_request_opens_under_its_own_id_alone(house: House) -> None:
    one, two, now = house.new_id(), house.new_id(), house.clock.now()
    body = "tham số dài ".encode() * 500
    with storage.begin() as tx:
        storage.large_requests.insert_body(tx, house.keyring, one, body, now + timedelta(minutes=1))
        storage.large_requests.insert_body(tx, house.keyring, two, b"other", now + timedelta(minutes=2))
        assert storage.large_requests.find_body(tx, house.keyring, one) == body
        assert storage.large_requests.find_body(tx, house.keyring, house.new_id()) is None
        table = tables.large_requests
        sealed = tx.scalar(select(table.c.body_sealed).where(table.c.id == two))
        assert sealed is not None
        assert b"other" not in sealed
        tx.execute(table.delete().where(table.c.id == one))
        tx.execute(table.update().values(id=one))
        with pytest.raises(Unsealable):
            storage.large_requests.find_body(tx, house.keyring, one)


def test_an_agency_is_found_by_its_code(house: House) -> None:
    with storage.begin() as tx:
        id_ = storage.agencies.insert_agency(tx, "H05", name_vi="Tỉnh", name_en="Province", now=house.clock.now())
        assert storage.agencies.find_agency_id(tx, "H05") == id_
        assert storage.agencies.find_agency_id(tx, "H5") is None
        (agency,) = storage.agencies.list_agencies(tx)
    assert (agency.id, agency.code, agency.name_vi, agency.aliases) == (id_, "H05", "Tỉnh", ())
    with pytest.raises(IntegrityError), storage.begin() as tx:
        storage.agencies.insert_agency(tx, "H05", name_vi="", name_en="", now=house.clock.now())


def test_a_service_comes_back_as_it_was_written_and_as_it_was_changed(house: House) -> None:
    made = house.service()
    changed = replace(
        made,
        names={"": "One", "vi": "Một"},
        secret_digests=(chance.digest("a"), chance.digest("b")),
        purpose={"vi": "Điền sẵn"},
        exceptions=(ServiceException("pkce", "an old library", date(2027, 1, 1)),),
        contacts=("it@one.example",),
        default_max_age=0,
        updated_at=house.clock.advance(days=1),
    )
    with storage.begin() as tx:
        assert storage.relying_services.find_service(tx, made.id) == made
        assert storage.relying_services.find_by_client_id(tx, "One") is None
        storage.relying_services.save_service(tx, changed)
        found = storage.relying_services.find_by_client_id(tx, "one")
        assert found == changed
        assert found is not None
        assert (found.names, found.purpose) == (changed.names, changed.purpose)
        assert storage.relying_services.list_services(tx) == [changed]
        storage.relying_services.save_state(tx, made.id, "suspended", changed.updated_at)
        storage.relying_services.save_service(tx, changed)
        assert storage.relying_services.find_service(tx, made.id) == replace(changed, state="suspended")
    with pytest.raises(IntegrityError):
        house.service("one")


# -- the doors -------------------------------------------------------------------------------------------------------


def test_begin_keeps_at_the_end_and_undoes_on_any_exception(house: House) -> None:
    with storage.begin() as tx:
        storage.agencies.insert_agency(tx, "A", name_vi="", name_en="", now=house.clock.now())
    with suppress(ZeroDivisionError), storage.begin() as tx:
        storage.agencies.insert_agency(tx, "B", name_vi="", name_en="", now=house.clock.now())
        raise ZeroDivisionError
    assert [row.code for row in house.rows(tables.agencies)] == ["A"]


def test_once_with_writes_is_undone_whole_on_sqlite(sqlite_house: House) -> None:
    with suppress(ZeroDivisionError), storage.once(writes=True) as tx:
        storage.agencies.insert_agency(tx, "A", name_vi="", name_en="", now=sqlite_house.clock.now())
        raise ZeroDivisionError
    assert sqlite_house.count(tables.agencies) == 0


def test_a_database_that_does_not_answer_is_unavailable_and_shows_no_values(house: House) -> None:
    with storage.begin() as tx:
        tx.execute(text("DROP TABLE logos"))
    if house.runtime.settings.database.url.startswith("sqlite"):
        with pytest.raises(storage.Unavailable), storage.once() as tx:
            storage.logos.find_logo(tx, b"a secret digest")
    with pytest.raises(Exception, match="logos") as failed, storage.db.engine.connect() as connection:
        connection.execute(text("SELECT :secret FROM logos"), {"secret": "003190000013"})
    assert "003190000013" not in str(failed.value)


def test_sqlite_keeps_what_it_committed(sqlite_house: House) -> None:
    with storage.once() as tx:
        assert tx.scalar(text("PRAGMA journal_mode")) == "wal"
        assert tx.scalar(text("PRAGMA synchronous")) == 2
        assert tx.scalar(text("PRAGMA foreign_keys")) == 1
    assert sqlite_house.count(tables.subjects) == 0


@pytest.mark.postgres
def test_production_refuses_a_postgresql_that_loses_committed_work(postgres_house: House) -> None:
    # The tests' own server trades durability for speed; another one is made to, for this database alone.
    name = storage.db.engine.url.database
    with storage.once() as tx:
        tx.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
    storage.db.engine.dispose()
    try:
        said = storage.check_durable()
        assert said in [
            f"The PostgreSQL setting {setting} is off, so committed work could be lost."
            for setting in ("fsync", "synchronous_commit")
        ]
    finally:
        with storage.once() as tx:
            tx.execute(text(f'ALTER DATABASE "{name}" RESET synchronous_commit'))
    assert postgres_house.count(tables.subjects) == 0


def test_moments_come_back_aware_and_in_utc_whatever_zone_they_were_given_in(house: House) -> None:
    local = house.clock.now().astimezone(ZoneInfo("Asia/Ho_Chi_Minh"))
    with storage.begin() as tx:
        storage.large_requests.insert_body(tx, house.keyring, house.new_id(), b"x", local)
    (row,) = house.rows(tables.large_requests)
    assert row.expires_at == local
    assert row.expires_at.utcoffset() == timedelta(0)
