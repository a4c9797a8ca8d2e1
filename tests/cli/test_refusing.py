"""How commands say no: one sentence and exit status 1, on an empty database too, and from the very start."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from idp.runtime.settings import ROOT
from tests.postgres import PostgresCluster

COMMANDS = [
    ["services", "list"],
    ["demo", "seed"],
    ["keys", "rotate"],
    ["keys", "rewrap"],
    ["worker", "--once"],
]


def is_one_sentence(output: str) -> bool:
    last = output.splitlines()[-1]
    return (
        last.startswith("Error: the database does not answer, or has not been migrated") and "Traceback" not in output
    )


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_on_a_database_without_tables(make_app: Callable[..., Flask], tmp_path: Path, command: list[str]) -> None:
    done = make_app(f"sqlite:///{tmp_path}/leer.sqlite3").test_cli_runner().invoke(args=command)
    assert done.exit_code == 1, done.output
    assert is_one_sentence(done.output)


@pytest.mark.postgres
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_on_a_postgresql_database_without_tables(
    make_app: Callable[..., Flask], postgres: PostgresCluster, command: list[str]
) -> None:
    url = postgres.create_database(name := f"empty_{os.getpid()}")
    try:
        app = make_app(url)
        done = app.test_cli_runner().invoke(args=command)
    finally:
        postgres.drop_database(name)
    assert done.exit_code == 1, done.output
    assert is_one_sentence(done.output)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"IDP_PORT": "abc"}, "IDP_PORT"),
        ({"IDP_KHONG_CO": "1"}, "IDP_KHONG_CO"),
        ({"IDP_PROFILE": "production"}, "issuer"),
    ],
)
def test_a_wrong_setting_refuses_to_start_with_one_sentence_that_names_it(
    environment: dict[str, str], named: str
) -> None:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")}
    words = [sys.executable, "-m", "flask", "--app", "wsgi", "services", "list"]
    done = subprocess.run(
        words, cwd=ROOT, env={**plain, **environment}, check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert named in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
