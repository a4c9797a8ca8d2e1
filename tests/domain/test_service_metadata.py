"""Registration metadata: every member that is read, every refusal, and what is echoed."""

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from types import MappingProxyType
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain.refusals import Refusal
from idp.domain.relying_services import Caller, RelyingService, ServiceException
from idp.domain.service_metadata import (
    LONGEST_NAME,
    MOST_CONTACTS,
    MOST_URIS,
    ServiceMetadata,
    read_metadata,
    to_registration_response,
)

NOW = datetime(2026, 3, 2, 1, 2, 3, tzinfo=UTC)
CALLBACK = "https://portal.example.vn/callback"


Document = Mapping[str, object]


def read(
    named: Document = MappingProxyType({}),
    /,
    *,
    trusted: bool = False,
    insecure_loopback: bool = False,
    strict: bool = True,
    **members: object,
) -> ServiceMetadata:
    """Read a document of a good redirect URI and these members; `named` has those Python cannot name."""
    agreed = {"agency_code": "H05"} if trusted else {}
    document = {"redirect_uris": [CALLBACK], **agreed, **members, **named}
    return read_metadata(document, insecure_loopback=insecure_loopback, trusted=trusted, strict=strict)


def refusal_of(named: Document = MappingProxyType({}), /, *, trusted: bool = False, **members: object) -> Refusal:
    with pytest.raises(Refusal) as refused:
        read({**members, **named}, trusted=trusted)
    return refused.value


def registered(metadata: ServiceMetadata) -> RelyingService:
    return metadata.to_service(
        id=UUID(int=1),
        client_id="portal",
        secret_digests=(b"d",),
        agency_id=UUID(int=2),
        sector="example",
        now=NOW,
    )


# -- what is read --------------------------------------------------------------------------------------------


def test_rfc7591_2_absent_members_have_their_defaults() -> None:
    metadata = read()
    assert metadata.token_endpoint_auth_method == "client_secret_basic"
    assert metadata.grant_types == ("authorization_code",)
    assert metadata.response_types == ("code",)
    assert metadata.id_token_signed_response_alg == "RS256"
    assert metadata.application_type == "web"
    assert metadata.scopes == ("openid", "profile", "email", "address", "phone")
    assert (metadata.minimum_account_level, metadata.minimum_auth_level) == (0, 1)


def test_rfc7591_2_every_member_is_read() -> None:
    metadata = read(
        {"client_name": "Portal", "client_name#vi": "Cổng", "client_name#en": "Portal"},
        post_logout_redirect_uris=["https://portal.example.vn/out"],
        backchannel_logout_uri="https://portal.example.vn/backchannel?x=1",
        backchannel_logout_session_required=True,
        token_endpoint_auth_method="client_secret_post",
        grant_types=["refresh_token", "authorization_code"],
        response_types=["code"],
        scope="openid offline_access",
        id_token_signed_response_alg="ES256",
        subject_type="pairwise",
        logo_uri="https://portal.example.vn/logo.png",
        policy_uri="https://portal.example.vn/policy#data",
        tos_uri="https://portal.example.vn/terms",
        client_uri="https://portal.example.vn/",
        contacts=["it@example.vn"],
        initiate_login_uri="https://portal.example.vn/sign-in",
        default_max_age=3600,
        require_auth_time=True,
    )
    assert metadata.names == {"": "Portal", "vi": "Cổng", "en": "Portal"}
    assert metadata.post_logout_redirect_uris == ("https://portal.example.vn/out",)
    assert metadata.backchannel_logout_uri == "https://portal.example.vn/backchannel?x=1"
    assert metadata.backchannel_logout_session_required
    assert metadata.token_endpoint_auth_method == "client_secret_post"
    assert metadata.grant_types == ("refresh_token", "authorization_code")
    assert metadata.scopes == ("openid", "offline_access")
    assert metadata.id_token_signed_response_alg == "ES256"
    assert metadata.logo_uri == "https://portal.example.vn/logo.png"
    assert metadata.policy_uri == "https://portal.example.vn/policy#data"
    assert metadata.tos_uri == "https://portal.example.vn/terms"
    assert metadata.client_uri == "https://portal.example.vn/"
    assert metadata.contacts == ("it@example.vn",)
    assert metadata.initiate_login_uri == "https://portal.example.vn/sign-in"
    assert (metadata.default_max_age, metadata.require_auth_time) == (3600, True)


def test_rfc7591_2_unknown_members_are_ignored() -> None:
    assert read({"": 1, "a b": 2}, software_id="x", sector_name="x") == read()


def test_json_null_and_repeated_entries_change_nothing() -> None:
    assert (
        read(redirect_uris=[CALLBACK, CALLBACK], scope=None, contacts=None, response_types=["code", "code"]) == read()
    )


def test_oidc_core_11_default_scopes_have_offline_access_only_with_refresh_tokens() -> None:
    assert "offline_access" in read(grant_types=["authorization_code", "refresh_token"]).scopes


def test_http_on_this_machine_is_read_in_development() -> None:
    metadata = read(
        insecure_loopback=True,
        redirect_uris=["http://localhost:8001/callback"],
        backchannel_logout_uri="http://localhost:8001/backchannel",
    )
    assert metadata.redirect_uris == ("http://localhost:8001/callback",)


def test_rfc8252_7_1_native_app_registers_its_scheme() -> None:
    metadata = read(application_type="native", token_endpoint_auth_method="none", redirect_uris=["com.example.app:/cb"])
    assert registered(metadata).is_public


# -- what an agency agrees with the province -----------------------------------------------------------------

AGREED: dict[str, object] = {
    "client_id": "portal",
    "client_secret": "0123456789abcdef",
    "sector": "portal.example.vn",
    "agency_code": "h05.14",
    "legal_basis": "Nghị định 118/2025/NĐ-CP",
    "personal_number_basis": "Luật Căn cước",
    "purpose": {"vi": "Điền hồ sơ", "en": "To fill in forms"},
    "system_security_level": 3,
    "minimum_account_level": 2,
    "minimum_auth_level": 2,
    "exceptions": [{"rule": "pkce", "reason": "old library", "until": "2026-06-30"}],
    "agreement_number": "12/2026/TT",
}


def test_a_trusted_file_carries_what_was_agreed() -> None:
    metadata = read(AGREED, trusted=True, scope="openid personal_id_number")
    assert (metadata.client_id, metadata.client_secret) == ("portal", "0123456789abcdef")
    assert (metadata.sector, metadata.agency_code) == ("portal.example.vn", "H05.14")
    assert metadata.legal_basis == "Nghị định 118/2025/NĐ-CP"
    assert metadata.personal_number_basis == "Luật Căn cước"
    assert metadata.purpose == {"vi": "Điền hồ sơ", "en": "To fill in forms"}
    assert metadata.system_security_level == 3
    assert (metadata.minimum_account_level, metadata.minimum_auth_level) == (2, 2)
    assert metadata.exceptions == (ServiceException("pkce", "old library", date(2026, 6, 30)),)
    service = registered(metadata)
    assert not service.must_use_pkce(date(2026, 6, 30))
    assert service.must_use_pkce(date(2026, 7, 1))


def test_a_service_that_registers_itself_cannot_grant_itself_anything() -> None:
    assert read(AGREED) == read()
    assert read(client_id=7, exceptions="x", minimum_auth_level="x") == read()


def test_purpose_is_also_read_as_localised_members() -> None:
    assert read({"purpose": "a", "purpose#vi": "b"}, trusted=True).purpose == {"": "a", "vi": "b"}


def test_a_secret_is_never_printed() -> None:
    assert "0123456789abcdef" not in repr(read(AGREED, trusted=True))


# -- refusals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, [], {}, "https://portal.example.vn/callback", 1, True])
def test_rfc7591_2_redirect_uris_missing_or_no_list_are_refused(value: object) -> None:
    refusal = refusal_of(redirect_uris=value)
    assert (refusal.code, refusal.field) == ("invalid_redirect_uri", "redirect_uris")


def test_rfc7591_2_redirect_uri_with_fragment_is_refused() -> None:
    refusal = refusal_of(redirect_uris=[CALLBACK, f"{CALLBACK}#x"])
    assert (refusal.code, refusal.field) == ("invalid_redirect_uri", "redirect_uris")
    assert refusal.detail == "redirect_uris[1] has a fragment (RFC 6749 3.1.2)"


def test_rfc7591_2_more_than_fifty_redirect_uris_are_refused() -> None:
    uris = [f"{CALLBACK}/{number}" for number in range(MOST_URIS + 1)]
    assert len(read(redirect_uris=uris[:-1]).redirect_uris) == MOST_URIS
    assert refusal_of(redirect_uris=uris).code == "invalid_redirect_uri"


def test_rfc8252_7_1_private_use_scheme_of_a_web_service_is_refused() -> None:
    assert refusal_of(redirect_uris=["com.example.app:/cb"]).code == "invalid_redirect_uri"


@pytest.mark.parametrize("uri", ["http://portal.example.vn/out", "https://portal.example.vn/out#x", "/out", 1])
def test_rp_initiated_logout_3_1_post_logout_redirect_uri_keeps_the_same_rules(uri: object) -> None:
    refusal = refusal_of(post_logout_redirect_uris=[uri])
    assert (refusal.code, refusal.field) == ("invalid_redirect_uri", "post_logout_redirect_uris")


URI_MEMBERS = [
    "frontchannel_logout_uri",
    "sector_identifier_uri",
    "logo_uri",
    "policy_uri",
    "tos_uri",
    "client_uri",
    "initiate_login_uri",
    "backchannel_logout_uri",
]


@pytest.mark.parametrize("member", URI_MEMBERS)
@pytest.mark.parametrize(
    "uri",
    [
        "http://portal.example.vn/x",
        "http://localhost/x",
        "javascript:alert(1)",
        "data:,x",
        "/x",
        "",
        1,
        ["x"],
    ],
)
def test_oidc_registration_2_uri_other_than_https_is_refused(member: str, uri: object) -> None:
    refusal = refusal_of({member: uri})
    assert (refusal.code, refusal.field) == ("invalid_client_metadata", member)


@pytest.mark.parametrize("member", URI_MEMBERS)
def test_http_uri_to_another_machine_is_refused_in_development(member: str) -> None:
    with pytest.raises(Refusal, match="https"):
        read({member: "http://portal.example.vn/x"}, insecure_loopback=True)


def test_oidc_backchannel_logout_2_2_uri_with_fragment_is_refused() -> None:
    assert "fragment" in refusal_of(backchannel_logout_uri="https://portal.example.vn/x#y").detail


@pytest.mark.parametrize(
    "value",
    [[], ["token"], ["id_token"], ["code id_token"], ["code", "id_token"], ["none"], "code", [1], [["code"]]],
)
def test_rfc9700_2_1_2_response_type_other_than_code_is_refused(value: object) -> None:
    refusal = refusal_of(response_types=value)
    assert (refusal.code, refusal.field) == ("invalid_client_metadata", "response_types")


@pytest.mark.parametrize(
    "value",
    [
        ["refresh_token"],
        ["authorization_code", "implicit"],
        ["password"],
        "authorization_code",
        [None],
        [{}],
    ],
)
def test_rfc7591_2_1_grant_type_that_is_not_offered_is_refused(value: object) -> None:
    refusal = refusal_of(grant_types=value)
    assert (refusal.code, refusal.field) == ("invalid_client_metadata", "grant_types")


@pytest.mark.parametrize("value", ["tls_client_auth", "self_signed_tls_client_auth", "", 1, True, ["none"]])
def test_rfc7591_2_unknown_token_endpoint_auth_method_is_refused(value: object) -> None:
    refusal = refusal_of(token_endpoint_auth_method=value)
    assert (refusal.code, refusal.field) == ("invalid_client_metadata", "token_endpoint_auth_method")


@pytest.mark.parametrize("value", ["none", "HS256", "rs256", "", 1, ["RS256"]])
def test_oidc_registration_2_id_token_algorithm_that_is_not_offered_is_refused(value: object) -> None:
    refusal = refusal_of(id_token_signed_response_alg=value)
    assert (refusal.code, refusal.field) == ("invalid_client_metadata", "id_token_signed_response_alg")


@pytest.mark.parametrize(
    "member",
    [
        "id_token_signed_response_alg",
        "userinfo_signed_response_alg",
        "token_endpoint_auth_signing_alg",
        "authorization_signed_response_alg",
        "introspection_signed_response_alg",
        "backchannel_authentication_request_signing_alg",
    ],
)
@pytest.mark.parametrize("value", ["none", "None", "NONE"])
def test_rfc8725_3_2_algorithm_none_is_refused_everywhere(member: str, value: str) -> None:
    refusal = refusal_of({member: value})
    assert (refusal.code, refusal.field) == ("invalid_client_metadata", member)


@pytest.mark.parametrize("value", ["desktop", "", 1])
def test_oidc_registration_2_unknown_application_type_is_refused(value: object) -> None:
    assert refusal_of(application_type=value).field == "application_type"


@pytest.mark.parametrize("value", ["public", "", 1])
def test_oidc_core_8_1_subject_type_other_than_pairwise_is_refused(value: object) -> None:
    assert refusal_of(subject_type=value).field == "subject_type"


@pytest.mark.parametrize("value", ["http://portal.example.vn/sector", "portal.example.vn", 1])
def test_oidc_registration_5_sector_identifier_uri_that_is_no_https_address_is_refused(value: object) -> None:
    assert refusal_of(sector_identifier_uri=value).field == "sector_identifier_uri"


FRONT = ("id_token", "id_token token", "code id_token", "code token", "code id_token token")


@pytest.mark.parametrize("response_type", FRONT)
def test_multiple_response_types_5_a_record_allows_tokens_in_the_front_channel(response_type: str) -> None:
    """In any order of words; an operator's file is such a record, and where rules are not strict its own metadata."""
    members = {"grant_types": ["authorization_code", "implicit"]}
    for order in (response_type, " ".join(reversed(response_type.split()))):
        for read_so in ({"trusted": True}, {"strict": False}):
            metadata = read({**members, "response_types": [order, response_type]}, **read_so)  # type: ignore[arg-type]
            assert metadata.response_types == (response_type,)


@pytest.mark.parametrize(
    "response_type", ["token", "code code", "none", "", " code", "code  token", "id_token id_token"]
)
def test_multiple_response_types_5_a_response_type_of_another_kind_is_never_allowed(response_type: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(response_types=[response_type], grant_types=["authorization_code", "implicit"], strict=False)
    assert refused.value.field == "response_types"


@pytest.mark.parametrize(
    ("response_types", "grant_types"),
    [(["code"], ["implicit"]), (["id_token"], ["authorization_code"]), (["code token"], ["implicit"])],
)
def test_oidc_registration_2_response_types_need_their_grant_types(
    response_types: list[str], grant_types: list[str]
) -> None:
    with pytest.raises(Refusal) as refused:
        read(response_types=response_types, grant_types=grant_types, strict=False)
    assert refused.value.field == "grant_types"


def test_oidc_registration_2_implicit_alone_says_what_it_wants() -> None:
    assert read(response_types=["id_token"], grant_types=["implicit"], strict=False).response_types == ("id_token",)
    with pytest.raises(Refusal):
        read(grant_types=["implicit"], strict=False)


ENCRYPTIONS = ("id_token_encrypted_response", "userinfo_encrypted_response", "request_object_encryption")


@pytest.mark.parametrize("kind", ENCRYPTIONS)
def test_oidc_registration_2_content_is_encrypted_by_a128cbc_hs256_unless_said(kind: str) -> None:
    metadata = read({f"{kind}_alg": "RSA-OAEP"}, jwks_uri=JWKS_URI)
    assert getattr(metadata, f"{kind}_enc") == "A128CBC-HS256"
    named = read({f"{kind}_alg": "ECDH-ES", f"{kind}_enc": "A256GCM"}, jwks_uri=JWKS_URI)
    assert (getattr(named, f"{kind}_alg"), getattr(named, f"{kind}_enc")) == ("ECDH-ES", "A256GCM")


@pytest.mark.parametrize("kind", ENCRYPTIONS)
def test_oidc_registration_2_an_encryption_of_another_kind_is_refused(kind: str) -> None:
    assert refusal_of({f"{kind}_enc": "A128GCM"}).field == f"{kind}_enc"
    for alg in ("RSA1_5", "dir", "A128KW", "PBES2-HS256+A128KW", "none", "rsa-oaep", 1):
        assert refusal_of({f"{kind}_alg": alg}, jwks_uri=JWKS_URI).field == f"{kind}_alg"
    for enc in ("A192GCM", "none", "", 1):
        assert refusal_of({f"{kind}_alg": "RSA-OAEP", f"{kind}_enc": enc}, jwks_uri=JWKS_URI).field == f"{kind}_enc"


@pytest.mark.parametrize("kind", ENCRYPTIONS[:2])
def test_oidc_core_10_2_what_is_encrypted_needs_a_key(kind: str) -> None:
    assert refusal_of({f"{kind}_alg": "RSA-OAEP"}).field == "jwks_uri"


@pytest.mark.parametrize("alg", ["None", "NONE", "HS256", "RS384", 1])
def test_oidc_registration_2_a_request_object_algorithm_of_another_kind_is_refused(alg: object) -> None:
    assert refusal_of(request_object_signing_alg=alg).field == "request_object_signing_alg"
    assert read(request_object_signing_alg="none").request_object_signing_alg == "none"


@pytest.mark.parametrize("uris", ["https://a.example/x", ["http://a.example/x"], [1], ["ftp://a.example/"]])
def test_oidc_registration_2_request_uris_are_https_addresses(uris: object) -> None:
    assert refusal_of(request_uris=uris).field == "request_uris"


@pytest.mark.parametrize("value", ["", " ", 1, ["openid"]])
def test_rfc7591_2_scope_that_is_no_text_is_refused(value: object) -> None:
    refusal = refusal_of(scope=value)
    assert (refusal.code, refusal.field) == ("invalid_client_metadata", "scope")


def test_rfc7591_2_scopes_that_are_not_known_are_left_out() -> None:
    assert read(scope="openid  everything profile openid").scopes == ("openid", "profile")


def test_oidc_core_11_offline_access_needs_the_refresh_grant() -> None:
    assert "offline_access" in refusal_of(scope="openid offline_access", trusted=True).detail
    assert read(scope="openid offline_access").scopes == ("openid",)
    grants = ["authorization_code", "refresh_token"]
    assert read(scope="openid offline_access", grant_types=grants).scopes == ("openid", "offline_access")


def test_personal_number_scope_without_a_recorded_basis_is_refused() -> None:
    assert refusal_of(scope="openid personal_id_number", trusted=True).field == "scope"


def test_a_service_that_registers_itself_never_gets_the_personal_number_scope() -> None:
    assert read(scope="openid personal_id_number", personal_number_basis="mine").scopes == ("openid",)


def test_a_short_secret_is_kept_where_things_are_tried_out_and_refused_elsewhere() -> None:
    assert read(client_secret="short", trusted=True, insecure_loopback=True).client_secret == "short"
    assert refusal_of(client_secret="short", trusted=True).field == "client_secret"


@pytest.mark.parametrize("value", [1, "", " ", "a" * (LONGEST_NAME + 1), "a\nb", "a\u202eb", "a\x00", ["a"], {}])
@pytest.mark.parametrize("member", ["client_name", "client_name#vi"])
def test_rfc7591_2_client_name_that_cannot_be_shown_is_refused(member: str, value: object) -> None:
    refusal = refusal_of({member: value})
    assert (refusal.code, refusal.field) == ("invalid_client_metadata", member)


@pytest.mark.parametrize("value", ["it@example.vn", [1], [""], ["a" * 255], ["it@example.vn\n2"], {"a": 1}])
def test_rfc7591_2_contacts_that_are_no_list_of_texts_are_refused(value: object) -> None:
    assert refusal_of(contacts=value).field == "contacts"


def test_rfc7591_2_too_many_contacts_are_refused() -> None:
    assert refusal_of(contacts=[f"{number}@example.vn" for number in range(MOST_CONTACTS + 1)]).field == "contacts"


@pytest.mark.parametrize("value", [-1, 1.5, 60.0, "60", True, 10**12, []])
def test_oidc_registration_2_default_max_age_that_is_no_whole_number_is_refused(value: object) -> None:
    assert refusal_of(default_max_age=value).field == "default_max_age"


@pytest.mark.parametrize("value", ["true", 1, 0, []])
@pytest.mark.parametrize("member", ["require_auth_time", "backchannel_logout_session_required"])
def test_oidc_registration_2_flag_that_is_no_boolean_is_refused(member: str, value: object) -> None:
    assert refusal_of({member: value}).field == member


@pytest.mark.parametrize("document", [None, [], "x", 1, [CALLBACK]])
def test_rfc7591_3_1_metadata_other_than_an_object_is_refused(document: object) -> None:
    with pytest.raises(Refusal) as refused:
        read_metadata(document, insecure_loopback=True, trusted=True)  # type: ignore[arg-type]
    assert refused.value.code == "invalid_client_metadata"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        *(("client_id", value) for value in ("", "a b", "a:b", "cổng", "a" * 65, 1)),
        *(("client_secret", value) for value in ("short", "0123456789abcde\n", "a" * 257, 1)),
        *(("sector", value) for value in ("", "a b", "cổng", "a" * 254, 1)),
        *(("agency_code", value) for value in ("", "05", "H05/1", 1)),
        *(("legal_basis", value) for value in ("", "a" * 201, "a\nb", 1)),
        *(("personal_number_basis", value) for value in ("", "a" * 201, "a\nb", 1)),
        *(("purpose", value) for value in ("", 1, ["a"])),
        ("purpose#vi", 1),
        *(("system_security_level", value) for value in (0, 6, "3", True, 2.0)),
        *(("minimum_account_level", value) for value in (-1, 3, "1", False)),
        *(("minimum_auth_level", value) for value in (0, 5, "1", True)),
        *(("exceptions", value) for value in ("pkce", ["pkce"], [None])),
        ("exceptions", {}),
        ("exceptions", [{}]),
        ("exceptions", [{"rule": "everything", "reason": "a", "until": "2026-06-30"}]),
        ("exceptions", [{"rule": "pkce", "reason": "", "until": "2026-06-30"}]),
        ("exceptions", [{"rule": "pkce", "until": "2026-06-30"}]),
        ("exceptions", [{"rule": "pkce", "reason": "a", "until": "2026-02-30"}]),
        ("exceptions", [{"rule": "pkce", "reason": "a"}]),
    ],
)
def test_decree69_18_agreed_member_of_another_form_is_refused(member: str, value: object) -> None:
    refusal = refusal_of({member: value}, trusted=True)
    assert (refusal.code, refusal.field) == ("invalid_client_metadata", member)


def test_purpose_object_with_another_type_is_refused() -> None:
    assert refusal_of(trusted=True, purpose={"vi": 1}).field == "purpose#vi"


def test_rfc7591_2_secret_of_a_public_service_is_refused() -> None:
    refusal = refusal_of(trusted=True, token_endpoint_auth_method="none", client_secret="0123456789abcdef")
    assert refusal.field == "client_secret"


def test_rfc9700_2_1_1_public_service_is_not_freed_from_pkce() -> None:
    refusal = refusal_of(trusted=True, token_endpoint_auth_method="none", exceptions=AGREED["exceptions"])
    assert refusal.field == "exceptions"


# -- keys, secrets, and access without a person --------------------------------------------------------------

JWK = {"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "kid": "k1"}
JWKS = {"keys": [JWK]}
JWKS_URI = "https://portal.example.vn/jwks"


def test_rfc7591_2_keys_stand_in_the_registration_or_at_an_address() -> None:
    assert read(jwks=JWKS, token_endpoint_auth_method="private_key_jwt").jwks == JWKS
    assert read(jwks_uri=JWKS_URI, token_endpoint_auth_method="private_key_jwt").jwks_uri == JWKS_URI
    assert refusal_of(jwks=JWKS, jwks_uri=JWKS_URI).field == "jwks"


@pytest.mark.parametrize(
    "jwks",
    [
        [],
        "x",
        {},
        {"keys": {}},
        {"keys": []},
        {"keys": [JWK] * 21},
        {"keys": ["x"]},
        {"keys": [{**JWK, "kty": "oct"}]},
        {"keys": [{**JWK, "x": 7}]},
        {"keys": [{**JWK, "x": "a" * 1001}]},
    ],
)
def test_rfc7517_5_what_is_no_set_of_public_keys_is_refused(jwks: object) -> None:
    assert refusal_of(jwks=jwks).field == "jwks"


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_rfc7517_9_2_a_private_part_is_refused_and_not_repeated(member: str) -> None:
    refusal = refusal_of(jwks={"keys": [{**JWK, member: "bi-mat"}]})
    assert (refusal.field, "bi-mat" in refusal.detail) == ("jwks", False)


def test_oidc_core_9_private_key_jwt_needs_keys() -> None:
    assert refusal_of(token_endpoint_auth_method="private_key_jwt").field == "jwks_uri"


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA", "HS256"])
@pytest.mark.parametrize(
    "method", ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"]
)
def test_oidc_core_9_the_algorithm_goes_with_the_method(method: str, algorithm: str) -> None:
    members = {"token_endpoint_auth_method": method, "token_endpoint_auth_signing_alg": algorithm, "jwks": JWKS}
    if method != "none" and (method == "client_secret_jwt") is (algorithm == "HS256"):
        assert read(members).token_endpoint_auth_signing_alg == algorithm
    else:
        assert refusal_of(members).field == "token_endpoint_auth_signing_alg"


@pytest.mark.parametrize("insecure_loopback", [True, False])
def test_rfc7518_3_2_a_secret_to_sign_with_has_at_least_256_bits(insecure_loopback: bool) -> None:
    def with_secret(secret: str, method: str = "client_secret_jwt") -> ServiceMetadata:
        members = {"client_secret": secret, "token_endpoint_auth_method": method}
        return read(members, trusted=True, insecure_loopback=insecure_loopback)

    assert with_secret("s" * 32).client_secret == "s" * 32
    assert with_secret("s" * 31, "client_secret_basic").client_secret == "s" * 31
    with pytest.raises(Refusal, match="at least 32 characters to sign with") as refused:
        with_secret("s" * 31)
    assert refused.value.field == "client_secret"
    assert read(token_endpoint_auth_method="client_secret_jwt").client_secret is None, "one is made then"


def test_rfc6749_4_4_a_public_service_has_no_access_in_its_own_name() -> None:
    assert read(grant_types=["client_credentials"], redirect_uris=[]).grant_types == ("client_credentials",)
    public = {"token_endpoint_auth_method": "none", "grant_types": ["client_credentials"], "redirect_uris": []}
    assert refusal_of(public).field == "grant_types"


def test_rfc7591_2_1_response_and_grant_types_go_together() -> None:
    machine = {"grant_types": ["client_credentials"], "redirect_uris": []}
    assert read(machine).response_types == ()
    assert refusal_of({**machine, "response_types": ["code"]}).field == "response_types"
    assert refusal_of(response_types=[]).field == "response_types"
    assert refusal_of(grant_types=["refresh_token"]).field == "grant_types"


@pytest.mark.parametrize("scope", ["openid", "doc personal_id_number", 'a"b', "a\\b", "ộ", 7])
def test_rfc6749_3_3_machine_scopes_are_scope_values_that_are_not_about_people(scope: object) -> None:
    assert read(trusted=True, machine_scopes="doc ghi").machine_scopes == ("doc", "ghi")
    assert refusal_of(trusted=True, machine_scopes=scope).field == "machine_scopes"


@pytest.mark.parametrize("resource", ["api", "ftp://x.example", "https://x.example/#a", "http://x.example", 7])
def test_rfc8707_2_a_resource_is_an_absolute_uri_without_fragment(resource: object) -> None:
    assert read(trusted=True, resources=["https://x.example/api"]).resources == ("https://x.example/api",)
    refusal = refusal_of(trusted=True, resources=[resource])
    assert refusal.field == "resources"
    assert "#" not in str(resource) or "(RFC 8707 2)" in refusal.detail


API: dict[str, object] = {"resources": ["https://x.example/api"]}


def test_rfc8707_2_callers_are_read_from_a_trusted_file_alone() -> None:
    callers = [{"client_id": "shop", "scopes": "read write read"}, {"client_id": "page"}]
    assert read(API, trusted=True, callers=callers).callers == (Caller("shop", ("read", "write")), Caller("page"))
    assert read(API, trusted=True).callers == ()
    assert read(API, callers=callers).callers == ()


@pytest.mark.parametrize(
    "callers",
    [
        *("shop", {"client_id": "shop"}, ["shop"], [{}], [{"client_id": ""}], [{"client_id": "a b"}]),
        *([{"client_id": 7}], [{"client_id": "shop"}, {"client_id": "shop"}], [{"client_id": "s"}] * 300),
        *([{"client_id": "shop", "scopes": scopes}] for scopes in ("openid", "read profile", 'a"b', 7, ["read"], "")),
    ],
)
def test_rfc8707_2_a_caller_is_named_once_with_scopes_that_are_not_about_people(callers: object) -> None:
    refusal = refusal_of(API, trusted=True, callers=callers)
    assert (refusal.code, refusal.field) == ("invalid_client_metadata", "callers")


def test_rfc8707_2_callers_without_an_interface_are_a_mistake() -> None:
    assert refusal_of(trusted=True, callers=[{"client_id": "shop"}]).field == "callers"


@pytest.mark.parametrize("scope", ["openid personal_id_number", "openid dvcqg", "openid profile dvcqg"])
def test_rfc7591_5_scopes_that_need_a_law_or_an_agreement_are_left_out_of_what_a_service_registers(scope: str) -> None:
    assert not {"personal_id_number", "dvcqg"} & set(read(scope=scope).scopes)
    assert "openid" in read(scope=scope).scopes
    assert "dvcqg" in read(trusted=True, scope="openid dvcqg").scopes


# -- registration and its answer -----------------------------------------------------------------------------


def test_every_member_that_was_read_reaches_the_service() -> None:
    metadata = read(
        {**AGREED, **{member: f"https://portal.example.vn/{member}" for member in URI_MEMBERS}},
        trusted=True,
        insecure_loopback=True,
        post_logout_redirect_uris=["https://portal.example.vn/out"],
        backchannel_logout_session_required=True,
        token_endpoint_auth_method="client_secret_post",
        grant_types=["authorization_code", "refresh_token"],
        scope="openid offline_access personal_id_number",
        id_token_signed_response_alg="ES256",
        application_type="native",
        client_name="Portal",
        contacts=["it@example.vn"],
        default_max_age=60,
        require_auth_time=True,
    )
    service = registered(metadata)
    shared = {field.name for field in fields(ServiceMetadata)} & {field.name for field in fields(RelyingService)}
    decided_by_the_registry = {"client_id", "sector"}
    for name in shared - decided_by_the_registry:
        assert getattr(service, name) == getattr(metadata, name), name
    unused = {field.name for field in fields(ServiceMetadata)} - shared
    assert unused == {"client_secret", "agency_code", "agency_names"}
    assert (service.id, service.client_id, service.agency_id) == (UUID(int=1), "portal", UUID(int=2))
    assert (service.sector, service.secret_digests, service.state) == ("example", (b"d",), "active")
    assert service.created_at == service.updated_at == NOW


def test_rfc7591_3_2_1_answer_echoes_what_was_registered() -> None:
    service = registered(read({"client_name": "Portal", "client_name#vi": "Cổng"}, contacts=["it@example.vn"]))
    assert to_registration_response(service) == {
        "client_id": "portal",
        "client_id_issued_at": int(NOW.timestamp()),
        "client_name": "Portal",
        "client_name#vi": "Cổng",
        "redirect_uris": [CALLBACK],
        "backchannel_logout_session_required": False,
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "scope": "openid profile email address phone",
        "id_token_signed_response_alg": "RS256",
        "introspection_signed_response_alg": "RS256",
        "application_type": "web",
        "subject_type": "pairwise",
        "contacts": ["it@example.vn"],
        "require_auth_time": False,
    }


def test_rfc7591_3_2_1_every_member_that_was_registered_is_echoed() -> None:
    sent: dict[str, object] = {
        **{member: f"https://portal.example.vn/{member}" for member in URI_MEMBERS},
        "client_name#vi": "Cổng",
        "redirect_uris": [CALLBACK, "vn.example.portal:/cb"],
        "post_logout_redirect_uris": ["https://portal.example.vn/out"],
        "backchannel_logout_session_required": True,
        "frontchannel_logout_session_required": True,
        "request_object_signing_alg": "none",
        "request_uris": ["https://portal.example.vn/request.jwt#digest"],
        "default_acr_values": ["urn:vn:decree69:level:1"],
        **{f"{kind}_alg": "ECDH-ES+A256KW" for kind in ENCRYPTIONS},
        **{f"{kind}_enc": "A256CBC-HS512" for kind in ENCRYPTIONS},
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "EdDSA",
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types": ["code"],
        "scope": "openid profile offline_access",
        "id_token_signed_response_alg": "ES256",
        "userinfo_signed_response_alg": "RS256",
        "introspection_signed_response_alg": "ES256",
        "application_type": "native",
        "subject_type": "pairwise",
        "contacts": ["it@example.vn"],
        "default_max_age": 0,
        "require_auth_time": True,
        "require_pkce": True,
    }
    for keys in ({"jwks": JWKS}, {"jwks_uri": JWKS_URI}):
        echoed = to_registration_response(registered(read({**sent, **keys})))
        assert {name: value for name, value in echoed.items() if not name.startswith("client_id")} == {**sent, **keys}
    # None is missing here that the reader knows.
    read_by_name = {field.name for field in fields(ServiceMetadata)} & set(dir(registered(read())))
    told_by_another_name = {"names": "client_name#vi", "scopes": "scope"}
    agreed = {"client_id", "machine_scopes", "resources", "resource_token_format", "callers", *AGREED}
    assert {told_by_another_name.get(name, name) for name in read_by_name - agreed} <= {*sent, "jwks", "jwks_uri"}


def test_rfc7591_3_2_1_answer_tells_nothing_of_the_agreement_or_the_secret() -> None:
    service = registered(read(AGREED, trusted=True, scope="openid personal_id_number"))
    answer = to_registration_response(service)
    assert not set(answer) & (set(AGREED) - {"client_id"})
    assert "secret" not in json.dumps(
        {key: value for key, value in answer.items() if key != "token_endpoint_auth_method"}
    )


def test_rfc7591_3_2_1_answer_can_be_registered_again() -> None:
    metadata = read({"client_name#vi": "Cổng"}, default_max_age=0, logo_uri="https://portal.example.vn/logo.png")
    again = read_metadata(to_registration_response(registered(metadata)), insecure_loopback=False, trusted=False)
    assert again == metadata
    assert to_registration_response(replace(registered(again))) == to_registration_response(registered(metadata))


# -- anything else -------------------------------------------------------------------------------------------

NAMES = [
    *to_registration_response(registered(read())),
    *AGREED,
    *URI_MEMBERS,
    "post_logout_redirect_uris",
    "default_max_age",
    "client_name#vi",
    "client_name#\u212a\u212a",
    "purpose#en",
    "userinfo_signed_response_alg",
    "sector_identifier_uri",
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from([CALLBACK, "code", "openid", "none", "native", "authorization_code", "pkce", "2026-06-30", "vi"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["rule", "reason", "until", "vi"]) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(
    JSON | st.dictionaries(st.sampled_from(NAMES) | st.text(st.characters(), max_size=8), JSON),
    st.booleans(),
    st.booleans(),
)
def test_any_json_is_read_or_refused(document: object, trusted: bool, with_uri: bool) -> None:
    if with_uri and isinstance(document, dict):
        document["redirect_uris"] = [CALLBACK]
    try:
        metadata = read_metadata(document, insecure_loopback=False, trusted=trusted)  # type: ignore[arg-type]
    except Refusal as refusal:
        refused = refusal
    else:
        json.dumps(to_registration_response(registered(metadata)))
        return
    assert refused.code in ("invalid_redirect_uri", "invalid_client_metadata")
    # RFC 6749 5.2: what an error_description may hold.
    assert all(" " <= character <= "~" and character not in '"\\' for character in refused.detail)
    assert 0 < len(refused.detail) <= 300


def test_a_trusted_file_names_the_agency_unless_this_machine_is_the_provider() -> None:
    with pytest.raises(Refusal, match="agency_code is missing"):
        read(trusted=True, agency_code=None)
    assert read(trusted=True, agency_code=None, insecure_loopback=True).agency_code is None
    assert read().agency_code is None, "nobody says of himself whose he is"
