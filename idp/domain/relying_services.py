"""A relying service (hệ thống khai thác): what the province knows of a system that signs people in here.

RFC 7591 2, OpenID Connect Dynamic Client Registration 2. `service_metadata` reads its metadata document and
writes it back. Sector, legal basis and levels are set by agreement with the agency (Decree 69/2024 Art 18),
never by the service itself. Checking a client secret is the protocol's matter: only digests are here.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from idp.domain.refusals import Refusal
from idp.domain.service_secrets import SecretTerm, mark_of

AuthMethod = Literal["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"]
SigningAlgorithm = Literal["RS256", "ES256", "PS256", "EdDSA"]
AssertionAlgorithm = Literal["RS256", "PS256", "ES256", "EdDSA", "HS256"]
RequestObjectAlgorithm = Literal["RS256", "PS256", "ES256", "EdDSA", "none"]
EncryptionAlgorithm = Literal["RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"]
ContentEncryption = Literal["A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM"]
TokenFormat = Literal["opaque", "jwt"]
ApplicationType = Literal["web", "native"]
# A pending one waits for approval. A removed one is out of use for good: only its record is left.
ServiceState = Literal["active", "suspended", "pending", "removed"]
# In a sandbox only test people sign in.
Environment = Literal["production", "sandbox"]

PKCE: Final = "pkce"
SECRET_LIFE: Final = "secret_life"
EXCEPTION_RULES: Final = frozenset({PKCE, SECRET_LIFE})
"""The rules from which a service may be exempted by name, with a reason and a last day."""

# How the sectors begin that no province fixed: of one service alone, or of those that share a document.
OWN_SECTOR: Final = "self-registered:"
SHARED_SECTOR: Final = "sector-identifier:"
LONGEST_URI: Final = 2000
SANDBOX_SUFFIX: Final = "-thu"
_LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class ServiceException:
    """A service need not keep `rule` up to and including the day `until`, for a written reason."""

    rule: str
    reason: str
    until: date


@dataclass(frozen=True, slots=True)
class Caller:
    """A service that may ask for tokens for an interface; `scopes` are what it may hold there in its own name."""

    client_id: str
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RelyingService:
    """One registered service. Texts for people are kept by language tag, '' being the one without a language.

    `resources` are the addresses of the interfaces it guards (RFC 8707): its `callers`, and nobody else, get tokens
    for them, in `resource_token_format`; `machine_scopes` are what it may ask for itself, without a person.
    `sector` names the group of services that see the same pairwise `sub`; it is fixed when the service is
    made, because deriving it from hosts would rename every person on a change of domain. `legal_basis` is the
    law by which identity facts are released (None: the person's consent), `personal_number_basis` the law by
    which the personal number is (None: never). `system_security_level` is 1 to 5 (Decree 85/2016), None while
    unknown; account and authentication levels are the least the service accepts (Decree 69/2024). One that came by
    an invitation registers only `invited_scopes`, and redirects only to `invited_hosts` (None and none: to any).
    `secret_terms` and `suspended_by_agency` are kept by the consoles; `test_people` are the numbers made for a sandbox.
    """

    id: UUID
    client_id: str
    agency_id: UUID | None
    sector: str
    names: Mapping[str, str] = field(hash=False)
    redirect_uris: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    frontchannel_logout_uri: str | None = None
    frontchannel_logout_session_required: bool = False
    token_endpoint_auth_method: AuthMethod = "client_secret_basic"
    grant_types: tuple[str, ...] = ("authorization_code",)
    response_types: tuple[str, ...] = ("code",)
    scopes: tuple[str, ...] = ("openid",)
    id_token_signed_response_alg: SigningAlgorithm = "RS256"
    id_token_encrypted_response_alg: EncryptionAlgorithm | None = None
    id_token_encrypted_response_enc: ContentEncryption | None = None
    application_type: ApplicationType = "web"
    subject_type: Literal["pairwise"] = "pairwise"
    sector_identifier_uri: str | None = None
    logo_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    client_uri: str | None = None
    contacts: tuple[str, ...] = ()
    initiate_login_uri: str | None = None
    jwks: Mapping[str, object] | None = field(default=None, hash=False)
    jwks_uri: str | None = None
    token_endpoint_auth_signing_alg: AssertionAlgorithm | None = None
    userinfo_signed_response_alg: SigningAlgorithm | None = None
    userinfo_encrypted_response_alg: EncryptionAlgorithm | None = None
    userinfo_encrypted_response_enc: ContentEncryption | None = None
    introspection_signed_response_alg: SigningAlgorithm = "RS256"
    request_object_signing_alg: RequestObjectAlgorithm | None = None
    request_object_encryption_alg: EncryptionAlgorithm | None = None
    request_object_encryption_enc: ContentEncryption | None = None
    request_uris: tuple[str, ...] = ()
    default_acr_values: tuple[str, ...] = ()
    machine_scopes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_token_format: TokenFormat = "opaque"
    callers: tuple[Caller, ...] = ()
    default_max_age: int | None = None
    require_auth_time: bool = False
    require_pkce: bool = False
    secret_digests: tuple[bytes, ...] = field(default=(), repr=False)
    legal_basis: str | None = None
    personal_number_basis: str | None = None
    purpose: Mapping[str, str] = field(default_factory=dict, hash=False)
    system_security_level: int | None = None
    minimum_account_level: int = 0
    minimum_auth_level: int = 1
    state: ServiceState = "active"
    exceptions: tuple[ServiceException, ...] = ()
    invited_scopes: tuple[str, ...] | None = None
    invited_hosts: tuple[str, ...] = ()
    environment: Environment = "production"
    agreement_number: str | None = None
    secret_terms: tuple[SecretTerm, ...] = ()
    suspended_by_agency: bool = False
    suspended_because: str = ""
    test_people: tuple[str, ...] = ()

    def digests_at(self, now: datetime) -> tuple[bytes, ...]:
        """The digests of the secrets that count now; those without a term, from a file, always do."""
        over = {term.mark for term in self.secret_terms if term.expires_at <= now}
        return tuple(digest for digest in self.secret_digests if mark_of(digest) not in over)

    @property
    def is_sandbox(self) -> bool:
        return self.environment == "sandbox"

    def name(self, language: str) -> str:
        """What people are told the service is called; the client_id if it never said (RFC 7591 2)."""
        return _in_language(self.names, language) or self.client_id

    def purpose_in(self, language: str) -> str:
        """Why the service asks for what it asks; '' if it was not recorded."""
        return _in_language(self.purpose, language)

    def has_redirect_uri(self, uri: str) -> bool:
        """Whether `uri` is registered, compared character by character (RFC 9700 2.1)."""
        if uri in self.redirect_uris:
            return True
        return self.application_type == "native" and _without_loopback_port(uri) in {
            _without_loopback_port(registered) for registered in self.redirect_uris if registered.startswith("http://")
        } - {None}

    def has_post_logout_redirect_uri(self, uri: str) -> bool:
        """Whether `uri` is registered, compared character by character (RP-Initiated Logout 3)."""
        return uri in self.post_logout_redirect_uris

    def exempt_from(self, rule: str, today: date) -> bool:
        return any(exception.rule == rule and today <= exception.until for exception in self.exceptions)

    def must_use_pkce(self, today: date, *, strict: bool = True) -> bool:
        """RFC 9700 2.1.1: public services, those that registered it, and where the rules are strict all the others.

        When an exception ends, the duty is back without a change to the service.
        """
        return self.is_public or self.require_pkce or (strict and not self.exempt_from(PKCE, today))

    @property
    def registered_itself(self) -> bool:
        """Whether it came by a registration of its own, not by a file of the province."""
        return self.sector.startswith((OWN_SECTOR, SHARED_SECTOR))

    @property
    def is_public(self) -> bool:
        """Whether it holds no secret (RFC 6749 2.1)."""
        return self.token_endpoint_auth_method == "none"

    @property
    def is_active(self) -> bool:
        return self.state == "active"

    @property
    def is_removed(self) -> bool:
        return self.state == "removed"

    def lets_in(self, caller: "RelyingService") -> bool:
        """Whether a service may have tokens for the interfaces guarded here: the guard itself, and whom it names."""
        return caller.id == self.id or self._entry_of(caller) is not None

    def scopes_of(self, caller: "RelyingService") -> tuple[str, ...]:
        """What a service may hold in its own name at the interfaces guarded here."""
        entry = self._entry_of(caller)
        if entry is not None:
            return entry.scopes
        return self.machine_scopes if caller.id == self.id else ()

    def _entry_of(self, caller: "RelyingService") -> Caller | None:
        return next((each for each in self.callers if each.client_id == caller.client_id), None)

    def cannot_be_told_apart_at(self, redirect_uri: str) -> bool:
        """Whether any program on the person's machine could take an answer there in this service's name.

        It has no secret, and a loopback port or a private-use scheme belongs to whoever takes it (RFC 8252 8.6,
        RFC 6749 10.2). In development a web service may stand on loopback for https.
        """
        return self.is_public and self.application_type == "native" and not redirect_uri.startswith("https://")

    def may_use_grant(self, grant_type: str) -> bool:
        return grant_type in self.grant_types

    def may_ask_for(self, scope: str) -> bool:
        return scope in self.scopes

    @property
    def origins(self) -> frozenset[str]:
        """The web origins (RFC 6454) of its redirect URIs; private-use schemes have none."""
        parts = (urlsplit(uri) for uri in self.redirect_uris)
        return frozenset(origin_of(uri) for uri in parts if uri.scheme in _DEFAULT_PORTS)


def _without_loopback_port(uri: str) -> str | None:
    """A native app's loopback address without its port, which varies (RFC 8252 7.3); None for any other address."""
    found = re.fullmatch(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?(/[^#]*)?", uri)
    return f"{found[1]}{found[2] or ''}" if found else None


def origin_of(uri: SplitResult) -> str:
    """The web origin (RFC 6454) of an http or https address."""
    host = uri.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = "" if uri.port in (None, _DEFAULT_PORTS[uri.scheme]) else f":{uri.port}"
    return f"{uri.scheme}://{host}{port}"


def _in_language(texts: Mapping[str, str], language: str) -> str:
    """The text in that language, else in a variant of it ('vi-vn'), else without one, else any, else ''."""
    variants = (text for tag, text in texts.items() if tag.split("-")[0] == language)
    return texts.get(language) or next(variants, "") or texts.get("") or next(iter(texts.values()), "")


def check_redirect_uri(value: object, member: str, *, insecure_loopback: bool, native: bool) -> str:
    """A URI that browsers are sent back to: https, or for native apps a private-use scheme (RFC 8252 7.1).

    `member` names its place in the document ('redirect_uris[0]'). Raises Refusal('invalid_redirect_uri').
    """
    try:
        uri = check_plain_uri(value, member)
        if "*" in uri:
            raise _refused(member, "has a wildcard; redirect URIs are compared as exact strings (RFC 9700 2.1)")
        if "#" in uri:
            raise _refused(member, "has a fragment (RFC 6749 3.1.2)")
        parts = _split(uri, member)
        if native and re.fullmatch(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+", parts.scheme):
            if not uri.startswith("/", len(parts.scheme) + 1) or parts.netloc or parts.path.startswith("//"):
                raise _refused(member, "needs exactly one slash after a private-use scheme (RFC 8252 7.1)")
            return uri
        if native and parts.scheme == "http" and _without_loopback_port(uri) is not None:
            return uri
        _check_web_address(parts, member, insecure_loopback=insecure_loopback)
        return uri
    except Refusal as refusal:
        raise Refusal("invalid_redirect_uri", refusal.detail, field=member.split("[")[0]) from None


def check_web_uri(value: object, member: str, *, insecure_loopback: bool, no_fragment_by: str = "") -> str:
    """An absolute https URI (logo, policy, logout); `no_fragment_by` is the specification that forbids a fragment.

    Raises Refusal('invalid_client_metadata').
    """
    uri = check_plain_uri(value, member)
    if no_fragment_by and "#" in uri:
        raise _refused(member, f"has a fragment ({no_fragment_by})")
    _check_web_address(_split(uri, member), member, insecure_loopback=insecure_loopback)
    return uri


def check_plain_uri(value: object, member: str) -> str:
    """A string of the characters that RFC 3986 2 gives to URIs, and not too long."""
    if not isinstance(value, str):
        raise _refused(member, "must be a string (RFC 7591 2)")
    if not value or len(value) > LONGEST_URI:
        raise _refused(member, f"must have 1 to {LONGEST_URI} characters (limit of this provider)")
    if not re.fullmatch(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+", value):
        raise _refused(member, "has a character that a URI cannot have: percent-encode it (RFC 3986 2)")
    return value


def _split(uri: str, member: str) -> SplitResult:
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        raise _refused(member, "is not a URI (RFC 3986 3.2)") from None
    return parts


def _check_web_address(parts: SplitResult, member: str, *, insecure_loopback: bool) -> None:
    """https with a host and no user information; http only to this very machine, where that is allowed."""
    loopback = insecure_loopback and parts.scheme == "http" and parts.hostname in _LOOPBACK_HOSTS
    if parts.scheme != "https" and not loopback:
        raise _refused(member, "must be an absolute https URI (OpenID Connect Registration 2)")
    if "@" in parts.netloc:
        raise _refused(member, "has user information before the host (RFC 3986 3.2.1)")
    if not is_host(parts.hostname or "") or parts.netloc.endswith(":"):
        raise _refused(member, "has no valid host (RFC 3986 3.2.2)")


def is_host(host: str) -> bool:
    """A DNS name in lower case, or an IPv6 address without its brackets."""
    if ":" in host:
        try:
            return ipaddress.ip_address(host).version == 6
        except ValueError:
            return False
    return len(host) <= 253 and all(
        re.fullmatch(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", label) for label in host.split(".")
    )


def _refused(member: str, requirement: str) -> Refusal:
    name = member.split("[")[0]
    return Refusal("invalid_client_metadata", f"{member} {requirement}", field=name)
