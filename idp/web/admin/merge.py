"""Merging two accounts of one person: from a record the other one is searched for, both are shown side by side with
what each service will see, and a second officer decides.

Both records are looked at, for the purpose for which the first one was opened; both persons read that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from idp import flows, storage
from idp.domain import merging
from idp.domain.cases import Case, CaseKind, CaseState
from idp.domain.merging import Preview
from idp.domain.notices import Notice
from idp.domain.officers import Permission
from idp.domain.refusals import Refusal
from idp.flows.merging import Wanted
from idp.flows.people import Shown
from idp.web import forms, given, guards, language, wording
from idp.web.admin.console import console_page, own_page, posted_id
from idp.web.admin.people import RECORD, find_person, found_row, posted_person, show_record
from idp.web.console_texts import account_states
from idp.web.merge_texts import MergeView, merge_view
from idp.web.pages import FieldError

blueprint = Blueprint("merge", __name__)
SHOWN: Final = "merge.shown"


@dataclass(frozen=True, slots=True)
class Pair:
    """Which account is kept, which one is merged into it, and why the officer looks."""

    kept_id: UUID
    merged_id: UUID
    purpose: str


@blueprint.post("/admin/people/merge")
@guards.needs(Permission.ASK_CASES)
def find() -> ResponseReturnValue:
    """Look for the other account; the search is noted like any other."""
    person, purpose = posted_person()
    typed = request.form.get("other", "").strip()[:254]
    if not typed:
        fault = FieldError("other", gettext("Enter a number, a phone, an e-mail address or a name."))
        return show_record(person.id, purpose, fault=fault)
    with storage.begin() as tx:
        found = flows.people.search(tx, given.runtime(), typed, purpose=purpose, actor=g.officer.actor)
    pairs = (("subject", person.id.hex), ("purpose", purpose))
    return forms.here(
        forms.of_session(RECORD, g.officer.session.id, pairs),
        lambda bound: console_page(
            "admin/merge_found.html",
            parked=forms.seal(bound),
            found=[found_row(each) for each in found if each.id != person.id],
            state_names=account_states(),
        ),
    )


@blueprint.post("/admin/people/merge/preview")
@guards.needs(Permission.ASK_CASES)
def preview() -> ResponseReturnValue:
    """Both side by side; the better proved is kept, and of two alike the one where the officer began."""
    person, purpose = posted_person()
    other = find_person(posted_id("other"))
    kept, merged = (other, person) if merging.rank(other) > merging.rank(person) else (person, other)
    return _show(Pair(kept.id, merged.id, purpose))


@blueprint.post("/admin/people/merge/swap")
@guards.needs(Permission.ASK_CASES)
def swap() -> ResponseReturnValue:
    """The same two, the other one kept."""
    pair, _ = _shown_pair()
    return _show(Pair(pair.merged_id, pair.kept_id, pair.purpose))


@blueprint.post("/admin/people/merge/ask")
@guards.needs(Permission.ASK_CASES)
def ask() -> ResponseReturnValue:
    """Ask the second officer for what this page showed, and for nothing else."""
    pair, seen = _shown_pair()
    typed = {name: request.form.get(name, "") for name in ("reason", "document")}
    try:
        body = merging.check_reason(typed)
    except Refusal as refusal:
        return _show(pair, typed=typed, fault=FieldError(refusal.field, _say_why()))
    officer, runtime = g.officer, given.runtime()
    with storage.begin() as tx:
        now = flows.merging.preview(tx, runtime, pair.kept_id, pair.merged_id)
        if now.hindrance is None and now.digest() == seen:
            body |= {"merged": pair.merged_id.hex, "preview": seen}
            flows.cases.ask(tx, runtime, officer.hand, officer.unit.id, CaseKind.MERGE, body, pair.kept_id)
            fault = None
        else:
            fault = FieldError("reason", gettext("The accounts are not what they were when you saw them. Look again."))
    if fault:
        return _show(pair, typed=typed, fault=fault)
    return show_record(pair.kept_id, pair.purpose, done=gettext("Asked. A second officer decides under Cases."))


@blueprint.post("/admin/people/merge/undo")
@guards.needs(Permission.ASK_CASES)
def undo() -> ResponseReturnValue:
    """Ask the second officer to put back what was merged, while that can be."""
    person, purpose = posted_person()
    officer, runtime = g.officer, given.runtime()
    with storage.once() as tx:
        found = flows.merging.check_undo(tx, runtime, posted_id("merge"))
    if person.id not in (found.kept_id, found.merged_id):
        raise Refusal("not_found", "the merge is of other accounts")
    try:
        body = merging.check_reason({name: request.form.get(f"undo_{name}", "") for name in ("reason", "document")})
    except Refusal as refusal:
        return show_record(person.id, purpose, fault=FieldError(f"undo_{refusal.field}", _say_why()))
    body |= {"merged": found.merged_id.hex, "merge": found.id.hex}
    with storage.begin() as tx:
        flows.cases.ask(tx, runtime, officer.hand, officer.unit.id, CaseKind.UNMERGE, body, found.kept_id)
    return show_record(person.id, purpose, done=gettext("Asked. A second officer decides under Cases."))


def enact(tx: storage.Tx, case: Case, approver: str) -> None:
    """The deed of an approved merge."""
    kept_id, merged_id = _accounts_of(case)
    wanted = _wanted(case, approver, wording.accounts_merged)
    flows.merging.merge(tx, given.runtime(), kept_id, merged_id, case.body["preview"], wanted)


def enact_undo(tx: storage.Tx, case: Case, approver: str) -> None:
    """The deed of an approved undoing."""
    flows.merging.undo(tx, given.runtime(), UUID(case.body["merge"]), _wanted(case, approver, wording.merge_undone))


def of_case(tx: storage.Tx, case: Case, shown: dict[UUID, Shown]) -> tuple[MergeView | None, bool]:
    """What a waiting case would do now, for who decides, and whether it is still what was asked.

    `shown` is what the officer sees of both accounts, held already; None where it can be shown no more.
    """
    if case.kind is not CaseKind.MERGE or case.state is not CaseState.WAITING:
        return None, True
    try:
        found = flows.merging.preview(tx, given.runtime(), *_accounts_of(case))
    except Refusal:
        return None, False
    return _view(tx, found, shown), found.digest() == case.body["preview"]


def _accounts_of(case: Case) -> tuple[UUID, UUID]:
    if case.subject_id is None:
        raise Refusal("not_found", "the case names nobody")
    return case.subject_id, UUID(case.body["merged"])


def _wanted(case: Case, approver: str, notice: Callable[[], Notice]) -> Wanted:
    because = f"{case.body['reason']}; {case.body['document']}"
    return Wanted(case.asked.actor, approver, because, notice())


def _shown_pair() -> tuple[Pair, str]:
    """What the posted page showed; raises Refusal('page_expired', 'own_case')."""
    said = dict(own_page(SHOWN).pairs)
    pair = Pair(UUID(said["kept"]), UUID(said["merged"]), said["purpose"])
    for each in (pair.kept_id, pair.merged_id):
        find_person(each)
    return pair, said["digest"]


def _show(pair: Pair, *, typed: dict[str, str] | None = None, fault: FieldError | None = None) -> ResponseReturnValue:
    """Both accounts, looked at anew, and what would come of it."""
    runtime = given.runtime()
    # In one order, whoever compares which with which: a look holds the account until the transaction ends.
    people = [find_person(each) for each in sorted({pair.kept_id, pair.merged_id})]
    with storage.begin() as tx:
        shown = {
            each.id: flows.people.look(tx, runtime, each, purpose=pair.purpose, actor=g.officer.actor)
            for each in people
        }
        found = flows.merging.preview(tx, runtime, pair.kept_id, pair.merged_id)
        view = _view(tx, found, shown)
    ids = (("kept", pair.kept_id.hex), ("merged", pair.merged_id.hex))
    pairs = (*ids, ("purpose", pair.purpose), ("digest", found.digest()))
    return forms.here(
        forms.of_session(SHOWN, g.officer.session.id, pairs),
        lambda bound: console_page(
            "admin/merge.html",
            status=400 if fault else 200,
            parked=forms.seal(bound),
            merge=view,
            typed={"reason": "", "document": "", **(typed or {})},
            errors=[fault] if fault else [],
        ),
    )


def _view(tx: storage.Tx, found: Preview, shown: dict[UUID, Shown]) -> MergeView:
    services = {each.service_id: storage.relying_services.find_service(tx, each.service_id) for each in found.visits}
    names = {id_: each.name(language.current()) if each else str(id_) for id_, each in services.items()}
    return merge_view(found, shown, names)


def _say_why() -> str:
    return str(gettext("Say why, and by which document."))
