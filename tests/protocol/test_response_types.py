"""Tokens from the authorization endpoint: OIDC Core 3.2 and 3.3, OAuth 2.0 Multiple Response Types 3 and 5."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.builders import Service, answer_in, ask, claims_in, obtain_code, post_token, spend, userinfo, walk
from tests.builders_provider import Provider, open_provider
from tests.protocol.test_response_modes import fields_in, fragment_in
from tests.stores import Stores

FRONT = ("id_token", "id_token token", "code id_token", "code token", "code id_token token")
GRANT_TYPES = ["authorization_code", "implicit", "refresh_token"]
ISSUER = "http://localhost:8000"


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def provider(stores: Stores, request: pytest.FixtureRequest) -> Iterator[Provider]:
    with open_provider(stores, request.param) as opened:
        yield opened


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    return provider.signed_in()


@pytest.fixture(scope="module")
def service(provider: Provider) -> Service:
    """A service whose record allows every response type, and which the citizen has agreed to."""
    made = provider.new_service(
        response_types=["code", *FRONT], grant_types=GRANT_TYPES, scope="openid profile email offline_access"
    )
    obtain_code(provider.browser(), made, provider.citizen, scope="openid profile email offline_access")
    return made


def half(value: str) -> str:
    """at_hash and c_hash of the SHA-256 algorithms, written anew (OIDC Core 3.1.3.6)."""
    return base64.urlsafe_b64encode(hashlib.sha256(value.encode()).digest()[:16]).rstrip(b"=").decode()


def in_any_mode(response: TestResponse) -> dict[str, str]:
    if response.status_code == 200:
        return fields_in(response)
    parts = urlsplit(response.location)
    return {name: values[0] for name, values in parse_qs(parts.fragment or parts.query, strict_parsing=True).items()}


@pytest.mark.parametrize("response_type", FRONT)
@pytest.mark.parametrize("mode", [None, "fragment", "form_post"])
def test_oidc_core_3_3_2_5_each_type_gives_what_it_names_in_fragment_or_form(
    provider: Provider, browser: FlaskClient, service: Service, response_type: str, mode: str | None
) -> None:
    response = walk(browser, ask(browser, service, response_type=response_type, response_mode=mode, state="s t"))
    said = fields_in(response) if mode == "form_post" else fragment_in(response)
    wanted = set(response_type.split())
    assert ("code" in said, "id_token" in said, "access_token" in said) == (
        "code" in wanted,
        "id_token" in wanted,
        "token" in wanted,
    )
    assert (said["state"], said["iss"]) == ("s t", ISSUER)
    if "token" in wanted:
        assert (said["token_type"], said["scope"]) == ("Bearer", "openid")
        assert 0 < int(said["expires_in"]) <= 600
    else:
        assert not {"token_type", "expires_in", "scope"} & said.keys()
    assert "refresh_token" not in said


@pytest.mark.parametrize("response_type", FRONT)
def test_multiple_response_types_5_the_order_of_words_is_free(
    browser: FlaskClient, service: Service, response_type: str
) -> None:
    turned = " ".join(reversed(response_type.split()))
    said = fragment_in(ask(browser, service, response_type=turned))
    assert said.keys() >= {
        name.replace("token", "access_token") if name == "token" else name for name in turned.split()
    }


@pytest.mark.parametrize("response_type", [each for each in FRONT if "id_token" in each])
def test_oidc_core_3_3_2_11_the_id_token_is_bound_to_what_goes_with_it(
    browser: FlaskClient, service: Service, response_type: str
) -> None:
    said = fragment_in(ask(browser, service, response_type=response_type, nonce="n-1"))
    claims = claims_in(browser, said["id_token"])
    assert claims["nonce"] == "n-1"
    assert claims.get("at_hash") == (half(said["access_token"]) if "access_token" in said else None)
    assert claims.get("c_hash") == (half(said["code"]) if "code" in said else None)
    assert (claims["iss"], claims["aud"]) == (ISSUER, service.client_id)


def test_oidc_core_5_4_scope_claims_stand_in_the_id_token_where_there_is_no_access_token(
    browser: FlaskClient, service: Service
) -> None:
    alone = claims_in(
        browser, fragment_in(ask(browser, service, response_type="id_token", scope="openid profile"))["id_token"]
    )
    assert alone["name"]
    with_token = fragment_in(ask(browser, service, response_type="id_token token", scope="openid profile"))
    assert "name" not in claims_in(browser, with_token["id_token"])
    told = userinfo(browser, with_token["access_token"])
    assert (told.status_code, told.get_json()["name"]) == (200, alone["name"])
    assert told.get_json()["sub"] == alone["sub"]


def test_oidc_core_3_3_3_6_both_id_tokens_of_a_hybrid_sign_in_name_the_same_person(
    browser: FlaskClient, service: Service
) -> None:
    said = fragment_in(ask(browser, service, response_type="code id_token token", scope="openid offline_access"))
    answered = spend(browser, service, said["code"])
    assert answered.status_code == 200, answered.text
    tokens = answered.get_json()
    first, second = claims_in(browser, said["id_token"]), claims_in(browser, tokens["id_token"])
    assert {name: first[name] for name in ("iss", "sub", "aud", "nonce", "sid", "auth_time")} == {
        name: second[name] for name in ("iss", "sub", "aud", "nonce", "sid", "auth_time")
    }
    assert tokens["refresh_token"]
    for token in (said["access_token"], tokens["access_token"]):
        assert userinfo(browser, token).status_code == 200


def test_rfc6749_4_1_2_a_code_that_was_spent_twice_ends_what_was_made_of_it(
    browser: FlaskClient, service: Service
) -> None:
    said = fragment_in(ask(browser, service, response_type="code token"))
    tokens = spend(browser, service, said["code"]).get_json()
    assert spend(browser, service, said["code"]).get_json()["error"] == "invalid_grant"
    assert userinfo(browser, tokens["access_token"]).status_code == 401


@pytest.mark.parametrize("response_type", [each for each in FRONT if "id_token" in each])
def test_oidc_core_3_2_2_1_a_nonce_is_demanded_where_an_id_token_leaves_the_authorization_endpoint(
    browser: FlaskClient, service: Service, response_type: str
) -> None:
    said = fragment_in(ask(browser, service, response_type=response_type, nonce=None))
    assert (said["error"], said["state"]) == ("invalid_request", "trang-thai")
    assert "nonce" in said["error_description"]


def test_oidc_core_3_3_2_1_code_token_needs_no_nonce(browser: FlaskClient, service: Service) -> None:
    assert "access_token" in fragment_in(ask(browser, service, response_type="code token", nonce=None))


@pytest.mark.parametrize("response_type", FRONT)
def test_multiple_response_types_5_tokens_never_stand_in_a_query(
    browser: FlaskClient, service: Service, response_type: str
) -> None:
    response = ask(browser, service, response_type=response_type, response_mode="query")
    assert urlsplit(response.location).query == ""
    assert fragment_in(response)["error"] == "invalid_request"


@pytest.mark.parametrize("response_type", FRONT)
def test_rfc9700_2_1_2_a_service_whose_record_does_not_allow_it_gets_no_token_there(
    provider: Provider, browser: FlaskClient, response_type: str
) -> None:
    said = fragment_in(ask(browser, provider.service, response_type=response_type))
    assert said["error"] == "unauthorized_client"
    assert not {"code", "id_token", "access_token"} & said.keys()


def test_oidc_core_3_2_2_6_errors_travel_in_the_fragment(provider: Provider, service: Service) -> None:
    said = fragment_in(ask(provider.browser(), service, response_type="id_token", prompt="none"))
    assert (said["error"], said["iss"]) == ("login_required", ISSUER)


def test_oidc_core_11_without_a_code_there_is_no_offline_access(browser: FlaskClient, service: Service) -> None:
    said = fragment_in(ask(browser, service, response_type="id_token token", scope="openid offline_access"))
    assert said["scope"] == "openid"


def test_rfc7636_4_4_1_the_code_of_a_hybrid_sign_in_needs_its_challenge(browser: FlaskClient, service: Service) -> None:
    without: dict[str, Any] = {"code_challenge": None, "code_challenge_method": None}
    assert fragment_in(ask(browser, service, response_type="code id_token", **without))["error"] == "invalid_request"
    assert "id_token" in fragment_in(ask(browser, service, response_type="id_token", **without))


def test_oidc_core_3_2_a_service_of_implicit_alone_exchanges_nothing(provider: Provider) -> None:
    service = provider.new_service(response_types=["id_token"], grant_types=["implicit"])
    browser = provider.browser()
    said = in_any_mode(walk(browser, ask(browser, service, response_type="id_token"), provider.citizen))
    assert claims_in(browser, said["id_token"])["aud"] == service.client_id
    assert answer_in(ask(browser, service))["error"] == "unauthorized_client"
    refused = post_token(browser, service, grant_type="authorization_code", code="x", redirect_uri=service.redirect_uri)
    assert refused.get_json()["error"] == "unauthorized_client"


def test_what_was_handed_out_ends_with_the_sign_in(provider: Provider, service: Service) -> None:
    browser = provider.signed_in()
    said = fragment_in(ask(browser, service, response_type="id_token token"))
    assert userinfo(browser, said["access_token"]).status_code == 200
    page = browser.get("/oauth2/logout", query_string={"id_token_hint": said["id_token"]})
    assert page.status_code == 303
    assert userinfo(browser, said["access_token"]).status_code == 401
