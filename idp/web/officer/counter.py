"""At a counter: an officer captures who stands there with which paper; a second one approves; then a code is printed.

No picture of a card and nothing of a face is kept: that they were compared in person, by whom, is.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue
from flask_babel import format_datetime, gettext

from idp import flows, storage
from idp.domain import proofing
from idp.domain.cases import Case, CaseKind, CaseState
from idp.domain.identifiers import IdentifierKind
from idp.domain.officers import Permission
from idp.domain.refusals import Refusal
from idp.web import forms, given, guards
from idp.web.admin.console import console_page
from idp.web.console_texts import documents, state_text
from idp.web.pages import FieldError

blueprint = Blueprint("counter", __name__)
DOOR: Final = "counter.desk"
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
    _own_page()
    said = proofing.read_card_text(request.form.get("card_text", "")[:1001])
    if said:
        return _page(said)
    return _page({}, fault=FieldError("card_text", gettext("This is not what an ID card’s picture code says.")))


@blueprint.post("/counter/capture")
@guards.needs(Permission.CAPTURE_PROOFING)
def capture() -> ResponseReturnValue:
    """Put what was seen before a second officer."""
    _own_page()
    said = {name: request.form.get(name, "").strip()[:254] for name in FIELDS}
    try:
        body = proofing.check_capture(said, given.today())
    except Refusal as refusal:
        return _page(said, fault=FieldError(refusal.field or "number", _wrong(refusal)))
    with storage.begin() as tx:
        flows.cases.ask(tx, given.runtime(), g.officer.hand, g.officer.unit.id, CaseKind.PROOF, body)
    return _page({}, done=gettext("Taken down. A second officer decides under Cases; then print the code here."))


@blueprint.post("/counter/print-code")
@guards.needs(Permission.CAPTURE_PROOFING)
def print_code() -> ResponseReturnValue:
    """The code for the paper of somebody whose capture was approved."""
    _own_page()
    runtime = given.runtime()
    with storage.begin() as tx:
        case = flows.cases.find(tx, runtime, _case_id())
        if not _may_print(case):
            raise Refusal("not_found", "no capture of this officer was approved just now")
        kind, number = IdentifierKind.PERSONAL_NUMBER, case.body["number"]
        person = storage.sign_in_names.find_proved(tx, runtime.keyring, kind=kind, value=number)
        if person is None:
            raise Refusal("no_such_account", "the person is gone")
        code = flows.proofing.issue_code(tx, runtime, person, officer=g.officer.actor)
    return console_page("admin/code.html", code=code, purpose=case.body["name"])


def _may_print(case: Case) -> bool:
    is_mine = case.asked.officer_id == g.officer.signed_in.subject.id and case.kind is CaseKind.PROOF
    now = given.runtime().clock.now()
    is_new = case.decided_at is not None and now - case.decided_at <= PRINTED_WITHIN
    return is_mine and is_new and case.state is CaseState.APPROVED


def _case_id() -> UUID:
    try:
        return UUID(request.form.get("case", ""))
    except ValueError:
        raise Refusal("not_found", "there is no such capture") from None


def _own_page() -> None:
    if forms.own_page(DOOR, g.officer.session.id) is None:
        raise Refusal("page_expired", "the page was shown elsewhere, or too long ago")


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


def _page(said: dict[str, str], *, fault: FieldError | None = None, done: str = "") -> ResponseReturnValue:
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
            captured=[_captured(each) for each in mine],
            errors=[fault] if fault else [],
            done=done,
        ),
    )


def _captured(case: Case) -> Captured:
    at = str(format_datetime(case.asked_at, "HH:mm dd/MM/yyyy"))
    return Captured(str(case.id), case.body.get("name", ""), at, state_text(case.state), _may_print(case))
