"""A browser for set-up and sign-in: one keep-alive connection, a cookie jar, no redirects of its own."""

import contextlib
import socket
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from bench import wire
from bench.system import Reply, Target

PATIENCE: Final = 60.0  # seconds for one answer
_MOST: Final = 262_144


def headers_of(target: Target, place: int) -> dict[str, str]:
    """What connection number `place` sends with every request: Host, and what a proxy in front would add."""
    given = {name: value.replace("{place}", str(place % 250 + 1)) for name, value in target.headers.items()}
    return {"Host": urlsplit(target.base).netloc, **given}


def address_of(target: Target) -> tuple[str, int]:
    parts = urlsplit(target.base)
    assert parts.hostname and parts.port, "the systems of the benchmark listen on a port of the loopback"
    return parts.hostname, parts.port


class SocketBrowser:
    """Person number `place` at a device of their own; see bench.system.Browser."""

    def __init__(self, target: Target, place: int) -> None:
        self.cookies: dict[str, str] = {}
        self._address = address_of(target)
        self._headers = {**headers_of(target, place), "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
        self._origin = target.issuer.rstrip("/")
        self._socket: socket.socket | None = None

    def get(self, address: str) -> Reply:
        return self._send(wire.request("GET", wire.path_of(address), self._headers, None, self.cookies))

    def post(self, address: str, form: Mapping[str, str]) -> Reply:
        origin = urlsplit(self._origin)
        headers = {**self._headers, "Origin": f"{origin.scheme}://{origin.netloc}", "Referer": f"{self._origin}/"}
        return self._send(wire.form_request(wire.path_of(address), headers, form, self.cookies))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, sent: bytes) -> Reply:
        was_open = self._socket is not None
        try:
            raw = self._exchange(sent)
        except ConnectionError:
            if not was_open:
                raise
            raw = self._exchange(sent)  # the server let go of an idle connection
        for name, value in raw.cookies.items():
            self.cookies.pop(name, None)
            if value:
                self.cookies[name] = value
        if raw.closes:
            self.close()
        return raw.reply()

    def _exchange(self, sent: bytes) -> wire.Raw:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=PATIENCE)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = b""
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            self._socket.sendall(sent)
            while (raw := wire.parse(data)) is None:
                part = self._socket.recv(65_536)
                if not part or len(data) > _MOST:
                    raise ConnectionResetError("the connection ended within an answer")
                data += part
            undo.pop_all()
        return raw
