"""What an agency fills in of a service: the fields of the form, as a registration document and back.

The document is read by `service_metadata` like an operator's file. What was typed is also what a case asks for, so that
a second officer sees the very words.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

import orjson

from idp.domain.identifiers import normalise_email
from idp.domain.refusals import Refusal
from idp.domain.relying_services import RelyingService

FIELDS: Final = (
    *("name_vi", "name_en", "purpose_vi", "purpose_en", "legal_basis", "personal_number_basis"),
    *("system_security_level", "agreement_number", "contacts", "redirect_uris", "post_logout_redirect_uris"),
    *("backchannel_logout_uri", "jwks_uri", "scope", "minimum_account_level", "minimum_auth_level"),
    *("default_max_age", "exception_rule", "exception_reason", "exception_until"),
)
# Where several stand, one a line.
LISTS: Final = frozenset({"contacts", "redirect_uris", "post_logout_redirect_uris"})
NEEDED: Final = ("name_vi", "purpose_vi", "system_security_level", "contacts", "redirect_uris", "scope")
FEWEST_CONTACTS: Final = 2
LONGEST_TYPED: Final = 4000
_NUMBERS: Final = ("system_security_level", "minimum_account_level", "minimum_auth_level", "default_max_age")
_PLAIN: Final = ("legal_basis", "personal_number_basis", "agreement_number", "backchannel_logout_uri", "jwks_uri")
_MEMBERS: Final = {
    "name_vi": "client_name#vi",
    "name_en": "client_name#en",
    "purpose_vi": "purpose#vi",
    "purpose_en": "purpose#en",
}
_FIELD_OF: Final = {member: field for field, member in _MEMBERS.items()} | {"exceptions": "exception_until"}


def missing(typed: Mapping[str, str]) -> list[str]:
    """The fields that must not be empty, and are."""
    return [name for name in NEEDED if not typed.get(name, "").strip()]


def field_of(refusal: Refusal) -> str:
    """The field of the form that a refused member came from."""
    return _FIELD_OF.get(refusal.field, refusal.field)


def to_document(typed: Mapping[str, str], *, agency_code: str, client_id: str) -> dict[str, object]:
    """The registration document; raises Refusal('invalid_client_metadata' | 'invalid_identifier')."""
    said = {name: typed.get(name, "").strip() for name in FIELDS}
    contacts = [normalise_email(each) for each in lines(said["contacts"])]
    if len(set(contacts)) < FEWEST_CONTACTS:
        raise Refusal("invalid_client_metadata", f"at least {FEWEST_CONTACTS} contacts", field="contacts")
    lasting = "offline_access" in said["scope"].split()
    document: dict[str, object] = {
        "client_id": client_id,
        "agency_code": agency_code,
        "contacts": contacts,
        "redirect_uris": lines(said["redirect_uris"]),
        "post_logout_redirect_uris": lines(said["post_logout_redirect_uris"]),
        "scope": said["scope"],
        "token_endpoint_auth_method": "private_key_jwt" if said["jwks_uri"] else "client_secret_basic",
        "grant_types": ["authorization_code", *(["refresh_token"] if lasting else [])],
        **{member: said[name] for name, member in _MEMBERS.items() if said[name]},
        **{name: said[name] for name in _PLAIN if said[name]},
        **{name: _whole(name, said[name]) for name in _NUMBERS if said[name]},
    }
    if said["exception_rule"]:
        exception = {"rule": said["exception_rule"], "reason": said["exception_reason"]}
        document["exceptions"] = [{**exception, "until": said["exception_until"]}]
    return document


def typed_of(service: RelyingService) -> dict[str, str]:
    """What the form would say of a service as it is registered."""
    exception = next(iter(service.exceptions), None)
    numbers = {name: getattr(service, name) for name in _NUMBERS}
    return {
        "name_vi": service.names.get("vi") or service.names.get("", ""),
        "name_en": service.names.get("en", ""),
        "purpose_vi": service.purpose.get("vi") or service.purpose.get("", ""),
        "purpose_en": service.purpose.get("en", ""),
        **{name: getattr(service, name) or "" for name in _PLAIN},
        **{name: "" if value is None else str(value) for name, value in numbers.items()},
        **{name: "\n".join(getattr(service, name)) for name in sorted(LISTS)},
        "scope": " ".join(service.scopes),
        "exception_rule": exception.rule if exception else "",
        "exception_reason": exception.reason if exception else "",
        "exception_until": exception.until.isoformat() if exception else "",
    }


def for_production(typed: Mapping[str, str]) -> dict[str, str]:
    """What is asked for production: addresses of one's own machine stay in the sandbox."""
    kept = {
        name: "\n".join(each for each in lines(typed.get(name, "")) if urlsplit(each).scheme != "http")
        for name in ("redirect_uris", "post_logout_redirect_uris")
    }
    return {name: typed.get(name, "").strip() for name in FIELDS} | kept


def hash_of(service: RelyingService) -> str:
    """What is in force, in short: it is another one once anything that the form can say has changed."""
    return sha256(orjson.dumps(typed_of(service), option=orjson.OPT_SORT_KEYS)).hexdigest()


def lines(text: str) -> list[str]:
    return list(dict.fromkeys(filter(None, (line.strip() for line in text.splitlines()))))


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refusal("invalid_client_metadata", f"{name} is a whole number", field=name)
    return int(text)
