"""What a service can see of a browser's sign-in: OpenID Connect Session Management 1.0 2, 3.2, 3.3."""

import base64
import hashlib
import re

import pytest
from flask.testing import FlaskClient

from tests.builders import ask, follow, obtain_code, walk
from tests.builders_provider import Provider
from tests.protocol.test_response_types import in_any_mode
from tests.web.policy import csp_of

ORIGIN = "https://dich-vu.example"
COOKIE = "idp_browser_state"


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    return provider.signed_in()


def state_cookie(browser: FlaskClient) -> str:
    found = browser.get_cookie(COOKIE)
    return found.value if found is not None else ""


def is_unchanged(browser: FlaskClient, client_id: str, session_state: str, origin: str = ORIGIN) -> bool:
    """What the provider's frame computes in this browser, written anew (3.2)."""
    known, _, salt = session_state.partition(".")
    digest = hashlib.sha256(f"{client_id} {origin} {state_cookie(browser)} {salt}".encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == known


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post"])
def test_oidc_session_management_2_each_answer_has_a_session_state(
    provider: Provider, browser: FlaskClient, mode: str
) -> None:
    said = in_any_mode(ask(browser, provider.service, response_mode=mode))
    assert is_unchanged(browser, provider.service.client_id, said["session_state"])
    assert not is_unchanged(browser, "somebody", said["session_state"])
    assert not is_unchanged(browser, provider.service.client_id, said["session_state"], "https://evil.example")


def test_oidc_session_management_2_an_answer_without_a_person_has_one_too(provider: Provider) -> None:
    browser = provider.browser()
    said = in_any_mode(ask(browser, provider.service, prompt="none"))
    assert said["error"] == "login_required"
    assert is_unchanged(browser, provider.service.client_id, said["session_state"])


def test_oidc_session_management_2_the_salt_is_new_each_time(provider: Provider, browser: FlaskClient) -> None:
    states = {in_any_mode(ask(browser, provider.service))["session_state"] for _ in range(3)}
    assert len(states) == 3


def test_oidc_session_management_3_2_it_changes_with_the_sign_in(provider: Provider) -> None:
    browser, service = provider.browser(), provider.service
    nobody = in_any_mode(ask(browser, service, prompt="none"))["session_state"]
    signed_in = in_any_mode(walk(browser, ask(browser, service), provider.citizen))["session_state"]
    assert not is_unchanged(browser, service.client_id, nobody)
    assert is_unchanged(browser, service.client_id, signed_in)
    again = in_any_mode(ask(browser, service, prompt="none"))["session_state"]
    assert is_unchanged(browser, service.client_id, signed_in), "another answer changes nothing"
    assert is_unchanged(browser, service.client_id, again)
    page = follow(browser, browser.get("/sign-out"))
    parked = re.search(r'name="parked" value="([^"]+)"', page.text)
    assert parked is not None
    browser.post("/sign-out", data={"parked": parked[1]})
    assert state_cookie(browser) == ""
    assert not is_unchanged(browser, service.client_id, signed_in)


def test_oidc_session_management_3_2_it_changes_with_the_person(provider: Provider, browser: FlaskClient) -> None:
    service = provider.service
    before = in_any_mode(ask(browser, service))["session_state"]
    provider.clock.advance(seconds=1)
    after = walk(browser, ask(browser, service, prompt="select_account"), provider.other, choice="other")
    assert is_unchanged(browser, service.client_id, in_any_mode(after)["session_state"])
    assert not is_unchanged(browser, service.client_id, before)


def test_oidc_session_management_3_2_a_sign_in_that_ended_elsewhere_is_seen_at_the_next_answer(
    provider: Provider, browser: FlaskClient
) -> None:
    obtain_code(browser, provider.service)
    assert state_cookie(browser)
    provider.clock.advance(hours=13)
    said = in_any_mode(ask(browser, provider.service, prompt="none"))
    assert said["error"] == "login_required"
    assert state_cookie(browser) == ""


def test_the_cookie_leads_nobody_to_the_session(provider: Provider, browser: FlaskClient) -> None:
    obtain_code(browser, provider.service)
    session = browser.get_cookie("idp_session")
    shown = browser.get_cookie(COOKIE)
    assert session is not None
    assert shown is not None
    assert session.http_only
    assert not shown.http_only
    assert session.value not in shown.value
    stranger = provider.browser()
    stranger.set_cookie("idp_session", shown.value)
    assert in_any_mode(ask(stranger, provider.service, prompt="none"))["error"] == "login_required"


def test_a_private_use_scheme_has_no_origin_and_so_no_session_state(provider: Provider) -> None:
    service = provider.new_service(
        application_type="native", redirect_uris=["vn.example.app:/cb"], token_endpoint_auth_method="none"
    )
    browser = provider.browser()
    said = in_any_mode(walk(browser, ask(browser, service), provider.citizen))
    assert "session_state" not in said


def test_oidc_session_management_3_3_the_frame_alone_may_be_framed(provider: Provider) -> None:
    metadata = provider.browser().get("/.well-known/openid-configuration").get_json()
    path = metadata["check_session_iframe"].removeprefix("http://localhost:8000")
    frame = provider.browser().get(path)
    assert frame.status_code == 200
    assert "X-Frame-Options" not in frame.headers
    assert csp_of(frame)["frame-ancestors"] == ["*"]
    assert csp_of(frame)["script-src"] == ["'self'"]
    script = re.search(r'<script src="(/static/check-session\.[^"]+\.js)" data-cookie="idp_browser_state">', frame.text)
    assert script is not None
    assert provider.browser().get(script[1]).status_code == 200
    for other in ("/", "/sign-in", "/services", "/oauth2/authorize"):
        page = follow(browser := provider.browser(), browser.get(other))
        assert page.headers["X-Frame-Options"] == "DENY"
        assert csp_of(page)["frame-ancestors"] == ["'none'"]
        assert "frame-src" not in csp_of(page)
