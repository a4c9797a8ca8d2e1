"""What is held on a person in that person's words: the tables, their columns, and the words that stand in them.

Long because it is tables of words; the functions are the first ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

import orjson
from flask_babel import format_date, format_datetime, format_decimal, gettext

from idp.domain.accounts import Profile
from idp.domain.levels import ProofSource
from idp.web.browsers import device_name
from idp.web.release_texts import display, label, release_items
from idp.web.rights_texts import KINDS
from idp.web.texts import GROUNDS, N_, event_text

_NOBODY: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Said:
    """One value with what it is."""

    what: str
    value: str


@dataclass(frozen=True, slots=True)
class Line:
    """One row: since when it stands there, and what it says."""

    when: str
    said: list[Said]


def title_of(part: str) -> str:
    return str(gettext(_PARTS[part]))


def moment(at: datetime) -> str:
    return str(format_datetime(at, "HH:mm dd/MM/yyyy"))


def line_of(part: str, row: Mapping[str, object]) -> Line:
    """A row for people: what is empty left out, code words in plain ones; the first moment stands before the line."""
    told = dict(row)
    at = told.pop(next(iter(told))) if isinstance(next(iter(told.values())), datetime) else None
    when = moment(at) if isinstance(at, datetime) else ""
    if part == "claims":
        return Line(when, _claims(told.pop("claims")))
    if part == "facts":
        told["value"] = _fact(str(told["name"]), str(told["value"]))
    said = [Said(str(gettext(COLUMNS[name])), _text(name, value)) for name, value in told.items()]
    return Line(when, [each for each in said if each.value])


def _claims(claims: object) -> list[Said]:
    profile = _profile(claims if isinstance(claims, dict) else {})
    return [Said(item.what, item.value) for item in release_items(profile, profile.claims)]


def _fact(name: str, value: str) -> str:
    """A fact's value is a text, or JSON for anything else."""
    return display(_profile({name: orjson.loads(value) if value.startswith("{") else value}), name)


def _profile(claims: Mapping[str, object]) -> Profile:
    return Profile(_NOBODY, claims, ProofSource.SELF)


def _text(column: str, value: object) -> str:
    """A value as a person reads it; '' for what is not there."""
    match value:
        case None | "" | []:
            return ""
        case bool():
            return str(gettext("yes") if value else gettext("no"))
        case datetime():
            return moment(value)
        case date():
            return str(format_date(value, "dd/MM/yyyy"))
        case int() if column == "idle_for":
            return str(gettext("%(minutes)s minutes", minutes=format_decimal(value / 60, "0.#")))
        case list():
            return ", ".join(dict.fromkeys(_text(column, each) for each in value))
    return _word(column, str(value))


def _word(column: str, word: str) -> str:
    if column == "event":
        return event_text(word)
    if column == "agent":
        return f"{device_name(word)} ({word})"
    if column in ("name", "names", "userinfo", "id_token"):
        return label(word)
    known = {**_WORDS.get(column, {}), **_ANYWHERE}
    return str(gettext(known[word])) if word in known else word


_PARTS: Final[Mapping[str, str]] = {
    "account": N_("My account"),
    "claims": N_("My information, as services may be told it"),
    "facts": N_("Each piece of information, and where it comes from"),
    "identifiers": N_("Numbers and papers"),
    "contacts": N_("Phones and mailboxes"),
    "sign_in_names": N_("What I can sign in with"),
    "identity_links": N_("The same account in other identity systems"),
    "passwords": N_("Passwords (how a password reads, nobody can see)"),
    "passkeys": N_("Passkeys"),
    "authenticator_apps": N_("Authenticator apps"),
    "printed_codes": N_("Codes on paper"),
    "sent_codes": N_("Codes that were sent within the last minutes"),
    "recoveries": N_("Times the account was asked back"),
    "devices": N_("Browsers that are known to be mine"),
    "sessions": N_("Where I am, or lately was, signed in"),
    "other_screens": N_("Screens that I answered with my phone within the last minutes"),
    "sign_ins": N_("Every time I proved who I am"),
    "agreements": N_("What I agreed to, or was told of by law"),
    "received": N_("What services were given the right to read"),
    "access": N_("Access that services have, or had"),
    "requests": N_("Requests about my data"),
    "names_at_services": N_("Special names under which services know me"),
    "messages": N_("Messages about me that were sent in the last weeks"),
    "history": N_("What was done with my identity"),
}
COLUMNS: Final[Mapping[str, str]] = {
    "account_level": N_("Level of the account"),
    "actor": N_("By whom"),
    "address": N_("Network address"),
    "agent": N_("Browser"),
    "amr": N_("Proved by"),
    "answer_by": N_("To be answered by"),
    "answered": N_("Our answer"),
    "answered_at": N_("Answered"),
    "answered_by": N_("Answered by"),
    "at": N_("When"),
    "auth_level": N_("Level of the sign-in"),
    "auth_time": N_("Signed in at"),
    "basis_kind": N_("Because of"),
    "changed_at": N_("Changed"),
    "country": N_("Country"),
    "delivered_at": N_("Delivered"),
    "details": N_("Details"),
    "device_bound": N_("Stays in one device"),
    "done_by": N_("To be done by"),
    "end_reason": N_("Why it ended"),
    "ended": N_("What was said at the end"),
    "ended_at": N_("Ended"),
    "ended_by": N_("Ended by"),
    "event": N_("What happened"),
    "evidence": N_("Evidence"),
    "expires_at": N_("Good until"),
    "extended": N_("Why it takes longer"),
    "extended_at": N_("Given more time"),
    "extended_by": N_("Given more time by"),
    "id_token": N_("Told at the sign-in"),
    "idle_for": N_("Ends after being unused for"),
    "is_shared": N_("Shared with others"),
    "issued_by": N_("Made by"),
    "issuer": N_("Other system"),
    "kind": N_("Kind"),
    "legal_basis": N_("Law"),
    "legal_ground": N_("Law"),
    "method": N_("How it was checked"),
    "name": N_("What"),
    "names": N_("Information"),
    "offline": N_("Also when I am not there"),
    "personal_number_basis": N_("Law for the personal number"),
    "proof": N_("How it was proved"),
    "proof_source": N_("Who vouches for me"),
    "proved": N_("Proved by"),
    "purpose": N_("What for"),
    "ready_at": N_("Possible from"),
    "received": N_("What you said"),
    "received_by": N_("Received by"),
    "refreshed_at": N_("Last renewed"),
    "resource": N_("At another system"),
    "resources": N_("At other systems"),
    "scopes": N_("Asked for, in technical words"),
    "sector": N_("Group of services"),
    "seen_at": N_("Last used"),
    "service": N_("Service"),
    "sign_count": N_("Times used, as the device counts"),
    "source": N_("Who says so"),
    "state": N_("State"),
    "state_legal_basis": N_("Law for the state"),
    "state_reason": N_("Why it is so"),
    "state_source": N_("Paper or register behind it"),
    "state_until": N_("Until"),
    "sub": N_("Name there"),
    "superseded_at": N_("Replaced"),
    "through_others": N_("Others must act too"),
    "tries": N_("Tries"),
    "updated_at": N_("Last changed"),
    "upstream": N_("Name there"),
    "used_at": N_("Last used"),
    "userinfo": N_("May be asked for later"),
    "valid_from": N_("Valid from"),
    "valid_until": N_("Valid until"),
    "value": N_("Value"),
    "verified_at": N_("Checked"),
    "verified_by": N_("Checked by"),
    "withdrawn_at": N_("Withdrawn"),
}
# Words that stand in several columns, and mean the same in each.
_ANYWHERE: Final[Mapping[str, str]] = {
    "the person": N_("myself"),
    "code": N_("by a code"),
    "counter": N_("a service counter"),
    "counter_code": N_("code from a counter"),
    "email": N_("e-mail"),
    "national_id": N_("the national identity system"),
    "passkey": N_("passkey"),
    "passport": N_("passport"),
    "password": N_("password"),
    "personal_number": N_("personal identification number"),
    "phone": N_("phone"),
    "recovery_code": N_("code on paper"),
    "self": N_("myself"),
    "sms": N_("text message"),
    "totp": N_("authenticator app"),
}
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "amr": {
        "pwd": N_("password"),
        "otp": N_("one-time code"),
        "swk": N_("passkey"),
        "hwk": N_("passkey of one device"),
        "mfa": N_("two steps"),
    },
    "basis_kind": {"consent": N_("my agreement"), "notice": N_("a law")},
    "end_reason": {
        "signed_out": N_("signed out"),
        "another_person": N_("another person signed in"),
        "expired": N_("it ran out"),
        "locked": N_("the account was locked"),
        "closed": N_("the account was closed"),
        "withdrawn": N_("I withdrew my agreement"),
        "revoked": N_("it was ended"),
        "code_replayed": N_("its code came twice"),
        "refresh_reused": N_("its key came twice"),
        "service_removed": N_("the service was removed"),
    },
    "kind": {
        "person": N_("person"),
        "staff": N_("member of staff"),
        "consent": N_("my agreement"),
        "notice": N_("told of a law"),
        "legacy_id": N_("old identity card"),
        "residence_card": N_("residence card"),
        "mail": N_("e-mail"),
        "staff_code": N_("staff number"),
        **{kind.value: name for kind, (name, _) in KINDS.items()},
        "backchannel_logout": N_("to a service: that I am signed out"),
    },
    "method": {
        "declared by the person": N_("declared by myself"),
        "entered by an operator": N_("entered by an operator"),
        "taken over from an old portal": N_("taken over from an old portal"),
        "proved by a code": N_("by a code"),
    },
    "proof": {"operator": N_("entered by an operator")},
    "purpose": {
        "register": N_("to register"),
        "sign_in": N_("to sign in"),
        "recover": N_("to get the account back"),
        "lock": N_("to lock the account"),
        "add_contact": N_("to add a phone or e-mail"),
    },
    "state_reason": GROUNDS,
    "state": {
        "pending": N_("not in use yet"),
        "active": N_("in use"),
        "locked": N_("locked"),
        "closed": N_("closed"),
        "open": N_("waiting"),
        "used": N_("done"),
        "cancelled": N_("cancelled"),
        "queued": N_("waiting to be sent"),
        "delivered": N_("delivered"),
        "failed": N_("could not be delivered"),
        "asked": N_("waiting"),
        "approved": N_("allowed"),
        "refused": N_("refused"),
        "received": N_("received"),
        "answered": N_("answered"),
        "extended": N_("given more time"),
        "done": N_("done"),
        "withdrawn": N_("taken back"),
    },
}
