"""What a peak found: percentiles of each phase, what was shed, how fast it was over, and the demands of issue 4."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench import machine
from bench.load import percentile
from bench.report import RESULTS, grid

if TYPE_CHECKING:
    from bench.peak import Phase

TAIL_MS: Final = 100.0  # p99 of what hashes nothing
RECOVERED_WITHIN: Final = 5.0  # seconds
SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class PeakReport:
    """`phases`: 80 %, overload, after it, calm, stuffing; `broken`: refreshes that failed after the overload.

    `wave` counts the answers to wrong passwords by status.
    """

    capacity: float
    phases: "tuple[Phase, Phase, Phase, Phase, Phase]"
    broken: tuple[str, ...]
    wave: Mapping[int, int]
    versions: Mapping[str, str]


def _names(phase: "Phase") -> list[str]:
    return sorted({each.name for each in phase.done})


def _plain(phase: "Phase") -> frozenset[str]:
    """The operations of a phase that hash nothing."""
    return frozenset(_names(phase)) - {"password_sign_in", "stuffing"}


def tail(phase: "Phase") -> float:
    """p99 in milliseconds of what hashes nothing, answers 503 left out."""
    return percentile(phase.latencies(_plain(phase)), 0.99)


def line(phase: "Phase") -> str:
    """A phase, as it is shown when it is over."""
    good = sum(1 for each in phase.done if not each.fault)
    text = (
        f"{phase.name:<10} {phase.rate:>6.0f}/s for {phase.seconds:.0f} s: {good} good, {len(phase.shed)} told to come"
        f" back, {len(phase.errors)} errors; p99 without hashing {tail(phase):.1f} ms"
    )
    return text + "".join(f"\n    {each.name}: {each.fault[:160]}" for each in phase.errors[:SHOWN])


def recovery(after: "Phase") -> float:
    """Seconds into the phase until a whole second passes in which nobody is turned away and p99 is as it must be."""
    for second in range(int(after.seconds)):
        window = [each for each in after.done if second <= each.due - after.began < second + 1]
        plain = sorted(each.latency_ms for each in window if each.name in _plain(after))
        if window and not any(each.fault for each in window) and percentile(plain, 0.99) < TAIL_MS:
            return float(second)
    return after.seconds


def judge(report: PeakReport) -> list[tuple[str, str, str]]:
    """Demand, finding, verdict."""
    steady, over, after, calm, stuffed = report.phases
    hinted = all("without Retry-After" not in each.fault for each in over.shed)
    ratio = tail(stuffed) / tail(calm) if tail(calm) else 0.0
    seconds = recovery(after)

    def said(is_met: bool) -> str:
        return "met" if is_met else "missed"

    return [
        ("p99 without hashing at 80 % under 100 ms", f"{tail(steady):.1f} ms", said(tail(steady) < TAIL_MS)),
        (
            "no errors at 80 %, nobody turned away",
            f"{len(steady.errors)} errors, {len(steady.shed)} shed",
            said(not steady.errors and not steady.shed),
        ),
        (
            "overload is answered by 503 with Retry-After, nothing else",
            f"{len(over.shed)} shed, {len(over.errors)} errors",
            said(bool(over.shed) and hinted and not over.errors),
        ),
        ("recovers in seconds", f"{seconds:.0f} s", said(seconds <= RECOVERED_WITHIN)),
        ("every chain of refresh tokens goes on", f"{len(report.broken)} broken", said(not report.broken)),
        (
            "stuffing: p99 of machine endpoints within twice its calm value",
            f"{tail(calm):.1f} -> {tail(stuffed):.1f} ms ({ratio:.2f}x)",
            said(ratio <= 2),
        ),
    ]


def rows(report: PeakReport) -> list[dict[str, Any]]:
    """One object for each operation of each phase."""
    return [
        {
            "phase": phase.name,
            "rate_per_s": round(phase.rate, 1),
            "seconds": phase.seconds,
            "operation": name,
            "good": len(found := phase.latencies(frozenset({name}))),
            **{f"p{share}_ms": round(percentile(found, share / 100), 2) for share in (50, 95, 99)},
            "shed": sum(1 for each in phase.shed if each.name == name),
            "errors": sum(1 for each in phase.errors if each.name == name),
        }
        for phase in report.phases
        for name in _names(phase)
    ]


def write(report: PeakReport) -> None:
    """bench/results/peak.json and peak.md."""
    RESULTS.mkdir(exist_ok=True)
    found = rows(report)
    document = {"capacity_per_s": round(report.capacity, 1), "phases": found, "verdicts": judge(report)}
    (RESULTS / "peak.json").write_text(json.dumps(document, indent=1) + "\n")
    head = tuple(found[0])
    body = [tuple(value if isinstance(value, str) else f"{value:g}" for value in each.values()) for each in found]
    parts = [
        "# A peak morning",
        f"`python -m bench.peak`; capacity {report.capacity:.0f} mixed operations a second (closed loop, 8"
        " connections), ES256. The rest is open loop: latency counts from when an operation was due."
        " Shed: answered by 503.",
        grid(("demand", "found", "verdict"), judge(report)),
        "Answers to the wave: "
        + ", ".join(f"{status} {count}x" for status, count in sorted(report.wave.items()))
        + ".",
        "## Figures\n\n" + grid(head, body),
        "## Machine\n\n" + "\n".join(f"- {name}: {value}" for name, value in machine.describe().items()),
        "- " + "; ".join(f"{name} {value}" for name, value in report.versions.items()),
    ]
    (RESULTS / "peak.md").write_text("\n\n".join(parts) + "\n")
