"""Canaille on PostgreSQL, served by its own `canaille run`."""

import json
import secrets
import uuid
from pathlib import Path
from string import Template
from typing import Any

from bench.peers.python_peer import (
    MACHINE_SCOPE,
    PEOPLE,
    REDIRECT_URI,
    SCOPE,
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
PATHS = {
    "authorize": "/oauth/authorize",
    "token": "/oauth/token",
    "userinfo": "/oauth/userinfo",
    "introspect": "/oauth/introspect",
    "jwks": "/oauth/jwks.json",
    "discovery": "/.well-known/openid-configuration",
}


class Canaille(PythonPeer):
    """See README.md beside this file for what is set and why."""

    name = "canaille"
    packages = ("canaille", "authlib", "flask", "hypercorn", "sqlalchemy", "psycopg2-binary")
    requirements = HERE / "requirements.txt"

    def start(self, alg: str, *, server_core: int, database_core: int) -> Target:
        """Start it on a new database with its people and clients."""
        assert alg in self.algs, alg
        port, registry = free_port(), Registry()
        database_url = self.start_database(database_core)
        environ = {"CANAILLE_CONFIG": str(self._write_configuration(port, database_url))}
        self.set_up(["canaille", "install"], environ, self.folder)
        content = {"user": _people(registry), "client": [_web(registry.web), _machine(registry.machine)]}
        self.set_up(["canaille", "restore"], environ, self.folder, given=json.dumps(content))
        self.serve(["canaille", "run"], environ, self.folder, core=server_core, port=port)
        return self.target(port, PATHS, registry)

    def sign_in(self, browser: Browser, address: str, user_name: str, password: str) -> str:
        """First the name, then the password, each on a page of its own; a trusted client asks for no consent."""
        address, page = open_page(browser, address)
        for answer in ({"login": user_name, "remember": "y"}, {"password": password}):
            form = {"csrf_token": fields(page.body)["csrf_token"], **answer}
            address, page = follow(browser, address, browser.post(address, form))
        if not address.startswith(REDIRECT_URI):
            raise RuntimeError(f"{user_name} was not signed in: {address} {page.status}")
        return address

    def _write_configuration(self, port: int, database_url: str) -> Path:
        path = self.folder / "canaille.toml"
        filled = Template((HERE / "canaille.toml").read_text()).substitute(
            secret_key=secrets.token_urlsafe(32),
            host=self.host,
            port=port,
            # "postgresql://" alone means psycopg 3 since SQLAlchemy 2.1; Canaille's extra brings psycopg2.
            database_url=database_url.replace("postgresql://", "postgresql+psycopg2://", 1),
            private_key=new_rsa_key(),
        )
        path.touch(mode=0o600)
        path.write_text(filled)
        return path


def _people(registry: Registry) -> list[dict[str, Any]]:
    return [
        {
            "id": str(uuid.uuid4()),
            "user_name": registry.user_name(place),
            "password": registry.password,
            "formatted_name": f"Person {place}",
            "given_name": "Person",
            "family_name": str(place),
            "emails": [f"{registry.user_name(place)}@bench.example"],
        }
        for place in range(PEOPLE)
    ]


def _web(client: Client) -> dict[str, Any]:
    return _client(
        client,
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        redirect_uris=[REDIRECT_URI],
        scope=SCOPE.split(),
        # Without it Canaille chooses the strongest algorithm its key can do, RS512.
        id_token_signed_response_alg="RS256",
    )


def _machine(client: Client) -> dict[str, Any]:
    return _client(client, grant_types=["client_credentials"], scope=[MACHINE_SCOPE])


def _client(client: Client, **metadata: Any) -> dict[str, Any]:
    identifier = str(uuid.uuid4())
    return {
        "id": identifier,
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "client_name": client.client_id,
        "client_uri": f"https://{client.client_id}.bench.example",
        "token_endpoint_auth_method": "client_secret_basic",
        # Introspection is for the audience of a token; Canaille's registration makes a client its own audience.
        "audience": [identifier],
        **metadata,
    }
