"""How answers travel: Multiple Response Type Encoding Practices 2.1, Form Post Response Mode 2, RFC 9207 2."""

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.builders import answer_in, ask, obtain_code, spend, walk
from tests.builders_provider import Provider
from tests.web.policy import csp_of

STATE = "a b+c&d=é\"'<>%20#?"
ISSUER = "http://localhost:8000"


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    return provider.signed_in()


def fields_in(response: TestResponse) -> dict[str, str]:
    assert response.status_code == 200, response.text
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', response.text)
    return {name: html.unescape(value) for name, value in found}


def fragment_in(response: TestResponse) -> dict[str, str]:
    assert response.status_code == 303
    parts = urlsplit(response.location)
    assert parts.query == ""
    return {name: values[0] for name, values in parse_qs(parts.fragment, strict_parsing=True).items()}


READ = {"query": answer_in, "fragment": fragment_in, "form_post": fields_in}


@pytest.mark.parametrize("mode", sorted(READ))
def test_rfc6749_4_1_2_the_answer_has_code_state_and_issuer_in_each_mode(
    provider: Provider, browser: FlaskClient, mode: str
) -> None:
    said = READ[mode](ask(browser, provider.service, response_mode=mode, state=STATE))
    assert set(said) == {"code", "state", "session_state", "iss"}
    assert (said["state"], said["iss"]) == (STATE, ISSUER)
    assert spend(browser, provider.service, said["code"]).status_code == 200


@pytest.mark.parametrize("mode", sorted(READ))
def test_rfc6749_4_1_2_1_errors_travel_in_the_same_mode(provider: Provider, mode: str) -> None:
    response = ask(provider.browser(), provider.service, response_mode=mode, state=STATE, prompt="none")
    said = READ[mode](response)
    assert set(said) == {"error", "error_description", "state", "session_state", "iss"}
    assert (said["error"], said["state"]) == ("login_required", STATE)


@pytest.mark.parametrize("mode", sorted(READ))
def test_the_mode_lasts_through_the_pages(provider: Provider, mode: str) -> None:
    service, browser = provider.new_service(), provider.browser()
    denied = walk(browser, ask(browser, service, response_mode=mode), provider.citizen, decision="deny")
    assert READ[mode](denied)["error"] == "access_denied"
    assert "code" in READ[mode](walk(browser, ask(browser, service, response_mode=mode)))


def test_form_post_2_the_page_posts_itself_by_its_one_script(provider: Provider, browser: FlaskClient) -> None:
    response = ask(browser, provider.service, response_mode="form_post")
    assert f'<form method="post" action="{provider.service.redirect_uri}"' in response.text
    found = re.findall(
        r'<script src="/static/form-post\.[0-9a-f]+\.js" nonce="([\w-]{43})" defer></script>', response.text
    )
    assert len(found) == response.text.count("<script") == 1
    policy = csp_of(response)
    assert policy["form-action"] == ["'self'", "https:"]
    assert policy["script-src"] == [f"'nonce-{found[0]}'"]
    assert found[0] not in ask(browser, provider.service, response_mode="form_post").text
    assert response.headers["Cache-Control"] == "no-store"
    assert "submit" in response.text, "without a script there is a button"


def test_form_post_2_values_are_escaped(provider: Provider, browser: FlaskClient) -> None:
    hostile = '"><script>alert(1)</script>'
    response = ask(browser, provider.service, response_mode="form_post", state=hostile)
    assert "<script>alert" not in response.text
    assert fields_in(response)["state"] == hostile


def test_form_post_is_refused_where_no_form_can_be_posted(provider: Provider, browser: FlaskClient) -> None:
    native = provider.new_service(
        application_type="native", token_endpoint_auth_method="none", redirect_uris=["vn.example.ung-dung:/cb"]
    )
    said = answer_in(ask(browser, native, response_mode="form_post"))
    assert said["error"] == "invalid_request"
    assert "response_mode" in said["error_description"]


def test_an_unregistered_address_gets_nothing_in_any_mode(provider: Provider, browser: FlaskClient) -> None:
    for mode in READ:
        response = ask(browser, provider.service, response_mode=mode, redirect_uri="https://evil.example/cb")
        assert response.status_code == 400
        assert 'action="https://evil.example' not in response.text


def test_rfc8252_7_3_a_native_app_is_answered_at_the_port_it_listens_on(provider: Provider) -> None:
    native = provider.agreed(
        application_type="native", token_endpoint_auth_method="none", redirect_uris=["http://127.0.0.1/cb"]
    )
    browser, listening = provider.signed_in(), "http://127.0.0.1:51004/cb"
    response = walk(browser, ask(browser, native, redirect_uri=listening))
    assert response.location.startswith(listening + "?")
    code = obtain_code(browser, native, redirect_uri=listening)
    assert spend(browser, native, code, redirect_uri="http://127.0.0.1:51005/cb").status_code == 400
    assert spend(browser, native, code, redirect_uri=listening).status_code == 200
