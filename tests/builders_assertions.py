"""Services that prove themselves by a signed assertion: their keys, and the assertions they make (RFC 7523)."""

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.builders import Service
from tests.builders_provider import Provider

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
JTIS = itertools.count(1)
SHARED = "bi-mat-dung-chung-du-dai-cho-hs256-0123456789"


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key pair of a service: what it signs with, and what it publishes."""

    alg: str
    private: Any = field(repr=False)
    jwk: dict[str, Any]

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.jwk]}


def a_key(alg: str = "ES256", kid: str | None = "k1") -> OwnKey:
    private: Any
    if alg == "ES256":
        private = ec.generate_private_key(ec.SECP256R1())
        text = jwt.algorithms.ECAlgorithm.to_jwk(private.public_key())
    elif alg == "EdDSA":
        private = ed25519.Ed25519PrivateKey.generate()
        text = jwt.algorithms.OKPAlgorithm.to_jwk(private.public_key())
    else:
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        text = jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key())
    jwk = {name: value for name, value in json.loads(str(text)).items() if name != "key_ops"}
    return OwnKey(alg, private, jwk if kid is None else {**jwk, "kid": kid})


def a_keyed_service(provider: Provider, key: OwnKey, **members: Any) -> Service:
    """A service registered for private_key_jwt with `key`, by value unless `members` say otherwise."""
    members.setdefault("jwks", key.jwks)
    return provider.new_service(token_endpoint_auth_method="private_key_jwt", client_secret=None, **members)


def claims_of(provider: Provider, service: Service, **changed: Any) -> dict[str, Any]:
    """The claims of a good assertion; `changed` lie over them, None removes one."""
    usual = {
        "iss": service.client_id,
        "sub": service.client_id,
        "aud": provider.app.extensions["idp"].settings.issuer,
        "exp": int(provider.clock.now().timestamp()) + 60,
        "jti": f"jti-{next(JTIS)}",
    }
    return {name: value for name, value in {**usual, **changed}.items() if value is not None}


def signed(claims: dict[str, Any], key: OwnKey, **header: Any) -> str:
    headers = {"kid": key.jwk["kid"], **header} if "kid" in key.jwk else header
    return jwt.encode(claims, key.private, key.alg, headers=headers)


def assertion_form(assertion: str) -> dict[str, str]:
    return {"client_assertion_type": TYPE, "client_assertion": assertion}


def proof(provider: Provider, service: Service, key: OwnKey, **changed: Any) -> dict[str, str]:
    """The form fields by which the service proves itself once."""
    return assertion_form(signed(claims_of(provider, service, **changed), key))
