"""`python -m bench.run`: this provider and its peers, round robin, one table at the end. `make bench` is this command.

One worker process of the system under test on one core; the generator and the database on the other.
"""

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import report
from bench.generator import Asked, LoadProcess, Measured
from bench.operations import UNSIGNED
from bench.starting import NotReady
from bench.system import OPERATIONS, System, Target
from tests.postgres import PostgresMissing

# Where each system is: a module and its class.
SYSTEMS: Final = {
    "ours": "bench.ours:Ours",
    "oidc-provider-redis": "bench.peers.oidc_provider.system:OidcProviderRedis",
    "oidc-provider-memory": "bench.peers.oidc_provider.system:OidcProviderMemory",
    "canaille": "bench.peers.canaille.system:Canaille",
    "django-oauth-toolkit": "bench.peers.django_oauth_toolkit.system:DjangoOAuthToolkit",
}
QUICK: Final = ("ours", "oidc-provider-redis")
ALGS: Final = ("RS256", "ES256")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured: names of systems, operations and algorithms; times in seconds."""

    systems: tuple[str, ...]
    operations: tuple[str, ...]
    algs: tuple[str, ...]
    repetitions: int
    seconds: float
    connections: int
    name: str

    @property
    def warm_up(self) -> float:
        return max(1.0, self.seconds / 4)


@dataclass
class Bench:
    """One run: each measurement is kept under (system, operation, alg)."""

    plan: Plan
    systems: list[System]
    console: Console
    measured: dict[report.Key, list[Measured]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def steps(self, system: System) -> Iterator[tuple[str, list[str]]]:
        """Each algorithm a system is started with, and the operations measured then."""
        algs = [alg for alg in self.plan.algs if alg in system.algs]
        for alg in algs:
            wanted = [name for name in self.plan.operations if name in system.operations]
            yield alg, [name for name in wanted if name not in UNSIGNED or alg == algs[0]]

    def run(self) -> None:
        with _progress(self.console) as progress:
            total = sum(len(names) for system in self.systems for _, names in self.steps(system))
            task = progress.add_task("", total=total * self.plan.repetitions)
            for repetition in range(self.plan.repetitions):
                for system in self.systems:
                    for alg, names in self.steps(system):
                        label = f"{repetition + 1}/{self.plan.repetitions} {system.name} {alg}"
                        progress.update(task, description=f"{label}: starting")
                        with closing(self._measure(system, alg, names)) as measuring:
                            for name in measuring:
                                progress.update(task, description=f"{label}: {name}", advance=1)
                report.write(self.report())

    def report(self) -> report.Report:
        versions = {system.name: dict(system.versions()) for system in self.systems}
        arguments = [f"--{name} {value}" for name, value in _said(self.plan)]
        command = " ".join(["python -m bench.run", *arguments])
        return report.Report(self.plan.name, self.measured, versions, command, self.failures)

    def _measure(self, system: System, alg: str, names: list[str]) -> Generator[str, None, None]:
        """Start the system, measure, stop it; gives each operation's name before it is measured."""
        server, database = cores()
        try:
            target = system.start(alg, server_core=server, database_core=database)
            with LoadProcess(target, database) as load:
                for name in names:
                    yield name
                    self._measure_one(system, target, load, name)
        except (NotReady, RuntimeError) as fault:
            self._failed(f"{system.name} {alg}: {fault}")
        finally:
            system.stop()

    def _measure_one(self, system: System, target: Target, load: LoadProcess, name: str) -> None:
        if name == "client_credentials_jwt" and target.jwt_alg not in (None, target.alg):
            return  # its access tokens are signed by another algorithm, whatever the ID token is
        try:
            found = load.measure(Asked(name, self.plan.seconds, self.plan.warm_up, self.plan.connections))
        except RuntimeError as fault:
            self._failed(f"{system.name} {name} {target.alg}: {fault}")
            return
        alg = None if name in UNSIGNED else target.alg
        self.measured.setdefault((system.name, name, alg), []).append(found)
        self.console.print(report.line(system.name, alg, found), highlight=False, markup=False, soft_wrap=True)

    def _failed(self, text: str) -> None:
        self.failures.append(text)
        self.console.print(text, style="red", markup=False, highlight=False)


@cache
def cores() -> tuple[int, int]:
    """The core of the server, and that of generator and database; first asked before this process is pinned."""
    free = sorted(os.sched_getaffinity(0))
    return free[0], free[1 % len(free)]


def _progress(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, refresh_per_second=2, disable=not console.is_terminal)


def _said(plan: Plan) -> list[tuple[str, str]]:
    lists = (("systems", plan.systems), ("operations", plan.operations), ("algs", plan.algs))
    numbers = (("repetitions", plan.repetitions), ("seconds", plan.seconds), ("connections", plan.connections))
    return [(name, ",".join(values)) for name, values in lists] + [(name, f"{value:g}") for name, value in numbers]


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def read_plan(arguments: list[str]) -> Plan:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="this provider and the Redis peer, once")
    parser.add_argument("--systems", type=_names, help=", ".join(SYSTEMS))
    parser.add_argument("--operations", type=_names, default=OPERATIONS, help=", ".join(OPERATIONS))
    parser.add_argument("--algs", type=_names, default=ALGS, help=", ".join(ALGS))
    parser.add_argument("--repetitions", type=int, help="3; with --quick 1")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--name", default="latest", help="of the files in bench/results/")
    said = parser.parse_args(arguments)
    systems = said.systems or (QUICK if said.quick else tuple(SYSTEMS))
    for named, known in ((systems, SYSTEMS), (said.operations, OPERATIONS), (said.algs, ALGS)):
        unknown = [name for name in named if name not in known]
        if unknown:
            parser.error(f"{unknown[0]} is none of {', '.join(known)}")
    repetitions = said.repetitions or (1 if said.quick else 3)
    return Plan(systems, said.operations, said.algs, repetitions, said.seconds, said.connections, said.name)


def find_systems(names: tuple[str, ...]) -> list[System]:
    """The systems, each with what it needs installed; raises NotReady."""
    found = []
    for name in names:
        module, _, made = SYSTEMS[name].partition(":")
        system: System = getattr(importlib.import_module(module), made)()
        system.prepare()
        found.append(system)
    return found


def main(arguments: list[str]) -> int:
    """The exit code: 0, or 1 when something could not be measured."""
    console, plan = Console(width=None if sys.stdout.isatty() else 140), read_plan(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        systems = find_systems(plan.systems)
    except (NotReady, PostgresMissing) as fault:
        console.print(str(fault), style="red", markup=False)
        return 1
    os.sched_setaffinity(0, {cores()[1]})
    bench = Bench(plan, systems, console)
    try:
        bench.run()
    except KeyboardInterrupt:
        return 130
    report.show(bench.report(), console)
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
