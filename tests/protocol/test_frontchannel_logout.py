"""Signing out in frames: OpenID Connect Front-Channel Logout 1.0 2 and 3."""

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.builders import Service, claims_in, follow, obtain_tokens, parked_in
from tests.builders_provider import Provider
from tests.web.policy import csp_of

BACK = "https://dich-vu.example/da-dang-xuat"
FRAME = "https://khung.example:8443/ra?he=1"


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    return provider.signed_in()


@pytest.fixture(scope="module")
def framed(provider: Provider) -> Service:
    return provider.agreed(
        frontchannel_logout_uri=FRAME, frontchannel_logout_session_required=True, backchannel_logout_uri=None
    )


def frames_in(page: TestResponse) -> list[str]:
    assert page.status_code == 200
    return sorted({html.unescape(each) for each in re.findall(r'<iframe[^>]+src="([^"]+)"', page.text)})


def test_oidc_frontchannel_logout_3_frames_come_before_the_redirect(
    provider: Provider, browser: FlaskClient, framed: Service
) -> None:
    own = obtain_tokens(browser, provider.service)["id_token"]
    visited = claims_in(browser, obtain_tokens(browser, framed)["id_token"])
    query = {"id_token_hint": own, "post_logout_redirect_uri": BACK, "state": "s"}
    page = follow(browser, browser.get("/oauth2/logout", query_string=query))
    [frame] = frames_in(page)
    assert frame.startswith(FRAME + "&")
    said = parse_qs(urlsplit(frame).query)
    assert said == {"he": ["1"], "iss": ["http://localhost:8000"], "sid": [visited["sid"]]}
    assert f'id="onward" href="{BACK}?state=s"' in page.text
    assert csp_of(page)["frame-src"] == ["https://khung.example:8443"]
    assert "leave." in page.text
    assert browser.get_cookie("idp_session") is None


def test_oidc_frontchannel_logout_3_without_an_address_the_frames_stand_on_the_page_that_says_so(
    provider: Provider, browser: FlaskClient, framed: Service
) -> None:
    obtain_tokens(browser, framed)
    page = follow(browser, browser.get("/sign-out"))
    page = follow(browser, browser.post("/sign-out", data={"parked": parked_in(page)}))
    assert len(frames_in(page)) == 1
    assert "leave." not in page.text
    assert provider.service.client_id not in page.text


def test_oidc_frontchannel_logout_2_only_visited_services_with_an_address_are_framed(
    provider: Provider, browser: FlaskClient, framed: Service
) -> None:
    hint = obtain_tokens(browser, provider.service)["id_token"]
    query = {"id_token_hint": hint, "post_logout_redirect_uri": BACK}
    response = follow(browser, browser.get("/oauth2/logout", query_string=query))
    assert response.location == BACK, "nobody visited the framed one in this session"


def test_what_is_shown_of_a_parked_page_of_another_browser_is_nothing_of_ours(
    provider: Provider, framed: Service
) -> None:
    page = provider.browser().get("/signed-out?parked=x")
    assert page.status_code == 200
    assert "<iframe" not in page.text
    assert "frame-src" not in csp_of(page)


def test_oidc_frontchannel_logout_3_metadata_says_so(provider: Provider) -> None:
    said = provider.browser().get("/.well-known/openid-configuration").get_json()
    assert said["frontchannel_logout_supported"] is True
    assert said["frontchannel_logout_session_supported"] is True


def test_the_longest_address_and_state_lead_out_all_the_same(
    provider: Provider, browser: FlaskClient, framed: Service
) -> None:
    hint = obtain_tokens(browser, provider.service)["id_token"]
    obtain_tokens(browser, framed)
    query = {"id_token_hint": hint, "post_logout_redirect_uri": BACK, "state": "ộ" * 2048}
    response = follow(browser, browser.get("/oauth2/logout", query_string=query))
    assert response.status_code == 303
    assert response.location.startswith(BACK)
