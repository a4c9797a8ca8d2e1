"""Which facts a service receives: scopes and the `claims` parameter to names, names to values.

OIDC Core 5.1 (standard claims), 5.4 (scopes), 5.5 (the `claims` parameter). The personal number is released only when
verified and with a legal basis on the service's record, by whatever way it is asked for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import orjson

from idp.domain.accounts import Profile
from idp.domain.levels import ProofSource
from idp.domain.refusals import Refusal
from idp.domain.relying_services import RelyingService

SCOPE_CLAIMS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "profile": (
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ),
        "email": ("email", "email_verified"),
        "address": ("address",),
        "phone": ("phone_number", "phone_number_verified"),
        "personal_id_number": ("personal_id_number",),
        "dvcqg": ("name", "birthdate", "personal_id_number"),
    }
)
# The order is written into stored releases as bits: append, never reorder or remove.
CLAIM_NAMES: Final = tuple(dict.fromkeys(name for names in SCOPE_CLAIMS.values() for name in names))
SCOPES_SUPPORTED: Final = ("openid", *SCOPE_CLAIMS, "offline_access")
# Claims about the sign-in itself; asked for by the `claims` parameter they are not facts of the person.
SIGN_IN_CLAIMS: Final = ("account_level", "acr", "amr", "auth_time", "sub")
# Stands in the profile beside the number, as email_verified does, but no service is told of it.
NUMBER_VERIFIED: Final = "personal_id_number_verified"
LARGEST_REQUEST: Final = 4096


@dataclass(frozen=True, slots=True)
class ClaimsRequest:
    """The `claims` parameter: for each place the names asked for, with what was said of them."""

    userinfo: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    id_token: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def as_json(self) -> dict[str, dict[str, dict[str, object]]]:
        return {
            place: {name: dict(said) for name, said in asked.items()}
            for place, asked in (("userinfo", self.userinfo), ("id_token", self.id_token))
            if asked
        }


NO_REQUEST: Final = ClaimsRequest()


def read_claims_request(text: str | None) -> ClaimsRequest:
    """Parse the `claims` parameter (OIDC Core 5.5); raises Refusal('request_malformed')."""
    if not text:
        return NO_REQUEST
    if len(text) > LARGEST_REQUEST:
        raise Refusal("request_malformed", f"claims is longer than {LARGEST_REQUEST} characters (OIDC Core 5.5)")
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Refusal("request_malformed", "claims is not JSON (OIDC Core 5.5)") from None
    if not isinstance(document, dict):
        raise Refusal("request_malformed", "claims is not a JSON object (OIDC Core 5.5)")
    return ClaimsRequest(userinfo=_read_place(document.get("userinfo")), id_token=_read_place(document.get("id_token")))


def _read_place(asked: object) -> dict[str, dict[str, object]]:
    if asked is None:
        return {}
    if not isinstance(asked, dict):
        raise Refusal("request_malformed", "claims holds a member that is not an object (OIDC Core 5.5)")
    known: dict[str, dict[str, object]] = {}
    for name, said in asked.items():
        if said is not None and not isinstance(said, dict):
            raise Refusal(
                "request_malformed", "claims asks for a claim by neither null nor an object (OIDC Core 5.5.1)"
            )
        # Names that are not understood are ignored (OIDC Core 5.5); a localised name stands for the plain one.
        plain = name.partition("#")[0]
        if plain in CLAIM_NAMES or plain in SIGN_IN_CLAIMS:
            known[plain] = said or {}
    return known


@dataclass(frozen=True, slots=True)
class Release:
    """The names a service may read of one person: at userinfo, and inside the ID token."""

    userinfo: frozenset[str]
    id_token: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        return self.userinfo | self.id_token


@lru_cache(maxsize=4096)
def _claims_of(scopes: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name for scope in scopes for name in SCOPE_CLAIMS.get(scope, ()))


def plan_release(
    service: RelyingService,
    scopes: Iterable[str],
    request: ClaimsRequest,
    profile: Profile,
    *,
    has_userinfo: bool = True,
) -> Release:
    """The facts that this request would release: asked for, permitted, and known of the person.

    Scope claims go to userinfo, and the ID token carries only what `claims` asks for there; without an access token,
    and so without userinfo, it carries them too (OIDC Core 5.4).
    """
    known = {name for name in profile.claims if _may_release(name, service, profile)}
    by_scope = _claims_of(tuple(scopes))
    if not has_userinfo:
        return Release(frozenset(), frozenset((by_scope | set(request.id_token)) & known))
    return Release(
        userinfo=frozenset((by_scope | set(request.userinfo)) & known),
        id_token=frozenset(set(request.id_token) & known),
    )


def _may_release(name: str, service: RelyingService, profile: Profile) -> bool:
    if name not in _claims_of(service.scopes):
        return False  # the claims parameter asks for single facts, never for more than the service is registered for
    if name != "personal_id_number":
        return True
    return service.personal_number_basis is not None and _is_number_verified(profile)


def _is_number_verified(profile: Profile) -> bool:
    """Whether the number itself was checked, whatever else was; profiles of the version before say it of all facts."""
    return bool(profile.claims.get(NUMBER_VERIFIED, profile.proof_source is not ProofSource.SELF))


def release(profile: Profile, names: Iterable[str], service: RelyingService) -> dict[str, object]:
    """The values of `names` as they stand now; what is not known or not permitted is absent (OIDC Core 5.3.2)."""
    return {
        name: profile.claims[name]
        for name in sorted(names)
        if name in profile.claims and _may_release(name, service, profile)
    }


def national_portal_claims(released: Mapping[str, object], sub: str) -> dict[str, object]:
    """The same facts under the names of the national portal's sign-on (scope `dvcqg`), for services coded against it.

    Account type 1 is a natural person; dates are yyyyMMdd or a year. Nothing is told that was not released by its own
    name.
    """
    said: dict[str, object] = {"TechID": sub, "LoaiTaiKhoan": "1"}
    if "name" in released:
        said["HoVaTen"] = released["name"]
    if "birthdate" in released:
        said["NgayThangNamSinh"] = str(released["birthdate"]).replace("-", "")
    if "personal_id_number" in released:
        said["SoDinhDanh"] = released["personal_id_number"]
    return said


_PLACES: Final = {name: place for place, name in enumerate(CLAIM_NAMES)}


def to_bits(names: Iterable[str]) -> int:
    """Claim names as one number, for the small room of an authorization code."""
    return sum(1 << _PLACES[name] for name in set(names))


@lru_cache(maxsize=4096)
def from_bits(bits: int) -> frozenset[str]:
    return frozenset(name for place, name in enumerate(CLAIM_NAMES) if bits >> place & 1)
