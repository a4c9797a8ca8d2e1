"""Reads the metadata by which a relying service is registered, and writes back what was registered.

RFC 7591 2 and 3.2.1, OpenID Connect Dynamic Client Registration 2, Back-Channel Logout 2.2, Front-Channel Logout 2,
RP-Initiated Logout 3.1. Members it does not know are ignored (RFC 7591 2). What an agency agrees with the province
(sector, legal basis, levels, exceptions) is read only from a trusted file: nobody grants himself rights.
Long because every member is named where it is read, handed on and echoed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, get_args
from uuid import UUID

from idp.domain.agencies import check_agency_code
from idp.domain.claims import SCOPES_SUPPORTED
from idp.domain.metadata_members import Choice, Members, check_day, check_text, one_of, refuse
from idp.domain.refusals import Refusal
from idp.domain.relying_services import (
    EXCEPTION_RULES,
    PKCE,
    ApplicationType,
    AssertionAlgorithm,
    AuthMethod,
    Caller,
    ContentEncryption,
    EncryptionAlgorithm,
    RelyingService,
    RequestObjectAlgorithm,
    ServiceException,
    SigningAlgorithm,
    TokenFormat,
    check_redirect_uri,
    check_web_uri,
)

PERSONAL_NUMBER_SCOPE: Final = "personal_id_number"
# The national portal's own names for the same facts: only for services coded against it, so only when named.
NATIONAL_PORTAL_SCOPE: Final = "dvcqg"
# What no service gives itself: a law or an agreement has to stand on its record.
WITHHELD_SCOPES: Final = frozenset({PERSONAL_NUMBER_SCOPE, NATIONAL_PORTAL_SCOPE})
KNOWN_GRANT_TYPES: Final = ("authorization_code", "implicit", "refresh_token", "client_credentials")
CODE_FLOW: Final = ("code",)
# Those that hand something out at the authorization endpoint (OAuth 2.0 Multiple Response Types 3 and 5).
FRONT_CHANNEL: Final = ("id_token", "id_token token", "code id_token", "code token", "code id_token token")
RESPONSE_TYPES: Final = (*CODE_FLOW, *FRONT_CHANNEL)
MOST_REQUEST_URIS: Final = 20
MOST_URIS: Final = 50
MOST_CONTACTS: Final = 10
LONGEST_NAME: Final = 200
LONGEST_TEXT: Final = 1000
LONGEST_LEGAL_BASIS: Final = 200
SHORTEST_SECRET: Final = 16
# 256 bits, even if each character were a free choice of eight (RFC 7518 3.2).
SHORTEST_SIGNING_SECRET: Final = 32
MOST_KEYS: Final = 20
MOST_CALLERS: Final = 200
PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
LONGEST_AGE: Final = 366 * 24 * 3600

_CLIENT_ID: Final = r"[A-Za-z0-9._~-]{1,64}"
_NO_CLIENT_ID: Final = "must have 1 to 64 unreserved URI characters (RFC 3986 2.3)"

# Members of the registries that name a signing algorithm which is never none; most are otherwise ignored.
_ALGORITHM_MEMBERS: Final = frozenset(
    {
        "id_token_signed_response_alg",
        "userinfo_signed_response_alg",
        "token_endpoint_auth_signing_alg",
        "authorization_signed_response_alg",
        "introspection_signed_response_alg",
        "backchannel_authentication_request_signing_alg",
    }
)

# What is encrypted: of each, members ending in `_alg` and `_enc`.
_ENCRYPTIONS: Final = ("id_token_encrypted_response", "userinfo_encrypted_response", "request_object_encryption")


@dataclass(frozen=True, slots=True)
class ServiceMetadata:
    """What a metadata document says once it has been checked; absent members have their defaults.

    From `client_id` on, the members stand only in trusted files; see `RelyingService` for their meaning.
    """

    names: Mapping[str, str] = field(hash=False)
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    backchannel_logout_uri: str | None
    backchannel_logout_session_required: bool
    frontchannel_logout_uri: str | None
    frontchannel_logout_session_required: bool
    token_endpoint_auth_method: AuthMethod
    grant_types: tuple[str, ...]
    response_types: tuple[str, ...]
    scopes: tuple[str, ...]
    id_token_signed_response_alg: SigningAlgorithm
    application_type: ApplicationType
    logo_uri: str | None
    policy_uri: str | None
    tos_uri: str | None
    client_uri: str | None
    contacts: tuple[str, ...]
    initiate_login_uri: str | None
    default_max_age: int | None
    require_auth_time: bool
    require_pkce: bool = False
    jwks: Mapping[str, object] | None = field(default=None, hash=False)
    jwks_uri: str | None = None
    token_endpoint_auth_signing_alg: AssertionAlgorithm | None = None
    userinfo_signed_response_alg: SigningAlgorithm | None = None
    introspection_signed_response_alg: SigningAlgorithm = "RS256"
    id_token_encrypted_response_alg: EncryptionAlgorithm | None = None
    id_token_encrypted_response_enc: ContentEncryption | None = None
    userinfo_encrypted_response_alg: EncryptionAlgorithm | None = None
    userinfo_encrypted_response_enc: ContentEncryption | None = None
    request_object_signing_alg: RequestObjectAlgorithm | None = None
    request_object_encryption_alg: EncryptionAlgorithm | None = None
    request_object_encryption_enc: ContentEncryption | None = None
    request_uris: tuple[str, ...] = ()
    sector_identifier_uri: str | None = None
    default_acr_values: tuple[str, ...] = ()
    machine_scopes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_token_format: TokenFormat = "opaque"
    callers: tuple[Caller, ...] = ()
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    sector: str | None = None
    agency_code: str | None = None
    agency_names: Mapping[str, str] = field(default_factory=dict, hash=False)
    legal_basis: str | None = None
    personal_number_basis: str | None = None
    purpose: Mapping[str, str] = field(default_factory=dict, hash=False)
    system_security_level: int | None = None
    minimum_account_level: int = 0
    minimum_auth_level: int = 1
    exceptions: tuple[ServiceException, ...] = ()
    agreement_number: str | None = None

    def to_service(
        self,
        *,
        id: UUID,
        client_id: str,
        secret_digests: tuple[bytes, ...],
        agency_id: UUID | None,
        sector: str,
        now: datetime,
    ) -> RelyingService:
        """The service as it comes into being at `now`: what was read, and what only the registry can decide."""
        registered: dict[str, Any] = {name: getattr(self, name) for name in _REGISTERED}
        decided: dict[str, Any] = {"id": id, "client_id": client_id, "agency_id": agency_id, "sector": sector}
        return RelyingService(**registered | decided, secret_digests=secret_digests, created_at=now, updated_at=now)


# The members that a service takes over as they were read, by the name both sides give them.
_REGISTERED: Final = frozenset(field.name for field in fields(ServiceMetadata)) & frozenset(
    field.name for field in fields(RelyingService)
)


def read_metadata(
    metadata: Mapping[str, object], *, insecure_loopback: bool, trusted: bool, strict: bool = True
) -> ServiceMetadata:
    """Check a metadata document, decoded from JSON.

    `insecure_loopback` lets http URIs of this machine pass (development). `trusted` is for files an operator
    imports; where rules are `strict`, only such a file allows tokens in the front channel. Raises
    Refusal('invalid_redirect_uri' | 'invalid_client_metadata') with the member in `field`.
    """
    if not isinstance(metadata, Mapping):
        raise Refusal("invalid_client_metadata", "the metadata must be a JSON object (RFC 7591 3.1)")
    members = Members(metadata)
    _refuse_unsupported(members)
    read = _read_standard(members, insecure_loopback, RESPONSE_TYPES if trusted or not strict else CODE_FLOW)
    read = _with_agreement(read, members, insecure_loopback) if trusted else _without_withheld(read)
    if trusted and not insecure_loopback and read.agency_code is None:
        refuse("agency_code", "is missing: every service belongs to an agency (rule of the province)")
    _refuse_contradictions(read)
    return read


def to_registration_response(service: RelyingService) -> dict[str, object]:
    """The registered metadata (RFC 7591 3.2.1); the secret and its end are added by whoever made it."""
    document: dict[str, object] = {
        "client_id": service.client_id,
        "client_id_issued_at": int(service.created_at.timestamp()),
        **{f"client_name#{tag}" if tag else "client_name": name for tag, name in service.names.items()},
        "redirect_uris": list(service.redirect_uris),
        "post_logout_redirect_uris": list(service.post_logout_redirect_uris),
        "backchannel_logout_uri": service.backchannel_logout_uri,
        "backchannel_logout_session_required": service.backchannel_logout_session_required,
        "frontchannel_logout_uri": service.frontchannel_logout_uri,
        # Only beside what it speaks of.
        "frontchannel_logout_session_required": service.frontchannel_logout_uri
        and service.frontchannel_logout_session_required,
        "token_endpoint_auth_method": service.token_endpoint_auth_method,
        "grant_types": list(service.grant_types),
        "response_types": list(service.response_types),
        "scope": " ".join(service.scopes),
        "id_token_signed_response_alg": service.id_token_signed_response_alg,
        "id_token_encrypted_response_alg": service.id_token_encrypted_response_alg,
        "id_token_encrypted_response_enc": service.id_token_encrypted_response_enc,
        "application_type": service.application_type,
        "subject_type": service.subject_type,
        "sector_identifier_uri": service.sector_identifier_uri,
        "logo_uri": service.logo_uri,
        "policy_uri": service.policy_uri,
        "tos_uri": service.tos_uri,
        "client_uri": service.client_uri,
        "contacts": list(service.contacts),
        "initiate_login_uri": service.initiate_login_uri,
        "jwks": dict(service.jwks) if service.jwks is not None else None,
        "jwks_uri": service.jwks_uri,
        "token_endpoint_auth_signing_alg": service.token_endpoint_auth_signing_alg,
        "userinfo_signed_response_alg": service.userinfo_signed_response_alg,
        "userinfo_encrypted_response_alg": service.userinfo_encrypted_response_alg,
        "userinfo_encrypted_response_enc": service.userinfo_encrypted_response_enc,
        "introspection_signed_response_alg": service.introspection_signed_response_alg,
        "request_object_signing_alg": service.request_object_signing_alg,
        "request_object_encryption_alg": service.request_object_encryption_alg,
        "request_object_encryption_enc": service.request_object_encryption_enc,
        "request_uris": list(service.request_uris),
        "default_max_age": service.default_max_age,
        "default_acr_values": list(service.default_acr_values),
        "require_auth_time": service.require_auth_time,
        # Only where it was asked for: that it was not never means that it may be left out.
        "require_pkce": service.require_pkce or None,
    }
    return {member: value for member, value in document.items() if value is not None and value != []}


def _read_standard(
    members: Members, insecure_loopback: bool, allowed_response_types: tuple[str, ...]
) -> ServiceMetadata:
    """The members that any service may register."""
    registration = "OpenID Connect Registration 2"
    application_type: ApplicationType = members.choice(
        "application_type", get_args(ApplicationType), "web", registration
    )
    auth_method: AuthMethod = members.choice(
        "token_endpoint_auth_method", get_args(AuthMethod), "client_secret_basic", "RFC 7591 2"
    )

    def redirect(value: object, member: str) -> str:
        native = application_type == "native"
        return check_redirect_uri(value, member, insecure_loopback=insecure_loopback, native=native)

    address = partial(check_web_uri, insecure_loopback=insecure_loopback)

    def web(name: str, *, no_fragment_by: str = "") -> str | None:
        value = members.values.get(name)
        return None if value is None else address(value, name, no_fragment_by=no_fragment_by)

    grant_types = _grant_types(members, allowed_response_types)
    response_types = _response_types(members, grant_types, allowed_response_types)
    return ServiceMetadata(
        names=members.localised("client_name", LONGEST_NAME),
        redirect_uris=_redirect_uris(members, redirect, needed=bool(response_types)),
        post_logout_redirect_uris=members.each("post_logout_redirect_uris", MOST_URIS, redirect),
        backchannel_logout_uri=web("backchannel_logout_uri", no_fragment_by="OpenID Connect Back-Channel Logout 2.2"),
        backchannel_logout_session_required=members.flag(
            "backchannel_logout_session_required", "OpenID Connect Back-Channel Logout 2.2"
        ),
        frontchannel_logout_uri=web("frontchannel_logout_uri", no_fragment_by="OpenID Connect Front-Channel Logout 2"),
        frontchannel_logout_session_required=members.flag(
            "frontchannel_logout_session_required", "OpenID Connect Front-Channel Logout 2"
        ),
        token_endpoint_auth_method=auth_method,
        grant_types=grant_types,
        response_types=response_types,
        scopes=_scopes(members, grant_types),
        application_type=application_type,
        logo_uri=web("logo_uri"),
        policy_uri=web("policy_uri"),
        tos_uri=web("tos_uri"),
        client_uri=web("client_uri"),
        contacts=members.each("contacts", MOST_CONTACTS, partial(check_text, longest=254)),
        initiate_login_uri=web("initiate_login_uri"),
        default_max_age=members.whole("default_max_age", 0, LONGEST_AGE, registration),
        require_auth_time=members.flag("require_auth_time", registration),
        require_pkce=members.flag("require_pkce", "RFC 9700 2.1.1"),
        jwks=_jwks(members),
        jwks_uri=web("jwks_uri"),
        token_endpoint_auth_signing_alg=_optional(
            members, "token_endpoint_auth_signing_alg", get_args(AssertionAlgorithm)
        ),
        request_uris=members.each("request_uris", MOST_REQUEST_URIS, address),
        sector_identifier_uri=web("sector_identifier_uri"),
        default_acr_values=members.each("default_acr_values", MOST_CONTACTS, partial(check_text, longest=LONGEST_NAME)),
        **_protection(members),
    )


def _protection(members: Members) -> dict[str, Any]:
    """How answers and request objects are signed and encrypted."""
    signing = get_args(SigningAlgorithm)
    read: dict[str, Any] = {
        "id_token_signed_response_alg": members.choice(
            "id_token_signed_response_alg", signing, "RS256", "OpenID Connect Registration 2"
        ),
        "userinfo_signed_response_alg": _optional(members, "userinfo_signed_response_alg", signing),
        "introspection_signed_response_alg": members.choice(
            "introspection_signed_response_alg", signing, "RS256", "RFC 9701 6"
        ),
        "request_object_signing_alg": _optional(
            members, "request_object_signing_alg", get_args(RequestObjectAlgorithm)
        ),
    }
    for kind in _ENCRYPTIONS:
        read[f"{kind}_alg"] = _optional(members, f"{kind}_alg", get_args(EncryptionAlgorithm))
        read[f"{kind}_enc"] = _content_encryption(members, kind)
    return read


def _with_agreement(read: ServiceMetadata, members: Members, insecure_loopback: bool) -> ServiceMetadata:
    """The members that the province and the agency have agreed, added from a trusted file."""
    visible = r"[\x21-\x7e]"
    resource = partial(check_web_uri, insecure_loopback=insecure_loopback, no_fragment_by="RFC 8707 2")
    # Where anything may be tried out, test suites bring secrets of their own making.
    shortest = 1 if insecure_loopback else SHORTEST_SECRET
    return replace(
        read,
        client_id=members.pattern("client_id", _CLIENT_ID, _NO_CLIENT_ID),
        client_secret=members.pattern(
            "client_secret",
            f"{visible}{{{shortest},256}}",
            f"must have {shortest} to 256 visible ASCII characters (RFC 6749 A.2)",
        ),
        sector=members.pattern(
            "sector", f"{visible}{{1,253}}", "must have 1 to 253 visible ASCII characters (limit of this provider)"
        ),
        agency_code=_agency_code(members),
        agency_names=members.localised("agency_name", LONGEST_NAME),
        legal_basis=members.text("legal_basis", LONGEST_LEGAL_BASIS),
        personal_number_basis=members.text("personal_number_basis", LONGEST_LEGAL_BASIS),
        purpose=_purpose(members),
        machine_scopes=_own_scopes(members.values.get("machine_scopes"), "machine_scopes"),
        resources=members.each("resources", MOST_URIS, resource),
        resource_token_format=members.choice("resource_token_format", get_args(TokenFormat), "opaque", "RFC 9068"),
        callers=_callers(members),
        system_security_level=members.whole("system_security_level", 1, 5, "Decree 85/2016 Art 7"),
        minimum_account_level=members.whole("minimum_account_level", 0, 2, "Decree 69/2024 Art 6") or 0,
        minimum_auth_level=members.whole("minimum_auth_level", 1, 4, "Decree 69/2024") or 1,
        exceptions=_exceptions(members),
        agreement_number=members.text("agreement_number", LONGEST_LEGAL_BASIS),
    )


def _redirect_uris(members: Members, check: Callable[[object, str], str], *, needed: bool) -> tuple[str, ...]:
    """At least one: the code flow has nowhere else to answer to."""
    try:
        uris = members.each("redirect_uris", MOST_URIS, check)
        if needed and not uris:
            refuse("redirect_uris", "must name at least one URI for the code flow (RFC 7591 2)")
    except Refusal as refusal:
        raise Refusal("invalid_redirect_uri", refusal.detail, field=refusal.field) from None
    return uris


def _grant_types(members: Members, allowed_response_types: tuple[str, ...]) -> tuple[str, ...]:
    known = tuple(each for each in KNOWN_GRANT_TYPES if each != "implicit" or allowed_response_types != CODE_FLOW)
    grant_types = members.each("grant_types", MOST_URIS, one_of(known, "RFC 7591 2"))
    if not grant_types and "grant_types" not in members.values:
        return ("authorization_code",)
    if "refresh_token" in grant_types and "authorization_code" not in grant_types:
        refuse("grant_types", "must have authorization_code beside refresh_token (RFC 7591 2.1)")
    return grant_types


def _optional(members: Members, name: str, allowed: tuple[Choice, ...]) -> Choice | None:
    """An algorithm that may be left open."""
    if name not in members.values:
        return None
    return members.choice(name, allowed, allowed[0], "OpenID Connect Registration 2")


def _jwks(members: Members) -> Mapping[str, object] | None:
    """A set of public keys, by value (RFC 7591 2); a private or symmetric one in it would be out."""
    document = members.values.get("jwks")
    if document is None:
        return None
    keys = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= MOST_KEYS:
        refuse("jwks", f"must be an object with a list of 1 to {MOST_KEYS} keys (RFC 7517 5)")
    for place, key in enumerate(keys):
        if not isinstance(key, Mapping) or key.get("kty") not in ("RSA", "EC", "OKP"):
            refuse("jwks", f"must hold public keys only; key {place} is none (RFC 7517 4.1)")
        if PRIVATE_MEMBERS & set(key):
            refuse("jwks", f"must never hold a private part, as key {place} does: it is known to all (RFC 7517 9.2)")
        if not all(
            isinstance(value, str) and len(value) <= LONGEST_TEXT for name, value in key.items() if name in "nexy"
        ):
            refuse("jwks", f"has a key {place} that is no JSON Web Key (RFC 7518 6)")
    return {"keys": [dict(key) for key in keys]}


def _content_encryption(members: Members, kind: str) -> ContentEncryption | None:
    """How the content is encrypted: A128CBC-HS256 unless said, None without an algorithm for its key."""
    if f"{kind}_alg" not in members.values:
        if f"{kind}_enc" in members.values:
            refuse(f"{kind}_enc", f"needs {kind}_alg beside it (OpenID Connect Registration 2)")
        return None
    named: ContentEncryption = members.choice(
        f"{kind}_enc", get_args(ContentEncryption), "A128CBC-HS256", "OpenID Connect Registration 2"
    )
    return named


def _response_types(members: Members, grant_types: tuple[str, ...], allowed: tuple[str, ...]) -> tuple[str, ...]:
    """In one order of words each. Tokens in the front channel only where the record allows them (RFC 9700 2.1.2)."""
    if not {"authorization_code", "implicit"} & set(grant_types):
        if members.values.get("response_types"):
            refuse("response_types", "must be empty without grant type authorization_code (RFC 7591 2.1)")
        return ()

    def check(value: object, member: str) -> str:
        ordered = in_order(value) if isinstance(value, str) else ""
        if ordered not in allowed:
            refuse(member, f"must be {' or '.join(allowed)} (RFC 9700 2.1.2)")
        return ordered

    response_types = members.each("response_types", MOST_URIS, check)
    if not response_types and ("response_types" in members.values or "authorization_code" not in grant_types):
        refuse("response_types", "must name at least one (RFC 7591 2)")
    for response_type in response_types:
        _check_grant_types_of(response_type, grant_types)
    return tuple(dict.fromkeys(response_types)) or CODE_FLOW


def in_order(response_type: str) -> str:
    """A response type with its words in the one order that is compared (OAuth 2.0 Multiple Response Types 5)."""
    return " ".join(sorted(response_type.split(" ")))


def _check_grant_types_of(response_type: str, grant_types: tuple[str, ...]) -> None:
    words = set(response_type.split())
    if "code" in words and "authorization_code" not in grant_types:
        refuse("grant_types", "must have authorization_code for response types with code (RFC 7591 2.1)")
    if words - {"code"} and "implicit" not in grant_types:
        refuse("grant_types", "must have implicit for response types with id_token or token (RFC 7591 2.1)")


def _scopes(members: Members, grant_types: tuple[str, ...]) -> tuple[str, ...]:
    """What the service may ask for; by default what needs neither a law nor a refresh token.

    Scopes that are not known here are left out, and the answer says what was registered (RFC 7591 2, 3.2.1).
    """
    value = members.text("scope", LONGEST_TEXT)
    if value is not None:
        return tuple(scope for scope in dict.fromkeys(value.split()) if scope in SCOPES_SUPPORTED)
    withheld = set(WITHHELD_SCOPES)
    if "refresh_token" not in grant_types:
        withheld.add("offline_access")
    return tuple(scope for scope in SCOPES_SUPPORTED if scope not in withheld)


def _without_withheld(read: ServiceMetadata) -> ServiceMetadata:
    """A service that registers itself gets no scope that needs a law, an agreement, or a grant type it lacks."""
    withheld = set(WITHHELD_SCOPES)
    if "refresh_token" not in read.grant_types:
        withheld.add("offline_access")
    return replace(read, scopes=tuple(scope for scope in read.scopes if scope not in withheld))


def _agency_code(members: Members) -> str | None:
    code = members.text("agency_code", LONGEST_NAME)
    if code is None:
        return None
    try:
        return check_agency_code(code)
    except Refusal as refusal:
        raise Refusal("invalid_client_metadata", f"agency_code: {refusal.detail}", field="agency_code") from None


def _own_scopes(value: object, member: str) -> tuple[str, ...]:
    """What a service may ask for in its own name; never a scope that is about a person."""
    scopes = () if value is None else tuple(dict.fromkeys(check_text(value, member, LONGEST_TEXT).split()))
    if set(scopes) & set(SCOPES_SUPPORTED) or not all(
        re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]+", each) for each in scopes
    ):
        refuse(member, "must be scope values that are not about a person (RFC 6749 3.3)")
    return scopes


def _callers(members: Members) -> tuple[Caller, ...]:
    """Who may have tokens for the interfaces guarded here: their guard says so, never who wants in."""
    values = members.values.get("callers", [])
    if not isinstance(values, list) or len(values) > MOST_CALLERS:
        refuse("callers", f"must be a list of at most {MOST_CALLERS} (limit of this provider)")
    callers: dict[str, Caller] = {}
    for place, value in enumerate(values):
        member = f"callers[{place}]"
        if not isinstance(value, dict):
            refuse(member, "must be an object with client_id and, for access in its own name, scopes (RFC 8707 2)")
        client_id = value.get("client_id")
        if not isinstance(client_id, str) or not re.fullmatch(_CLIENT_ID, client_id):
            refuse(f"{member}.client_id", _NO_CLIENT_ID)
        if client_id in callers:
            refuse(member, "names a service a second time (RFC 8707 2)")
        callers[client_id] = Caller(client_id, _own_scopes(value.get("scopes"), f"{member}.scopes"))
    return tuple(callers.values())


def _purpose(members: Members) -> dict[str, str]:
    """Written as `purpose` and `purpose#vi`, or as one object by language tag."""
    value = members.values.get("purpose")
    if isinstance(value, dict):
        members = Members({f"purpose#{tag}" if tag else "purpose": text for tag, text in value.items()})
    return members.localised("purpose", LONGEST_TEXT)


def _exceptions(members: Members) -> tuple[ServiceException, ...]:
    values = members.values.get("exceptions", [])
    if not isinstance(values, list):
        refuse("exceptions", "must be a list (rule of the province)")
    exceptions = []
    for place, value in enumerate(values):
        member = f"exceptions[{place}]"
        if not isinstance(value, dict):
            refuse(member, "must be an object with rule, reason and until (rule of the province)")
        rule = one_of(tuple(sorted(EXCEPTION_RULES)), "named exceptions")(value.get("rule"), f"{member}.rule")
        reason = check_text(value.get("reason"), f"{member}.reason", LONGEST_TEXT)
        exceptions.append(ServiceException(rule, reason, check_day(value.get("until"), f"{member}.until")))
    return tuple(exceptions)


def _refuse_unsupported(members: Members) -> None:
    """Members that would change what the service may rely on, so that ignoring them would mislead it."""
    for name, value in members.values.items():
        if name in _ALGORITHM_MEMBERS and isinstance(value, str) and value.lower() == "none":
            refuse(name, "must not be none: everything is signed (RFC 8725 3.2)")
    if members.values.get("subject_type", "pairwise") != "pairwise":
        refuse("subject_type", "must be pairwise (OpenID Connect Core 8.1)")


def _refuse_contradictions(read: ServiceMetadata) -> None:
    if read.jwks is not None and read.jwks_uri is not None:
        refuse("jwks", "must be absent where jwks_uri is given (RFC 7591 2)")
    if read.token_endpoint_auth_method == "none":
        _refuse_of_a_public_service(read)
    else:
        _refuse_no_proof(read)
    encrypted = (read.id_token_encrypted_response_alg, read.userinfo_encrypted_response_alg)
    if any(encrypted) and read.jwks is None and read.jwks_uri is None:
        refuse("jwks_uri", "or jwks is needed to encrypt to (OpenID Connect Core 10.2)")
    if "offline_access" in read.scopes and "refresh_token" not in read.grant_types:
        refuse("scope", "offline_access needs grant type refresh_token (OpenID Connect Core 11)")
    if read.callers and not read.resources:
        refuse("callers", "are of no use without resources, which they may call (RFC 8707 2)")
    if PERSONAL_NUMBER_SCOPE in read.scopes and read.personal_number_basis is None:
        refuse("scope", f"{PERSONAL_NUMBER_SCOPE} needs a recorded personal_number_basis (rule of the province)")


def _refuse_of_a_public_service(read: ServiceMetadata) -> None:
    """What only a service that can keep a secret may have."""
    if read.client_secret is not None:
        refuse("client_secret", "must be absent where token_endpoint_auth_method is none (RFC 7591 2)")
    if read.token_endpoint_auth_signing_alg is not None:
        refuse("token_endpoint_auth_signing_alg", "does not go with none (OpenID Connect Core 9)")
    if "client_credentials" in read.grant_types:
        refuse("grant_types", "cannot have client_credentials without a secret or key (RFC 6749 4.4)")
    if any(exception.rule == PKCE for exception in read.exceptions):
        refuse("exceptions", "cannot free a public service from PKCE (RFC 9700 2.1.1)")


def _refuse_no_proof(read: ServiceMetadata) -> None:
    """What makes the registered way of proving oneself impossible."""
    method, algorithm = read.token_endpoint_auth_method, read.token_endpoint_auth_signing_alg
    if method == "private_key_jwt" and read.jwks is None and read.jwks_uri is None:
        refuse("jwks_uri", "or jwks is needed for private_key_jwt (OpenID Connect Core 9)")
    if algorithm is not None and (method == "client_secret_jwt") is not (algorithm == "HS256"):
        refuse("token_endpoint_auth_signing_alg", f"does not go with {method} (OpenID Connect Core 9)")
    secret = read.client_secret
    if method == "client_secret_jwt" and secret is not None and len(secret) < SHORTEST_SIGNING_SECRET:
        refuse("client_secret", f"must have at least {SHORTEST_SIGNING_SECRET} characters to sign with (RFC 7518 3.2)")
