"""The check of docs/specs.md finds each way in which a tick can be untrue."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.specs_plugin import Outcomes, base_id, read_rows
from tests.test_specs import find_faults

ROOT = Path(__file__).resolve().parents[2]

TABLE = """# What we keep

| section | requirement | room | test | ✓ |
|---|---|---|:--|---|
| OIDC Core 3.1.2.1 | `scope` holds openid | idp/a.py | `tests/test_a.py::test_scope` | ✓ |
| RFC 6749 4.1.2 | short | idp/a.py | tests/test_a.py::test_code, tests/test_a.py::TestCode::test_one | ✓ |
| RFC 6749 4.1.3 | not yet built | | tests/test_a.py::test_later | |

| another | table | of three |
"""


def test_rows_are_read_with_and_without_ticks() -> None:
    first, second, third = read_rows(TABLE)
    assert (first.section, first.room, first.tests) == (
        "OIDC Core 3.1.2.1",
        "idp/a.py",
        ("tests/test_a.py::test_scope",),
    )
    assert second.tests == ("tests/test_a.py::test_code", "tests/test_a.py::TestCode::test_one")
    assert [row.ticked for row in (first, second, third)] == [True, True, False]
    assert first.line == 5


def test_rooms_and_tests_must_exist_where_there_is_a_tick(tmp_path: Path) -> None:
    assert find_faults(read_rows(TABLE), tmp_path) == [
        "line 5: there is no room 'idp/a.py'",
        "line 5: there is no test tests/test_a.py::test_scope",
        "line 6: there is no room 'idp/a.py'",
        "line 6: there is no test tests/test_a.py::test_code",
        "line 6: there is no test tests/test_a.py::TestCode::test_one",
    ]
    (tmp_path / "idp").mkdir()
    (tmp_path / "idp" / "a.py").touch()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(
        "def test_scope(): ...\ndef test_code(): ...\nclass TestCode:\n    def test_one(self): ...\n"
    )
    assert find_faults(read_rows(TABLE), tmp_path) == []


def test_a_tick_needs_a_test_and_a_section(tmp_path: Path) -> None:
    (tmp_path / "a.py").touch()
    assert find_faults(read_rows("|  | requirement | a.py |  | ✓ |"), tmp_path) == [
        "line 1: the section and what it requires must be named",
        "line 1: a tick needs a test",
    ]


def test_an_id_is_compared_without_parameters_and_lane() -> None:
    assert base_id("tests/a.py::test_b[x@y::z]") == "tests/a.py::test_b"
    assert base_id("tests/a.py::TestC::test_b@journeys") == "tests/a.py::TestC::test_b"


def test_a_ticked_test_must_pass_in_all_parameters_and_phases() -> None:
    rows = read_rows("| a | b | c | t.py::test_a | ✓ |\n| a | b | c | t.py::test_b | ✓ |")
    outcomes = Outcomes()
    for nodeid in ("t.py::test_a[1]", "t.py::test_a[2]", "t.py::test_b"):
        outcomes.note(nodeid, "setup", "passed")
        outcomes.note(nodeid, "call", "passed")
    assert outcomes.faults(rows) == []
    outcomes.note("t.py::test_a[3]", "setup", "skipped")
    outcomes.note("t.py::test_b", "teardown", "failed")
    assert outcomes.faults(rows) == [
        "line 1: t.py::test_a is ticked but skipped",
        "line 2: t.py::test_b is ticked but failed",
    ]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_of_every_spec_fails_for_a_tick_that_did_not_run(tmp_path: Path, workers: str) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["tests.specs_plugin"]\n')
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text("def test_one(): ...\ndef test_two(): ...\n")
    (tmp_path / "docs").mkdir()
    specs = tmp_path / "docs" / "specs.md"

    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-n", workers, "--rootdir", str(tmp_path), *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout

    specs.write_text("| a | b | c | test_it.py::test_one | ✓ |\n| a | b | c | test_it.py::test_two | ✓ |\n")
    assert run("--every-spec")[0] == 0
    assert run("-k", "one")[0] == 0
    status, output = run("--every-spec", "-k", "one")
    assert status == 1
    assert "line 2: test_it.py::test_two is ticked but was not run" in output
