"""Invitations of vendors that are still good: whose, until when; and taking one back."""

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, g
from flask.typing import ResponseReturnValue
from flask_babel import format_date, gettext

from idp import flows, storage
from idp.domain.officers import Permission
from idp.domain.refusals import Refusal
from idp.web import forms, given, guards, language
from idp.web.admin.console import console_page, own_page, posted_id

blueprint = Blueprint("invitations", __name__)
LIST: Final = "invitations.list"


@dataclass(frozen=True, slots=True)
class Row:
    """One invitation as the page lists it."""

    id: str
    unit: str
    made: str
    ends: str
    uses: int


@blueprint.get("/admin/services/invitations")
@guards.needs(Permission.MANAGE_SERVICES)
def list_open() -> ResponseReturnValue:
    return _page()


@blueprint.post("/admin/services/invitations/withdraw")
@guards.needs(Permission.MANAGE_SERVICES)
def withdraw() -> ResponseReturnValue:
    """The invitation is good no more; what came by it stays."""
    own_page(LIST)
    invitation_id = posted_id("invitation")
    with storage.begin() as tx:
        units = storage.agencies.list_below(tx, g.officer.unit.id)
        if not flows.service_care.withdraw_invitation(tx, given.runtime(), invitation_id, units, actor=g.officer.actor):
            raise Refusal("not_found", "there is no such invitation in reach")
    return _page(done=gettext("Taken back: nobody enters a service with it any more."))


def _page(*, done: str = "") -> ResponseReturnValue:
    with storage.once() as tx:
        units = storage.agencies.list_below(tx, g.officer.unit.id)
        found = storage.initial_tokens.list_open(tx, units, given.runtime().clock.now())
        names = {each.id: each.name(language.current()) for each in storage.agencies.list_agencies(tx)}
    rows = [
        Row(each.id.hex, names[each.agency_id], _day(each.created_at), _day(each.expires_at), each.uses_left)
        for each in found
    ]
    return forms.here(
        forms.of_session(LIST, g.officer.session.id),
        lambda bound: console_page("admin/invitations.html", parked=forms.seal(bound), rows=rows, done=done),
    )


def _day(moment: object) -> str:
    return str(format_date(moment, "dd/MM/yyyy"))
