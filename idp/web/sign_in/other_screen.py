"""Signing in here with a phone: this screen shows a picture and a number, the phone says yes (web/sign_in/phone.py).

Which screen it is, and where the sign-in leads on, is sealed into the page and bound to the browser that asked.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from flask import Blueprint, g, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_datetime, gettext
from markupsafe import Markup

from idp import flows, storage
from idp.domain import other_screens as rules
from idp.domain.other_screens import ScreenState
from idp.runtime import other_screens, pictures
from idp.storage.other_screens import Asking, Screen
from idp.web import cookies, forms, given, language, wording
from idp.web.forms import Parked
from idp.web.pages import FieldError, page
from idp.web.sign_in.sign_in import asked_of, asking, browser_of, leads_on, welcome

blueprint = Blueprint("other_screen", __name__)
DOOR: Final = "other_screen.screen"


@blueprint.post("/sign-in/screen")
def ask() -> ResponseReturnValue:
    """From the sign-in page: a new screen for where it leads."""
    onward = forms.parked_of_page()
    if onward is None or not leads_on(onward) or not forms.is_ours(onward):
        return redirect(url_for("sign_in.sign_in"), 303)
    with storage.begin() as tx:
        screen_id = flows.other_screen.ask(tx, given.runtime(), _asking(onward))
    if screen_id is None:
        text = gettext("Too many sign-ins by phone were asked for from here. Please sign in with your password.")
        return _page(None, onward, errors=[FieldError("", text)], status=429)
    pairs = (("onward", forms.seal(onward)), ("screen", screen_id.hex))
    return forms.go(DOOR, Parked(DOOR, pairs, at=given.runtime().clock.now()))


@blueprint.get("/sign-in/screen")
def screen() -> ResponseReturnValue:
    """The picture and the number, as they are now; asked for again by the page itself until the phone has answered."""
    parked = _own_page()
    if parked is None:
        return redirect(url_for("sign_in.sign_in"), 303)
    return _page(parked, _onward(parked))


@blueprint.post("/sign-in/screen/continue")
def go_on() -> ResponseReturnValue:
    """Signed in, if the phone said yes."""
    parked = _own_page()
    if parked is None:
        return redirect(url_for("sign_in.sign_in"), 303)
    runtime, before = given.runtime(), given.signed_in()
    browser = browser_of(cookies.device_secret())
    with storage.begin() as tx:
        lent = flows.other_screen.take_up(tx, runtime, _id(parked))
        if lent is not None:
            # This screen may be anybody's: it is not one that the account knows afterwards.
            entered = flows.sign_in.begin(
                tx,
                runtime,
                lent.subject,
                lent.key,
                browser,
                lent.methods,
                before=before,
                notice=wording.new_device(),
                remember=False,
            )
    if lent is None:
        text = gettext("The phone has not said yes yet. Type the number there first, then press the button here.")
        return _page(parked, _onward(parked), errors=[FieldError("", text)], status=409)
    runtime.metrics.tried_to_sign_in("succeeded")
    return welcome(_onward(parked), entered, browser.device)


def _own_page() -> Parked | None:
    parked = forms.parked_of_page()
    return parked if parked is not None and parked.door == DOOR and forms.is_ours(parked) else None


def _id(parked: Parked) -> UUID:
    return UUID(dict(parked.pairs)["screen"])


def _onward(parked: Parked) -> Parked:
    """Where it leads on, bound to this browser as this page is."""
    onward = forms.unseal(dict(parked.pairs)["onward"]) or Parked("home.home")
    return replace(onward, binding=parked.binding)


def _asking(onward: Parked) -> Asking:
    browser = browser_of("")
    asked = asked_of(onward)
    service_id, redirect_uri = (asked.service.id.hex, asked.redirect_uri) if asked else ("", "")
    return Asking(service_id, redirect_uri, browser.address, browser.agent)


def _page(
    parked: Parked | None, onward: Parked, errors: list[FieldError] | None = None, status: int = 200
) -> ResponseReturnValue:
    language.wish(onward.language_wanted)
    runtime = given.runtime()
    now, found = runtime.clock.now(), None
    if parked is not None:
        with storage.once() as tx:
            found = storage.other_screens.find_screen(tx, runtime.keyring, _id(parked), now)
    asker, ends = asking(onward)
    waits = found is not None and found.state is ScreenState.ASKED
    address = _address(found, now) if found and waits else ""
    g.asks_again = waits
    return page(
        "sign_in/other_screen.html",
        status=status,
        form_action=ends,
        asker=asker,
        parked=forms.seal(parked) if parked else "",
        onward=forms.seal(onward),
        state=found.state if found else "over",
        slot=rules.slot_of(now),
        address=address,
        picture=Markup(pictures.picture_of(address)) if address else "",  # noqa: S704 (made here, of our own text)
        number=found.number if found else "",
        until=format_datetime(found.expires_at, "HH:mm") if found else "",
        renewed_every=int(rules.SLOT.total_seconds()),
        errors=errors or [],
    )


def _address(found: Screen, now: datetime) -> str:
    """What the picture says just now."""
    runtime = given.runtime()
    code = other_screens.seal(runtime.keyring, found.id, rules.slot_of(now))
    return f"{runtime.settings.issuer}{url_for('phone.phone')}?code={code}"
