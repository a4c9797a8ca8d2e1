"""The test cluster starts once, is shared, makes databases from templates, and is gone with its last user."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.postgres import PostgresCluster, PostgresMissing, find_binaries

ROOT = Path(__file__).resolve().parents[2]


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def _state(meeting: Path) -> dict[str, int]:
    return dict(json.loads((meeting / "state.json").read_text()))


def _is_reachable(port: int) -> bool:
    try:
        psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _wait_until(question: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def meeting(tmp_path: Path) -> Path:
    try:
        find_binaries()
    except PostgresMissing as reason:
        if os.environ.get("CI"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    return tmp_path / "meeting"


@pytest.mark.postgres
def test_a_database_made_from_a_template_has_its_rows_and_no_other_databases(
    postgres: PostgresCluster,
) -> None:
    with psycopg.connect(_plain(postgres.create_database("idp_template_test"))) as connection:
        connection.execute("CREATE TABLE word (text text)")
        connection.execute("INSERT INTO word VALUES ('xin chào')")
    copies = [postgres.create_database(f"idp_copy_{n}", template="idp_template_test") for n in (1, 2)]
    one, two = (psycopg.connect(_plain(copy), autocommit=True) for copy in copies)
    with contextlib.closing(one), contextlib.closing(two):
        one.execute("DELETE FROM word")
        assert two.execute("SELECT text FROM word").fetchall() == [("xin chào",)]
        assert one.info.server_version >= 150000
        # Dropped although it is still in use.
        postgres.drop_database("idp_copy_2")
    postgres.drop_database("idp_copy_1")
    postgres.drop_database("idp_template_test")


@pytest.mark.postgres
def test_two_users_share_one_server_and_the_last_one_ends_it(meeting: Path) -> None:
    one, two = PostgresCluster(meeting), PostgresCluster(meeting)
    one.start()
    two.start()
    state = _state(meeting)
    one.stop()
    assert two.create_database("still_there").endswith(f":{state['port']}/still_there")
    two.stop()
    assert _wait_until(lambda: not (meeting / "state.json").exists())
    assert _wait_until(lambda: not _is_reachable(state["port"]))


@pytest.mark.postgres
def test_the_server_ends_when_its_user_is_killed(meeting: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from tests.postgres import PostgresCluster\n"
        "cluster = PostgresCluster(Path(sys.argv[1])); cluster.start(); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(meeting)], cwd=ROOT) as user:
        assert _wait_until((meeting / "state.json").exists)
        port = _state(meeting)["port"]
        assert _is_reachable(port)
        user.kill()
    assert _wait_until(lambda: not _is_reachable(port))


@pytest.mark.postgres
def test_the_server_ends_when_its_supervisor_is_told_to(meeting: Path) -> None:
    cluster = PostgresCluster(meeting)
    cluster.start()
    state = _state(meeting)
    os.kill(state["supervisor"], signal.SIGTERM)
    assert _wait_until(lambda: not _is_reachable(state["port"]))
    cluster.stop()


@pytest.mark.postgres
def test_a_server_named_from_outside_is_used_and_left_as_it_was(postgres: PostgresCluster, tmp_path: Path) -> None:
    url = postgres.create_database("idp_outside")
    external = PostgresCluster(tmp_path / "unused", external_url=_plain(url))
    external.start()
    made = external.create_database("idp_made_outside")
    psycopg.connect(_plain(made)).close()
    external.stop()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(_plain(made))
    assert not (tmp_path / "unused").exists()
    postgres.drop_database("idp_outside")


def test_without_postgresql_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PostgresMissing, match="apt-get install postgresql"):
        find_binaries()
