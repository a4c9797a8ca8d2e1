"""`flask worker` in a process of its own, which can be killed and comes back."""

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tests.operations.provider_process import ROOT, bare_environment

GRACE = 20


class WorkerProcess:
    """`with WorkerProcess(folder, provider.settings) as worker:` is a worker that delivers."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self._log, self._environment = folder / "worker.log", bare_environment(settings)

    def __enter__(self) -> "WorkerProcess":
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """kill -9, and a new one."""
        self._process.kill()
        self._process.wait()
        self._start()

    def _start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flask", "--app", "wsgi", "worker"],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
