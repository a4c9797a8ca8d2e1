"""Which scripts of other origins may read an answer (Fetch 3.2, the CORS protocol); house: never with cookies."""

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.builders import basic, obtain_tokens
from tests.builders_provider import Provider, provider

__all__ = ["provider"]
OWN, STRANGER = "https://dich-vu.example", "https://evil.example"
GUARDED = ("/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke")
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


@pytest.mark.parametrize("path", ["/oauth2/jwks", "/.well-known/openid-configuration"])
def test_metadata_and_keys_are_read_from_anywhere(provider: Provider, path: str) -> None:
    response = provider.browser().get(path, headers={"Origin": STRANGER})
    assert response.headers[ALLOWED] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize(
    "path", ["/oauth2/authorize", "/oauth2/introspect", "/oauth2/register", "/oauth2/logout", "/sign-in", "/account"]
)
def test_nothing_else_is_read_by_scripts_of_others(provider: Provider, path: str) -> None:
    for response in (provider.browser().get(path, headers={"Origin": OWN}), preflight(provider, path, OWN)):
        assert not [name for name, _ in response.headers if name.startswith("Access-Control")]
