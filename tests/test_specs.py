"""docs/specs.md names only rooms and tests that exist; that they pass is seen by specs_plugin."""

import ast
from pathlib import Path

from tests.specs_plugin import ROOT, SPECS, Row, read_rows


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
