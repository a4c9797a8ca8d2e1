"""The token endpoint and the code's exchange: RFC 6749 2.3, 3.2, 4.1.3, 4.1.4, 5.1, 5.2; RFC 7636 4.5, 4.6."""

import base64
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import storage
from idp.domain.audit import Event
from idp.domain.sessions import EndReason
from tests.builders import (
    SECRET,
    VERIFIER,
    Service,
    answer_in,
    basic,
    follow,
    obtain_code,
    obtain_tokens,
    parked_in,
    post_token,
    refresh,
    request_of,
    spend,
    userinfo,
)
from tests.builders_provider import Provider

# RFC 6749 4.1.2.1 and 5.2: the characters that error_description may have.
DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")
# What every refusal ends with: where the requirement that was not met stands.
REQUIREMENT = re.compile(
    r"\((?:(?:RFC|OIDC|OAuth|OpenID|RP-Initiated)[^()]* [0-9A-Z][0-9.]*|limit of this provider|rule of the province)\)$"
)


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    return provider.signed_in()


@pytest.fixture
def code(provider: Provider, browser: FlaskClient) -> str:
    return obtain_code(browser, provider.service)


def error_in(response: TestResponse, status: int = 400) -> str:
    """The error code, held to the form that RFC 6749 5.2 gives to all of them."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Pragma"] == "no-cache"
    assert "Location" not in response.headers
    said = response.get_json()
    assert set(said) == {"error", "error_description"}
    assert DESCRIPTION.fullmatch(said["error_description"])
    assert REQUIREMENT.search(said["error_description"]), said
    return str(said["error"])


# -- RFC 6749 3.2 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
def test_rfc6749_3_2_only_post_is_answered(provider: Provider, method: str) -> None:
    response = provider.browser().open("/oauth2/token", method=method)
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]


def test_rfc6749_3_2_parameters_in_the_address_are_not_read(
    provider: Provider, browser: FlaskClient, code: str
) -> None:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": provider.service.redirect_uri}
    query = urlencode({**form, "code_verifier": VERIFIER})
    headers = {"Authorization": basic(provider.service.client_id, SECRET)}
    assert error_in(browser.post(f"/oauth2/token?{query}", headers=headers)) == "invalid_request"
    response = browser.post(
        "/oauth2/token?code_verifier=" + VERIFIER, data={**form, "code_verifier": ""}, headers=headers
    )
    assert error_in(response) == "invalid_grant"


@pytest.mark.parametrize("name", ["grant_type", "code", "redirect_uri", "code_verifier", "client_id", "x"])
def test_rfc6749_3_2_a_repeated_parameter_is_refused(
    provider: Provider, browser: FlaskClient, code: str, name: str
) -> None:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": provider.service.redirect_uri,
        "code_verifier": VERIFIER,
        "client_id": provider.service.client_id,
        "x": "1",
    }
    body = urlencode([*form.items(), (name, form[name])])
    headers = {"Authorization": basic(provider.service.client_id, SECRET)}
    content_type = "application/x-www-form-urlencoded"
    assert error_in(browser.post("/oauth2/token", data=body, headers=headers, content_type=content_type)) == (
        "invalid_request"
    )
    assert spend(browser, provider.service, code).status_code == 200, "a refused request does not spend the code"


def test_rfc6749_3_2_unknown_parameters_are_ignored(provider: Provider, browser: FlaskClient, code: str) -> None:
    assert spend(browser, provider.service, code, la="1", audience="x").status_code == 200


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"grant_type": "authorization_code"}'),
        ("text/plain", b"grant_type=authorization_code"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\na\r\n--x--',
        ),
        ("application/xml", b"<grant_type/>"),
    ],
)
def test_rfc6749_appendix_b_only_a_form_is_read(provider: Provider, content_type: str, body: bytes) -> None:
    response = provider.browser().post("/oauth2/token", data=body, content_type=content_type)
    assert error_in(response) == "invalid_request"


# -- RFC 6749 2.3, 3.2.1; OIDC Core 9 ------------------------------------------------------------------------------


def test_rfc6749_3_2_1_a_wrong_secret_is_refused(provider: Provider, browser: FlaskClient, code: str) -> None:
    for secret in ("", "x", SECRET + "x", SECRET[:-1], SECRET.upper()):
        response = spend_with(browser, provider.service, code, basic(provider.service.client_id, secret))
        assert error_in(response, 401) == "invalid_client"
        assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert spend(browser, provider.service, code).status_code == 200


def test_rfc6749_5_2_unknown_service_and_wrong_secret_are_answered_alike(provider: Provider, code: str) -> None:
    unknown = spend_with(provider.browser(), provider.service, code, basic("khong-co", "x"))
    wrong = spend_with(provider.browser(), provider.service, code, basic(provider.service.client_id, "x"))
    assert (unknown.status_code, unknown.data) == (wrong.status_code, wrong.data)


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"khong-dau-hai-cham").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Bearer abc",
        "Digest username=x",
        "",
        "Basic " + "A" * 8000,
    ],
)
def test_rfc6749_2_3_1_a_malformed_authorization_header_is_refused(
    provider: Provider, browser: FlaskClient, code: str, header: str
) -> None:
    response = spend_with(browser, provider.service, code, header)
    assert error_in(response, 401) == "invalid_client"
    assert response.headers["WWW-Authenticate"].startswith("Basic realm=")


def test_rfc6749_2_3_1_the_parts_of_basic_are_form_encoded(provider: Provider) -> None:
    service = provider.agreed(client_secret="a%b+c:d/e&f=ghijklmnop")
    browser = provider.signed_in()
    assert spend(browser, service, obtain_code(browser, service)).status_code == 200


def test_rfc6749_2_3_one_way_of_authentication_at_a_time(provider: Provider, browser: FlaskClient, code: str) -> None:
    response = spend(browser, provider.service, code, client_secret=SECRET)
    assert error_in(response) == "invalid_request"
    response = spend(browser, provider.service, code, client_id="mot-dich-vu-khac")
    assert error_in(response) == "invalid_request"


@pytest.mark.parametrize("registered", ["client_secret_basic", "client_secret_post", "none"])
@pytest.mark.parametrize("used", ["client_secret_basic", "client_secret_post", "none"])
def test_oidc_core_9_a_service_is_held_to_its_registered_method(provider: Provider, registered: str, used: str) -> None:
    service = provider.agreed(token_endpoint_auth_method=registered)
    browser = provider.signed_in()
    code = obtain_code(browser, service)
    secret = service.client_secret or SECRET
    as_used = Service(service.id, service.client_id, None if used == "none" else secret, service.redirect_uri, used)
    response = spend(browser, as_used, code)
    if used == registered:
        assert response.status_code == 200, response.text
    else:
        assert error_in(response, 401) == "invalid_client"
        assert spend(browser, service, code).status_code == 200, "the failed try spent nothing"


def test_rfc6749_3_2_1_a_public_service_must_name_itself(provider: Provider) -> None:
    service = provider.agreed(token_endpoint_auth_method="none")
    browser = provider.signed_in()
    code = obtain_code(browser, service)
    assert error_in(spend(browser, service, code, client_id=None), 401) == "invalid_client"
    assert error_in(spend(browser, service, code, client_id=""), 401) == "invalid_client"
    assert spend(browser, service, code).status_code == 200


def test_rfc6749_3_2_1_a_suspended_service_gets_nothing(provider: Provider) -> None:
    from tests.protocol.test_authorize import suspend

    service = provider.agreed()
    browser = provider.signed_in()
    tokens, code = obtain_tokens(browser, service), obtain_code(browser, service)
    suspend(provider, service)
    assert error_in(spend(browser, service, code), 401) == "invalid_client"
    assert error_in(refresh(browser, service, tokens["refresh_token"]), 401) == "invalid_client"
    assert userinfo(browser, tokens["access_token"]).status_code == 401


def spend_with(browser: FlaskClient, service: Service, code: str, header: str) -> TestResponse:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": service.redirect_uri}
    form["code_verifier"] = VERIFIER
    return browser.post("/oauth2/token", data=form, headers={"Authorization": header})


# -- RFC 6749 4.1.3, 5.2 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password", "username": "a", "password": "b"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unauthorized_client"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}, "unsupported_grant_type"),
        ({"grant_type": "AUTHORIZATION_CODE"}, "unsupported_grant_type"),
        ({"grant_type": "<script>\0ộ"}, "unsupported_grant_type"),
        ({"code": None}, "invalid_request"),
        ({"code": ""}, "invalid_request"),
        ({"code": "x"}, "invalid_grant"),
        ({"code": "x" * 5000}, "invalid_grant"),
        ({"code": "ộ\0"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"redirect_uri": "https://dich-vu.example/cb/"}, "invalid_grant"),
        ({"redirect_uri": "https://evil.example/cb"}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"code_verifier": VERIFIER[:-1] + "x"}, "invalid_grant"),
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": VERIFIER[:42]}, "invalid_request"),
        ({"code_verifier": "x" * 129}, "invalid_request"),
        ({"code_verifier": "ộ" * 50}, "invalid_request"),
        ({"code_verifier": " " * 50}, "invalid_request"),
    ],
)
def test_rfc6749_4_1_3_a_wrong_exchange_is_refused_and_spends_nothing(
    provider: Provider, browser: FlaskClient, code: str, form: dict[str, Any], error: str
) -> None:
    assert error_in(spend(browser, provider.service, code, **form)) == error
    assert spend(browser, provider.service, code).status_code == 200


def test_rfc7636_4_6_the_challenge_itself_is_no_verifier(provider: Provider, browser: FlaskClient, code: str) -> None:
    challenge = request_of(provider.service)["code_challenge"]
    assert error_in(spend(browser, provider.service, code, code_verifier=challenge)) == "invalid_grant"


def test_rfc6749_4_1_3_a_code_is_bound_to_its_service(provider: Provider, browser: FlaskClient, code: str) -> None:
    thief = provider.new_service(redirect_uris=[provider.service.redirect_uri])
    assert error_in(spend(browser, thief, code)) == "invalid_grant"
    tokens = spend(browser, provider.service, code)
    assert tokens.status_code == 200
    assert error_in(spend(browser, thief, code)) == "invalid_grant"
    assert userinfo(browser, tokens.get_json()["access_token"]).status_code == 200, "a stranger ends no grant"


def test_rfc6749_4_1_3_other_sealed_values_are_no_codes(provider: Provider, browser: FlaskClient, code: str) -> None:
    tokens = obtain_tokens(browser, provider.service)
    stranger = provider.browser()
    page = follow(stranger, stranger.get("/sign-in"))
    for other in (tokens["access_token"], tokens["refresh_token"], tokens["id_token"], parked_in(page)):
        assert error_in(spend(browser, provider.service, other)) == "invalid_grant"
    for place in (0, 3, 10, len(code) // 2, -1):
        changed = list(code)
        changed[place] = "A" if changed[place] != "A" else "B"
        assert error_in(spend(browser, provider.service, "".join(changed))) == "invalid_grant"
    assert error_in(spend(browser, provider.service, code + "=")) == "invalid_grant"


def test_rfc6749_5_2_a_service_without_the_grant_is_unauthorized(provider: Provider) -> None:
    service = provider.agreed(grant_types=["authorization_code"])
    browser = provider.signed_in()
    tokens = obtain_tokens(browser, service)
    assert "refresh_token" not in tokens
    assert error_in(refresh(browser, service, "x")) == "unauthorized_client"


# -- RFC 6749 4.1.2, 10.5: single use ------------------------------------------------------------------------------


def test_rfc6749_4_1_2_a_code_is_refused_a_second_time_and_its_tokens_end(app: Any) -> None:
    """On both stores: the end is committed, so that it is seen by another connection."""
    from tests.builders import a_citizen, a_service

    citizen, service, browser = a_citizen(app), a_service(app), app.test_client()
    code = obtain_code(browser, service, citizen)
    tokens = spend(browser, service, code).get_json()
    assert userinfo(browser, tokens["access_token"]).status_code == 200
    assert error_in(spend(browser, service, code)) == "invalid_grant"
    assert userinfo(browser, tokens["access_token"]).status_code == 401
    assert error_in(refresh(browser, service, tokens["refresh_token"])) == "invalid_grant"
    assert error_in(spend(browser, service, code)) == "invalid_grant"
    with app.app_context(), storage.once() as tx:
        from idp.storage.tables import audit, grants

        assert [row.end_reason for row in tx.execute(grants.select())] == [EndReason.CODE_REPLAYED]
        noted = [row.event for row in tx.execute(audit.select())]
    assert noted.count(Event.CODE_REPLAYED) == 1


def test_rfc6749_4_1_2_a_replay_after_the_codes_time_ends_its_tokens_too(
    provider: Provider, browser: FlaskClient, code: str
) -> None:
    tokens = spend(browser, provider.service, code).get_json()
    provider.clock.advance(minutes=2)
    assert userinfo(browser, tokens["access_token"]).status_code == 200
    assert error_in(spend(browser, provider.service, code)) == "invalid_grant"
    assert userinfo(browser, tokens["access_token"]).status_code == 401


def test_rfc6749_10_5_a_code_ends_with_its_session(provider: Provider, browser: FlaskClient, code: str) -> None:
    page = follow(browser, browser.get("/sign-out"))
    browser.post("/sign-out", data={"parked": parked_in(page)})
    assert error_in(spend(browser, provider.service, code)) == "invalid_grant"


# -- RFC 6749 4.1.4, 5.1; OIDC Core 3.1.3.3 ------------------------------------------------------------------------


def test_rfc6749_5_1_the_answer_has_its_members_and_is_not_kept(
    provider: Provider, browser: FlaskClient, code: str
) -> None:
    response = spend(browser, provider.service, code)
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Pragma"] == "no-cache"
    body = response.get_json()
    assert set(body) == {"access_token", "token_type", "expires_in", "scope", "id_token", "refresh_token"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 600, "openid")
    assert re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", body["access_token"]), "RFC 6750 2.1: b64token"
    assert len({body["access_token"], body["refresh_token"], code}) == 3


def test_rfc6749_5_1_each_answer_has_new_tokens(provider: Provider, browser: FlaskClient) -> None:
    made = [obtain_tokens(browser, provider.service) for _ in range(3)]
    assert len({tokens["access_token"] for tokens in made} | {tokens["refresh_token"] for tokens in made}) == 6


def test_rfc6749_10_10_a_code_says_nothing_and_is_never_the_same(provider: Provider, browser: FlaskClient) -> None:
    codes = [obtain_code(browser, provider.service) for _ in range(5)]
    assert len(set(codes)) == 5
    for code in codes:
        raw = base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))
        assert provider.service.redirect_uri.encode() not in raw
        assert b"nonce-cua-lan-nay" not in raw


def test_rfc6749_4_1_3_a_refused_request_says_nothing_of_the_person(provider: Provider, browser: FlaskClient) -> None:
    code = answer_in(browser.get("/oauth2/authorize", query_string=request_of(provider.service)))["code"]
    text = spend(browser, provider.service, code, redirect_uri="https://evil.example/<script>").text
    assert code not in text
    assert "<script>" not in text
    assert provider.citizen.number not in text
    assert post_token(browser, provider.service, grant_type="<script>").status_code == 400


def test_house_what_is_spent_is_opened_once(
    provider: Provider, code: str, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring, opened = provider.app.extensions["idp"].keyring, []
    as_ever = keyring.open

    def noted(purpose: str, *rest: bytes) -> bytes:
        opened.append(purpose)
        return bytes(as_ever(purpose, *rest))

    monkeypatch.setattr(keyring, "open", noted)
    tokens = spend(browser, provider.service, code).get_json()
    assert (opened.count("code"), opened.count("token")) == (1, 0)
    assert refresh(browser, provider.service, tokens["refresh_token"]).status_code == 200
    assert (opened.count("code"), opened.count("token")) == (1, 1)
