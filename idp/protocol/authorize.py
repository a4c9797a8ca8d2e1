"""What an authorization request asks, and the way back to who asked it.

RFC 6749 4.1.1, RFC 7636 (S256 only), RFC 9207, RFC 9700; OIDC Core 3.1.2.1, 3.1.2.2, 3.2.2.1, 3.3.2.1; OAuth 2.0
Multiple Response Types. Who is asked what, and when, is domain/next_step.py; what answers is
protocol/authorization_code.py and protocol/front_channel.py. A request object was unpacked before
(protocol/request_object.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from authlib.oauth2.rfc6749.errors import OAuth2Error

from idp.domain import claims
from idp.domain.claims import ClaimsRequest
from idp.domain.refusals import Refusal
from idp.domain.relying_services import RelyingService
from idp.domain.service_metadata import RESPONSE_TYPES, in_order
from idp.protocol import access_token, asked_levels, encrypting, response_modes, wording
from idp.protocol.answers import Asked, Pairs, repeated
from idp.protocol.server import Request, Server
from idp.runtime.data_keys import Unsealable

LONGEST_STATE: Final = 2048
LONGEST_NONCE: Final = 1024
# What tells an ID token from signed userinfo, which has the same `typ`: libraries know no other there (RFC 8725 3.12).
OF_ID_TOKENS_ALONE: Final = ("exp", "iat", "auth_time", "sid")
# What this endpoint reads; anything else is ignored (OIDC Core 3.1.2.1).
PARAMETERS: Final = frozenset(
    {
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "prompt",
        "max_age",
        "login_hint",
        "id_token_hint",
        "claims",
        "resource",
        "acr_values",
        "ui_locales",
        "display",
        "registration",
    }
)
PROMPTS: Final = frozenset({"none", "login", "consent", "select_account", "create"})


@dataclass(frozen=True, slots=True)
class Back:
    """The way back to the service: a registered address, how the answer travels, and the state it came with."""

    client_id: str
    redirect_uri: str
    mode: str
    state: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that may be answered: its service is known, its redirect URI is registered, its parts are sound.

    `guard` is the service whose interface the access token is for, None without `resource`.
    """

    service: RelyingService
    back: Back
    response_type: str
    nonce: str | None = field(repr=False)
    scopes: tuple[str, ...]
    code_challenge: str | None
    prompts: frozenset[str]
    max_age: int | None
    login_hint: str | None = field(repr=False)
    subs_wanted: frozenset[str] | None
    claims: ClaimsRequest
    required_level: int
    required_account_level: int
    wished_level: int
    resource: str | None
    guard: RelyingService | None
    offline: bool

    @property
    def redirect_uri(self) -> str:
        return self.back.redirect_uri

    @property
    def is_plain_code(self) -> bool:
        return self.response_type == "code"

    @property
    def wanted(self) -> frozenset[str]:
        """What the answer holds: code, id_token, token."""
        return frozenset(self.response_type.split())


class RefusedAtService(Exception):
    """A refusal that the service is told by the way back, whose address was checked before."""

    def __init__(self, back: Back, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.back, self.error, self.description = back, error, description


def read(server: Server, pairs: Pairs) -> AuthorizationRequest:
    """Check an authorization request, whose request object was unpacked.

    Raises Refusal (a page: nobody may be redirected) or RefusedAtService.
    """
    service, back = find_way_back(server, pairs)
    try:
        return _read_checked(server, service, back, pairs)
    except OAuth2Error as error:
        raise RefusedAtService(back, error.error, wording.describe(error)) from None
    except Refusal as refusal:
        raise RefusedAtService(back, "invalid_request", refusal.detail) from None


def find_way_back(server: Server, pairs: Pairs) -> tuple[RelyingService, Back]:
    """Who asks, and how it may be answered; raises Refusal where nobody may be redirected."""
    service, redirect_uri = _find_service(server, pairs)
    return service, _way_back(redirect_uri, pairs)


def _way_back(redirect_uri: str, pairs: Pairs) -> Back:
    """How even a refusal travels: by the mode asked for where it can, else by the usual one; with the exact state."""
    given, again = dict(pairs), repeated(pairs)
    usual = response_modes.usual_for(in_order(given.get("response_type", "")))
    mode = given.get("response_mode", "")
    is_web = redirect_uri.startswith(("https://", "http://"))
    usable = mode in response_modes.MODES and "response_mode" not in again and (is_web or mode != "form_post")
    # Multiple Response Types 5: what stands in a query gets into logs, so tokens never do.
    usable = usable and (mode != "query" or usual == "query")
    state = (given.get("state") or None) if "state" not in again else None
    return Back(given.get("client_id", ""), redirect_uri, mode if usable else usual, state)


def _find_service(server: Server, pairs: Pairs) -> tuple[RelyingService, str]:
    """The service and its exact redirect URI; without both nobody is redirected anywhere (RFC 6749 4.1.2.1)."""
    again = repeated(pairs)
    for name in ("client_id", "redirect_uri"):
        if name in again:
            raise Refusal("request_malformed", f"{name} stands more than once (RFC 6749 3.1)")
    given = dict(pairs)
    service = server.registry.find_by_client_id(given.get("client_id", ""))
    if service is None:
        raise Refusal("unknown_service", "client_id is missing or not registered (RFC 6749 4.1.2.1)")
    if not service.is_active:
        raise Refusal("service_suspended", "the service is suspended (RFC 6749 4.1.2.1)")
    redirect_uri = given.get("redirect_uri", "")
    if not redirect_uri or not service.has_redirect_uri(redirect_uri):
        raise Refusal(
            "redirect_uri_not_registered",
            "redirect_uri is missing or not one of the registered ones, character by character (OIDC Core 3.1.2.1)",
        )
    return service, redirect_uri


def _read_checked(server: Server, service: RelyingService, back: Back, pairs: Pairs) -> AuthorizationRequest:
    again = repeated(pairs)
    if again:
        raise _invalid(f"{_plain(again[0])} stands more than once (RFC 6749 3.1)")
    given = {name: value for name, value in pairs if value != ""}  # an empty value counts as absent (RFC 6749 3.1)
    given["response_type"] = response_type = _read_response_type(given)
    _check_offered(given, back)
    wanted = response_type.split()
    if "id_token" in wanted and "nonce" not in given:
        raise _invalid("nonce is missing: an ID token leaves the authorization endpoint (OIDC Core 3.2.2.1, 3.3.2.11)")
    request = Request(Asked("GET", list(given.items())), server.runtime.settings.issuer, None)
    grant = server.get_authorization_grant(request)
    grant.validate_consent_request()
    if "id_token" in wanted:
        encrypting.find_key(server, service, service.id_token_encrypted_response_alg)
    scopes = tuple(request.scope.split())
    if "openid" not in scopes:
        raise OAuth2Error(error="invalid_scope", description="scope must contain openid (OIDC Core 3.1.2.1)")
    # Without a code nothing is refreshed (OIDC Core 11).
    offline = "offline_access" in scopes and service.may_use_grant("refresh_token") and "code" in wanted
    if not offline:
        scopes = tuple(scope for scope in scopes if scope != "offline_access")
    asked_claims = claims.read_claims_request(given.get("claims"))
    resource = _read_resource(pairs)
    return AuthorizationRequest(
        service=service,
        back=back,
        response_type=response_type,
        nonce=given.get("nonce"),
        scopes=scopes,
        code_challenge=given.get("code_challenge"),
        prompts=_read_prompts(given.get("prompt", "")),
        max_age=_read_max_age(given.get("max_age"), service.default_max_age),
        login_hint=given.get("login_hint"),
        subs_wanted=_subs_wanted(_read_hint(server, service, given.get("id_token_hint")), asked_claims),
        claims=asked_claims,
        required_level=asked_levels.required_level(service, asked_claims),
        required_account_level=asked_levels.required_account_level(service, asked_claims),
        wished_level=asked_levels.wished_level(given.get("acr_values", ""), service, asked_claims),
        resource=resource,
        guard=access_token.find_guard(server, resource, service),
        offline=offline,
    )


def _read_response_type(given: Mapping[str, str]) -> str:
    """In the one order of words that registrations have (Multiple Response Types 5)."""
    if "response_type" not in given:
        raise _invalid("response_type is missing (RFC 6749 4.1.1)")
    response_type = in_order(given["response_type"])
    if response_type not in RESPONSE_TYPES:
        raise OAuth2Error(
            error="unsupported_response_type",
            description=f"response_type must be {' or '.join(RESPONSE_TYPES)} (OAuth 2.0 Multiple Response Types 5)",
        )
    return response_type


def _check_offered(given: Mapping[str, str], back: Back) -> None:
    if "registration" in given:
        raise OAuth2Error(
            error="registration_not_supported",
            description="the registration parameter is not offered (OIDC Core 7.2.1)",
        )
    if given.get("response_mode", back.mode) != back.mode:
        raise _invalid(
            "response_mode must be fragment or form_post, or query where nothing but a code is wanted "
            "(OAuth 2.0 Multiple Response Types 2.1 and 5)"
        )
    if len(given.get("state", "")) > LONGEST_STATE:
        raise _invalid(f"state is longer than {LONGEST_STATE} characters (limit of this provider)")
    if len(given.get("nonce", "")) > LONGEST_NONCE:
        raise _invalid(f"nonce is longer than {LONGEST_NONCE} characters (limit of this provider)")


def _read_prompts(text: str) -> frozenset[str]:
    prompts = frozenset(text.split())
    if prompts - PROMPTS:
        raise _invalid("prompt holds a value that is not offered (OIDC Core 3.1.2.1)")
    if "none" in prompts and len(prompts) > 1:
        raise _invalid("prompt=none stands with another value (OIDC Core 3.1.2.1)")
    if "create" in prompts and len(prompts) > 1:
        raise _invalid("prompt=create stands with another value (OpenID Connect Initiating User Registration 4.1)")
    return prompts


def _read_max_age(text: str | None, default: int | None) -> int | None:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise _invalid("max_age is not a whole number of seconds (OIDC Core 3.1.2.1)")
    return int(text)


def _read_hint(server: Server, service: RelyingService, token: str | None) -> str | None:
    """The `sub` of an ID token that this provider made for this service, expired or not (OIDC Core 3.1.2.1)."""
    if token is None:
        return None
    try:
        said = server.runtime.keyring.read_own(token, having=OF_ID_TOKENS_ALONE)
    except Unsealable:
        said = {}
    if said.get("iss") != server.runtime.settings.issuer or said.get("aud") != service.client_id:
        raise _invalid("id_token_hint is not an ID token that was made here for this service (OIDC Core 3.1.2.2)")
    return str(said["sub"])


def _subs_wanted(of_hint: str | None, asked: ClaimsRequest) -> frozenset[str] | None:
    """Whom the answer may be about, by id_token_hint and by `sub` in `claims` (OIDC Core 5.5.1); None for anybody."""
    wanted = [] if of_hint is None else [frozenset({of_hint})]
    for place in (asked.id_token, asked.userinfo):
        said = place.get("sub", {})
        if said.get("value") is not None:
            wanted.append(_subs([said["value"]]))
        if said.get("values"):
            wanted.append(_subs(said["values"]))
    if not wanted:
        return None
    common = frozenset.intersection(*wanted)
    if not common:
        raise _invalid("id_token_hint and claims name different persons (OIDC Core 5.5.1)")
    return common


def _subs(values: object) -> frozenset[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _invalid("claims asks for a sub that is not a string (OIDC Core 5.5.1)")
    return frozenset(values)


def _read_resource(pairs: Pairs) -> str | None:
    """The one interface the access token is for (RFC 8707 2.1)."""
    named = [value for name, value in pairs if name == "resource" and value]
    if len(named) > 1:
        raise access_token.InvalidTarget(description="one sign-in is for one resource (RFC 8707 2.1)")
    return named[0] if named else None


def _invalid(description: str) -> OAuth2Error:
    return OAuth2Error(error="invalid_request", description=description)


def _plain(name: str) -> str:
    """A parameter's name as an error may carry it."""
    return name if name.isascii() and name.replace("_", "").isalnum() and len(name) <= 40 else "a parameter"
