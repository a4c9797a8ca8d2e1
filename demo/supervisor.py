"""Starts programs together, waits until they answer, watches them and ends them together."""

import contextlib
import http.client
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

_LOOK_AGAIN_AFTER = 0.1  # seconds between two looks at the children
_LINES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Program:
    """One child; `answers_at` is the (port, path) on this machine that says 200 once it is ready."""

    name: str
    command: tuple[str, ...]
    answers_at: tuple[int, str] | None = None


class Stopped(Exception):
    """Someone asked us to end (Ctrl-C, SIGTERM, SIGHUP): not an error."""


class ProgramFailed(Exception):
    """A child ended or never answered; the text says which and shows the end of its log."""


class Supervisor:
    """All children of one run: each in a process group of its own, each with a log file of its own."""

    def __init__(self, root: Path, logs: Path, environment: Mapping[str, str], patience: float, grace: float) -> None:
        self._root, self._logs, self._environment = root, logs, dict(environment)
        self._patience, self._grace = patience, grace
        self._children: dict[Program, subprocess.Popen[bytes]] = {}
        self._stop_asked = False

    def listen_for_stop(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_stop)

    def _ask_stop(self, _number: int, _frame: FrameType | None) -> None:
        # Only a flag: a handler may interrupt anything, so it must not lock, log or wait.
        self._stop_asked = True

    def log_of(self, program: Program) -> Path:
        return self._logs / f"{program.name}.log"

    def run(self, program: Program) -> None:
        """Runs a program to its end; raises ProgramFailed if it says that it failed."""
        child = self._start(program)
        while (code := child.poll()) is None:
            self._pause()
        del self._children[program]
        if code:
            raise ProgramFailed(self._report(program, code))

    def start(self, program: Program) -> None:
        self._start(program)

    def wait_until_ready(self) -> None:
        """Returns once every child with an address has answered there and none has ended."""
        deadline = time.monotonic() + self._patience
        waiting = [program for program in self._children if program.answers_at]
        while True:
            self._look_at_children()
            waiting = [program for program in waiting if not _answers(program)]
            if not waiting:
                self._look_at_children()
                return
            if time.monotonic() > deadline:
                raise ProgramFailed(self._report(waiting[0], None))
            self._pause()

    def watch(self) -> None:
        """Stays until a child ends (ProgramFailed) or someone asks us to stop (Stopped)."""
        while True:
            self._look_at_children()
            self._pause()

    def end_all(self) -> None:
        """TERM to every group, a while to finish, then KILL; whatever the children started ends too."""
        for child in self._children.values():
            _signal_group(child, signal.SIGTERM)
        deadline = time.monotonic() + self._grace
        while any(_lives(child) for child in self._children.values()) and time.monotonic() < deadline:
            time.sleep(_LOOK_AGAIN_AFTER)
        for child in self._children.values():
            if _lives(child):
                _signal_group(child, signal.SIGKILL)
            child.wait()
        self._children.clear()

    def _start(self, program: Program) -> subprocess.Popen[bytes]:
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.log_of(program).open("wb") as log:
            child = subprocess.Popen(
                program.command,
                cwd=self._root,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone, and we end the children in order
            )
        self._children[program] = child
        return child

    def _look_at_children(self) -> None:
        for program, child in self._children.items():
            if (code := child.poll()) is not None:
                raise ProgramFailed(self._report(program, code))

    def _pause(self) -> None:
        if self._stop_asked:
            raise Stopped
        time.sleep(_LOOK_AGAIN_AFTER)

    def _report(self, program: Program, code: int | None) -> str:
        log = self.log_of(program)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LINES_SHOWN:]
        if code is None:
            fate = f"did not answer within {self._patience:g} s"
        else:
            fate = f"ended with code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
        return "\n".join([f"{program.name} {fate}; the end of {log}:", *(f"  {line}" for line in lines or ["(empty)"])])


def _answers(program: Program) -> bool:
    if program.answers_at is None:
        return True
    port, path = program.answers_at
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path, headers={"Host": f"localhost:{port}", "Connection": "close"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _lives(child: subprocess.Popen[bytes]) -> bool:
    if child.poll() is None:
        return True
    try:
        os.killpg(child.pid, 0)  # the leader is gone; someone it started may not be
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)
