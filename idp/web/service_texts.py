"""Services in words: what one asks for, the fields of its form, what is wrong in them, and asked beside in force."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from flask_babel import gettext

from idp.domain import service_forms
from idp.domain.claims import SCOPE_CLAIMS
from idp.domain.refusals import Refusal
from idp.domain.relying_services import RelyingService
from idp.web.pages import FieldError
from idp.web.release_texts import label
from idp.web.texts import N_

# One claim for each group that people see as one thing.
_SEEN: Final = (
    *("name", "personal_id_number", "birthdate", "gender", "phone_number", "email", "address", "nickname"),
    *("picture", "locale"),
)
_LABELS: Final = {
    "name_vi": N_("Name in Vietnamese"),
    "name_en": N_("Name in English"),
    "purpose_vi": N_("Purpose in Vietnamese"),
    "purpose_en": N_("Purpose in English"),
    "legal_basis": N_("Legal basis"),
    "personal_number_basis": N_("Law that allows the personal ID number"),
    "system_security_level": N_("Security level of the system"),
    "agreement_number": N_("Number of the agreement"),
    "contacts": N_("Contacts"),
    "redirect_uris": N_("Addresses after sign-in"),
    "post_logout_redirect_uris": N_("Addresses after sign-out"),
    "backchannel_logout_uri": N_("Address told of sign-outs"),
    "jwks_uri": N_("Address of the service’s keys"),
    "scope": N_("Asks for"),
    "minimum_account_level": N_("Lowest account level"),
    "minimum_auth_level": N_("Lowest authentication level"),
    "default_max_age": N_("Oldest sign-in, in seconds"),
    "exception_rule": N_("Exception"),
    "exception_reason": N_("Reason of the exception"),
    "exception_until": N_("Last day of the exception"),
}
_WRONG: Final = {
    "system_security_level": N_("Choose the level from 1 to 5 that the system was given."),
    "agreement_number": N_("Production needs the number of the agreement between the agency and the province."),
    "contacts": N_("Write at least two e-mail addresses, one a line."),
    "redirect_uris": N_("Each address, one a line, begins with https:// and has no * and no #."),
    "post_logout_redirect_uris": N_("Each address, one a line, begins with https:// and has no * and no #."),
    "backchannel_logout_uri": N_("The address begins with https:// and has no #."),
    "jwks_uri": N_("The address begins with https://."),
    "scope": N_("Choose what is known here. The personal ID number needs the law that allows it."),
    "legal_basis": N_("The personal ID number needs a legal basis."),
    "default_max_age": N_("Write a number of seconds, or nothing."),
    "exception_rule": N_("Choose an exception that there is."),
    "exception_reason": N_("Say why the exception is needed."),
    "exception_until": N_("An exception has a reason and a last day, like 2027-03-31."),
}
_STATES: Final = {
    "active": N_("in use"),
    "pending": N_("waits for approval"),
    "suspended": N_("suspended"),
    "removed": N_("removed"),
}
_EXCEPTIONS: Final = {"pkce": N_("without PKCE"), "secret_life": N_("a secret that lives longer")}
_FAILURES: Final = {
    "grant.code_replayed": N_("a code was used twice"),
    "grant.refresh_reused": N_("a refresh token was used twice"),
    "consent.refused": N_("the person said no"),
}
_PARCELS: Final = {"delivered": N_("delivered"), "queued": N_("on the way"), "failed": N_("given up")}


@dataclass(frozen=True, slots=True)
class Lowest:
    """The least that a service accepts of one kind of level."""

    name: str
    level: int


@dataclass(frozen=True, slots=True)
class Compared:
    """One field of a service: what is asked for, and what is in force."""

    label: str
    asked: str
    in_force: str
    is_new: bool


def asked_text(service: RelyingService) -> str:
    """The facts that a service may ask for, as people read them."""
    names = {name for scope in service.scopes for name in SCOPE_CLAIMS.get(scope, ())}
    return ", ".join(label(name) for name in _SEEN if name in names)


def level_texts(service: RelyingService) -> tuple[Lowest, ...]:
    """The least that a service accepts, where that is more than nothing."""
    account, sign_in = service.minimum_account_level, service.minimum_auth_level
    shown = ((_LABELS["minimum_account_level"], account, 0), (_LABELS["minimum_auth_level"], sign_in, 1))
    return tuple(Lowest(str(gettext(text)), level) for text, level, nothing in shown if level > nothing)


def labels() -> dict[str, str]:
    """The fields of the form by name."""
    return {name: str(gettext(text)) for name, text in _LABELS.items()}


def state_text(service: RelyingService) -> str:
    return str(gettext(_STATES[service.state]))


def exception_texts() -> list[tuple[str, str]]:
    """The exceptions that there are."""
    return [(rule, str(gettext(text))) for rule, text in _EXCEPTIONS.items()]


def failure_text(event: str) -> str:
    return str(gettext(_FAILURES[event]))


def parcel_text(state: str) -> str:
    return str(gettext(_PARCELS[state]))


def missing_fields(typed: Mapping[str, str]) -> list[FieldError]:
    """What must be filled in and is not."""
    names = labels()
    return [
        FieldError(name, str(gettext("Fill in: %(field)s.", field=names[name])))
        for name in service_forms.missing(typed)
    ]


def wrong_field(refusal: Refusal) -> FieldError:
    """What a refused form is told; raises the refusal where it is about no field."""
    name = "contacts" if refusal.code == "invalid_identifier" else service_forms.field_of(refusal)
    if refusal.code not in ("invalid_identifier", "invalid_client_metadata", "invalid_redirect_uri"):
        raise refusal
    if name not in _LABELS:
        raise refusal
    text = _WRONG.get(name, N_("This text is too long, or has characters that cannot be shown."))
    return FieldError(name, str(gettext(text)))


def compare(asked: Mapping[str, str], known: RelyingService | None) -> list[Compared]:
    """Each field that says anything, asked beside in force."""
    in_force = service_forms.typed_of(known) if known else {}
    rows = []
    for name, words in labels().items():
        one, other = asked.get(name, ""), in_force.get(name, "")
        if one or other:
            is_new = known is not None and one != other
            rows.append(Compared(words, ", ".join(one.split("\n")), ", ".join(other.split("\n")), is_new))
    return rows
