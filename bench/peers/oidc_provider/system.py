"""node-oidc-provider: installed by npm from the lock file here, one Node.js process, store by choice."""

import json
import re
import secrets
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from bench.starting import FOLDER, Pinned, bare_environment, find_command, free_port, run
from bench.system import OPERATIONS, Browser, Client, Target, behind_proxy

ISSUER: Final = "https://idp.bench.example"
REDIRECT_URI: Final = "https://service.bench.example/callback"
RESOURCE: Final = "https://registry.bench.example/api"
PEOPLE: Final = 32
PATHS: Final = {
    "authorize": "/auth",
    "token": "/token",
    "userinfo": "/me",
    "introspect": "/token/introspection",
    "jwks": "/jwks",
    "discovery": "/.well-known/openid-configuration",
}
_HERE: Final = Path(__file__).parent
_ACTION: Final = re.compile(r'action="([^"]+)"')


def sign_in(browser: Browser, address: str, place: int) -> str:
    """See bench.system.Target.sign_in."""
    reply = browser.get(address)
    for _ in range(8):
        if reply.status in (302, 303):
            location = reply.headers["location"]
            if location.startswith(REDIRECT_URI):
                return location
            reply = browser.get(location)
            continue
        found = _ACTION.search(reply.body.decode())
        if reply.status != 200 or found is None:
            raise RuntimeError(f"{reply.status}: {reply.body[:300]!r}")
        reply = browser.post(found[1], {"login": f"person-{place}"})
    raise RuntimeError("the pages never ended")


class _OidcProvider:
    name: str
    algs = ("RS256", "ES256")
    operations = OPERATIONS

    def __init__(self) -> None:
        self._folder = FOLDER / "oidc-provider"
        self._node = str(Path(sys.executable).parent / "node")
        self._server: Pinned | None = None
        self._versions: dict[str, str] = {}

    def prepare(self) -> None:
        """npm ci from the lock file, where what is there is not of it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for file in ("package.json", "package-lock.json", *(path.name for path in _HERE.glob("*.mjs"))):
            shutil.copy(_HERE / file, self._folder / file)
        wanted, mark = (_HERE / "package-lock.json").read_text(), self._folder / "installed.json"
        if mark.exists() and mark.read_text() == wanted:
            return
        npm = [str(Path(self._node).with_name("npm")), "ci", "--prefix", str(self._folder)]
        options = ["--cache", str(FOLDER / "npm-cache"), "--ignore-scripts", "--no-audit", "--no-fund"]
        run([*npm, *options], cwd=self._folder)
        mark.write_text(wanted)

    def start(self, alg: str, *, server_core: int, database_core: int) -> Target:
        port, web, machine = free_port(), _client("web"), _client("machine")
        socket, database_pids = self._start_store(database_core)
        settings = self._folder / "settings.json"
        settings.touch(mode=0o600)
        settings.write_text(json.dumps(_settings(port, alg, web, machine, socket)))
        self._server = Pinned(
            [self._node, "server.mjs"],
            core=server_core,
            log=self._folder / "server.log",
            cwd=self._folder,
            environ=bare_environment(NODE_ENV="production", BENCH_SETTINGS=str(settings)),
        )
        self._server.wait_for(port=port)
        return Target(
            base=f"http://127.0.0.1:{port}",
            issuer=ISSUER,
            paths=PATHS,
            web=web,
            machine=machine,
            redirect_uri=REDIRECT_URI,
            scope="openid profile",
            sign_in=sign_in,
            people=PEOPLE,
            server_pids=(self._server.pid,),
            database_pids=database_pids,
            alg=alg,
            resource=RESOURCE,
            machine_scope="read",
            headers=behind_proxy("idp.bench.example"),
        )

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
        self._server = None

    def versions(self) -> Mapping[str, str]:
        locked = json.loads((_HERE / "package-lock.json").read_text())["packages"]
        packages = {name: locked[f"node_modules/{name}"]["version"] for name in ("oidc-provider", "ioredis")}
        node = run([self._node, "--version"], cwd=self._folder)
        return {**packages, "Node.js": node.strip(), **self._versions}

    def _start_store(self, core: int) -> tuple[str | None, tuple[int, ...]]:
        """The socket of its store and the processes of it; nothing for a store in its own memory."""
        raise NotImplementedError


class OidcProviderMemory(_OidcProvider):
    """Not durable, the last 1,000 objects alone: what its own memory costs, an upper bound for any store."""

    name = "oidc-provider-memory"

    def _start_store(self, core: int) -> tuple[str | None, tuple[int, ...]]:
        return None, ()


class OidcProviderRedis(_OidcProvider):
    """Redis as Debian ships it: snapshots now and then, no log of each write, no fsync."""

    name = "oidc-provider-redis"

    def __init__(self) -> None:
        super().__init__()
        self._redis: Pinned | None = None

    def prepare(self) -> None:
        find_command("redis-server", "redis-server")
        super().prepare()

    def stop(self) -> None:
        super().stop()
        if self._redis is not None:
            self._redis.stop()
        self._redis = None

    def _start_store(self, core: int) -> tuple[str | None, tuple[int, ...]]:
        folder = self._folder / "redis"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        socket = folder / "socket"
        # Without a file Redis has the settings that Debian's file spells out; only where it listens is said here.
        listening = ["--port", "0", "--unixsocket", str(socket), "--dir", str(folder)]
        self._redis = Pinned(
            [find_command("redis-server", "redis-server"), *listening],
            core=core,
            log=folder / "redis.log",
            cwd=folder,
            environ=bare_environment(),
        )
        self._redis.wait_for(path=socket)
        self._versions = _redis_versions(str(socket))
        return str(socket), (self._redis.pid,)


def _redis_versions(socket: str) -> dict[str, str]:
    def ask(*words: str) -> str:
        return run([find_command("redis-cli", "redis-tools"), "-s", socket, "--raw", *words], cwd=FOLDER)

    version = re.search(r"redis_version:(\S+)", ask("INFO", "server"))
    kept = {name: ask("CONFIG", "GET", name).split("\n")[1].strip() for name in ("save", "appendonly")}
    settings = ", ".join(f"{name}={value!r}" for name, value in kept.items())
    return {"Redis": version[1] if version else "?", "Redis settings": settings}


def _client(client_id: str) -> Client:
    return Client(client_id, secrets.token_urlsafe(32))


def _settings(port: int, alg: str, web: Client, machine: Client, socket: str | None) -> dict[str, Any]:
    """What server.mjs reads."""
    common = {"token_endpoint_auth_method": "client_secret_basic"}
    return {
        "port": port,
        "issuer": ISSUER,
        "alg": alg,
        "jwks": {"keys": _new_keys()},
        "cookieKeys": [secrets.token_urlsafe(32)],
        "resource": RESOURCE,
        "redisSocket": socket,
        "people": [f"person-{place}" for place in range(PEOPLE)],
        "clients": [
            {
                **common,
                "client_id": web.client_id,
                "client_secret": web.client_secret,
                "redirect_uris": [REDIRECT_URI],
                "grant_types": ["authorization_code", "refresh_token"],
                "id_token_signed_response_alg": alg,
                "scope": "openid profile",
            },
            {
                **common,
                "client_id": machine.client_id,
                "client_secret": machine.client_secret,
                "redirect_uris": [],
                "response_types": [],
                "grant_types": ["client_credentials"],
                "scope": "read",
            },
        ],
    }


def _new_keys() -> list[dict[str, Any]]:
    """A signing key of each algorithm, as private JWKs; RSA with 2048 bits, as every system here has."""
    rsa_key = RSAAlgorithm.to_jwk(rsa.generate_private_key(public_exponent=65537, key_size=2048), as_dict=True)
    ec_key = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
    common = {"use": "sig"}
    made = (("RS256", rsa_key), ("ES256", ec_key))
    return [
        {**{name: value for name, value in key.items() if name != "key_ops"}, **common, "alg": alg, "kid": alg.lower()}
        for alg, key in made
    ]
