"""Cases: what officers ask a second officer to decide. The deed of an approval is done in its transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue
from flask_babel import format_date, format_datetime, gettext

from idp import flows, storage
from idp.domain.accounts import Closing
from idp.domain.cases import Case, CaseKind, CaseState
from idp.domain.officers import Permission, Role
from idp.domain.refusals import Refusal
from idp.flows.people import Shown
from idp.flows.recall import Approved
from idp.web import forms, given, guards
from idp.web.actors import Actors
from idp.web.admin import keys, merge, tables
from idp.web.admin.console import console_page, own_page
from idp.web.console_texts import body_lines, case_columns, kind_text, state_text
from idp.web.pages import FieldError
from idp.web.release_texts import shown_date
from idp.web.service_texts import Compared, compare

blueprint = Blueprint("cases", __name__)
CASE: Final = "cases.case"
HERE: Final = "/admin/cases"
A_PAGE: Final = 25
ENDED: Final = [CaseState.APPROVED, CaseState.REFUSED, CaseState.WITHDRAWN, CaseState.EXPIRED]


@dataclass(frozen=True, slots=True)
class Row:
    """One case as the list shows it."""

    id: str
    kind: str
    state: str
    asked_by: str
    asked_at: str
    due_by: str
    is_late: bool


def _close(tx: storage.Tx, case: Case, _: str) -> None:
    person = storage.accounts.find_subject(tx, _subject(case))
    if person is None:
        raise Refusal("no_such_account", "the person is gone")
    because, document = Closing(case.body["because"]), case.body["document"]
    flows.account_care.close(tx, given.runtime(), person, because, reason=document, actor=case.asked.actor)


def _correct(tx: storage.Tx, case: Case, approver: str) -> None:
    document = f"{case.body['document']}; {approver}"
    body = {**case.body, "document": document}
    flows.proofing.correct(tx, given.runtime(), _subject(case), body, officer=case.asked.actor)


def _grant_role(tx: storage.Tx, case: Case, approver: str) -> None:
    runtime, said = given.runtime(), case.body
    officer = storage.officers.find_by_id(tx, runtime.keyring, UUID(said["officer"]), runtime.today)
    agency = storage.agencies.find_agency(tx, UUID(said["agency"]))
    if officer is None or agency is None:
        raise Refusal("not_found", "the officer or the unit is gone")
    flows.officers.assign(
        tx,
        runtime,
        officer,
        agency,
        Role(said["role"]),
        valid_from=runtime.today,
        valid_until=date.fromisoformat(said["until"]) if said.get("until") else None,
        actor=f"{case.asked.actor} {approver}",
    )


def _prove(tx: storage.Tx, case: Case, approver: str) -> None:
    runtime = given.runtime()
    flows.proofing.take_down(tx, runtime, flows.capture.approved(runtime, case, approver))


def _recall(tx: storage.Tx, case: Case, approver: str) -> None:
    if case.body.get("recall_officer") == g.officer.staff_code:
        raise Refusal("own_case", "nobody decides on one's own checks")
    flows.recall.start(tx, given.runtime(), Approved(case.body, case.asked.actor, approver))


def _bulk(tx: storage.Tx, case: Case, approver: str) -> None:
    flows.bulk_jobs.start(tx, given.runtime(), case.body, asked_as=case.asked.actor, approved_as=approver)


def _service(tx: storage.Tx, case: Case, approver: str) -> None:
    agency = storage.agencies.find_agency(tx, case.agency_id)
    if agency is None:
        raise Refusal("not_found", "the unit is gone")
    runtime, actor = given.runtime(), f"{case.asked.actor} {approver}"
    service = flows.service_care.enact(tx, runtime, agency, case.body, actor=actor)
    flows.key_care.ensure_for(tx, runtime, service)


# What an approval does, by kind; it raises to undo the approval too.
DEEDS: Final[dict[CaseKind, Callable[[storage.Tx, Case, str], None]]] = {
    CaseKind.CLOSE: _close,
    CaseKind.CORRECT: _correct,
    CaseKind.GRANT_ROLE: _grant_role,
    CaseKind.SERVICE: _service,
    CaseKind.PROOF: _prove,
    CaseKind.RECALL: _recall,
    CaseKind.IMPORT: _bulk,
    CaseKind.BULK_LOCK: _bulk,
    CaseKind.KEYS: keys.enact,
    CaseKind.MERGE: merge.enact,
    CaseKind.UNMERGE: merge.enact_undo,
}


@blueprint.get("/admin/cases")
@guards.needs(Permission.ENTER)
def list_all() -> ResponseReturnValue:
    """Those who decide see what waits or ended in their units; anybody else what they asked for."""
    runtime, officer = given.runtime(), g.officer
    is_open = request.args.get("ended") != "1"
    number = min(max(1, request.args.get("page", 1, type=int)), 10_000)
    states = [CaseState.WAITING] if is_open else ENDED
    order = tables.order_asked(list(storage.cases.ORDERS), tables.Order("due"))
    as_file = tables.is_file_asked()
    with storage.once() as tx:
        found = storage.cases.list_cases(
            tx,
            runtime.keyring,
            states=states,
            agency_ids=reach(tx, officer),
            asked_by=None if officer.decides else officer.signed_in.subject.id,
            kinds=officer.decides or None,
            limit=tables.A_FILE if as_file else A_PAGE + 1,
            offset=0 if as_file else (number - 1) * A_PAGE,
            by=order.by,
            is_descending=order.is_descending,
        )
        actors = Actors(storage.agencies.list_agencies(tx))
    if as_file:
        rows = [_row(each, actors) for each in found]
        cells = ((row.kind, row.asked_by, row.asked_at, row.due_by, row.state, row.id) for row in rows)
        return tables.file("cases", [*case_columns().values(), "id"], cells)
    return console_page(
        "admin/cases.html",
        rows=[_row(each, actors) for each in found[:A_PAGE]],
        is_open=is_open,
        heads=tables.heads(case_columns(), list(storage.cases.ORDERS), order, HERE if is_open else f"{HERE}?ended=1"),
        before=_address(is_open, number - 1, order) if number > 1 else "",
        further=_address(is_open, number + 1, order) if len(found) > A_PAGE else "",
    )


@blueprint.get("/admin/cases/<uuid:case_id>")
@guards.needs(Permission.ENTER)
def case(case_id: UUID) -> ResponseReturnValue:
    return _case_page(_visible(case_id))


@blueprint.post("/admin/cases/approve")
@guards.needs(Permission.DECIDE_CASES, Permission.DECIDE_SERVICES)
def approve() -> ResponseReturnValue:
    shown, seen = _posted_to_decide()

    def decide(tx: storage.Tx) -> None:
        decided = flows.cases.approve(tx, given.runtime(), g.officer.hand, shown.id, seen)
        DEEDS[decided.kind](tx, decided, g.officer.actor)

    return _decide(shown, decide, gettext("Approved, and done."))


@blueprint.post("/admin/cases/refuse")
@guards.needs(Permission.DECIDE_CASES, Permission.DECIDE_SERVICES)
def refuse() -> ResponseReturnValue:
    shown, seen = _posted_to_decide()
    reason = request.form.get("reason", "")
    return _decide(
        shown,
        lambda tx: flows.cases.refuse(tx, given.runtime(), g.officer.hand, shown.id, seen, reason),
        gettext("Refused."),
    )


@blueprint.post("/admin/cases/withdraw")
@guards.needs(Permission.ENTER)
def withdraw() -> ResponseReturnValue:
    shown, _ = _posted()
    return _decide(
        shown,
        lambda tx: flows.cases.withdraw(tx, given.runtime(), g.officer.hand, shown.id),
        gettext("Taken back."),
    )


def _address(is_open: bool, number: int, order: tables.Order) -> str:
    return f"/admin/cases?{'' if is_open else 'ended=1&'}page={number}&sort={order.sign}"


def reach(tx: storage.Tx, officer: given.Officer) -> list[UUID] | None:
    """The units that an officer's assignment reaches; None for all of them, from the root."""
    if officer.unit.parent_id is None:
        return None
    return storage.agencies.list_below(tx, officer.unit.id)


def _visible(case_id: UUID) -> Case:
    """A case that this officer may see; raises Refusal('not_found') for any other, as for none."""
    runtime, officer = given.runtime(), g.officer
    with storage.once() as tx:
        found = storage.cases.find_case(tx, runtime.keyring, case_id)
        units = reach(tx, officer)
        concerns_oneself = found is not None and flows.cases.concerns(
            tx, runtime, officer.signed_in.subject.id, found.subject_id, found.body
        )
    is_own = found is not None and found.asked.officer_id == officer.signed_in.subject.id
    decides = found is not None and found.kind in officer.decides
    if found is None or not (is_own or (decides and (units is None or found.agency_id in units))):
        raise Refusal("not_found", "there is no such case")
    if concerns_oneself:
        guards.note_refused(officer, f"case {case_id}: own_case")
        raise Refusal("own_case", "the case is about this officer's own record")
    return found


def _posted() -> tuple[Case, bytes]:
    """The case of the posted page as it is now, and the hash of what the page showed; raises Refusal."""
    said = dict(own_page(CASE).pairs)
    return _visible(UUID(said["case"])), bytes.fromhex(said["hash"])


def _posted_to_decide() -> tuple[Case, bytes]:
    """The same, of a kind that this officer decides; raises Refusal('not_permitted')."""
    shown, seen = _posted()
    if shown.kind not in g.officer.decides:
        guards.note_refused(g.officer, f"case {shown.id}: not of a kind to decide")
        raise Refusal("not_permitted", "cases of this kind are decided by others")
    return shown, seen


def _decide(shown: Case, decide: Callable[[storage.Tx], object], done: str) -> ResponseReturnValue:
    try:
        with storage.begin() as tx:
            decide(tx)
    except Refusal as refusal:
        guards.note_refused(g.officer, f"case {shown.id}: {refusal.code}")
        if refusal.code == "reason_missing":
            return _case_page(shown, fault=FieldError("reason", gettext("Say why you refuse it.")))
        raise
    return _case_page(_visible(shown.id), done=done)


def _case_page(shown: Case, *, fault: FieldError | None = None, done: str = "") -> ResponseReturnValue:
    runtime, officer = given.runtime(), g.officer
    with storage.begin() as tx:
        seen = _look(tx, shown)
        merged, is_as_asked = merge.of_case(tx, shown, seen)
        agencies = storage.agencies.list_agencies(tx)
        subject_of_role = shown.body.get("officer")
        of_role = (
            storage.officers.find_by_id(tx, runtime.keyring, UUID(subject_of_role), runtime.today)
            if subject_of_role
            else None
        )
    actors = Actors(agencies)
    is_own = shown.asked.officer_id == officer.signed_in.subject.id
    waits = shown.state is CaseState.WAITING
    pairs = (("case", shown.id.hex), ("hash", shown.body_hash.hex()))
    return forms.here(
        forms.of_session(CASE, officer.session.id, pairs),
        lambda bound: console_page(
            "admin/case.html",
            status=400 if fault else 200,
            parked=forms.seal(bound),
            row=_row(shown, actors),
            named=[_named(each) for each in seen.values()],
            merge=merged,
            is_as_asked=is_as_asked,
            lines=body_lines(shown, {each.id.hex: each for each in agencies}, of_role),
            compared=_compared(shown),
            decided_by=actors.name(shown.decided_as) if shown.decided_as else "",
            decided_at=_moment(shown.decided_at) if shown.decided_at else "",
            reason=shown.reason,
            fingerprint=shown.body_hash.hex()[:16],
            may_decide=waits and not is_own and shown.kind in officer.decides,
            may_withdraw=waits and is_own,
            errors=[fault] if fault else [],
            done=done,
        ),
    )


def _compared(shown: Case) -> list[Compared]:
    """What is asked of a service beside what is in force."""
    if shown.kind is not CaseKind.SERVICE or "service" not in shown.body:
        return []
    with storage.once() as tx:
        known = storage.relying_services.find_service(tx, UUID(shown.body["service"]))
    has_force = known is not None and known.state != "pending" and shown.state is CaseState.WAITING
    return compare(shown.body, known if has_force else None)


def _look(tx: storage.Tx, shown: Case) -> dict[UUID, Shown]:
    """Whom the case is about, the person of the case first; that it was seen stands in each person's history."""
    purpose = f"{kind_text(shown.kind)} {shown.id}"
    ids = {each for each in (shown.subject_id, *map(UUID, filter(None, [shown.body.get("merged")]))) if each}
    seen: dict[UUID, Shown] = {}
    for each in sorted(ids):
        person = storage.accounts.find_subject(tx, each)
        if person is not None:
            seen[each] = flows.people.look(tx, given.runtime(), person, purpose=purpose, actor=g.officer.actor)
    return dict(sorted(seen.items(), key=lambda pair: pair[0] != shown.subject_id))


def _named(seen: Shown) -> str:
    return ", ".join(filter(None, (seen.name, seen.number, shown_date(seen.birthdate))))


def _row(shown: Case, actors: Actors) -> Row:
    return Row(
        id=str(shown.id),
        kind=kind_text(shown.kind),
        state=state_text(shown.state),
        asked_by=actors.name(shown.asked.actor),
        asked_at=_moment(shown.asked_at),
        due_by=str(format_date(shown.due_by, "dd/MM/yyyy")),
        is_late=shown.is_late(given.today()),
    )


def _moment(moment: object) -> str:
    return str(format_datetime(moment, "HH:mm dd/MM/yyyy"))


def _subject(case: Case) -> UUID:
    if case.subject_id is None:
        raise Refusal("not_found", "the case names nobody")
    return case.subject_id
