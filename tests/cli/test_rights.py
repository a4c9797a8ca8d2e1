"""`flask rights`: the officer's day, from the call to the end, one sentence a step."""

import re

import pytest
from flask import Flask

from idp import flows, storage
from idp.domain.accounts import Ground, Lock
from tests.builders import Citizen, a_citizen
from tests.cli.conftest import Type
from tests.doubles import FixedClock
from tests.mailbag import messages
from tests.rows import events, rows_of

OFFICER = ("--officer", "Bà Bình, quầy 3")
SAID = "Sai tên đệm"
UNKNOWN = "00000000-0000-7000-8000-000000000007"


@pytest.fixture
def citizen(sqlite_app: Flask) -> Citizen:
    return a_citizen(sqlite_app)


def open_one(type_in: Type, citizen: Citizen, kind: str = "object") -> str:
    done = type_in("rights", "open", "--number", citizen.number, "--kind", kind, "--words", SAID, *OFFICER)
    found = re.fullmatch(r"Opened (\S+): answer by 03/12/2026, done by 1[16]/12/2026\.\n", done.output)
    assert found, done.output
    return found[1]


def say(type_in: Type, deed: str, request: str, *more: str) -> str:
    done = type_in("rights", deed, request, "--words", "Lời của cán bộ", *more, *OFFICER)
    return str(done.output)


def test_a_request_goes_from_the_call_to_its_end(sqlite_app: Flask, type_in: Type, citizen: Citizen) -> None:
    request = open_one(type_in, citizen)
    assert say(type_in, "answer", request, "--through-others") == "Answered; done by 21/12/2026.\n"
    assert say(type_in, "extend", request) == "Extended; done by 05/01/2027.\n"
    assert say(type_in, "fulfil", request) == "Done.\n"
    assert say(type_in, "fulfil", request) == "Error: a request that is done cannot be moved by: fulfil\n"
    told = [message.text for message in messages(sqlite_app) if message.channel == "sms"]
    assert len(told) == 4
    assert "03/12/2026" in told[0]
    with sqlite_app.app_context():
        counted = events()
        [row] = rows_of("rights_requests")
    assert [counted[f"rights.{each}"] for each in ("asked", "answered", "extended", "fulfilled")] == [1] * 4
    assert {row.received_by, row.answered_by, row.extended_by, row.ended_by} == {OFFICER[1]}


def test_a_refusal_names_the_law(sqlite_app: Flask, type_in: Type, citizen: Citizen) -> None:
    request = open_one(type_in, citizen)
    assert "Missing option '--legal-ground'" in say(type_in, "refuse", request)
    assert say(type_in, "refuse", request, "--legal-ground", " ") == "Error: name the law by which it is refused\n"
    assert say(type_in, "refuse", request, "--legal-ground", "Luật 91/2025/QH15") == "Refused.\n"


def test_the_list_names_nobody_and_says_what_is_late(type_in: Type, citizen: Citizen, clock: FixedClock) -> None:
    late, answered = open_one(type_in, citizen), open_one(type_in, citizen, "copy")
    say(type_in, "answer", answered)
    listed = type_in("rights", "list").output
    assert listed.index(answered) < listed.index(late), "the first to be done comes first"
    assert listed.endswith("\n0 overdue.\n")
    assert type_in("rights", "list", "--overdue").output == "0 overdue.\n"
    clock.advance(days=3)
    overdue = type_in("rights", "list", "--overdue").output
    assert (late in overdue, answered in overdue) == (True, False)
    assert overdue.endswith("OVERDUE\n1 overdue.\n")
    for word in (SAID, citizen.number, "Nguyễn"):
        assert word not in listed


def test_who_reads_one_says_why_and_stands_in_the_history(sqlite_app: Flask, type_in: Type, citizen: Citizen) -> None:
    request = open_one(type_in, citizen, "correct")
    assert type_in("rights", "show", request, *OFFICER).exit_code == 2
    shown = type_in("rights", "show", request, *OFFICER, "--purpose", "giải quyết yêu cầu")
    for word in (SAID, citizen.number, "Nguyễn Thị Mẫu", "correct", "11/12/2026"):
        assert word in shown.output
    with sqlite_app.app_context():
        assert events()["record.read"] == 1


def test_a_locked_account_s_holder_is_served_too(sqlite_app: Flask, type_in: Type, citizen: Citizen) -> None:
    runtime = sqlite_app.extensions["idp"]
    with sqlite_app.app_context(), storage.begin() as tx:
        person = flows.account_care.find_person(tx, runtime, citizen.number)
        flows.account_care.lock(tx, runtime, person, Lock(Ground.MISUSE, "stolen"), actor="the tests")
    open_one(type_in, citizen)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("open", "--number", "003199000088", "--kind", "copy"), "nobody signs in with this number"),
        (("answer", UNKNOWN, "--words", "x"), "no request has this id"),
        (("extend", UNKNOWN, "--words", "x"), "no request has this id"),
        (("show", UNKNOWN, "--purpose", "x"), "no request has this id"),
    ],
)
def test_what_is_wrong_is_one_sentence(type_in: Type, words: tuple[str, ...], sentence: str) -> None:
    done = type_in("rights", *words, *OFFICER)
    assert (done.exit_code, done.output) == (1, f"Error: {sentence}\n")


def test_a_sixth_is_refused_by_a_sentence(type_in: Type, citizen: Citizen) -> None:
    for _ in range(5):
        open_one(type_in, citizen)
    done = type_in("rights", "open", "--number", citizen.number, "--kind", "copy", *OFFICER)
    assert done.output == "Error: the person has 5 requests that are open or came within a day\n"
