"""What the consoles say: roles, kinds of cases and how they stand, and what a case would do, in words."""

from collections.abc import Callable, Mapping
from typing import Final

from flask_babel import gettext

from idp.domain.agencies import Agency
from idp.domain.cases import Case, CaseKind
from idp.domain.proofing import NO_END
from idp.storage.officers import Officer
from idp.web import language
from idp.web.chip_texts import step_lines
from idp.web.release_texts import shown_date
from idp.web.texts import GROUNDS, N_

_ROLES: Final = {
    "system_administrator": N_("System administrator"),
    "registrar": N_("Registrar"),
    "approver": N_("Approver"),
    "service_manager": N_("Service manager"),
    "help_desk": N_("Help desk"),
    "auditor": N_("Auditor"),
}
_KINDS: Final = {
    "proof": N_("Check of a person at a counter"),
    "correct": N_("Correction of a person’s data"),
    "close": N_("Closing an account"),
    "merge": N_("Merging two accounts"),
    "import": N_("Taking over many accounts"),
    "keys": N_("The keys that sign for everybody"),
    "unmerge": N_("Undoing the merging of two accounts"),
    "bulk_lock": N_("Locking many accounts"),
    "recall": N_("Taking back checks of people"),
    "grant_role": N_("A role for an officer"),
    "service": N_("A service that goes into production"),
}
_STATES: Final = {
    "waiting": N_("waits"),
    "approved": N_("approved"),
    "refused": N_("refused"),
    "withdrawn": N_("taken back"),
    "expired": N_("waited too long"),
}


_BODY: Final = {
    "officer": N_("Officer"),
    "role": N_("Role"),
    "agency": N_("Unit"),
    "until": N_("Until"),
    "because": N_("Why"),
    "name": N_("Full name"),
    "birthdate": N_("Date of birth"),
    "number": N_("Personal ID number"),
    "contact": N_("Phone or e-mail that the person confirmed"),
    "document": N_("Document"),
    "contact_proof": N_("How it was confirmed"),
    "signer": N_("Fingerprint of the signer’s certificate"),
    "recall_source": N_("Checks"),
    "recall_officer": N_("By the officer"),
    "recall_from": N_("From"),
    "recall_until": N_("To"),
    "persons": N_("People, when it was asked"),
    "reason": N_("Why, and by which document"),
    "key_deed": N_("What is to be done"),
    "kid": N_("Key"),
    "ground": N_("Ground"),
    "source": N_("Document"),
    "legal_basis": N_("Legal basis"),
    "file": N_("Fingerprint of the file (SHA-256)"),
    "lines": N_("Lines of the file"),
    "good": N_("Lines that would be done"),
}
_KEY_DEEDS: Final = {
    "rotate": N_("Rotate: each next key signs, and a new one is published"),
    "revoke": N_("Revoke one that leaked, at once"),
}
_KEY_STATES: Final = {
    "next": N_("signs next"),
    "current": N_("signs"),
    "retired": N_("retired, still published"),
}
_CONTACT_PROOFS: Final = {
    "code": N_("by a code that was sent there"),
    "in_person": N_("by the person’s word at the counter"),
}
_BECAUSE: Final = {
    "died": N_("the person died"),
    "merged": N_("the account is a second one of the same person"),
    "withdrawn": N_("the person wishes it"),
    "dissolved": N_("the organisation was dissolved"),
}
_ACCOUNT_STATES: Final = {
    "pending": N_("not claimed yet"),
    "active": N_("open"),
    "locked": N_("locked"),
    "closed": N_("closed"),
}
_DOCUMENTS: Final = {"id_card": N_("ID card"), "passport": N_("Passport")}
_SOURCES: Final = {
    "self": N_("nobody has checked who it is"),
    "counter": N_("checked at a service counter"),
    "national_id": N_("from the national identity system"),
}


def source_text(source: str) -> str:
    """Who vouches for the person."""
    return str(gettext(_SOURCES[source]))


def account_states() -> dict[str, str]:
    """How an account stands, by its state."""
    return {state: str(gettext(text)) for state, text in _ACCOUNT_STATES.items()}


def closings() -> list[tuple[str, str]]:
    """Why a person's account may be closed; a second one of the same person is merged."""
    return [(because, str(gettext(_BECAUSE[because]))) for because in ("died", "withdrawn")]


def document_text(seen: str) -> str:
    """The paper that a counter saw, as it stands in a case; other documents as they were named."""
    kind, *rest = seen.split(" ")
    if kind not in _DOCUMENTS or len(rest) != 3:
        return seen
    number, issued, expires = rest
    return str(
        gettext(
            "%(paper)s %(number)s, issued %(issued)s, good until %(expires)s",
            paper=gettext(_DOCUMENTS[kind]),
            number=number,
            issued=shown_date(issued),
            expires=gettext("no end") if expires == NO_END else shown_date(expires),
        )
    )


def documents() -> list[tuple[str, str]]:
    """The papers that a counter takes."""
    return [(kind, str(gettext(name))) for kind, name in _DOCUMENTS.items()]


def key_deeds_to_choose() -> list[tuple[str, str]]:
    """What may be done to the keys."""
    return [(deed, str(gettext(text))) for deed, text in _KEY_DEEDS.items()]


def key_state_text(state: str) -> str:
    """How a key stands."""
    return str(gettext(_KEY_STATES[state]))


def case_columns() -> dict[str, str]:
    """The columns of the list of cases, with their heads."""
    return {
        "kind": str(gettext("What")),
        "by": str(gettext("Asked by")),
        "asked": str(gettext("When")),
        "due": str(gettext("Due by")),
        "state": str(gettext("Stands")),
    }


def role_text(role: str) -> str:
    """What an officer is at a unit."""
    return str(gettext(_ROLES[role]))


def roles() -> list[tuple[str, str]]:
    """Every role with its name."""
    return [(role, gettext(name)) for role, name in _ROLES.items()]


def kind_text(kind: str) -> str:
    """What a case is about."""
    return str(gettext(_KINDS[kind]))


def recall_sources() -> list[tuple[str, str]]:
    """Whose checks may be taken back."""
    return [(source, source_text(source)) for source in ("counter", "national_id")]


def proof_lines(body: Mapping[str, str]) -> list[tuple[str, str]]:
    """What was taken down at a counter, in words; the chip's steps stand apart."""
    return _lines(body, {})


def body_lines(case: Case, agencies: Mapping[str, Agency], officer: Officer | None) -> list[tuple[str, str]]:
    """What a case would do: each thing with its value, in words."""
    shown: dict[str, Callable[[str], str]] = {
        "role": role_text,
        "agency": lambda value: agencies[value].name(language.current()) if value in agencies else value,
        "officer": lambda _: f"{officer.name} ({officer.staff_code})" if officer else "",
    }
    steps = step_lines(case.body) if case.kind is CaseKind.PROOF and case.body else []
    return [*_lines(case.body, shown), *steps]


def _lines(body: Mapping[str, str], more: Mapping[str, Callable[[str], str]]) -> list[tuple[str, str]]:
    shown: dict[str, Callable[[str], str]] = {
        "because": lambda value: gettext(_BECAUSE[value]),
        **dict.fromkeys(("birthdate", "until", "recall_from", "recall_until"), shown_date),
        "ground": lambda value: gettext(GROUNDS[value]),
        "key_deed": lambda value: gettext(_KEY_DEEDS[value]),
        "document": document_text,
        "contact_proof": lambda value: gettext(_CONTACT_PROOFS[value]),
        "recall_source": source_text,
        **more,
    }
    return [
        (str(gettext(_BODY[name])), str(shown[name](value)) if name in shown else value)
        for name, value in body.items()
        if name in _BODY
    ]


def state_text(state: str) -> str:
    """How a case stands."""
    return str(gettext(_STATES[state]))
