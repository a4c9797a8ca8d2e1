"""PostgreSQL as Debian sets it up, durable, on a unix socket: a cluster of its own for each start of a system."""

import os
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

import psycopg

from bench.starting import FOLDER, NotReady
from tests.postgres import PostgresMissing, Server, find_binaries

# What the tests switch off for speed stays on here. The rest is PostgreSQL's default.
OPTIONS: Final = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "listen_addresses": "127.0.0.1",
}
_NAMED: Final = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers", "jit")


class Cluster(Server):
    """`start()` makes and starts it; it runs on the core of whoever starts it."""

    def __init__(self) -> None:
        try:
            binaries = find_binaries()
        except PostgresMissing:
            raise NotReady("PostgreSQL is not installed: apt-get install postgresql.") from None
        before, tempfile.tempdir = tempfile.tempdir, str(_folder())
        try:
            super().__init__(binaries, OPTIONS)
        finally:
            tempfile.tempdir = before

    def _run(self, command: list[str]) -> "subprocess.Popen[bytes]":
        """What PostgreSQL says goes to a file: the terminal is the table's."""
        command[0] = str(self._binaries / command[0])
        environ = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        with (self._home.with_suffix(".log")).open("ab") as log:
            return subprocess.Popen(command, cwd=self._home, env=environ, stdout=log, stderr=log, **self._as_user)

    def stop(self) -> None:
        super().stop()
        self._home.with_suffix(".log").unlink(missing_ok=True)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def create(self, name: str) -> str:
        """A database `name` of a role `name`, as a URL over the unix socket."""
        with self._administer() as connection:
            connection.execute(f'CREATE ROLE "{name}" LOGIN')
            connection.execute(f'CREATE DATABASE "{name}" OWNER "{name}"')
        return f"postgresql://{name}@/{name}?host={self._home}&port={self._port}"

    def versions(self) -> dict[str, str]:
        """The server's version and what decides how durable it is."""
        with self._administer() as connection:
            said = {name: str(_value(connection, name)) for name in _NAMED}
            settings = ", ".join(f"{name}={value}" for name, value in said.items())
            return {"PostgreSQL": str(_value(connection, "server_version")), "PostgreSQL settings": settings}

    def _administer(self) -> "psycopg.Connection[tuple[Any, ...]]":
        where = {"host": str(self._home), "port": self._port, "user": "postgres", "dbname": "postgres"}
        return psycopg.connect(**where, autocommit=True)  # type: ignore[arg-type]


def _value(connection: "psycopg.Connection[tuple[Any, ...]]", name: str) -> object:
    row = connection.execute(f"SHOW {name}").fetchone()
    assert row is not None
    return row[0]


def _folder() -> Path:
    """On the project's own disk, unless the user that runs PostgreSQL may not go there; never in memory."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    is_open = all(folder.stat().st_mode & stat.S_IXOTH for folder in (FOLDER, *FOLDER.parents))
    return FOLDER if is_open or os.geteuid() != 0 else Path("/var/tmp")
