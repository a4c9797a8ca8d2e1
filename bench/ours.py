"""This provider as docs/operate/install.md sets it up: production, PostgreSQL, audit, throttling and metrics on."""

import base64
import html
import json
import os
import re
import shutil
import sys
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from bench.database import Cluster
from bench.starting import FOLDER, ROOT, Pinned, bare_environment, free_port, run
from bench.system import OPERATIONS, Browser, Client, Reply, Target, behind_proxy

ISSUER: Final = "https://idp.bench.example"
REDIRECT_URI: Final = "https://service.bench.example/callback"
RESOURCE: Final = "https://registry.bench.example/api"
PASSWORD: Final = "Do-luong-tai-dinh-2026!"
WEB: Final = Client("web", "secret-of-the-web-service-0123456789")
MACHINE: Final = Client("machine", "secret-of-the-machine-0123456789")
PEOPLE: Final = 32
PATHS: Final = {
    "authorize": "/oauth2/authorize",
    "token": "/oauth2/token",
    "userinfo": "/oauth2/userinfo",
    "introspect": "/oauth2/introspect",
    "jwks": "/oauth2/jwks",
    "discovery": "/.well-known/openid-configuration",
}
_PARKED: Final = re.compile(r'name="parked" value="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Step:
    """What a browser does next: open an address, or post a form there."""

    address: str
    form: Mapping[str, str] | None = None


def number_of(person: int) -> str:
    """A personal number that belongs to nobody (003…)."""
    return f"003190{person:06d}"


def walk(address: str, person: int, password: str = PASSWORD) -> Generator[Step, Reply, str]:
    """The steps of a sign-in from an authorization address to the Location with the code, consent included."""
    reply = yield Step(address)
    for _ in range(10):
        if reply.status in (302, 303):
            location = reply.headers["location"]
            if location.startswith(REDIRECT_URI):
                return location
            reply = yield Step(location)
            continue
        text = reply.body.decode()
        if reply.status != 200:
            raise RuntimeError(f"{reply.status}: {text[:300]}")
        form = {"parked": parked_in(text)}
        if 'id="sign-in"' in text:
            reply = yield Step("/sign-in", {**form, "identifier": number_of(person), "password": password})
        else:
            reply = yield Step("/consent", {**form, "decision": "allow"})
    raise RuntimeError("the pages never ended")


def parked_in(text: str) -> str:
    """What a page that waits for a person carries in its form."""
    found = _PARKED.search(text)
    if found is None:
        raise RuntimeError(f"no form in {text[:300]}")
    return html.unescape(found[1])


def sign_in(browser: Browser, address: str, place: int) -> str:
    """See bench.system.Target.sign_in."""
    steps = walk(address, place)
    step = next(steps)
    while True:
        reply = browser.get(step.address) if step.form is None else browser.post(step.address, step.form)
        try:
            step = steps.send(reply)
        except StopIteration as end:
            return str(end.value)


class Ours:
    name = "ours"
    algs = ("RS256", "ES256")
    operations = OPERATIONS

    def __init__(self) -> None:
        self._folder = FOLDER / "ours"
        self._cluster: Cluster | None = None
        self._server: Pinned | None = None
        self._versions: dict[str, str] = {}

    def prepare(self) -> None:
        """Nothing to install: it runs in the environment of this command."""

    def start(self, alg: str, *, server_core: int, database_core: int) -> Target:
        # The database stays on this process's core, which is the database's.
        os.sched_setaffinity(0, {database_core})
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._cluster = Cluster()
        self._cluster.start()
        self._versions = self._cluster.versions()
        environ = self._environment(self._cluster.create("idp"))
        self._populate(environ, alg)
        port = free_port()
        self._server = Pinned(
            [sys.executable, "-m", "flask", "--app", "wsgi", "serve", "--port", str(port)],
            core=server_core,
            log=self._folder / "provider.log",
            cwd=ROOT,
            environ=environ,
        )
        self._server.wait_for(port=port)
        return Target(
            base=f"http://127.0.0.1:{port}",
            issuer=ISSUER,
            paths=PATHS,
            web=WEB,
            machine=MACHINE,
            redirect_uri=REDIRECT_URI,
            scope="openid profile",
            sign_in=sign_in,
            people=PEOPLE,
            server_pids=(self._server.pid,),
            database_pids=(self._cluster.pid,),
            alg=alg,
            jwt_alg="ES256",
            resource=RESOURCE,
            machine_scope="read",
            headers=behind_proxy("idp.bench.example"),
        )

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
        if self._cluster is not None:
            self._cluster.stop()
        self._server = self._cluster = None

    def versions(self) -> Mapping[str, str]:
        packages = ("flask", "authlib", "granian", "sqlalchemy", "psycopg", "cryptography")
        return {**{name: version(name) for name in packages}, "Python": sys.version.split()[0], **self._versions}

    def _environment(self, database_url: str) -> dict[str, str]:
        key = self._folder / "master.key"
        key.touch(mode=0o600)
        key.write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
        metrics = self._folder / "metrics"
        metrics.mkdir()
        return bare_environment(
            IDP_PROFILE="production",
            IDP_ISSUER=ISSUER,
            IDP_DATABASE_URL=database_url,
            IDP_KEYS_MASTER_KEY_FILE=str(key),
            IDP_LOG_HEADS_FILE=str(self._folder / "heads.txt"),
            IDP_METRICS_FOLDER=str(metrics),
            IDP_PROXY_HOPS="1",
            IDP_SERVER_PROCESSES="1",
        )

    def _populate(self, environ: Mapping[str, str], alg: str) -> None:
        services = self._folder / "services.json"
        services.write_text(json.dumps(_services(alg)))
        flask = [sys.executable, "-m", "flask", "--app", "wsgi"]
        people = [sys.executable, "-m", "bench.people", str(PEOPLE)]
        quiet = {**environ, "IDP_LOGGING_LEVEL": "warning", "IDP_METRICS_FOLDER": ""}
        for command in ([*flask, "db", "upgrade"], [*flask, "services", "import", str(services)], people):
            run(command, cwd=ROOT, environ=quiet)


def _services(alg: str) -> list[dict[str, object]]:
    """The files of docs/administer: a service for people, one for itself, and the guard of an interface."""

    def service(client_id: str, secret: str, **members: object) -> dict[str, object]:
        named = {"client_id": client_id, "client_secret": secret, "client_name": f"Bench {client_id}"}
        agency = {"agency_code": "H05", "purpose": {"vi": "Đo hiệu năng", "en": "To measure"}}
        return {**named, **agency, "sector": f"{client_id}.bench.example", **members}

    alone = {"grant_types": ["client_credentials"], "response_types": [], "redirect_uris": []}
    return [
        service(
            WEB.client_id,
            WEB.client_secret,
            redirect_uris=[REDIRECT_URI],
            grant_types=["authorization_code", "refresh_token"],
            id_token_signed_response_alg=alg,
            scope="openid profile",
        ),
        service(MACHINE.client_id, MACHINE.client_secret, **alone, machine_scopes="read"),
        service(
            "registry",
            "secret-of-the-registry-0123456789",
            **alone,
            resources=[RESOURCE],
            resource_token_format="jwt",
            callers=[{"client_id": MACHINE.client_id, "scopes": "read"}],
        ),
    ]
