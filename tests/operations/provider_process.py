"""The provider as operators run it: `flask serve` with its worker processes, on a free port."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

from tests.demo.test_supervisor import a_free_port, members, until

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90  # seconds for processes to start on a busy machine
GRACE = 20  # seconds between TERM and KILL


class ProviderProcess:
    """`with ProviderProcess(folder, IDP_DATABASE_URL=…) as provider:` is a provider whose workers all answer.

    `root` is the code that runs: this one, or another release's. `folder` gets the log and, unless a setting says
    otherwise, the master key.
    """

    def __init__(self, folder: Path, *, workers: int = 2, root: Path = ROOT, **settings: str) -> None:
        self.port, self.workers, self._folder, self._root = a_free_port(), workers, folder, root
        self.settings: Mapping[str, str] = {
            "IDP_PROFILE": "testing",
            "IDP_PORT": str(self.port),
            "IDP_SERVER_PROCESSES": str(workers),
            "IDP_KEYS_MASTER_KEY_FILE": str(folder / "master.key"),
            "IDP_LOGGING_LEVEL": "info",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "ProviderProcess":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """What master and workers wrote so far: the log, one JSON object a line, and granian's own lines."""
        log = self._folder / "provider.log"
        return log.read_text("utf-8", "replace") if log.exists() else ""

    def start(self) -> None:
        """Start, and wait until every worker has answered."""
        self.launch()
        try:
            with self.each_worker():
                pass
        except AssertionError:
            self.stop()
            raise RuntimeError(f"the provider did not start:\n{self.output[-3000:]}") from None

    def launch(self) -> None:
        """Start without waiting: for what must not come up."""
        with (self._folder / "provider.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flask", "--app", "wsgi", "serve"],
                cwd=self._root,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self) -> int:
        """End it as systemd does; gives the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        return self._process.wait()

    def wait(self) -> int:
        """Wait until it ends by itself; gives the exit code."""
        assert self._process is not None
        return self._process.wait(PATIENCE)

    def worker_pids(self) -> list[int]:
        """The workers that live at this moment; the process that started them and its tracker apart."""
        assert self._process is not None
        return [pid for pid in members(self._process.pid) if _is_worker(pid)]

    @contextlib.contextmanager
    def each_worker(self) -> Iterator[dict[int, http.client.HTTPConnection]]:
        """An open connection to each worker, by its process id."""
        found: dict[int, http.client.HTTPConnection] = {}
        with contextlib.ExitStack() as opened:

            def is_complete() -> bool:
                assert self._process is not None
                assert self._process.poll() is None
                # All stay open, so that the next one is more likely to meet another worker.
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                opened.callback(connection.close)
                with contextlib.suppress(OSError, http.client.HTTPException):
                    connection.request("GET", "/healthz")
                    connection.getresponse().read()
                    pid = self._who_serves(connection)
                    if pid is not None:
                        found.setdefault(pid, connection)
                return len(found) == self.workers

            until(is_complete, PATIENCE)
            yield found

    def ask_each(self, path: str) -> list[tuple[int, str]]:
        """What each worker answers to a GET: status and body."""
        said = []
        with self.each_worker() as connections:
            for connection in connections.values():
                connection.request("GET", path)
                answer = connection.getresponse()
                said.append((answer.status, answer.read().decode()))
        return said

    def wait_until_ready(self) -> None:
        """Wait until every worker says that it can serve; the first look may meet connections that a fault broke."""
        until(lambda: {status for status, _ in self.ask_each("/readyz")} == {200}, PATIENCE)

    def flask(self, *words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        """What an operator types: `provider.flask("keys", "rotate")`, with the provider's own environment."""
        return run_flask(self._root, {**self._environment(), **settings}, *words)

    def _environment(self) -> dict[str, str]:
        return bare_environment(self.settings)

    def _who_serves(self, connection: http.client.HTTPConnection) -> int | None:
        """The worker at the other end of an open connection, as the kernel knows it."""
        own_port = connection.sock.getsockname()[1]
        ends = (f"0100007F:{self.port:04X}", f"0100007F:{own_port:04X}")
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if (fields[1], fields[2]) == ends:
                return next((pid for pid in self.worker_pids() if _holds(pid, fields[9])), None)
        return None


def bare_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the tests' own machine but where programs stand."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **settings,
    }


def run_flask(root: Path, environment: Mapping[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    """`flask --app wsgi …` in the folder of a release, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", *words],
        cwd=root,
        env=dict(environment),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE * 2,
        check=False,
    )


def _is_worker(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _holds(pid: int, inode: str) -> bool:
    """Whether a process has a socket open."""
    try:
        return any(os.readlink(each) == f"socket:[{inode}]" for each in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False
