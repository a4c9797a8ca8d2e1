"""Whatever metadata lists works: for each value a service is registered that uses it, in a real sign-in.

Discovery 3, RFC 8414 2, OIDC Registration 2. Under the profile for foreign suites: services register themselves.
"""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from flask.testing import FlaskClient
from joserfc import jwe
from joserfc.jwk import ECKey, Key, RSAKey

from tests.builders import (
    VERIFIER,
    Service,
    ask,
    basic,
    claims_in,
    follow,
    obtain_tokens,
    page_of,
    post_token,
    refresh,
    userinfo,
    walk,
)
from tests.builders_assertions import SHARED, OwnKey, a_key, assertion_form, claims_of, signed
from tests.builders_provider import Provider, open_provider
from tests.protocol.test_interop import self_registered
from tests.protocol.test_response_types import in_any_mode
from tests.stores import Stores

IMPLICIT = {"grant_types": ["authorization_code", "implicit", "refresh_token"]}


@pytest.fixture(scope="module")
def provider(stores: Stores) -> Iterator[Provider]:
    with open_provider(stores, IDP_PROFILE="interop", IDP_LOGGING_LEVEL="warning") as opened:
        yield opened


@pytest.fixture(scope="module")
def document(provider: Provider) -> dict[str, Any]:
    found: dict[str, Any] = provider.browser().get("/.well-known/openid-configuration").get_json()
    return found


def tokens_of(provider: Provider, service: Service, **parameters: str | None) -> dict[str, Any]:
    return obtain_tokens(provider.browser(), service, provider.citizen, **parameters)


def with_response_type(provider: Provider, value: str) -> None:
    service = self_registered(provider, response_types=[value], **IMPLICIT)
    browser = provider.browser()
    said = in_any_mode(walk(browser, ask(browser, service, response_type=value), provider.citizen))
    for word in value.split():
        assert said["access_token" if word == "token" else word]


def with_response_mode(provider: Provider, value: str) -> None:
    browser = provider.browser()
    service = self_registered(provider)
    assert in_any_mode(walk(browser, ask(browser, service, response_mode=value), provider.citizen))["code"]


def with_grant_type(provider: Provider, value: str) -> None:
    if value == "client_credentials":
        service = self_registered(
            provider, grant_types=[value], response_types=[], redirect_uris=["https://x.example/cb"]
        )
        assert post_token(provider.browser(), service, grant_type=value).get_json()["access_token"]
    elif value == "implicit":
        with_response_type(provider, "id_token")
    else:
        service = self_registered(provider, grant_types=["authorization_code", "refresh_token"])
        tokens = tokens_of(provider, service)
        assert refresh(provider.browser(), service, tokens["refresh_token"]).status_code == 200


def with_scope(provider: Provider, value: str) -> None:
    service = self_registered(provider, grant_types=["authorization_code", "refresh_token"])
    assert tokens_of(provider, service, scope=f"openid {value}")["id_token"]


def with_subject_type(provider: Provider, value: str) -> None:
    assert tokens_of(provider, self_registered(provider, subject_type=value))["id_token"]


def with_signed_id_token(provider: Provider, value: str) -> None:
    token = tokens_of(provider, self_registered(provider, id_token_signed_response_alg=value))["id_token"]
    assert jwt.get_unverified_header(token)["alg"] == value
    assert claims_in(provider.browser(), token)["sub"]


def with_signed_userinfo(provider: Provider, value: str) -> None:
    tokens = tokens_of(provider, self_registered(provider, userinfo_signed_response_alg=value))
    told = userinfo(provider.browser(), tokens["access_token"])
    assert told.mimetype == "application/jwt"
    assert jwt.get_unverified_header(told.text)["alg"] == value
    assert claims_in(provider.browser(), told.text)["sub"]


def with_signed_introspection(provider: Provider, value: str) -> None:
    service = self_registered(provider, introspection_signed_response_alg=value)
    tokens = tokens_of(provider, service)
    assert service.client_secret is not None
    told = provider.browser().post(
        "/oauth2/introspect",
        data={"token": tokens["access_token"]},
        headers={
            "Accept": "application/token-introspection+jwt",
            "Authorization": basic(service.client_id, service.client_secret),
        },
    )
    assert jwt.get_unverified_header(told.text)["alg"] == value


def a_pair(alg: str) -> Key:
    return RSAKey.generate_key(2048) if alg.startswith("RSA") else ECKey.generate_key("P-256")


def decrypted(token: str, key: Key, alg: str, enc: str) -> str:
    opened = jwe.decrypt_compact(token, key, algorithms=[alg, enc])
    assert opened.plaintext is not None
    return opened.plaintext.decode()


def encrypted(kind: str) -> Callable[[Provider, str, str], None]:
    def check(provider: Provider, alg: str, enc: str) -> None:
        key = a_pair(alg)
        jwks = {"keys": [{**key.as_dict(private=False), "use": "enc", "kid": "e1"}]}
        members = {f"{kind}_encrypted_response_alg": alg, f"{kind}_encrypted_response_enc": enc}
        service = self_registered(provider, jwks=jwks, **members)
        tokens = tokens_of(provider, service)
        if kind == "id_token":
            assert claims_in(provider.browser(), decrypted(tokens["id_token"], key, alg, enc))["sub"]
        else:
            told = userinfo(provider.browser(), tokens["access_token"])
            assert '"sub"' in decrypted(told.text, key, alg, enc)

    return check


def with_request_object(provider: Provider, value: str) -> None:
    key = a_key(value) if value != "none" else a_key()
    service = self_registered(provider, jwks=key.jwks, request_object_signing_alg=value)
    claims = {"iss": service.client_id, "aud": "http://localhost:8000", "state": "inside"}
    token = jwt.encode(claims, None, "none") if value == "none" else signed(claims, key)
    browser = provider.browser()
    said = in_any_mode(walk(browser, ask(browser, service, request=token), provider.citizen))
    assert said["state"] == "inside"


def with_encrypted_request_object(provider: Provider, alg: str, enc: str) -> None:
    """Encrypted to the key that the provider publishes for it."""
    own = a_key()
    service = self_registered(
        provider, jwks=own.jwks, request_object_encryption_alg=alg, request_object_encryption_enc=enc
    )
    claims = {"iss": service.client_id, "aud": "http://localhost:8000", "state": "inside"}
    kind = "RSA" if alg.startswith("RSA") else "EC"
    keys = provider.browser().get("/oauth2/jwks").get_json()["keys"]
    public = next(key for key in keys if key["use"] == "enc" and key["kty"] == kind)
    imported: Key = (RSAKey if kind == "RSA" else ECKey).import_key(public)
    header = {"alg": alg, "enc": enc, "kid": public["kid"], "cty": "JWT"}
    token = jwe.encrypt_compact(header, signed(claims, own).encode(), imported, algorithms=[alg, enc])
    browser = provider.browser()
    said = in_any_mode(walk(browser, ask(browser, service, request=token), provider.citizen))
    assert said["state"] == "inside"


def with_auth_method(provider: Provider, value: str) -> None:
    if value in ("client_secret_basic", "client_secret_post", "none"):
        assert tokens_of(provider, self_registered(provider, token_endpoint_auth_method=value))["id_token"]
        return
    with_auth_algorithm(provider, "HS256" if value == "client_secret_jwt" else "ES256")


def with_auth_algorithm(provider: Provider, value: str) -> None:
    members: dict[str, Any] = {"token_endpoint_auth_signing_alg": value}
    if value == "HS256":
        service = provider.new_service(token_endpoint_auth_method="client_secret_jwt", client_secret=SHARED, **members)
        key = OwnKey("HS256", SHARED, {})
    else:
        key = a_key(value)
        service = self_registered(provider, token_endpoint_auth_method="private_key_jwt", jwks=key.jwks, **members)
    browser = provider.browser()
    code = in_any_mode(walk(browser, ask(browser, service), provider.citizen))["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": service.redirect_uri}
    form |= {"code_verifier": VERIFIER, **assertion_form(signed(claims_of(provider, service), key))}
    assert browser.post("/oauth2/token", data=form).status_code == 200


def with_prompt(provider: Provider, value: str) -> None:
    browser: FlaskClient = provider.signed_in()
    service = self_registered(provider)
    response = ask(browser, service, prompt=value)
    if value == "none":
        assert parse_qs(urlsplit(response.location).query)["error"] == ["consent_required"]
    else:
        assert page_of(follow(browser, response)) in ("sign_in", "consent", "choose_account")
        assert in_any_mode(walk(browser, response, provider.citizen))["code"]


def with_display(provider: Provider, value: str) -> None:
    assert tokens_of(provider, self_registered(provider), display=value)["id_token"]


def with_locale(provider: Provider, value: str) -> None:
    browser = provider.browser()
    page = follow(browser, ask(browser, self_registered(provider), ui_locales=value))
    assert f'<html lang="{value}"' in page.text


def with_challenge(provider: Provider, value: str) -> None:
    assert tokens_of(provider, self_registered(provider), code_challenge_method=value)["id_token"]


def with_acr(provider: Provider, value: str) -> None:
    assert tokens_of(provider, self_registered(provider), acr_values=value)["id_token"]


EACH: dict[str, Callable[[Provider, str], None]] = {
    "response_types_supported": with_response_type,
    "response_modes_supported": with_response_mode,
    "grant_types_supported": with_grant_type,
    "scopes_supported": with_scope,
    "subject_types_supported": with_subject_type,
    "id_token_signing_alg_values_supported": with_signed_id_token,
    "userinfo_signing_alg_values_supported": with_signed_userinfo,
    "introspection_signing_alg_values_supported": with_signed_introspection,
    "request_object_signing_alg_values_supported": with_request_object,
    "token_endpoint_auth_methods_supported": with_auth_method,
    "token_endpoint_auth_signing_alg_values_supported": with_auth_algorithm,
    "prompt_values_supported": with_prompt,
    "display_values_supported": with_display,
    "ui_locales_supported": with_locale,
    "code_challenge_methods_supported": with_challenge,
    "acr_values_supported": with_acr,
}
PAIRS: dict[str, Callable[[Provider, str, str], None]] = {
    "id_token_encryption": encrypted("id_token"),
    "userinfo_encryption": encrypted("userinfo"),
    "request_object_encryption": with_encrypted_request_object,
}
# The same methods as at the token endpoint, shown there by tests of their own; and what is no value to choose.
ELSEWHERE = {
    "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "claims_supported",
    "claim_types_supported",
}


@pytest.mark.parametrize("name", EACH)
def test_discovery_3_each_value_that_is_listed_works(provider: Provider, document: dict[str, Any], name: str) -> None:
    assert document[name]
    for value in document[name]:
        EACH[name](provider, value)


@pytest.mark.parametrize("name", PAIRS)
def test_discovery_3_each_encryption_that_is_listed_works(
    provider: Provider, document: dict[str, Any], name: str
) -> None:
    for alg in document[f"{name}_alg_values_supported"]:
        for enc in document[f"{name}_enc_values_supported"]:
            PAIRS[name](provider, alg, enc)


def test_discovery_3_no_list_is_left_out(document: dict[str, Any]) -> None:
    lists = {name for name, value in document.items() if isinstance(value, list)}
    pairs = {f"{name}_{kind}_values_supported" for name in PAIRS for kind in ("alg", "enc")}
    assert lists == {*EACH, *pairs, *ELSEWHERE}
