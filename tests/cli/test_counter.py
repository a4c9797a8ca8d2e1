"""`flask counter`: what an officer does in person, by command."""

import re

from flask import Flask

from idp.domain.levels import ProofSource
from tests.builders import a_citizen
from tests.cli.conftest import Type
from tests.rows import events, rows_of

NUMBER = "003199000013"
WHO = ("--number", NUMBER, "--name", "Lê Thị Lụa", "--birth-date", "02/01/1999")
CODE = re.compile(r"Code on paper: \d{5} \d{5}\n")


def test_prove_makes_the_account_and_prints_the_code(sqlite_app: Flask, type_in: Type) -> None:
    done = type_in("counter", "prove", *WHO, "--document", "thẻ căn cước", "--officer", "cán bộ A")
    assert done.exit_code == 0, done.output
    assert CODE.search(done.output)
    with sqlite_app.app_context():
        assert [row.proof_source for row in rows_of("subjects")] == ["counter"]
        assert events()["person.proved"] == 1


def test_print_code_is_for_who_has_an_account(sqlite_app: Flask, type_in: Type) -> None:
    words = ("counter", "print-code", "--number", NUMBER, "--officer", "cán bộ A")
    refused = type_in(*words)
    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)
    a_citizen(sqlite_app, NUMBER, proof_source=ProofSource.COUNTER)
    assert CODE.search(type_in(*words).output)


def test_preload_waits_to_be_claimed(sqlite_app: Flask, type_in: Type) -> None:
    done = type_in("counter", "preload", *WHO, "--phone", "0912 000 013")
    assert done.exit_code == 0, done.output
    with sqlite_app.app_context():
        assert [row.state for row in rows_of("subjects")] == ["pending"]
        assert rows_of("sign_in_names") == []


def test_what_is_wrong_is_said_in_one_sentence(type_in: Type) -> None:
    for changed in (("--number", "1"), ("--birth-date", "x"), ("--name", ""), ("--contact", "x")):
        words = ("counter", "prove", *WHO, "--document", "thẻ", "--officer", "A", *changed)
        refused = type_in(*words)
        assert (refused.exit_code, refused.output.count("\n")) == (1, 1), refused.output


def test_screen_prints_the_code_and_where_to_type_it(sqlite_app: Flask, type_in: Type) -> None:
    done = type_in("counter", "screen", "--name", "Phường Kinh Bắc, quầy 3")
    assert re.search(r"/counter-mode there and type: \d{5} \d{5}\n", done.output), done.output
    with sqlite_app.app_context():
        assert [row.name for row in rows_of("screen_codes")] == ["Phường Kinh Bắc, quầy 3"]
        assert events()["screen_code.made"] == 1
    refused = type_in("counter", "screen", "--name", "x" * 81)
    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)


def test_checks_are_counted_and_taken_back_with_two_names(type_in: Type, sqlite_app: Flask) -> None:
    type_in("counter", "prove", *WHO, "--document", "thẻ căn cước", "--officer", "xau.a@H05")
    day = sqlite_app.extensions["idp"].today.strftime("%d/%m/%Y")
    said = ("--officer", "xau.a", "--from", day, "--until", day, "--reason", "QĐ 12", "--asked-by", "A")
    sqlite_app.extensions["idp"].clock.advance(seconds=1)
    assert "Checks of 1 people" in type_in("counter", "recall", *said).output
    with sqlite_app.app_context():
        assert rows_of("recalls") == []
    assert type_in("counter", "recall", *said, "--approved-by", "A").exit_code != 0
    assert "1 people" in type_in("counter", "recall", *said, "--approved-by", "B").output
    assert "running 0 of 1, 0%" in type_in("counter", "recalls").output
