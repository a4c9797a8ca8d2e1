"""What a service is told in other forms: signed userinfo (OIDC Core 5.3.2), `dvcqg`, the rest of `claims` (5.5.1)."""

import json
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient

from idp.domain.levels import ProofSource
from tests.builders import (
    Citizen,
    a_citizen,
    answer_in,
    ask,
    claims_in,
    follow,
    obtain_tokens,
    page_of,
    parked_in,
    sign_in,
    userinfo,
)
from tests.builders_provider import Provider
from tests.protocol.test_authorize import told

PORTAL = {"TechID", "LoaiTaiKhoan", "HoVaTen", "NgayThangNamSinh", "SoDinhDanh"}


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    return provider.signed_in()


@pytest.fixture(scope="module")
def verified(provider: Provider) -> Citizen:
    claims = {"name": "Trần Văn Đã Xác Minh", "birthdate": "1990-02-03"}
    return a_citizen(provider.app, "097090000017", claims=claims, proof_source=ProofSource.COUNTER)


def released(provider: Provider, citizen: Citizen, asked: str, **members: Any) -> dict[str, Any]:
    service, browser = provider.new_service(**members), provider.browser()
    tokens = obtain_tokens(browser, service, citizen, scope=asked)
    said = userinfo(browser, tokens["access_token"]).get_json()
    assert said["sub"] == claims_in(browser, tokens["id_token"])["sub"]
    return dict(said)


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_oidc_core_5_3_2_signed_userinfo_says_who_made_it_and_for_whom(
    provider: Provider, browser: FlaskClient, alg: str
) -> None:
    service = provider.agreed(userinfo_signed_response_alg=alg, scope="openid email")
    tokens = obtain_tokens(browser, service, scope="openid")
    response = userinfo(browser, tokens["access_token"])
    assert response.mimetype == "application/jwt"
    assert jwt.get_unverified_header(response.text)["alg"] == alg
    said = claims_in(browser, response.text)
    assert (said["iss"], said["aud"]) == ("http://localhost:8000", service.client_id)
    assert said["sub"] == claims_in(browser, tokens["id_token"])["sub"]


def test_oidc_core_5_3_3_an_error_at_userinfo_is_never_signed(provider: Provider, browser: FlaskClient) -> None:
    assert userinfo(browser, "x").mimetype == "application/json"


def test_dvcqg_tells_the_same_facts_under_the_portals_names(provider: Provider, verified: Citizen) -> None:
    basis = {"personal_number_basis": "Luật Căn cước 26/2023/QH15, Điều mẫu", "scope": "openid dvcqg"}
    said = released(provider, verified, "openid dvcqg", **basis)
    assert set(said) == PORTAL | {"sub", "name", "birthdate", "personal_id_number"}
    assert (said["TechID"], said["LoaiTaiKhoan"]) == (said["sub"], "1")
    assert (said["HoVaTen"], said["NgayThangNamSinh"]) == (said["name"], "19900203")
    assert said["SoDinhDanh"] == said["personal_id_number"] == verified.number


def test_dvcqg_tells_the_number_only_on_a_legal_basis(provider: Provider, verified: Citizen) -> None:
    said = released(provider, verified, "openid dvcqg", scope="openid dvcqg")
    assert set(said) == (PORTAL - {"SoDinhDanh"}) | {"sub", "name", "birthdate"}
    assert verified.number not in json.dumps(said)


def test_dvcqg_is_for_services_that_are_registered_for_it(provider: Provider, verified: Citizen) -> None:
    assert not PORTAL & set(released(provider, verified, "openid dvcqg"))
    assert not PORTAL & set(released(provider, verified, "openid profile", scope="openid profile dvcqg"))


def asking(**in_token: Any) -> str:
    return json.dumps({"id_token": in_token})


def test_unmet_authentication_requirements_an_essential_acr_that_cannot_be_had_is_refused(
    provider: Provider, browser: FlaskClient
) -> None:
    for wanted in ({"value": "urn:bacninh:xacthuc:3"}, {"values": ["urn:khac"]}):
        claims = asking(acr={"essential": True, **wanted})
        said = told(ask(browser, provider.service, claims=claims), provider.service)
        assert said["error"] == "unmet_authentication_requirements"


def test_oidc_core_5_5_1_1_an_acr_that_is_met_or_merely_wished_for_is_answered(
    provider: Provider, browser: FlaskClient
) -> None:
    wishes = (
        {"claims": asking(acr={"essential": True, "values": ["urn:bacninh:xacthuc:3", "urn:bacninh:xacthuc:1"]})},
        {"claims": asking(acr={"essential": True})},
        {"claims": asking(acr={"value": "urn:bacninh:xacthuc:3"})},
        {"acr_values": "urn:bacninh:xacthuc:3"},
    )
    for wish in wishes:
        tokens = obtain_tokens(browser, provider.service, **wish)
        assert claims_in(browser, tokens["id_token"])["acr"] == "urn:bacninh:xacthuc:1"


def test_the_services_own_minimum_is_a_requirement(provider: Provider, browser: FlaskClient) -> None:
    service = provider.new_service(minimum_auth_level=3)
    assert told(ask(browser, service), service)["error"] == "unmet_authentication_requirements"


def test_oidc_core_5_5_1_a_sub_names_the_one_person_the_answer_may_be_about(
    provider: Provider, browser: FlaskClient
) -> None:
    sub = claims_in(browser, obtain_tokens(browser, provider.service)["id_token"])["sub"]
    named = {"claims": asking(sub={"value": sub}), "prompt": "none"}
    assert "code" in answer_in(ask(browser, provider.service, **named))
    other = provider.browser()
    sign_in(other, provider.other)
    assert told(ask(other, provider.service, **named), provider.service)["error"] == "login_required"


def test_rfc8725_3_12_signed_userinfo_is_no_id_token_and_no_hint(provider: Provider, browser: FlaskClient) -> None:
    service = provider.agreed(userinfo_signed_response_alg="RS256", scope="openid email")
    tokens = obtain_tokens(browser, service, scope="openid")
    signed = userinfo(browser, tokens["access_token"]).text
    for mistaken in (signed, signed + "x"):
        said = told(ask(browser, service, id_token_hint=mistaken), service)
        assert (said["error"], "id_token_hint" in said["error_description"]) == ("invalid_request", True)
    back = {"post_logout_redirect_uri": "https://dich-vu.example/da-dang-xuat"}
    assert "code" in answer_in(ask(browser, service, id_token_hint=tokens["id_token"], prompt="none"))
    page = follow(browser, browser.get("/oauth2/logout", query_string={"id_token_hint": signed, **back}))
    assert page_of(page) == "sign_out", "nobody is signed out by it"
    signed_out = browser.post("/sign-out", data={"parked": parked_in(page)})
    assert signed_out.location.startswith("/"), "nor sent anywhere"
