"""Officers of one's own unit and those below: who works where, a role to be approved, a role taken away, a new code."""

from datetime import date
from typing import Final
from uuid import UUID

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue
from flask_babel import format_date, gettext

from idp import flows, storage
from idp.domain.cases import CaseKind
from idp.domain.officers import Permission, Role
from idp.domain.refusals import Refusal
from idp.web import forms, given, guards, language
from idp.web.admin import tables
from idp.web.admin.console import console_page, own_page, posted_id
from idp.web.console_texts import role_text, roles
from idp.web.pages import FieldError

blueprint = Blueprint("officers", __name__)
DOOR: Final = "officers.list_all"
SORTABLE: Final = ("name", "code", "role", "unit")


@blueprint.get("/admin/officers")
@guards.needs(Permission.MANAGE_OFFICERS)
def list_all() -> ResponseReturnValue:
    return _page()


@blueprint.post("/admin/officers/create")
@guards.needs(Permission.MANAGE_OFFICERS)
def create() -> ResponseReturnValue:
    """A new officer, who may do nothing yet; the code on paper is shown once."""
    own_page(DOOR)
    typed = {name: request.form.get(name, "").strip()[:120] for name in ("staff_code", "name", "number")}
    try:
        with storage.begin() as tx:
            made = flows.officers.create(
                tx, given.runtime(), typed["staff_code"], typed["name"], typed["number"], actor=g.officer.actor
            )
            _ask_for_role(tx, made.subject.id)
    except Refusal as refusal:
        return _page(typed, fault=_fault(refusal))
    return console_page("admin/code.html", code=made.code, purpose=f"{typed['staff_code']} · /admin/enrol")


@blueprint.post("/admin/officers/assign")
@guards.needs(Permission.MANAGE_OFFICERS)
def assign() -> ResponseReturnValue:
    """Ask a second officer for a role for somebody who is an officer already."""
    own_page(DOOR)
    typed = {"staff_code": request.form.get("staff_code", "").strip()[:64]}
    try:
        with storage.begin() as tx:
            officer = flows.officers.find(tx, given.runtime(), typed["staff_code"])
            _ask_for_role(tx, officer.subject.id)
    except Refusal as refusal:
        return _page(typed, fault=_fault(refusal))
    return _page(done=gettext("Asked. The role counts once a second officer approves it under Cases."))


@blueprint.post("/admin/officers/end")
@guards.needs(Permission.MANAGE_OFFICERS)
def end() -> ResponseReturnValue:
    """Take a role away, at once and alone: to shut is never held up."""
    own_page(DOOR)
    runtime = given.runtime()
    with storage.begin() as tx:
        found = storage.officers.find_assignment(tx, posted_id("assignment"), runtime.today)
        if found is None or not _reaches(tx, found.agency.id):
            raise Refusal("not_found", "there is no such assignment in reach")
        flows.officers.end_assignment(tx, runtime, found, actor=g.officer.actor)
    return _page(done=gettext("The role is taken away, from this moment on."))


@blueprint.post("/admin/officers/print-code")
@guards.needs(Permission.MANAGE_OFFICERS)
def print_code() -> ResponseReturnValue:
    """A new code on paper for an officer in reach who lost password or phone."""
    own_page(DOOR)
    runtime = given.runtime()
    with storage.begin() as tx:
        officer = storage.officers.find_by_id(tx, runtime.keyring, posted_id("officer"), runtime.today)
        in_reach = officer is not None and any(_reaches(tx, each.agency.id) for each in officer.assignments)
        if officer is None or not in_reach or officer.subject.id == g.officer.signed_in.subject.id:
            raise Refusal("not_permitted", "an officer in reach, and not oneself")
        code = flows.officers.print_code(tx, runtime, officer.subject.id, actor=g.officer.actor)
    return console_page("admin/code.html", code=code, purpose=f"{officer.staff_code} · /admin/enrol")


def _ask_for_role(tx: storage.Tx, officer_id: UUID) -> None:
    runtime, me = given.runtime(), g.officer
    role, until = Role(_posted_role()), _until()
    agency = storage.agencies.find_by_code(tx, request.form.get("agency", "").strip().upper())
    if agency is None or not _reaches(tx, agency.id):
        raise Refusal("not_found", "no unit in reach has this code", field="agency")
    if officer_id == me.signed_in.subject.id:
        raise Refusal("own_case", "nobody asks for a role for oneself")
    body = {"officer": officer_id.hex, "agency": agency.id.hex, "role": role.value}
    if until:
        body["until"] = until.isoformat()
    flows.cases.ask(tx, runtime, me.hand, me.unit.id, CaseKind.GRANT_ROLE, body)


def _posted_role() -> str:
    wanted = request.form.get("role", "")
    if wanted not in set(Role):
        raise Refusal("not_found", "there is no such role", field="role")
    return wanted


def _until() -> date | None:
    typed = request.form.get("until", "").strip()
    if not typed:
        return None
    try:
        found = date(*reversed([int(part) for part in typed.split("/")]))
    except (ValueError, TypeError):
        raise Refusal("invalid_birth_date", "write dd/mm/yyyy", field="until") from None
    if found < given.today():
        raise Refusal("invalid_birth_date", "the last day is over", field="until")
    return found


def _reaches(tx: storage.Tx, agency_id: UUID) -> bool:
    return agency_id in storage.agencies.list_below(tx, g.officer.unit.id)


def _fault(refusal: Refusal) -> FieldError:
    texts = {
        "already_exists": gettext("There is an officer with this staff code, or this role is theirs already."),
        "no_such_account": gettext("No officer has this staff code."),
        "not_found": gettext("Choose a role, and a unit of yours by its code."),
        "invalid_name": gettext("Write the name as it stands in the document."),
        "invalid_birth_date": gettext("Write the last day like 31/12/2026; it is not over yet."),
        "invalid_identifier": gettext("A staff code has 3 to 24 of a-z, 0-9, dots, hyphens; a number has 12 digits."),
        "own_case": gettext("Nobody asks for a role for oneself."),
    }
    if refusal.code not in texts:
        raise refusal
    return FieldError(refusal.field or "staff_code", str(texts[refusal.code]))


def _labels() -> dict[str, str]:
    labels = {"name": gettext("Name"), "code": gettext("Staff code"), "role": gettext("Role"), "unit": gettext("Unit")}
    more = {"until": gettext("Until"), "change": gettext("Change")}
    return {name: str(label) for name, label in (labels | more).items()}


def _page(
    typed: dict[str, str] | None = None, *, fault: FieldError | None = None, done: str = ""
) -> ResponseReturnValue:
    runtime, unit = given.runtime(), g.officer.unit
    with storage.once() as tx:
        below = storage.agencies.list_below(tx, unit.id)
        found = storage.officers.list_officers(tx, runtime.keyring, below, runtime.today)
    order = tables.order_asked(SORTABLE, tables.Order("code"))
    rows = [
        {
            "officer": each.subject.id.hex,
            "code": each.staff_code,
            "name": each.name,
            "assignment": held.id.hex,
            "role": role_text(held.role),
            "unit": held.agency.name(language.current()),
            "until": str(format_date(held.valid_until, "dd/MM/yyyy")) if held.valid_until else "",
        }
        for each in found
        for held in each.assignments
        if held.agency.id in set(below)
    ]
    rows.sort(key=lambda row: (row[order.by], row["code"]), reverse=order.is_descending)
    if tables.is_file_asked():
        names = [name for name in _labels() if name != "change"]
        return tables.file(
            "officers", [_labels()[name] for name in names], ([row[name] for name in names] for row in rows)
        )
    return forms.here(
        forms.of_session(DOOR, g.officer.session.id),
        lambda bound: console_page(
            "admin/officers.html",
            status=400 if fault else 200,
            parked=forms.seal(bound),
            rows=rows,
            heads=tables.heads(_labels(), SORTABLE, order, "/admin/officers"),
            roles=roles(),
            typed={"staff_code": "", "name": "", "number": "", **(typed or {})},
            unit_code=unit.code,
            errors=[fault] if fault else [],
            done=done,
        ),
    )
