"""What an officer takes down at a counter, checked before anybody is asked to approve it, and made whole afterwards.

The body of the case is all that would be stored: what the document says, the verdict of each step over the chip's
dump, and hashes. No image, no face, nothing else that the chip holds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeVar
from uuid import UUID

from idp import storage
from idp.domain import birth_dates, documents, identifiers, names
from idp.domain.cases import Case
from idp.domain.documents import Document, MachineLines
from idp.domain.identifiers import ContactKind
from idp.domain.proofing import CounterCheck
from idp.domain.refusals import Refusal
from idp.runtime import chip
from idp.runtime.chip import FAIL, NOT_DONE, PASS, Dump, Verdict
from idp.runtime.runtime import Runtime

# The steps of a chip's check in the order that an officer reads them; in a body each stands as `step_…`.
STEPS: Final = ("signature", "chain", "revocation", "hashes", "mrz", "data", "expiry")
BY_CODE, IN_PERSON = "code", "in_person"
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Capture:
    """What was taken down, as the body of a case, and the contact that the person is to confirm."""

    body: Mapping[str, str]
    contact: tuple[ContactKind, str] | None

    @property
    def failed(self) -> list[str]:
        """The steps that failed: with one of these nobody is asked to approve."""
        return [step for step in STEPS if self.body[f"step_{step}"].startswith(FAIL)]


def check(
    tx: storage.Tx, runtime: Runtime, officer_id: UUID, said: Mapping[str, str], dump: Dump, *, compared: bool
) -> Capture:
    """What the officer typed and what the reader gave.

    Raises Refusal('invalid_identifier', 'invalid_name', 'invalid_birth_date', 'document_expired', 'reason_missing')
    with the field, 'own_case' for the officer's own number.
    """
    today = runtime.today
    number = _of_field("number", lambda: identifiers.check_personal_number(said.get("number", ""), today=today).value)
    if storage.officers.is_own_number(tx, runtime.keyring, officer_id, number):
        raise Refusal("own_case", "nobody checks oneself")
    name = _of_field("name", lambda: names.clean_name(said.get("name", "")))
    born = _of_field("birthdate", lambda: birth_dates.parse_birth_date(said.get("birthdate", ""), today=today).iso)
    document = documents.check_document(said, number, today)
    contact = _of_field("contact", lambda: _contact(said.get("contact", "")))
    if not compared:
        raise Refusal("reason_missing", "compare the face with the document", field="compared")
    declared = {"number": number, "name": name, "birthdate": born}
    body = {
        **declared,
        "kind": document.kind.value,
        "document_number": document.number,
        "issued": document.issued.isoformat(),
        "expires": document.expires.isoformat() if document.expires else "",
        "compared": "yes",
        **({"contact": contact[1]} if contact else {}),
        **_chip(runtime, dump, declared, document),
    }
    return Capture(body, contact)


def approved(tx: storage.Tx, runtime: Runtime, case: Case, *, approver_id: UUID, approver: str) -> CounterCheck:
    """What a second officer said yes to, to be taken down: the first one checked, the second stands in the evidence.

    Raises Refusal('own_case') for the approver's own number, 'document_expired' for a paper that ran out meanwhile.
    """
    body = case.body
    if storage.officers.is_own_number(tx, runtime.keyring, approver_id, body["number"]):
        raise Refusal("own_case", "nobody decides on one's own record")
    expires = date.fromisoformat(body["expires"]) if body["expires"] else None
    documents.check_unexpired(expires, runtime.today)
    contact = identifiers.recognise_contact(body["contact"]) if body.get("contact") else None
    return CounterCheck(
        body["number"], body["name"], body["birthdate"], _evidence(case, approver), case.asked.actor, contact
    )


def find_proved(tx: storage.Tx, runtime: Runtime, number: str) -> UUID | None:
    """Whose number it was proved to be: whom a case is about, and for whom a code is printed."""
    kind = identifiers.IdentifierKind.PERSONAL_NUMBER
    return storage.sign_in_names.find_proved(tx, runtime.keyring, kind=kind, value=number)


def _evidence(case: Case, approver: str) -> str:
    """The paper, each verdict, the hashes, who approved: it stands sealed beside each fact."""
    body = case.body
    paper = f"{body['kind']} {body['document_number']} {body['issued']} {body['expires'] or 'no end'}"
    steps = " ".join(f"{step}={body[f'step_{step}']}" for step in STEPS)
    known = " ".join(f"{name}={body[name]}" for name in ("signer", "dg1", "dg2", "dg13") if body.get(name))
    contact = f"contact={body['contact_proof']}" if body.get("contact_proof") else ""
    said = (paper, f"{steps} {known}".strip(), contact, f"approved by {approver}", f"case {case.id}")
    return "; ".join(filter(None, said))


def _contact(text: str) -> tuple[ContactKind, str] | None:
    return identifiers.recognise_contact(text) if text.strip() else None


def _of_field(field: str, read: Callable[[], Read]) -> Read:
    """Read one field; its refusal names it as the form does."""
    try:
        return read()
    except Refusal as refusal:
        raise Refusal(refusal.code, refusal.detail, field=field) from None


def _chip(runtime: Runtime, dump: Dump, declared: Mapping[str, str], document: Document) -> dict[str, str]:
    checked = chip.check(dump, runtime.trust, document.issued, runtime.today)
    steps = {**checked.steps, **_read(dump, declared, document, runtime.today)}
    body = {f"step_{step}": ":".join(filter(None, (steps[step].result, steps[step].reason))) for step in STEPS}
    hashes = {name.lower(): value for name, value in checked.groups.items()}
    return {**body, **({"signer": checked.signer} if checked.signer else {}), **hashes}


def _read(dump: Dump, declared: Mapping[str, str], document: Document, today: date) -> dict[str, Verdict]:
    """The steps over what the groups say: the lines' check digits, the same person and paper, and its end."""
    dg1 = dump.files.get("DG1")
    if not dg1:
        return dict.fromkeys(("mrz", "data", "expiry"), Verdict(NOT_DONE, "no_dg1"))
    try:
        lines = documents.read_machine_lines(dg1)
    except ValueError as fault:
        failed = Verdict(FAIL, str(fault) if str(fault) in ("no_lines", "check_digit") else "no_lines")
        return {"mrz": failed, **dict.fromkeys(("data", "expiry"), Verdict(NOT_DONE, "no_lines"))}
    return {"mrz": Verdict(PASS), "data": _compare(dump, lines, declared, document), "expiry": _end(lines, today)}


def _compare(dump: Dump, lines: MachineLines, declared: Mapping[str, str], document: Document) -> Verdict:
    try:
        dg13 = documents.read_dg13(dump.files["DG13"]) if dump.files.get("DG13") else {}
    except ValueError:
        return Verdict(FAIL, "no_data")
    wrong = documents.differences(lines, dg13, declared, document)
    return Verdict(FAIL, f"other_{wrong[0]}") if wrong else Verdict(PASS)


def _end(lines: MachineLines, today: date) -> Verdict:
    """By the lines alone: whatever was typed, the card's own end counts."""
    if lines.expires == "991231":
        return Verdict(PASS)
    try:
        ends = date(2000 + int(lines.expires[:2]), int(lines.expires[2:4]), int(lines.expires[4:]))
    except ValueError:
        return Verdict(FAIL, "no_lines")
    return Verdict(PASS) if ends >= today else Verdict(FAIL, "expired")
