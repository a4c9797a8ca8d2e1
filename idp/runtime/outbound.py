"""The one guarded door for outbound HTTP: https, no redirects, public addresses, short time-outs, a size cap.

The address that was checked is the address that is connected to, so that a name that changes its answer between check
and use (DNS rebinding) reaches nothing. Hosts in `outbound.allowed_hosts` are exempt, by name.
"""

import ipaddress
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util.ssl_ import create_urllib3_context

from idp.runtime import log
from idp.runtime.settings import Outbound as OutboundSettings

_CHUNK: Final = 4096
_log = log.get(__name__)


class OutboundFailure(Exception):
    """A call that was refused by the door or failed on the way; the message names neither secrets nor persons."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Outbound:
    def __init__(self, settings: OutboundSettings, *, log_exemptions: bool = False) -> None:
        self._settings = settings
        self._log_exemptions = log_exemptions

    def get(self, url: str) -> Answer:
        """Fetch `url`; raises OutboundFailure."""
        return self._send("GET", url, None)

    def post(self, url: str, form: Mapping[str, str]) -> Answer:
        """Send `form` to `url`; raises OutboundFailure."""
        return self._send("POST", url, form)

    def _send(self, method: str, url: str, form: Mapping[str, str] | None) -> Answer:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        exempt = host in self._settings.allowed_hosts or f"{host}:{port}" in self._settings.allowed_hosts
        if exempt and self._log_exemptions:
            _log.warning("outbound call to an exempted host", host=host)
        if parts.scheme != "https" and not (parts.scheme == "http" and exempt):
            raise OutboundFailure("only https addresses are called")
        if parts.username or parts.password:
            raise OutboundFailure("an address with a user name is not called")
        address = _resolve(host, port, exempt)
        deadline = time.monotonic() + self._settings.timeout
        with requests.Session() as session:
            session.trust_env = False
            session.mount("https://", _PinnedAdapter(address, host, self._settings.ca_bundle))
            session.mount("http://", _PinnedAdapter(address, host, ""))
            try:
                with session.request(
                    method, url, data=form, allow_redirects=False, stream=True, timeout=self._settings.timeout
                ) as response:
                    body = self._read(response, deadline)
                    return Answer(response.status_code, dict(response.headers), body)
            except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                raise OutboundFailure(type(error).__name__) from None

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        body = b""
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > self._settings.max_bytes:
                raise OutboundFailure("the answer is too large")
            if time.monotonic() > deadline:
                raise OutboundFailure("the answer takes too long")
        return body


def _resolve(host: str, port: int, exempt: bool) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OutboundFailure("the host is not known") from None
    addresses = {ipaddress.ip_address(str(sockaddr[0]).split("%")[0]) for *_, sockaddr in found}
    for address in sorted(addresses, key=lambda each: (each.version, int(each))):
        if exempt or (address.is_global and not address.is_multicast):
            return str(address)
    raise OutboundFailure("the host has no public address")


class _PinnedAdapter(HTTPAdapter):
    """Connects to the checked address, while certificate and Host header stay those of the name."""

    def __init__(self, address: str, host: str, ca_bundle: str) -> None:
        self._address, self._host, self._ca_bundle = address, host, ca_bundle
        super().__init__(max_retries=0)

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:
        parts = urlsplit(request.url)
        request.headers["Host"] = parts.netloc
        if parts.scheme == "http":
            return self.poolmanager.connection_from_host(self._address, parts.port or 80, "http")
        context = create_urllib3_context()
        context.load_default_certs()
        if self._ca_bundle:
            context.load_verify_locations(self._ca_bundle)
        return self.poolmanager.connection_from_host(
            self._address,
            parts.port or 443,
            "https",
            pool_kwargs={"ssl_context": context, "server_hostname": self._host, "assert_hostname": self._host},
        )
