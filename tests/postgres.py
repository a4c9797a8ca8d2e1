"""A real PostgreSQL for the tests: one cluster of Debian's binaries for all test processes of a run.

Whoever uses the cluster holds a shared lock on `users.lock` in the folder where the processes of one run
meet. A supervising process (this file, run as a script) starts the server and then asks for the exclusive
lock: it gets it when the last user lets go or dies, whatever killed it, and then stops the server by its pid
and removes its files. With TEST_DATABASE_URL set, that server is used instead, and what was made there is
dropped.
"""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

OLDEST = 15
START_WITHIN = 60.0
# Tests may lose everything in a power cut, race with 64 threads, and send queries too small to be compiled.
OPTIONS = {
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "jit": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "400",
    "synchronous_commit": "off",
}


class PostgresMissing(Exception):
    """There is no PostgreSQL to test on; the message says what to do."""


class PostgresCluster:
    """The server as one test process sees it: `start`, make databases, `stop`."""

    def __init__(self, meeting: Path, external_url: str | None = None) -> None:
        """`meeting` is a folder that all test processes of this run share, and no other run."""
        self._meeting = meeting
        self._external_url = external_url
        self._users: IO[str] | None = None
        self._admin_url: URL | None = None
        self._made: set[str] = set()

    def start(self) -> None:
        """Join the run's server, starting it if this process is the first; raises PostgresMissing."""
        if self._external_url:
            self._admin_url = make_url(self._external_url).set(drivername="postgresql+psycopg")
            return
        binaries = find_binaries()
        self._meeting.mkdir(parents=True, exist_ok=True)
        with _locked(self._meeting / "start.lock"):
            self._users = (self._meeting / "users.lock").open("w")
            fcntl.flock(self._users, fcntl.LOCK_SH)
            state = self._meeting / "state.json"
            if not state.exists():
                _supervise_apart(binaries, self._meeting)
            port = json.loads(state.read_text())["port"]
        self._admin_url = URL.create(
            "postgresql+psycopg", username="postgres", host="127.0.0.1", port=port, database="postgres"
        )

    def create_database(self, name: str, template: str | None = None) -> str:
        """A new database `name` (an old one of that name goes first), as a SQLAlchemy URL."""
        source = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
        with self._administer() as connection:
            connection.execute(_drop(name))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + source)
        self._made.add(name)
        assert self._admin_url is not None
        return self._admin_url.set(database=name).render_as_string(hide_password=False)

    def drop_database(self, name: str) -> None:
        """Drop `name`, ending whatever is still connected to it."""
        with self._administer() as connection:
            connection.execute(_drop(name))
        self._made.discard(name)

    def stop(self) -> None:
        """Let go of the server; the last to let go ends it."""
        if self._external_url:
            for name in sorted(self._made):
                self.drop_database(name)
        elif self._users:
            self._users.close()
        self._users = self._admin_url = None

    @contextmanager
    def _administer(self) -> Iterator[psycopg.Connection[Any]]:
        assert self._admin_url is not None, "the cluster was not started"
        plain = self._admin_url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as connection:
            yield connection


def find_binaries() -> Path:
    """The folder with initdb and postgres of the newest PostgreSQL here; raises PostgresMissing."""
    debian = [
        folder
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if folder.parent.name.isdigit() and int(folder.parent.name) >= OLDEST and (folder / "initdb").exists()
    ]
    if debian:
        return max(debian, key=lambda folder: int(folder.parent.name))
    found = shutil.which("initdb")
    if found and shutil.which("postgres"):
        return Path(found).parent
    raise PostgresMissing(
        f"PostgreSQL {OLDEST} or newer is not installed (apt-get install postgresql), "
        "and TEST_DATABASE_URL does not name a server."
    )


def _drop(name: str) -> sql.Composed:
    return sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _supervise_apart(binaries: Path, meeting: Path) -> None:
    """Start this file as a process of its own session, and wait until its server answers."""
    log = meeting / "supervisor.log"
    arguments = [sys.executable, str(Path(__file__).resolve()), str(binaries), str(meeting)]
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    # Not subprocess.Popen: the child is meant to outlive this process, and Popen warns of that.
    pid = os.posix_spawn(
        sys.executable,
        arguments,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, number, str(log), flags, 0o600) for number in (1, 2)],
        setsid=True,
    )
    deadline = time.monotonic() + START_WITHIN
    while not (meeting / "state.json").exists():
        ended, _ = os.waitpid(pid, os.WNOHANG)
        if ended or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.02)


class Server:
    """One cluster in a folder of its own, whose server runs in the foreground as a child of who starts it."""

    def __init__(self, binaries: Path, options: Mapping[str, str] = OPTIONS) -> None:
        self._binaries, self._options = binaries, options
        # PostgreSQL refuses to run as root, so root hands the folder to the user that Debian's package made.
        self._as_user: dict[str, Any] = {}
        self._home = Path(tempfile.mkdtemp(prefix="idp-postgres-"))
        if os.geteuid() == 0:
            self._as_user = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self._home, "postgres", "postgres")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> int:
        """Make and start the cluster; gives its port."""
        making = ["initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]
        self._run([*making, "-D", str(self._home / "data")]).wait()
        self._port = _free_port()
        self.resume()
        return self._port

    def resume(self) -> None:
        """Start the cluster that is there, and wait until it answers."""
        options = {**self._options, "port": str(self._port), "unix_socket_directories": str(self._home)}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._process = self._run(["postgres", "-D", str(self._home / "data"), *settings])
        while self._process.poll() is None:
            try:
                psycopg.connect(host="127.0.0.1", port=self._port, user="postgres", dbname="postgres").close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        raise SystemExit(f"postgres ended with status {self._process.returncode}")

    def halt(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server and keep its data. SIGINT is a "fast" shutdown, SIGQUIT an immediate one: a crash."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def stop(self) -> None:
        self.halt()
        shutil.rmtree(self._home, ignore_errors=True)

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        command[0] = str(self._binaries / command[0])
        environ = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        return subprocess.Popen(command, cwd=self._home, env=environ, **self._as_user)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _supervise(binaries: Path, meeting: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    server, state = Server(binaries), meeting / "state.json"
    try:
        fresh = meeting / "state.new"
        fresh.write_text(json.dumps({"port": server.start(), "supervisor": os.getpid()}))
        fresh.rename(state)
        with (meeting / "users.lock").open("w") as users:
            fcntl.flock(users, fcntl.LOCK_EX)
            # Under the lock, so that a newcomer who waits for it finds no server and starts its own.
            state.unlink()
            server.stop()
    finally:
        state.unlink(missing_ok=True)
        server.stop()


if __name__ == "__main__":
    _supervise(Path(sys.argv[1]), Path(sys.argv[2]))
