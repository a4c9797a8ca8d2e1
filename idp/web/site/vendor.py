"""An invited vendor enters a service of an agency: the invitation is the proof, sent in the form and never in a log.

The address of the page carries nothing: whoever has the invitation types it in.
"""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from idp import flows, storage
from idp.domain.agencies import Agency
from idp.domain.cases import CaseKind, Hand
from idp.domain.refusals import Refusal
from idp.flows.service_care import VENDOR, Connected
from idp.runtime import chance
from idp.web import cookies, forms, given, language, service_pages
from idp.web.pages import FieldError, page
from idp.web.service_texts import missing_fields, wrong_field

blueprint = Blueprint("vendor", __name__)
DOOR: Final = "vendor.form"
NOBODY: Final = UUID(int=0)
LONGEST_TOKEN: Final = 200


@blueprint.get("/vendor")
def form() -> ResponseReturnValue:
    """Asks for the invitation."""
    return _page(None, "", service_pages.EMPTY)


@blueprint.post("/vendor")
def enter() -> ResponseReturnValue:
    """The form for a good invitation; filled in, the service, its sandbox and the question for production.

    Nothing that is wrong in the form uses the invitation up.
    """
    parked = forms.parked_of_page()
    if parked is None or parked.door != DOOR or not forms.is_ours(parked):
        raise Refusal("page_expired", "the page was shown elsewhere, or too long ago")
    token, runtime = request.form.get("invitation", "").strip()[:LONGEST_TOKEN], given.runtime()
    try:
        with storage.once() as tx:
            agency = flows.service_care.find_invited(tx, runtime, token)
    except Refusal:
        fault = FieldError(
            "invitation", gettext("This invitation was used, is too old, or is none. Ask for a new one.")
        )
        return _page(None, "", service_pages.EMPTY, errors=[fault])
    if "name_vi" not in request.form:
        return _page(agency, token, service_pages.EMPTY)
    typed = service_pages.typed()
    errors = missing_fields(typed)
    if errors:
        return _page(agency, token, typed, errors=errors)
    people = service_pages.make_up_people()
    try:
        with storage.begin() as tx:
            flows.service_care.use_invitation(tx, runtime, token)
            made = service_pages.connect(tx, agency, typed, people, VENDOR)
            is_asked = _ask(tx, agency, made)
    except Refusal as refusal:
        return _page(agency, token, typed, errors=[wrong_field(refusal)])
    return page(
        "vendor/made.html",
        agency=agency.name(language.current()),
        client_id=made.production.client_id,
        sandbox_id=made.sandbox.client_id,
        secret=made.secret,
        sandbox_secret=made.sandbox_secret,
        people=people,
        is_asked=is_asked,
    )


def _ask(tx: storage.Tx, agency: Agency, made: Connected) -> bool:
    """Ask for production where the form says all it takes; else the agency asks later."""
    runtime = given.runtime()
    try:
        body = flows.service_care.wish(tx, runtime, made.production, agency)
    except Refusal:
        return False
    hand = Hand(NOBODY, VENDOR, NOBODY, chance.digest(cookies.read(cookies.DEVICE) or chance.new_secret()))
    flows.cases.ask(tx, runtime, hand, agency.id, CaseKind.SERVICE, body)
    return True


def _page(
    agency: Agency | None, token: str, typed: Mapping[str, str], *, errors: list[FieldError] | None = None
) -> ResponseReturnValue:
    parked = forms.Parked(DOOR, at=given.runtime().clock.now())
    return forms.here(
        parked,
        lambda bound: page(
            "vendor/form.html",
            status=400 if errors else 200,
            parked=forms.seal(bound),
            agency=agency.name(language.current()) if agency else "",
            invitation=token,
            errors=errors or [],
            **service_pages.form_values(typed),
        ),
    )
