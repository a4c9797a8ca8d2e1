"""Refresh tokens: RFC 6749 6 and 10.4, RFC 9700 4.14; OIDC Core 11 and 12."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from idp import storage
from idp.domain.sessions import EndReason
from tests.builders import (
    Service,
    a_citizen,
    a_service,
    ask,
    claims_in,
    follow,
    obtain_code,
    obtain_tokens,
    page_of,
    parked_in,
    refresh,
    spend,
    userinfo,
    walk,
)
from tests.builders_provider import Provider
from tests.doubles import FixedClock
from tests.protocol.test_code_grant import error_in


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    return provider.signed_in()


def refreshed(browser: FlaskClient, service: Service, token: str, **form: str | None) -> dict[str, Any]:
    response = refresh(browser, service, token, **form)
    assert response.status_code == 200, response.text
    return dict(response.get_json())


def sign_out(browser: FlaskClient) -> None:
    page = follow(browser, browser.get("/sign-out"))
    assert follow(browser, browser.post("/sign-out", data={"parked": parked_in(page)})).status_code == 200


# -- RFC 6749 6 ----------------------------------------------------------------------------------------------------


def test_rfc6749_6_a_refresh_gives_new_tokens(provider: Provider, browser: FlaskClient) -> None:
    first = obtain_tokens(browser, provider.service, scope="openid email")
    second = refreshed(browser, provider.service, first["refresh_token"])
    assert second["scope"] == "openid email"
    assert second["refresh_token"] != first["refresh_token"]
    assert userinfo(browser, second["access_token"]).get_json()["email"]


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"refresh_token": None}, "invalid_request"),
        ({"refresh_token": ""}, "invalid_request"),
        ({"refresh_token": "x"}, "invalid_grant"),
        ({"refresh_token": "x" * 3000}, "invalid_grant"),
        ({"refresh_token": "ộ\0"}, "invalid_grant"),
        ({"scope": "openid email phone"}, "invalid_scope"),
        ({"scope": "email"}, "invalid_scope"),
        ({"scope": "openid offline_access"}, "invalid_scope"),
        ({"scope": "openid khong-co"}, "invalid_scope"),
    ],
)
def test_rfc6749_6_a_wrong_refresh_is_refused_and_spends_nothing(
    provider: Provider, browser: FlaskClient, form: dict[str, Any], error: str
) -> None:
    token = obtain_tokens(browser, provider.service, scope="openid email")["refresh_token"]
    assert error_in(refresh(browser, provider.service, token, **form)) == error
    refreshed(browser, provider.service, token)


def test_rfc6749_6_a_narrowed_scope_holds_for_its_access_token_alone(provider: Provider, browser: FlaskClient) -> None:
    first = obtain_tokens(browser, provider.service, scope="openid email phone")
    narrow = refreshed(browser, provider.service, first["refresh_token"], scope="openid phone")
    assert narrow["scope"] == "openid phone"
    assert set(userinfo(browser, narrow["access_token"]).get_json()) == {"sub", "phone_number", "phone_number_verified"}
    whole = refreshed(browser, provider.service, narrow["refresh_token"])
    assert whole["scope"] == "openid email phone"
    assert "email" in userinfo(browser, whole["access_token"]).get_json()


def test_rfc6749_6_a_refresh_token_is_bound_to_its_service(provider: Provider, browser: FlaskClient) -> None:
    thief = provider.new_service()
    token = obtain_tokens(browser, provider.service)["refresh_token"]
    assert error_in(refresh(browser, thief, token)) == "invalid_grant"
    newer = refreshed(browser, provider.service, token)["refresh_token"]
    provider.clock.advance(seconds=11)
    assert error_in(refresh(browser, thief, token)) == "invalid_grant"
    refreshed(browser, provider.service, newer)


def test_rfc6749_6_a_service_must_authenticate_to_refresh(provider: Provider, browser: FlaskClient) -> None:
    token = obtain_tokens(browser, provider.service)["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": provider.service.client_id}
    assert error_in(browser.post("/oauth2/token", data=form), 401) == "invalid_client"


def test_rfc6749_10_4_access_and_refresh_tokens_are_not_exchangeable(provider: Provider, browser: FlaskClient) -> None:
    tokens = obtain_tokens(browser, provider.service)
    for other in (tokens["access_token"], tokens["id_token"], obtain_code(browser, provider.service)):
        assert error_in(refresh(browser, provider.service, other)) == "invalid_grant"
    assert userinfo(browser, tokens["refresh_token"]).status_code == 401


# -- RFC 9700 4.14: rotation, reuse --------------------------------------------------------------------------------


@pytest.fixture
def own(app: Flask) -> tuple[FlaskClient, Service, dict[str, Any]]:
    """Tokens on each store in turn."""
    service, browser = a_service(app), app.test_client()
    return browser, service, obtain_tokens(browser, service, a_citizen(app))


def test_rfc9700_4_14_2_a_retry_within_the_grace_window_is_answered(
    own: tuple[FlaskClient, Service, dict[str, Any]], clock: FixedClock
) -> None:
    browser, service, tokens = own
    first = refreshed(browser, service, tokens["refresh_token"])
    clock.advance(seconds=10)
    again = refreshed(browser, service, tokens["refresh_token"])
    for answer in (first, again):
        assert userinfo(browser, answer["access_token"]).status_code == 200
    refreshed(browser, service, again["refresh_token"])
    refreshed(browser, service, first["refresh_token"])


def test_rfc9700_4_14_2_reuse_after_the_window_ends_the_family(
    own: tuple[FlaskClient, Service, dict[str, Any]], clock: FixedClock, app: Flask
) -> None:
    browser, service, tokens = own
    newer = refreshed(browser, service, tokens["refresh_token"])
    clock.advance(seconds=11)
    assert error_in(refresh(browser, service, tokens["refresh_token"])) == "invalid_grant"
    assert error_in(refresh(browser, service, newer["refresh_token"])) == "invalid_grant"
    for answer in (tokens, newer):
        assert userinfo(browser, answer["access_token"]).status_code == 401
    with app.app_context(), storage.once() as tx:
        from idp.storage.tables import grants

        assert [row.end_reason for row in tx.execute(grants.select())] == [EndReason.REFRESH_REUSED]


def test_rfc9700_4_14_2_a_token_two_generations_old_is_never_a_retry(
    own: tuple[FlaskClient, Service, dict[str, Any]],
) -> None:
    browser, service, tokens = own
    newest = refreshed(browser, service, refreshed(browser, service, tokens["refresh_token"])["refresh_token"])
    assert error_in(refresh(browser, service, tokens["refresh_token"])) == "invalid_grant"
    assert userinfo(browser, newest["access_token"]).status_code == 401


def test_rfc9700_4_14_2_a_grant_ends_at_a_fixed_time(provider: Provider) -> None:
    """Refreshed again and again, it still ends twelve hours after its birth."""
    browser = provider.signed_in()
    tokens = obtain_tokens(browser, provider.service)
    for _ in range(12 * 3 - 1):
        provider.clock.advance(minutes=20)
        tokens = refreshed(browser, provider.service, tokens["refresh_token"])
    provider.clock.advance(minutes=19, seconds=50)
    tokens = refreshed(browser, provider.service, tokens["refresh_token"])
    assert tokens["expires_in"] <= 10
    provider.clock.advance(seconds=10)
    assert error_in(refresh(browser, provider.service, tokens["refresh_token"])) == "invalid_grant"
    assert userinfo(browser, tokens["access_token"]).status_code == 401


# -- bound to the session; OIDC Core 11 ----------------------------------------------------------------------------


def test_oidc_backchannel_2_7_a_refresh_token_without_offline_access_ends_with_the_session(
    provider: Provider, browser: FlaskClient
) -> None:
    tokens = obtain_tokens(browser, provider.service)
    sign_out(browser)
    assert error_in(refresh(browser, provider.service, tokens["refresh_token"])) == "invalid_grant"
    assert userinfo(browser, tokens["access_token"]).status_code == 401


def test_house_a_session_that_ran_out_ends_its_tokens_before_any_worker_ran(provider: Provider) -> None:
    browser = provider.signed_in()
    bound, offline = (
        obtain_tokens(browser, provider.service, scope=scope) for scope in ("openid", "openid offline_access")
    )
    provider.clock.advance(minutes=30)
    assert error_in(refresh(browser, provider.service, bound["refresh_token"])) == "invalid_grant"
    refreshed(browser, provider.service, offline["refresh_token"])


def test_oidc_backchannel_2_7_offline_access_outlives_the_session(provider: Provider, browser: FlaskClient) -> None:
    tokens = obtain_tokens(browser, provider.service, scope="openid offline_access")
    assert tokens["scope"] == "openid offline_access"
    sign_out(browser)
    assert userinfo(browser, tokens["access_token"]).status_code == 200
    tokens = refreshed(browser, provider.service, tokens["refresh_token"])
    provider.clock.advance(days=29)
    tokens = refreshed(browser, provider.service, tokens["refresh_token"])
    provider.clock.advance(days=1)
    assert error_in(refresh(browser, provider.service, tokens["refresh_token"])) == "invalid_grant"


def test_oidc_core_11_offline_access_is_agreed_to_once_and_remembered(provider: Provider) -> None:
    service = provider.agreed(provider.other, scope="openid")
    browser = provider.signed_in(provider.other)
    assert "code" in ask(browser, service).location
    page = follow(browser, ask(browser, service, scope="openid offline_access"))
    assert page_of(page) == "consent", "without consent there is no offline access"
    walk(browser, page)
    assert "code=" in ask(browser, service, scope="openid offline_access").location


def test_oidc_core_11_offline_access_is_ignored_without_the_refresh_token_grant(provider: Provider) -> None:
    service = provider.agreed(grant_types=["authorization_code"])
    tokens = obtain_tokens(provider.signed_in(), service, scope="openid offline_access")
    assert "refresh_token" not in tokens
    assert tokens["scope"] == "openid"


def test_oidc_core_11_a_law_is_no_basis_for_offline_access(provider: Provider) -> None:
    service = provider.new_service(legal_basis="Nghị định mẫu, Điều 1")
    browser = provider.signed_in()
    page = follow(browser, ask(browser, service, scope="openid offline_access"))
    assert 'id="consent-deny"' in page.text
    assert "consent-allow" in page.text
    assert "Nghị định mẫu" not in page.text


# -- OIDC Core 12 --------------------------------------------------------------------------------------------------


def test_oidc_core_12_2_the_id_token_of_a_refresh_tells_of_the_first_sign_in(provider: Provider) -> None:
    browser = provider.signed_in()
    provider.clock.advance(minutes=3)
    first = obtain_tokens(browser, provider.service, nonce="mot-lan")
    provider.clock.advance(minutes=5)
    second = refreshed(browser, provider.service, first["refresh_token"])
    before, after = (claims_in(browser, tokens["id_token"]) for tokens in (first, second))
    assert before["nonce"] == "mot-lan"
    assert "nonce" not in after
    for same in ("iss", "sub", "aud", "auth_time", "acr", "amr", "sid"):
        assert after[same] == before[same], same
    assert after["iat"] == before["iat"] + 300
    assert after["auth_time"] == before["iat"] - 180
    assert after["at_hash"] != before["at_hash"]


def test_oidc_core_12_2_auth_time_stays_when_the_person_signs_in_again(provider: Provider) -> None:
    browser = provider.signed_in()
    first = obtain_tokens(browser, provider.service)
    provider.clock.advance(minutes=2)
    later = obtain_tokens(browser, provider.service, provider.citizen, prompt="login")
    second = refreshed(browser, provider.service, first["refresh_token"])
    times = [claims_in(browser, tokens["id_token"])["auth_time"] for tokens in (first, second, later)]
    assert times[0] == times[1] == times[2] - 120


def test_oidc_core_12_1_an_exchange_spends_only_codes(provider: Provider, browser: FlaskClient) -> None:
    token = obtain_tokens(browser, provider.service)["refresh_token"]
    assert error_in(spend(browser, provider.service, token)) == "invalid_grant"
