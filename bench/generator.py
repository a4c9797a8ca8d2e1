"""The load generator's own process: signs people in, runs each measurement, checks signatures when the clock stands.

It is forked, so that a system's sign-in may be any function, and told over a pipe what to measure.
"""

import itertools
import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Final

import jwt
import orjson

from bench import operations, processes
from bench.browser import SocketBrowser, address_of
from bench.load import Done, Line, Loop, percentile, quiet_memory
from bench.operations import OPERATIONS, Guest, Sample, Scene
from bench.processes import Used
from bench.system import Target

SHOWN_FAULTS: Final = 3
LEEWAY: Final = 30  # seconds that clocks of systems may differ


@dataclass(frozen=True, slots=True)
class Asked:
    """What to measure, for how many seconds after how many of warming up."""

    operation: str
    seconds: float
    warm_up: float
    connections: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement. Latencies in milliseconds, CPU in milliseconds an operation, memory in MB (PSS)."""

    operation: str
    ops_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_ms: float
    db_cpu_ms: float
    rss_mb: float
    errors: int
    faults: tuple[str, ...] = ()
    verified: int = 0


class LoadProcess:
    """`with LoadProcess(target, core) as load: load.measure(Asked(…))`."""

    def __init__(self, target: Target, core: int) -> None:
        context = get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(target, core, theirs), daemon=True)

    def __enter__(self) -> "LoadProcess":
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()

    def measure(self, asked: Asked) -> Measured:
        """Raises RuntimeError with what happened when nothing could be measured."""
        self._pipe.send(asked)
        answer = self._pipe.recv()
        if isinstance(answer, str):
            raise RuntimeError(answer)
        assert isinstance(answer, Measured)
        return answer


def _serve(target: Target, core: int, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started this is told, and says so by closing the pipe
    processes.pin(os.getpid(), core)
    generator = Generator(target)
    while True:
        try:
            asked = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send(generator.measure(asked))
        except RuntimeError as fault:
            pipe.send(str(fault))
        except Exception:
            pipe.send(traceback.format_exc())


@dataclass
class Window:
    """The measured time: CPU time used within it, and when it began and ended (monotonic)."""

    target: Target
    began: float = 0.0
    ended: float = 0.0
    used: Used = field(default_factory=lambda: Used(0, 0))
    _before: Used = field(default_factory=lambda: Used(0, 0))

    def begin(self) -> None:
        self._before = self._now()
        self.began = time.perf_counter()

    def end(self) -> None:
        self.ended = time.perf_counter()
        self.used = self._now().since(self._before)

    def _now(self) -> Used:
        return processes.used(self.target.server_pids, self.target.database_pids)


class Generator:
    """All connections to one system and who sits at them."""

    def __init__(self, target: Target) -> None:
        browser = SocketBrowser(target, 0)
        metadata = orjson.loads(browser.get(target.paths["discovery"]).body)
        browser.close()
        self.target, self.scene = target, Scene(target, metadata)
        self.guests: list[Guest] = []

    def measure(self, asked: Asked) -> Measured:
        self.scene.samples.clear()
        if asked.operation == "password_sign_in":
            self.prepare(asked.connections)  # everybody signed in once: consent is remembered where it can be
            done, window = self._sign_in_by_threads(asked)
        else:
            if asked.operation in operations.NEEDS_GUESTS:
                self.prepare(asked.connections)
            with quiet_memory(), self.loop(asked.connections) as loop:
                window = self._watch(loop, asked)
                done = loop.done
        verified, faults = self.verify()
        return self._summary(asked, done, window, verified, faults)

    @contextmanager
    def loop(self, connections: int) -> Iterator[Loop]:
        lines = [Line(seat) for seat in self.scene.seats(connections, self.guests)]
        loop = Loop(self.scene, address_of(self.target), lines)
        try:
            yield loop
        finally:
            loop.close()

    def _watch(self, loop: Loop, asked: Asked) -> Window:
        window, start = Window(self.target), time.perf_counter()

        def is_over() -> bool:
            now = time.perf_counter()
            if not window.began and now - start >= asked.warm_up:
                window.begin()
            elif window.began and now - window.began >= asked.seconds:
                window.end()
                return True
            return False

        choice = asked.operation, OPERATIONS[asked.operation]
        loop.closed(lambda: choice, is_over)
        return window

    # -- what must be there before ---------------------------------------------------------------------------------

    def prepare(self, connections: int) -> None:
        """At least one guest a connection, each signed in and with fresh tokens; raises RuntimeError."""
        for place in range(len(self.guests), max(self.target.people, connections)):
            person = place % self.target.people
            self.guests.append(Guest(person, self._signed_in(person)))
        self._fetch_tokens(self.guests)
        without = [guest for guest in self.guests if not guest.access_token]
        for guest in without:  # a store may have forgotten a session that others pushed out
            guest.cookies = self._signed_in(guest.person)
        faults = self._fetch_tokens(without)
        if not all(guest.access_token for guest in self.guests):
            raise RuntimeError(f"no tokens to measure with: {faults[:SHOWN_FAULTS]}")
        self.scene.samples.clear()

    def _signed_in(self, person: int) -> dict[str, str]:
        browser = SocketBrowser(self.target, person)
        self._sign_in(browser, person)
        browser.close()
        return browser.cookies

    def _fetch_tokens(self, guests: list[Guest]) -> list[str]:
        """One code flow a guest, one after the other; gives what went wrong."""
        for guest in guests:
            guest.access_token = ""
        [seat] = self.scene.seats(1, guests)
        loop = Loop(self.scene, address_of(self.target), [Line(seat)])
        loop.closed(lambda: ("code_flow", operations.code_flow), lambda: len(loop.done) >= len(guests))
        loop.close()
        return [each.fault for each in loop.done if each.fault]

    def _sign_in(self, browser: SocketBrowser, person: int) -> None:
        state = os.urandom(8).hex()
        address = self.scene.authorization(state=state, nonce=os.urandom(8).hex(), verifier=os.urandom(24).hex())
        self.scene.code_in(self.target.sign_in(browser, address, person), state)

    # -- sign-ins: each a new browser, walked by a function that waits for its answers -----------------------------

    def _sign_in_by_threads(self, asked: Asked) -> tuple[list[Done], Window]:
        window, stop, turns = Window(self.target), threading.Event(), itertools.count()
        done: list[Done] = []

        def walk() -> None:
            while not stop.is_set():
                place = next(turns)
                browser, due, fault = SocketBrowser(self.target, place), time.perf_counter(), ""
                try:
                    self._sign_in(browser, place % self.target.people)
                except Exception as wrong:
                    fault = f"{type(wrong).__name__}: {wrong}"
                done.append(Done(asked.operation, due, time.perf_counter(), fault))
                browser.close()

        threads = [threading.Thread(target=walk, daemon=True) for _ in range(asked.connections)]
        for thread in threads:
            thread.start()
        time.sleep(asked.warm_up)
        window.begin()
        time.sleep(asked.seconds)
        window.end()
        stop.set()
        for thread in threads:
            thread.join()
        return done, window

    # -- afterwards ------------------------------------------------------------------------------------------------

    def verify(self) -> tuple[int, list[str]]:
        """How many sampled tokens are rightly signed, and what is wrong with the others."""
        if not self.scene.samples:
            return 0, []
        browser = SocketBrowser(self.target, 0)
        keys = jwt.PyJWKSet.from_json(browser.get(self.target.paths["jwks"]).body.decode())
        browser.close()
        faults = []
        for sample in self.scene.samples:
            try:
                self._verify(sample, keys)
            except (jwt.PyJWTError, KeyError, AssertionError) as fault:
                faults.append(f"a sampled {sample.kind}: {type(fault).__name__}: {fault}")
        return len(self.scene.samples) - len(faults), faults

    def _verify(self, sample: Sample, keys: jwt.PyJWKSet) -> None:
        header = jwt.get_unverified_header(sample.token)
        named = [key for key in keys.keys if key.key_id == header.get("kid")] or keys.keys
        alg = self.target.alg if sample.kind == "id_token" else self.target.jwt_alg or self.target.alg
        audience = self.target.web.client_id if sample.kind == "id_token" else self.target.resource
        claims: dict[str, Any] = jwt.decode(
            sample.token, named[0], algorithms=[alg], audience=audience, issuer=self.target.issuer, leeway=LEEWAY
        )
        assert sample.nonce is None or claims.get("nonce") == sample.nonce, "another nonce"

    def _summary(self, asked: Asked, done: list[Done], window: Window, verified: int, unsound: list[str]) -> Measured:
        inside = [each for each in done if window.began <= each.ended <= window.ended]
        good = sorted(each.latency_ms for each in inside if not each.fault)
        faults = [each.fault for each in inside if each.fault] + unsound
        if not good:
            raise RuntimeError(f"no {asked.operation} succeeded: {faults[:SHOWN_FAULTS]}")
        return Measured(
            operation=asked.operation,
            ops_per_s=len(good) / (window.ended - window.began),
            p50_ms=percentile(good, 0.50),
            p95_ms=percentile(good, 0.95),
            p99_ms=percentile(good, 0.99),
            cpu_ms=window.used.server * 1000 / len(inside),
            db_cpu_ms=window.used.database * 1000 / len(inside),
            rss_mb=processes.pss_mb(self.target.server_pids),
            errors=len(faults),
            faults=tuple(faults[:SHOWN_FAULTS]),
            verified=verified,
        )
