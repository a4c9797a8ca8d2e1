"""Requests as objects, by value and by reference: OIDC Core 6.1, 6.2, 6.3; RFC 9101 10.8."""

import base64
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp.runtime.outbound import Answer, OutboundFailure
from tests.builders import Service, answer_in, ask, claims_in, obtain_tokens, parked_in, spend, userinfo, walk
from tests.builders_assertions import OwnKey, a_key, claims_of, signed
from tests.builders_provider import Provider, open_provider
from tests.stores import Stores

ISSUER = "http://localhost:8000"
AT = "https://dich-vu.example/request.jwt"


@dataclass(frozen=True)
class Signer:
    """A service with the key that signs its requests."""

    service: Service
    key: OwnKey

    def object(self, *, key: OwnKey | None = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        usual = {"iss": self.service.client_id, "aud": ISSUER}
        said = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return signed(said, key or self.key, **(header or {}))


def unsigned(**claims: Any) -> str:
    return jwt.encode(claims, None, "none")


def a_signer(provider: Provider, alg: str = "ES256", **members: Any) -> Signer:
    key = a_key(alg)
    return Signer(provider.agreed(jwks=key.jwks, **members), key)


@pytest.fixture(scope="module")
def signer(provider: Provider) -> Signer:
    return a_signer(provider, request_uris=[AT])


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    return provider.signed_in()


def refused(response: TestResponse, error: str = "invalid_request_object") -> str:
    said = answer_in(response)
    assert said["error"] == error, said
    assert "code" not in said
    return said["error_description"]


# -- by value ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("is_registered", [True, False])
def test_oidc_core_6_1_a_signed_object_is_taken_by_each_algorithm(
    provider: Provider, browser: FlaskClient, alg: str, is_registered: bool
) -> None:
    members = {"request_object_signing_alg": alg} if is_registered else {}
    signer = a_signer(provider, alg, **members)
    said = answer_in(ask(browser, signer.service, state=None, request=signer.object(state="inside")))
    assert said["state"] == "inside"
    assert spend(browser, signer.service, said["code"]).status_code == 200


def test_oidc_core_6_1_what_the_object_says_takes_the_place_of_what_stands_beside_it(
    provider: Provider, browser: FlaskClient, signer: Signer
) -> None:
    inside = signer.object(
        nonce="inside", state="inside", scope="openid", max_age=3600, claims={"id_token": {"acr": None}}
    )
    code = answer_in(ask(browser, signer.service, nonce="beside", state="beside", request=inside))
    assert code["state"] == "inside"
    tokens = spend(browser, signer.service, code["code"]).get_json()
    assert claims_in(browser, tokens["id_token"])["nonce"] == "inside"


def test_oidc_core_6_1_everything_but_client_id_may_stand_inside(browser: FlaskClient, signer: Signer) -> None:
    redirect_uri = signer.service.redirect_uri
    inside = signer.object(redirect_uri=redirect_uri, response_type="code", scope="openid", state="s")
    response = ask(
        browser, signer.service, redirect_uri=None, response_type=None, scope=None, state=None, request=inside
    )
    assert answer_in(response)["state"] == "s"


def test_oidc_core_6_1_a_page_between_changes_nothing(provider: Provider, signer: Signer) -> None:
    """The object may expire while the person types: it was good when it came."""
    browser = provider.browser()
    soon = int(provider.clock.now().timestamp()) + 30
    page = ask(browser, signer.service, nonce="beside", request=signer.object(nonce="inside", exp=soon))
    while page.status_code == 303:
        page = browser.get(page.location)
    provider.clock.advance(seconds=300)
    typed = {"identifier": provider.citizen.number, "password": provider.citizen.password}
    response = walk(browser, browser.post("/sign-in", data={"parked": parked_in(page), **typed}))
    tokens = spend(browser, signer.service, answer_in(response)["code"]).get_json()
    assert claims_in(browser, tokens["id_token"])["nonce"] == "inside"


def test_oidc_core_6_1_prompt_none_inside_shows_no_page(provider: Provider, signer: Signer) -> None:
    refused(ask(provider.browser(), signer.service, request=signer.object(prompt="none")), "login_required")


@pytest.mark.parametrize("typ", ["JWT", "jwt", "oauth-authz-req+jwt", "application/oauth-authz-req+jwt"])
def test_rfc9101_10_8_types_of_request_objects(browser: FlaskClient, signer: Signer, typ: str) -> None:
    assert "code" in answer_in(ask(browser, signer.service, request=signer.object(header={"typ": typ})))


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"iss": "somebody"}, "iss"),
        ({"aud": "https://somebody.example"}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": ["https://somebody.example"]}, "aud"),
        ({"aud": 7}, "aud"),
        ({"exp": 1}, "exp"),
        ({"exp": "soon"}, "exp"),
        ({"nbf": 4_000_000_000}, "nbf"),
        ({"iat": 4_000_000_000}, "iat"),
        ({"sub": "x"}, "sub"),
        ({"request": "a.b.c"}, "request_uri"),
        ({"request_uri": AT}, "request_uri"),
        ({"client_id": "somebody"}, "client_id"),
        ({"response_type": "id_token"}, "response_type"),
        ({"state": ["a", "b"]}, "value"),
        ({"max_age": 1.5}, "value"),
        ({"prompt": True}, "value"),
    ],
)
def test_oidc_core_6_3_3_names_times_and_values_are_checked(
    browser: FlaskClient, signer: Signer, claims: dict[str, Any], word: str
) -> None:
    assert word in refused(ask(browser, signer.service, request=signer.object(**claims)))


def test_oidc_core_6_1_aud_may_be_a_list(browser: FlaskClient, signer: Signer) -> None:
    assert "code" in answer_in(ask(browser, signer.service, request=signer.object(aud=["x", ISSUER])))


def test_oidc_core_6_3_2_signatures_of_others_are_refused(
    provider: Provider, browser: FlaskClient, signer: Signer
) -> None:
    other = a_signer(provider)
    swapped = signer.object(state="x").rpartition(".")[0] + "." + other.object(state="y").rpartition(".")[2]
    broken = [
        "a.b.c",
        "x",
        "..",
        "a.b.c.d.e",
        "{}",
        "é.é.é",
        signer.object() + "x",
        signer.object().rpartition(".")[0] + ".",
    ]
    for text in (
        other.object(iss=signer.service.client_id),
        swapped,
        unsigned(iss=signer.service.client_id),
        signer.object(header={"typ": "at+jwt"}),
        signer.object(header={"typ": "logout+jwt"}),
        signer.object(header={"crit": ["exp"], "exp": 1}),
        jwt.encode({"iss": signer.service.client_id}, signer.key.jwk["x"], "HS256"),
        "x" * 20_000,
        base64.urlsafe_b64encode(b'{"alg":' + b"[" * 5_000 + b"}").decode().rstrip("=") + ".e30.",
        *broken,
    ):
        refused(ask(browser, signer.service, request=text))


def test_oidc_core_6_1_only_the_registered_algorithm_counts(provider: Provider, browser: FlaskClient) -> None:
    key, second = a_key("ES256", "one"), a_key("RS256", "two")
    service = provider.agreed(jwks={"keys": [key.jwk, second.jwk]}, request_object_signing_alg="ES256")
    signer = Signer(service, key)
    assert "code" in answer_in(ask(browser, service, request=signer.object()))
    refused(ask(browser, service, request=signer.object(key=second)))
    refused(ask(browser, service, request=unsigned()))


def test_rfc9101_10_8_an_assertion_is_no_request_and_a_request_no_assertion(
    provider: Provider, browser: FlaskClient
) -> None:
    key = a_key()
    service = provider.agreed(jwks=key.jwks, token_endpoint_auth_method="private_key_jwt", client_secret=None)
    refused(ask(browser, service, request=signed(claims_of(provider, service), key)))


def test_oidc_core_6_1_an_unsigned_object_only_where_that_is_registered(
    provider: Provider, browser: FlaskClient
) -> None:
    service = provider.agreed(request_object_signing_alg="none")
    assert answer_in(ask(browser, service, request=unsigned(state="inside")))["state"] == "inside"
    refused(ask(browser, service, request=unsigned(state="inside") + "eHg"))
    refused(ask(browser, provider.service, request=unsigned(state="inside")))


def test_oidc_core_6_1_where_rules_are_not_strict_any_algorithm_may_be_used(stores: Stores) -> None:
    with open_provider(stores, IDP_PROFILE="interop", IDP_LOGGING_LEVEL="warning") as provider:
        browser = provider.signed_in()
        assert answer_in(ask(browser, provider.service, request=unsigned(state="inside")))["state"] == "inside"


def test_oidc_core_6_1_nothing_in_a_refused_object_is_believed(browser: FlaskClient, signer: Signer) -> None:
    inside = signer.object(redirect_uri=signer.service.redirect_uri, exp=1)
    response = ask(browser, signer.service, redirect_uri=None, request=inside)
    assert response.status_code == 400
    assert 'id="error"' in response.text
    evil = signer.object(redirect_uri="https://evil.example/cb")
    assert ask(browser, signer.service, request=evil).status_code == 400


def test_rfc6749_3_1_one_object_a_request(browser: FlaskClient, signer: Signer) -> None:
    token = signer.object()
    refused(ask(browser, signer.service, request=token, request_uri=AT), "invalid_request")


def test_oidc_core_6_1_another_services_object_is_refused(
    provider: Provider, browser: FlaskClient, signer: Signer
) -> None:
    other = provider.agreed(jwks=signer.key.jwks)  # the same key, so that the names alone tell them apart
    refused(ask(browser, other, request=signer.object(client_id=None)))


# -- by reference --------------------------------------------------------------------------------------------------


@pytest.fixture
def published(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the addresses of services answer: a text, an answer, or a failure; under "calls", how many were called."""
    there: dict[str, Any] = {"calls": 0}

    def get(url: str) -> Answer:
        there["calls"] += 1
        found = there.get(url, OutboundFailure("unknown"))
        if isinstance(found, OutboundFailure):
            raise found
        return found if isinstance(found, Answer) else Answer(200, {}, found.encode())

    monkeypatch.setattr(provider.outbound, "get", get)
    return there


def test_oidc_core_6_2_an_object_is_fetched_from_its_registered_address(
    browser: FlaskClient, signer: Signer, published: dict[str, Any]
) -> None:
    published[AT] = signer.object(state="fetched") + "\n"
    assert answer_in(ask(browser, signer.service, request_uri=AT))["state"] == "fetched"
    assert answer_in(ask(browser, signer.service, request_uri=AT + "#edition"))["state"] == "fetched"


@pytest.mark.parametrize(
    "uri", [AT + "/x", AT + "?x", "https://evil.example/", "http://dich-vu.example/request.jwt", "x" * 600]
)
def test_oidc_core_6_2_another_address_is_not_called(
    browser: FlaskClient, signer: Signer, published: dict[str, Any], uri: str
) -> None:
    published[uri] = signer.object()
    assert "registered" in refused(ask(browser, signer.service, request_uri=uri), "invalid_request_uri")
    assert published["calls"] == 0


def test_oidc_core_6_2_an_address_that_does_not_answer_is_said_so(
    browser: FlaskClient, signer: Signer, published: dict[str, Any]
) -> None:
    for found in (OutboundFailure("x"), Answer(404, {}, b""), Answer(302, {"Location": AT}, b""), "ộ"):
        published[AT] = found
        refused(ask(browser, signer.service, request_uri=AT), "invalid_request_uri")
    for found in ("", "x", "<html>", "a.b.c"):
        published[AT] = found
        refused(ask(browser, signer.service, request_uri=AT))


def test_oidc_core_6_2_it_is_fetched_once_a_request(
    provider: Provider, signer: Signer, published: dict[str, Any]
) -> None:
    published[AT] = signer.object(state="fetched")
    browser = provider.browser()
    response = walk(browser, ask(browser, signer.service, request_uri=AT), provider.citizen)
    assert answer_in(response)["state"] == "fetched"
    assert published["calls"] == 1


def test_facts_asked_for_inside_are_released_by_consent(provider: Provider) -> None:
    key = a_key()
    service = provider.new_service(jwks=key.jwks, scope="openid email")
    signer, browser = Signer(service, key), provider.browser()
    tokens = obtain_tokens(browser, service, provider.citizen, request=signer.object(scope="openid email"))
    assert userinfo(browser, tokens["access_token"]).get_json()["email"]
