"""`python -m bench.peak`: a peak morning here: ten minutes at 80 %, three times too many, a wave of stolen passwords.

Open loop: operations begin when they are due, latency counts from then. Results: bench/results/peak.json and peak.md.
"""

import argparse
import heapq
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console

from bench import ours, peak_report, wire
from bench.browser import SocketBrowser
from bench.generator import Generator
from bench.load import Choice, Done, Loop, quiet_memory
from bench.operations import OPERATIONS, Scene, Seat, Steps, Wrong, refused
from bench.run import cores

CONNECTIONS: Final = 96
BUSY_CONNECTIONS: Final = 8  # for the capacity
SHARE: Final = 0.8
OVERLOAD: Final = 3.0
CALM: Final = 0.3
WAVE_PER_S: Final = 60.0  # about twice as many as one core can hash
SIGN_IN, STUFFING = "password_sign_in", "stuffing"
HASHING: Final = frozenset({SIGN_IN, STUFFING})
# Of a hundred operations on a peak morning.
MIX: Final[Mapping[str, int]] = {
    "code_flow": 24,
    "userinfo": 24,
    "refresh": 18,
    "introspection": 18,
    "client_credentials": 8,
    "jwks": 4,
    "discovery": 2,
    SIGN_IN: 2,
}
MACHINE_MIX: Final[Mapping[str, int]] = {"refresh": 40, "client_credentials": 20, "userinfo": 20, "introspection": 20}


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch of load: what came, when it began (monotonic), and at what rate it was sent."""

    name: str
    rate: float
    seconds: float
    began: float
    done: list[Done]

    def latencies(self, names: frozenset[str]) -> list[float]:
        """Milliseconds of the good answers to these, sorted."""
        return sorted(each.latency_ms for each in self.done if each.name in names and not each.fault)

    @property
    def shed(self) -> list[Done]:
        return [each for each in self.done if each.status == 503]

    @property
    def errors(self) -> list[Done]:
        """What was neither answered nor told to come back."""
        return [each for each in self.done if each.fault and each.status != 503]


def sign_in(scene: Scene, seat: Seat) -> Steps:
    """A person without cookies signs in, from the authorization request to the code."""
    state = os.urandom(8).hex()
    address = scene.authorization(state=state, nonce=os.urandom(8).hex(), verifier=os.urandom(24).hex())
    steps, jar = ours.walk(address, random.randrange(scene.target.people)), {}  # type: tuple[Any, dict[str, str]]
    step = next(steps)
    headers = {**seat.headers, "Accept": "text/html"}
    while True:
        path = wire.path_of(step.address)
        if step.form is None:
            raw = yield wire.request("GET", path, headers, None, jar)
        else:
            raw = yield wire.form_request(path, {**headers, "Origin": ours.ISSUER}, step.form, jar)
        jar |= raw.cookies
        if raw.status not in (200, 302, 303):
            raise refused(raw)
        try:
            step = steps.send(raw.reply())
        except StopIteration as end:
            scene.code_in(end.value, state)
            return


@dataclass
class Stuffing:
    """Wrong passwords for invented people from ever other networks, over one page that was opened once."""

    target: Any
    answers: Counter[int] = field(default_factory=Counter)
    _parked: str = ""
    _cookies: dict[str, str] = field(default_factory=dict)

    def open_page(self, scene: Scene) -> None:
        browser = SocketBrowser(self.target, 0)
        address = scene.authorization(state="s" * 16, nonce="n" * 16, verifier="v" * 48)
        page = browser.get(browser.get(address).headers["location"])
        self._parked, self._cookies = ours.parked_in(page.body.decode()), browser.cookies
        browser.close()

    def attempt(self, scene: Scene, seat: Seat) -> Steps:
        network = ".".join(str(random.randrange(1, 255)) for _ in range(4))
        form = {
            "parked": self._parked,
            "identifier": ours.number_of(random.randrange(100, 900_000)),
            "password": "Mat-khau-bi-lo-2026",
        }
        headers = {**seat.headers, "X-Forwarded-For": network, "Origin": ours.ISSUER}
        raw = yield wire.form_request("/sign-in", headers, form, self._cookies)
        self.answers[raw.status] += 1
        if raw.status not in (401, 429, 503):
            raise Wrong(f"{raw.status} for a wrong password", raw.status)


def chooser(mix: Mapping[str, int]) -> Callable[[], Choice]:
    """Operations at random, by weight."""
    names = random.choices(list(mix), list(mix.values()), k=10_000)
    scenarios = {**OPERATIONS, SIGN_IN: sign_in}
    turn = iter(range(sys.maxsize))

    def choose() -> Choice:
        name = names[next(turn) % len(names)]
        return name, scenarios[name]

    return choose


def arrivals(rate: float, seconds: float, choose: Callable[[], Choice]) -> Iterator[tuple[float, Choice]]:
    """`rate` a second on average, at random moments as people come."""
    due = time.perf_counter()
    end = due + seconds
    while (due := due + random.expovariate(rate)) < end:
        yield due, choose()


class Peak:
    """The phases, one after the other, against one provider."""

    def __init__(self, generator: Generator, console: Console) -> None:
        self._generator, self._console = generator, console
        self._loops = 0

    def capacity(self, seconds: float) -> float:
        """Mixed operations a second, closed loop, as in the benchmark itself."""
        choose, start = chooser(MIX), time.perf_counter()
        with quiet_memory(), self._generator.loop(BUSY_CONNECTIONS) as loop:
            loop.closed(choose, lambda: time.perf_counter() - start > seconds)
            good = [each for each in loop.done if not each.fault and each.ended > start + seconds / 4]
        return len(good) / (seconds * 3 / 4)

    def phase(self, name: str, rate: float, seconds: float, *streams: Iterator[tuple[float, Choice]]) -> Phase:
        began = time.perf_counter()
        with quiet_memory(), self._generator.loop(CONNECTIONS) as loop:
            loop.open(heapq.merge(*streams, key=lambda each: each[0]))
            phase = Phase(name, rate, seconds, began, loop.done)
        self._console.print(peak_report.line(phase), highlight=False, markup=False, soft_wrap=True)
        return phase

    def chains_go_on(self) -> list[str]:
        """Refresh once for everybody, after the overload; gives what went wrong."""
        with self._generator.loop(CONNECTIONS) as loop:
            self._refresh_all(loop)
            return [each.fault for each in loop.done if each.fault]

    def _refresh_all(self, loop: Loop) -> None:
        now = time.perf_counter()
        rounds = len(self._generator.guests)
        loop.open((now + place / 200, ("refresh", OPERATIONS["refresh"])) for place in range(rounds))


def run(minutes: float, wave_per_s: float, console: Console) -> peak_report.PeakReport:
    system, (server, database) = ours.Ours(), cores()
    os.sched_setaffinity(0, {database})
    try:
        target = system.start("ES256", server_core=server, database_core=database)
        generator = Generator(target)
        generator.prepare(CONNECTIONS)
        peak, stuffing = Peak(generator, console), Stuffing(target)
        capacity = peak.capacity(12)
        console.print(f"capacity: {capacity:.0f} mixed operations a second", highlight=False)
        mixed, machines = chooser(MIX), chooser(MACHINE_MIX)
        rate = SHARE * capacity
        steady = peak.phase("80 %", rate, minutes * 60, arrivals(rate, minutes * 60, mixed))
        over = peak.phase("overload", OVERLOAD * capacity, 30, arrivals(OVERLOAD * capacity, 30, mixed))
        after = peak.phase("after it", rate, 30, arrivals(rate, 30, mixed))
        broken = peak.chains_go_on()
        calm_rate = CALM * capacity
        calm = peak.phase("calm", calm_rate, 30, arrivals(calm_rate, 30, machines))
        stuffing.open_page(generator.scene)
        wave = arrivals(wave_per_s, 30, lambda: (STUFFING, stuffing.attempt))
        stuffed = peak.phase("stuffing", calm_rate, 30, arrivals(calm_rate, 30, machines), wave)
    finally:
        system.stop()
    phases = steady, over, after, calm, stuffed
    return peak_report.PeakReport(capacity, phases, tuple(broken), stuffing.answers, system.versions())


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.peak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="at 80 %% of capacity")
    parser.add_argument("--wave", type=float, default=WAVE_PER_S, help="wrong passwords a second")
    said = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 140)
    found = run(said.minutes, said.wave, console)
    peak_report.write(found)
    for verdict in peak_report.judge(found):
        console.print(" ".join(verdict), highlight=False, markup=False)
    console.print("Written to bench/results/peak.json and peak.md.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
