"""At a counter: an officer captures who stands there with which paper; a second one approves; then a code is printed.

No picture of a card and nothing of a face is kept: that they were compared in person, by whom, is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue
from flask_babel import format_datetime, gettext

from idp import flows, storage
from idp.domain import identifiers, proofing
from idp.domain.cases import Case, CaseKind, CaseState
from idp.domain.identifiers import ContactKind, IdentifierKind
from idp.domain.levels import ProofSource
from idp.domain.officers import Permission
from idp.domain.one_time_codes import CodePurpose, NotSent
from idp.domain.refusals import Refusal
from idp.flows.capture import BY_CODE, IN_PERSON
from idp.flows.one_time_codes import Target
from idp.runtime import chip
from idp.runtime.chip import GROUPS, SOD, Dump, Unreadable
from idp.web import forms, given, guards, wording
from idp.web.admin.console import console_page, own_page, posted_id
from idp.web.chip_texts import dump_fault, failed_steps, step_lines
from idp.web.console_texts import documents, proof_lines, state_text
from idp.web.forms import Parked
from idp.web.pages import FieldError

blueprint = Blueprint("counter", __name__)
DOOR: Final = "counter.desk"
CAPTURED: Final = "counter.captured"
FIELDS: Final = (
    "document_type",
    "document_number",
    "issued_on",
    "expires_on",
    "number",
    "name",
    "birth_date",
    "contact",
    "face",
)
# Captures that the desk lists, and how long after an approval the code is printed there.
MOST: Final = 20
PRINTED_WITHIN: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Captured:
    """One capture of this officer's as the desk lists it."""

    id: str
    name: str
    at: str
    state: str
    may_print: bool


@blueprint.get("/counter")
@guards.needs(Permission.CAPTURE_PROOFING)
def desk() -> ResponseReturnValue:
    return _page({})


@blueprint.post("/counter/fill-in")
@guards.needs(Permission.CAPTURE_PROOFING)
def fill_in() -> ResponseReturnValue:
    """What the picture code on the card says, read by a scanner, put into the form: it proves nothing."""
    own_page(DOOR)
    said = proofing.read_card_text(request.form.get("card_text", "")[:1001])
    if said:
        return _page(said)
    return _page({}, fault=FieldError("card_text", gettext("This is not what an ID card’s picture code says.")))


@blueprint.post("/counter/capture")
@guards.needs(Permission.CAPTURE_PROOFING)
def capture() -> ResponseReturnValue:
    """Check what was seen and read, and put it before a second officer, once the person has confirmed the contact."""
    own_page(DOOR)
    said = {name: request.form.get(name, "").strip()[:254] for name in FIELDS}
    try:
        found = flows.capture.check(given.runtime(), said, _dump())
    except Unreadable as unreadable:
        return _page(said, fault=FieldError("dump", dump_fault(str(unreadable))))
    except Refusal as refusal:
        return _page(said, fault=FieldError(refusal.field or "number", _wrong(refusal)))
    if found.failed:
        guards.note_refused(g.officer, f"chip: {' '.join(found.failed)}")
        failed = FieldError("dump", failed_steps(found.failed))
        return _page(said, fault=failed, steps=step_lines(found.body))
    if found.contact is not None:
        return _send_code(found.body, found.contact)
    return _ask(found.body)


@blueprint.post("/counter/ask")
@guards.needs(Permission.CAPTURE_PROOFING)
def ask() -> ResponseReturnValue:
    """The person has confirmed the contact: by the code that went there, or by word where none could."""
    parked = own_page(CAPTURED)
    body = dict(parked.pairs)
    code_id, contact = body.pop("code_id", ""), identifiers.recognise_contact(body["contact"])
    if request.form.get("again"):
        return _send_code(body, contact)
    if code_id and not _is_right(code_id, contact):
        return _captured_page(parked, FieldError("code", wording.wrong_code()), status=400)
    if not code_id and request.form.get("in_person") != "yes":
        text = gettext("Let the person confirm the phone or e-mail.")
        return _captured_page(parked, FieldError("in_person", text), status=400)
    return _ask({**body, "contact_proof": BY_CODE if code_id else IN_PERSON})


@blueprint.post("/counter/print-code")
@guards.needs(Permission.CAPTURE_PROOFING)
def print_code() -> ResponseReturnValue:
    """The code for the paper of somebody whose capture was approved."""
    own_page(DOOR)
    runtime = given.runtime()
    with storage.begin() as tx:
        case = flows.cases.find(tx, runtime, posted_id("case"))
        if not _may_print(case):
            raise Refusal("not_found", "no capture of this officer was approved just now")
        kind, number = IdentifierKind.PERSONAL_NUMBER, case.body["number"]
        person = storage.sign_in_names.find_proved(tx, runtime.keyring, kind=kind, value=number)
        found = storage.accounts.find_subject(tx, person) if person else None
        if found is None or found.proof_source is ProofSource.SELF:
            raise Refusal("no_such_account", "the check was taken back, or the person is gone")
        code = flows.proofing.issue_code(tx, runtime, found.id, officer=g.officer.actor)
    return console_page("admin/code.html", code=code, purpose=case.body["name"])


def _ask(body: Mapping[str, str]) -> ResponseReturnValue:
    runtime, officer = given.runtime(), g.officer
    try:
        with storage.begin() as tx:
            whose = flows.capture.find_proved(tx, runtime, body["number"])
            flows.cases.ask(tx, runtime, officer.hand, officer.unit.id, CaseKind.PROOF, body, whose)
    except Refusal as refusal:
        guards.note_refused(officer, f"counter: {refusal.code}")
        raise
    return _page({}, done=gettext("Taken down. A second officer decides under Cases; then print the code here."))


def _dump() -> Dump:
    """What the reader gave: a zip of everything, or its files one by one; raises Unreadable."""
    files = chip.unpack(archive) if (archive := _upload("dump")) else {}
    files |= {name: read for name in (SOD, "DG1", "DG13") if (read := _upload(name.lower()))}
    picture = "".join(request.form.get("dg2_hash", "").split()).lower()[:128]
    known = {name: files[name] for name in (SOD, *GROUPS) if name in files}
    return Dump(known, {"DG2": picture} if picture else {})


def _upload(name: str) -> bytes:
    sent = request.files.get(name)
    if sent is None or not sent.filename:
        return b""
    read: bytes = sent.read(chip.LARGEST_FILE + 1)
    if len(read) > chip.LARGEST_FILE:
        raise Unreadable("too_large")
    return read


def _send_code(body: Mapping[str, str], contact: tuple[ContactKind, str]) -> ResponseReturnValue:
    """What was taken down, sealed, with a code on its way to the contact, or the officer's word asked for."""
    runtime, message = given.runtime(), wording.code_message()
    with storage.begin() as tx:
        sent = flows.one_time_codes.send(
            tx, runtime, CodePurpose.COUNTER, Target(*contact), message, address=request.remote_addr or ""
        )
    if isinstance(sent, NotSent):
        fault, pairs = FieldError("in_person", wording.not_sent(sent)), tuple(body.items())
    else:
        fault, pairs = None, (*body.items(), ("code_id", sent.hex))
    parked = forms.of_session(CAPTURED, g.officer.session.id, pairs)
    return forms.here(parked, lambda bound: _captured_page(bound, fault, status=200))


def _is_right(code_id: str, contact: tuple[ContactKind, str]) -> bool:
    runtime, typed = given.runtime(), request.form.get("code", "")[:32]
    with storage.begin() as tx:
        return flows.one_time_codes.use(tx, runtime, UUID(code_id), CodePurpose.COUNTER, Target(*contact), typed)


def _captured_page(parked: Parked, fault: FieldError | None, *, status: int) -> ResponseReturnValue:
    body = dict(parked.pairs)
    return console_page(
        "officer/captured.html",
        status=status,
        parked=forms.seal(parked),
        lines=proof_lines(body),
        steps=step_lines(body),
        is_sent="code_id" in body,
        minutes=given.runtime().settings.codes.good_for // 60,
        errors=[fault] if fault else [],
    )


def _may_print(case: Case) -> bool:
    is_mine = case.asked.officer_id == g.officer.signed_in.subject.id and case.kind is CaseKind.PROOF
    now = given.runtime().clock.now()
    is_new = case.decided_at is not None and now - case.decided_at <= PRINTED_WITHIN
    return is_mine and is_new and case.state is CaseState.APPROVED


def _wrong(refusal: Refusal) -> str:
    texts = {
        "document_type": gettext("Choose the paper."),
        "document_number": gettext("Type the number of the paper, without spaces."),
        "issued_on": gettext("Type the day like 12/03/2024; it lies before today."),
        "expires_on": gettext("Type the day like 12/03/2039. A paper that has run out proves nothing."),
        "face": gettext("Compare the face with the picture, in person, and say so."),
        "number": gettext("The personal number has 12 digits."),
        "name": gettext("Write the name as it stands in the document."),
        "birth_date": gettext("Write the date of birth like 02/01/1985."),
        "contact": gettext("Type a phone number or an e-mail address, or leave it empty."),
    }
    return str(texts.get(refusal.field, texts["number"]))


def _page(
    said: Mapping[str, str],
    *,
    fault: FieldError | None = None,
    steps: Sequence[tuple[str, str]] = (),
    done: str = "",
) -> ResponseReturnValue:
    runtime, officer = given.runtime(), g.officer
    with storage.once() as tx:
        mine = storage.cases.list_of_asker(
            tx, runtime.keyring, officer.signed_in.subject.id, CaseKind.PROOF, limit=MOST
        )
    return forms.here(
        forms.of_session(DOOR, officer.session.id),
        lambda bound: console_page(
            "officer/counter.html",
            status=400 if fault else 200,
            parked=forms.seal(bound),
            typed={**dict.fromkeys(FIELDS, ""), **said},
            documents=documents(),
            steps=steps,
            captured=[_captured(each) for each in mine],
            errors=[fault] if fault else [],
            done=done,
        ),
    )


def _captured(case: Case) -> Captured:
    at = str(format_datetime(case.asked_at, "HH:mm dd/MM/yyyy"))
    return Captured(str(case.id), case.body.get("name", ""), at, state_text(case.state), _may_print(case))
