"""People, for officers: search, a record behind a stated purpose, locks, sessions, codes on paper, corrections.

What is typed travels in the body alone, never in an address. A record's forms carry whose record it is and why it was
opened, sealed for this session, so that no other record can be named.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue
from flask_babel import format_datetime, gettext

from idp import flows, storage
from idp.domain.accounts import Closing, Ground, Lock, Subject, SubjectKind
from idp.domain.audit import Entry
from idp.domain.cases import CaseKind
from idp.domain.officers import Permission
from idp.domain.refusals import Refusal
from idp.flows.people import Shown
from idp.web import forms, given, guards
from idp.web.actors import Actors
from idp.web.admin.console import console_page, own_page, posted_id
from idp.web.console_texts import account_states, closings, source_text
from idp.web.forms import Parked
from idp.web.merge_texts import merge_lines
from idp.web.pages import FieldError
from idp.web.release_texts import shown_date
from idp.web.texts import GROUNDS, event_text, ground_text

blueprint = Blueprint("people", __name__)
SEARCH: Final = "people.search"
RECORD: Final = "people.record"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a record's history."""

    what: str
    more: str
    when: str
    by: str


@blueprint.get("/admin/people")
@guards.needs(Permission.FIND_PEOPLE)
def search() -> ResponseReturnValue:
    return forms.here(_park(SEARCH), _search_page)


@blueprint.post("/admin/people")
@guards.needs(Permission.FIND_PEOPLE)
def find() -> ResponseReturnValue:
    parked = forms.own_page(SEARCH, _session_id())
    typed, purpose = request.form.get("query", "").strip()[:254], _purpose()
    if parked is None:
        return forms.here(_park(SEARCH), _search_page)
    errors = _missing(typed, purpose)
    if errors:
        return _search_page(parked, typed, purpose, errors=errors)
    with storage.begin() as tx:
        found = flows.people.search(tx, given.runtime(), typed, purpose=purpose, actor=g.officer.actor)
    return _search_page(parked, typed, purpose, found=found)


@blueprint.post("/admin/people/record")
@guards.needs(Permission.FIND_PEOPLE)
def open_record() -> ResponseReturnValue:
    """Look at one person: what was typed as purpose stands in that person's own history from now on."""
    parked, purpose = forms.own_page(SEARCH, _session_id()), _purpose()
    subject_id = posted_id("subject")
    if parked is None or not purpose:
        return forms.here(_park(SEARCH), _search_page)
    return show_record(subject_id, purpose)


@blueprint.post("/admin/people/lock")
@guards.needs(Permission.LOCK_ACCOUNTS)
def lock() -> ResponseReturnValue:
    person, purpose = posted_person()
    try:
        until = _until(request.form.get("until", ""))
        new = Lock(
            Ground(request.form.get("ground", "")),
            request.form.get("why", "").strip()[:200],
            request.form.get("source", "").strip()[:64],
            request.form.get("legal_basis", "").strip()[:200],
            until,
        )
    except (ValueError, Refusal):
        return show_record(
            person.id, purpose, fault=FieldError("ground", gettext("Choose the ground, and a day if any."))
        )
    return _do(
        person,
        purpose,
        lambda tx: flows.account_care.lock(tx, given.runtime(), person, new, actor=g.officer.actor),
        gettext("The account is locked. Its sign-ins have ended, and the services are being told."),
    )


@blueprint.post("/admin/people/unlock")
@guards.needs(Permission.LOCK_ACCOUNTS)
def unlock() -> ResponseReturnValue:
    person, purpose = posted_person()
    reason = request.form.get("reason", "").strip()[:200]
    return _do(
        person,
        purpose,
        lambda tx: flows.account_care.unlock(tx, given.runtime(), person, reason=reason, actor=g.officer.actor),
        gettext("The account is open again."),
    )


@blueprint.post("/admin/people/end-sessions")
@guards.needs(Permission.LOCK_ACCOUNTS)
def end_sessions() -> ResponseReturnValue:
    person, purpose = posted_person()
    return _do(
        person,
        purpose,
        lambda tx: flows.account_care.end_sessions(tx, given.runtime(), person, actor=g.officer.actor),
        gettext("The person is signed out everywhere, and the services are being told."),
    )


@blueprint.post("/admin/people/close")
@guards.needs(Permission.CLOSE_ACCOUNTS)
def close() -> ResponseReturnValue:
    """Closing is for good, so that a second officer decides. A second account of the same person is merged instead."""
    person, purpose = posted_person()
    because, document = request.form.get("because", ""), request.form.get("paper", "").strip()[:200]
    if because not in {Closing.DIED, Closing.WITHDRAWN} or not document:
        return show_record(person.id, purpose, fault=FieldError("because", gettext("Say why, and by which document.")))
    return _ask(person, purpose, CaseKind.CLOSE, {"because": because, "document": document})


@blueprint.post("/admin/people/correct")
@guards.needs(Permission.CAPTURE_PROOFING)
def correct() -> ResponseReturnValue:
    """Another name, birth date or number, with the document that says so: for a second officer to decide."""
    person, purpose = posted_person()
    said = {name: request.form.get(name, "").strip()[:200] for name in ("name", "birthdate", "number", "document")}
    try:
        body = flows.proofing.check_correction(given.runtime(), said)
    except Refusal as refusal:
        return show_record(person.id, purpose, fault=FieldError("name", _wrong(refusal)))
    return _ask(person, purpose, CaseKind.CORRECT, body)


@blueprint.post("/admin/people/print-code")
@guards.needs(Permission.CAPTURE_PROOFING)
def print_code() -> ResponseReturnValue:
    """A code on paper for somebody who stands here with the ID card: sets a new password, once."""
    person, purpose = posted_person()
    if _is_own(person):
        raise Refusal("own_case", "nobody prints a code for oneself")
    with storage.begin() as tx:
        code = flows.proofing.issue_code(tx, given.runtime(), person.id, officer=g.officer.actor)
    return console_page("admin/code.html", code=code, purpose=purpose)


def _is_own(person: Subject) -> bool:
    """Whether the record is the officer's own."""
    with storage.once() as tx:
        return storage.officers.find_own_record(tx, g.officer.signed_in.subject.id, person.id) is not None


def _session_id() -> UUID:
    found: UUID = g.officer.session.id
    return found


def _park(door: str, *pairs: tuple[str, str]) -> Parked:
    return forms.of_session(door, _session_id(), pairs)


def _purpose() -> str:
    return request.form.get("purpose", "").strip()[:150]


def posted_person() -> tuple[Subject, str]:
    """Whose record the posted form is of, and why it was opened; raises Refusal('page_expired')."""
    said = dict(own_page(RECORD).pairs)
    return find_person(UUID(said["subject"])), said["purpose"]


def find_person(subject_id: UUID) -> Subject:
    with storage.once() as tx:
        found = storage.accounts.find_subject(tx, subject_id)
    if found is None or found.kind is not SubjectKind.PERSON:
        raise Refusal("not_found", "there is no such record")
    if _is_own(found):
        guards.note_refused(g.officer, "own record")
        raise Refusal("own_case", "this is the officer's own record")
    return found


def _missing(typed: str, purpose: str) -> list[FieldError]:
    errors = []
    if not typed:
        errors.append(FieldError("query", gettext("Enter a number, a phone, an e-mail address or a name.")))
    if not purpose:
        errors.append(FieldError("purpose", gettext("Say why you look: the person reads it.")))
    return errors


def _until(typed: str) -> datetime | None:
    if not typed.strip():
        return None
    day = datetime.strptime(typed.strip(), "%d/%m/%Y")  # noqa: DTZ007 (the zone is the province's, put in below)
    return day.replace(tzinfo=ZoneInfo(given.runtime().settings.province.time_zone))


def _wrong(refusal: Refusal) -> str:
    texts = {
        "invalid_name": gettext("Write the name as it stands in the document."),
        "invalid_birth_date": gettext("Write the date of birth like 02/01/1985."),
        "invalid_identifier": gettext("The personal number has 12 digits."),
        "reason_missing": gettext("Say what is to be corrected, and name the document."),
    }
    return str(texts.get(refusal.code, refusal.code))


def _ask(person: Subject, purpose: str, kind: CaseKind, body: dict[str, str]) -> ResponseReturnValue:
    with storage.begin() as tx:
        flows.cases.ask(tx, given.runtime(), g.officer.hand, g.officer.unit.id, kind, body, person.id)
    return show_record(person.id, purpose, done=gettext("Asked. A second officer decides under Cases."))


def _do(person: Subject, purpose: str, deed: Callable[[storage.Tx], object], done: str) -> ResponseReturnValue:
    """Do it, or say on the record's page why not."""
    try:
        with storage.begin() as tx:
            deed(tx)
    except Refusal as refusal:
        texts = {
            "wrong_state": gettext("That cannot be done as the account stands now. Look at it again."),
            "reason_missing": gettext("Say why, and by which document."),
        }
        if refusal.code not in texts:
            raise
        return show_record(person.id, purpose, fault=FieldError("reason", texts[refusal.code]))
    return show_record(person.id, purpose, done=done)


def show_record(
    subject_id: UUID, purpose: str, *, fault: FieldError | None = None, done: str = ""
) -> ResponseReturnValue:
    """The record, looked at anew: each showing is a look that the person reads."""
    person, runtime = find_person(subject_id), given.runtime()
    with storage.begin() as tx:
        shown = flows.people.look(tx, runtime, person, purpose=purpose, actor=g.officer.actor)
        actors = Actors(storage.agencies.list_agencies(tx))
        merges = storage.merges.list_of_person(tx, subject_id)
    pairs = (("subject", person.id.hex), ("purpose", purpose))
    return forms.here(
        _park(RECORD, *pairs),
        lambda bound: console_page(
            "admin/person.html",
            status=400 if fault else 200,
            parked=forms.seal(bound),
            name=shown.name,
            number=shown.number,
            contacts=", ".join(shown.contacts),
            level=int(person.account_level),
            state=str(shown.subject.state),
            born=shown_date(shown.birthdate),
            source=source_text(shown.subject.proof_source),
            lock=_lock_text(shown),
            history=[_line(each, actors) for each in shown.history],
            merges=merge_lines(merges, subject_id),
            grounds=[(ground, gettext(text)) for ground, text in GROUNDS.items()],
            reasons=closings(),
            state_names=account_states(),
            purpose=purpose,
            may=_may(),
            errors=[fault] if fault else [],
            done=done,
        ),
    )


def _may() -> dict[str, bool]:
    officer: given.Officer = g.officer
    return {
        "lock": officer.may(Permission.LOCK_ACCOUNTS),
        "close": officer.may(Permission.CLOSE_ACCOUNTS),
        "correct": officer.may(Permission.CAPTURE_PROOFING),
        "merge": officer.may(Permission.ASK_CASES),
    }


def _lock_text(shown: Shown) -> str:
    lock = shown.lock
    if lock is None:
        return ""
    return ground_text("\n".join(filter(None, (lock.ground, lock.source, lock.legal_basis))))


def _line(entry: Entry, actors: Actors) -> Line:
    when = str(format_datetime(entry.at, "HH:mm dd/MM/yyyy"))
    more = ground_text(entry.details) if entry.event == "account.locked" else ""
    if entry.event == "record.read":
        more = entry.details
    return Line(event_text(entry.event), more, when, actors.name(entry.actor))


def found_row(each: flows.people.Found) -> dict[str, str]:
    return {"id": each.id.hex, "name": each.name, "number": each.number, "born": each.born, "state": str(each.state)}


def _search_page(
    parked: Parked,
    typed: str = "",
    purpose: str = "",
    *,
    found: list[flows.people.Found] | None = None,
    errors: list[FieldError] | None = None,
) -> ResponseReturnValue:
    return console_page(
        "admin/people.html",
        status=400 if errors else 200,
        parked=forms.seal(parked),
        typed=typed,
        purpose=purpose,
        found=None if found is None else [found_row(each) for each in found],
        state_names=account_states(),
        is_cut=found is not None and len(found) >= flows.people.MOST_FOUND,
        errors=errors or [],
    )
