"""What a run found: medians, ratios to this provider, the must table of the requirement, and files of all of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench import machine
from bench.generator import Measured
from bench.musts import judge
from bench.starting import ROOT
from bench.system import OPERATIONS

Key = tuple[str, str, str | None]  # system, operation, alg (None where nothing is signed)
OURS: Final = "ours"
RESULTS: Final = ROOT / "bench" / "results"
_MEDIANS: Final = ("ops_per_s", "p50_ms", "p95_ms", "p99_ms", "cpu_ms", "db_cpu_ms", "rss_mb")


@dataclass(frozen=True, slots=True)
class Report:
    """`measured` holds each repetition; `versions` by system; `command` is what made it."""

    name: str
    measured: Mapping[Key, list[Measured]]
    versions: Mapping[str, Mapping[str, str]]
    command: str
    failures: list[str]

    def medians(self) -> dict[Key, Measured]:
        """One of each, in the order of operations, ours first."""

        def order(key: Key) -> tuple[int, str, int]:
            return OPERATIONS.index(key[1]), key[2] or "", list(self.versions).index(key[0])

        return {key: _middle(self.measured[key]) for key in sorted(self.measured, key=order)}


def _middle(repetitions: list[Measured]) -> Measured:
    values = {name: median(getattr(each, name) for each in repetitions) for name in _MEDIANS}
    errors = sum(each.errors for each in repetitions)
    return replace(repetitions[0], **values, errors=errors)


def line(system: str, alg: str | None, found: Measured) -> str:
    """One measurement, as it is shown while the run goes on."""
    text = (
        f"{system:<22}{found.operation:<24}{alg or '':<7}{found.ops_per_s:>8.0f}/s  p99 {found.p99_ms:>7.1f} ms"
        f"  cpu {found.cpu_ms:.3f}+{found.db_cpu_ms:.3f} ms  errors {found.errors}"
    )
    return text + "".join(f"\n    {fault[:200]}" for fault in found.faults)


def rows(report: Report) -> list[dict[str, Any]]:
    """The objects of latest.json."""
    return [
        {
            "system": system,
            "operation": operation,
            "alg": alg,
            **{name: round(getattr(found, name), 4) for name in _MEDIANS},
            "errors": found.errors,
        }
        for (system, operation, alg), found in report.medians().items()
    ]


_HEAD: Final = (
    "operation", "alg", "system", "ops/s", "p50 ms", "p95 ms", "p99 ms", "CPU ms", "DB ms", "sum ms", "x ours", "MB",
    "errors",
)  # fmt: skip


def cells(report: Report) -> list[tuple[str, ...]]:
    """The table as texts; "x ours" says how many times our CPU time an operation costs there."""
    found = report.medians()
    table: list[tuple[str, ...]] = []
    for (system, operation, alg), each in found.items():
        own = found.get((OURS, operation, alg))
        ratio = f"{total(each) / total(own):.2f}" if own and total(own) else ""
        table.append(
            (operation, alg or "", system, f"{each.ops_per_s:.0f}", f"{each.p50_ms:.1f}", f"{each.p95_ms:.1f}",
             f"{each.p99_ms:.1f}", f"{each.cpu_ms:.3f}", f"{each.db_cpu_ms:.3f}", f"{total(each):.3f}", ratio,
             f"{each.rss_mb:.0f}", str(each.errors))
        )  # fmt: skip
    return table


def total(found: Measured) -> float:
    """CPU-milliseconds of an operation, server and database."""
    return found.cpu_ms + found.db_cpu_ms


def show(report: Report, console: Console) -> None:
    """The tables on the terminal."""
    table = Table(*_HEAD, box=None, header_style="bold")
    before = ""
    for row in cells(report):
        if before and row[0] + row[1] != before:
            table.add_section()
            table.add_row()
        before = row[0] + row[1]
        table.add_row(*row, style="bold" if row[2] == OURS else None)
    console.print(table)
    for verdict in judge(report.medians()):
        console.print(verdict.text, style=None if verdict.is_met else "yellow", highlight=False)
    console.print(f"Written to bench/results/{report.name}.json and {report.name}.md.")


def write(report: Report) -> None:
    """bench/results/<name>.json and .md."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{report.name}.json").write_text(json.dumps(rows(report), indent=1) + "\n")
    (RESULTS / f"{report.name}.md").write_text(_markdown(report))


def _markdown(report: Report) -> str:
    repetitions = max((len(each) for each in report.measured.values()), default=0)
    parts = [
        "# The benchmark's last run",
        f"Made by `{report.command}`; medians of {repetitions}. How it is measured: [README.md](../README.md).",
        "CPU ms, DB ms: processor time of the server's process tree and of the database's, per operation. MB: memory"
        " of the server's tree as PSS (a shared page counts once). x ours: their CPU time, server and database, over"
        " ours.",
        "## Machine\n\n" + "\n".join(f"- {name}: {value}" for name, value in machine.describe().items()),
        "## Figures\n\n" + grid(_HEAD, cells(report)),
        "## What must hold\n\n" + grid(
            ("operation", "alg", "must", "found", "verdict"), [each.cells for each in judge(report.medians())]
        ),
        "## Versions\n\n" + "\n".join(_versions(name, said) for name, said in report.versions.items()),
    ]  # fmt: skip
    if report.failures:
        parts.append("## Not measured\n\n" + "\n".join(f"- {text.splitlines()[0]}" for text in report.failures))
    return "\n\n".join(parts) + "\n"


def _versions(name: str, said: Mapping[str, str]) -> str:
    return f"- **{name}**: " + "; ".join(f"{part} {value}" for part, value in said.items())


def grid(head: tuple[str, ...], body: Sequence[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, tuple("---" for _ in head), *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in each) + " |" for each in lines)
