"""HTTP/1.1 as bytes: requests made beforehand, answers read with as little work as a load generator can afford."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import urlencode, urlsplit

from bench.system import Reply

FORM: Final = "application/x-www-form-urlencoded"
_LENGTH: Final = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:\s*chunked", re.IGNORECASE)
_CLOSES: Final = re.compile(rb"\r\nconnection:\s*close", re.IGNORECASE)
_LOCATION: Final = re.compile(rb"\r\nlocation:\s*([^\r]+)", re.IGNORECASE)
_COOKIE: Final = re.compile(rb"\r\nset-cookie:\s*([^=;\r]+)=([^;\r]*)([^\r]*)", re.IGNORECASE)
_GONE: Final = re.compile(r"max-age=0\b|expires=[^;]*\b1970\b", re.IGNORECASE)
_EMPTY: Final = (204, 304)


class Broken(Exception):
    """What came is no HTTP answer, or the connection ended within one."""


@dataclass(frozen=True)
class Raw:
    """An answer: its status, its head as it came (status line and headers), its body without chunks."""

    status: int
    head: bytes
    body: bytes

    @property
    def closes(self) -> bool:
        return _CLOSES.search(self.head) is not None

    @property
    def location(self) -> str:
        found = _LOCATION.search(self.head)
        return found[1].decode("latin-1").strip() if found else ""

    @property
    def sets_cookies(self) -> bool:
        return b"et-cookie:" in self.head or b"et-Cookie:" in self.head

    @cached_property
    def cookies(self) -> dict[str, str]:
        """What Set-Cookie says, '' for a cookie that is taken back."""
        said = {}
        for name, value, rest in _COOKIE.findall(self.head):
            is_gone = _GONE.search(rest.decode("latin-1"))
            said[name.decode("latin-1")] = "" if is_gone else value.decode("latin-1").strip()
        return said

    def reply(self) -> Reply:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Reply(self.status, headers, self.cookies, self.body)


def request(
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
    cookies: Mapping[str, str] | None = None,
) -> bytes:
    """A request as it is sent; `headers` hold Host, and Content-Type where there is a body."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if cookies:
        lines.append("Cookie: " + "; ".join(f"{name}={value}" for name, value in cookies.items()))
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def form_request(
    path: str, headers: Mapping[str, str], form: Mapping[str, str], cookies: Mapping[str, str] | None = None
) -> bytes:
    return request("POST", path, {**headers, "Content-Type": FORM}, urlencode(form).encode(), cookies)


def path_of(address: str) -> str:
    """Path and query of an address, which may be absolute or of the system alone."""
    if address.startswith("/"):
        return address
    parts = urlsplit(address)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def parse(data: bytes) -> Raw | None:
    """The whole answer that `data` is; None while some is missing. Nothing follows it: nothing was asked twice."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    try:
        status = int(data[9:12])
    except ValueError:
        raise Broken(f"no HTTP answer: {data[:60]!r}") from None
    head, rest = data[:end], data[end + 4 :]
    length = _LENGTH.search(head)
    if length is not None:
        return Raw(status, head, rest) if len(rest) >= int(length[1]) else None
    if _CHUNKED.search(head):
        body = _unchunk(rest)
        return None if body is None else Raw(status, head, body)
    if status in _EMPTY:
        return Raw(status, head, b"")
    raise Broken("an answer of no known length")


def _unchunk(data: bytes) -> bytes | None:
    parts: list[bytes] = []
    at = 0
    while (line := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:line].split(b";")[0], 16)
        if len(data) < line + 4 + size:
            return None
        if size == 0:
            return b"".join(parts)
        parts.append(data[line + 2 : line + 2 + size])
        at = line + 4 + size
    return None
