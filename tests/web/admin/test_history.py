"""Auditors search the history and take it away; reading it stands in it, and in the person's own."""

import argparse
import csv
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import storage
from idp.domain.audit import Entry, Event
from idp.domain.officers import Role
from idp.runtime import chance
from idp.web.given import runtime_of
from tests.builders import Citizen
from tests.rows import events, rows_of
from tests.staff import post
from tests.web.admin.conftest import SignedIn
from tests.web.admin.test_people import open_record, sign_in_fully
from tests.web.citizen.test_activity import seal_all
from tools import verify_log


@pytest.fixture
def auditor(signed_in: SignedIn) -> FlaskClient:
    return signed_in(Role.AUDITOR)


def form(app: Flask, **typed: str) -> dict[str, str]:
    today = runtime_of(app).today.strftime("%d/%m/%Y")
    return {"since": today, "until": today, "event": "", "officer": "", "number": "", "purpose": "đợt 4", **typed}


def search(app: Flask, auditor: FlaskClient, **typed: str) -> TestResponse:
    return post(auditor, auditor.get("/admin/history"), "/admin/history", **form(app, **typed))


def test_what_an_officer_did_is_found_by_officer_kind_and_person(
    app: Flask, registrar: FlaskClient, auditor: FlaskClient, citizen: Citizen
) -> None:
    open_record(registrar, citizen)
    for typed in (
        {"officer": "registrar@H05"},
        {"event": "record.read"},
        {"number": citizen.number},
    ):
        page = search(app, auditor, **typed)
        assert page.status_code == 200
        assert citizen.id.hex in page.text.replace("-", "") and "cán bộ registrar" in page.text, typed
    assert citizen.id.hex not in search(app, auditor, officer="khac@H05").text.replace("-", "")
    assert "hồ sơ 12/2026" not in page.text, "what is sealed for the person opens to the person alone"


def test_reading_is_noted_and_the_person_reads_it(app: Flask, auditor: FlaskClient, citizen: Citizen) -> None:
    search(app, auditor, number=citizen.number)
    search(app, auditor)
    with app.app_context():
        assert (events()["log.read"], events()["record.read"]) == (2, 1)
    person = app.test_client()
    sign_in_fully(app, person, citizen)
    own = person.get("/account/activity").text
    assert "cán bộ auditor" in own and "đợt 4" in own


@pytest.mark.parametrize(
    "typed",
    [
        {"purpose": " "},
        {"since": "x"},
        {"until": "31/02/2026"},
        {"since": "01/01/2020"},
        {"event": "khong.co"},
        {"number": "003199000099"},
        {"number": "12"},
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_read(app: Flask, auditor: FlaskClient, typed: dict[str, str]) -> None:
    assert search(app, auditor, **typed).status_code == 400
    with app.app_context():
        assert events()["log.read"] == 0


def test_a_file_has_every_entry_once_with_its_hash_and_no_formula(
    app: Flask, auditor: FlaskClient, citizen: Citizen
) -> None:
    runtime = runtime_of(app)
    with app.app_context(), storage.begin() as tx:
        now = runtime.clock.now()
        for actor in ("=1+1", "@x", "-2", "+3", "\t4"):
            entry = Entry(id=chance.new_id(now), at=now, event=Event.RECORD_READ, actor=actor)
            storage.audit.insert_entry(tx, entry)
    page = auditor.get("/admin/history")
    answer = post(auditor, page, "/admin/history/export", **form(app))
    assert answer.headers["Content-Disposition"].startswith("attachment")
    lines = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True).removeprefix("\ufeff"))))
    with app.app_context():
        since = runtime.clock.now() - timedelta(hours=1)  # keys were made days before
        kept = [row for row in rows_of("audit") if row.event != "log.exported" and row.at >= since]
        stored = {str(row.id): row for row in kept}
        assert events()["log.exported"] == 1
    assert {line["id"] for line in lines} == set(stored)
    assert all(line["leaf_hash"] == stored[line["id"]].leaf_hash.hex() for line in lines)
    assert not [cell for line in lines for cell in line.values() if cell[:1] in ("=", "+", "-", "@", "\t")]


def test_pages_follow_each_other_without_a_gap(app: Flask, auditor: FlaskClient) -> None:
    runtime = runtime_of(app)
    with app.app_context(), storage.begin() as tx:
        for number in range(120):
            now = runtime.clock.now()
            entry = Entry(id=chance.new_id(now), at=now, event=Event.KEY_MADE, actor=f"may {number}")
            storage.audit.insert_entry(tx, entry)
    seen: list[str] = []
    page = search(app, auditor, event="key.made")
    while True:
        seen += [each.split("<")[0] for each in page.text.split("<td>may ")[1:]]
        if 'id="further"' not in page.text:
            break
        below = page.text.split('name="below" value="')[1].split('"')[0]
        page = post(auditor, page, "/admin/history", **form(app, event="key.made"), below=below)
    assert [int(each) for each in seen] == list(reversed(range(120)))


def test_a_page_of_another_officers_finds_nothing(app: Flask, auditor: FlaskClient, signed_in: SignedIn) -> None:
    page = auditor.get("/admin/history")
    other = signed_in(Role.AUDITOR, "nguoi.khac")
    assert post(other, page, "/admin/history", **form(app)).status_code == 400


def take_proofs(app: Flask, auditor: FlaskClient, **typed: str) -> TestResponse:
    return post(auditor, auditor.get("/admin/history"), "/admin/history/proofs", **form(app, **typed))


def verify(folder: Path, auditor: FlaskClient, lines: list[bytes]) -> list[str]:
    """What the script says that stands alone."""
    for name in ("keys", "heads"):
        (folder / name).write_bytes(auditor.get(f"/log/{name}").data)
    (folder / "proofs.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    arguments = {"file": folder / "proofs.jsonl", "keys": folder / "keys", "heads": folder / "heads"}
    return verify_log.check(argparse.Namespace(**arguments))


def test_what_was_found_is_taken_away_with_proofs_that_are_checked_offline(
    app: Flask, registrar: FlaskClient, auditor: FlaskClient, citizen: Citizen, tmp_path: Path
) -> None:
    for _ in range(3):
        open_record(registrar, citizen)
    assert take_proofs(app, auditor).data == b"", "in its first seconds an entry is in no tree"
    seal_all(app)
    taken = take_proofs(app, auditor, event="record.read")
    lines = taken.data.splitlines()
    assert len(lines) == 3
    assert taken.headers["Cache-Control"] == "no-store"
    assert "hồ sơ".encode() not in taken.data, "what is sealed leaves as it is stored"
    assert verify(tmp_path, auditor, lines)[0] == "3 entries are in the log"
    changed = json.loads(lines[1])
    changed["values"]["actor"] = "nguoi.khac@H05"
    with pytest.raises(verify_log.Bad, match=changed["id"]):
        verify(tmp_path, auditor, [lines[0], json.dumps(changed).encode(), lines[2]])
    with app.app_context():
        assert events()["log.exported"] == 2


def test_proofs_are_for_auditors_and_need_a_purpose(app: Flask, registrar: FlaskClient, auditor: FlaskClient) -> None:
    assert take_proofs(app, auditor, purpose=" ").status_code == 400
    assert registrar.post("/admin/history/proofs", data=form(app)).status_code == 403


def test_what_an_earlier_house_key_sealed_is_still_read(app: Flask, auditor: FlaskClient) -> None:
    runtime = runtime_of(app)
    search(app, auditor, purpose="trước khi đổi khóa")
    with app.app_context(), storage.begin() as tx:
        storage.data_keys.insert_data_key(tx, runtime.keyring, None, runtime.clock.now() + timedelta(seconds=1))
    runtime.keyring.forget()
    assert "trước khi đổi khóa" in search(app, auditor, event="log.read").text
