"""Provider metadata and the public key set."""

from flask import Blueprint, current_app
from flask.typing import ResponseReturnValue

from idp import protocol
from idp.protocol.answers import json_answer
from idp.web import given
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
}


@blueprint.get("/.well-known/openid-configuration", endpoint="openid")
@blueprint.get("/.well-known/oauth-authorization-server", endpoint="oauth")
def metadata() -> ResponseReturnValue:
    """Made from what is mounted (Discovery 1.0 4, RFC 8414 3)."""
    rules = {rule.endpoint: rule.rule for rule in current_app.url_map.iter_rules()}
    mounted = {name: rules[endpoint] for name, endpoint in VIEWS.items() if endpoint in rules}
    return send(json_answer(200, protocol.discovery.metadata(given.runtime(), mounted), CACHED))


@blueprint.get("/oauth2/jwks")
def jwks() -> ResponseReturnValue:
    """Next, current and retired public keys (RFC 7517 5)."""
    return send(json_answer(200, given.runtime().keyring.public_key_set(), CACHED))
