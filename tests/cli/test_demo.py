"""`flask demo seed`: two people whose password everybody knows; made once, never in production."""

from dataclasses import replace

from click.testing import CliRunner
from flask import Flask

from idp.cli import demo
from tests.builders import NUMBERS, Citizen, sign_in
from tests.cli.conftest import Type
from tests.rows import count_rows


def test_it_makes_two_people_who_sign_in_and_can_be_run_again(sqlite_app: Flask, type_in: Type) -> None:
    assert type_in("demo", "seed").output == "".join(f"made {number}\n" for number in NUMBERS)
    with sqlite_app.app_context():
        before = count_rows()
    again = type_in("demo", "seed")
    assert (again.exit_code, again.output) == (0, "".join(f"{number} is there already\n" for number in NUMBERS))
    with sqlite_app.app_context():
        assert count_rows() == before
    for number in NUMBERS:
        sign_in(sqlite_app.test_client(), Citizen(id=None, number=number))  # type: ignore[arg-type]


def test_the_demos_numbers_belong_to_nobody() -> None:
    assert NUMBERS == ("003190000013", "003085000021")
    assert demo.PASSWORD == "Thu-nghiem-2026!"


def test_production_refuses_them(sqlite_app: Flask) -> None:
    runtime = sqlite_app.extensions["idp"]
    production = replace(runtime, settings=replace(runtime.settings, profile="production"))
    with sqlite_app.app_context():
        before = count_rows()
        done = CliRunner().invoke(demo.group(production), ["seed"])
        assert done.exit_code == 1
        assert done.output == "Error: the demo's people have a known password, so production refuses them\n"
        assert count_rows() == before
