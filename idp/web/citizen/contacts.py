"""My phones and mailboxes: one is added by the code that comes there; the others are told of every change."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue
from flask_babel import format_date, gettext

from idp import flows, storage
from idp.domain import identifiers
from idp.domain.notices import Notice
from idp.domain.one_time_codes import CodePurpose, NotSent
from idp.domain.refusals import Refusal
from idp.flows.one_time_codes import Target
from idp.web import forms, given, wording
from idp.web.citizen.security import fresh
from idp.web.forms import Parked
from idp.web.pages import FieldError, page, person_of
from idp.web.release_texts import written

blueprint = Blueprint("contacts", __name__)
DOOR: Final = "contacts.contacts"


@dataclass(frozen=True, slots=True)
class Shown:
    """A contact as the page lists it."""

    id: str
    value: str
    since: str


@blueprint.get("/account/contacts")
@fresh(DOOR)
def contacts() -> ResponseReturnValue:
    return forms.here(_park(), _page)


@blueprint.post("/account/contacts")
@fresh(DOOR)
def add() -> ResponseReturnValue:
    """Send a code to the new one."""
    parked = _own_page()
    if parked is None:
        return forms.here(_park(), _page)
    typed = request.form.get("contact", "").strip()[:254]
    with storage.once() as tx:
        if flows.factors.is_cooling_down(tx, given.runtime(), g.signed_in):
            return _page(parked, error=_cooling(), status=400)
    try:
        target = Target(*identifiers.recognise_contact(typed), g.signed_in.subject.id)
    except Refusal:
        text = gettext("Enter a phone number like 0912 345 678, or an e-mail address.")
        return _page(parked, typed=typed, error=str(text), status=400)
    sent = _send(target)
    if isinstance(sent, NotSent):
        return _page(parked, typed=typed, error=wording.not_sent(sent), status=429)
    return forms.here(_park(target.contact, sent.hex), _code_page)


@blueprint.post("/account/contacts/code")
@fresh(DOOR)
def confirm() -> ResponseReturnValue:
    """The code that came; then it is the person's."""
    parked = _own_page()
    said = dict(parked.pairs) if parked else {}
    if parked is None or not said.get("contact"):
        return forms.here(_park(), _page)
    kind, value = identifiers.recognise_contact(said["contact"])
    target = Target(kind, value, g.signed_in.subject.id)
    if request.form.get("again"):
        sent = _send(target)
        if isinstance(sent, NotSent):
            return _code_page(parked, wording.not_sent(sent), status=429)
        return forms.here(_park(value, sent.hex), _code_page)
    runtime, typed, code_id = given.runtime(), request.form.get("code", "")[:32], UUID(said["code_id"])
    notice = Notice(
        str(gettext("A phone or e-mail was added")),
        str(gettext("A phone or e-mail was added to your account. If this was not you, lock your account now.")),
    )
    with storage.begin() as tx:
        is_right = flows.one_time_codes.use(tx, runtime, code_id, CodePurpose.ADD_CONTACT, target, typed)
        is_added = is_right and flows.contacts.add(tx, runtime, g.signed_in, kind, value, notice)
    if not is_right:
        return _code_page(parked, wording.wrong_code(), status=401)
    if not is_added:
        return forms.here(_park(), lambda bound: _page(bound, error=_cooling(), status=400))
    done = str(gettext("It is added: codes and notices go there too, and it signs you in."))
    return forms.here(_park(), lambda bound: _page(bound, done=done))


@blueprint.post("/account/contacts/remove")
@fresh(DOOR)
def remove() -> ResponseReturnValue:
    parked = _own_page()
    if parked is None:
        return forms.here(_park(), _page)
    notice = Notice(
        str(gettext("A phone or e-mail was removed")),
        str(gettext("A phone or e-mail was removed from your account. If this was not you, lock your account now.")),
    )
    try:
        contact_id = UUID(request.form.get("contact", ""))
    except ValueError:
        return forms.here(_park(), _page)
    if request.form.get("sure") != "yes":
        return _sure(contact_id)
    with storage.begin() as tx:
        is_removed = flows.contacts.remove(tx, given.runtime(), g.signed_in, contact_id, notice)
    if not is_removed:
        return forms.here(_park(), lambda bound: _page(bound, error=_cooling(), status=400))
    return forms.here(_park(), lambda bound: _page(bound, done=str(gettext("It is removed."))))


def _sure(contact_id: UUID) -> ResponseReturnValue:
    """Ask once more, with the number or address that would go."""
    with storage.once() as tx:
        own = flows.factors.find_own(tx, given.runtime(), g.signed_in).contacts
    found = next((each for each in own if each.id == contact_id), None)
    if found is None:
        return forms.here(_park(), _page)
    return forms.here(
        _park(),
        lambda bound: page(
            "account/sure.html",
            person=person_of(g.signed_in.profile),
            parked=forms.seal(bound),
            action="/account/contacts/remove",
            back="/account/contacts",
            fields=[("contact", contact_id.hex)],
            heading=gettext("Remove this phone or e-mail?"),
            name=written(found.value),
            what_follows=gettext("No code and no notice goes there any more, and it does not sign you in."),
            is_last=len(own) == 1,
        ),
    )


def _cooling() -> str:
    return str(
        gettext(
            "That cannot be done now. After an account was got back no phone or mailbox is added or removed for three "
            "days, so that its owner can still say no. At a counter it can be done at once."
        )
    )


def _send(target: Target) -> UUID | NotSent:
    address, message = request.remote_addr or "", wording.code_message()
    with storage.begin() as tx:
        return flows.one_time_codes.send(tx, given.runtime(), CodePurpose.ADD_CONTACT, target, message, address=address)


def _park(contact: str = "", code_id: str = "") -> Parked:
    pairs = (("contact", contact), ("code_id", code_id)) if contact else ()
    return forms.of_session(DOOR, g.signed_in.session.id, pairs)


def _own_page() -> Parked | None:
    return forms.own_page(DOOR, g.signed_in.session.id)


def _page(
    parked: Parked, *, typed: str = "", error: str = "", done: str = "", status: int = 200
) -> ResponseReturnValue:
    with storage.once() as tx:
        own = flows.factors.find_own(tx, given.runtime(), g.signed_in)
    return page(
        "account/contacts.html",
        status=status,
        person=person_of(g.signed_in.profile),
        parked=forms.seal(parked),
        contacts=[
            Shown(each.id.hex, written(each.value), format_date(each.verified_at, "dd/MM/yyyy"))
            for each in own.contacts
        ],
        typed=typed,
        errors=[FieldError("contact", error)] if error else [],
        done=done,
    )


def _code_page(parked: Parked, error: str = "", status: int = 200) -> ResponseReturnValue:
    contact = dict(parked.pairs)["contact"]
    return page(
        "account/contact_code.html",
        status=status,
        person=person_of(g.signed_in.profile),
        parked=forms.seal(parked),
        contact=written(contact),
        minutes=given.runtime().settings.codes.good_for // 60,
        failing=wording.is_held_up(identifiers.recognise_contact(contact)[0]),
        errors=[FieldError("code", error)] if error else [],
    )
