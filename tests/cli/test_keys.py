"""`flask keys rotate` and `flask keys rewrap`: what they say, and that running workers follow."""

import base64
from collections.abc import Callable
from pathlib import Path

from flask import Flask

from idp.runtime.settings import ROOT
from tests.builders import a_citizen, lend_keys, sign_in
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
