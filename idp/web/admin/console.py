"""The frame of every page of the consoles, and their first page."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue
from flask_babel import format_date, gettext

from idp import storage
from idp.domain.officers import Permission
from idp.domain.refusals import Refusal
from idp.web import forms, given, guards, language
from idp.web.console_texts import role_text
from idp.web.pages import page
from idp.web.texts import N_

blueprint = Blueprint("admin", __name__)
HOME: Final = "admin.home"
# Each room of the consoles: what it needs, its address, its picture, its name and what it is for.
ROOMS: Final = (
    (Permission.ENTER, "/admin", "list", N_("Overview"), ""),
    (Permission.FIND_PEOPLE, "/admin/people", "person", N_("People"), N_("Find an account, lock it, help its owner")),
    (Permission.CAPTURE_PROOFING, "/counter", "building", N_("Counter"), N_("Check a person who stands before you")),
    (Permission.ENTER, "/admin/cases", "tick", N_("Cases"), N_("What waits for a second officer")),
    (Permission.RECALL_PROOFING, "/admin/recall", "warning", N_("Recall"), N_("Take back checks that were wrong")),
    (
        Permission.ACT_IN_BULK,
        "/admin/bulk",
        "list",
        N_("Many accounts"),
        N_("Take over from a file, or lock after a leak"),
    ),
    (
        Permission.MANAGE_SERVICES,
        "/admin/services",
        "building",
        N_("Services"),
        N_("Sandbox, production, secrets, how they do"),
    ),
    (Permission.MANAGE_KEYS, "/admin/keys", "lock", N_("Signing keys"), N_("Rotate, or revoke what leaked")),
    (Permission.MANAGE_OFFICERS, "/admin/officers", "shield", N_("Officers"), N_("Who works where, until when")),
    (
        Permission.READ_AUDIT,
        "/admin/history",
        "info",
        N_("History"),
        N_("What was done, and by whom"),
    ),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu."""

    name: str
    about: str
    url: str
    icon: str
    is_here: bool


@blueprint.get("/admin")
@guards.needs(Permission.ENTER)
def home() -> ResponseReturnValue:
    officer: given.Officer = g.officer
    with storage.once() as tx:
        kinds = officer.decides
        waiting = storage.cases.count_waiting(tx, None, kinds) if kinds else None
    return console_page("admin/home.html", waiting=waiting)


def console_page(template: str, *, status: int = 200, **values: Any) -> Response:
    """A page of the consoles, with who looks at it."""
    return page(template, status=status, me=_me(), **values)


def own_page(door: str) -> forms.Parked:
    """What stands behind a post of a page of this officer's; raises Refusal('page_expired') for any other."""
    parked = forms.own_page(door, g.officer.session.id)
    if parked is None:
        raise Refusal("page_expired", "the page was shown elsewhere, or too long ago")
    return parked


def posted_id(name: str) -> UUID:
    """What a field of a form names by its id; raises Refusal('not_found') for what is no id, as for what is none."""
    try:
        return UUID(request.form.get(name, ""))
    except ValueError:
        raise Refusal("not_found", "there is none such") from None


def _me() -> dict[str, Any]:
    officer: given.Officer = g.officer
    assignment = officer.work
    home_page = forms.bound(forms.of_session(HOME, officer.session.id))
    return {
        "name": officer.signed_in.profile.name,
        "unit": officer.unit.name(language.current()),
        "role": role_text(assignment.role),
        "until": format_date(assignment.valid_until, "dd/MM/yyyy") if assignment.valid_until else "",
        "break_glass": assignment.is_break_glass,
        "parked": forms.seal(home_page),
        "menu": [_entry(*room) for room in ROOMS if officer.may(room[0])],
    }


def _entry(_: Permission, url: str, icon: str, name: str, about: str) -> Entry:
    is_here = request.path == url or (url != "/admin" and request.path.startswith(f"{url}/"))
    return Entry(gettext(name), gettext(about) if about else "", url, icon, is_here)
