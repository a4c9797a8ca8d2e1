"""Tokens for other interfaces: RFC 8707 (resource), RFC 9068 (JWT access tokens), RFC 6749 4.4 (client_credentials)."""

from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from tests.builders import Service, ask, claims_in, obtain_code, obtain_tokens, post_token, refresh, spend, userinfo
from tests.builders_provider import Provider
from tests.protocol.test_authorize import told
from tests.protocol.test_code_grant import error_in
from tests.rows import rows_of

SEALED, SIGNED = "https://kho.example/api", "https://kho-jwt.example/api"
ISSUER = "http://localhost:8000"


@pytest.fixture(scope="module")
def machine(provider: Provider) -> Service:
    grants = ["authorization_code", "client_credentials", "refresh_token"]
    return provider.new_service(grant_types=grants, machine_scopes="doc ghi")


@pytest.fixture(scope="module")
def callers(provider: Provider, machine: Service) -> list[dict[str, str]]:
    """Whom a guard lets in: the service that people use, and a machine that may read but not write."""
    return [{"client_id": provider.service.client_id}, {"client_id": machine.client_id, "scopes": "doc"}]


@pytest.fixture(scope="module")
def guards(provider: Provider, callers: list[dict[str, str]]) -> dict[str, Service]:
    signed = {"resources": [SIGNED], "resource_token_format": "jwt", "sector": "kho-jwt"}
    return {
        SEALED: provider.new_service(resources=[SEALED], sector="kho", callers=callers),
        SIGNED: provider.new_service(**signed, callers=callers),
    }


@pytest.fixture
def browser(provider: Provider, guards: dict[str, Service]) -> FlaskClient:
    return provider.signed_in()


def ask_machine(provider: Provider, service: Service, **form: str | None) -> TestResponse:
    return post_token(provider.browser(), service, **{"grant_type": "client_credentials", **form})


def read(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


# -- client credentials --------------------------------------------------------------------------------------------


def test_rfc6749_4_4_3_a_service_gets_access_and_never_a_refresh_token(provider: Provider, machine: Service) -> None:
    response = ask_machine(provider, machine, scope="doc")
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    said = response.get_json()
    assert set(said) == {"access_token", "token_type", "expires_in", "scope"}
    assert (said["token_type"], said["expires_in"], said["scope"]) == ("Bearer", 600, "doc")
    assert ask_machine(provider, machine).get_json()["scope"] == "doc ghi"


def test_rfc6749_4_4_a_machine_token_is_a_row_before_it_is_a_token(provider: Provider, machine: Service) -> None:
    with provider.app.app_context():
        before = len(rows_of("machine_grants"))
        assert ask_machine(provider, machine).status_code == 200
        assert len(rows_of("machine_grants")) == before + 1
        assert error_in(ask_machine(provider, machine, scope="khac")) == "invalid_scope"
        assert len(rows_of("machine_grants")) == before + 1


def test_rfc6749_4_4_scopes_about_people_are_not_to_be_had(provider: Provider, machine: Service) -> None:
    for scope in ("openid", "doc profile", "khac"):
        assert error_in(ask_machine(provider, machine, scope=scope)) == "invalid_scope"


def test_rfc6749_4_4_only_a_confidential_service_that_is_registered_for_it(provider: Provider) -> None:
    assert error_in(ask_machine(provider, provider.service)) == "unauthorized_client"
    public = provider.new_service(token_endpoint_auth_method="none")
    assert error_in(ask_machine(provider, public)) == "unauthorized_client"


def test_rfc6749_4_4_a_machine_token_reads_nobody_at_userinfo(provider: Provider, machine: Service) -> None:
    token = ask_machine(provider, machine).get_json()["access_token"]
    assert error_in(userinfo(provider.browser(), token), 401) == "invalid_token"


# -- resource ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", ["https://la.example/api", SEALED + "/", "ộ", "x" * 300])
def test_rfc8707_2_an_unknown_resource_is_refused(
    provider: Provider, machine: Service, browser: FlaskClient, resource: str
) -> None:
    assert error_in(ask_machine(provider, machine, resource=resource)) == "invalid_target"
    assert told(ask(browser, provider.service, resource=resource), provider.service)["error"] == "invalid_target"


def test_rfc8707_2_1_one_sign_in_is_for_one_resource(
    provider: Provider, machine: Service, browser: FlaskClient
) -> None:
    two = {"resource": [SEALED, SIGNED]}
    response = ask(browser, provider.service, **two)  # type: ignore[arg-type]
    assert told(response, provider.service)["error"] == "invalid_target"
    assert error_in(ask_machine(provider, machine, **two)) == "invalid_target"  # type: ignore[arg-type]


def test_rfc8707_2_2_the_token_is_for_the_resource_of_the_sign_in_and_no_other(
    provider: Provider, browser: FlaskClient
) -> None:
    code = obtain_code(browser, provider.service, resource=SEALED)
    assert error_in(spend(browser, provider.service, code, resource=SIGNED)) == "invalid_target"
    tokens = spend(browser, provider.service, code, resource=SEALED).get_json()
    again = refresh(browser, provider.service, tokens["refresh_token"], resource=SIGNED)
    assert error_in(again) == "invalid_target"
    assert refresh(browser, provider.service, tokens["refresh_token"]).status_code == 200
    plain = obtain_code(browser, provider.service)
    assert error_in(spend(browser, provider.service, plain, resource=SEALED)) == "invalid_target"
    assert spend(browser, provider.service, plain).status_code == 200


@pytest.mark.parametrize("resource", [SEALED, SIGNED])
def test_rfc8707_2_a_token_for_an_interface_is_refused_at_userinfo(
    provider: Provider, browser: FlaskClient, resource: str
) -> None:
    tokens = obtain_tokens(browser, provider.service, resource=resource)
    assert error_in(userinfo(browser, tokens["access_token"]), 401) == "invalid_token"


def test_rfc8707_2_a_large_code_keeps_its_resource(provider: Provider, browser: FlaskClient) -> None:
    tokens = obtain_tokens(browser, provider.service, resource=SIGNED, nonce="n" * 1000)
    assert read(tokens["access_token"])["aud"] == SIGNED


def test_a_suspended_guard_has_no_tokens_made_for_it(provider: Provider, machine: Service, callers: Any) -> None:
    own = "https://tam-dung.example/api"
    guard = provider.new_service(resources=[own], callers=callers)
    assert ask_machine(provider, machine, resource=own).status_code == 200
    with provider.app.app_context(), storage.begin() as tx:
        flows.service_registry.suspend(tx, provider.app.extensions["idp"], guard.client_id, actor="the tests")
    provider.clock.advance(seconds=6)
    assert error_in(ask_machine(provider, machine, resource=own)) == "invalid_target"


def test_rfc8707_2_nothing_is_spent_while_the_guard_is_suspended(
    provider: Provider, browser: FlaskClient, callers: Any
) -> None:
    """A code or refresh token that is refused for its interface's sake is as good as before."""
    own = "https://nghi-mot-luc.example/api"
    guard = provider.new_service(resources=[own], callers=callers)

    def switch(*, resume: bool) -> None:
        with provider.app.app_context(), storage.begin() as tx:
            runtime = provider.app.extensions["idp"]
            flows.service_registry.suspend(tx, runtime, guard.client_id, actor="the tests", resume=resume)
        provider.clock.advance(seconds=6)

    code = obtain_code(browser, provider.service, resource=own)
    switch(resume=False)
    assert error_in(spend(browser, provider.service, code)) == "invalid_target"
    switch(resume=True)
    first = spend(browser, provider.service, code).get_json()["refresh_token"]
    second = refresh(browser, provider.service, first).get_json()["refresh_token"]
    switch(resume=False)
    for token in (first, second):  # the first would else be taken for a retry
        assert error_in(refresh(browser, provider.service, token)) == "invalid_target"
    provider.clock.advance(seconds=60)
    switch(resume=True)
    assert refresh(browser, provider.service, second).status_code == 200


# -- RFC 9068 ------------------------------------------------------------------------------------------------------


def test_rfc9068_2_the_token_has_its_type_and_claims(provider: Provider, browser: FlaskClient) -> None:
    tokens = obtain_tokens(browser, provider.service, resource=SIGNED, scope="openid email")
    token = tokens["access_token"]
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    said = claims_in(browser, token)
    now = int(provider.clock.now().timestamp())
    assert (said["iss"], said["aud"], said["client_id"]) == (ISSUER, SIGNED, provider.service.client_id)
    assert (said["iat"], said["scope"]) == (now, "openid email")
    assert {"sub", "exp", "jti", "auth_time", "acr", "amr"} <= set(said)
    again = refresh(browser, provider.service, tokens["refresh_token"]).get_json()["access_token"]
    assert read(again)["jti"] != said["jti"]


def test_a_signed_token_lives_five_minutes_at_most(provider: Provider, browser: FlaskClient, machine: Service) -> None:
    for body in (
        obtain_tokens(browser, provider.service, resource=SIGNED),
        ask_machine(provider, machine, resource=SIGNED).get_json(),
    ):
        said = read(body["access_token"])
        assert body["expires_in"] == 300 == said["exp"] - said["iat"]


def test_oidc_core_8_the_guard_sees_the_sub_of_its_own_sector(provider: Provider, browser: FlaskClient) -> None:
    tokens = obtain_tokens(browser, provider.service, resource=SIGNED)
    at_guard, here = read(tokens["access_token"])["sub"], claims_in(browser, tokens["id_token"])["sub"]
    runtime = provider.app.extensions["idp"]
    assert at_guard == runtime.keyring.pairwise_sub("kho-jwt", provider.citizen.id)
    assert at_guard != here


def test_rfc9068_2_2_a_machine_is_its_own_subject(provider: Provider, machine: Service, guards: Any) -> None:
    said = read(ask_machine(provider, machine, resource=SIGNED).get_json()["access_token"])
    assert said["sub"] == said["client_id"] == machine.client_id
    assert "auth_time" not in said


def test_rfc9068_a_signed_access_token_is_no_id_token_and_no_hint(provider: Provider, browser: FlaskClient) -> None:
    token = obtain_tokens(browser, provider.service, resource=SIGNED)["access_token"]
    response = ask(browser, provider.service, id_token_hint=token)
    assert told(response, provider.service)["error"] == "invalid_request"
