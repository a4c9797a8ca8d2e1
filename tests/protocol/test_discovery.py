"""Metadata: OpenID Connect Discovery 1.0 3 and 4, RFC 8414 2 and 3, RFC 9207 3."""

from typing import Any, get_args
from urllib.parse import urlsplit

import pytest

from idp.domain import claims
from idp.domain.relying_services import AuthMethod
from tests.builders import ask, claims_in, obtain_tokens, request_of
from tests.builders_provider import Provider
from tests.protocol.test_authorize import told

ISSUER = "http://localhost:8000"
ADDRESSES = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")


@pytest.fixture(scope="module")
def document(provider: Provider) -> dict[str, Any]:
    return dict(provider.browser().get(ADDRESSES[0]).get_json())


@pytest.mark.parametrize("address", ADDRESSES)
def test_rfc8414_3_2_the_document_is_json_and_may_be_kept(
    provider: Provider, document: dict[str, Any], address: str
) -> None:
    response = provider.browser().get(address)
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert "max-age" in response.headers["Cache-Control"]
    assert response.get_json() == document
    assert provider.browser().post(address).status_code == 405


def test_discovery_3_every_required_member_is_there(document: dict[str, Any]) -> None:
    required = {
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
        "scopes_supported",
        "claims_supported",
    }
    assert required <= set(document)
    assert document["issuer"] == ISSUER
    assert "RS256" in document["id_token_signing_alg_values_supported"]
    assert "none" not in document["id_token_signing_alg_values_supported"]
    assert "openid" in document["scopes_supported"]
    assert all(value not in (None, []) for value in document.values()), "RFC 8414 3.2: empty members are left out"


def test_discovery_4_3_the_issuer_is_the_tokens(provider: Provider, document: dict[str, Any]) -> None:
    browser = provider.signed_in()
    assert claims_in(browser, obtain_tokens(browser, provider.service)["id_token"])["iss"] == document["issuer"]


def test_discovery_3_each_endpoint_is_mounted(provider: Provider, document: dict[str, Any]) -> None:
    named = [
        value for name, value in document.items() if name.endswith(("_endpoint", "_uri")) and name != "op_policy_uri"
    ]
    assert len(named) == 8
    for address in named:
        assert address.startswith(ISSUER + "/oauth2/")
        response = provider.browser().get(urlsplit(address).path)
        assert response.status_code != 404, address


def test_discovery_3_what_is_promised_is_kept(provider: Provider, document: dict[str, Any]) -> None:
    browser = provider.signed_in()
    provider.clock.advance(seconds=1)
    for prompt in document["prompt_values_supported"]:
        response = ask(browser, provider.service, prompt=prompt)
        assert "error=" not in response.location, prompt
    assert set(document["token_endpoint_auth_methods_supported"]) == set(get_args(AuthMethod))
    for method in ("client_secret_basic", "client_secret_post", "none"):  # the others: test_client_assertions.py
        service = provider.agreed(token_endpoint_auth_method=method)
        assert obtain_tokens(browser, service)
    for alg in document["id_token_signing_alg_values_supported"]:
        assert obtain_tokens(browser, provider.agreed(id_token_signed_response_alg=alg))
    token = claims_in(browser, obtain_tokens(browser, provider.service)["id_token"])
    assert set(token) <= set(document["claims_supported"])
    assert token["acr"] in document["acr_values_supported"]
    assert set(claims.CLAIM_NAMES) <= set(document["claims_supported"])
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["subject_types_supported"] == ["pairwise"]
    assert document["claims_parameter_supported"] is True


def test_discovery_3_request_objects_are_announced_and_addresses_registered(document: dict[str, Any]) -> None:
    assert document["request_parameter_supported"] is True
    assert document["request_uri_parameter_supported"] is True
    assert document["require_request_uri_registration"] is True


def test_rfc9207_3_iss_is_announced_and_sent(provider: Provider, document: dict[str, Any]) -> None:
    assert document["authorization_response_iss_parameter_supported"] is True
    assert told(ask(provider.browser(), provider.service, prompt="none"), provider.service)["iss"] == ISSUER


def test_discovery_nothing_is_taken_from_the_host_header(provider: Provider, document: dict[str, Any]) -> None:
    for headers in ({"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}):
        response = provider.browser().get(ADDRESSES[0], headers=headers)
        assert "evil.example" not in response.text
        response = provider.signed_in().get(
            "/oauth2/authorize", query_string=request_of(provider.service), headers=headers
        )
        assert "evil.example" not in response.headers["Location"]
