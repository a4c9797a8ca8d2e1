"""The phone's part of signing in on another screen: what is asked, from where, and the number that the screen shows.

The picture's address is taken once, at once, for a page that is bound to the phone; a page of another browser, sent on
by a thief, is none.
"""

from dataclasses import replace
from typing import Final
from uuid import UUID

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_babel import format_datetime, gettext

from idp import flows, storage
from idp.domain import factors
from idp.domain import other_screens as rules
from idp.domain.other_screens import ScreenState
from idp.runtime import other_screens
from idp.storage.other_screens import Screen
from idp.storage.sessions import SignedIn
from idp.web import forms, given, step_up
from idp.web.browsers import device_name
from idp.web.forms import Parked
from idp.web.pages import Asker, FieldError, asker_of, page, person_of
from idp.web.sign_in.sign_in import PHONE

blueprint = Blueprint("phone", __name__)
DOOR: Final = PHONE


@blueprint.get("/phone")
def phone() -> ResponseReturnValue:
    runtime = given.runtime()
    if "parked" not in request.args:
        read = other_screens.open_(runtime.keyring, request.args.get("code", ""))
        if read is None or not rules.is_shown(read[1], runtime.clock.now()):
            return _done("over")
        return forms.go(DOOR, Parked(DOOR, (("screen", read[0].hex),), at=runtime.clock.now()))
    parked = forms.parked_of_page()
    if parked is None or parked.door != DOOR or not forms.is_ours(parked):
        return _done("over")
    signed_in = given.signed_in()
    if signed_in is None or not flows.factors.is_fresh(runtime, signed_in):
        return forms.go("sign_in.sign_in", replace(parked, at=runtime.clock.now()))
    if not flows.other_screen.may_lend(signed_in):
        if parked.went_without:
            return _done("too_weak", signed_in)
        return step_up.start(parked, signed_in.subject.id, session=signed_in.session.id.hex)
    screen = _screen(parked)
    if screen is None or screen.state is not ScreenState.ASKED:
        return _done("over")
    return _page(parked, signed_in, screen)


@blueprint.post("/phone")
def answer() -> ResponseReturnValue:
    runtime, signed_in = given.runtime(), given.signed_in()
    parked = forms.own_page(DOOR, signed_in.session.id) if signed_in else None
    if signed_in is None or parked is None or not flows.factors.is_fresh(runtime, signed_in):
        return _done("over")
    screen = _screen(parked)
    if screen is None:
        return _done("over")
    if request.form.get("refuse"):
        with storage.begin() as tx:
            flows.other_screen.refuse(tx, runtime, signed_in, screen)
        return _done("refused", signed_in)
    typed = factors.read_code(request.form.get("number", "")[:32])
    if len(typed) != rules.DIGITS:
        return _page(parked, signed_in, screen, str(gettext("Type the two digits that the computer shows.")))
    with storage.begin() as tx:
        is_approved = flows.other_screen.approve(tx, runtime, signed_in, screen, typed)
    return _done("approved" if is_approved else "wrong", signed_in)


def _screen(parked: Parked) -> Screen | None:
    runtime = given.runtime()
    with storage.once() as tx:
        return storage.other_screens.find_screen(
            tx, runtime.keyring, UUID(dict(parked.pairs)["screen"]), runtime.clock.now()
        )


def _page(parked: Parked, signed_in: SignedIn, screen: Screen, error: str = "") -> ResponseReturnValue:
    return page(
        "sign_in/phone.html",
        status=400 if error else 200,
        person=person_of(signed_in.profile),
        asker=_asker(screen),
        parked=forms.seal(replace(parked, session=signed_in.session.id.hex)),
        device=device_name(screen.asking.agent),
        address=screen.asking.address,
        when=format_datetime(screen.asked_at, "HH:mm dd/MM/yyyy"),
        errors=[FieldError("number", error)] if error else [],
    )


def _asker(screen: Screen) -> Asker | None:
    """The service that the computer is to be signed in to; None for our own pages."""
    asking = screen.asking
    service = given.server().registry.find(UUID(asking.service_id)) if asking.service_id else None
    return asker_of(service, asking.redirect_uri) if service else None


STATUS_OF: Final = {"approved": 200, "refused": 200, "wrong": 403, "too_weak": 403, "over": 410}


def _done(outcome: str, signed_in: SignedIn | None = None) -> ResponseReturnValue:
    person = person_of(signed_in.profile) if signed_in else None
    return page("sign_in/phone_done.html", status=STATUS_OF[outcome], outcome=outcome, person=person)
