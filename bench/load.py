"""The load: connections that are kept alive, in one thread that does as little as it can, each latency recorded.

Closed loop: each connection begins its next operation when the last one is done. Open loop: operations begin when they
are due, whatever the system does, and latency counts from then, so that waiting for a slow system is not left out.
"""

import gc
import math
import select
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from socket import IPPROTO_TCP, TCP_NODELAY, create_connection
from socket import socket as Socket
from typing import Final

from bench import wire
from bench.operations import Scene, Seat, Steps, Wrong

Choice = tuple[str, Callable[[Scene, Seat], Steps]]  # an operation by its name
PATIENCE: Final = 60.0  # seconds after which an answer is not waited for any more
_LARGEST_READ: Final = 262_144


@dataclass(frozen=True, slots=True)
class Done:
    """One operation: its name, when it was due and when it ended (monotonic seconds), what was wrong if anything.

    `status` is that of the answer that was not good, 0 for no answer.
    """

    name: str
    due: float
    ended: float
    fault: str = ""
    status: int = 200

    @property
    def latency_ms(self) -> float:
        return (self.ended - self.due) * 1000


@dataclass
class Line:
    """A connection and the operation under way on it."""

    seat: Seat
    socket: Socket | None = None
    steps: Steps | None = None
    name: str = ""
    due: float = 0.0
    sent: bytes = b""
    data: bytes = b""
    is_second_try: bool = False


@dataclass
class Loop:
    """Connections to one address; `done` collects every operation that ended."""

    scene: Scene
    address: tuple[str, int]
    lines: list[Line]
    done: list[Done] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._poll = select.epoll()
        self._by_number: dict[int, Line] = {}
        self._idle: deque[Line] = deque()

    def close(self) -> None:
        for line in self.lines:
            self._hang_up(line)
        self._poll.close()

    # -- two ways of driving ---------------------------------------------------------------------------------------

    def closed(self, choose: Callable[[], Choice], until: Callable[[], bool]) -> None:
        """Keep every connection busy with what `choose()` gives until `until()`, then let what is under way end."""
        self._idle.extend(self.lines)
        while not until():
            while self._idle:
                self._begin(self._idle.popleft(), choose(), time.perf_counter())
            self._turn(0.25)
        self._drain()

    def open(self, arrivals: Iterable[tuple[float, Choice]]) -> None:
        """Begin each operation at its time (monotonic, rising), on a connection of its own while there is one."""
        self._idle.extend(self.lines)
        waiting: deque[tuple[float, Choice]] = deque()
        coming = iter(arrivals)
        following = next(coming, None)
        while following is not None or waiting:
            now = time.perf_counter()
            while following is not None and following[0] <= now:
                waiting.append(following)
                following = next(coming, None)
            while waiting and self._idle:
                due, choice = waiting.popleft()
                self._begin(self._idle.popleft(), choice, due)
            pause = 0.25 if following is None or waiting else max(0.0, min(0.25, following[0] - time.perf_counter()))
            self._turn(pause)
        self._drain()

    def _drain(self) -> None:
        while len(self._idle) < len(self.lines):
            self._turn(0.25)
        self._idle.clear()

    # -- one connection --------------------------------------------------------------------------------------------

    def _begin(self, line: Line, choice: Choice, due: float) -> None:
        name, scenario = choice
        line.name, line.due, line.steps = name, due, scenario(self.scene, line.seat)
        self._go_on(line, None)

    def _go_on(self, line: Line, raw: wire.Raw | None) -> None:
        assert line.steps is not None
        try:
            sent = next(line.steps) if raw is None else line.steps.send(raw)
        except StopIteration:
            self._end(line)
        except Wrong as fault:
            self._end(line, str(fault), fault.status)
        except Exception as fault:  # an answer that no check foresaw is an error like any other
            self._end(line, f"{type(fault).__name__}: {fault}", 0)
        else:
            line.sent, line.is_second_try = sent, False
            self._send(line)

    def _send(self, line: Line) -> None:
        try:
            if line.socket is None:
                self._connect(line)
            assert line.socket is not None
            line.socket.sendall(line.sent)
        except OSError as fault:
            self._lost(line, str(fault))

    def _connect(self, line: Line) -> None:
        line.socket = create_connection(self.address, timeout=PATIENCE)
        line.socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self._by_number[line.socket.fileno()] = line
        self._poll.register(line.socket.fileno(), select.EPOLLIN)

    def _turn(self, pause: float) -> None:
        events = self._poll.poll(pause)
        for number, _ in events:
            line = self._by_number.get(number)
            if line is not None:
                self._read(line)
        if not events:
            late = time.perf_counter() - PATIENCE
            for line in self.lines:
                if line.steps is not None and line.due < late:
                    self._hang_up(line)
                    self._end(line, f"no answer within {PATIENCE:.0f} s", 0)

    def _read(self, line: Line) -> None:
        assert line.socket is not None
        try:
            part = line.socket.recv(_LARGEST_READ)
        except OSError:
            part = b""
        if not part:
            self._lost(line, "the connection ended")
            return
        line.data = line.data + part if line.data else part
        try:
            raw = wire.parse(line.data)
        except wire.Broken as fault:
            self._hang_up(line)
            self._end(line, str(fault), 0)
            return
        if raw is not None and line.steps is not None:
            line.data = b""
            if raw.closes:
                self._hang_up(line)
            self._go_on(line, raw)

    def _lost(self, line: Line, why: str) -> None:
        """An idle connection may be let go by the server: what was sent on it is sent once more."""
        was_in_answer = bool(line.data)
        self._hang_up(line)
        if line.steps is None:
            return
        if was_in_answer or line.is_second_try:
            self._end(line, why, 0)
            return
        line.is_second_try = True
        self._send(line)

    def _hang_up(self, line: Line) -> None:
        if line.socket is not None:
            self._by_number.pop(line.socket.fileno(), None)
            line.socket.close()
        line.socket, line.data = None, b""

    def _end(self, line: Line, fault: str = "", status: int = 200) -> None:
        line.steps = None
        self.done.append(Done(line.name, line.due, time.perf_counter(), fault, status))
        self._idle.append(line)


def percentile(values: list[float], share: float) -> float:
    """The smallest of `values`, which are sorted, that `share` of them do not exceed; 0 for none."""
    return values[max(0, math.ceil(len(values) * share) - 1)] if values else 0.0


class quiet_memory:
    """Within it no garbage is collected: the generator's pauses are not the system's."""

    def __enter__(self) -> None:
        gc.collect()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        gc.enable()
