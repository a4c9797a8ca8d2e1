"""Provider metadata and the public key set: the same for everybody, so made once while the keys stay as they are."""

from functools import lru_cache

import orjson
from flask import Blueprint, Flask, current_app, request
from flask.typing import ResponseReturnValue

from idp import protocol
from idp.web import given
from idp.web.documents import Document
from idp.web.errors import send

blueprint = Blueprint("discovery", __name__)
CACHED = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}
# Endpoint of each part of the protocol, by the name metadata knows it under.
VIEWS = {
    "authorize": "authorize.authorize",
    "token": "token.token",
    "userinfo": "userinfo.userinfo",
    "jwks": "discovery.jwks",
    "logout": "logout.logout",
    "introspect": "introspection.introspect",
    "revoke": "revocation.revoke",
    "register": "registration.register",
    "check_session": "check_session.frame",
}


@blueprint.get("/.well-known/openid-configuration", endpoint="openid")
@blueprint.get("/.well-known/oauth-authorization-server", endpoint="oauth")
def metadata() -> ResponseReturnValue:
    return _send(find_metadata(_this_app()))


@blueprint.get("/oauth2/jwks")
def jwks() -> ResponseReturnValue:
    return _send(find_key_set(_this_app()))


def find_metadata(app: Flask) -> Document:
    """Made from what is mounted (Discovery 1.0 4, RFC 8414 3)."""
    return _metadata(app, _edition(app))


def find_key_set(app: Flask) -> Document:
    """Next, current and retired public keys (RFC 7517 5)."""
    return _key_set(app, _edition(app))


def _this_app() -> Flask:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app


def _edition(app: Flask) -> tuple[tuple[str, str, str], ...]:
    return tuple(given.runtime_of(app).keyring.list_keys())


@lru_cache(maxsize=8)
def _metadata(app: Flask, _edition: object) -> Document:
    rules = {rule.endpoint: rule.rule for rule in app.url_map.iter_rules()}
    mounted = {name: rules[endpoint] for name, endpoint in VIEWS.items() if endpoint in rules}
    return _document(protocol.discovery.metadata(given.runtime_of(app), mounted))


@lru_cache(maxsize=8)
def _key_set(app: Flask, _edition: object) -> Document:
    return _document(given.runtime_of(app).keyring.public_key_set())


def _document(said: object) -> Document:
    return Document.make(orjson.dumps(said), "application/json", CACHED)


def _send(document: Document) -> ResponseReturnValue:
    asked = request.headers
    return send(document.answer(asked.get("If-None-Match", ""), asked.get("Accept-Encoding", "")))
