"""What a system under test is to the benchmark: how it is set up and started, and how a browser signs in there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

OPERATIONS: Final = (
    "discovery",
    "jwks",
    "client_credentials",  # an opaque access token, unless the system can only sign
    "client_credentials_jwt",  # a signed access token
    "code_flow",  # a live session: authorize -> code -> tokens, with PKCE S256
    "refresh",  # the ID token included where the system gives one
    "userinfo",
    "introspection",
    "password_sign_in",  # a browser without cookies: authorize -> form -> post -> code at the redirect URI
)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as the load read it; header names in lower case, `cookies` as the system set them."""

    status: int
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    body: bytes


class Browser(Protocol):
    """One keep-alive connection with a cookie jar; addresses may be absolute or of the system alone."""

    cookies: dict[str, str]

    def get(self, address: str) -> Reply: ...

    def post(self, address: str, form: Mapping[str, str]) -> Reply: ...


def behind_proxy(host: str) -> dict[str, str]:
    """What a proxy in front of `host` adds to a request, for a person in a network of their own."""
    return {"Host": host, "X-Forwarded-For": "203.0.113.{place}", "X-Forwarded-Proto": "https"}


@dataclass(frozen=True, slots=True)
class Client:
    """A confidential client of the system, by client_secret_basic."""

    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True)
class Target:
    """A system that answers.

    `sign_in(browser, address, place)` takes a browser without cookies from an authorization address to the answer at
    the redirect URI, consent included, as person number `place`, and gives the Location with the code in it.
    `server_pids` and `database_pids` are the roots of process trees. `resource` is sent with client_credentials_jwt.
    """

    base: str
    issuer: str
    paths: Mapping[str, str]  # of authorize, token, userinfo, introspect, jwks, discovery
    web: Client  # authorization_code and refresh_token
    machine: Client  # client_credentials
    redirect_uri: str
    scope: str
    sign_in: Callable[[Browser, str, int], str]
    people: int
    server_pids: tuple[int, ...]
    database_pids: tuple[int, ...] = ()
    alg: str = "RS256"
    resource: str | None = None
    machine_scope: str = ""
    jwt_alg: str | None = None  # what signed access tokens are signed with, where that is not `alg`
    # Sent with every request, as a proxy would; `{place}` in a value becomes the number of the connection, 1 to 250.
    headers: Mapping[str, str] = field(default_factory=dict)


class System(Protocol):
    """One system, set up as its own documentation recommends for production."""

    name: (
        str  # as in results: "ours", "oidc-provider-memory", "oidc-provider-redis", "canaille", "django-oauth-toolkit"
    )
    algs: tuple[str, ...]
    operations: tuple[str, ...]

    def prepare(self) -> None:
        """Install what it needs below var/bench/, once."""
        ...

    def start(self, alg: str, *, server_core: int, database_core: int) -> Target:
        """Start it with fresh stores: its one worker process on one core, its database on the other."""
        ...

    def stop(self) -> None:
        """End all that `start` began, by process id."""
        ...

    def versions(self) -> Mapping[str, str]:
        """What ran: of the system, its runtime, its server and its database."""
        ...
