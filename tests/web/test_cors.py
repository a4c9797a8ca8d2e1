"""Which scripts of other origins may read an answer (Fetch 3.2, the CORS protocol); house: never with cookies."""

import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.builders import basic, obtain_tokens
from tests.builders_provider import Provider, provider

__all__ = ["provider"]
OWN, STRANGER = "https://dich-vu.example", "https://evil.example"
GUARDED = ("/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke")
OPEN = ("/oauth2/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
ALLOWED = "Access-Control-Allow-Origin"


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    return provider.signed_in()


def preflight(provider: Provider, path: str, origin: str) -> TestResponse:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    return provider.browser().options(path, headers={"Origin": origin, **asked})


@pytest.mark.parametrize("path", GUARDED)
def test_a_preflight_of_a_registered_origin_is_answered(provider: Provider, path: str) -> None:
    response = preflight(provider, path, OWN)
    assert response.headers[ALLOWED] == OWN
    assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert "Origin" in response.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("origin", [STRANGER, "null", OWN + ":444", "http://dich-vu.example", OWN + "/", "x" * 300])
@pytest.mark.parametrize("path", GUARDED)
def test_a_preflight_of_a_stranger_is_not(provider: Provider, path: str, origin: str) -> None:
    response = preflight(provider, path, origin)
    assert not [name for name, _ in response.headers if name.startswith("Access-Control")]
    assert "Origin" in response.headers["Vary"]


def test_an_answer_is_read_from_the_services_own_origin_only(provider: Provider, browser: FlaskClient) -> None:
    token = obtain_tokens(browser, provider.service)["access_token"]
    other = provider.new_service()
    elsewhere = other.redirect_uri.removesuffix("/cb")
    for origin, allowed in ((OWN, OWN), (STRANGER, None), (elsewhere, None), ("null", None)):
        headers = {"Origin": origin, "Authorization": f"Bearer {token}"}
        response = provider.browser().get("/oauth2/userinfo", headers=headers)
        assert response.status_code == 200
        assert response.headers.get(ALLOWED) == allowed, origin
        assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("over", ["expired", "signed out"])
def test_a_page_reads_that_its_own_access_is_over(provider: Provider, browser: FlaskClient, over: str) -> None:
    """RFC 6750 3.1: invalid_token is what tells a service to sign in anew."""
    tokens = obtain_tokens(browser, provider.service)
    if over == "expired":
        provider.clock.advance(minutes=10)
    else:
        browser.get("/oauth2/logout", query_string={"id_token_hint": tokens["id_token"]})
    for origin, allowed in ((OWN, OWN), (STRANGER, None)):
        headers = {"Origin": origin, "Authorization": f"Bearer {tokens['access_token']}"}
        response = provider.browser().get("/oauth2/userinfo", headers=headers)
        assert (response.status_code, response.get_json()["error"]) == (401, "invalid_token")
        assert response.headers.get(ALLOWED) == allowed, origin


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/revoke"])
def test_an_error_is_read_there_too_but_not_by_who_proved_nothing(provider: Provider, path: str) -> None:
    service = provider.service
    proved = {"Origin": OWN, "Authorization": basic(service.client_id, service.client_secret or "")}
    form = {"grant_type": "authorization_code", "code": "x"}
    response = provider.browser().post(path, data=form, headers=proved)
    if path == "/oauth2/token":
        assert response.status_code == 400
        assert response.headers[ALLOWED] == OWN
    unproved = {**proved, "Authorization": basic(service.client_id, "sai")}
    response = provider.browser().post(path, data=form, headers=unproved)
    assert response.status_code == 401
    assert ALLOWED not in response.headers


@pytest.mark.parametrize("path", OPEN)
def test_metadata_and_keys_are_read_from_anywhere(provider: Provider, path: str) -> None:
    response = provider.browser().get(path, headers={"Origin": STRANGER})
    assert response.headers[ALLOWED] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers


def test_nothing_else_is_read_by_scripts_of_others(provider: Provider, browser: FlaskClient) -> None:
    """Every other address by every method it knows, also for who is signed in and for a service that proved itself."""
    service = provider.service
    proved = {"Origin": OWN, "Authorization": basic(service.client_id, service.client_secret or "")}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    others = [rule for rule in provider.app.url_map.iter_rules() if rule.rule not in (*GUARDED, *OPEN)]
    assert len(others) > 20
    for rule in others:
        path = re.sub("<[^>]+>", "x", rule.rule)
        for method in sorted(rule.methods or ()):
            for sender in (browser, provider.browser()):
                response = sender.open(path, method=method, headers=proved | asked)
                told = [name for name, _ in response.headers if name.startswith("Access-Control")]
                assert told == [], (method, path)


def test_what_introspection_tells_a_service_its_pages_do_not_read(provider: Provider, browser: FlaskClient) -> None:
    token = obtain_tokens(browser, provider.service)["access_token"]
    proved = {
        "Origin": OWN,
        "Authorization": basic(provider.service.client_id, provider.service.client_secret or ""),
    }
    response = provider.browser().post("/oauth2/introspect", data={"token": token}, headers=proved)
    assert response.get_json()["active"] is True
    assert ALLOWED not in response.headers
