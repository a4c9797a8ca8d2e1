"""Services that prove themselves by a signed assertion: RFC 7523 2.2 and 3, RFC 7521 4.2, OIDC Core 9."""

import hmac
import json
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest
from jwt.utils import base64url_encode
from werkzeug.test import TestResponse

from idp.protocol.registry import Registry
from idp.runtime.outbound import Answer, OutboundFailure
from tests.builders import SECRET, Service, basic, obtain_code
from tests.builders_assertions import (
    SHARED,
    OwnKey,
    a_key,
    a_keyed_service,
    assertion_form,
    claims_of,
    proof,
    signed,
)
from tests.builders_provider import Provider
from tests.protocol.test_code_grant import error_in

KEY, OTHER = a_key(), a_key()
MACHINE: dict[str, Any] = {"grant_types": ["authorization_code", "client_credentials"], "machine_scopes": "read"}
# A payload of some thousand opening brackets: reading it would go deeper than Python can.
DEEP = "eyJhbGciOiJFUzI1NiJ9." + urlsafe_b64encode(b"[" * 4500).decode() + ".AA"
UNKNOWN = "the service is not known, is suspended, or its proof is wrong (RFC 6749 5.2)"


@pytest.fixture(scope="module")
def keyed(provider: Provider) -> Service:
    return a_keyed_service(provider, KEY, **MACHINE)


@pytest.fixture(scope="module")
def sharing(provider: Provider) -> Service:
    members = {"token_endpoint_auth_method": "client_secret_jwt", "client_secret": SHARED}
    return provider.new_service(**members, **MACHINE)


def ask_token(provider: Provider, form: dict[str, str], **more: Any) -> TestResponse:
    return provider.browser().post("/oauth2/token", data={"grant_type": "client_credentials", **form}, **more)


def refused_with(response: TestResponse) -> str:
    assert response.status_code == 401, response.text
    assert error_in(response, 401) == "invalid_client"
    return str(response.get_json()["error_description"])


def hs256(provider: Provider, service: Service, secret: str, **changed: Any) -> dict[str, str]:
    return assertion_form(jwt.encode(claims_of(provider, service, **changed), secret, "HS256"))


def hs256_by_hand(claims: dict[str, Any], secret: str) -> str:
    """As PyJWT would sign, were it not too careful to take a public key for a secret."""
    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "HS256"}, claims)]
    signature = hmac.new(secret.encode(), b".".join(parts), "sha256").digest()
    return b".".join([*parts, urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def signed_by_hand(claims: dict[str, Any] | str, key: OwnKey) -> str:
    """As a careless library would sign, whatever numbers stand in it."""
    payload = claims if isinstance(claims, str) else json.dumps(claims)
    return jwt.PyJWS().encode(payload.encode(), key.private, key.alg, headers={"kid": key.jwk["kid"]})


def test_what_is_signed_by_hand_would_be_taken_with_the_right_secret(provider: Provider, sharing: Service) -> None:
    good = assertion_form(hs256_by_hand(claims_of(provider, sharing), SHARED))
    assert ask_token(provider, good).status_code == 200


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
def test_oidc_core_9_private_key_jwt_proves_a_service(provider: Provider, alg: str) -> None:
    key = a_key(alg)
    service = a_keyed_service(provider, key, token_endpoint_auth_signing_alg=alg, **MACHINE)
    assert ask_token(provider, proof(provider, service, key)).status_code == 200


def test_oidc_core_9_client_secret_jwt_proves_a_service(provider: Provider, sharing: Service) -> None:
    assert ask_token(provider, hs256(provider, sharing, SHARED)).status_code == 200
    wrong = hs256(provider, sharing, "sai-" + SHARED)
    assert refused_with(ask_token(provider, wrong)) == UNKNOWN


def test_rfc7523_2_2_an_assertion_exchanges_a_code(provider: Provider) -> None:
    service = a_keyed_service(provider, KEY)
    code = obtain_code(provider.browser(), service, provider.citizen)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": service.redirect_uri}
    verifier = "bo-kiem-tra-dai-it-nhat-43-ky-tu-nhu-rfc-7636-quy-dinh"
    response = ask_token(provider, {**form, "code_verifier": verifier, **proof(provider, service, KEY)})
    assert response.status_code == 200, response.text
    assert "id_token" in response.get_json()


@pytest.mark.parametrize("path", ["", "/oauth2/token"])
def test_rfc7523_3_the_audience_is_the_issuer_or_the_token_endpoint(
    provider: Provider, keyed: Service, path: str
) -> None:
    aud = provider.app.extensions["idp"].settings.issuer + path
    assert ask_token(provider, proof(provider, keyed, KEY, aud=aud)).status_code == 200
    assert ask_token(provider, proof(provider, keyed, KEY, aud=["https://x.example", aud])).status_code == 200


def seconds(provider: Provider, away: int) -> int:
    return int(provider.clock.now().timestamp()) + away


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"iss": "ai-do"}, "iss and sub of the assertion must both be the client_id (RFC 7523 3)"),
        ({"iss": None}, "iss and sub of the assertion must both be the client_id (RFC 7523 3)"),
        (
            {"aud": "https://other.example"},
            "aud of the assertion must be the issuer or the token endpoint (RFC 7523 3)",
        ),
        ({"aud": None}, "aud of the assertion must be the issuer or the token endpoint (RFC 7523 3)"),
        ({"aud": []}, "aud of the assertion must be the issuer or the token endpoint (RFC 7523 3)"),
        ({"exp": None}, "exp of the assertion is missing or past (RFC 7523 3)"),
        ({"exp": -61}, "exp of the assertion is missing or past (RFC 7523 3)"),
        ({"exp": 3600}, "exp of the assertion is too far away: 15 minutes at most (RFC 7523 3)"),
        ({"nbf": 61}, "nbf of the assertion lies in the future (RFC 7523 3)"),
        ({"iat": 61}, "iat of the assertion lies in the future (RFC 7523 3)"),
        ({"exp": "soon"}, "exp of the assertion is no time (RFC 7519 2)"),
        ({"jti": None}, "jti of the assertion is missing or too long (OIDC Core 9)"),
        ({"jti": "j" * 256}, "jti of the assertion is missing or too long (OIDC Core 9)"),
    ],
    ids=str,
)
def test_rfc7523_3_each_claim_is_checked(
    provider: Provider, keyed: Service, changed: dict[str, Any], said: str
) -> None:
    moved = {
        name: seconds(provider, value) if name in ("exp", "nbf", "iat") and isinstance(value, int) else value
        for name, value in changed.items()
    }
    assert refused_with(ask_token(provider, proof(provider, keyed, KEY, **moved))) == said


LAST_SECOND = 253_402_300_799  # of the year 9999


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value",
    [LAST_SECOND + 1, 2**63, 10**400, 1e300, float("inf"), float("nan"), True, -1],
    ids=lambda value: str(value)[:20],
)
def test_rfc7519_2_a_time_that_no_calendar_has_is_refused(
    provider: Provider, keyed: Service, name: str, value: float
) -> None:
    form = assertion_form(signed_by_hand({**claims_of(provider, keyed), name: value}, KEY))
    assert refused_with(ask_token(provider, form)) == f"{name} of the assertion is no time (RFC 7519 2)"


@pytest.mark.parametrize("value", [LAST_SECOND, LAST_SECOND - 1])
def test_rfc7519_2_the_end_of_the_calendar_is_too_far_away(provider: Provider, keyed: Service, value: int) -> None:
    said = refused_with(ask_token(provider, proof(provider, keyed, KEY, exp=value)))
    assert said == "exp of the assertion is too far away: 15 minutes at most (RFC 7523 3)"


@pytest.mark.parametrize("jti", ["\ud800", "a\udfff", "\0", "a\0b"], ids=ascii)
def test_rfc7519_4_1_7_a_jti_that_cannot_be_kept_is_refused(provider: Provider, keyed: Service, jti: str) -> None:
    said = refused_with(ask_token(provider, proof(provider, keyed, KEY, jti=jti)))
    assert said == "jti of the assertion is no text (RFC 7519 4.1.7)"


def test_a_number_too_long_to_read_is_refused(provider: Provider, keyed: Service) -> None:
    claims = json.dumps(claims_of(provider, keyed)).replace('"exp": ', '"exp": 1' + "0" * 5000)
    assert refused_with(ask_token(provider, assertion_form(signed_by_hand(claims, KEY)))) == UNKNOWN


def test_rfc7523_3_a_sub_of_another_service_is_not_proved_by_this_key(provider: Provider, keyed: Service) -> None:
    other = a_keyed_service(provider, OTHER, **MACHINE)
    assert refused_with(ask_token(provider, proof(provider, other, KEY))) == UNKNOWN
    form = {"client_id": keyed.client_id, **proof(provider, keyed, KEY, sub=other.client_id)}
    assert "iss and sub" in refused_with(ask_token(provider, form))


def test_oidc_core_9_a_jti_is_spent_once_at_whatever_endpoint(provider: Provider, keyed: Service) -> None:
    used = "the assertion was used before (OIDC Core 9)"
    form = proof(provider, keyed, KEY)
    assert ask_token(provider, form).status_code == 200
    assert refused_with(ask_token(provider, form)) == used
    for path in ("/oauth2/introspect", "/oauth2/revoke"):
        assert refused_with(provider.browser().post(path, data={"token": "x", **form})) == used


def test_oidc_core_9_a_refused_request_spends_its_jti_too(provider: Provider, keyed: Service) -> None:
    form = proof(provider, keyed, KEY)
    assert error_in(ask_token(provider, {**form, "scope": "chua-dang-ky"})) == "invalid_scope"
    assert "used before" in refused_with(ask_token(provider, form))


def test_oidc_core_9_a_replayed_code_spends_the_jti_that_came_with_it(provider: Provider) -> None:
    service = a_keyed_service(provider, KEY)
    code = obtain_code(provider.browser(), service, provider.citizen)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": service.redirect_uri}
    form["code_verifier"] = "bo-kiem-tra-dai-it-nhat-43-ky-tu-nhu-rfc-7636-quy-dinh"
    assert ask_token(provider, {**form, **proof(provider, service, KEY)}).status_code == 200
    again = {**form, **proof(provider, service, KEY)}
    assert error_in(ask_token(provider, again)) == "invalid_grant"
    assert "used before" in refused_with(ask_token(provider, again))


def test_oidc_core_9_the_same_jti_of_two_services_is_two(provider: Provider, keyed: Service) -> None:
    other = a_keyed_service(provider, OTHER, **MACHINE)
    assert ask_token(provider, proof(provider, keyed, KEY, jti="chung")).status_code == 200
    assert ask_token(provider, proof(provider, other, OTHER, jti="chung")).status_code == 200


# -- algorithms ----------------------------------------------------------------------------------------------------


def test_oidc_registration_2_only_the_registered_algorithm_is_taken(provider: Provider) -> None:
    rsa = a_key("RS256")
    service = a_keyed_service(provider, rsa, token_endpoint_auth_signing_alg="PS256", **MACHINE)
    assert refused_with(ask_token(provider, proof(provider, service, rsa))) == UNKNOWN
    sound = OwnKey("PS256", rsa.private, rsa.jwk)
    assert ask_token(provider, proof(provider, service, sound)).status_code == 200


def test_rfc8725_2_1_a_public_key_is_no_shared_secret(provider: Provider) -> None:
    """The old confusion: HS256 with the text of a public key as the secret."""
    service = a_keyed_service(provider, KEY, **MACHINE)
    for secret in (json.dumps(KEY.jwk), KEY.jwk["x"], json.dumps(KEY.jwks)):
        forged = hs256_by_hand(claims_of(provider, service), secret)
        assert refused_with(ask_token(provider, assertion_form(forged))) == UNKNOWN


def test_rfc8725_3_2_none_is_no_algorithm(provider: Provider, keyed: Service, sharing: Service) -> None:
    for service in (keyed, sharing):
        unsigned = jwt.encode(claims_of(provider, service), None, "none")  # type: ignore[arg-type]
        assert refused_with(ask_token(provider, assertion_form(unsigned))) == UNKNOWN


def test_rfc8725_3_10_a_key_in_the_header_is_not_believed(provider: Provider, keyed: Service) -> None:
    forged = signed(claims_of(provider, keyed), OTHER, jwk=OTHER.jwk, jku="https://ke-gian.example/jwks")
    assert refused_with(ask_token(provider, assertion_form(forged))) == UNKNOWN
    assert not provider.outbound.calls_to("https://ke-gian.example/jwks")


@pytest.mark.parametrize("garbage", ["x", "a.b.c", "." * 200, "x" * 9000, "e30.e30.", DEEP])
def test_rfc7521_4_2_what_is_no_jwt_is_refused(provider: Provider, garbage: str) -> None:
    assert refused_with(ask_token(provider, assertion_form(garbage))) == UNKNOWN


# -- one method, the registered one --------------------------------------------------------------------------------


def test_oidc_core_9_a_keyed_service_has_no_secret(provider: Provider, keyed: Service) -> None:
    form = {"client_id": keyed.client_id, "client_secret": SECRET}
    assert refused_with(ask_token(provider, form)) == UNKNOWN
    assert refused_with(ask_token(provider, {"client_id": keyed.client_id})) == UNKNOWN


def test_oidc_core_9_a_service_with_a_secret_sends_no_assertion(provider: Provider) -> None:
    service = provider.new_service(client_secret=SHARED, **MACHINE)
    assert refused_with(ask_token(provider, hs256(provider, service, SHARED))) == UNKNOWN
    assert refused_with(ask_token(provider, proof(provider, service, KEY))) == UNKNOWN
    both = provider.new_service(client_secret=SHARED, jwks=KEY.jwks, **MACHINE)
    said = refused_with(ask_token(provider, proof(provider, both, KEY)))
    assert said == "the service is registered for client_secret_basic, but used private_key_jwt (OIDC Core 9)"


def test_oidc_core_9_a_shared_secret_is_signed_with_and_never_sent(provider: Provider, sharing: Service) -> None:
    said = refused_with(ask_token(provider, {"client_id": sharing.client_id, "client_secret": SHARED}))
    assert said == "the service is registered for client_secret_jwt, but used client_secret_post (OIDC Core 9)"


@pytest.mark.parametrize("stored", [None, b""], ids=["no secret", "an empty one"])
@pytest.mark.parametrize("secret", ["", "\0" * 32], ids=["with nothing", "with what is compared instead"])
def test_oidc_core_9_a_service_whose_secret_is_gone_is_not_proved_by_none(
    provider: Provider, sharing: Service, monkeypatch: pytest.MonkeyPatch, stored: bytes | None, secret: str
) -> None:
    """An HMAC with no secret is one that anybody can make."""
    monkeypatch.setattr(Registry, "find_shared_secret", lambda *_: stored)
    form = assertion_form(hs256_by_hand(claims_of(provider, sharing), secret))
    assert refused_with(ask_token(provider, form)) == UNKNOWN


def test_rfc6749_2_3_two_methods_at_once_are_refused(provider: Provider, keyed: Service) -> None:
    form = proof(provider, keyed, KEY)
    authorization = {"Authorization": basic(keyed.client_id, SECRET)}
    for response in (
        ask_token(provider, {**form, "client_secret": SECRET, "client_id": keyed.client_id}),
        ask_token(provider, form, headers=authorization),
    ):
        assert response.status_code == 400
        assert response.get_json()["error_description"] == (
            "more than one way of client authentication was used (RFC 6749 2.3)"
        )


def test_rfc7521_4_2_the_assertion_type_must_be_named(provider: Provider, keyed: Service) -> None:
    form = proof(provider, keyed, KEY)
    for changed in ({**form, "client_assertion_type": "urn:x"}, {"client_assertion": form["client_assertion"]}):
        response = ask_token(provider, changed)
        assert response.status_code == 400
        assert "client_assertion_type must be urn:ietf" in response.get_json()["error_description"]


def test_rfc7521_4_2_a_client_id_beside_it_names_the_same_service(provider: Provider, keyed: Service) -> None:
    named = {"client_id": keyed.client_id}
    assert ask_token(provider, {**named, **proof(provider, keyed, KEY)}).status_code == 200
    stranger = {"client_id": "khong-co", **proof(provider, keyed, KEY)}
    assert refused_with(ask_token(provider, stranger)) == UNKNOWN


# -- keys behind an address ----------------------------------------------------------------------------------------


def document(*keys: OwnKey) -> Answer:
    return Answer(200, {"Content-Type": "application/json"}, json.dumps({"keys": [key.jwk for key in keys]}).encode())


def test_rfc7517_keys_at_an_address_are_fetched_again_for_an_unknown_kid(provider: Provider) -> None:
    old, new = a_key(kid="cu"), a_key(kid="moi")
    uri = "https://xoay-khoa.example/jwks"
    provider.outbound.answer(uri, document(old), document(old, new))
    service = a_keyed_service(provider, old, jwks=None, jwks_uri=uri, **MACHINE)
    assert ask_token(provider, proof(provider, service, old)).status_code == 200
    assert ask_token(provider, proof(provider, service, old)).status_code == 200
    assert len(provider.outbound.calls_to(uri)) == 1
    provider.clock.advance(seconds=31)
    assert ask_token(provider, proof(provider, service, new)).status_code == 200
    assert len(provider.outbound.calls_to(uri)) == 2


def test_a_key_that_costs_too_much_proves_nobody(provider: Provider) -> None:
    """A set at an address is nobody's registration: what stands there is judged at each use."""
    key, uri = a_key("RS256"), "https://khoa-dat.example/jwks"
    costly = {**key.jwk, "e": base64url_encode(b"\1" * 255).decode()}
    provider.outbound.answer(uri, Answer(200, {}, json.dumps({"keys": [costly]}).encode()))
    service = a_keyed_service(provider, key, jwks=None, jwks_uri=uri, **MACHINE)
    assert refused_with(ask_token(provider, proof(provider, service, key))) == UNKNOWN


def test_rfc7517_strangers_do_not_make_us_hammer_an_address(provider: Provider) -> None:
    uri = "https://bi-go-cua.example/jwks"
    provider.outbound.answer(uri, document(KEY))
    service = a_keyed_service(provider, KEY, jwks=None, jwks_uri=uri, **MACHINE)
    assert ask_token(provider, proof(provider, service, KEY)).status_code == 200
    for _ in range(20):
        assert refused_with(ask_token(provider, proof(provider, service, a_key(kid="la")))) == UNKNOWN
    assert len(provider.outbound.calls_to(uri)) == 2, "once for the first stranger, and not again for a while"


@pytest.mark.parametrize(
    "answer",
    [
        OutboundFailure("slow"),
        Answer(302, {"Location": "https://ke-gian.example"}, b""),
        Answer(500, {}, b""),
        Answer(200, {}, b"<html>"),
        Answer(200, {}, b"[]"),
        Answer(200, {}, b'{"keys":[{"kty":"RSA","n":3,"e":[]},7,{"kty":"oct","k":"eA"}]}'),
        Answer(200, {}, b'{"keys":' + b"[" * 5000),
    ],
    ids=["slow", "redirect", "error", "html", "list", "nonsense", "deep"],
)
def test_rfc7517_a_hostile_address_proves_nobody(provider: Provider, answer: Answer | OutboundFailure) -> None:
    service = a_keyed_service(provider, KEY, jwks=None, jwks_uri=f"https://xau-{id(answer)}.example/jwks", **MACHINE)
    provider.outbound.answer(f"https://xau-{id(answer)}.example/jwks", answer)
    assert refused_with(ask_token(provider, proof(provider, service, KEY))) == UNKNOWN
