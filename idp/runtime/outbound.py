"""The one guarded door for outbound HTTP: https, no redirects, public addresses, short time-outs, a size cap.

The address that was checked is the address that is connected to, so that a name that changes its answer between check
and use (DNS rebinding) reaches nothing. Hosts in `outbound.allowed_hosts` are exempt, by name. `outbound.timeout`
bounds the whole of a call, the look-up of the name included, however slowly the other side drips.
"""

import ipaddress
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock, Thread, Timer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util.ssl_ import create_urllib3_context

from idp.runtime import log
from idp.runtime.settings import Outbound as OutboundSettings

_CHUNK: Final = 4096
# More than a worker's deliveries or a web process's fetches at a time, so that only look-ups that hang reach it.
MOST_LOOK_UPS: Final = 32
_TOO_LONG: Final = "the answer takes too long"
_log = log.get(__name__)


# Asks the name service: host and port to what `socket.getaddrinfo` gives; OSError or UnicodeError for an unknown one.
LookUp = Callable[[str, int], Iterable[tuple[Any, ...]]]


class OutboundFailure(Exception):
    """A call that was refused by the door or failed on the way; the message names neither secrets nor persons."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Outbound:
    def __init__(
        self, settings: OutboundSettings, *, log_exemptions: bool = False, look_up: LookUp | None = None
    ) -> None:
        self._settings = settings
        self._log_exemptions = log_exemptions
        self._names = _Names(look_up or _look_up)

    def get(self, url: str) -> Answer:
        """Fetch `url`; raises OutboundFailure."""
        return self._send("GET", url, None)

    def post(self, url: str, form: Mapping[str, str]) -> Answer:
        """Send `form` to `url`; raises OutboundFailure."""
        return self._send("POST", url, form)

    def _send(self, method: str, url: str, form: Mapping[str, str] | None) -> Answer:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise OutboundFailure("the address cannot be read") from None
        exempt = host in self._settings.allowed_hosts or f"{host}:{port}" in self._settings.allowed_hosts
        if exempt and self._log_exemptions:
            _log.warning("outbound call to an exempted host", host=host)
        if parts.scheme != "https" and not (parts.scheme == "http" and exempt):
            raise OutboundFailure("only https addresses are called")
        if parts.username or parts.password:
            raise OutboundFailure("an address with a user name is not called")
        with requests.Session() as session, _Deadline(self._settings.timeout) as deadline:
            address = _choose(self._names.find(host, port, deadline), exempt)
            session.trust_env = False
            session.mount("https://", _PinnedAdapter(address, host, self._settings.ca_bundle, deadline))
            session.mount("http://", _PinnedAdapter(address, host, "", deadline))
            try:
                with session.request(
                    method, url, data=form, allow_redirects=False, stream=True, timeout=deadline.left()
                ) as response:
                    body = self._read(response)
                    answer = Answer(response.status_code, dict(response.headers), body)
            except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                raise OutboundFailure(_TOO_LONG if deadline.is_over() else type(error).__name__) from None
            if deadline.is_over():  # a connection cut in the midst of a body without length looks like its end
                raise OutboundFailure(_TOO_LONG)
            return answer

    def _read(self, response: requests.Response) -> bytes:
        body = b""
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > self._settings.max_bytes:
                raise OutboundFailure("the answer is too large")
        return body


class _Names:
    """The name service behind a time-out, which the system's resolver does not know.

    Each look-up has a thread of its own. Nothing can end one that hangs: who asked goes on when its time is over, the
    thread stays, and no more than MOST_LOOK_UPS do.
    """

    def __init__(self, look_up: LookUp) -> None:
        self._look_up, self._places = look_up, BoundedSemaphore(MOST_LOOK_UPS)

    def find(self, host: str, port: int, deadline: "_Deadline") -> list[tuple[Any, ...]]:
        """What the name service says, at least one line; raises OutboundFailure."""
        if not self._places.acquire(blocking=False):
            raise OutboundFailure("too many names are being looked up")
        found: list[tuple[Any, ...]] = []
        thread = Thread(target=self._ask, args=(host, port, found), name="look-up", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._places.release()
            raise OutboundFailure("no name can be looked up") from None
        thread.join(deadline.left())
        if thread.is_alive():
            raise OutboundFailure(_TOO_LONG)
        if not found:
            raise OutboundFailure("the host is not known")
        return found

    def _ask(self, host: str, port: int, found: list[tuple[Any, ...]]) -> None:
        try:
            with suppress(OSError, UnicodeError):
                found += self._look_up(host, port)
        finally:
            self._places.release()


def _look_up(host: str, port: int) -> Iterable[tuple[Any, ...]]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _choose(found: Iterable[tuple[Any, ...]], exempt: bool) -> str:
    """The address that is called: a public one, unless the name is exempt."""
    addresses = {ipaddress.ip_address(str(sockaddr[0]).split("%")[0]) for *_, sockaddr in found}
    for address in sorted(addresses, key=lambda each: (each.version, int(each))):
        if exempt or _is_public(address):
            return str(address)
    raise OutboundFailure("the host has no public address")


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Reserved blocks hold the IPv6 forms that carry an IPv4 address (mapped, NAT64), whatever stands in them."""
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not (address.is_multicast or address.is_reserved or site_local)


class _Deadline:
    """Cuts a call's connection when its time is over: time-outs of a socket begin anew with every byte."""

    def __init__(self, seconds: float) -> None:
        self._over_at = time.monotonic() + seconds
        self._lock = Lock()
        self._held: list[socket.socket] = []
        self._timer = Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for held in self._held:
                held.close()
            self._held.clear()

    def is_over(self) -> bool:
        return time.monotonic() >= self._over_at

    def left(self) -> float:
        """Seconds, never less than a moment: nought would mean something else to those that are given it."""
        return max(0.001, self._over_at - time.monotonic())

    def hold(self, connected: socket.socket) -> None:
        """Watch over a connection, by a descriptor of its own, since TLS takes the socket's away."""
        with self._lock:
            self._held.append(connected.dup())
        if self.is_over():
            self._cut()

    def _cut(self) -> None:
        with self._lock:
            for held in self._held:
                with suppress(OSError):
                    held.shutdown(socket.SHUT_RDWR)


class _PinnedAdapter(HTTPAdapter):
    """Connects to the checked address, while certificate and Host header stay those of the name."""

    def __init__(self, address: str, host: str, ca_bundle: str, deadline: _Deadline) -> None:
        self._address, self._host, self._ca_bundle = address, host, ca_bundle
        self._deadline = deadline
        super().__init__(max_retries=0)

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:
        parts = urlsplit(request.url)
        request.headers["Host"] = parts.netloc
        if parts.scheme == "http":
            return self._watched(self.poolmanager.connection_from_host(self._address, parts.port or 80, "http"))
        context = create_urllib3_context()
        context.load_default_certs()
        if self._ca_bundle:
            context.load_verify_locations(self._ca_bundle)
        pool = self.poolmanager.connection_from_host(
            self._address,
            parts.port or 443,
            "https",
            pool_kwargs={"ssl_context": context, "server_hostname": self._host, "assert_hostname": self._host},
        )
        return self._watched(pool)

    def _watched(self, pool: HTTPConnectionPool) -> HTTPConnectionPool:
        plain: type[HTTPConnection] = pool.ConnectionCls  # type: ignore[assignment]
        deadline = self._deadline

        class Watched(plain):  # type: ignore[valid-type,misc]
            def _new_conn(self) -> socket.socket:
                connected: socket.socket = super()._new_conn()
                deadline.hold(connected)
                return connected

        pool.ConnectionCls = Watched
        return pool
