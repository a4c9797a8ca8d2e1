"""django-oauth-toolkit on Django and PostgreSQL, served by gunicorn with threads."""

import json
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bench.peers.python_peer import (
    DATABASE,
    PEOPLE,
    REDIRECT_URI,
    PythonPeer,
    Registry,
    fields,
    follow,
    new_rsa_key,
    open_page,
)
from bench.starting import free_port
from bench.system import Browser, Client, Target

HERE = Path(__file__).resolve().parent
THREADS = 4
KEEP_ALIVE = 75  # seconds; behind a proxy that keeps its connections, gunicorn's 2 are too short
PATHS = {
    "authorize": "/o/authorize/",
    "token": "/o/token/",
    "userinfo": "/o/userinfo/",
    "introspect": "/o/introspect/",
    "jwks": "/o/.well-known/jwks.json",
    "discovery": "/o/.well-known/openid-configuration",
}


class DjangoOAuthToolkit(PythonPeer):
    """See README.md beside this file for what is set and why."""

    name = "django-oauth-toolkit"
    packages = ("django-oauth-toolkit", "django", "oauthlib", "gunicorn", "psycopg")
    requirements = HERE / "requirements.txt"

    def start(self, alg: str, *, server_core: int, database_core: int) -> Target:
        """Start it on a new database with its people and applications."""
        assert alg in self.algs, alg
        port, registry = free_port(), Registry()
        environ = {
            "BENCH_HOST": self.host,
            "BENCH_SECRET_KEY": secrets.token_urlsafe(48),
            "BENCH_PRIVATE_KEY": new_rsa_key(),
            **_database(self.start_database(database_core)),
        }
        content = {
            "people": [registry.user_name(place) for place in range(PEOPLE)],
            "password": registry.password,
            "applications": [_web(registry.web), _machine(registry.machine)],
        }
        self.set_up(["python", "-m", "project.provision"], environ, HERE, given=json.dumps(content))
        self.serve(_gunicorn(port), environ, HERE, core=server_core, port=port)
        return self.target(port, PATHS, registry, mount="/o")

    def sign_in(self, browser: Browser, address: str, user_name: str, password: str) -> str:
        """Django's sign-in form; an application with skip_authorization asks for no consent."""
        address, page = open_page(browser, address)
        form = {**fields(page.body), "username": user_name, "password": password}
        address, page = follow(browser, address, browser.post(address, form))
        if not address.startswith(REDIRECT_URI):
            raise RuntimeError(f"{user_name} was not signed in: {address} {page.status}")
        return address


def _database(url: str) -> dict[str, str]:
    """The parts of the URL of a database over a unix socket, since Django takes no URL."""
    query = dict(parse_qsl(urlsplit(url).query))
    return {
        "BENCH_DATABASE": DATABASE,
        "BENCH_DATABASE_USER": DATABASE,
        "BENCH_DATABASE_HOST": query["host"],
        "BENCH_DATABASE_PORT": query["port"],
    }


def _gunicorn(port: int) -> list[str]:
    options = {
        "bind": f"127.0.0.1:{port}",
        "workers": 1,
        "worker-class": "gthread",
        "threads": THREADS,
        "keep-alive": KEEP_ALIVE,
        "log-level": "warning",
    }
    return ["gunicorn", *(f"--{name}={value}" for name, value in options.items()), "project.wsgi"]


def _web(client: Client) -> dict[str, Any]:
    return _application(
        client,
        authorization_grant_type="authorization-code",
        redirect_uris=REDIRECT_URI,
        algorithm="RS256",
        skip_authorization=True,
    )


def _machine(client: Client) -> dict[str, Any]:
    return _application(client, authorization_grant_type="client-credentials")


def _application(client: Client, **rest: Any) -> dict[str, Any]:
    return {"name": client.client_id, "client_id": client.client_id, "client_secret": client.client_secret, **rest}
