"""The province as a service sees it: one Authlib client that knows the issuer and discovers the rest.

OpenID Connect Discovery 1.0, Core 1.0 (5.3.2: userinfo must speak of the same person), RFC 9207, RFC 7636.
"""

import threading
import time
from typing import Any

from authlib.integrations.flask_client import OAuth
from flask import Flask, g
from joserfc.jwk import KeySet
from requests import HTTPError

from demo.config import ServiceConfig
from demo.visits import Parked, Visit

SCOPE = "openid profile email phone address"
_TIMEOUT = 10  # seconds
_RENEW_BEFORE = 5  # seconds; Authlib's 60 would renew a one-minute token at every use
_KEYS_AGAIN_AFTER = 10  # seconds: a forged key id must not make us flood the province


class UntrustedAnswer(Exception):
    """The province's answer broke a rule; nothing of it is used. The text names the rule only."""


class Province:
    """What a service may do with the province; Authlib does the protocol."""

    def __init__(self, app: Flask, config: ServiceConfig) -> None:
        self._config = config
        oauth = OAuth(app, cache=Parked(), update_token=_keep_renewed_token)
        self.client = oauth.register(
            "province",
            client_id=config.client_id,
            client_secret=config.client_secret,
            server_metadata_url=f"{config.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": SCOPE,
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": "client_secret_basic",
                "default_timeout": _TIMEOUT,
                "leeway": _RENEW_BEFORE,
            },
        )
        self._lock = threading.Lock()
        self._keys_read_at = 0.0

    def metadata(self) -> dict[str, Any]:
        """The provider's metadata, which must speak for the issuer we were told of (Discovery 4.3)."""
        metadata: dict[str, Any] = self.client.load_server_metadata()
        if metadata.get("issuer") != self._config.issuer:
            raise UntrustedAnswer("issuer of the discovery document")
        return metadata

    def finish_sign_in(self, answered_issuer: str | None) -> Visit:
        """Makes a visit of the code; raises OAuthError, JoseError, RequestException, UntrustedAnswer."""
        metadata = self.metadata()
        says_issuer = metadata.get("authorization_response_iss_parameter_supported") is True
        if (says_issuer or answered_issuer) and answered_issuer != self._config.issuer:
            raise UntrustedAnswer("iss of the authorization response")
        # Authlib checks signature, times, nonce and at_hash; the audience only when it is told to.
        expected = {
            "iss": {"essential": True, "value": self._config.issuer},
            "aud": {"essential": True, "value": self._config.client_id},
        }
        token = self.client.authorize_access_token(claims_options=expected)
        identity = token.get("userinfo")
        if not identity:
            raise UntrustedAnswer("no ID token")
        now = time.time()
        visit = Visit(identity["sub"], identity.get("sid"), token, dict(identity), {}, now, now)
        visit.facts = self._facts_of(visit)
        return visit

    def refresh_facts(self, visit: Visit) -> None:
        """Asks for the person's facts again, first renewing an access token that has expired."""
        with visit.lock:
            self.metadata()
            try:
                facts = self._facts_of(visit)
            except HTTPError as error:
                refused = error.response is not None and error.response.status_code == 401
                if not refused or "refresh_token" not in visit.token:
                    raise
                visit.token["expires_at"] = 0
                facts = self._facts_of(visit)
            visit.facts, visit.facts_at = facts, time.time()

    def keys(self, again: bool = False) -> KeySet:
        """The province's public keys; `again` reads them anew, but not more often than every few seconds."""
        self.metadata()
        with self._lock:
            force = again and time.monotonic() - self._keys_read_at > _KEYS_AGAIN_AFTER
            if force:
                self._keys_read_at = time.monotonic()
        return KeySet.import_key_set(self.client.fetch_jwk_set(force=force))

    def _facts_of(self, visit: Visit) -> dict[str, Any]:
        g.visit = visit  # Authlib may renew the token on the way, and says so to _keep_renewed_token
        facts = dict(self.client.userinfo(token=visit.token))
        if facts.get("sub") != visit.sub:
            raise UntrustedAnswer("sub of userinfo")
        return facts


def _keep_renewed_token(_name: str, token: dict[str, Any], **_spent: object) -> None:
    g.visit.token = token | {"id_token": g.visit.token["id_token"]}
    g.visit.renewed_at = time.time()
