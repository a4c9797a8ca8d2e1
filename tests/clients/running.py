"""A client in a process of its own: registered at the demonstration, written to a folder, started as its page says."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.clients.pages import REGISTRATION, Page, Standing, write_files
from tests.journeys.plain_service import discover

_PATIENCE = 60  # seconds for a client to answer, or to prepare itself, on a busy machine
_GRACE = 10  # seconds between TERM and KILL
OPENED = "the browser opens"  # what a client prints where it would have opened one, before the address
NODE_MODULES = Path(__file__).parent / "node_modules"


@dataclass
class Client:
    """One client of a page; `base` is its own address, `folder` holds its files."""

    page: Page
    province: str
    base: str
    folder: Path
    registered: dict[str, Any] = field(default_factory=dict)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def standing(self) -> Standing:
        return Standing(self.province, self.base, self.registered)

    @property
    def output(self) -> str:
        """What the client printed so far, since it was started."""
        return (self.folder / "client.log").read_text("utf-8", "replace")

    def install(self) -> None:
        """Register as the page says, write its files, do what must be done before the first start."""
        said = Standing(self.province, self.base, {}).put_into(self.page.files[REGISTRATION])
        self.registered = register_as_said(self.province, json.loads(said))
        write_files(self.page, self.standing, self.folder)
        if "package.json" in self.page.files:
            (self.folder / "node_modules").symlink_to(NODE_MODULES)
        if "prepare" in self.page.commands:
            assert self._spawn("prepare").wait(_PATIENCE) == 0, self.output

    def start(self) -> None:
        """Run the page's `run` command until something listens at `base`."""
        self.launch()
        port, tries = urlsplit(self.base).port, 0
        while not _answers(port):
            assert tries < _PATIENCE * 20, f"{self.page.name} does not listen at {self.base}:\n{self.output}"
            assert not self._ended_within(0.05), f"{self.page.name} ended:\n{self.output}"
            tries += 1

    def launch(self) -> None:
        """Run the page's `run` command anew, for a program that a person sits before: see `hear` and `type_in`."""
        self.stop()
        (self.folder / "client.log").write_bytes(b"")
        self._process = self._spawn("run")

    def hear(self, pattern: str) -> "re.Match[str]":
        """Wait until this run has printed what matches."""
        for _ in range(_PATIENCE * 20):
            ended = self._ended_within(0.05)
            if found := re.search(pattern, self.output):
                return found
            assert not ended, f"{self.page.name} ended:\n{self.output}"
        raise AssertionError(f"{self.page.name} does not print {pattern!r}:\n{self.output}")

    def type_in(self, line: str) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def wait(self) -> int:
        """The exit code of a program that ends by itself."""
        assert self._process is not None
        return self._process.wait(_PATIENCE)

    def stop(self) -> None:
        if self._process is not None:
            _end(self._process)
            self._process = None

    def _spawn(self, command: str) -> "subprocess.Popen[bytes]":
        with (self.folder / "client.log").open("ab") as log:
            return subprocess.Popen(
                ["/bin/sh", "-euc", self.standing.put_into(self.page.commands[command])],
                cwd=self.folder,
                env=bare_environment(self.folder),
                stdin=subprocess.PIPE if command == "run" else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _ended_within(self, seconds: float) -> bool:
        assert self._process is not None
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


def register_as_said(province: str, document: dict[str, Any]) -> dict[str, Any]:
    """The provider's answer to a page's registration; what the page asks for must be had."""
    answer = requests.post(discover(province)["registration_endpoint"], json=document, timeout=20)
    assert answer.status_code == 201, answer.text
    registered: dict[str, Any] = answer.json()
    assert {name: registered.get(name) for name in document} == document
    return registered


def bare_environment(folder: Path) -> dict[str, str]:
    """A client knows only its page: no setting of the tests' own machine, no proxy."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), "/usr/sbin"])
    return {
        "PATH": path,
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "NO_PROXY": "localhost,127.0.0.1",
        "BROWSER": f"echo {OPENED} %s",
        "PYTHONUNBUFFERED": "1",
    }


def _answers(port: int | None) -> bool:
    try:
        socket.create_connection(("localhost", port or 80), timeout=1).close()
    except OSError:
        return False
    return True


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the client and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
