"""The authorization endpoint as OAuth sees it: RFC 6749 3.1 and 4.1, RFC 7636, RFC 8707, RFC 9207, RFC 9700."""

import re
import string
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import storage
from tests.builders import (
    VERIFIER,
    Service,
    answer_in,
    ask,
    challenge_of,
    obtain_code,
    obtain_tokens,
    request_of,
    spend,
    walk,
)
from tests.builders_provider import Provider
from tests.protocol.test_code_grant import DESCRIPTION, REQUIREMENT

ISSUER = "http://localhost:8000"


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    return provider.signed_in()


def told(response: TestResponse, service: Service) -> dict[str, str]:
    """The error that a service is told by redirect, held to what holds for all of them."""
    assert response.status_code == 303, response.text[:500]
    assert response.location.startswith(service.redirect_uri + "?")
    said = answer_in(response)
    assert said["iss"] == ISSUER, "RFC 9207 2: iss stands in errors too"
    assert DESCRIPTION.fullmatch(said["error_description"])
    assert REQUIREMENT.search(said["error_description"]), said
    assert "code" not in said
    return said


def refused_on_a_page(response: TestResponse) -> None:
    """A page for the person, and no way on to anywhere."""
    assert response.status_code == 400
    assert 'id="error"' in response.text
    assert "Location" not in response.headers


# -- RFC 6749 3.1 --------------------------------------------------------------------------------------------------


def test_rfc6749_3_1_a_parameter_without_a_value_counts_as_absent(provider: Provider, browser: FlaskClient) -> None:
    said = answer_in(ask(browser, provider.service, prompt="", max_age="", state="", claims="", request="", nonce=""))
    assert "code" in said
    assert "state" not in said
    assert told(ask(browser, provider.service, response_type=""), provider.service)["error"] == "invalid_request"


def test_rfc6749_3_1_unknown_parameters_are_ignored(provider: Provider, browser: FlaskClient) -> None:
    said = answer_in(ask(browser, provider.service, la="1", acr_values="x", display="popup", claims_locales="vi"))
    assert "code" in said


@pytest.mark.parametrize(
    "name",
    "response_type scope state nonce prompt max_age code_challenge code_challenge_method claims login_hint "
    "id_token_hint ui_locales response_mode unknown".split(),
)
def test_rfc6749_3_1_a_repeated_parameter_is_refused(provider: Provider, browser: FlaskClient, name: str) -> None:
    given = request_of(provider.service)
    pairs = [*given.items(), *((name, given.get(name, "1")) for _ in range(1 if name in given else 2))]
    said = told(browser.get("/oauth2/authorize?" + urlencode(pairs)), provider.service)
    assert said["error"] == "invalid_request"
    assert ("state" in said) == (name != "state"), "which of two states is the service's own cannot be known"


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_rfc6749_3_1_a_repeated_client_id_or_redirect_uri_is_refused_on_a_page(
    provider: Provider, browser: FlaskClient, name: str
) -> None:
    given = request_of(provider.service)
    pairs = [*given.items(), (name, given[name])]
    refused_on_a_page(browser.get("/oauth2/authorize?" + urlencode(pairs)))


@pytest.mark.parametrize(
    ("response_type", "error"),
    [
        (None, "invalid_request"),
        ("token", "unsupported_response_type"),
        ("code code", "unsupported_response_type"),
        ("CODE", "unsupported_response_type"),
        ("none", "unsupported_response_type"),
        ("<script>", "unsupported_response_type"),
    ],
)
def test_rfc6749_3_1_1_only_response_type_code_is_answered(
    provider: Provider, browser: FlaskClient, response_type: str | None, error: str
) -> None:
    assert told(ask(browser, provider.service, response_type=response_type), provider.service)["error"] == error


# -- RFC 6749 3.1.2, RFC 9700 2.1 and 4.11 -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "",
        "//evil",
        "//evil.example/cb",
        "https://dich-vu.example/cb.evil",
        "https://dich-vu.example/cb/evil",
        "https://dich-vu.example/cb/",
        "https://dich-vu.example/CB",
        "https://dich-vu.example/cb?x=1",
        "https://dich-vu.example/cb#teil",
        "https://dich-vu.example/cb%2e",
        "https://dich-vu.example/%63b",
        "https://dich-vu.example/x/../cb",
        "https://dich-vu.example//cb",
        "https://dich-vu.example:443/cb",
        "https://dich-vu.example:8443/cb",
        "https://dich-vu.example.evil/cb",
        "https://dich-vu.example@evil.example/cb",
        "https://evil.example/https://dich-vu.example/cb",
        "https://DICH-VU.example/cb",
        "HTTPS://dich-vu.example/cb",
        "http://dich-vu.example/cb",
        "https://dich-vu.example/cb\\@evil.example",
        "https://dich-vu.example/cb ",
        " https://dich-vu.example/cb",
        "https://dich-vu.example/cb\r\nSet-Cookie: a=b",
        "https://dich-vu.example/cb\0",
        "https://evil.example/cb",
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "/cb",
        "cb",
    ],
)
def test_rfc6749_3_1_2_4_nobody_is_sent_to_an_unregistered_redirect_uri(
    provider: Provider, browser: FlaskClient, wrong: str | None
) -> None:
    response = ask(browser, provider.service, redirect_uri=wrong)
    refused_on_a_page(response)
    assert not re.search(r'(href|action|src)="[^"/]*//evil', response.text)
    assert "<script>alert" not in response.text


def test_rfc6749_3_1_2_the_registered_query_is_kept(provider: Provider) -> None:
    service = provider.agreed(redirect_uris=["https://dich-vu.example/cb?nguon=a%20b&x="])
    response = ask(provider.signed_in(), service)
    assert response.location.startswith("https://dich-vu.example/cb?nguon=a%20b&x=&code=")


def test_rfc6749_3_1_2_an_error_without_a_redirect_uri_stays_here(provider: Provider, browser: FlaskClient) -> None:
    refused_on_a_page(ask(browser, provider.service, redirect_uri=None, response_type="token"))


# -- RFC 6749 4.1.1, 4.1.2 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("client_id", [None, "", "khong-co", "x" * 5000, "ộ", "a\0b", "' OR 1=1 --"])
def test_rfc6749_4_1_1_an_unknown_client_id_is_refused_on_a_page(
    provider: Provider, browser: FlaskClient, client_id: str | None
) -> None:
    refused_on_a_page(ask(browser, provider.service, client_id=client_id))


def test_rfc6749_4_1_2_1_a_suspended_service_is_refused_on_a_page(provider: Provider) -> None:
    service = provider.agreed()
    suspend(provider, service)
    refused_on_a_page(ask(provider.signed_in(), service))


def suspend(provider: Provider, service: Service) -> None:
    with provider.app.app_context(), storage.begin() as tx:
        storage.relying_services.save_state(tx, service.id, "suspended", provider.clock.now())
    provider.clock.advance(seconds=6)


STATES = {
    "printable": "".join(chr(number) for number in range(0x20, 0x7F)),
    "markup": "<script>alert('&amp;')</script>",
    "percent": "%00%2525%zz+ +",
    "vietnamese": "Tỉnh Bắc Ninh ộ đ Đ",
    "emoji": "🇻🇳👩‍👩‍👧‍👦",
    "right to left": "שלום\u202e\u200f",
    "control": "\t\n\r\x01\x7f\x85\u2028",
    "nul": "a\0b",
    "unnormalised": "e\u0323\u0302 \u1ec7 \ufb01 \ufeff",
    "blanks": "   ",
    "longest": (string.printable + "ộ🇻🇳") * 40,
}


@pytest.mark.parametrize("kind", STATES)
def test_rfc6749_4_1_2_state_comes_back_exactly(provider: Provider, browser: FlaskClient, kind: str) -> None:
    state = STATES[kind][:2048]
    assert answer_in(ask(browser, provider.service, state=state))["state"] == state
    assert told(ask(browser, provider.service, state=state, prompt="x"), provider.service)["state"] == state


def test_rfc6749_4_1_2_a_state_of_2048_characters_survives_the_pages(provider: Provider) -> None:
    service = provider.new_service()
    for state in ("x" * 2048, "&" * 2048, '"\\' * 1024):
        browser = provider.browser()
        response = walk(browser, ask(browser, service, state=state), provider.citizen)
        assert answer_in(response)["state"] == state


def test_rfc6749_4_1_2_a_longer_state_is_refused(provider: Provider, browser: FlaskClient) -> None:
    assert told(ask(browser, provider.service, state="x" * 2049), provider.service)["error"] == "invalid_request"


def test_rfc6749_4_1_2_without_state_none_comes_back(provider: Provider, browser: FlaskClient) -> None:
    assert set(answer_in(ask(browser, provider.service, state=None))) == {"code", "iss", "session_state"}


def test_rfc6749_4_1_2_a_code_expires(provider: Provider, browser: FlaskClient) -> None:
    late, in_time = (obtain_code(browser, provider.service) for _ in range(2))
    provider.clock.advance(seconds=59)
    assert spend(browser, provider.service, in_time).status_code == 200
    provider.clock.advance(seconds=1)
    response = spend(browser, provider.service, late)
    assert (response.status_code, response.get_json()["error"]) == (400, "invalid_grant")


def test_rfc6749_4_1_2_a_large_request_makes_a_code_that_can_be_sent(provider: Provider) -> None:
    browser, nonce = provider.signed_in(), "n" * 1024
    service = provider.agreed(redirect_uris=["https://dich-vu.example/" + "x" * 1000])
    code = obtain_code(browser, service, nonce=nonce)
    assert len(code) <= 1000
    assert spend(browser, service, code).status_code == 200
    assert spend(browser, service, code).get_json()["error"] == "invalid_grant"


def test_rfc6749_4_1_2_1_a_person_who_refuses_is_reported_as_access_denied(provider: Provider) -> None:
    service, browser = provider.new_service(), provider.browser()
    response = walk(browser, ask(browser, service), provider.citizen, decision="deny")
    said = told(response, service)
    assert (said["error"], said["state"]) == ("access_denied", "trang-thai")


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"scope": None}, "invalid_scope"),
        ({"scope": "profile email"}, "invalid_scope"),
        ({"scope": "OPENID"}, "invalid_scope"),
        ({"response_mode": "jwt"}, "invalid_request"),
        ({"nonce": "n" * 1025}, "invalid_request"),
        ({"request": "a.b.c"}, "invalid_request_object"),
        ({"request_uri": "https://evil.example/r"}, "invalid_request_uri"),
        ({"registration": "{}"}, "registration_not_supported"),
    ],
)
def test_rfc6749_4_1_2_1_errors_are_told_to_the_service(
    provider: Provider, browser: FlaskClient, parameters: dict[str, Any], error: str
) -> None:
    said = told(ask(browser, provider.service, **parameters), provider.service)
    assert (said["error"], said["state"]) == (error, "trang-thai")


def test_rfc6749_3_3_scopes_that_a_service_may_not_ask_for_are_left_out(provider: Provider) -> None:
    service = provider.agreed(scope="openid", grant_types=["authorization_code"])
    tokens = obtain_tokens(provider.signed_in(), service, scope="openid khong-co personal_id_number offline_access")
    assert tokens["scope"] == "openid"


def test_rfc6749_10_13_pages_cannot_be_framed(provider: Provider) -> None:
    response = provider.browser().get("/sign-in", follow_redirects=True)
    assert response.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]


# -- RFC 7636 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": None},
        {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"code_challenge_method": "S512"},
        {"code_challenge_method": "s256"},
        {"code_challenge": challenge_of(VERIFIER)[:-1]},
        {"code_challenge": "x" * 129},
        {"code_challenge": challenge_of(VERIFIER)[:-1] + "="},
        {"code_challenge": challenge_of(VERIFIER)[:-1] + "ộ"},
        {"code_challenge": "!" * 43},
    ],
)
@pytest.mark.parametrize("auth_method", ["none", "client_secret_basic"])
def test_rfc7636_4_4_1_every_service_must_send_an_s256_challenge(
    provider: Provider, auth_method: str, wrong: dict[str, str | None]
) -> None:
    service = provider.new_service(token_endpoint_auth_method=auth_method)
    assert told(ask(provider.browser(), service, **wrong), service)["error"] == "invalid_request"


def test_rfc9700_2_1_1_an_exception_to_pkce_ends_by_itself(provider: Provider) -> None:
    until = provider.clock.now().date()
    exception = {"rule": "pkce", "reason": "hệ thống cũ", "until": until.isoformat()}
    service = provider.agreed(exceptions=[exception])
    no_challenge = {"code_challenge": None, "code_challenge_method": None}
    browser = provider.signed_in()
    response = spend(browser, service, obtain_code(browser, service, **no_challenge), code_verifier=None)
    assert response.status_code == 200
    provider.clock.advance(days=2)
    assert told(ask(browser, service, **no_challenge), service)["error"] == "invalid_request"


def test_rfc9700_2_1_1_a_verifier_without_a_challenge_is_a_downgrade_and_refused(provider: Provider) -> None:
    until = provider.clock.now().date().isoformat()
    service = provider.agreed(exceptions=[{"rule": "pkce", "reason": "hệ thống cũ", "until": until}])
    browser = provider.signed_in()
    code = obtain_code(browser, service, code_challenge=None, code_challenge_method=None)
    response = spend(browser, service, code, code_verifier=VERIFIER)
    assert (response.status_code, response.get_json()["error"]) == (400, "invalid_request")


# -- RFC 9207, RFC 9700 --------------------------------------------------------------------------------------------


def test_rfc9207_2_iss_stands_in_every_answer(provider: Provider, browser: FlaskClient) -> None:
    assert answer_in(ask(browser, provider.service))["iss"] == ISSUER
    assert told(ask(browser, provider.service, scope="x"), provider.service)["iss"] == ISSUER
    assert told(ask(provider.browser(), provider.service, prompt="none"), provider.service)["error"] == "login_required"


def test_rfc9700_4_12_redirects_never_carry_a_form_on(provider: Provider, browser: FlaskClient) -> None:
    """A 307 would hand the password to the service; every redirect is a 303."""
    response = browser.post("/oauth2/authorize", data=request_of(provider.service))
    assert response.status_code == 303
    assert browser.get(response.location).status_code == 303


def test_rfc9700_4_2_4_addresses_do_not_leak_by_referrer_or_cache(provider: Provider, browser: FlaskClient) -> None:
    response = ask(browser, provider.service)
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response.headers.get("Cache-Control", "")


def test_rfc3986_2_1_broken_percent_encoding_is_never_a_fault(provider: Provider, browser: FlaskClient) -> None:
    good = urlencode(request_of(provider.service, state=None))
    for broken in ("%", "%zz", "%ff%fe", "%ed%a0%80", "%00", quote("\u2028")):
        response = browser.get(f"/oauth2/authorize?{good}&state={broken}")
        assert response.status_code == 303
        assert response.location.startswith(provider.service.redirect_uri)
