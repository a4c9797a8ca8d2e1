"""docs/specs.md names only rooms and tests that exist, and all tests that are named by a section of a specification."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from tests.specs_plugin import ROOT, SPECS, Row, read_rows

# Where a test is named by the section it is of, and by what such a name begins.
FOLDERS = ("tests/clients", "tests/domain", "tests/protocol")
OF_A_SPECIFICATION = re.compile(
    r"test_(?:rfc\d+|oidc|rp_logout|backchannel|discovery|form_post|multiple_response_types"
    r"|unmet_authentication_requirements|dvcqg|trap|house)_"
)


def find_faults(rows: list[Row], root: Path) -> list[str]:
    """One sentence for each ticked row that names something that is not there."""
    faults = []
    for row in (row for row in rows if row.ticked):
        if not (row.section and row.requirement):
            faults.append(f"line {row.line}: the section and what it requires must be named")
        if not (root / row.room).is_file():
            faults.append(f"line {row.line}: there is no room {row.room!r}")
        if not row.tests:
            faults.append(f"line {row.line}: a tick needs a test")
        faults += [f"line {row.line}: there is no test {test}" for test in row.tests if not _exists(test, root)]
    return faults


def _exists(test: str, root: Path) -> bool:
    file, *names = test.split("::")
    path = root / file
    if not names or not names[-1].startswith("test_") or not path.is_file():
        return False
    body = ast.parse(path.read_text("utf-8")).body
    for name in names:
        found = [
            node
            for node in body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name
        ]
        if not found:
            return False
        body = found[0].body
    return True


def test_every_tick_names_a_room_and_a_test() -> None:
    rows = read_rows(SPECS.read_text("utf-8"))
    assert any(row.ticked for row in rows), "docs/specs.md has no ticked row"
    assert find_faults(rows, ROOT) == []


def test_a_row_of_slow_tests_names_what_is_there_too() -> None:
    """Those rows have no tick, since only `make test-slow` runs what they name."""
    slow = [replace(row, ticked=True) for row in read_rows(SPECS.read_text("utf-8")) if not row.ticked]
    assert slow
    assert find_faults(slow, ROOT) == []


def find_named_by_a_section(root: Path) -> Iterator[str]:
    """The id of each test that is named by a section."""
    for file in sorted(file for folder in FOLDERS for file in (root / folder).rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and OF_A_SPECIFICATION.match(node.name):
                yield f"{file.relative_to(root)}::{node.name}"


def missing_in(rows: Iterable[Row], tests: Iterable[str]) -> list[str]:
    named = {test for row in rows for test in row.tests}
    return [test for test in tests if test not in named]


def test_every_test_of_a_specification_stands_in_a_row() -> None:
    rows, tests = read_rows(SPECS.read_text("utf-8")), list(find_named_by_a_section(ROOT))
    assert len(tests) > 200
    assert missing_in(rows, tests) == [], "add a row, or the test to the row of its section"


def test_a_test_without_a_row_is_found(tmp_path: Path) -> None:
    file = tmp_path / "tests" / "protocol" / "test_x.py"
    file.parent.mkdir(parents=True)
    file.write_text("def test_rfc1_2_a(): ...\ndef test_oidc_core_1_b(): ...\ndef test_plain(): ...\n")
    tests = list(find_named_by_a_section(tmp_path))
    assert tests == ["tests/protocol/test_x.py::test_rfc1_2_a", "tests/protocol/test_x.py::test_oidc_core_1_b"]
    rows = read_rows(f"| RFC 1 2 | a | b | {tests[0]} | ✓ |")
    assert missing_in(rows, tests) == tests[1:]
