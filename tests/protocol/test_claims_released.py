"""Userinfo and what it tells: OIDC Core 5.1, 5.3, 5.4, 5.5; RFC 6750 2 and 3."""

import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from idp import storage
from idp.cli.demo import PEOPLE
from idp.domain.levels import ProofSource
from tests.builders import (
    Citizen,
    Service,
    a_citizen,
    ask,
    claims_in,
    follow,
    obtain_tokens,
    parked_in,
    refresh,
    userinfo,
)
from tests.builders_provider import EVERY_SCOPE, Provider
from tests.protocol.test_authorize import told

PROFILE = (
    "name family_name given_name middle_name nickname preferred_username profile picture website gender birthdate "
    "zoneinfo locale updated_at".split()
)
BY_SCOPE = {
    "profile": PROFILE,
    "email": ["email", "email_verified"],
    "phone": ["phone_number", "phone_number_verified"],
    "address": ["address"],
}


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    return provider.signed_in()


@pytest.fixture
def token(provider: Provider, browser: FlaskClient) -> str:
    return str(obtain_tokens(browser, provider.service, scope="openid email")["access_token"])


# -- RFC 6750 ------------------------------------------------------------------------------------------------------


def test_oidc_core_5_3_1_get_and_post_with_the_header(provider: Provider, token: str) -> None:
    header = {"Authorization": f"Bearer {token}"}
    stranger = provider.browser()
    got = stranger.get("/oauth2/userinfo", headers=header)
    posted = stranger.post("/oauth2/userinfo", headers=header)
    assert got.status_code == posted.status_code == 200
    assert got.get_json() == posted.get_json()
    assert got.mimetype == "application/json"
    assert got.headers["Cache-Control"] == "no-store"
    assert stranger.get("/oauth2/userinfo", headers={"Authorization": f"bEaReR {token}"}).status_code == 200


def test_rfc6750_2_2_the_token_in_a_form_body(provider: Provider, token: str) -> None:
    response = provider.browser().post("/oauth2/userinfo", data={"access_token": token})
    assert response.get_json()["email"] == PEOPLE[provider.citizen.number]["email"]


def test_rfc6750_2_3_the_token_in_the_address_is_not_read(provider: Provider, token: str) -> None:
    for method in ("GET", "POST"):
        response = provider.browser().open("/oauth2/userinfo", method=method, query_string={"access_token": token})
        assert response.status_code == 401
        assert token not in response.text


def test_rfc6750_3_1_a_request_without_a_token_is_told_only_how_to_authenticate(provider: Provider) -> None:
    response = provider.browser().get("/oauth2/userinfo")
    assert (response.status_code, response.data) == (401, b"")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="http://localhost:8000"'


@pytest.mark.parametrize(
    ("header", "status", "error"),
    [
        ("Bearer x", 401, "invalid_token"),
        ("Bearer " + "x" * 5000, 401, "invalid_token"),
        ("Bearer a b", 401, "invalid_token"),
        ("Bearer \xe1", 401, "invalid_token"),
        ("Bearer", 400, "invalid_request"),
        ("Bearer ", 400, "invalid_request"),
        ("Basic YTpi", 400, "invalid_request"),
        ("x", 400, "invalid_request"),
    ],
)
def test_rfc6750_3_1_a_bad_token_is_answered_with_a_challenge(
    provider: Provider, header: str, status: int, error: str
) -> None:
    response = provider.browser().get("/oauth2/userinfo", headers={"Authorization": header})
    assert response.status_code == status
    assert response.get_json()["error"] == error
    challenge = response.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer realm=")
    assert f'error="{error}"' in challenge


def test_rfc6750_2_one_way_at_a_time_and_once(provider: Provider, token: str) -> None:
    browser = provider.browser()
    header = {"Authorization": f"Bearer {token}"}
    both = browser.post("/oauth2/userinfo", headers=header, data={"access_token": token})
    twice = browser.post("/oauth2/userinfo", data={"access_token": [token, token]})
    for response in (both, twice):
        assert (response.status_code, response.get_json()["error"]) == (400, "invalid_request")
        assert 'error="invalid_request"' in response.headers["WWW-Authenticate"]


def test_rfc6750_3_1_an_expired_token_is_refused(provider: Provider, token: str) -> None:
    provider.clock.advance(seconds=599)
    assert userinfo(provider.browser(), token).status_code == 200
    provider.clock.advance(seconds=1)
    assert userinfo(provider.browser(), token).status_code == 401


def test_rfc6750_5_2_a_changed_token_is_refused(provider: Provider, token: str) -> None:
    for place in (0, 1, 8, 30, len(token) // 2, -1):
        changed = list(token)
        changed[place] = "A" if changed[place] != "A" else "B"
        assert userinfo(provider.browser(), "".join(changed)).status_code == 401


def test_house_a_locked_person_is_not_read(provider: Provider) -> None:
    citizen = a_citizen(provider.app, "003185000032")
    browser = provider.browser()
    tokens = obtain_tokens(browser, provider.service, citizen, scope="openid offline_access")
    from idp.storage.tables import subjects

    with provider.app.app_context(), storage.begin() as tx:
        tx.execute(subjects.update().where(subjects.c.id == citizen.id).values(state="locked"))
    assert userinfo(browser, tokens["access_token"]).status_code == 401


# -- OIDC Core 5.1, 5.3.2, 5.4 -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", BY_SCOPE)
def test_oidc_core_5_4_a_scope_gives_its_claims_and_no_others(
    provider: Provider, browser: FlaskClient, scope: str
) -> None:
    tokens = obtain_tokens(browser, provider.service, scope=f"openid {scope}")
    assert set(userinfo(browser, tokens["access_token"]).get_json()) == {"sub", *BY_SCOPE[scope]}


def test_oidc_core_5_3_2_sub_is_the_id_tokens(provider: Provider, browser: FlaskClient) -> None:
    tokens = obtain_tokens(browser, provider.service)
    said = userinfo(browser, tokens["access_token"]).get_json()
    assert said == {"sub": claims_in(browser, tokens["id_token"])["sub"]}


def test_oidc_core_5_1_claims_have_their_types(provider: Provider, browser: FlaskClient) -> None:
    said = userinfo(browser, obtain_tokens(browser, provider.service, scope=EVERY_SCOPE)["access_token"]).get_json()
    strings = {*PROFILE, "email", "phone_number", "sub"} - {"updated_at"}
    assert all(isinstance(said[name], str) for name in strings)
    assert said["email_verified"] is True
    assert said["phone_number_verified"] is True
    assert isinstance(said["updated_at"], int)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", said["birthdate"])
    assert re.fullmatch(r"\+[1-9]\d{6,14}", said["phone_number"])
    assert said["locale"] == "vi-VN"
    assert set(said["address"]) <= {"formatted", "street_address", "locality", "region", "postal_code", "country"}
    given = PEOPLE[provider.citizen.number]
    assert {name: said[name] for name in given} == given


def test_oidc_core_5_3_2_what_is_not_known_is_absent(provider: Provider) -> None:
    citizen = a_citizen(provider.app, "003185000043", claims={"name": "Lê Văn Thiếu"})
    tokens = obtain_tokens(provider.browser(), provider.service, citizen, scope=EVERY_SCOPE)
    said = userinfo(provider.browser(), tokens["access_token"]).get_json()
    assert set(said) == {"sub", "name", "updated_at"}
    assert None not in said.values()
    assert "" not in said.values()


# -- OIDC Core 5.5 -------------------------------------------------------------------------------------------------


def asked_by_claims(
    browser: FlaskClient, service: Service, claims: Any, scope: str = "openid"
) -> tuple[dict[str, Any], ...]:
    text = claims if isinstance(claims, str) else json.dumps(claims)
    tokens = obtain_tokens(browser, service, claims=text, scope=scope)
    return claims_in(browser, tokens["id_token"]), userinfo(browser, tokens["access_token"]).get_json()


def test_oidc_core_5_5_claims_are_asked_for_one_by_one_in_each_place(provider: Provider, browser: FlaskClient) -> None:
    claims = {
        "userinfo": {"given_name": {"essential": True}, "nickname": None, "http://example.info/claims/groups": None},
        "id_token": {"birthdate": {"essential": True}, "email": None, "auth_time": {"essential": True}},
        "khac": {"name": None},
    }
    in_token, at_userinfo = asked_by_claims(browser, provider.service, claims)
    given = PEOPLE[provider.citizen.number]
    assert (in_token["birthdate"], in_token["email"]) == (given["birthdate"], given["email"])
    assert "name" not in in_token and "nickname" not in in_token
    assert set(at_userinfo) == {"sub", "given_name", "nickname"}


def test_oidc_core_5_5_claims_add_to_scopes(provider: Provider, browser: FlaskClient) -> None:
    in_token, said = asked_by_claims(browser, provider.service, {"userinfo": {"name": None}}, scope="openid email")
    assert set(said) == {"sub", "email", "email_verified", "name"}
    assert "name" not in in_token


def test_oidc_core_5_5_1_values_of_facts_change_nothing_about_the_person(
    provider: Provider, browser: FlaskClient
) -> None:
    claims = {"id_token": {"email": {"value": "ai-khac@example.com"}, "acr": {"values": ["x"]}}, "userinfo": None}
    in_token, _ = asked_by_claims(browser, provider.service, claims)
    assert in_token["email"] == PEOPLE[provider.citizen.number]["email"]
    assert in_token["acr"] != "x"


def test_oidc_core_5_5_2_a_localised_name_stands_for_the_plain_one(provider: Provider, browser: FlaskClient) -> None:
    _, said = asked_by_claims(browser, provider.service, {"userinfo": {"name#vi": None}})
    assert said["name"] == PEOPLE[provider.citizen.number]["name"]


@pytest.mark.parametrize(
    "claims",
    [
        "x",
        "[]",
        "1",
        '"a"',
        "null",
        "{",
        '{"userinfo": []}',
        '{"userinfo": 1}',
        '{"id_token": "email"}',
        '{"userinfo": {"email": 1}}',
        '{"userinfo": {"email": []}}',
        '{"userinfo": {"email": true}}',
        '{"userinfo": {"x": "y"}}',
        '{"userinfo": {}, "id_token": {"\\ud800": 1}}',
        "{" + '"a":{' * 500,
        '{"userinfo": {"' + "x" * 5000 + '": null}}',
        "\0",
    ],
)
def test_oidc_core_5_5_malformed_claims_are_refused(provider: Provider, browser: FlaskClient, claims: str) -> None:
    assert told(ask(browser, provider.service, claims=claims), provider.service)["error"] == "invalid_request"


def test_oidc_core_5_5_claims_need_consent_like_scopes(provider: Provider) -> None:
    service, browser = provider.agreed(), provider.signed_in()
    page = follow(browser, ask(browser, service, claims='{"id_token": {"address": null}}'))
    assert parked_in(page)
    assert 'id="consent-allow"' in page.text
    assert str(PEOPLE[provider.citizen.number]["address"]["locality"]) in page.text  # type: ignore[index]


def test_oidc_core_5_5_claims_cannot_go_round_the_registered_scopes(provider: Provider, browser: FlaskClient) -> None:
    service = provider.new_service(scope="openid email")
    every = {name: {"essential": True} for name in (*PROFILE, "email", "phone_number", "address", "personal_id_number")}
    in_token, said = asked_by_claims(browser, service, {"userinfo": every, "id_token": every}, scope="openid profile")
    assert set(said) == {"sub", "email"}
    assert not {*every} - {"email"} & in_token.keys()
    assert in_token["email"] == said["email"]


def test_a_scope_taken_out_of_the_registration_ends_the_release(provider: Provider, browser: FlaskClient) -> None:
    service = provider.new_service(scope="openid email phone", client_id="bot-pham-vi")
    tokens = obtain_tokens(
        browser, service, scope="openid email phone", claims='{"id_token": {"email": null, "phone_number": null}}'
    )
    assert {"email", "phone_number"} <= userinfo(browser, tokens["access_token"]).get_json().keys()
    assert {"email", "phone_number"} <= claims_in(browser, tokens["id_token"]).keys()
    provider.new_service(scope="openid email", client_id="bot-pham-vi", redirect_uris=[service.redirect_uri])
    provider.clock.advance(seconds=6)
    said = userinfo(browser, tokens["access_token"]).get_json()
    assert set(said) == {"sub", "email", "email_verified"}
    renewed = refresh(browser, service, tokens["refresh_token"])
    if "id_token" in renewed.get_json():
        assert "phone_number" not in claims_in(browser, renewed.get_json()["id_token"])
    asked = obtain_tokens(browser, service, scope="openid email", claims='{"id_token": {"phone_number": null}}')
    assert "phone_number" not in claims_in(browser, asked["id_token"])


# -- the personal number: only verified, only on a legal basis -----------------------------------------------------

BASIS = {"personal_number_basis": "Luật Căn cước 26/2023/QH15, Điều mẫu"}
BY_CLAIMS = json.dumps({name: {"personal_id_number": {"essential": True}} for name in ("userinfo", "id_token")})


@pytest.fixture(scope="module")
def verified(provider: Provider) -> Citizen:
    return a_citizen(provider.app, "003185000054", proof_source=ProofSource.NATIONAL_ID)


def number_told(provider: Provider, citizen: Citizen, service: Service, **asked: str) -> tuple[Any, Any]:
    browser = provider.browser()
    tokens = obtain_tokens(browser, service, citizen, **asked)
    return (
        userinfo(browser, tokens["access_token"]).get_json().get("personal_id_number"),
        claims_in(browser, tokens["id_token"]).get("personal_id_number"),
    )


def test_the_personal_number_goes_to_a_service_with_a_basis_when_it_is_verified(
    provider: Provider, verified: Citizen
) -> None:
    service = provider.new_service(scope="openid personal_id_number", **BASIS)
    by_scope = number_told(provider, verified, service, scope="openid personal_id_number")
    assert by_scope == (verified.number, None)
    assert number_told(provider, verified, service, claims=BY_CLAIMS) == (verified.number, verified.number)


def test_the_personal_number_never_goes_to_a_service_without_a_basis(provider: Provider, verified: Citizen) -> None:
    service = provider.new_service()
    assert number_told(provider, verified, service, claims=BY_CLAIMS) == (None, None)
    assert number_told(provider, verified, service, scope="openid personal_id_number") == (None, None)


def test_the_personal_number_never_goes_out_unverified(provider: Provider) -> None:
    service = provider.new_service(scope="openid personal_id_number", **BASIS)
    asked = {"scope": "openid personal_id_number", "claims": BY_CLAIMS}
    assert number_told(provider, provider.citizen, service, **asked) == (None, None)


def test_the_personal_number_never_goes_out_because_something_else_was_verified(provider: Provider) -> None:
    service = provider.new_service(scope="openid personal_id_number", **BASIS)
    reachable = {"name": "Lê Văn Mẫu", "email": "mau@nguoi-mau.example", "email_verified": True}
    declared = a_citizen(provider.app, "003185000062", claims=reachable)
    checked = {"proof_source": ProofSource.COUNTER}
    with provider.app.app_context(), storage.begin() as tx:
        subjects = storage.tables.subjects
        tx.execute(subjects.update().where(subjects.c.id == declared.id).values(checked))
    asked = {"scope": "openid personal_id_number", "claims": BY_CLAIMS}
    assert number_told(provider, declared, service, **asked) == (None, None)


def test_the_personal_number_stops_when_the_basis_is_taken_away(provider: Provider, verified: Citizen) -> None:
    from dataclasses import replace

    service = provider.new_service(scope="openid personal_id_number", **BASIS)
    browser = provider.browser()
    tokens = obtain_tokens(browser, service, verified, scope="openid personal_id_number")
    assert userinfo(browser, tokens["access_token"]).get_json()["personal_id_number"] == verified.number
    with provider.app.app_context(), storage.begin() as tx:
        found = storage.relying_services.find_service(tx, service.id)
        assert found is not None
        storage.relying_services.save_service(tx, replace(found, personal_number_basis=None))
    provider.clock.advance(seconds=6)
    assert "personal_id_number" not in userinfo(browser, tokens["access_token"]).get_json()
