"""The endpoints that browsers come to: parking, page cookies, CSP of the pages, and what other doors answer."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.builders import a_citizen, a_service, answer_in, ask, follow, page_of, parked_in, request_of, walk
from tests.builders_provider import Provider


def form_action(policy: str) -> str:
    found = re.search(r"form-action ([^;]*)", policy)
    assert found
    return found[1]


def test_oidc_core_3_1_2_1_a_post_from_another_site_is_parked_without_looking_at_cookies(provider: Provider) -> None:
    """SameSite=Lax keeps the session cookie out of a cross-site post; the GET that follows brings it."""
    browser, stranger = provider.signed_in(), provider.browser()
    parked = stranger.post("/oauth2/authorize", data=request_of(provider.service))
    assert parked.status_code == 303
    assert parked.location.startswith("/oauth2/authorize?parked=")
    assert "Set-Cookie" not in parked.headers
    assert provider.service.client_id not in parked.location
    assert "code" in answer_in(browser.get(parked.location))


def test_a_page_belongs_to_the_browser_it_was_shown_to(provider: Provider) -> None:
    victim, attacker = provider.browser(), provider.browser()
    shown = parked_in(follow(attacker, ask(attacker, provider.service)))
    typed = {"identifier": provider.citizen.number, "password": provider.citizen.password}
    response = victim.post("/sign-in", data={"parked": shown, **typed})
    assert response.status_code == 400, "nothing is checked behind a page of somebody else"
    assert page_of(response) == "sign_in"
    assert "idp_session" not in str(response.headers.getlist("Set-Cookie"))


def test_a_page_left_open_restarts_and_remembers_its_service(provider: Provider) -> None:
    browser = provider.browser()
    shown = parked_in(follow(browser, ask(browser, provider.service)))
    provider.clock.advance(minutes=61)
    typed = {"identifier": provider.citizen.number, "password": provider.citizen.password}
    page = browser.post("/sign-in", data={"parked": shown, **typed})
    assert (page.status_code, page_of(page)) == (400, "sign_in")
    again = browser.post("/sign-in", data={"parked": parked_in(page), **typed})
    assert "code" in answer_in(walk(browser, again))


def test_a_request_too_large_to_park_is_a_413_page(provider: Provider) -> None:
    response = provider.browser().post("/oauth2/authorize", data=request_of(provider.service, x="y" * 9000))
    assert response.status_code == 413
    assert 'id="error"' in response.text


@pytest.mark.parametrize("parked", ["", "x", "AU1BQz4B", "a" * 9000, "ộ"])
def test_a_parked_text_that_is_not_ours_is_refused_on_a_page(provider: Provider, parked: str) -> None:
    for path in ("/oauth2/authorize", "/oauth2/logout"):
        response = provider.signed_in().get(path, query_string={"parked": parked})
        assert response.status_code == 400
        assert 'id="error"' in response.text


def test_a_parked_request_of_one_endpoint_is_not_taken_by_another(provider: Provider) -> None:
    browser = provider.signed_in()
    at_logout = browser.post("/oauth2/logout", data={"client_id": provider.service.client_id})
    parked = at_logout.location.partition("parked=")[2]
    response = browser.get("/oauth2/authorize?parked=" + parked)
    assert response.status_code == 400
    assert 'id="error"' in response.text


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_rfc6749_appendix_b_a_browser_posts_a_form(provider: Provider, content_type: str) -> None:
    for path in ("/oauth2/authorize", "/oauth2/logout"):
        response = provider.browser().post(path, data=b"{}", content_type=content_type)
        assert response.status_code == 400
        assert 'id="error"' in response.text


def test_the_page_that_ends_at_a_service_may_post_there_and_no_other_may(provider: Provider) -> None:
    service, browser = provider.new_service(redirect_uris=["https://noi-ve.example:8443/cb"]), provider.browser()
    page = follow(browser, ask(browser, service))
    assert form_action(page.headers["Content-Security-Policy"]) == "'self' https:"
    consent = walk_to_consent(provider, browser, page)
    assert form_action(consent.headers["Content-Security-Policy"]) == "'self' https:"
    stranger = provider.browser()
    own = follow(stranger, stranger.get("/sign-in"))
    assert form_action(own.headers["Content-Security-Policy"]) == "'self'"


def walk_to_consent(provider: Provider, browser: FlaskClient, page: TestResponse) -> TestResponse:
    typed = {"identifier": provider.citizen.number, "password": provider.citizen.password}
    consent = follow(browser, browser.post("/sign-in", data={"parked": parked_in(page), **typed}))
    assert page_of(consent) == "consent"
    return consent


def test_an_old_page_of_a_service_answers_though_it_was_parked_twice(provider: Provider) -> None:
    """Two tabs: each page carries its own request, and both come to their own end."""
    browser = provider.browser()
    first = follow(browser, ask(browser, provider.service, state="mot"))
    second = follow(browser, ask(browser, provider.service, state="hai"))
    assert answer_in(walk(browser, second, provider.citizen))["state"] == "hai"
    again = browser.get("/oauth2/authorize?" + urlencode({"parked": parked_in(first)}))
    assert answer_in(again)["state"] == "mot"


def test_cookies_are_host_only_secure_and_out_of_scripts_reach_on_https(
    make_app: Callable[..., Flask], sqlite_url: str
) -> None:
    app = make_app(sqlite_url, IDP_ISSUER="https://dinh-danh.example")
    citizen, service = a_citizen(app), a_service(app, agency_code="H05")
    browser = app.test_client()
    options: dict[str, Any] = {"base_url": "https://dinh-danh.example"}
    page = browser.get("/oauth2/authorize", query_string=request_of(service), **options)
    shown = browser.get(page.location, **options)
    typed = {"identifier": citizen.number, "password": citizen.password}
    signed_in = browser.post("/sign-in", data={"parked": parked_in(shown), **typed}, **options)
    cookies = [*page.headers.getlist("Set-Cookie"), *signed_in.headers.getlist("Set-Cookie")]
    assert len(cookies) >= 3
    for cookie in cookies:
        assert cookie.startswith("__Host-")
        for part in ("; Secure", "; HttpOnly", "; Path=/", "; SameSite=Lax"):
            assert part in cookie
        assert "Domain=" not in cookie
    assert "Strict-Transport-Security" in signed_in.headers


def test_machine_endpoints_look_at_no_cookie_and_set_none(provider: Provider) -> None:
    browser = provider.signed_in()
    for path in ("/oauth2/userinfo", "/oauth2/jwks", "/.well-known/openid-configuration"):
        assert "Set-Cookie" not in browser.get(path).headers
    assert browser.get("/oauth2/userinfo").status_code == 401
    assert "Set-Cookie" not in browser.post("/oauth2/token").headers


def test_a_machine_is_told_of_a_wrong_method_in_its_own_language(provider: Provider) -> None:
    for path in ("/oauth2/token", "/oauth2/register"):
        response = provider.browser().get(path)
        assert response.status_code == 405
        assert response.get_json()["error"] == "invalid_request"


def test_the_host_header_changes_nothing(provider: Provider) -> None:
    """A label longer than DNS permits once broke even the error page."""
    for host in ("evil.example", "x" * 300, "a b", "", "\xff", "[::1", "evil.example:99999"):
        response = provider.browser().get("/khong-co", headers={"Host": host})
        assert response.status_code == 404
        assert 'id="error"' in response.text
        assert "evil" not in response.text
        assert provider.browser().get("//evil.example/..", headers={"Host": host}).status_code == 404
