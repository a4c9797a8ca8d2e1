"""The counter: a person is compared with a document in person, taken down, and a second officer decides.

What was checked travels to the question sealed in the page, so that it is asked for as it was checked. The files of a
chip stay in memory for the one request; only verdicts and hashes go on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue
from flask_babel import format_datetime, gettext
from werkzeug.datastructures import FileStorage

from idp import flows, storage
from idp.domain import documents, identifiers
from idp.domain.cases import Case, CaseKind, CaseState
from idp.domain.identifiers import ContactKind
from idp.domain.levels import ProofSource
from idp.domain.officers import Permission
from idp.domain.one_time_codes import CodePurpose, NotSent
from idp.domain.refusals import Refusal
from idp.flows.capture import BY_CODE, IN_PERSON, Capture
from idp.flows.one_time_codes import Target
from idp.runtime import chip
from idp.runtime.chip import GROUPS, SOD, Dump, Unreadable
from idp.web import forms, given, guards, wording
from idp.web.admin.console import console_page
from idp.web.chip_texts import dump_fault, failed_steps, step_lines
from idp.web.console_texts import document_kinds, proof_lines, state_text
from idp.web.forms import Parked
from idp.web.pages import FieldError

blueprint = Blueprint("counter", __name__)
FORM: Final = "counter.form"
CAPTURED: Final = "counter.captured"
FIELDS: Final = ("number", "name", "birthdate", "kind", "document_number", "issued", "expires", "contact")
LISTED: Final = 25


@dataclass(frozen=True, slots=True)
class Row:
    """One of the officer's own captures. `case` is empty where no code may be printed."""

    case: str
    name: str
    state: str
    asked_at: str


@blueprint.get("/counter")
@guards.needs(Permission.CAPTURE_PROOFING)
def home() -> ResponseReturnValue:
    return _home({})


@blueprint.post("/counter/prefill")
@guards.needs(Permission.CAPTURE_PROOFING)
def prefill() -> ResponseReturnValue:
    """Fill the form in from the card's square code, which nobody signed: the officer compares it with the card."""
    if _own_page(FORM) is None:
        return _home({})
    try:
        read = documents.read_square_code(request.form.get("square_code", "")[:1000])
    except Refusal:
        fault = FieldError("square_code", gettext("That is no code of an ID card. Type what stands on the card."))
        return _home(_typed(), fault=fault)
    return _home({**_typed(), **read})


@blueprint.post("/counter/capture")
@guards.needs(Permission.CAPTURE_PROOFING)
def capture() -> ResponseReturnValue:
    """Check what was typed and read; nothing is stored yet."""
    typed = _typed()
    if _own_page(FORM) is None:
        return _home(typed, fault=FieldError("", gettext("This page was open too long. Look at it again, and go on.")))
    try:
        dump = _dump()
        with storage.begin() as tx:
            officer_id, compared = g.officer.signed_in.subject.id, request.form.get("compared") == "yes"
            found = flows.capture.check(tx, given.runtime(), officer_id, typed, dump, compared=compared)
    except Unreadable as fault:
        return _home(typed, fault=FieldError("dump", dump_fault(str(fault))))
    except Refusal as refusal:
        if refusal.code == "own_case":
            guards.note_refused(g.officer, "own number at the counter")
            raise
        return _home(typed, fault=FieldError(refusal.field, _wrong(refusal)))
    if found.failed:
        guards.note_refused(g.officer, f"chip: {' '.join(found.failed)}")
        failed = FieldError("dump", failed_steps(found.failed))
        return _home(typed, fault=failed, steps=step_lines(found.body))
    return _confirm(found)


@blueprint.post("/counter/ask")
@guards.needs(Permission.CAPTURE_PROOFING)
def ask() -> ResponseReturnValue:
    """Ask a second officer, once the person has confirmed the contact."""
    parked = _own_page(CAPTURED)
    if parked is None:
        raise Refusal("page_expired", "it was taken down elsewhere, or too long ago")
    said = dict(parked.pairs)
    code_id = said.pop("code_id", "")
    runtime, officer = given.runtime(), g.officer
    if request.form.get("again") and code_id:
        return _confirm(Capture(said, _contact(said)))
    contact = _contact(said)
    if contact is not None:
        if not _has_confirmed(contact, code_id):
            text = wording.wrong_code() if code_id else gettext("Let the person confirm the phone or e-mail.")
            return _captured_page(parked, FieldError("code" if code_id else "in_person", text))
        said["contact_proof"] = BY_CODE if code_id else IN_PERSON
    with storage.begin() as tx:
        subject_id = flows.capture.find_proved(tx, runtime, said["number"])
        flows.cases.ask(tx, runtime, officer.hand, officer.unit.id, CaseKind.PROOF, said, subject_id)
    return _home({}, done=gettext("Asked. A second officer decides under Cases."))


@blueprint.post("/counter/print-code")
@guards.needs(Permission.CAPTURE_PROOFING)
def print_code() -> ResponseReturnValue:
    """The code on paper for somebody whom this officer took down and a second one approved."""
    parked, asked = _own_page(FORM), request.form.get("case", "")
    if parked is None:
        raise Refusal("page_expired", "the list was shown elsewhere, or too long ago")
    if ("case", asked) not in parked.pairs:
        raise Refusal("not_found", "that is none of the captures that were shown")
    runtime = given.runtime()
    with storage.begin() as tx:
        found = flows.cases.find(tx, runtime, UUID(asked))
        subject_id = flows.capture.find_proved(tx, runtime, found.body.get("number", ""))
        person = storage.accounts.find_subject(tx, subject_id) if subject_id else None
        if person is None or person.proof_source is ProofSource.SELF:
            raise Refusal("not_found", "the check was taken back, or the person is gone")
        code = flows.proofing.issue_code(tx, runtime, person.id, officer=g.officer.actor)
    return console_page("admin/code.html", code=code, purpose=found.body["name"])


def _typed() -> dict[str, str]:
    return {name: request.form.get(name, "").strip()[:254] for name in FIELDS}


def _contact(said: Mapping[str, str]) -> tuple[ContactKind, str] | None:
    return identifiers.recognise_contact(said["contact"]) if said.get("contact") else None


def _own_page(door: str) -> Parked | None:
    return forms.own_page(door, g.officer.session.id)


def _dump() -> Dump:
    """What the reader gave: a zip of everything, or its files one by one; raises Unreadable."""
    files = chip.unpack(archive) if (archive := _upload("dump")) else {}
    files |= {name: read for name in (SOD, "DG1", "DG13") if (read := _upload(name.lower()))}
    hashes = {}
    if given_hash := "".join(request.form.get("dg2_hash", "").split()).lower():
        hashes["DG2"] = given_hash[:128]
    return Dump({name: files[name] for name in (SOD, *GROUPS) if name in files}, hashes)


def _upload(name: str) -> bytes:
    sent: FileStorage | None = request.files.get(name)
    if sent is None or not sent.filename:
        return b""
    read: bytes = sent.read(chip.LARGEST_FILE + 1)
    if len(read) > chip.LARGEST_FILE:
        raise Unreadable("too_large")
    return read


def _has_confirmed(contact: tuple[ContactKind, str], code_id: str) -> bool:
    """By the code that went there, or, where none could, by the officer's word."""
    if not code_id:
        return request.form.get("in_person") == "yes"
    runtime, typed = given.runtime(), request.form.get("code", "")[:32]
    with storage.begin() as tx:
        return flows.one_time_codes.use(tx, runtime, UUID(code_id), CodePurpose.COUNTER, Target(*contact), typed)


def _send(contact: tuple[ContactKind, str]) -> UUID | NotSent:
    runtime, message = given.runtime(), wording.code_message()
    with storage.begin() as tx:
        return flows.one_time_codes.send(
            tx, runtime, CodePurpose.COUNTER, Target(*contact), message, address=request.remote_addr or ""
        )


def _confirm(found: Capture) -> ResponseReturnValue:
    """What was taken down, sealed, with a code on its way to the contact where there is one."""
    pairs = tuple(found.body.items())
    fault = None
    if found.contact is not None:
        sent = _send(found.contact)
        if isinstance(sent, NotSent):
            fault = FieldError("in_person", wording.not_sent(sent))
        else:
            pairs = (*pairs, ("code_id", sent.hex))
    parked = forms.of_session(CAPTURED, g.officer.session.id, pairs)
    return forms.here(parked, lambda bound: _captured_page(bound, fault, status=200))


def _captured_page(parked: Parked, fault: FieldError | None = None, *, status: int = 400) -> ResponseReturnValue:
    said = dict(parked.pairs)
    return console_page(
        "officer/captured.html",
        status=status,
        parked=forms.seal(parked),
        lines=proof_lines(said),
        steps=step_lines(said),
        has_contact=bool(said.get("contact")),
        is_sent=bool(said.get("code_id")),
        minutes=given.runtime().settings.codes.good_for // 60,
        errors=[fault] if fault else [],
    )


def _home(
    typed: Mapping[str, str],
    *,
    fault: FieldError | None = None,
    steps: list[tuple[str, str]] | None = None,
    done: str = "",
) -> ResponseReturnValue:
    """The form, and the officer's own captures with the codes that may be printed."""
    rows = _own_captures()
    pairs = tuple(("case", row.case) for row in rows if row.case)
    parked = forms.of_session(FORM, g.officer.session.id, pairs)
    return forms.here(
        parked,
        lambda bound: console_page(
            "officer/counter.html",
            status=400 if fault else 200,
            parked=forms.seal(bound),
            typed=typed,
            kinds=document_kinds(),
            steps=steps or [],
            rows=rows,
            errors=[fault] if fault else [],
            done=done,
        ),
    )


def _own_captures() -> list[Row]:
    runtime, officer = given.runtime(), g.officer
    states = [CaseState.WAITING, CaseState.APPROVED, CaseState.REFUSED]
    with storage.once() as tx:
        found = storage.cases.list_cases(
            tx,
            runtime.keyring,
            states=states,
            agency_ids=None,
            asked_by=officer.signed_in.subject.id,
            kind=CaseKind.PROOF,
            newest_first=True,
            limit=LISTED,
        )
    return [_row(each) for each in found if each.body]


def _row(case: Case) -> Row:
    may_print = case.state is CaseState.APPROVED
    return Row(case.id.hex if may_print else "", case.body["name"], state_text(case.state), _moment(case.asked_at))


def _moment(moment: datetime) -> str:
    return str(format_datetime(moment, "HH:mm dd/MM/yyyy"))


def _wrong(refusal: Refusal) -> str:
    texts = {
        "number": gettext("The personal number has 12 digits."),
        "name": gettext("Write the name as it stands in the document."),
        "birthdate": gettext("Write the date of birth like 02/01/1985, or what is known of it."),
        "kind": gettext("Choose the document."),
        "document_number": gettext("A card bears the personal number, a passport 6 to 9 letters and digits."),
        "issued": gettext("Write the day of issue like 12/03/2024."),
        "expires": gettext("Write the last day like 12/03/2034; only a card may have none."),
        "contact": gettext("That is no phone number or e-mail address."),
        "compared": gettext("Compare the face with the document, in person, and tick that you did."),
    }
    if refusal.code == "document_expired":
        return str(gettext("The document has run out. Nobody is checked with it."))
    return str(texts.get(refusal.field, refusal.code))
