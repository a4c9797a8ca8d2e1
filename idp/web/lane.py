"""The short way: plain requests to machine endpoints, constant documents and sign-ins that ask nothing, before Flask.

The functions behind it are those of the Flask routes, and so are guards (machines prove themselves in the protocol; no
cookie of theirs is looked at), headers, log line and faults: a test shows that both ways give the same. Whatever is not
plain (a method or media type of its own, a script of another origin, a body without a length, any request that a page
must answer) takes Flask's way.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from flask import Flask, g

from idp.protocol.answers import Answer, Asked, Pairs
from idp.web import cookies, errors, given, headers, watching
from idp.web.assets import Assets
from idp.web.documents import Document
from idp.web.oidc import authorize, discovery, introspection, revocation, token, userinfo

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FORM: Final = "application/x-www-form-urlencoded"
LONGEST_FORM: Final = 16_384
_STATUS: Final = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """A machine endpoint: its name at Flask, and what answers it."""

    name: str
    respond: Callable[[Asked], Answer]


# By method and path.
ENDPOINTS: Final = {
    ("POST", "/oauth2/token"): _Endpoint("token.token", token.respond),
    ("GET", "/oauth2/userinfo"): _Endpoint("userinfo.userinfo", userinfo.respond),
    ("POST", "/oauth2/userinfo"): _Endpoint("userinfo.userinfo", userinfo.respond),
    ("POST", "/oauth2/introspect"): _Endpoint("introspection.introspect", introspection.respond),
    ("POST", "/oauth2/revoke"): _Endpoint("revocation.revoke", revocation.respond),
}
DOCUMENTS: Final[dict[str, tuple[str, Callable[[Flask], Document]]]] = {
    "/.well-known/openid-configuration": ("discovery.openid", discovery.find_metadata),
    "/.well-known/oauth-authorization-server": ("discovery.oauth", discovery.find_metadata),
    "/oauth2/jwks": ("discovery.jwks", discovery.find_key_set),
}
_STATIC: Final = "/static/"
AUTHORIZE: Final = "/oauth2/authorize"


class Lane:
    """A WSGI application before another one: answers what it can, hands on the rest untouched."""

    def __init__(self, app: Flask, inner: "WSGIApplication") -> None:
        self._app, self._inner = app, inner
        self._assets: Assets = app.extensions["idp.assets"]
        self._runtime = given.runtime_of(app)
        always = headers.always(self._runtime.settings)
        self._always: Mapping[str, str] = {"Content-Security-Policy": headers.NO_PAGE, **always}

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        watch = watching.Watch()
        answered = self._document(environ) or self._respond(environ, watch)
        if answered is None:
            return self._inner(environ, start_response)
        name, answer = answered
        watch.note(self._runtime.metrics, name, environ["REQUEST_METHOD"], environ["PATH_INFO"], answer.status)
        start_response(_STATUS[answer.status], self._headers(answer, watch))
        return [answer.body]

    def _respond(self, environ: "WSGIEnvironment", watch: watching.Watch) -> tuple[str, Answer] | None:
        """The endpoint's name and its answer, where the request is plain and needs no page."""
        plain = self._plain(environ)
        if plain is None:
            return None
        name, respond = plain
        with self._app.app_context():
            watching.begin(watch)
            g.is_machine = True
            try:
                answer = respond()
            except Exception as fault:
                answer = errors.machine_answer(fault)
        return None if answer is None else (name, answer)

    def _document(self, environ: "WSGIEnvironment") -> tuple[str, Answer] | None:
        """The endpoint's name and its answer, where that is a document which stands ready in memory."""
        found = self._find_document(environ["PATH_INFO"]) if environ["REQUEST_METHOD"] == "GET" else None
        if found is None:
            return None
        name, document = found
        tag, accepts = environ.get("HTTP_IF_NONE_MATCH", ""), environ.get("HTTP_ACCEPT_ENCODING", "")
        return name, document.answer(tag, accepts)

    def _find_document(self, path: str) -> tuple[str, Document] | None:
        if path.startswith(_STATIC):
            asset = self._assets.find(path[len(_STATIC) :])
            return None if asset is None else ("static_files.file", asset)
        if path not in DOCUMENTS:
            return None
        name, find = DOCUMENTS[path]
        try:
            return name, find(self._app)
        except Exception:  # Flask's way meets it again, and says what it is
            return None

    def _plain(self, environ: "WSGIEnvironment") -> tuple[str, Callable[[], Answer | None]] | None:
        """The endpoint's name and what answers this request, if it is one of those that take the short way."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        endpoint = ENDPOINTS.get((method, path))
        if endpoint is not None:
            asked = _asked(environ)
            return None if asked is None else (endpoint.name, lambda: endpoint.respond(asked))
        return _sign_in(environ) if method == "GET" and path == AUTHORIZE else None

    def _headers(self, answer: Answer, watch: watching.Watch) -> list[tuple[str, str]]:
        said = {**answer.headers, **self._always, "X-Request-Id": watch.id}
        if answer.status != HTTPStatus.NOT_MODIFIED:
            said["Content-Length"] = str(len(answer.body))
        if headers.must_not_be_kept(answer.status, said):
            said["Cache-Control"] = "no-store"
        return list(said.items())


def _sign_in(environ: "WSGIEnvironment") -> tuple[str, Callable[[], Answer | None]] | None:
    """A new sign-in request of a browser with a session cookie, which may need nothing but its answer."""
    query, cookie = environ.get("QUERY_STRING", ""), environ.get("HTTP_COOKIE", "")
    if not query.isascii() or cookies.SESSION not in cookie or "parked=" in query:
        return None
    pairs = parse_qsl(query, keep_blank_values=True, errors="werkzeug.url_quote")

    def respond() -> Answer | None:
        session, state = (cookies.read_from(cookie, name) for name in (cookies.SESSION, cookies.BROWSER_STATE))
        return authorize.at_once(pairs, session, state)

    return "authorize.authorize", respond


def _asked(environ: "WSGIEnvironment") -> Asked | None:
    """The request as the protocol takes it; None when there is anything about it that Flask should look at."""
    if "HTTP_ORIGIN" in environ or "HTTP_TRANSFER_ENCODING" in environ:
        return None
    method = environ["REQUEST_METHOD"]
    pairs = _form(environ) if method == "POST" else ()
    if pairs is None:
        return None
    return Asked(method, pairs, environ.get("HTTP_AUTHORIZATION"), environ["PATH_INFO"], environ.get("HTTP_ACCEPT", ""))


def _form(environ: "WSGIEnvironment") -> Pairs | None:
    length = environ.get("CONTENT_LENGTH", "")
    if environ.get("CONTENT_TYPE") != FORM or not length.isdecimal() or not 0 < int(length) <= LONGEST_FORM:
        return None
    body = environ["wsgi.input"].read(int(length))
    if len(body) != int(length) or not body.isascii():
        environ["wsgi.input"] = BytesIO(body)
        return None
    return parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="werkzeug.url_quote")
