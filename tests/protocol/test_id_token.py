"""ID tokens: OIDC Core 2, 3.1.3.3, 3.1.3.6, 3.1.3.7, 8.1; RFC 7515, RFC 7517."""

from dataclasses import replace
from hashlib import sha256
from uuid import uuid4

import jwt
import pytest
from flask.testing import FlaskClient

from idp import storage
from idp.storage.tables import subs
from tests.builders import claims_in, obtain_tokens, userinfo
from tests.builders_provider import Provider

PROVED = {"account_level", "proof_source"}
ALWAYS = PROVED | {"iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "amr", "sid", "at_hash"}


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    return provider.signed_in()


def test_oidc_core_2_the_id_token_has_its_claims(provider: Provider) -> None:
    browser = provider.signed_in()
    signed_in_at = int(provider.clock.now().timestamp())
    provider.clock.advance(minutes=2)
    tokens = obtain_tokens(browser, provider.service, nonce="n-0S6_WzA2Mj", scope="openid profile email")
    claims = claims_in(browser, tokens["id_token"])
    assert set(claims) == ALWAYS | {"nonce"}, "facts of the person stand at userinfo, not here (OIDC Core 5.4)"
    assert claims["iss"] == "http://localhost:8000"
    assert claims["aud"] == provider.service.client_id
    assert claims["nonce"] == "n-0S6_WzA2Mj"
    assert claims["auth_time"] == signed_in_at
    assert claims["iat"] == signed_in_at + 120
    assert claims["exp"] == claims["iat"] + 600
    assert claims["amr"] == ["pwd"]
    assert isinstance(claims["acr"], str)
    assert (claims["account_level"], claims["proof_source"]) == (0, "self")
    assert len(claims["sub"]) <= 255 and claims["sub"].isascii()


def test_oidc_core_2_without_a_nonce_there_is_none(provider: Provider, browser: FlaskClient) -> None:
    tokens = obtain_tokens(browser, provider.service, nonce=None)
    assert set(claims_in(browser, tokens["id_token"])) == ALWAYS


@pytest.mark.parametrize("nonce", ["x" * 1024, "<b>&\"'", "ộ🇻🇳\0\n", " ", "0", "null"])
def test_oidc_core_3_1_2_1_the_nonce_comes_back_exactly(provider: Provider, browser: FlaskClient, nonce: str) -> None:
    tokens = obtain_tokens(browser, provider.service, nonce=nonce)
    assert claims_in(browser, tokens["id_token"])["nonce"] == nonce


def test_oidc_core_3_1_3_6_at_hash_is_the_left_half_of_the_access_tokens_hash(
    provider: Provider, browser: FlaskClient
) -> None:
    tokens = obtain_tokens(browser, provider.service)
    digest = sha256(tokens["access_token"].encode("ascii")).digest()
    expected = jwt.utils.base64url_encode(digest[:16]).decode()
    assert claims_in(browser, tokens["id_token"])["at_hash"] == expected


@pytest.mark.parametrize("alg", ["ES256", "RS256"])
def test_oidc_core_3_1_3_7_it_is_signed_as_the_service_registered(provider: Provider, alg: str) -> None:
    service = provider.agreed(id_token_signed_response_alg=alg)
    browser = provider.signed_in()
    token = obtain_tokens(browser, service)["id_token"]
    header = jwt.get_unverified_header(token)
    published = {key["kid"]: key for key in browser.get("/oauth2/jwks").get_json()["keys"]}
    assert header["alg"] == alg
    assert published[header["kid"]]["alg"] == alg
    assert claims_in(browser, token)["aud"] == service.client_id


def test_oidc_core_15_1_rs256_is_the_default(provider: Provider) -> None:
    service = provider.agreed(id_token_signed_response_alg=None)
    browser = provider.signed_in()
    assert jwt.get_unverified_header(obtain_tokens(browser, service)["id_token"])["alg"] == "RS256"


def test_rfc7515_10_7_a_changed_token_does_not_verify(provider: Provider, browser: FlaskClient) -> None:
    head, payload, signature = obtain_tokens(browser, provider.service)["id_token"].split(".")
    other = obtain_tokens(provider.signed_in(), provider.agreed())["id_token"].split(".")[1]
    for changed in (f"{head}.{other}.{signature}", f"{head}.{payload}.{signature[:-6]}AAAAAA"):
        with pytest.raises(jwt.InvalidSignatureError):
            claims_in(browser, changed)


# -- OIDC Core 8.1 -------------------------------------------------------------------------------------------------


def test_oidc_core_8_1_sub_is_the_same_in_a_sector_and_another_elsewhere(
    provider: Provider, browser: FlaskClient
) -> None:
    province = [provider.agreed(sector="tinh-bac-ninh") for _ in range(2)]
    elsewhere = [provider.agreed(sector="mot-nganh-khac"), provider.agreed()]
    told = [claims_in(browser, obtain_tokens(browser, service)["id_token"]) for service in (*province, *elsewhere)]
    for name in ("sub", "sid"):
        values = [claims[name] for claims in told]
        assert values[0] == values[1]
        assert len(set(values)) == 3
        assert provider.citizen.number not in "".join(values)
        assert provider.citizen.id.hex not in "".join(values)


def test_oidc_core_8_1_two_people_never_share_a_sub(provider: Provider, browser: FlaskClient) -> None:
    service = provider.agreed()
    other = provider.signed_in(provider.other)
    own = claims_in(browser, obtain_tokens(browser, service)["id_token"])
    theirs = claims_in(other, obtain_tokens(other, service, provider.other)["id_token"])
    assert own["sub"] != theirs["sub"]
    assert own["sid"] != theirs["sid"]


def test_oidc_core_2_sub_is_never_reassigned_between_sign_ins(provider: Provider) -> None:
    told = []
    for _ in range(2):
        browser = provider.signed_in()
        told.append(claims_in(browser, obtain_tokens(browser, provider.service)["id_token"]))
        provider.clock.advance(hours=13)
    assert told[0]["sub"] == told[1]["sub"]
    assert told[0]["sid"] != told[1]["sid"]


def test_oidc_core_8_1_an_override_is_told_everywhere_alike(provider: Provider, browser: FlaskClient) -> None:
    service = provider.agreed(sector="nganh-da-chuyen")
    with provider.app.app_context(), storage.begin() as tx:
        row = {"id": uuid4(), "subject_id": provider.citizen.id, "sector": "nganh-da-chuyen", "sub": "ma-cu-0001"}
        present = {name: value for name, value in row.items() if name in subs.c}
        tx.execute(subs.insert().values(**present, **_created(provider)))
    tokens = obtain_tokens(browser, service)
    assert claims_in(browser, tokens["id_token"])["sub"] == "ma-cu-0001"
    assert userinfo(browser, tokens["access_token"]).get_json()["sub"] == "ma-cu-0001"
    hinted = obtain_tokens(browser, service, id_token_hint=tokens["id_token"], prompt="none")
    assert claims_in(browser, hinted["id_token"])["sub"] == "ma-cu-0001"


def _created(provider: Provider) -> dict[str, object]:
    return {"created_at": provider.clock.now()} if "created_at" in subs.c else {}


# -- RFC 7517 ------------------------------------------------------------------------------------------------------


def test_rfc7517_9_2_no_private_part_is_published(provider: Provider) -> None:
    keys = provider.browser().get("/oauth2/jwks").get_json()["keys"]
    assert {key["alg"] for key in keys} == {"ES256", "RS256"}
    assert len({key["kid"] for key in keys}) == len(keys) >= 4
    for key in keys:
        assert set(key) <= {"kty", "crv", "x", "y", "n", "e", "kid", "use", "alg"}
        assert key["use"] == "sig"


def test_rfc7517_5_a_rotation_keeps_old_tokens_verifiable(provider: Provider) -> None:
    from idp.flows import key_care

    browser = provider.signed_in()
    before = obtain_tokens(browser, provider.service)["id_token"]
    published = {key["kid"] for key in browser.get("/oauth2/jwks").get_json()["keys"]}
    with provider.app.app_context(), storage.begin() as tx:
        key_care.rotate(tx, provider.app.extensions["idp"], "the tests")
    provider.clock.advance(seconds=6)
    after = obtain_tokens(browser, provider.service)["id_token"]
    kid = jwt.get_unverified_header(after)["kid"]
    assert kid != jwt.get_unverified_header(before)["kid"]
    assert kid in published, "the key that signs now was published before (next)"
    assert claims_in(browser, before)["sub"] == claims_in(browser, after)["sub"]
    assert (
        "code="
        in browser.get("/oauth2/authorize", query_string={**_hinted(provider, before), "prompt": "none"}).location
    )


def _hinted(provider: Provider, token: str) -> dict[str, str]:
    from tests.builders import request_of

    return request_of(replace(provider.service), id_token_hint=token)
