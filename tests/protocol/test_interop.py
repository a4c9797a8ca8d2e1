"""Under the profile for foreign suites: each service is held to what its own metadata registers, and to nothing else.

docs/operate/foreign-suites.md. The settings are the profile's own, so that a change there shows here.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import jwt
import pytest

from tests.builders import Service, answer_in, ask, follow, obtain_code, parked_in, sign_in, spend
from tests.builders_provider import Provider, open_provider
from tests.stores import Stores

WITHOUT = {"code_challenge": None, "code_challenge_method": None}
# More than an account may be tried anywhere else.
MANY_TRIES = 8


@pytest.fixture(scope="module")
def provider(stores: Stores) -> Iterator[Provider]:
    with open_provider(stores, IDP_PROFILE="interop", IDP_LOGGING_LEVEL="warning") as opened:
        yield opened


def imported(provider: Provider, **members: Any) -> Service:
    return provider.new_service(**members)


def self_registered(provider: Provider, **members: Any) -> Service:
    """As a suite registers its services: by RFC 7591, without anybody's leave."""
    metadata = {"redirect_uris": ["https://bo-thu.example/cb"], **members}
    said = provider.browser().post("/oauth2/register", json=metadata).get_json()
    client_id, method = said["client_id"], said["token_endpoint_auth_method"]
    return Service(UUID(client_id), client_id, said.get("client_secret"), metadata["redirect_uris"][0], method)


REGISTERED = pytest.mark.parametrize("register", [imported, self_registered])


@REGISTERED
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_house_interop_a_confidential_service_that_registered_no_pkce_signs_in_without_it(
    provider: Provider, register: Any, method: str
) -> None:
    service = register(provider, token_endpoint_auth_method=method)
    code = obtain_code(provider.browser(), service, provider.citizen, **WITHOUT)
    answer = spend(provider.browser(), service, code, code_verifier=None)
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["id_token"]


@REGISTERED
def test_house_interop_a_challenge_that_was_sent_counts_all_the_same(provider: Provider, register: Any) -> None:
    service = register(provider)
    code = obtain_code(provider.browser(), service, provider.citizen)
    refused = spend(provider.browser(), service, code, code_verifier=None)
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_grant")
    assert spend(provider.browser(), service, code).status_code == 200


@REGISTERED
@pytest.mark.parametrize("members", [{"require_pkce": True}, {"token_endpoint_auth_method": "none"}])
def test_rfc9700_2_1_1_whoever_registered_pkce_and_whoever_is_public_is_held_to_it(
    provider: Provider, register: Any, members: dict[str, Any]
) -> None:
    service = register(provider, **members)
    refused = answer_in(ask(provider.browser(), service, **WITHOUT))
    assert refused["error"] == "invalid_request"
    assert "PKCE" in refused["error_description"]
    code = obtain_code(provider.browser(), service, provider.citizen)
    assert spend(provider.browser(), service, code, code_verifier=None).status_code == 400
    assert spend(provider.browser(), service, code).status_code == 200


def test_house_interop_nothing_is_throttled(provider: Provider) -> None:
    browser = provider.browser()
    page = follow(browser, browser.get("/sign-in"))
    for _ in range(MANY_TRIES):
        typed = {"parked": parked_in(page), "identifier": provider.other.number, "password": "khong-dung-dau-nhe"}
        page = browser.post("/sign-in", data=typed)
        assert page.status_code == 401
    sign_in(browser, provider.other)


def test_house_interop_times_are_short(provider: Provider) -> None:
    service = imported(provider)
    answer = spend(provider.browser(), service, obtain_code(provider.browser(), service, provider.citizen))
    tokens = answer.get_json()
    claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert tokens["expires_in"] == claims["exp"] - claims["iat"] == 300
    code = obtain_code(provider.browser(), service, provider.citizen)
    provider.clock.advance(seconds=31)
    assert spend(provider.browser(), service, code).get_json()["error"] == "invalid_grant"
