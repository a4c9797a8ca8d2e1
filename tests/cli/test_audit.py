"""`flask audit`: what it says, and with which exit status; the check itself is tested in flows/test_log_check.py."""

import json
from pathlib import Path

import pytest
from flask import Flask

from idp import storage
from idp.cli.timed_jobs import TimedJobs
from idp.storage.tables import audit
from tests.builders import a_citizen
from tests.cli.conftest import Type
from tests.doubles import FixedClock
from tests.rows import rows_of
from tests.tampering import change

BY = ("--reader", "cán bộ A", "--purpose", "thanh tra 2026")


@pytest.fixture
def sealed(sqlite_app: Flask) -> Flask:
    a_citizen(sqlite_app)
    jobs = TimedJobs(sqlite_app, sqlite_app.extensions["idp"])
    while jobs.run():
        pass
    return sqlite_app


def test_a_log_that_nobody_touched_is_whole(sealed: Flask, type_in: Type) -> None:
    done = type_in("audit", "verify")
    assert done.exit_code == 0
    assert done.output.endswith("The log is as it was sealed.\n")


def test_the_first_bad_entry_is_the_first_line(sealed: Flask, type_in: Type) -> None:
    with sealed.app_context():
        first = next(row for row in rows_of("log_leaves") if row.number == 0)
        change(audit, audit.c.id == first.id, actor="x")
    done = type_in("audit", "verify")
    assert done.exit_code == 1
    assert done.output.startswith(f"BAD {first.month} entry number 0 ({first.id}): was changed")


def test_heads_of_another_provider_are_no_heads_of_this_log(sealed: Flask, type_in: Type, tmp_path: Path) -> None:
    (tmp_path / "heads.txt").write_text("a.b.c\n")
    done = type_in("audit", "verify", "--heads", str(tmp_path / "heads.txt"))
    assert (done.exit_code, "was not signed by the log" in done.output) == (1, True)


def test_a_month_is_exported_for_its_owner_alone_and_that_stands_in_the_log(
    sealed: Flask, type_in: Type, tmp_path: Path
) -> None:
    file = tmp_path / "log.jsonl"
    done = type_in("audit", "export", "--month", "2026-12", *BY, str(file))
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert (lines[0]["type"], lines[0]["reader"], lines[1]["type"]) == ("log", "cán bộ A", "head")
    assert file.stat().st_mode & 0o077 == 0
    with sealed.app_context():
        [noted] = [row for row in rows_of("audit") if row.event == "log.exported"]
        key = sealed.extensions["idp"].keyring.house_key()
        assert noted.actor == "cán bộ A"
        assert key.open("audit.details_sealed", noted.id, noted.details_sealed) == "2026-12 thanh tra 2026"
    assert type_in("audit", "export", "--month", "2026-12", *BY, str(file)).exit_code == 1, "nothing is written over"


@pytest.mark.parametrize("month", ["2020-01", "2026-13", "all", "2026-12-01"])
def test_a_month_that_is_not_there_is_refused_in_one_sentence(
    sealed: Flask, type_in: Type, tmp_path: Path, month: str
) -> None:
    done = type_in("audit", "export", "--month", month, *BY, str(tmp_path / "x"))
    assert (done.exit_code, done.output) == (1, f"Error: the log has no month {month}\n")
    assert not (tmp_path / "x").exists()


def test_an_entry_is_proved(sealed: Flask, type_in: Type, clock: FixedClock) -> None:
    with sealed.app_context():
        entry = rows_of("log_leaves")[-1].id
    done = type_in("audit", "prove", str(entry), *BY)
    assert json.loads(done.output)["id"] == str(entry)
    with sealed.app_context(), storage.once():
        new = rows_of("audit")[-1].id
    done = type_in("audit", "prove", str(new), *BY)
    assert (done.exit_code, "no such entry is in the log" in done.output) == (1, True)
