"""Runs the whole demonstration as a person would, `python -m demo.run`, in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
_LAST_LINE = "Ctrl-C"  # of the box that is printed once everything answers


class DemoProcess:
    """`with DemoProcess(port, folder, IDP_DATABASE_URL=…) as demo:` is a demonstration that answers."""

    def __init__(self, port: int, folder: Path, patience: float = 120, **settings: str) -> None:
        self.port, self.folder, self.patience = port, folder, patience
        self.provider, self.portal, self.one_stop = (f"http://localhost:{port + step}" for step in range(3))
        self.settings: Mapping[str, str] = settings
        self._environment: Mapping[str, str] = {**os.environ, "IDP_PORT": str(port), **settings}
        self._lines: list[str] = []
        self._ready = threading.Event()
        self._printed = threading.Condition()

    def __enter__(self) -> "DemoProcess":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "demo.run", "--directory", str(self.folder)],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._ready.wait(self.patience)
        if not any(_LAST_LINE in line for line in self._lines):
            self.stop()
            raise RuntimeError(f"the demonstration did not start:\n{self.output}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        """What was printed so far."""
        return "".join(self._lines)

    def flask(self, *arguments: str) -> str:
        """What an operator's command says, run beside the demo."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
        environment = {**os.environ, **self.settings, "IDP_PORT": str(self.port), "IDP_PROFILE": "development"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    def code_sent_to(self, contact: str, after: int = 0) -> str:
        """The code in the newest message to a phone or mailbox, once one more than `after` has come."""
        pattern = re.compile(rf"→ {re.escape(contact)}\s+(\d{{6}})")
        with self._printed:
            found = self._printed.wait_for(lambda: pattern.findall(self.output)[after:], self.patience)
        assert found, f"no message came to {contact}:\n{self.output}"
        return str(found[-1])

    @property
    def logs(self) -> str:
        """What every child wrote so far."""
        return "\n".join(file.read_text("utf-8", "replace") for file in sorted(self.folder.glob("*.log")))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Asks it to end and returns its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(timeout=30)
        self._reader.join(timeout=5)
        if self._process.stdout:
            self._process.stdout.close()
        return code

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._printed:
                self._lines.append(line)
                self._printed.notify_all()
            if _LAST_LINE in line:
                self._ready.set()
        self._ready.set()  # it ended: there is nothing more to wait for
