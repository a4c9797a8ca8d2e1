"""What both Python peers stand on: a virtualenv, a database on one core and a server on the other, and their forms.

The interpreter is the one the benchmark itself runs on, so that all Python systems are compared on the same build.
"""

import hashlib
import json
import os
import platform
import re
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.database import Cluster
from bench.starting import FOLDER, Pinned, bare_environment, run
from bench.system import Browser, Client, Reply, Target, behind_proxy

PEOPLE: Final = 40
DATABASE: Final = "peer"
REDIRECT_URI: Final = "https://web.bench.example/callback"
SCOPE: Final = "openid profile email"
MACHINE_SCOPE: Final = "reports"

_REDIRECTS: Final = (301, 302, 303, 307)
_INPUT: Final = re.compile(rb"<input\b[^>]*>")
_ATTRIBUTE: Final = re.compile(rb'\b(name|value)="([^"]*)"')


class Registry:
    """The people and clients of one start: all people share one password, every client has a secret of its own."""

    def __init__(self) -> None:
        self.password = secrets.token_urlsafe(12)
        self.web = Client("web", secrets.token_urlsafe(32))
        self.machine = Client("machine", secrets.token_urlsafe(32))

    @staticmethod
    def user_name(place: int) -> str:
        return f"person{place}"


class PythonPeer:
    """Installs, starts and ends one peer; a subclass says which pins, which commands and which sign-in."""

    name: str
    algs: tuple[str, ...] = ("RS256",)
    operations: tuple[str, ...] = (
        "discovery",
        "jwks",
        "client_credentials",
        "code_flow",
        "refresh",
        "userinfo",
        "introspection",
        "password_sign_in",
    )
    packages: tuple[str, ...]  # whose versions are reported
    requirements: Path

    def __init__(self) -> None:
        self.folder = FOLDER / self.name
        self.host = f"{self.name}.bench.example"  # as a proxy in front would be asked for it
        self._programs = self.folder / "venv" / "bin"
        self._cluster: Cluster | None = None
        self._server: Pinned | None = None
        self._database_versions: dict[str, str] = {}

    def prepare(self) -> None:
        """Make the virtualenv and install the pins, unless these very pins are there."""
        stamp, pins = self.folder / "installed", self.requirements.read_bytes()
        wanted = f"{platform.python_version()} {hashlib.sha256(pins).hexdigest()}"
        if stamp.exists() and stamp.read_text() == wanted:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        run([sys.executable, "-m", "venv", "--clear", str(self.folder / "venv")], cwd=self.folder)
        install = [*self._command("python"), "-m", "pip", "install", "--no-deps", "--requirement"]
        run([*install, str(self.requirements)], cwd=self.folder)
        stamp.write_text(wanted)

    def sign_in(self, browser: Browser, address: str, user_name: str, password: str) -> str:
        """From an authorization address to the Location with the code, through this peer's pages."""
        raise NotImplementedError

    def stop(self) -> None:
        """End the server, then its database."""
        if self._server is not None:
            self._server.stop()
        if self._cluster is not None:
            self._cluster.stop()
        self._server = self._cluster = None

    def versions(self) -> Mapping[str, str]:
        """What the virtualenv holds, and the database as it was last started."""
        asking = "import importlib.metadata as m, json, sys; print(json.dumps({p: m.version(p) for p in sys.argv[1:]}))"
        command = [*self._command("python"), "-c", asking, *self.packages]
        found = run(command, cwd=self.folder, environ=bare_environment())
        return {**json.loads(found), "Python": platform.python_version(), **self._database_versions}

    def start_database(self, core: int) -> str:
        """A new cluster on this core with one empty database; gives its URL."""
        self._cluster = Cluster()
        with _on_core(core):
            self._cluster.start()
        self._database_versions = self._cluster.versions()
        return self._cluster.create(DATABASE)

    def set_up(self, command: Sequence[str], environ: Mapping[str, str], cwd: Path, given: str = "") -> None:
        """Run one command of the virtualenv to its end."""
        run(self._command(*command), cwd=cwd, environ=bare_environment(**environ), given=given)

    def serve(self, command: Sequence[str], environ: Mapping[str, str], cwd: Path, *, core: int, port: int) -> None:
        """Start the server, a command of the virtualenv, on this core, and wait until it listens."""
        self._server = Pinned(
            self._command(*command),
            core=core,
            log=self.folder / "server.log",
            cwd=cwd,
            environ=bare_environment(**environ),
        )
        self._server.wait_for(port=port)

    def target(self, port: int, paths: Mapping[str, str], registry: Registry, *, mount: str = "") -> Target:
        """The started system; `mount` is the path of its issuer."""
        assert self._server is not None and self._cluster is not None
        return Target(
            base=f"http://127.0.0.1:{port}",
            issuer=f"https://{self.host}{mount}",
            paths=paths,
            web=registry.web,
            machine=registry.machine,
            redirect_uri=REDIRECT_URI,
            scope=SCOPE,
            sign_in=lambda browser, address, place: self.sign_in(
                browser, address, registry.user_name(place), registry.password
            ),
            people=PEOPLE,
            server_pids=(self._server.pid,),
            database_pids=(self._cluster.pid,),
            machine_scope=MACHINE_SCOPE,
            headers=behind_proxy(self.host),
        )

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [str(self._programs / program), *arguments]


def new_rsa_key() -> str:
    """A private RSA key of 2048 bits, as every system of the benchmark has, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem.decode("ascii")


def follow(browser: Browser, address: str, reply: Reply) -> tuple[str, Reply]:
    """Go where redirects lead inside the system; gives the last address, or the redirect URI's as it was sent."""
    while reply.status in _REDIRECTS:
        target = urljoin(address, reply.headers["location"])
        if target.startswith(REDIRECT_URI):
            return target, reply
        address = _path_of(target)
        reply = browser.get(address)
    if reply.status != 200:
        raise RuntimeError(f"{address} gave {reply.status}: {reply.body[:300]!r}")
    return address, reply


def open_page(browser: Browser, address: str) -> tuple[str, Reply]:
    """Open an address as a person does; see `follow`."""
    address = _path_of(address)
    return follow(browser, address, browser.get(address))


def fields(body: bytes) -> dict[str, str]:
    """Name and value of every input of a page."""
    found = {}
    for tag in _INPUT.findall(body):
        attributes = dict(_ATTRIBUTE.findall(tag))
        if b"name" in attributes:
            found[unescape(attributes[b"name"].decode())] = unescape(attributes.get(b"value", b"").decode())
    return found


def _path_of(address: str) -> str:
    """Path and query: behind its proxy a system names itself https, and is reached here without."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


@contextmanager
def _on_core(core: int) -> Iterator[None]:
    """What is started inside runs on this core alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
