"""Taking back checks of people: counted first, asked for, decided by a second officer, worked off by the worker."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue
from flask_babel import format_datetime, gettext

from idp import flows, storage
from idp.domain import recalls
from idp.domain.cases import CaseKind
from idp.domain.officers import Permission
from idp.domain.recalls import Recall, RecallState
from idp.domain.refusals import Refusal
from idp.web import forms, given, guards
from idp.web.actors import Actors
from idp.web.admin.console import console_page, own_page
from idp.web.console_texts import proof_lines, recall_sources
from idp.web.pages import FieldError

blueprint = Blueprint("recall", __name__)
FORM: Final = "recall.form"
COUNTED: Final = "recall.counted"
FIELDS: Final = ("source", "officer", "since", "until", "reason")
LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class Row:
    """One recall and how far it is."""

    what: str
    progress: str
    percent: int
    begun: str
    by: str
    is_done: bool


@blueprint.get("/admin/recall")
@guards.needs(Permission.RECALL_PROOFING)
def home() -> ResponseReturnValue:
    return _home({})


@blueprint.post("/admin/recall")
@guards.needs(Permission.RECALL_PROOFING)
def count() -> ResponseReturnValue:
    """The dry run: how many people it would concern now."""
    typed = {name: request.form.get(name, "").strip()[:200] for name in FIELDS}
    if forms.own_page(FORM, g.officer.session.id) is None:
        return _home(typed)
    try:
        body = recalls.check_recall(typed, given.today())
    except Refusal as refusal:
        return _home(typed, fault=FieldError(refusal.field, _wrong(refusal.field)))
    with storage.once() as tx:
        persons = flows.recall.count(tx, given.runtime(), body)
    pairs = (*body.items(), ("persons", str(persons)))
    heading = gettext("People: %(count)s", count=persons)
    return forms.here(
        forms.of_session(COUNTED, g.officer.session.id, pairs),
        lambda bound: console_page(
            "admin/recall_counted.html",
            parked=forms.seal(bound),
            lines=proof_lines(body),
            heading=heading,
            is_any=persons > 0,
        ),
    )


@blueprint.post("/admin/recall/ask")
@guards.needs(Permission.RECALL_PROOFING)
def ask() -> ResponseReturnValue:
    parked, officer = own_page(COUNTED), g.officer
    with storage.begin() as tx:
        flows.cases.ask(tx, given.runtime(), officer.hand, officer.unit.id, CaseKind.RECALL, dict(parked.pairs))
    return _home({}, done=gettext("Asked. A second officer decides under Cases."))


def _home(typed: dict[str, str], *, fault: FieldError | None = None, done: str = "") -> ResponseReturnValue:
    with storage.once() as tx:
        actors, found = Actors(storage.agencies.list_agencies(tx)), storage.recalls.list_recalls(tx, limit=LISTED)
    return forms.here(
        forms.of_session(FORM, g.officer.session.id),
        lambda bound: console_page(
            "admin/recall.html",
            status=400 if fault else 200,
            parked=forms.seal(bound),
            typed={**dict.fromkeys(FIELDS, ""), **typed},
            sources=recall_sources(),
            rows=[_row(each, actors) for each in found],
            errors=[fault] if fault else [],
            done=done,
        ),
    )


def _row(recall: Recall, actors: Actors) -> Row:
    days = " – ".join(_moment(each) for each in (recall.scope.since, recall.scope.before))
    return Row(
        what=", ".join(filter(None, (recall.scope.officer, days, recall.reason))),
        progress=str(gettext("%(done)s of %(persons)s", done=recall.done, persons=recall.persons)),
        percent=recall.percent,
        begun=_moment(recall.created_at),
        by=actors.name(recall.approved_as),
        is_done=recall.state is RecallState.DONE,
    )


def _moment(moment: datetime) -> str:
    return str(format_datetime(moment, "HH:mm dd/MM/yyyy"))


def _wrong(field: str) -> str:
    texts = {
        "source": gettext("Choose whose checks."),
        "since": gettext("Write the first day like 01/03/2026."),
        "until": gettext("Write the last day like 31/03/2026, not before the first."),
        "reason": gettext("Say why, and by which document."),
    }
    return str(texts.get(field, field))
