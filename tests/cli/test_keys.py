"""`flask keys rotate` and `flask keys rewrap`: what they say, and that running workers follow."""

import base64
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
from flask import Flask

from idp.runtime.settings import ROOT
from tests.builders import a_citizen, a_service, ask, lend_keys, obtain_tokens, sign_in
from tests.cli.conftest import Type
from tests.doubles import FixedClock


def published(app: Flask) -> set[str]:
    return {key["kid"] for key in app.test_client().get("/oauth2/jwks").get_json()["keys"]}


def test_rotate_says_what_it_did_and_a_running_worker_follows_within_seconds(
    sqlite_app: Flask, type_in: Type, clock: FixedClock
) -> None:
    before = published(sqlite_app)
    done = type_in("keys", "rotate")
    assert done.exit_code == 0
    said = [line.split() for line in done.output.splitlines()]
    assert sorted((alg, state) for alg, _, state in said) == [
        (alg, state) for alg in ("ES256", "RS256") for state in ("current", "next", "retired")
    ]
    clock.advance(seconds=5)
    assert published(sqlite_app) == before | {kid for _, kid, state in said if state == "next"}


def test_rewrap_moves_everything_to_the_new_master_key(
    make_app: Callable[..., Flask], sqlite_url: str, tmp_path: Path
) -> None:
    first = make_app(sqlite_url)
    lend_keys(first)
    citizen = a_citizen(first)
    new = tmp_path / "master.key"
    new.write_text(base64.urlsafe_b64encode(b"k" * 32).decode())
    old = str(ROOT / first.extensions["idp"].settings.keys.master_key_file)
    during = make_app(sqlite_url, IDP_KEYS_MASTER_KEY_FILE=str(new), IDP_KEYS_PREVIOUS_MASTER_KEY_FILES=old)
    done = during.test_cli_runner().invoke(args=["keys", "rewrap"])
    assert done.exit_code == 0, done.output
    assert "rows now stand under the current master key." in done.output
    assert "\n0 rows" not in done.output
    again = during.test_cli_runner().invoke(args=["keys", "rewrap"])
    assert "0 rows now stand under the current master key." in again.output
    after = make_app(sqlite_url, IDP_KEYS_MASTER_KEY_FILE=str(new))
    sign_in(after.test_client(), citizen)


def states(type_in: Type) -> dict[str, tuple[str, str]]:
    lines = [line.split() for line in type_in("keys", "list").output.splitlines()]
    return {kid: (alg, state) for alg, state, kid in lines}


def test_list_names_every_published_key(sqlite_app: Flask, type_in: Type) -> None:
    assert set(states(type_in)) == published(sqlite_app)


def test_revoking_the_current_key_makes_the_next_one_current_everywhere(
    sqlite_app: Flask, type_in: Type, clock: FixedClock
) -> None:
    citizen, service, browser = a_citizen(sqlite_app), a_service(sqlite_app), sqlite_app.test_client()
    leaked_token = obtain_tokens(browser, service, citizen)["id_token"]
    leaked = jwt.get_unverified_header(leaked_token)["kid"]
    [heir] = [kid for kid, said in states(type_in).items() if said == ("ES256", "next")]
    done = type_in("keys", "revoke", leaked)
    assert done.exit_code == 0, done.output
    assert [line.split()[-1] for line in done.output.splitlines()] == ["gone", "current", "next"]
    clock.advance(seconds=5)
    assert leaked not in published(sqlite_app)
    assert states(type_in)[heir] == ("ES256", "current")
    assert sum(said == ("ES256", "next") for said in states(type_in).values()) == 1
    assert jwt.get_unverified_header(obtain_tokens(browser, service)["id_token"])["kid"] == heir
    refused = ask(browser, service, id_token_hint=leaked_token)
    assert "error=invalid_request" in refused.location, "what a leaked key signed is worth nothing"


def test_revoking_a_retired_or_next_key_leaves_the_current_one(type_in: Type, clock: FixedClock) -> None:
    type_in("keys", "rotate")
    clock.advance(seconds=5)
    before = states(type_in)
    for state in ("retired", "next"):
        [kid] = [kid for kid, said in before.items() if said == ("RS256", state)]
        assert type_in("keys", "revoke", kid).exit_code == 0
    clock.advance(seconds=5)
    after = [said for said in states(type_in).values() if said[0] == "RS256"]
    assert sorted(after) == [("RS256", "current"), ("RS256", "next")]


def test_revoking_an_unknown_key_is_refused_in_one_sentence(type_in: Type) -> None:
    done = type_in("keys", "revoke", "khong-co")
    assert done.exit_code == 1
    assert "no published signing key has the kid khong-co" in done.output


@pytest.mark.parametrize("kid", ["-aGmZU3e", "--GmZU3e", "-h", "-"])
def test_a_kid_that_begins_with_a_dash_is_no_option(type_in: Type, kid: str) -> None:
    done = type_in("keys", "revoke", kid)
    assert f"no published signing key has the kid {kid}" in done.output
