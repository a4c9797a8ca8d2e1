"""Services of one's own unit and those below: a sandbox at once, production by a case, secrets, suspending, health."""

from typing import Final
from uuid import UUID

from flask import Blueprint, g, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date, gettext

from idp import flows, storage
from idp.domain import service_forms
from idp.domain.agencies import Agency
from idp.domain.cases import CaseKind
from idp.domain.officers import Permission
from idp.domain.refusals import Refusal
from idp.domain.relying_services import RelyingService
from idp.web import forms, given, guards, language, service_pages
from idp.web.admin import tables
from idp.web.admin.console import console_page, own_page
from idp.web.pages import FieldError
from idp.web.service_health import environment
from idp.web.service_texts import compare, exception_texts, missing_fields, state_text, wrong_field

blueprint = Blueprint("services", __name__)
NEW: Final = "services.new"
SERVICE: Final = "services.service"
A_PAGE: Final = 50
LONGEST_REASON: Final = 200


@blueprint.get("/admin/services")
@guards.needs(Permission.MANAGE_SERVICES)
def list_all() -> ResponseReturnValue:
    return _list_page()


@blueprint.get("/admin/services/new")
@guards.needs(Permission.MANAGE_SERVICES)
def new() -> ResponseReturnValue:
    return _form_page(None, g.officer.unit, service_pages.EMPTY)


@blueprint.post("/admin/services/new")
@guards.needs(Permission.MANAGE_SERVICES)
def create() -> ResponseReturnValue:
    """A service of the own unit, or of one below by its code: its sandbox lives at once."""
    own_page(NEW)
    typed, code = service_pages.typed(), request.form.get("agency", "").strip().upper()[:64]
    with storage.once() as tx:
        agency = storage.agencies.find_by_code(tx, code)
        units = storage.agencies.list_below(tx, g.officer.unit.id)
    if agency is None or agency.id not in units:
        fault = FieldError("agency", gettext("Choose a unit of yours by its code."))
        return _form_page(None, g.officer.unit, typed, errors=[fault], code=code)
    errors = missing_fields(typed)
    if errors:
        return _form_page(None, agency, typed, errors=errors)
    people = service_pages.make_up_people()
    try:
        with storage.begin() as tx:
            made = service_pages.connect(tx, agency, typed, people, g.officer.actor)
    except Refusal as refusal:
        return _form_page(None, agency, typed, errors=[wrong_field(refusal)])
    shown = {"sandbox": made.sandbox_secret, "production": made.secret}
    return _service_page(made.production.id, secrets=shown, people=people)


@blueprint.get("/admin/services/<uuid:service_id>")
@guards.needs(Permission.MANAGE_SERVICES)
def service(service_id: UUID) -> ResponseReturnValue:
    return _service_page(service_id)


@blueprint.get("/admin/services/<uuid:service_id>/change")
@guards.needs(Permission.MANAGE_SERVICES)
def change(service_id: UUID) -> ResponseReturnValue:
    found, agency = _find(service_id)
    with storage.once() as tx:
        draft = flows.service_care.find_sandbox(tx, found) or found
    return _form_page(found, agency, service_forms.typed_of(draft))


@blueprint.post("/admin/services/change")
@guards.needs(Permission.MANAGE_SERVICES)
def save() -> ResponseReturnValue:
    """Changes the sandbox; production follows by a case."""
    found, agency = _posted()
    typed = service_pages.typed()
    errors = missing_fields(typed)
    if errors:
        return _form_page(found, agency, typed, errors=errors)
    runtime = given.runtime()
    try:
        with storage.begin() as tx:
            changed, secret = flows.service_care.redraft(tx, runtime, found, agency, typed, actor=g.officer.actor)
            flows.key_care.ensure_for(tx, runtime, changed)
    except Refusal as refusal:
        return _form_page(found, agency, typed, errors=[wrong_field(refusal)])
    done = gettext("The sandbox is changed. Ask for production once it works.")
    return _service_page(found.id, secrets={"sandbox": secret}, done=done)


@blueprint.post("/admin/services/ask")
@guards.needs(Permission.MANAGE_SERVICES)
def ask() -> ResponseReturnValue:
    """Ask the province for production as the sandbox is now."""
    found, agency = _posted()
    runtime = given.runtime()
    try:
        with storage.begin() as tx:
            body = flows.service_care.wish(tx, runtime, found, agency)
            flows.cases.ask(tx, runtime, g.officer.hand, agency.id, CaseKind.SERVICE, body)
    except Refusal as refusal:
        return _service_page(found.id, fault=wrong_field(refusal))
    return _service_page(found.id, done=gettext("Asked. The province’s service manager decides under Cases."))


@blueprint.post("/admin/services/suspend")
@guards.needs(Permission.MANAGE_SERVICES)
def suspend() -> ResponseReturnValue:
    return _switch(resume=False)


@blueprint.post("/admin/services/resume")
@guards.needs(Permission.MANAGE_SERVICES)
def resume() -> ResponseReturnValue:
    return _switch(resume=True)


@blueprint.post("/admin/services/secret/add")
@guards.needs(Permission.MANAGE_SERVICES)
def add_secret() -> ResponseReturnValue:
    found, _ = _posted()
    which, target = _target(found)
    try:
        with storage.begin() as tx:
            secret = flows.service_secrets.add(tx, given.runtime(), target.id, actor=g.officer.actor)
    except Refusal as refusal:
        texts = {
            "too_many": gettext("There are two secrets already: end one first."),
            "wrong_state": gettext("This service proves itself by its keys and has no secret."),
        }
        if refusal.code not in texts:
            raise
        return _service_page(found.id, fault=FieldError("", texts[refusal.code]))
    return _service_page(found.id, secrets={which: secret})


@blueprint.post("/admin/services/secret/end")
@guards.needs(Permission.MANAGE_SERVICES)
def end_secret() -> ResponseReturnValue:
    found, _ = _posted()
    _, target = _target(found)
    mark = request.form.get("mark", "")[:12]
    with storage.begin() as tx:
        flows.service_secrets.end(tx, given.runtime(), target.id, mark, actor=g.officer.actor)
    return _service_page(found.id, done=gettext("The secret is ended, within seconds everywhere."))


@blueprint.post("/admin/services/test-people")
@guards.needs(Permission.MANAGE_SERVICES)
def test_people() -> ResponseReturnValue:
    """New test people; those of before stay, and are named no more."""
    found, _ = _posted()
    people = service_pages.make_up_people()
    with storage.begin() as tx:
        sandbox = flows.service_care.find_sandbox(tx, found)
        if sandbox is None:
            raise Refusal("not_found", "the service has no sandbox")
        service_pages.keep_people(tx, people, sandbox.id, g.officer.actor)
    return _service_page(found.id, people=people)


@blueprint.post("/admin/services/invite")
@guards.needs(Permission.MANAGE_SERVICES)
def invite() -> ResponseReturnValue:
    """An invitation for a vendor of the own unit, shown this once."""
    own_page(NEW)
    runtime = given.runtime()
    with storage.begin() as tx:
        token = flows.service_care.invite_vendor(tx, runtime, g.officer.unit, actor=g.officer.actor)
    return _list_page(link=f"{runtime.settings.issuer}{url_for('vendor.form')}", invitation=token)


def _switch(*, resume: bool) -> ResponseReturnValue:
    found, _ = _posted()
    reason = request.form.get("reason", "").strip()[:LONGEST_REASON]
    if not reason:
        return _service_page(found.id, fault=FieldError("reason", gettext("Say why.")))
    by_agency = not g.officer.may(Permission.DECIDE_SERVICES)
    try:
        with storage.begin() as tx:
            flows.service_registry.suspend(
                tx,
                given.runtime(),
                found.client_id,
                actor=g.officer.actor,
                resume=resume,
                reason=reason,
                by_agency=by_agency,
            )
    except Refusal as refusal:
        texts = {
            "not_permitted": gettext("The province suspended this service, and the province lets it go on."),
            "wrong_state": gettext("That cannot be done as the service stands now."),
        }
        if refusal.code not in texts:
            raise
        guards.note_refused(g.officer, f"service {found.client_id}: {refusal.code}")
        return _service_page(found.id, fault=FieldError("reason", texts[refusal.code]))
    return _service_page(found.id, done=gettext("It goes on.") if resume else gettext("Suspended, within seconds."))


def _find(service_id: UUID) -> tuple[RelyingService, Agency]:
    """A service in reach and its unit; raises Refusal('not_found') for any other, as for none."""
    with storage.once() as tx:
        found = storage.relying_services.find_service(tx, service_id)
        units = storage.agencies.list_below(tx, g.officer.unit.id)
        agency = storage.agencies.find_agency(tx, found.agency_id) if found and found.agency_id in units else None
    if found is None or found.is_sandbox or agency is None:
        raise Refusal("not_found", "there is no such service in reach")
    return found, agency


def _posted() -> tuple[RelyingService, Agency]:
    """Which service the posted page was of."""
    said = dict(own_page(SERVICE).pairs)
    return _find(UUID(said["service"]))


def _target(found: RelyingService) -> tuple[str, RelyingService]:
    """Whose secrets are meant: those of production, or of the sandbox."""
    if request.form.get("environment") != "sandbox":
        return "production", found
    with storage.once() as tx:
        sandbox = flows.service_care.find_sandbox(tx, found)
    if sandbox is None:
        raise Refusal("not_found", "the service has no sandbox")
    return "sandbox", sandbox


def _list_page(*, link: str = "", invitation: str = "") -> ResponseReturnValue:
    number = min(max(1, request.args.get("page", 1, type=int)), 10_000)
    order = tables.order_asked(list(storage.relying_services.ORDERS), tables.Order("client_id"))
    with storage.once() as tx:
        units = storage.agencies.list_below(tx, g.officer.unit.id)
        found = storage.relying_services.list_of_agencies(
            tx,
            units,
            limit=A_PAGE + 1,
            offset=(number - 1) * A_PAGE,
            by=order.by,
            is_descending=order.is_descending,
        )
        agencies = {each.id: each.name(language.current()) for each in storage.agencies.list_agencies(tx)}
    code = language.current()
    rows = [
        {
            "id": str(each.id),
            "name": each.name(code),
            "client_id": each.client_id,
            "unit": agencies.get(each.agency_id, "") if each.agency_id else "",
            "state": state_text(each),
        }
        for each in found[:A_PAGE]
    ]
    return forms.here(
        forms.of_session(NEW, g.officer.session.id),
        lambda bound: console_page(
            "admin/services.html",
            parked=forms.seal(bound),
            rows=rows,
            heads=tables.heads(_labels(), list(storage.relying_services.ORDERS), order, "/admin/services"),
            before=f"/admin/services?page={number - 1}&sort={order.sign}" if number > 1 else "",
            further=f"/admin/services?page={number + 1}&sort={order.sign}" if len(found) > A_PAGE else "",
            link=link,
            invitation=invitation,
        ),
    )


def _labels() -> dict[str, str]:
    labels = {"name": gettext("Name"), "unit": gettext("Unit"), "client_id": "client_id", "state": gettext("Stands")}
    return {name: str(label) for name, label in labels.items()}


def _form_page(
    found: RelyingService | None,
    agency: Agency,
    typed: dict[str, str],
    *,
    errors: list[FieldError] | None = None,
    code: str = "",
) -> ResponseReturnValue:
    door, pairs = (SERVICE, (("service", found.id.hex),)) if found else (NEW, ())
    return forms.here(
        forms.of_session(door, g.officer.session.id, pairs),
        lambda bound: console_page(
            "admin/service_form.html",
            status=400 if errors else 200,
            parked=forms.seal(bound),
            action="/admin/services/change" if found else "/admin/services/new",
            name=found.name(language.current()) if found else "",
            agency_code="" if found else code or agency.code,
            errors=errors or [],
            **service_pages.form_values(typed),
        ),
    )


def _service_page(
    service_id: UUID,
    *,
    secrets: dict[str, str | None] | None = None,
    people: service_pages.TestPeople | None = None,
    fault: FieldError | None = None,
    done: str = "",
) -> ResponseReturnValue:
    found, agency = _find(service_id)
    with storage.once() as tx:
        sandbox = flows.service_care.find_sandbox(tx, found)
        health = [environment(tx, each) for each in (found, sandbox) if each]
    draft = service_forms.typed_of(sandbox or found)
    pairs = (("service", found.id.hex),)
    return forms.here(
        forms.of_session(SERVICE, g.officer.session.id, pairs),
        lambda bound: console_page(
            "admin/service.html",
            status=400 if fault else 200,
            parked=forms.seal(bound),
            name=found.name(language.current()),
            unit=agency.name(language.current()),
            id=str(found.id),
            state=state_text(found),
            state_code=found.state,
            because=found.suspended_because,
            lines=compare(draft, found if found.state != "pending" else None),
            exceptions=[
                (dict(exception_texts())[each.rule], each.reason, format_date(each.until, "dd/MM/yyyy"))
                for each in found.exceptions
            ],
            environments=health,
            secrets=[(name, secret) for name, secret in (secrets or {}).items() if secret],
            people=people,
            numbers=sandbox.test_people if sandbox else (),
            errors=[fault] if fault else [],
            done=done,
        ),
    )
