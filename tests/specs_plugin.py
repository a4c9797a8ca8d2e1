"""Holds docs/specs.md to what was run: with --every-spec, each ticked row's test must have run and passed.

A row reads | section | requirement | room | test | ✓ | where `room` is a file and `test` a pytest id without
parameters (`tests/protocol/test_authorize.py::test_name`); several tests are divided by commas. A ticked test
that is skipped, in any of its parameters, has not shown what its row says.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SPECS = ROOT / "docs" / "specs.md"
TICK = "✓"


@dataclass(frozen=True, slots=True)
class Row:
    section: str
    requirement: str
    room: str
    tests: tuple[str, ...]
    ticked: bool
    line: int


def read_rows(text: str) -> list[Row]:
    """The rows of all five-column tables in a Markdown text, without their headings."""
    rows = []
    lines = [_cells(line) for line in text.splitlines()]
    for number, (cells, following) in enumerate(itertools.pairwise([*lines, []]), start=1):
        if len(cells) == 5 and not _is_rule(cells) and not _is_rule(following):
            section, requirement, room, tests, tick = cells
            named = tuple(test.strip().strip("`") for test in tests.split(",") if test.strip())
            rows.append(Row(section, requirement, room, named, tick == TICK, number))
    return rows


def _cells(line: str) -> list[str]:
    line = line.strip()
    return [cell.strip().strip("`") for cell in line[1:-1].split("|")] if line.startswith("|") else []


def _is_rule(cells: list[str]) -> bool:
    """Whether this is the line of dashes under a table's heading."""
    return bool(cells) and all(cell and set(cell) <= set(":-") for cell in cells)


def base_id(nodeid: str) -> str:
    """A test's id without its parameters and without the lane that xdist adds."""
    return nodeid.partition("[")[0].partition("@")[0]


class Outcomes:
    """What became of each test of this run, over all its parameters and phases."""

    def __init__(self) -> None:
        self._seen: dict[str, set[str]] = {}

    def note(self, nodeid: str, when: str | None, outcome: str) -> None:
        if when == "call" or outcome != "passed":
            self._seen.setdefault(base_id(nodeid), set()).add(outcome)

    def faults(self, rows: Iterable[Row]) -> list[str]:
        """One sentence for each ticked test that did not simply pass."""
        told = {(row.line, test): self._seen.get(test, set()) for row in rows if row.ticked for test in row.tests}
        return [
            f"line {line}: {test} is ticked but {_was(outcomes)}"
            for (line, test), outcomes in told.items()
            if outcomes != {"passed"}
        ]


def _was(outcomes: set[str]) -> str:
    return next((outcome for outcome in ("failed", "skipped") if outcome in outcomes), "was not run")


class SpecsCheck:
    """The plugin's state in the process that gathers all reports."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = list(rows)
        self._outcomes = Outcomes()
        self._faults: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._outcomes.note(report.nodeid, report.when, report.outcome)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._faults = self._outcomes.faults(self._rows)
        if self._faults and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._faults:
            terminalreporter.section("docs/specs.md", red=True)
            for fault in self._faults:
                terminalreporter.line(fault)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--every-spec",
        action="store_true",
        help="fail unless each test ticked in docs/specs.md ran and passed (for runs of the whole suite)",
    )


def pytest_configure(config: pytest.Config) -> None:
    gathers_reports = not hasattr(config, "workerinput")  # the workers of xdist each see a part only
    if config.getoption("--every-spec") and gathers_reports:
        path = config.rootpath / SPECS.relative_to(ROOT)
        rows = read_rows(path.read_text("utf-8")) if path.exists() else []
        config.pluginmanager.register(SpecsCheck(rows), "specs-check")
