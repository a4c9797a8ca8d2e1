"""What is let go row by row, when and not before; and that each table of the schema is in the list of what is kept."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from idp import storage
from idp.domain.sessions import EndReason
from idp.runtime import chance
from idp.storage import tables
from idp.storage.retention import RULES, KeptSince
from tests.storage.house import House

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operate" / "retention.md"
DAY, MONTH = timedelta(days=1), timedelta(days=30)


def let_go(house: House, table: str, limit: int = 100) -> int:
    now = house.clock.now()
    since = KeptSince(now=now, sessions_ended=now - MONTH, devices_seen=now - 12 * MONTH, parcels_queued=now - MONTH)
    with storage.begin() as tx:
        if tx.dialect.name == "postgresql":
            tx.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
        return storage.retention.delete_batch(tx, table, since, limit=limit)


def gone_after(house: House, table: str, *, days: float, seconds: float = 1) -> None:
    """That one row goes so many days from now, and not a moment before."""
    house.clock.advance(days=days, seconds=-seconds)
    assert let_go(house, table) == 0
    house.clock.advance(seconds=2 * seconds)
    assert let_go(house, table) == 1


# -- the rules -----------------------------------------------------------------------------------------------------


def test_a_count_goes_with_its_window(house: House) -> None:
    with storage.begin() as tx:
        ends_at = house.clock.now() + DAY
        storage.throttles.use_tries(tx, house.keyring, {"n": "a"}, now=house.clock.now(), window_ends_at=ends_at)
    gone_after(house, "throttles", days=1)


def test_a_spent_token_goes_when_it_could_be_used_no_more(house: House) -> None:
    with storage.begin() as tx:
        storage.spent_tokens.use_token(tx, "a", "1", house.clock.now() + DAY)
    gone_after(house, "spent_tokens", days=1)


def test_a_large_request_goes_with_its_code(house: House) -> None:
    with storage.begin() as tx:
        storage.large_requests.insert_body(tx, house.keyring, house.new_id(), b"x", house.clock.now() + DAY)
    gone_after(house, "large_requests", days=1)


def test_a_code_for_a_screen_goes_when_it_is_too_old(house: House) -> None:
    with storage.begin() as tx:
        now = house.clock.now()
        storage.screen_codes.insert_code(tx, house.keyring, "1", "Quầy 3", now=now, expires_at=now + DAY)
    gone_after(house, "screen_codes", days=1)


def test_an_initial_access_token_goes_when_it_expired_or_is_used_up(house: House) -> None:
    for name, uses in (("used up", 1), ("some left", 2)):
        with storage.begin() as tx:
            storage.initial_tokens.insert_token(
                tx,
                chance.digest(name),
                agency_id=None,
                uses=uses,
                expires_at=house.clock.now() + DAY,
                now=house.clock.now(),
            )
            storage.initial_tokens.use_token(tx, chance.digest(name), house.clock.now())
    assert let_go(house, "initial_access_tokens") == 1
    gone_after(house, "initial_access_tokens", days=1)


def test_a_session_goes_a_while_after_it_ended(house: House) -> None:
    session, living = house.session(house.person()), house.session(house.person())
    house.clock.advance(days=3)
    house.end(session)
    gone_after(house, "sessions", days=30)
    assert [row.id for row in house.rows(tables.sessions)] == [living.id]


def test_a_session_stays_while_a_lasting_access_of_it_lives_which_is_good_as_long(house: House) -> None:
    session, service = house.session(house.person()), house.service()
    lasting, brief = house.code(session, service, offline=True), house.code(session, service)
    for code in (lasting, brief):
        house.exchange(code, lasts=90 * DAY)
    house.end(session)
    house.clock.advance(days=89)
    assert let_go(house, "sessions") == 0
    assert house.refresh(lasting, 0) is not None
    with storage.begin() as tx:
        storage.grants.end_grant(tx, lasting.grant_id, EndReason.REVOKED, house.clock.now())
    assert let_go(house, "sessions") == 1


def test_a_session_goes_when_its_lasting_access_expired(house: House) -> None:
    session = house.session(house.person())
    house.exchange(house.code(session, house.service(), offline=True), lasts=90 * DAY)
    house.end(session)
    gone_after(house, "sessions", days=90)


def test_a_device_goes_when_it_was_not_seen_for_as_long_as_it_is_known(house: House) -> None:
    person = house.person()
    house.clock.advance(days=200)
    with storage.begin() as tx:
        storage.credentials.save_device(tx, person.key, person.id, person.device, "an agent", house.clock.now())
    gone_after(house, "devices", days=360)


@pytest.mark.parametrize("state", ["delivered", "failed"])
def test_a_parcel_goes_a_while_after_it_was_queued(house: House, state: str) -> None:
    with storage.begin() as tx:
        for _ in range(2):
            id_ = storage.outbox.insert_parcel(tx, house.keyring, "fetch_logo", {}, now=house.clock.now())
        tx.execute(update(tables.outbox).where(tables.outbox.c.id == id_).values(state=state))
    gone_after(house, "outbox", days=30)
    assert [row.state for row in house.rows(tables.outbox)] == ["queued"], "what waits is never let go"


def test_a_key_goes_once_it_is_out_of_use(house: House) -> None:
    house.keyring.public_key_set()
    with storage.begin() as tx:
        storage.keys.insert_key(
            tx,
            house.keyring,
            kid="old",
            purpose="signing",
            alg="ES256",
            state="retired",
            private=b"x",
            now=house.clock.now(),
        )
    others = [row.kid for row in house.rows(tables.keys) if row.kid != "old"]
    assert let_go(house, "keys") == 0
    with storage.begin() as tx:
        storage.keys.set_state(tx, "old", "gone", house.clock.now())
    assert let_go(house, "keys") == 1
    assert [row.kid for row in house.rows(tables.keys)] == others
    assert "pairwise" in others


# -- batches -------------------------------------------------------------------------------------------------------


def spend(house: House, count: int) -> None:
    with storage.begin() as tx:
        for number in range(count):
            storage.spent_tokens.use_token(tx, "a", str(number), house.clock.now())


def test_a_great_heap_goes_in_batches(house: House) -> None:
    spend(house, 25)
    assert [let_go(house, "spent_tokens", 10) for _ in range(4)] == [10, 10, 5, 0]


@pytest.mark.postgres
def test_what_a_deed_holds_is_passed_over_without_waiting(postgres_house: House) -> None:
    house = postgres_house
    spend(house, 3)
    with storage.begin() as deed:
        held = tables.spent_tokens
        (digest, *_) = (row.token_digest for row in house.rows(held))
        deed.execute(update(held).where(held.c.token_digest == digest).values(expires_at=house.clock.now() + DAY))
        assert let_go(house, "spent_tokens") == 2
    assert [row.token_digest for row in house.rows(held)] == [digest]


# -- the list ------------------------------------------------------------------------------------------------------


def listed() -> dict[str, tuple[str, str]]:
    """The table of the page: for each name how it goes and why."""
    rows = re.findall(r"(?m)^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", PAGE.read_text("utf-8"))
    assert len(rows) == len({row[0] for row in rows})
    return {name: (how, why) for name, how, _, why in rows}


def test_every_table_is_in_the_list_of_what_is_kept() -> None:
    assert set(listed()) == set(storage.db.metadata.tables)


def test_each_goes_as_the_list_says() -> None:
    said: dict[str, set[str]] = {}
    for name, (how, _) in listed().items():
        said.setdefault(how, set()).add(name)
    assert set(said) == {"by row", "by month", "stays"}
    assert said["by row"] == set(RULES)
    assert said["by month"] == set(tables.PARTITIONED)


def test_every_setting_of_the_list_exists(house: House) -> None:
    settings = house.runtime.settings
    names = re.findall(r"`((?:retention|sessions|tokens)\.\w+)`", PAGE.read_text("utf-8"))
    retention = {f"retention.{name}" for name in settings.retention.__slots__}
    assert retention <= set(names)
    for name in names:
        table, key = name.split(".")
        assert hasattr(getattr(settings, table), key), name


@pytest.mark.parametrize("table", sorted(RULES))
def test_nothing_goes_from_an_empty_table(house: House, table: str) -> None:
    assert let_go(house, table) == 0
