"""The keys that sign for everybody: how old they are; rotated, or a leaked one taken out of use, by two officers."""

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date, gettext

from idp import flows, storage
from idp.domain import key_deeds
from idp.domain.cases import Case, CaseKind
from idp.domain.key_deeds import KeyDeed
from idp.domain.officers import Permission
from idp.domain.refusals import Refusal
from idp.web import forms, given, guards
from idp.web.admin.console import console_page, own_page
from idp.web.console_texts import key_deeds_to_choose, key_state_text
from idp.web.pages import FieldError

blueprint = Blueprint("keys", __name__)
FORM: Final = "keys.home"
FIELDS: Final = ("deed", "kid", "reason")


@dataclass(frozen=True, slots=True)
class Row:
    """One key as the page lists it."""

    kid: str
    alg: str
    state: str
    made: str


@blueprint.get("/admin/keys")
@guards.needs(Permission.MANAGE_KEYS)
def home() -> ResponseReturnValue:
    return _page({})


@blueprint.post("/admin/keys")
@guards.needs(Permission.MANAGE_KEYS)
def ask() -> ResponseReturnValue:
    own_page(FORM)
    runtime, officer = given.runtime(), g.officer
    typed = {name: request.form.get(name, "").strip()[:200] for name in FIELDS}
    try:
        body = key_deeds.check_deed(typed, {kid for _, _, kid in runtime.keyring.list_keys()})
    except Refusal as refusal:
        return _page(typed, FieldError(refusal.field, _wrong(refusal.field)))
    with storage.begin() as tx:
        flows.cases.ask(tx, runtime, officer.hand, officer.unit.id, CaseKind.KEYS, body)
    return redirect(url_for("keys.home", asked=1), 303)


def enact(tx: storage.Tx, case: Case, approver: str) -> None:
    """What an approval does. Raises Refusal('wrong_state') where the keys are not as they were, or too young."""
    runtime, actor = given.runtime(), f"{case.asked.actor} {approver}"[:64]
    try:
        if case.body["key_deed"] == KeyDeed.ROTATE:
            flows.key_care.rotate(tx, runtime, actor)
        else:
            flows.key_care.revoke(tx, runtime, case.body["kid"], actor)
    except Refusal as refusal:
        raise Refusal("wrong_state", f"the keys: {refusal.code}") from None


def _page(typed: dict[str, str], fault: FieldError | None = None) -> ResponseReturnValue:
    with storage.once() as tx:
        made_at = storage.keys.list_made_at(tx)
    rows = [
        Row(kid, alg, key_state_text(state), str(format_date(made_at[kid], "dd/MM/yyyy")) if kid in made_at else "")
        for alg, state, kid in given.runtime().keyring.list_keys()
    ]
    return forms.here(
        forms.of_session(FORM, g.officer.session.id),
        lambda bound: console_page(
            "admin/keys.html",
            status=400 if fault else 200,
            parked=forms.seal(bound),
            typed={**dict.fromkeys(FIELDS, ""), **typed},
            rows=rows,
            deeds=key_deeds_to_choose(),
            kids=[(row.kid, f"{row.alg} {row.kid}") for row in rows],
            errors=[fault] if fault else [],
            done=gettext("Asked. A second officer decides under Cases.") if "asked" in request.args else "",
        ),
    )


def _wrong(field: str) -> str:
    texts = {
        "deed": gettext("Choose what is to be done."),
        "kid": gettext("Choose the key that leaked."),
        "reason": gettext("Say why, and by which document."),
    }
    return str(texts[field])
