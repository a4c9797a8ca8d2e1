"""Starting a system's parts on this machine: a free port, a process on one core, a wait until it answers."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / "var" / "bench"
START_WITHIN: Final = 60.0
_GRACE: Final = 15.0


class NotReady(Exception):
    """A system cannot be set up or started here; the message says what to do."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bare_environment(**settings: str) -> dict[str, str]:
    """What a server is given of this shell's environment, and `settings`; no settings of somebody else's."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **settings}


def run(command: Sequence[str], *, cwd: Path, environ: Mapping[str, str] = os.environ, given: str = "") -> str:
    """Run a command to its end, with `given` to read; gives what it printed. Raises NotReady with what it said."""
    ran = subprocess.run(command, env=dict(environ), cwd=cwd, input=given, check=False, capture_output=True, text=True)
    if ran.returncode:
        said = f"{ran.stdout[-1000:]}{ran.stderr[-2000:]}"
        raise NotReady(f"{' '.join(command[:5])} failed:\n{said}")
    return ran.stdout


class Pinned:
    """A server in the foreground on one core; ended by its process id, with all that it started."""

    def __init__(self, command: Sequence[str], *, core: int, log: Path, cwd: Path, environ: Mapping[str, str]) -> None:
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                ["taskset", "--cpu-list", str(core), *command],
                cwd=cwd,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, *, port: int | None = None, path: Path | None = None) -> None:
        """Until something listens at the port or the socket `path`; raises NotReady when it ends or takes too long."""
        deadline = time.monotonic() + START_WITHIN
        while not _answers(port, path):
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = self._log.read_text("utf-8", "replace")[-2000:]
                self.stop()
                raise NotReady(f"the server did not start:\n{said}")
            time.sleep(0.05)

    def stop(self) -> None:
        for how in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE)
                return


def _answers(port: int | None, path: Path | None) -> bool:
    with socket.socket(socket.AF_UNIX if path else socket.AF_INET) as probe:
        try:
            probe.connect(str(path) if path else ("127.0.0.1", port))
        except OSError:
            return False
    return True


def find_command(name: str, package: str) -> str:
    """A command by its name; raises NotReady naming Debian's package where it is missing."""
    found = shutil.which(name)
    if found is None:
        raise NotReady(f"{name} is not installed: apt-get install {package}.")
    return found
