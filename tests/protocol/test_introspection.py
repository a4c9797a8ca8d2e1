"""Introspection (RFC 7662, RFC 9701) and revocation (RFC 7009): told to owner and guard, ended by the owner."""

from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.builders import Service, claims_in, obtain_tokens, post_token, refresh, userinfo
from tests.builders_assertions import a_key
from tests.builders_provider import Provider
from tests.protocol.test_code_grant import error_in
from tests.rows import events, rows_of

RESOURCE, SIGNED = "https://tra-cuu.example/api", "https://tra-cuu-jwt.example/api"
INACTIVE = {"active": False}
JWT_TYPE = "application/token-introspection+jwt"


@pytest.fixture(scope="module")
def guard(provider: Provider) -> Service:
    callers = [{"client_id": provider.service.client_id}]
    return provider.new_service(resources=[RESOURCE], sector="tra-cuu", callers=callers)


@pytest.fixture(scope="module")
def signing_guard(provider: Provider, machine: Service) -> Service:
    """Its interface takes JWT access tokens (RFC 9068)."""
    callers = [{"client_id": provider.service.client_id}, {"client_id": machine.client_id, "scopes": "doc"}]
    return provider.new_service(resources=[SIGNED], resource_token_format="jwt", sector="tra-cuu-jwt", callers=callers)


@pytest.fixture(scope="module")
def stranger(provider: Provider) -> Service:
    return provider.new_service()


@pytest.fixture(scope="module")
def machine(provider: Provider, guard: Service) -> Service:
    return provider.new_service(grant_types=["client_credentials", "authorization_code"], machine_scopes="doc")


@pytest.fixture
def browser(provider: Provider, guard: Service, signing_guard: Service) -> FlaskClient:
    return provider.signed_in()


def post(provider: Provider, path: str, caller: Service, form: dict[str, str], **headers: str) -> TestResponse:
    sent = caller.credentials()
    data = {**sent.pop("data", {}), **form}
    return provider.browser().post(path, data=data, headers={**sent.pop("headers", {}), **headers})


def introspect(provider: Provider, caller: Service, token: str) -> dict[str, Any]:
    response = post(provider, "/oauth2/introspect", caller, {"token": token})
    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    return dict(response.get_json())


def revoke(provider: Provider, caller: Service, token: str) -> TestResponse:
    return post(provider, "/oauth2/revoke", caller, {"token": token})


# -- introspection -------------------------------------------------------------------------------------------------


def test_rfc7662_2_2_the_owner_reads_its_own_token(provider: Provider, browser: FlaskClient) -> None:
    tokens = obtain_tokens(browser, provider.service, scope="openid email")
    said = introspect(provider, provider.service, tokens["access_token"])
    assert said["active"] is True
    assert (said["client_id"], said["scope"]) == (provider.service.client_id, "openid email")
    assert said["sub"] == claims_in(browser, tokens["id_token"])["sub"]
    assert said["exp"] == int(provider.clock.now().timestamp()) + 600
    assert introspect(provider, provider.service, tokens["refresh_token"])["token_type"] == "refresh_token"


def test_rfc7662_4_a_stranger_learns_nothing(provider: Provider, browser: FlaskClient, stranger: Service) -> None:
    tokens = obtain_tokens(browser, provider.service, resource=RESOURCE)
    for token in (tokens["access_token"], tokens["refresh_token"], tokens["id_token"], "x", "x" * 5000):
        assert introspect(provider, stranger, token) == INACTIVE


def test_rfc7662_4_the_guard_reads_tokens_for_its_interface_under_its_own_sub(
    provider: Provider, browser: FlaskClient, guard: Service
) -> None:
    tokens = obtain_tokens(browser, provider.service, resource=RESOURCE)
    said = introspect(provider, guard, tokens["access_token"])
    assert (said["active"], said["aud"]) == (True, RESOURCE)
    keyring = provider.app.extensions["idp"].keyring
    assert said["sub"] == keyring.pairwise_sub("tra-cuu", provider.citizen.id)
    assert said["sub"] != claims_in(browser, tokens["id_token"])["sub"]
    assert introspect(provider, guard, tokens["refresh_token"]) == INACTIVE
    plain = obtain_tokens(browser, provider.service)["access_token"]
    assert introspect(provider, guard, plain) == INACTIVE


def test_rfc7662_2_1_a_public_service_may_not_ask(provider: Provider) -> None:
    public = provider.new_service(token_endpoint_auth_method="none")
    response = post(provider, "/oauth2/introspect", public, {"token": "x"})
    assert error_in(response, 401) == "invalid_client"
    assert response.headers["WWW-Authenticate"].startswith("Basic")


def test_rfc7662_2_1_who_does_not_prove_itself_is_refused(provider: Provider) -> None:
    for form in ({"token": "x"}, {"token": "x", "client_id": provider.service.client_id, "client_secret": "sai"}):
        response = provider.browser().post("/oauth2/introspect", data=form)
        assert error_in(response, 401) == "invalid_client"
        assert response.headers["WWW-Authenticate"].startswith("Basic")
    assert provider.browser().get("/oauth2/introspect?token=x").status_code == 405


@pytest.mark.parametrize("path", ["/oauth2/introspect", "/oauth2/revoke"])
def test_a_token_is_needed_once(provider: Provider, path: str) -> None:
    assert error_in(post(provider, path, provider.service, {})) == "invalid_request"
    twice: Any = {"token": ["a", "b"]}
    assert error_in(post(provider, path, provider.service, twice)) == "invalid_request"


def test_rfc7662_2_2_a_spent_refresh_token_is_not_active(provider: Provider, browser: FlaskClient) -> None:
    first = obtain_tokens(browser, provider.service)["refresh_token"]
    second = refresh(browser, provider.service, first).get_json()["refresh_token"]
    assert introspect(provider, provider.service, first) == INACTIVE
    assert introspect(provider, provider.service, second)["active"] is True


def test_rfc7662_2_2_what_has_ended_is_not_active(provider: Provider, browser: FlaskClient, machine: Service) -> None:
    tokens = obtain_tokens(browser, provider.service)
    lent = post_token(provider.browser(), machine, grant_type="client_credentials").get_json()["access_token"]
    assert introspect(provider, machine, lent)["sub"] == machine.client_id
    assert introspect(provider, provider.service, lent) == INACTIVE
    provider.clock.advance(seconds=601)
    assert introspect(provider, provider.service, tokens["access_token"]) == INACTIVE
    assert introspect(provider, machine, lent) == INACTIVE


def test_rfc9701_5_the_answer_is_signed_for_who_asked(provider: Provider, browser: FlaskClient, guard: Service) -> None:
    token = obtain_tokens(browser, provider.service, resource=RESOURCE)["access_token"]
    for sent, active in ((token, True), ("x", False)):
        response = post(provider, "/oauth2/introspect", guard, {"token": sent}, Accept=JWT_TYPE)
        assert (response.status_code, response.mimetype) == (200, JWT_TYPE)
        assert jwt.get_unverified_header(response.text)["typ"] == "token-introspection+jwt"
        said = claims_in(browser, response.text)
        assert (said["iss"], said["aud"]) == ("http://localhost:8000", guard.client_id)
        assert said["iat"] == int(provider.clock.now().timestamp())
        assert said["token_introspection"]["active"] is active
        assert "sub" not in said and "exp" not in said, "RFC 9701 5: so that it is no access or ID token"


def test_rfc7662_2_1_a_hint_changes_nothing(provider: Provider, browser: FlaskClient) -> None:
    tokens = obtain_tokens(browser, provider.service)
    for hint in ("refresh_token", "access_token", "khac", ""):
        form = {"token": tokens["access_token"], "token_type_hint": hint}
        assert post(provider, "/oauth2/introspect", provider.service, form).get_json()["active"] is True
    form = {"token": tokens["refresh_token"], "token_type_hint": "access_token"}
    assert post(provider, "/oauth2/revoke", provider.service, form).status_code == 200
    assert introspect(provider, provider.service, tokens["access_token"]) == INACTIVE


# -- signed access tokens (RFC 9068) -------------------------------------------------------------------------------


def test_rfc9068_a_signed_token_is_told_to_its_owner_and_its_guard_each_under_its_own_sub(
    provider: Provider, browser: FlaskClient, signing_guard: Service, guard: Service, stranger: Service
) -> None:
    tokens = obtain_tokens(browser, provider.service, scope="openid email", resource=SIGNED)
    token, here = tokens["access_token"], claims_in(browser, tokens["id_token"])["sub"]
    signed = claims_in(browser, token)
    at_guard, at_owner = introspect(provider, signing_guard, token), introspect(provider, provider.service, token)
    for said in (at_guard, at_owner):
        assert (said["active"], said["aud"], said["exp"]) == (True, SIGNED, signed["exp"])
        assert (said["client_id"], said["scope"]) == (provider.service.client_id, "openid email")
    assert (at_guard["sub"], at_owner["sub"]) == (signed["sub"], here)
    assert introspect(provider, guard, token) == introspect(provider, stranger, token) == INACTIVE


def test_rfc9068_a_signed_token_whose_sign_in_ended_or_whose_time_is_over_is_not_active(
    provider: Provider, browser: FlaskClient, signing_guard: Service
) -> None:
    over, late = (obtain_tokens(browser, provider.service, resource=SIGNED) for _ in range(2))
    assert introspect(provider, signing_guard, over["access_token"])["active"] is True
    revoke(provider, provider.service, over["refresh_token"])
    assert introspect(provider, signing_guard, over["access_token"]) == INACTIVE
    provider.clock.advance(seconds=299)
    assert introspect(provider, signing_guard, late["access_token"])["active"] is True
    provider.clock.advance(seconds=1)
    assert introspect(provider, signing_guard, late["access_token"]) == INACTIVE


def test_rfc9068_what_was_not_signed_here_as_an_access_token_is_not_active(
    provider: Provider, browser: FlaskClient, signing_guard: Service
) -> None:
    tokens = obtain_tokens(browser, provider.service, resource=SIGNED)
    token = tokens["access_token"]
    head, said, signature = token.split(".")
    foreign = jwt.encode(claims_in(browser, token), a_key().private, "ES256", headers=jwt.get_unverified_header(token))
    unsigned = jwt.encode(claims_in(browser, token), None, "none", headers={"typ": "at+jwt"})  # type: ignore[arg-type]
    for wrong in (
        f"{head}.{said}.{signature[::-1]}",
        foreign,
        unsigned,
        tokens["id_token"],
        token + ".x",
        "..",
        "a.b.c",
    ):
        assert introspect(provider, signing_guard, wrong) == introspect(provider, provider.service, wrong) == INACTIVE


def test_rfc7009_2_1_a_signed_token_given_back_ends_the_grant(
    provider: Provider, browser: FlaskClient, signing_guard: Service
) -> None:
    tokens = obtain_tokens(browser, provider.service, resource=SIGNED)
    assert error_in(revoke(provider, signing_guard, tokens["access_token"])) == "invalid_grant"
    assert revoke(provider, provider.service, tokens["access_token"]).status_code == 200
    assert introspect(provider, signing_guard, tokens["access_token"]) == INACTIVE
    assert error_in(refresh(browser, provider.service, tokens["refresh_token"])) == "invalid_grant"


def test_rfc9068_a_machines_signed_token_is_told_and_ended_too(
    provider: Provider, machine: Service, signing_guard: Service
) -> None:
    form = {"grant_type": "client_credentials", "resource": SIGNED}
    token = post_token(provider.browser(), machine, **form).get_json()["access_token"]
    said = introspect(provider, signing_guard, token)
    assert (said["active"], said["sub"], said["aud"]) == (True, machine.client_id, SIGNED)
    assert introspect(provider, provider.service, token) == INACTIVE
    assert revoke(provider, machine, token).status_code == 200
    assert introspect(provider, signing_guard, token) == INACTIVE


# -- revocation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_rfc7009_2_1_either_token_ends_the_grant_and_is_noted(
    provider: Provider, browser: FlaskClient, which: str
) -> None:
    tokens = obtain_tokens(browser, provider.service)
    with provider.app.app_context():
        before = events()["grant.revoked"]
        response = revoke(provider, provider.service, tokens[which])
        assert (response.status_code, response.data) == (200, b"")
        assert events()["grant.revoked"] == before + 1
        assert rows_of("grants")[-1].end_reason == "revoked"
        assert revoke(provider, provider.service, tokens[which]).status_code == 200
        assert events()["grant.revoked"] == before + 1
    assert userinfo(browser, tokens["access_token"]).status_code == 401
    assert error_in(refresh(browser, provider.service, tokens["refresh_token"])) == "invalid_grant"
    assert introspect(provider, provider.service, tokens["refresh_token"]) == INACTIVE
    assert obtain_tokens(browser, provider.service), "the session itself lives on"


def test_rfc7009_2_1_another_services_token_is_refused_and_lives(
    provider: Provider, browser: FlaskClient, stranger: Service, guard: Service
) -> None:
    tokens = obtain_tokens(browser, provider.service, scope="openid email", resource=RESOURCE)
    for caller in (stranger, guard):
        assert error_in(revoke(provider, caller, tokens["access_token"])) == "invalid_grant"
        assert error_in(revoke(provider, caller, tokens["refresh_token"])) == "invalid_grant"
    assert introspect(provider, provider.service, tokens["access_token"])["active"] is True


@pytest.mark.parametrize("token", ["x", "ộ", "x" * 5000, "a.b.c"])
def test_rfc7009_2_2_what_is_no_token_is_answered_as_if_revoked(provider: Provider, token: str) -> None:
    assert revoke(provider, provider.service, token).status_code == 200


def test_rfc7009_2_1_a_public_service_gives_back_its_own(provider: Provider) -> None:
    public = provider.agreed(token_endpoint_auth_method="none")
    browser = provider.signed_in()
    tokens = obtain_tokens(browser, public)
    assert revoke(provider, public, tokens["refresh_token"]).status_code == 200
    assert userinfo(browser, tokens["access_token"]).status_code == 401


def test_rfc7009_2_1_who_does_not_prove_itself_ends_nothing(provider: Provider, browser: FlaskClient) -> None:
    tokens = obtain_tokens(browser, provider.service)
    form = {"token": tokens["access_token"], "client_id": provider.service.client_id}
    assert error_in(provider.browser().post("/oauth2/revoke", data=form), 401) == "invalid_client"
    assert userinfo(browser, tokens["access_token"]).status_code == 200


def test_rfc7009_2_a_machine_token_is_ended_and_noted_once(provider: Provider, machine: Service) -> None:
    def noted() -> list[tuple[object, ...]]:
        with provider.app.app_context():
            revoked = [row for row in rows_of("audit") if row.event == "grant.revoked"]
        return [(row.subject_id, row.actor) for row in revoked if row.service_id == machine.id]

    before = len(noted())
    token = post_token(provider.browser(), machine, grant_type="client_credentials").get_json()["access_token"]
    for _ in range(2):
        assert revoke(provider, machine, token).status_code == 200
        assert introspect(provider, machine, token) == INACTIVE
        assert noted()[before:] == [(None, machine.client_id)]
