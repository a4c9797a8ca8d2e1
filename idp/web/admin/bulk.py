"""One deed for many people: a file handed over, checked by the worker, asked for, decided by a second officer, worked
off by the worker. What was passed over is told line by line.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from flask import Blueprint, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_datetime, format_decimal, gettext

from idp import flows, storage
from idp.domain import bulk_files, bulk_jobs
from idp.domain.bulk_jobs import GROUNDS, BulkJob, JobKind, JobState
from idp.domain.cases import CaseKind
from idp.domain.officers import Permission
from idp.domain.refusals import Refusal
from idp.web import forms, given, guards
from idp.web.actors import Actors
from idp.web.admin import tables
from idp.web.admin.console import console_page, own_page
from idp.web.bulk_texts import fault_text, file_fault_text, kind_text, said_fault_text, state_text
from idp.web.console_texts import proof_lines
from idp.web.pages import FieldError
from idp.web.texts import ground_text

blueprint = Blueprint("bulk", __name__)
FORM: Final = "bulk.form"
JOB: Final = "bulk.job"
FIELDS: Final = ("reason", "ground", "source", "legal_basis", "numbers")
LISTED: Final = 20
A_PAGE: Final = 100
# Beside the file: its name, the fields and what divides them.
AROUND_A_FILE: Final = 65_536
CASES: Final = {JobKind.IMPORT: CaseKind.IMPORT, JobKind.LOCK: CaseKind.BULK_LOCK}


@dataclass(frozen=True, slots=True)
class Row:
    """One job and how far it is."""

    id: str
    what: str
    state: str
    progress: str
    percent: int
    begun: str
    by: str
    at_work: bool


@blueprint.get("/admin/bulk")
@guards.needs(Permission.ACT_IN_BULK)
def home() -> ResponseReturnValue:
    return _home({})


@blueprint.post("/admin/bulk/import")
@guards.needs(Permission.ACT_IN_BULK)
def take_over() -> ResponseReturnValue:
    """A file of people of an old portal."""
    return _handed_over(JobKind.IMPORT, bulk_jobs.check_import, bulk_files.OF_PEOPLE)


@blueprint.get("/admin/bulk/lock")
@guards.needs(Permission.ACT_IN_BULK)
def whom_to_lock() -> ResponseReturnValue:
    return _lock_page({})


@blueprint.post("/admin/bulk/lock")
@guards.needs(Permission.ACT_IN_BULK)
def lock() -> ResponseReturnValue:
    """A file, or a list, of the numbers of a leak."""
    return _handed_over(JobKind.LOCK, bulk_jobs.check_lock, bulk_files.OF_NUMBERS)


@blueprint.get("/admin/bulk/<uuid:job_id>")
@guards.needs(Permission.ACT_IN_BULK)
def job(job_id: UUID) -> ResponseReturnValue:
    return _job_page(job_id)


@blueprint.post("/admin/bulk/ask")
@guards.needs(Permission.ACT_IN_BULK)
def ask() -> ResponseReturnValue:
    """Ask a second officer about what the check found."""
    said, officer = dict(own_page(JOB).pairs), g.officer
    with storage.begin() as tx:
        found = storage.bulk_jobs.find_job(tx, UUID(said["job"]), held=True)
        if found is None or found.state is not JobState.CHECKED or found.good == 0:
            raise Refusal("wrong_state", "the job is not one to ask about")
        flows.cases.ask(tx, given.runtime(), officer.hand, officer.unit.id, CASES[found.kind], found.body)
    return redirect(url_for("bulk.job", job_id=found.id, asked=1), 303)


@blueprint.get("/admin/bulk/<uuid:job_id>/report.csv")
@guards.needs(Permission.ACT_IN_BULK)
def report(job_id: UUID) -> ResponseReturnValue:
    """Every line that was passed over, and why. Numbers of lines alone: of whom, the office has in its own file."""
    with storage.once() as tx:
        found = _find(tx, job_id)
        passed = storage.bulk_jobs.list_passed(tx, found.id)
    rows = [(str(each.line), fault_text(each.fault)) for each in passed]
    return tables.file(f"bao-cao-{found.id.hex}", (gettext("Line"), gettext("Why it was passed over")), rows)


def _handed_over(
    kind: JobKind, check: Callable[[Mapping[str, str]], dict[str, str]], needed: tuple[str, ...]
) -> ResponseReturnValue:
    # Of who may do this, after the guard: no other door takes more than a form.
    request.max_content_length = bulk_files.LARGEST + AROUND_A_FILE
    request.max_form_memory_size = bulk_files.LARGEST
    typed = {name: request.form.get(name, "").strip() for name in FIELDS}
    if forms.own_page(FORM, g.officer.session.id) is None:
        return PAGES[kind]({}, FieldError("file", _reload_text()))
    sent = request.files.get("file")
    raw = sent.read() if sent else b""
    if not raw and kind is JobKind.LOCK and typed["numbers"]:
        raw = f"so_dinh_danh\n{typed['numbers']}".encode()
    try:
        said = check(typed)
        lines = bulk_files.read(raw, needed)
    except Refusal as refusal:
        return PAGES[kind](typed, _fault(refusal))
    with storage.begin() as tx:
        made = flows.bulk_jobs.hand_over(tx, given.runtime(), kind, raw, lines, said, actor=g.officer.actor)
    # Elsewhere, so that looking again hands nothing over again.
    return redirect(url_for("bulk.job", job_id=made.id), 303)


def _fault(refusal: Refusal) -> FieldError:
    if refusal.code == "invalid_file":
        return FieldError("file", file_fault_text(refusal.field))
    return FieldError(refusal.field, said_fault_text(refusal.field))


def _reload_text() -> str:
    return str(gettext("This page had been open for too long. Please choose the file again."))


def _home(typed: Mapping[str, str], fault: FieldError | None = None) -> ResponseReturnValue:
    with storage.once() as tx:
        actors = Actors(storage.agencies.list_agencies(tx))
        found = storage.bulk_jobs.list_jobs(tx, limit=LISTED)
    return forms.here(
        forms.of_session(FORM, g.officer.session.id),
        lambda bound: console_page(
            "admin/bulk.html",
            status=400 if fault else 200,
            parked=forms.seal(bound),
            typed={**dict.fromkeys(FIELDS, ""), **typed},
            rows=[_row(each, actors) for each in found],
            errors=[fault] if fault else [],
            most=format_decimal(bulk_files.MOST_LINES),
            megabytes=bulk_files.LARGEST // 1024**2,
        ),
    )


def _lock_page(typed: Mapping[str, str], fault: FieldError | None = None) -> ResponseReturnValue:
    return forms.here(
        forms.of_session(FORM, g.officer.session.id),
        lambda bound: console_page(
            "admin/bulk_lock.html",
            status=400 if fault else 200,
            parked=forms.seal(bound),
            typed={**dict.fromkeys(FIELDS, ""), **typed},
            grounds=[(ground.value, ground_text(ground)) for ground in GROUNDS],
            errors=[fault] if fault else [],
        ),
    )


PAGES: Final = {JobKind.IMPORT: _home, JobKind.LOCK: _lock_page}


def _job_page(job_id: UUID) -> ResponseReturnValue:
    number = min(max(1, request.args.get("page", 1, type=int)), 10_000)
    with storage.once() as tx:
        found = _find(tx, job_id)
        actors = Actors(storage.agencies.list_agencies(tx))
        passed = storage.bulk_jobs.list_passed(tx, found.id, limit=A_PAGE + 1, offset=(number - 1) * A_PAGE)
    here = f"/admin/bulk/{found.id}"
    pairs = (("job", found.id.hex),)
    return forms.here(
        forms.of_session(JOB, g.officer.session.id, pairs),
        lambda bound: console_page(
            "admin/bulk_job.html",
            parked=forms.seal(bound),
            row=_row(found, actors),
            lines=proof_lines({**found.said, "file": found.digest}),
            looked_at=found.done,
            good=found.good,
            passed_over=found.done - found.good,
            passed=[(str(each.line), fault_text(each.fault)) for each in passed[:A_PAGE]],
            before=f"{here}?page={number - 1}" if number > 1 else "",
            further=f"{here}?page={number + 1}" if len(passed) > A_PAGE else "",
            report=f"{here}/report.csv",
            is_checked=found.state is JobState.CHECKED,
            done=gettext("Asked. A second officer decides under Cases.") if "asked" in request.args else "",
        ),
    )


def _find(tx: storage.Tx, job_id: UUID) -> BulkJob:
    found = storage.bulk_jobs.find_job(tx, job_id)
    if found is None:
        raise Refusal("not_found", "there is no such job")
    return found


def _row(each: BulkJob, actors: Actors) -> Row:
    return Row(
        id=str(each.id),
        what=f"{kind_text(each.kind)}: {each.said['reason']}",
        state=state_text(each.state),
        progress=str(gettext("%(done)s of %(lines)s lines", done=each.done, lines=each.lines)),
        percent=each.percent,
        begun=_moment(each.created_at),
        by=", ".join(actors.name(actor) for actor in (each.asked_as, each.approved_as) if actor),
        at_work=each.state in (JobState.CHECKING, JobState.RUNNING),
    )


def _moment(moment: datetime) -> str:
    return str(format_datetime(moment, "HH:mm dd/MM/yyyy"))
