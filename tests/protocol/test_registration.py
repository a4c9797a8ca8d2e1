"""Dynamic registration: RFC 7591 2, 3.1, 3.2.1, 3.2.2; OpenID Connect Dynamic Client Registration 2."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from idp.domain.levels import ProofSource
from tests.builders import Service, a_citizen, ask, claims_in, obtain_tokens, userinfo
from tests.builders_provider import Provider
from tests.protocol.test_code_grant import error_in

GOOD = {"redirect_uris": ["https://tu-dang-ky.example/cb"], "client_name": "Tự đăng ký"}


def register(provider: Provider, document: object, **more: Any) -> TestResponse:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return provider.browser().post("/oauth2/register", data=body, **{"content_type": "application/json", **more})


def registered(provider: Provider, **members: object) -> dict[str, Any]:
    response = register(provider, {**GOOD, **members})
    assert response.status_code == 201, response.text
    return dict(response.get_json())


def service_of(document: dict[str, Any]) -> Service:
    from uuid import uuid4

    method = document["token_endpoint_auth_method"]
    return Service(uuid4(), document["client_id"], document.get("client_secret"), document["redirect_uris"][0], method)


def test_rfc7591_3_2_1_the_answer_has_what_was_registered(provider: Provider) -> None:
    response = register(provider, GOOD)
    assert response.status_code == 201
    assert response.mimetype == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Pragma"] == "no-cache"
    said = response.get_json()
    assert said["client_id"] and len(said["client_secret"]) >= 32
    assert said["client_secret_expires_at"] == 0
    assert said["client_id_issued_at"] == int(provider.clock.now().timestamp())
    assert said["redirect_uris"] == GOOD["redirect_uris"]
    assert said["grant_types"] == ["authorization_code"]
    assert said["response_types"] == ["code"]
    assert said["token_endpoint_auth_method"] == "client_secret_basic"
    assert said["client_name"] == GOOD["client_name"]


def test_rfc7591_3_2_1_what_was_registered_can_be_used_at_once(provider: Provider) -> None:
    for method in ("client_secret_basic", "client_secret_post", "none"):
        document = registered(
            provider, token_endpoint_auth_method=method, grant_types=["authorization_code", "refresh_token"]
        )
        assert ("client_secret" in document) == (method != "none")
        tokens = obtain_tokens(provider.browser(), service_of(document), provider.citizen, scope="openid email")
        assert tokens["refresh_token"]


def test_rfc7591_3_1_each_registration_is_a_service_of_its_own(provider: Provider) -> None:
    first, second = registered(provider), registered(provider)
    assert first["client_id"] != second["client_id"]
    assert first["client_secret"] != second["client_secret"]


def test_rfc7591_2_unknown_members_are_ignored_and_not_echoed(provider: Provider) -> None:
    said = registered(provider, la="x", software_id="y", **{"client_name#en": "Self registered"})
    assert "la" not in said
    assert said["client_name#en"] == "Self registered"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"redirect_uris=x"),
        ("text/plain", b"{}"),
        ("application/json", b""),
        ("application/json", b"{"),
        ("application/json", b"\xff\xfe"),
        ("application/json", b'{"redirect_uris": ["\\ud800"]}'),
        ("application/json", b"[]"),
        ("application/json", b"null"),
        ("application/json", b"1"),
        ("application/json", b'"x"'),
        ("application/json", b"[" * 20000),
        ("application/json", b'{"redirect_uris": ["https://a.example/"], "x": "' + b"x" * 33000 + b'"}'),
        ("application/json", b"NaN"),
    ],
)
def test_rfc7591_3_1_only_a_json_object_is_read(provider: Provider, content_type: str, body: bytes) -> None:
    response = register(provider, body, content_type=content_type)
    assert error_in(response) == "invalid_client_metadata"


@pytest.mark.parametrize(
    "uris",
    [
        None,
        [],
        "https://a.example/cb",
        [1],
        [None],
        [["https://a.example/cb"]],
        [{}],
        ["https://a.example/cb#teil"],
        ["http://a.example/cb"],
        ["//a.example/cb"],
        ["/cb"],
        ["javascript:alert(1)"],
        ["data:text/html,x"],
        ["https://*.example/cb"],
        ["https://u:p@a.example/cb"],
        ["https://a.example\\@b.example/"],
        ["https:///cb"],
        ["https://a.example:99999/cb"],
        ["https://a.example/cb x"],
        ["https://a.example/cb\n"],
        ["https://ộ.example/cb"],
        ["https://a.example/" + "x" * 5000],
        [f"https://a.example/{number}" for number in range(51)],
        ["com.example:/cb"],
    ],
)
def test_rfc7591_3_2_2_bad_redirect_uris_are_invalid_redirect_uri(provider: Provider, uris: object) -> None:
    document = {name: value for name, value in {**GOOD, "redirect_uris": uris}.items() if value is not None}
    assert error_in(register(provider, document)) == "invalid_redirect_uri"


@pytest.mark.parametrize(
    "members",
    [
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": 1},
        {"response_types": ["token"]},
        {"response_types": []},
        {"response_types": "code"},
        {"grant_types": ["refresh_token"]},
        {"grant_types": 1},
        {"id_token_signed_response_alg": "none"},
        {"id_token_signed_response_alg": "HS256"},
        {"userinfo_signed_response_alg": "none"},
        {"request_object_signing_alg": "HS256"},
        {"subject_type": "public"},
        {"application_type": "x"},
        {"client_name": {}},
        {"client_name": "x" * 201},
        {"client_name": "a\u202eb"},
        {"logo_uri": "http://a.example/x.png"},
        {"logo_uri": "javascript:alert(1)"},
        {"policy_uri": []},
        {"tos_uri": "x"},
        {"contacts": "a"},
        {"contacts": [1]},
        {"default_max_age": "1"},
        {"default_max_age": -1},
        {"default_max_age": True},
        {"default_max_age": 1.5},
        {"require_auth_time": "true"},
        {"backchannel_logout_uri": "http://a.example/"},
        {"backchannel_logout_uri": "https://a.example/#x"},
        {"backchannel_logout_session_required": 1},
        {"sector_identifier_uri": "https://a.example/"},
    ],
)
def test_rfc7591_3_2_2_what_is_not_offered_is_invalid_client_metadata(
    provider: Provider, members: dict[str, object]
) -> None:
    assert error_in(register(provider, {**GOOD, **members})) == "invalid_client_metadata"


def test_rfc7591_5_nobody_grants_himself_rights(provider: Provider) -> None:
    """Members that the province agrees with an agency are not read from a stranger."""
    grab = {
        "client_id": provider.service.client_id,
        "client_secret": "x" * 32,
        "sector": provider.service.client_id,
        "legal_basis": "Luật tự viết",
        "personal_number_basis": "Luật tự viết",
        "exceptions": [{"rule": "pkce", "reason": "x", "until": "2099-01-01"}],
    }
    said = registered(provider, **grab)
    assert said["client_id"] != provider.service.client_id
    assert said["client_secret"] != "x" * 32
    service = service_of(said)
    browser = provider.signed_in()
    response = ask(browser, service, code_challenge=None, code_challenge_method=None)
    assert "error=invalid_request" in response.location
    subs = [
        claims_in(browser, obtain_tokens(browser, each, provider.citizen)["id_token"])["sub"]
        for each in (service, provider.service)
    ]
    assert subs[0] != subs[1]
    verified = a_citizen(provider.app, "003185000065", proof_source=ProofSource.NATIONAL_ID)
    asked = '{"userinfo": {"personal_id_number": null}}'
    browser = provider.browser()
    tokens = obtain_tokens(browser, service, verified, claims=asked)
    assert set(userinfo(browser, tokens["access_token"]).get_json()) == {"sub"}


def test_rfc7591_5_the_personal_number_cannot_be_registered_for(provider: Provider) -> None:
    response = register(provider, {**GOOD, "scope": "openid personal_id_number"})
    if response.status_code == 201:
        assert "personal_id_number" not in response.get_json()["scope"].split()
    else:
        assert error_in(response) == "invalid_client_metadata"


def test_rfc7591_5_the_national_portals_scope_is_not_registered_for_by_oneself(provider: Provider) -> None:
    said = register(provider, {**GOOD, "scope": "openid profile dvcqg"}).get_json()
    assert said["scope"] == "openid profile"


def test_rfc7591_3_closed_registration_is_refused(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    app = make_app(sqlite_url, IDP_REGISTRATION_OPEN="false")
    a_citizen(app)
    response = app.test_client().post("/oauth2/register", json=GOOD)
    assert error_in(response, 401) == "invalid_token"


def test_rfc8414_2_the_registration_endpoint_is_told_where_it_needs_a_token_too(
    make_app: Callable[..., Flask], sqlite_url: str
) -> None:
    app = make_app(sqlite_url, IDP_REGISTRATION_OPEN="false")
    a_citizen(app)
    document = app.test_client().get("/.well-known/openid-configuration").get_json()
    assert document["registration_endpoint"] == "http://localhost:8000/oauth2/register"
    assert "service_documentation" not in document, "there is no page for developers to point at"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_rfc7591_3_1_only_post_registers(provider: Provider, method: str) -> None:
    assert provider.browser().open("/oauth2/register", method=method).status_code == 405
