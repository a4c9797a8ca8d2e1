"""One hostile request, and the way it takes into the application."""

import re
from dataclasses import dataclass, field
from urllib.parse import quote

from flask import Flask
from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Hostile:
    """A request as the test client takes it. `environ` lies over what the client would put right by itself."""

    method: str
    address: str
    headers: Pairs
    body: bytes
    content_type: str
    environ: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """As much of it as is read with joy."""
        parts = (self.method, self.address, self.headers, self.content_type, self.body, self.environ)
        return "\n".join(ascii(part)[:600] for part in parts)


def send(app: Flask, hostile: Hostile) -> TestResponse:
    """The application's answer. The client keeps no cookies: it would throw away those of the request."""
    client = app.test_client(use_cookies=False)
    return client.open(
        hostile.address,
        method=hostile.method,
        headers=Headers(hostile.headers),
        data=hostile.body or None,
        content_type=hostile.content_type or None,
        environ_overrides=hostile.environ,
    )


def header_safe(value: str) -> str:
    """As much of a value as a header takes: no line ends, bytes as they stand on the wire."""
    return re.sub(r"[\r\n\0]", "", value).encode("utf-8", "surrogatepass").decode("latin-1")


def cookie_header(cookies: Pairs) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies)


def encode(pairs: Pairs) -> str:
    """A form or query, every character by its bytes; a lone half of a character as such."""
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")
