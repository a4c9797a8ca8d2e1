"""Nothing is held on a person that the person is not told: each column of each table with rows of people is in what is
told, or here, with the reason. And what is told reaches the file and the page, row by row, on both stores.
"""

from collections.abc import Iterator
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Column, MetaData, Table, Uuid, func, insert, select

from idp import storage
from idp.storage.own_data import HELD
from idp.storage.tables import subjects, subs
from idp.web import own_data_texts
from tests.builders import NUMBERS, a_citizen, a_service, obtain_tokens, parked_in, sign_in
from tests.doubles import FixedClock, RecordingOutbound
from tests.mailbag import messages
from tests.rows import events
from tests.stores import Stores
from tests.test_sealed import live

# Tables of which nothing is told, and columns by `table.column`, or `*.column` in every table.
NOT_TOLD = {
    "data_keys": "opens all the rest; it says nothing of anybody",
    "name_words": "the words of the name, which is told, to be found by",
    "*.id": "the row's number in the house",
    "*.subject_id": "the account's number in the house, which no service is told either",
    "*.session_id": "the number of a sign-in that is told",
    "*.device_id": "the number of a browser that is told",
    "*.grant_id": "the number of an access that is told",
    "*.value_index": "a digest of a value that is told",
    "*.token_digest": "a digest of a cookie",
    "*.leaf_hash": "proves that nobody changed the row, which is told",
    "assignments": "of officers, who are nobody's own account",
    "merges": "that it was done, by whom and why stands in the history; what an undo needs are values that are told",
    "cases": "what officers asked each other; that they did, and what came of it, stands in the history",
    "sessions.assignment_id": "for whom an officer works; of a person there is none",
    "contacts.last_four_index": "a digest of the end of a number that is told",
    "identifiers.space": "apart for staff and for people, as the account says of itself",
    "sign_in_names.space": "the same",
    "identity_links.upstream_index": "a digest of a value that is told",
    "credentials.secret_hash": "whoever reads it can try passwords against it",
    "totp_secrets.secret_sealed": "whoever reads it has the second step",
    "totp_secrets.last_step": "which half minute was spent; when it was used is told",
    "passkeys.credential_id": "names the key to its device alone",
    "passkeys.public_key": "of use to who checks a signature alone",
    "recovery_codes.code_index": "a digest of a secret",
    "one_time_codes.contact_index": "a digest of a contact that is told",
    "one_time_codes.code_index": "a digest of a code that may still be good",
    "other_screens.number": "what the phone types, while it may still be good",
    "other_screens.asking_sealed": "what the computer said of itself, not what is known of the person; gone in minutes",
    "releases.basis_id": "the number of an agreement that is told",
    "grants.generation": "how often it was renewed, which keeps an old key from being used",
    "outbox.body_sealed": "carries codes and links that are still good: who may read it would have the second step",
    "outbox.next_try_at": "when the worker tries next",
    "outbox.leased_until": "which worker has it",
    "outbox.last_failure": "a fault of the gateway or the service",
}
OF_PEOPLE = {"subject_id", "session_id", "device_id", "grant_id"}


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def lived_in(request: pytest.FixtureRequest, stores: Stores) -> Iterator[Flask]:
    """A database in which two people did all there is to do."""
    from idp.app import create_app
    from tests.builders_settings import testing_settings
    from tests.stores import close

    url, clock = stores.fresh(request.param), FixedClock()
    app = create_app(testing_settings(url), clock=clock, outbound=RecordingOutbound())
    live(app, clock)
    with app.app_context(), storage.begin() as tx:
        for number, person in enumerate(people(tx)):
            tx.execute(insert(subs).values(sector="cong-cu.example", subject_id=person, sub=f"ten-{number}"))
    yield app
    close(app)
    stores.discard(url)


def people(tx: storage.Tx) -> list[UUID]:
    return list(tx.scalars(select(subjects.c.id).order_by(subjects.c.id)))


def tables_of_people() -> list[Table]:
    """Every table with a row of somebody: the account itself, and what bears its number or that of a sign-in."""
    named = [each for each in storage.db.metadata.sorted_tables if set(each.c.keys()) & OF_PEOPLE]
    keyed = [
        each
        for each in storage.db.metadata.sorted_tables
        if any(key.column.table.name == "subjects" for key in each.foreign_keys)
    ]
    return sorted({subjects, *named, *keyed}, key=lambda each: each.name)


def told_columns() -> set[str]:
    return {f"{held.table.name}.{column}" for held in HELD for column in held.columns}


def untold(tables: list[Table]) -> list[str]:
    told = told_columns()
    return [
        f"{table.name}.{column.name}"
        for table in tables
        if table.name not in NOT_TOLD
        for column in table.c
        if f"{table.name}.{column.name}" not in told
        and f"{table.name}.{column.name}" not in NOT_TOLD
        and f"*.{column.name}" not in NOT_TOLD
    ]


def test_every_column_of_every_table_with_rows_of_people_is_told_or_has_a_reason(sqlite_app: Flask) -> None:
    tables = tables_of_people()
    assert len(tables) > 20
    assert untold(tables) == []
    assert {held.table.name for held in HELD} <= {table.name for table in tables}


def test_a_table_and_a_column_that_nobody_tells_are_found(sqlite_app: Flask) -> None:
    other = Table("others", MetaData(), Column("subject_id", Uuid), Column("diary", Uuid))
    assert untold([other]) == ["others.diary"]


def test_no_reason_outlives_what_it_is_for(sqlite_app: Flask) -> None:
    tables = tables_of_people()
    columns = {f"{table.name}.{column.name}" for table in tables for column in table.c}
    known = columns | {f"*.{column.name}" for table in tables for column in table.c} | {table.name for table in tables}
    assert set(NOT_TOLD) <= known
    assert not set(NOT_TOLD) & (told_columns() | {held.table.name for held in HELD})


def test_no_row_of_a_person_is_in_another_table(lived_in: Flask) -> None:
    """Whatever the column is called: the number of a person stands nowhere else."""
    with lived_in.app_context(), storage.once() as tx:
        persons = people(tx)
        found = {
            table.name
            for table in storage.db.metadata.sorted_tables
            for column in table.c
            if isinstance(column.type, Uuid)
            and tx.scalar(select(func.count()).select_from(table).where(column.in_(persons)))
        }
    assert len(found) > 15
    assert found <= {table.name for table in tables_of_people()}


def test_every_row_of_a_person_is_told_and_none_of_another(lived_in: Flask) -> None:
    runtime = lived_in.extensions["idp"]
    filled = set()
    with lived_in.app_context(), storage.once() as tx:
        for person in people(tx):
            key = storage.data_keys.find_data_key(tx, runtime.keyring, person)
            assert key is not None
            parts = {part.name: part for part in storage.own_data.list_parts(tx, key, person, most=1000)}
            for held in HELD:
                whose = held.table.c.id if held.table is subjects else held.table.c.subject_id
                rows = tx.scalar(select(func.count()).select_from(held.table).where(whose == person))
                assert len(parts[held.part].rows) == rows, held.part
                assert parts[held.part].is_whole
                filled |= {held.part} if rows else set()
    # The national system is not connected; of a screen that asked, nobody's phone answered.
    assert {held.part for held in HELD} - filled == {"identity_links", "other_screens"}


def test_of_more_than_is_read_the_newest_are_told_and_that_there_are_more(lived_in: Flask) -> None:
    runtime = lived_in.extensions["idp"]
    with lived_in.app_context(), storage.once() as tx:
        person = people(tx)[0]
        key = storage.data_keys.find_data_key(tx, runtime.keyring, person)
        assert key is not None
        whole, cut = (
            next(part for part in storage.own_data.list_parts(tx, key, person, most=most) if part.name == "history")
            for most in (1000, 2)
        )
    assert (whole.is_whole, cut.is_whole) == (True, False)
    assert cut.rows == whole.rows[:2]


def test_every_part_and_column_has_words_for_people(lived_in: Flask) -> None:
    runtime = lived_in.extensions["idp"]
    lines = 0
    with lived_in.test_request_context(), storage.once() as tx:
        for person in people(tx):
            key = storage.data_keys.find_data_key(tx, runtime.keyring, person)
            assert key is not None
            for part in storage.own_data.list_parts(tx, key, person, most=1000):
                assert own_data_texts.title_of(part.name)
                for row in part.rows:
                    told = {("service" if name == "service_id" else name): value for name, value in row.items()}
                    assert own_data_texts.line_of(part.name, told).said or len(told) == 1 or part.name == "messages"
                    lines += 1
        for held in HELD:
            names = [storage.own_data.name_of(column).replace("service_id", "service") for column in held.columns]
            assert {*names[1:]} - {"claims"} <= own_data_texts.COLUMNS.keys(), held.part
    assert lines > 50


def test_the_page_and_the_file_say_it_to_the_person_alone(app: Flask, clock: FixedClock) -> None:
    citizen, browser = a_citizen(app), app.test_client()
    sign_in(browser, citizen)
    obtain_tokens(browser, a_service(app, client_name="Cổng hồ sơ"), scope="openid email offline_access")
    page = browser.get("/account/data")
    assert page.headers["Cache-Control"] == "no-store"
    for said in (citizen.number, "Nguyễn Thị Mẫu", "12 Đường Mẫu", "Cổng hồ sơ", "127.0.0.1"):
        assert said in page.text
    with app.app_context():
        assert events()["data.taken"] == events()["record.read"] == 0
    file = browser.get("/account/download")
    assert file.headers["Content-Disposition"].startswith("attachment;")
    assert file.headers["Cache-Control"] == "no-store"
    said = file.get_json()
    assert said["claims"][0]["claims"]["personal_id_number"] == citizen.number
    assert said["received"][0]["service"] == "Cổng hồ sơ"
    assert {held.part for held in HELD} | {"made_at", "issuer", "only_the_newest_of"} == set(said)
    with app.app_context():
        assert events()["data.taken"] == 1
    other = app.test_client()
    sign_in(other, a_citizen(app, NUMBERS[1]))
    assert citizen.number not in other.get("/account/data").text
    assert citizen.number not in other.get("/account/download").text
    clock.advance(minutes=16)
    for path in ("/account/data", "/account/download"):
        assert browser.get(path).location.startswith("/sign-in?")


def test_nothing_that_opens_an_account_is_told(app: Flask) -> None:
    """A code that was sent for a second step is not to be read where one factor suffices."""
    citizen, browser = a_citizen(app), app.test_client()
    sign_in(browser, citizen)
    start = browser.get("/lock")
    form = {"parked": parked_in(start), "identifier": citizen.number, "contact": "0912000013"}
    browser.post("/lock", data=form)
    code = messages(app)[-1].code
    for path in ("/account/data", "/account/download"):
        assert code not in browser.get(path).text


def test_both_are_found_from_my_identity_and_from_the_history(app: Flask) -> None:
    browser = app.test_client()
    sign_in(browser, a_citizen(app))
    for path in ("/account", "/account/activity"):
        text = browser.get(path).text
        assert 'href="/account/data"' in text
        assert 'href="/account/download"' in text
