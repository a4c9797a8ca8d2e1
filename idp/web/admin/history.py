"""The history for auditors: searched by days, kind, officer or person; taken away as a file; reading it is in it."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from flask import Blueprint, g, make_response, request
from flask.typing import ResponseReturnValue
from flask_babel import format_datetime, gettext

from idp import flows, storage
from idp.domain.audit import Entry, Event
from idp.domain.officers import Permission
from idp.domain.refusals import Refusal
from idp.storage.audit import Search
from idp.web import forms, given, guards
from idp.web.actors import Actors
from idp.web.admin.console import console_page, own_page
from idp.web.pages import FieldError
from idp.web.texts import event_text

blueprint = Blueprint("history", __name__)
DOOR: Final = "history.search"
MOST_DAYS: Final = 31
_TYPED: Final = ("since", "until", "event", "officer", "number", "purpose")


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as the table shows it."""

    when: str
    what: str
    by: str
    whom: str
    more: str


@blueprint.get("/admin/history")
@guards.needs(Permission.READ_AUDIT)
def search() -> ResponseReturnValue:
    today = given.today().strftime("%d/%m/%Y")
    return _page({"since": today, "until": today})


@blueprint.post("/admin/history")
@guards.needs(Permission.READ_AUDIT)
def find() -> ResponseReturnValue:
    typed = _typed()
    try:
        wanted = _wanted(typed)
    except _Wrong as wrong:
        return _page(typed, fault=wrong.fault)
    below = _below()
    with storage.begin() as tx:
        found = flows.auditing.search(
            tx, given.runtime(), wanted, purpose=typed["purpose"], actor=g.officer.actor, below=below
        )
        actors = Actors(storage.agencies.list_agencies(tx))
    shown = found[: flows.auditing.A_PAGE]
    further = shown[-1].id.hex if len(found) > len(shown) else ""
    return _page(typed, rows=[_row(each, actors) for each in shown], further=further)


@blueprint.post("/admin/history/export")
@guards.needs(Permission.READ_AUDIT)
def export() -> ResponseReturnValue:
    """The same as a file for a spreadsheet."""
    typed = _typed()
    try:
        wanted = _wanted(typed)
    except _Wrong as wrong:
        return _page(typed, fault=wrong.fault)
    with storage.begin() as tx:
        text = flows.auditing.export(tx, given.runtime(), wanted, purpose=typed["purpose"], actor=g.officer.actor)
    response = make_response(f"\ufeff{text}")
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = 'attachment; filename="history.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/admin/history/proofs")
@guards.needs(Permission.READ_AUDIT)
def proofs() -> ResponseReturnValue:
    """The same, each entry as it is stored and with its proof, a line each, for `tools/verify_log.py`."""
    typed = _typed()
    try:
        wanted = _wanted(typed)
    except _Wrong as wrong:
        return _page(typed, fault=wrong.fault)
    runtime = given.runtime()
    with storage.begin() as tx:
        ids = flows.auditing.list_to_prove(tx, runtime, wanted, purpose=typed["purpose"], actor=g.officer.actor)
        lines = [orjson.dumps(each) for each in flows.log_export.prove_many(tx, runtime, ids)]
    response = make_response(b"".join(line + b"\n" for line in lines))
    response.headers["Content-Type"] = "application/jsonl"
    response.headers["Content-Disposition"] = 'attachment; filename="history-proofs.jsonl"'
    response.headers["Cache-Control"] = "no-store"
    return response


class _Wrong(Exception):
    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.fault = FieldError(field, text)


def _typed() -> dict[str, str]:
    own_page(DOOR)
    return {name: request.form.get(name, "").strip()[:150] for name in _TYPED}


def _below() -> UUID | None:
    try:
        return UUID(request.form.get("below", ""))
    except ValueError:
        return None


def _wanted(typed: dict[str, str]) -> Search:
    """What is looked for; raises _Wrong beside the field that is."""
    runtime = given.runtime()
    since, until = _day(typed["since"], "since"), _day(typed["until"], "until")
    if not timedelta() <= until - since < timedelta(days=MOST_DAYS):
        raise _Wrong("until", gettext("From the first to the last day, 31 days at most."))
    if not typed["purpose"]:
        raise _Wrong("purpose", gettext("Say why you look: it stands in the history."))
    zone = ZoneInfo(runtime.settings.province.time_zone)
    begin, end = (datetime.combine(day, time(), zone) for day in (since, until + timedelta(days=1)))
    wanted = Search(begin, end, actor=typed["officer"][:64])
    if typed["event"]:
        if typed["event"] not in set(Event):
            raise _Wrong("event", gettext("Choose from the list."))
        wanted = replace(wanted, event=Event(typed["event"]))
    if typed["number"]:
        try:
            with storage.once() as tx:
                wanted = replace(wanted, subject_id=flows.auditing.find_person(tx, runtime, typed["number"]))
        except Refusal:
            raise _Wrong("number", gettext("Nobody signs in with this number.")) from None
    return wanted


def _day(typed: str, field: str) -> date:
    try:
        day, month, year = (int(part) for part in typed.split("/"))
        return date(year, month, day)
    except ValueError:
        raise _Wrong(field, gettext("Write the day like 26/11/2026.")) from None


def _row(entry: Entry, actors: Actors) -> Row:
    return Row(
        when=str(format_datetime(entry.at, "HH:mm:ss dd/MM/yyyy")),
        what=event_text(entry.event),
        by=actors.name(entry.actor),
        whom=str(entry.subject_id or ""),
        more=entry.details,
    )


def _page(
    typed: dict[str, str], *, rows: list[Row] | None = None, further: str = "", fault: FieldError | None = None
) -> ResponseReturnValue:
    return forms.here(
        forms.of_session(DOOR, g.officer.session.id),
        lambda bound: console_page(
            "admin/history.html",
            status=400 if fault else 200,
            parked=forms.seal(bound),
            typed={**dict.fromkeys(_TYPED, ""), **typed},
            kinds=sorted(((event.value, event_text(event)) for event in Event), key=lambda each: each[1]),
            rows=rows,
            further=further,
            errors=[fault] if fault else [],
        ),
    )
