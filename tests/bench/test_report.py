"""Medians, ratios, and the verdicts over the demands of issue 4."""

import json
from pathlib import Path

import pytest

from bench import musts, report, run
from bench.generator import Measured
from bench.operations import OPERATIONS as SCENARIOS
from bench.operations import UNSIGNED
from bench.report import Key, Report
from bench.system import OPERATIONS


def measured(operation: str, cpu_ms: float, db_cpu_ms: float = 0.0, p99_ms: float = 10.0, errors: int = 0) -> Measured:
    return Measured(operation, 1000.0, 1.0, 5.0, p99_ms, cpu_ms, db_cpu_ms, 100.0, errors)


def report_of(found: dict[Key, list[Measured]], name: str = "test") -> Report:
    systems = dict.fromkeys(system for system, _, _ in found)
    return Report(name, found, {system: {"it": "1"} for system in systems}, "python -m bench.run", [])


FLOW = "code_flow"
FOUND: dict[Key, list[Measured]] = {
    ("ours", FLOW, "RS256"): [measured(FLOW, 2.0, 0.5), measured(FLOW, 9.0, 0.5, errors=1), measured(FLOW, 1.0, 0.5)],
    ("oidc-provider-redis", FLOW, "RS256"): [measured(FLOW, 4.5, 0.5, p99_ms=20.0)],
    ("oidc-provider-memory", FLOW, "RS256"): [measured(FLOW, 2.2)],
    ("canaille", FLOW, "RS256"): [measured(FLOW, 70.0)],
    ("ours", "jwks", None): [measured("jwks", 0.07, p99_ms=30.0)],
    ("oidc-provider-redis", "jwks", None): [measured("jwks", 0.10)],
}


def test_rows_are_medians_with_all_errors_and_the_names_that_were_promised() -> None:
    found = report.rows(report_of(FOUND))
    flow = next(row for row in found if (row["system"], row["operation"]) == ("ours", FLOW))
    assert (flow["cpu_ms"], flow["db_cpu_ms"], flow["errors"], flow["alg"]) == (2.0, 0.5, 1, "RS256")
    figures = ["ops_per_s", "p50_ms", "p95_ms", "p99_ms", "cpu_ms", "db_cpu_ms", "rss_mb"]
    assert list(flow) == ["system", "operation", "alg", *figures, "errors"]
    assert next(row for row in found if row["operation"] == "jwks")["alg"] is None


def test_verdicts_say_met_draw_and_missed() -> None:
    said = {(each.operation, each.must): each.said for each in musts.judge(report_of(FOUND).medians())}
    assert said[FLOW, "goal: at most 2.6 CPU-ms"] == "met"
    assert said[FLOW, "at most 0.65 of oidc-provider-redis"] == "met"
    assert said[FLOW, "draw or better against oidc-provider-memory"] == "met: a draw"
    assert said[FLOW, "at most 0.0333 of canaille"] == "missed by 1.07x"
    assert said["jwks", "at most 0.45 of oidc-provider-redis"] == "missed by 1.56x"
    assert said["jwks", "p99 at most oidc-provider-redis's 10.0 ms"] == "missed by 3.00x"


def test_the_files_hold_figures_machine_and_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    report.write(report_of(FOUND))
    assert json.loads((tmp_path / "test.json").read_text()) == report.rows(report_of(FOUND))
    text = (tmp_path / "test.md").read_text()
    for part in ("| code_flow | RS256 | canaille |", "28.00", "interpreter:", "missed by 1.07x", "python -m bench.run"):
        assert part in text


def test_a_plan_is_read_and_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    quick = run.read_plan(["--quick"])
    assert (quick.systems, quick.repetitions) == (("ours", "oidc-provider-redis"), 1)
    assert run.read_plan([]).repetitions == 3
    assert run.read_plan(["--systems", "ours", "--seconds", "4"]).warm_up == 1
    with pytest.raises(SystemExit):
        run.read_plan(["--systems", "nobody"])
    assert "nobody is none of" in capsys.readouterr().err


def test_every_operation_can_be_measured_and_judged() -> None:
    assert {*SCENARIOS, "password_sign_in"} == set(OPERATIONS)
    judged = {operation for operation, _ in (*musts.GOALS, *musts.BOUNDS)}
    assert judged < set(OPERATIONS)
    assert all((alg is None) is (operation in UNSIGNED) for operation, alg in (*musts.GOALS, *musts.BOUNDS))
