"""A lived-in database holds no personal value of anybody, however it is written (Law 91/2025/QH15; issue 2, Sealing).

Two people are made, sign in through the pages, agree, are known at a service, fail once, sign out, and the worker
delivers. Then the whole database is dumped, and its raw files read, and every value of theirs is searched for.
"""

import base64
import json
import re
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.engine import make_url

from idp import flows, storage
from idp.cli.demo import PASSWORD, PEOPLE
from idp.cli.worker import Worker
from idp.domain import bulk_files, identifiers, names
from idp.domain.bulk_jobs import JobKind
from idp.domain.cases import CaseKind, Hand
from idp.domain.levels import ProofSource
from idp.domain.notices import Notice
from idp.domain.officers import Role
from idp.flows.merging import Wanted
from idp.flows.recall import Approved
from idp.flows.registration import NewAccount
from idp.runtime import chance
from idp.storage import tables
from idp.web import rights_texts
from tests.builders import Citizen, a_citizen, a_service, obtain_tokens
from tests.doubles import FixedClock, RecordingOutbound
from tests.mailbag import messages
from tests.soft_authenticator import Authenticator
from tests.stores import Stores
from tests.web.citizen import test_security as security

ADDRESS, ADDRESS_6 = "198.51.100.77", "2001:db8:77::c0de"
AGENT = "Trinh-duyet-mau/7.13 (Dien thoai cua ba Mau)"
OFFICER_NAME, OFFICER_NUMBER = "Phạm Quyền Hạn", "098080000077"
RECALL = {
    "recall_source": "counter",
    "recall_officer": "xau.a",
    "recall_from": "2026-03-01",
    "recall_until": "2026-03-31",
    "reason": "QĐ 12/2026",
}
MERGED_NUMBERS = ("003199000088", "003199000089")
LOGOUT = "https://dich-vu.example/backchannel-logout"


@dataclass(frozen=True)
class LivedIn:
    app: Flask
    url: str
    outbound: RecordingOutbound


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def lived_in(request: pytest.FixtureRequest, stores: Stores) -> Iterator[LivedIn]:
    from idp.app import create_app
    from tests.builders_settings import testing_settings
    from tests.stores import close

    url, clock, outbound = stores.fresh(request.param), FixedClock(), RecordingOutbound()
    app = create_app(testing_settings(url), clock=clock, outbound=outbound)
    live(app, clock)
    merge_two(app)
    yield LivedIn(app, url, outbound)
    close(app)
    stores.discard(url)


def live(app: Flask, clock: FixedClock) -> None:
    """The lives of the two people: each row that the product writes today is written here."""
    runtime = app.extensions["idp"]
    service = a_service(
        app,
        client_name="Cổng một cửa",
        backchannel_logout_uri=LOGOUT,
        scope="openid profile email phone address offline_access",
    )
    people = []
    with app.app_context():
        with storage.begin() as tx:
            flows.counter_screens.make_code(tx, runtime, "Quầy 3", actor="the tests")
            flows.recall.start(tx, runtime, Approved(RECALL, "an.hd@H05", "duyet@H05"))
        for number, claims in PEOPLE.items():
            hashed = flows.registration.hash_new_password(runtime, PASSWORD, number)
            with storage.begin() as tx:
                subject = flows.registration.create_account(
                    tx, runtime, NewAccount(number, claims, hashed), actor="the demo"
                )
            people.append(Citizen(id=subject.id, number=number))
    for citizen, address in zip(people, (ADDRESS, ADDRESS_6), strict=True):
        clock.advance(minutes=1)
        browser = app.test_client()
        browser.environ_base |= {"REMOTE_ADDR": address, "HTTP_USER_AGENT": AGENT}
        fail_to_sign_in(browser, citizen)
        ask_for_a_phone(browser)
        obtain_tokens(browser, service, citizen, scope="openid profile email phone address")
        add_factors(app, browser, clock)
        ask_for_a_right(app, browser, citizen)
        sign_out(browser)
        ask_for_it_back(app, browser, citizen)
    work_at_the_console(app, people[0])
    hand_over_a_file(app)
    Worker(app, runtime).run(Event(), once=True)


def merge_two(app: Flask) -> None:
    """Two more accounts, with the first person's name and contacts, made one."""
    runtime, claims = app.extensions["idp"], next(iter(PEOPLE.values()))
    said = {name: value for name, value in claims.items() if name not in ("personal_id_number", "updated_at")}
    kept, merged = (a_citizen(app, number, claims=said, proof_source=ProofSource.COUNTER) for number in MERGED_NUMBERS)
    service = a_service(app, client_name="Cổng khác", redirect_uris=["https://cong-khac.example/cb"])
    obtain_tokens(app.test_client(), service, merged)
    wanted = Wanted("an.hd@H05", "duyet@H05", f"{claims['name']}; CCCD {MERGED_NUMBERS[1]}", Notice("Gộp", "Đã gộp."))
    with app.app_context(), storage.begin() as tx:
        seen = flows.merging.preview(tx, runtime, kept.id, merged.id)
        flows.merging.merge(tx, runtime, kept.id, merged.id, seen.digest(), wanted)


def work_at_the_console(app: Flask, citizen: Citizen) -> None:
    """An officer looks for somebody, looks at the record, and asks for a correction."""
    runtime = app.extensions["idp"]
    now, claims = runtime.clock.now(), PEOPLE[citizen.number]
    with app.app_context(), storage.begin() as tx:
        unit_id = storage.agencies.insert_agency(tx, "H05.14", name_vi="Sở Tư pháp", name_en="", now=now)
        unit = storage.agencies.find_agency(tx, unit_id)
        assert unit is not None
        made = flows.officers.create(tx, runtime, "can.bo", OFFICER_NAME, OFFICER_NUMBER, actor="the tests")
        officer = flows.officers.find(tx, runtime, "can.bo")
        today = runtime.today
        flows.officers.assign(
            tx, runtime, officer, unit, Role.REGISTRAR, valid_from=today, valid_until=None, actor="the tests"
        )
        person = flows.account_care.find_person(tx, runtime, citizen.number)
        flows.people.search(tx, runtime, str(claims["name"]), purpose="hồ sơ", actor="can.bo@H05.14")
        flows.people.look(tx, runtime, person, purpose="hồ sơ", actor="can.bo@H05.14")
        hand = Hand(made.subject.id, "can.bo@H05.14", chance.new_id(now), chance.digest("a browser"))
        body = {"name": str(claims["name"]), "number": citizen.number, "document": "CCCD"}
        flows.cases.ask(tx, runtime, hand, unit.id, CaseKind.CORRECT, body, citizen.id)


def hand_over_a_file(app: Flask) -> None:
    """Of an old portal, with everybody in it: it is checked, and waits for a second officer."""
    lines = [f"{number},{each['name']},{each['birthdate']},{each['email']}" for number, each in PEOPLE.items()]
    raw = "\n".join(("so_dinh_danh,ho_ten,ngay_sinh,email", *lines)).encode()
    read = bulk_files.read(raw, bulk_files.OF_PEOPLE)
    with app.app_context(), storage.begin() as tx:
        runtime, said = app.extensions["idp"], {"reason": "CV 9/2026"}
        flows.bulk_jobs.hand_over(tx, runtime, JobKind.IMPORT, raw, read, said, actor="an.hd@H05")


def add_factors(app: Flask, browser: Any, clock: FixedClock) -> None:
    """A passkey, an authenticator app, and ten codes on paper."""
    page = security.open_page(browser)
    secret = security.post(browser, page, "/totp")
    key = re.search(r'id="secret">([A-Z2-7 ]+)<', secret.text)
    assert key
    security.post(browser, page, "/codes")
    passkey = Authenticator().make(security.options_in(page, "create"))
    security.post(browser, page, "/passkey", answer=passkey, name="Máy ở nhà")
    step = browser.get("/account/security", follow_redirects=True)
    sent = browser.post("/second-step", data={"parked": page_state(step.text), "way": "sms", "send": "1"})
    form = {"parked": page_state(browser.get(sent.location).text), "way": "sms", "code": messages(app)[-1].code}
    browser.post("/second-step", data=form)
    code = security.code_of(key[1].replace(" ", ""), clock)
    browser.post("/account/security/totp/confirm", data={"parked": page_state(secret.text), "code": code})


def ask_for_a_right(app: Flask, browser: Any, citizen: Citizen) -> None:
    """By the person, who says who it is; answered and refused by an officer who says it again."""
    said = f"{PEOPLE[citizen.number]['name']}, {citizen.number}"
    form = {"parked": page_state(browser.get("/account/rights").text), "kind": "erase", "words": said}
    page = browser.post("/account/rights", data=form)
    request, runtime = UUID(page.text.split('name="request" value="')[1][:32]), app.extensions["idp"]
    with app.app_context(), storage.begin() as tx:
        about = (tx, runtime, request, said, rights_texts.notice)
        flows.rights.answer(*about, through_others=False, actor="the tests")
        flows.rights.extend(*about, actor="the tests")
        flows.rights.refuse(*about, legal_ground="Luật 91/2025/QH15", actor="the tests")


def ask_for_it_back(app: Flask, browser: Any, citizen: Citizen) -> None:
    """By mailbox and phone: it waits, since there are a passkey and an app."""
    page, claims = browser.get("/recover"), PEOPLE[citizen.number]
    form = {"parked": page_state(page.text), "identifier": citizen.number}
    form |= {"contact": str(claims["email"]), "other": str(claims["phone_number"])}
    codes = browser.post("/recover", data=form, follow_redirects=True)
    form = {"parked": page_state(codes.text)}
    form |= {"contact-code": messages(app)[-2].code, "other-code": messages(app)[-1].code}
    assert 'id="wait"' in browser.post("/recover/codes", data=form).text


def page_state(html: str) -> str:
    return html.split('name="parked" value="')[1].split('"')[0]


def fail_to_sign_in(browser: Any, citizen: Citizen) -> None:
    page = browser.get("/sign-in", follow_redirects=True)
    form = {"parked": page_state(page.text), "identifier": citizen.number, "password": "sai-mat-khau-roi"}
    assert browser.post("/sign-in", data=form).status_code == 401
    form["identifier"] = str(PEOPLE[citizen.number]["email"]) + "x"
    assert browser.post("/sign-in", data=form).status_code == 401


def ask_for_a_phone(browser: Any) -> None:
    page = browser.get("/sign-in", follow_redirects=True)
    assert browser.post("/sign-in/screen", data={"parked": page_state(page.text)}).status_code == 303


def sign_out(browser: Any) -> None:
    page = browser.get("/sign-out", follow_redirects=True)
    assert browser.post("/sign-out", data={"parked": page_state(page.text)}).status_code == 303


def test_the_database_was_lived_in(lived_in: LivedIn) -> None:
    assert len(lived_in.outbound.calls_to(LOGOUT)) == 2
    still_empty = {"large_requests", "logos", "identity_links"}
    # What services do in their own names holds nothing of people: no column of these could.
    still_empty |= {"machine_grants", "service_resources", "initial_access_tokens", "leases"}
    # Hashes of 256 entries and more.
    still_empty |= {"log_nodes"}
    with lived_in.app.app_context(), storage.once() as tx:
        counts = {name: tx.scalar(text(f"SELECT count(*) FROM {name}")) for name in storage.db.metadata.tables}
    # A table that comes to be filled is to be filled here too.
    assert {name for name, count in counts.items() if not count} == still_empty


# -- what is searched for --------------------------------------------------------------------------------------------


def personal_values() -> set[str]:
    """Every value of the two people that tells of them, and each form in which it might be kept."""
    values = {ADDRESS, ADDRESS_6, AGENT, PASSWORD, "sai-mat-khau-roi", OFFICER_NAME, OFFICER_NUMBER, *MERGED_NUMBERS}
    for number, claims in PEOPLE.items():
        values |= {number, *each_text(claims)}
        name, phone = str(claims["name"]), str(claims["phone_number"])
        values |= {"0" + phone.removeprefix("+84"), phone.removeprefix("+"), phone.removeprefix("+84")}
        values |= {identifiers.normalise_phone(phone), names.fold(name), names.fold(name).lower()}
        values |= {" ".join(names.fold_words(name)), *name.split()}
        # A folded word of three letters stands in any page of text; the whole folded name does not.
        values |= {word for word in (*names.fold_words(name), *name.split()) if len(word.encode()) >= 4}
        year, month, day = str(claims["birthdate"]).split("-")
        values |= {f"{day}/{month}/{year}", f"{year}{month}{day}", f"{day}{month}{year}"}
    # What says nothing of anybody, or is too short to be anything but chance in a page of digests: five digits of a
    # postal code stand in one dump of ten, and the address they belong to is looked for by its other parts.
    common = {"female", "male", "Asia/Ho_Chi_Minh", "vi-VN", "Việt Nam", "16000", "26000"}
    return {value for value in values if value not in common and len(value.encode()) >= 4}


def each_text(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from each_text(inner)
    elif isinstance(value, str):
        yield value
        yield from value.split("\n")


def forms(value: str) -> set[bytes]:
    """The bytes by which a value might stand in a dump: plain, as JSON, in hex, in base64 at any place of a text."""
    found: set[bytes] = set()
    for spelled in {unicodedata.normalize(form, value) for form in ("NFC", "NFD")}:
        for encoding in ("utf-8", "utf-16-le"):
            raw = spelled.encode(encoding)
            found |= {raw, raw.hex().encode(), raw.hex().upper().encode()}
            found |= {"".join(f"\\x{byte:02x}" for byte in raw).encode()}
            found |= {"".join(f"\\{byte:03o}" if byte > 126 else chr(byte) for byte in raw).encode()}
        found |= {json.dumps(spelled)[1:-1].encode()}
        found |= set(base64_forms(spelled.encode()))
    return found


def base64_forms(raw: bytes) -> Iterator[bytes]:
    """What is sure of the base64 of a text in which `raw` stands at place 0, 1 or 2 of a group of three."""
    for place in range(3):
        first, rest = (-place) % 3 if place else 0, len(raw)
        whole = raw[first : rest - (rest - first) % 3]
        if len(whole) >= 6:
            yield base64.b64encode(whole)
            yield base64.urlsafe_b64encode(whole)


def found_in(dump: bytes) -> set[str]:
    return {value for value in personal_values() if any(form in dump for form in forms(value))}


# -- where it is searched --------------------------------------------------------------------------------------------


def dump_of(url: str) -> bytes:
    """All of the database: every row as text, and on SQLite the raw pages of the files too."""
    return sqlite_dump(url) if url.startswith("sqlite") else postgres_dump(url)


def sqlite_dump(url: str) -> bytes:
    file = Path(str(make_url(url).database))
    # The files first: closing the last connection would move the log into the database and remove it.
    raw = b"".join(each.read_bytes() for each in sorted(file.parent.glob(f"{file.name}*")))
    connection = sqlite3.connect(file)
    try:
        return raw + "\n".join(connection.iterdump()).encode()
    finally:
        connection.close()


def postgres_dump(url: str) -> bytes:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    dumped = b""
    with psycopg.connect(plain) as connection:
        held = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        ).fetchall()
        assert len(held) > len(tables.PARTITIONED) * 12
        for (name,) in held:
            for style in ("text", "binary"):
                asked = sql.SQL("COPY {} TO STDOUT (FORMAT {})").format(sql.Identifier(name), sql.SQL(style))
                with connection.cursor() as cursor, cursor.copy(asked) as copy:
                    dumped += b"".join(copy)
    return dumped


def test_no_personal_value_stands_in_the_database_in_any_form(lived_in: LivedIn) -> None:
    dump = dump_of(lived_in.url)
    assert len(dump) > 20_000
    assert found_in(dump) == set()


def test_the_search_looks_for_what_it_should() -> None:
    values = personal_values()
    assert {"003190000013", "Nguyễn Thị Mẫu", "nguyen", "NGUYENTHIMAU", "+84912000013", "0912000013"} <= values
    assert {"tran.van.thu@nguoi-mau.example", "1985-11-20", "20/11/1985", "34 Đường Thử, Phường Bắc Giang"} <= values
    assert {"Bắc Giang", ADDRESS, ADDRESS_6, AGENT, PASSWORD} <= values


WRITERS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda value: value.encode(),
    "decomposed": lambda value: unicodedata.normalize("NFD", value).encode(),
    "json": lambda value: json.dumps({"a": value}).encode(),
    "hex": lambda value: value.encode().hex().encode(),
    "HEX": lambda value: value.encode().hex().upper().encode(),
    "escaped": lambda value: "".join(f"\\x{byte:02x}" for byte in value.encode()).encode(),
    "octal": lambda value: "".join(f"\\{byte:03o}" if byte > 126 else chr(byte) for byte in value.encode()).encode(),
    "utf-16": lambda value: value.encode("utf-16-le"),
    "base64": lambda value: base64.b64encode(value.encode()),
    "base64 after one": lambda value: base64.b64encode(b"{" + value.encode() + b"}"),
    "base64 after two": lambda value: base64.b64encode(b'{"' + value.encode() + b'"}'),
    "base64url": lambda value: base64.urlsafe_b64encode(value.encode()).rstrip(b"="),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("value", ["003190000013", "Nguyễn Thị Mẫu", "12 Đường Mẫu, Phường Kinh Bắc", AGENT])
def test_the_search_finds_a_value_however_it_is_written(writer: str, value: str) -> None:
    assert value in found_in(b"before " + WRITERS[writer](value) + b" after")


@pytest.mark.parametrize(
    ("column", "planted"),
    [("last_failure", "0912000013"), ("last_failure", base64.b64encode("Nguyễn Thị Mẫu".encode()).decode())],
)
def test_the_search_finds_a_value_planted_into_a_row(lived_in: LivedIn, column: str, planted: str) -> None:
    with lived_in.app.app_context():
        with storage.begin() as tx:
            tx.execute(tables.outbox.update().values(**{column: planted}))
        try:
            assert found_in(dump_of(lived_in.url))
        finally:
            with storage.begin() as tx:
                tx.execute(tables.outbox.update().values(**{column: None}))


def test_the_search_finds_bytes_planted_into_a_sealed_column(lived_in: LivedIn) -> None:
    with lived_in.app.app_context(), storage.db.engine.connect() as connection:
        row = connection.execute(tables.facts.select().limit(1)).one()
        same = tables.facts.c.id == row.id
        try:
            connection.execute(tables.facts.update().where(same).values(value_sealed=b"1990-01-02"))
            connection.commit()
            assert "1990-01-02" in found_in(dump_of(lived_in.url))
        finally:
            connection.execute(tables.facts.update().where(same).values(value_sealed=row.value_sealed))
            connection.commit()
