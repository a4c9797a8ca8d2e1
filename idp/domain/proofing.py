"""What an officer at a counter found: the person, compared in person with a paper of the State.

It is called "checked at a counter", never level 2, which only the national ID system gives.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from idp.domain import birth_dates, identifiers, names
from idp.domain.identifiers import ContactKind
from idp.domain.refusals import Refusal

METHOD: Final = "compared in person with a document"
# The code on paper that the person leaves with, to set a password or as a second factor.
CODE_GOOD_FOR: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class CounterCheck:
    """`document` says which paper was seen; `kept_contact` is the one that the person confirmed there and then."""

    personal_number: str
    name: str
    birthdate: str
    document: str
    officer: str
    kept_contact: tuple[ContactKind, str] | None = field(default=None, repr=False)


class Document(StrEnum):
    """Papers of the State that a counter takes."""

    ID_CARD = "id_card"
    PASSPORT = "passport"


LONGEST_DOCUMENT_NUMBER: Final = 20
# Stands where a card has no last day, as those of people past the last renewal.
NO_END: Final = "-"


@dataclass(frozen=True, slots=True)
class Paper:
    """The paper of a capture; `expires` is None where it has no end."""

    kind: Document
    number: str
    issued: date
    expires: date | None


def check_capture(said: Mapping[str, str], today: date) -> dict[str, str]:
    """What an officer typed, as a case carries it; raises Refusal with the `field` that is wrong.

    `said` has document_type, document_number, issued_on, expires_on (dd/mm/yyyy; of an ID card the last may be empty),
    number, name, birth_date, contact (may be empty) and face ('yes' where the officer compared face and picture in
    person).
    """
    if said.get("document_type") not in set(Document):
        raise Refusal("reason_missing", "which paper was seen", field="document_type")
    number = said.get("document_number", "").strip().upper()
    if not number.isalnum() or not number.isascii() or len(number) > LONGEST_DOCUMENT_NUMBER:
        raise Refusal("invalid_identifier", "the number of the paper", field="document_number")
    issued = _day(said, "issued_on")
    has_end = said["document_type"] != Document.ID_CARD or bool(said.get("expires_on", "").strip())
    expires = _day(said, "expires_on") if has_end else None
    if issued > today:
        raise Refusal("invalid_birth_date", "issued before today", field="issued_on")
    if expires is not None and (expires < today or expires <= issued):
        raise Refusal("document_expired", "the paper has run out", field="expires_on")
    if said.get("face") != "yes":
        raise Refusal("reason_missing", "face and picture are compared in person", field="face")
    try:
        body = {
            "number": identifiers.check_personal_number(said.get("number", ""), today=today).value,
            "name": names.clean_name(said.get("name", "")),
            "birthdate": birth_dates.parse_birth_date(said.get("birth_date", ""), today=today).iso,
        }
        if said.get("contact", "").strip():
            body["contact"] = identifiers.recognise_contact(said["contact"].strip())[1]
    except Refusal as refusal:
        raise Refusal(refusal.code, refusal.detail, field=_FIELDS.get(refusal.field, refusal.field)) from None
    end = expires.isoformat() if expires else NO_END
    return body | {"document": f"{said['document_type']} {number} {issued.isoformat()} {end}"}


def read_paper(document: str) -> Paper:
    """The paper that `check_capture` wrote down."""
    kind, number, issued, expires = document.split(" ")
    end = None if expires == NO_END else date.fromisoformat(expires)
    return Paper(Document(kind), number, date.fromisoformat(issued), end)


def check_unexpired(document: str, today: date) -> None:
    """Raises Refusal('document_expired') for a paper that ran out since it was captured."""
    expires = read_paper(document).expires
    if expires is not None and expires < today:
        raise Refusal("document_expired", "the paper has run out", field="expires_on")


def check_of(body: Mapping[str, str], officer: str, approver: str) -> CounterCheck:
    """What an approved capture says of the person; the evidence names both officers."""
    contact = body.get("contact")
    return CounterCheck(
        personal_number=body["number"],
        name=body["name"],
        birthdate=body["birthdate"],
        document=f"{body['document']}; {approver}",
        officer=officer,
        kept_contact=identifiers.recognise_contact(contact) if contact else None,
    )


def read_card_text(text: str) -> dict[str, str]:
    """What the unsigned picture code of an ID card says, to fill in a form; empty where it is none.

    number|number before|name|ddmmyyyy of birth|sex|address|ddmmyyyy of issue. It proves nothing.
    """
    parts = [part.strip() for part in text.strip().split("|")]
    if len(parts) < 7 or len(text) > 1000 or not parts[0].isdigit():
        return {}
    born, issued = (_written(parts[place]) for place in (3, 6))
    said = {"number": parts[0], "document_number": parts[0], "name": parts[2], "birth_date": born, "issued_on": issued}
    return {name: value for name, value in said.items() if value} | {"document_type": Document.ID_CARD.value}


_FIELDS: Final = {"personal_number": "number", "identifier": "contact", "phone": "contact", "email": "contact"}


def _written(digits: str) -> str:
    return f"{digits[:2]}/{digits[2:4]}/{digits[4:]}" if len(digits) == 8 and digits.isdigit() else ""


def _day(said: Mapping[str, str], name: str) -> date:
    try:
        day, month, year = (int(part) for part in said.get(name, "").strip().split("/"))
        return date(year, month, day)
    except ValueError:
        raise Refusal("invalid_birth_date", "write dd/mm/yyyy", field=name) from None
