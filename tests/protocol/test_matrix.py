"""Every way to get a JWT of a service wrong, at every door that takes one: refused, and nothing is done.

RFC 8725 (JWT BCP) 2 and 3; RFC 7515 4.1, RFC 7519 4; OIDC Core 6.3, 9; RFC 7523 3; RFC 9101 10.8.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask.testing import FlaskClient
from jwt.utils import der_to_raw_signature
from werkzeug.test import TestResponse

from idp.runtime.outbound import Answer
from tests.builders import Service, answer_in, ask, obtain_tokens, request_of
from tests.builders_assertions import OwnKey, a_key, assertion_form, claims_of, signed
from tests.builders_provider import Provider

ISSUER = "http://localhost:8000"
AT = "https://dich-vu.example/matrix.jwt"


@dataclass(frozen=True)
class Scene:
    """A service that signs by ES256 alone, another one, and a person of both."""

    provider: Provider
    browser: FlaskClient
    service: Service
    key: OwnKey
    second: OwnKey
    other: Service
    other_key: OwnKey


@pytest.fixture(scope="module")
def scene(provider: Provider) -> Scene:
    key, second, other_key = a_key("ES256", "k1"), a_key("RS256", "k2"), a_key("ES256", "k1")
    members: dict[str, Any] = {
        "token_endpoint_auth_method": "private_key_jwt",
        "client_secret": None,
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_signing_alg": "ES256",
        "request_object_signing_alg": "ES256",
        "request_uris": [AT],
    }
    service = provider.agreed(jwks={"keys": [key.jwk, second.jwk]}, **members)
    other = provider.agreed(jwks=other_key.jwks, **members)
    return Scene(provider, provider.signed_in(), service, key, second, other, other_key)


# -- what is wrong -------------------------------------------------------------------------------------------------

Forge = Callable[[Scene, dict[str, Any]], str]


def part(raw: bytes | dict[str, Any]) -> str:
    raw = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw(header: bytes | dict[str, Any], payload: bytes | dict[str, Any], key: OwnKey) -> str:
    """A JWS by ES256 of exactly these bytes."""
    signing = f"{part(header)}.{part(payload)}"
    assert isinstance(key.private, ec.EllipticCurvePrivateKey)
    signature = key.private.sign(signing.encode(), ec.ECDSA(SHA256()))
    return f"{signing}.{part(der_to_raw_signature(signature, key.private.curve))}"


HEADER = {"alg": "ES256", "kid": "k1"}


def pem(key: OwnKey) -> bytes:
    public: bytes = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return public


def by_hmac(secret: bytes) -> Forge:
    def forge(scene: Scene, claims: dict[str, Any]) -> str:
        signing = f"{part({'alg': 'HS256', 'kid': 'k1'})}.{part(claims)}"
        mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
        return f"{signing}.{part(mac.sign(signing.encode(), secret or pem(scene.key)))}"

    return forge


def with_header(**members: Any) -> Forge:
    return lambda scene, claims: raw({**HEADER, **members}, claims, scene.key)


def with_claims(**changed: Any) -> Forge:
    return lambda scene, claims: raw(HEADER, {**claims, **changed}, scene.key)


def twice(scene: Scene, claims: dict[str, Any]) -> str:
    text = json.dumps(claims)
    return raw(HEADER, f'{text[:-1]}, "iss": {json.dumps(claims["iss"])}}}'.encode(), scene.key)


def deep(levels: int) -> Forge:
    def forge(scene: Scene, claims: dict[str, Any]) -> str:
        text = json.dumps(claims)[:-1] + ', "deep": ' + "[" * levels + "]" * levels + "}"
        return raw(HEADER, text.encode(), scene.key)

    return forge


FORGERIES: dict[str, Forge] = {
    "signed by the public key as a secret": by_hmac(b""),
    "signed by an empty secret": by_hmac(b"\0"),
    "an algorithm that was not registered": lambda scene, claims: signed(claims, scene.second),
    "another service's key": lambda scene, claims: signed(claims, scene.other_key),
    "a key in its own header": lambda scene, claims: raw(
        {"alg": "ES256", "jwk": scene.other_key.jwk}, claims, scene.other_key
    ),
    "a key at an address in its header": lambda scene, claims: raw(
        {**HEADER, "kid": "x", "jku": "https://evil.example/jwks"}, claims, scene.other_key
    ),
    "unsigned": lambda _scene, claims: f"{part({'alg': 'none'})}.{part(claims)}.",
    "unsigned in capitals": lambda _scene, claims: f"{part({'alg': 'NONE'})}.{part(claims)}.",
    "without its signature": lambda scene, claims: signed(claims, scene.key).rpartition(".")[0] + ".",
    "with a part too many": lambda scene, claims: signed(claims, scene.key) + ".x",
    "a JWT in a JWT": lambda scene, claims: raw(
        {**HEADER, "cty": "JWT"}, f"{part({'alg': 'none'})}.{part(claims)}.".encode(), scene.key
    ),
    "of another type": with_header(typ="at+jwt"),
    "of the type of a logout token": with_header(typ="logout+jwt"),
    "with a critical member": with_header(crit=["b64"], b64=False),
    "expired": with_claims(exp=1_000_000_000),
    "not yet good": with_claims(nbf=4_000_000_000),
    "made in the future": with_claims(iat=4_000_000_000),
    "for somebody else": with_claims(aud="https://somebody.example"),
    "by somebody else": with_claims(iss="somebody"),
    "with a member twice": twice,
    "with a header member twice": lambda scene, claims: raw(
        b'{"alg":"ES256","kid":"k1","alg":"ES256"}', claims, scene.key
    ),
    "deeply nested": deep(100_000),
    "nested too deep for a parser": deep(5_000),
    "huge": with_claims(more="x" * 60_000),
    "a list": lambda scene, _claims: raw(HEADER, b"[]", scene.key),
    "no JSON": lambda scene, _claims: raw(HEADER, b"<x>", scene.key),
    "JSON serialization": lambda scene, claims: json.dumps(
        {"payload": part(claims), "protected": part(HEADER), "signature": signed(claims, scene.key).rpartition(".")[2]}
    ),
    "halves of characters": lambda scene, claims: raw(
        HEADER, (json.dumps(claims)[:-1] + ', "iss": "\\ud800"}').encode(), scene.key
    ),
}


# -- where it is tried ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Door:
    """A door that takes a JWT of a service: the claims of a good one, how it is sent, how a refusal looks."""

    claims: Callable[[Scene], dict[str, Any]]
    send: Callable[[Scene, str], TestResponse]
    is_refused: Callable[[TestResponse], bool]


def an_assertion(scene: Scene) -> dict[str, Any]:
    return claims_of(scene.provider, scene.service)


def a_request(scene: Scene) -> dict[str, Any]:
    return {"iss": scene.service.client_id, "aud": ISSUER, "state": "inside"}


def at(path: str, **form: str) -> Callable[[Scene, str], TestResponse]:
    def send(scene: Scene, token: str) -> TestResponse:
        said = {"client_id": scene.service.client_id, **form, **assertion_form(token)}
        return scene.provider.browser().post(path, data=said)

    return send


def by_value(scene: Scene, token: str) -> TestResponse:
    if len(token) > 15_000:  # no address is that long: it comes by a form
        form = {**request_of(scene.service), "request": token}
        response = scene.browser.post("/oauth2/authorize", data=form)
        return scene.browser.get(response.location) if response.status_code == 303 else response
    return ask(scene.browser, scene.service, request=token)


def by_reference(scene: Scene, token: str) -> TestResponse:
    patched = pytest.MonkeyPatch()
    patched.setattr(scene.provider.outbound, "get", lambda _url: Answer(200, {}, token.encode()))
    try:
        return ask(scene.browser, scene.service, request_uri=AT)
    finally:
        patched.undo()


def is_invalid_client(response: TestResponse) -> bool:
    return response.status_code == 413 or (response.get_json(silent=True) or {}).get("error") == "invalid_client"


def is_invalid_object(response: TestResponse) -> bool:
    if response.status_code in (400, 413):
        return 'id="error"' in response.text
    return response.status_code == 303 and answer_in(response).get("error") == "invalid_request_object"


DOORS: dict[str, Door] = {
    "token": Door(an_assertion, at("/oauth2/token", grant_type="client_credentials"), is_invalid_client),
    "introspection": Door(an_assertion, at("/oauth2/introspect", token="x"), is_invalid_client),
    "revocation": Door(an_assertion, at("/oauth2/revoke", token="x"), is_invalid_client),
    "request": Door(a_request, by_value, is_invalid_object),
    "request_uri": Door(a_request, by_reference, is_invalid_object),
}


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("door", DOORS)
def test_rfc8725_3_a_jwt_that_is_wrong_is_refused_at_every_door(scene: Scene, door: str, forgery: str) -> None:
    there = DOORS[door]
    response = there.send(scene, FORGERIES[forgery](scene, there.claims(scene)))
    assert there.is_refused(response), f"{response.status}: {response.text[:300]} {response.headers.get('Location')}"


@pytest.mark.parametrize("door", DOORS)
def test_the_same_jwt_is_good_when_nothing_is_wrong_with_it(scene: Scene, door: str) -> None:
    there = DOORS[door]
    assert not there.is_refused(there.send(scene, raw(HEADER, there.claims(scene), scene.key)))


@pytest.mark.parametrize("door", ["token", "introspection", "revocation"])
def test_rfc7523_3_an_assertion_is_good_once(scene: Scene, door: str) -> None:
    token = signed(an_assertion(scene), scene.key)
    there = DOORS[door]
    assert not there.is_refused(there.send(scene, token))
    for again in ("token", "introspection", "revocation"):
        assert DOORS[again].is_refused(DOORS[again].send(scene, token))


def test_rfc6749_4_1_3_what_belongs_to_another_service_is_refused(scene: Scene) -> None:
    tokens = {}

    def post(service: Service, key: OwnKey, **form: str) -> TestResponse:
        said = {**form, **assertion_form(signed(claims_of(scene.provider, service), key))}
        return scene.provider.browser().post("/oauth2/token", data=said)

    code = answer_in(ask(scene.browser, scene.other))["code"]
    form = {"grant_type": "authorization_code", "redirect_uri": scene.other.redirect_uri, "code": code}
    refused = post(scene.service, scene.key, **form)
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_grant")
    tokens = obtain_tokens(scene.browser, scene.provider.service, None)
    for kind, token in tokens.items():
        refused = post(scene.service, scene.key, grant_type="refresh_token", refresh_token=str(token))
        assert refused.get_json()["error"] == "invalid_grant", kind
