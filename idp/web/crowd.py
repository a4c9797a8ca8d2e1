"""When more come than a process can serve: some wait their turn, the rest are told at once to come back.

The answer is made beforehand and costs nothing, so that telling a crowd to come back leaves the processor to those who
are inside. RFC 9110 15.6.4 (503), 10.2.3 (Retry-After).

A sign-in that would find no slot for its hash is told so too: to read it, look up whom it means and draw its page anew
costs more than all that machines ask for.
"""

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Final

from idp.runtime.gate import Crowded, Gate
from idp.runtime.hash_slots import HashSlots
from idp.runtime.metrics import Metrics
from idp.web import errors, lane
from idp.web.headers import NO_PAGE, OVER_HTTPS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

RETRY_AFTER: Final = 2
HASHING: Final = frozenset({"/sign-in", "/register/password", "/recover/password"})
# Neither a page's time nor a password's hash is spent on these; the balancer's question is one of them.
OF_MACHINES: Final = errors.MACHINES | {lane.AUTHORIZE, "/readyz"}
# Digits of a length that no body we read has.
_LONG_LENGTH: Final = 10
# Of the load balancer, which asks whether the process lives, not whether it is busy.
ALWAYS_ANSWERED: Final = "/healthz"
_FOR_MACHINES: Final = b'{"error":"temporarily_unavailable","error_description":"too many requests at once; try again"}'
_PAGE: Final = """<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
{again}<title>Xin đợi một chút</title></head><body>
<h1>Xin Ông/Bà đợi một chút</h1><p>Đang có rất nhiều người dùng cùng lúc. {vi}</p>
<h1 lang="en">One moment, please</h1><p lang="en">Very many people are here at once. {en}</p>
</body></html>
"""
_READING: Final = _PAGE.format(
    again=f'<meta http-equiv="refresh" content="{2 * RETRY_AFTER}">',
    vi="Trang này tự mở lại sau vài giây.",
    en="This page opens again by itself in a few seconds.",
).encode()
# Opening the address again would lose what was filled in.
_SENDING: Final = _PAGE.format(
    again="",
    vi="Xin đợi vài giây, quay lại trang trước và bấm nút lần nữa.",
    en="Please wait a few seconds, go back one page and press the button again.",
).encode()


class Crowd:
    """A WSGI application before all others."""

    def __init__(
        self, inner: "WSGIApplication", gate: Gate, hash_slots: HashSlots, metrics: Metrics, largest_body: int
    ) -> None:
        self._inner, self._gate, self._hash_slots = inner, gate, hash_slots
        self._metrics, self._largest_body = metrics, largest_body

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["PATH_INFO"] == ALWAYS_ANSWERED:
            return self._inner(environ, start_response)
        try:
            if environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] in HASHING and self._hash_slots.is_full():
                raise Crowded
            is_page = environ["PATH_INFO"] not in OF_MACHINES
            with self._gate.enter(_receiver(environ, self._largest_body), people=is_page):
                return self._inner(environ, start_response)
        except Crowded:
            self._metrics.answered("crowd", environ["REQUEST_METHOD"], 503, 0.0)
            media_type, body = _answer(environ["REQUEST_METHOD"], environ.get("HTTP_ACCEPT", ""))
            start_response("503 Service Unavailable", _headers(media_type, body))
            return [body]


def _receiver(environ: "WSGIEnvironment", largest: int) -> Callable[[], object] | None:
    """What reads the body, before the request is let in: who sends slowly keeps no other waiting. None without one.

    One that says it is too large is left to be refused unread. One without a length is given it. One that ends before
    its length is found out by Werkzeug, once nothing says that the server has seen to that.
    """
    environ.pop("wsgi.input_terminated", None)
    length = environ.get("CONTENT_LENGTH", "")
    if "HTTP_TRANSFER_ENCODING" in environ:
        return lambda: _receive_chunks(environ, largest)
    if length.isdecimal() and len(length) < _LONG_LENGTH and 0 < int(length) <= largest:
        return lambda: _receive(environ, int(length))
    return None


def _receive(environ: "WSGIEnvironment", length: int) -> None:
    environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(length))


def _receive_chunks(environ: "WSGIEnvironment", largest: int) -> None:
    body = environ["wsgi.input"].read(largest + 1)
    del environ["HTTP_TRANSFER_ENCODING"]
    environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}


def _answer(method: str, accepts: str) -> tuple[str, bytes]:
    if "text/html" in accepts:
        return "text/html; charset=utf-8", _READING if method in ("GET", "HEAD") else _SENDING
    return "application/json", _FOR_MACHINES


def _headers(media_type: str, body: bytes) -> list[tuple[str, str]]:
    said = {"Content-Type": media_type, "Content-Length": str(len(body)), "Retry-After": str(RETRY_AFTER)}
    return list({**said, "Cache-Control": "no-store", "Content-Security-Policy": NO_PAGE, **OVER_HTTPS}.items())
