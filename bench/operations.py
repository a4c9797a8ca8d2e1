"""The operations as a service's developer would write them: what is sent, and what a good answer must hold.

Each is a generator that yields a request as bytes and is sent the answer; it ends when the operation is done and raises
`Wrong` for an answer that is not good. One `Seat` is one connection; people take turns at it, each with a session and a
chain of tokens of their own.
"""

import secrets
from base64 import b64encode, urlsafe_b64encode
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

import orjson

from bench import wire
from bench.browser import headers_of
from bench.system import Client, Target
from bench.wire import Raw

Steps = Generator[bytes, Raw, None]
SAMPLE_EVERY: Final = 50


class Wrong(Exception):
    """An answer that is not good; `status` is its status, 0 where there was no answer."""

    def __init__(self, said: str, status: int = 0) -> None:
        super().__init__(said)
        self.status = status


@dataclass
class Guest:
    """Person number `person` with one live session and the newest tokens."""

    person: int
    cookies: dict[str, str]
    access_token: str = ""
    refresh_token: str = ""


@dataclass
class Seat:
    """One connection's own: `headers` of each request, and who takes turns at it."""

    headers: dict[str, str]
    guests: deque[Guest] = field(default_factory=deque)

    def next_guest(self) -> Guest:
        self.guests.rotate(-1)
        return self.guests[-1]


@dataclass(frozen=True, slots=True)
class Sample:
    """A signed token kept for later: `kind` is "id_token" or "access_token"."""

    kind: str
    token: str
    nonce: str | None = None


@dataclass
class Scene:
    """A system as the operations see it; `metadata` is its discovery document."""

    target: Target
    metadata: Mapping[str, Any]
    samples: list[Sample] = field(default_factory=list)
    _count: int = 0

    def seats(self, connections: int, guests: Sequence[Guest]) -> list[Seat]:
        """So many connections, the guests spread over them."""
        return [Seat(headers_of(self.target, place), deque(guests[place::connections])) for place in range(connections)]

    def keep(self, sample: Callable[[], Sample]) -> None:
        """Keep one in fifty, the first included."""
        if self._count % SAMPLE_EVERY == 0:
            self.samples.append(sample())
        self._count += 1

    def authorization(self, *, state: str, nonce: str, verifier: str) -> str:
        """The address, of the system alone, of a good authorization request with PKCE S256."""
        digest = sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.target.web.client_id,
            "redirect_uri": self.target.redirect_uri,
            "scope": self.target.scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self.target.paths['authorize']}?{urlencode(asked)}"

    def code_in(self, location: str, state: str) -> str:
        """The code of an answer at the redirect URI, state and issuer (RFC 9207) checked."""
        if not location.startswith(self.target.redirect_uri):
            raise Wrong(f"the answer went to {location[:120]!r}")
        said = dict(parse_qsl(urlsplit(location).query))
        if said.get("state") != state or "code" not in said:
            raise Wrong(f"no code and state in {location[:200]!r}")
        names_issuer = self.metadata.get("authorization_response_iss_parameter_supported")
        if names_issuer and said.get("iss") != self.metadata["issuer"]:
            raise Wrong(f"no issuer in {location[:200]!r}")
        return said["code"]

    def post(self, path: str, seat: Seat, client: Client, form: Mapping[str, str]) -> bytes:
        headers = {**seat.headers, "Authorization": basic(client), "Accept": "application/json"}
        return wire.form_request(self.target.paths[path], headers, form)


def basic(client: Client) -> str:
    """The Authorization header of client_secret_basic (RFC 6749 2.3.1)."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    return "Basic " + b64encode(pair.encode()).decode()


def refused(raw: Raw) -> Wrong:
    """What an answer of another status than was hoped for is told as."""
    hint = " without Retry-After" if raw.status == 503 and b"etry-" not in raw.head else ""
    return Wrong(f"{raw.status}{hint}: {raw.body[:200]!r}", raw.status)


def document(raw: Raw, *names: str) -> dict[str, Any]:
    """The JSON object of a 200 that holds `names`."""
    if raw.status != 200:
        raise refused(raw)
    said: dict[str, Any] = orjson.loads(raw.body)
    missing = [name for name in names if not said.get(name)]
    if missing:
        raise Wrong(f"{', '.join(missing)} missing in {raw.body[:200]!r}", raw.status)
    return said


def discovery(scene: Scene, seat: Seat) -> Steps:
    raw = yield wire.request("GET", scene.target.paths["discovery"], seat.headers)
    document(raw, "issuer", "token_endpoint")


def jwks(scene: Scene, seat: Seat) -> Steps:
    raw = yield wire.request("GET", scene.target.paths["jwks"], seat.headers)
    document(raw, "keys")


def client_credentials(scene: Scene, seat: Seat) -> Steps:
    form = {"grant_type": "client_credentials"}
    if scene.target.machine_scope:
        form["scope"] = scene.target.machine_scope
    document((yield scene.post("token", seat, scene.target.machine, form)), "access_token", "token_type")


def client_credentials_jwt(scene: Scene, seat: Seat) -> Steps:
    form = {"grant_type": "client_credentials", "resource": scene.target.resource or ""}
    if scene.target.machine_scope:
        form["scope"] = scene.target.machine_scope
    tokens = document((yield scene.post("token", seat, scene.target.machine, form)), "access_token", "token_type")
    if tokens["access_token"].count(".") != 2:
        raise Wrong("the access token is not signed")
    scene.keep(lambda: Sample("access_token", tokens["access_token"]))


def code_flow(scene: Scene, seat: Seat) -> Steps:
    state, nonce, verifier = secrets.token_hex(8), secrets.token_hex(8), secrets.token_hex(24)
    address = scene.authorization(state=state, nonce=nonce, verifier=verifier)
    guest = seat.next_guest()
    raw = yield wire.request("GET", address, {**seat.headers, "Accept": "text/html"}, None, guest.cookies)
    if raw.status not in (302, 303):
        raise refused(raw)
    if raw.sets_cookies:
        guest.cookies |= raw.cookies
    form = {
        "grant_type": "authorization_code",
        "code": scene.code_in(raw.location, state),
        "redirect_uri": scene.target.redirect_uri,
        "code_verifier": verifier,
    }
    raw = yield scene.post("token", seat, scene.target.web, form)
    tokens = document(raw, "access_token", "id_token")
    guest.access_token = tokens["access_token"]
    guest.refresh_token = tokens.get("refresh_token", "")
    scene.keep(lambda: Sample("id_token", tokens["id_token"], nonce))


def refresh(scene: Scene, seat: Seat) -> Steps:
    guest = seat.next_guest()
    form = {"grant_type": "refresh_token", "refresh_token": guest.refresh_token}
    tokens = document((yield scene.post("token", seat, scene.target.web, form)), "access_token")
    guest.access_token = tokens["access_token"]
    guest.refresh_token = tokens.get("refresh_token") or guest.refresh_token
    if "id_token" in tokens:
        scene.keep(lambda: Sample("id_token", tokens["id_token"]))


def userinfo(scene: Scene, seat: Seat) -> Steps:
    headers = {**seat.headers, "Authorization": f"Bearer {seat.next_guest().access_token}"}
    document((yield wire.request("GET", scene.target.paths["userinfo"], headers)), "sub")


def introspection(scene: Scene, seat: Seat) -> Steps:
    raw = yield scene.post("introspect", seat, scene.target.web, {"token": seat.next_guest().access_token})
    if document(raw)["active"] is not True:
        raise Wrong("a live token is said not to be active")


OPERATIONS: Final[Mapping[str, Callable[[Scene, Seat], Steps]]] = {
    "discovery": discovery,
    "jwks": jwks,
    "client_credentials": client_credentials,
    "client_credentials_jwt": client_credentials_jwt,
    "code_flow": code_flow,
    "refresh": refresh,
    "userinfo": userinfo,
    "introspection": introspection,
}
# Before these, guests must be signed in and have tokens.
NEEDS_GUESTS: Final = frozenset({"code_flow", "refresh", "userinfo", "introspection"})
# Nothing of these is signed, so they are measured once, whatever the algorithms.
UNSIGNED: Final = frozenset(
    {"discovery", "jwks", "client_credentials", "userinfo", "introspection", "password_sign_in"}
)
