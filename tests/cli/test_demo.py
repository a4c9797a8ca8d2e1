"""`flask demo seed`: two people whose password everybody knows; made once, never in production."""

from dataclasses import replace

import pytest
from click.testing import CliRunner
from flask import Flask

from idp.cli import demo
from idp.domain.claims import SCOPE_CLAIMS
from tests.builders import NUMBERS, Citizen, a_service, follow, obtain_tokens, parked_in, sign_in, userinfo
from tests.cli.conftest import Type
from tests.doubles import FixedClock
from tests.rows import count_rows


def test_it_makes_two_people_who_sign_in_and_can_be_run_again(sqlite_app: Flask, type_in: Type) -> None:
    made = (*NUMBERS, *demo.OFFICERS)
    assert type_in("demo", "seed").output == "".join(f"made {name}\n" for name in made)
    with sqlite_app.app_context():
        before = count_rows()
    again = type_in("demo", "seed")
    assert (again.exit_code, again.output) == (0, "".join(f"{name} is there already\n" for name in made))
    with sqlite_app.app_context():
        assert count_rows() == before
    for number in NUMBERS:
        sign_in(sqlite_app.test_client(), Citizen(id=None, number=number))  # type: ignore[arg-type]


@pytest.mark.parametrize("staff_code", demo.OFFICERS)
def test_its_officers_sign_in_with_the_code_that_the_command_shows(
    sqlite_app: Flask, type_in: Type, clock: FixedClock, staff_code: str
) -> None:
    type_in("demo", "seed")
    clock.advance(seconds=31)
    shown = type_in("demo", "code", staff_code).output.strip()
    client = sqlite_app.test_client()
    form = {"parked": parked_in(client.get("/admin/sign-in")), "identifier": staff_code, "password": demo.PASSWORD}
    step = follow(client, client.post("/admin/sign-in", data=form))
    client.post("/admin/second-step", data={"parked": parked_in(step), "way": "totp", "code": shown})
    assert client.get("/admin").status_code == 200


STANDARD = {"profile", "email", "address", "phone"}
ADDRESS = {"formatted", "street_address", "locality", "region", "postal_code", "country"}


def test_oidc_core_5_1_its_people_have_every_standard_claim(sqlite_app: Flask, type_in: Type) -> None:
    """Foreign test suites ask for each of them by name, and warn of every one that does not come."""
    wanted = {name for scope in STANDARD for name in SCOPE_CLAIMS[scope]}
    for person in demo.PEOPLE.values():
        assert wanted - set(person) == {"updated_at"}, "which is told by the profile, not by the person"
        assert set(person["address"]) == ADDRESS  # type: ignore[call-overload]
    service = a_service(sqlite_app)
    type_in("demo", "seed")
    for number in NUMBERS:
        browser, person = sqlite_app.test_client(), Citizen(id=None, number=number)  # type: ignore[arg-type]
        tokens = obtain_tokens(browser, service, person, scope=f"openid {' '.join(sorted(STANDARD))}")
        said = userinfo(browser, tokens["access_token"]).get_json()
        assert set(said) - {"sub"} == wanted


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
