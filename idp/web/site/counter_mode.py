"""The screen of a counter: made one by a code, taken back, and finished for one person with one tap.

A browser that is tricked into it or out of it loses nothing: it remembers less, or as much as any other.
"""

from typing import Final

from flask import Blueprint, Response, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from idp import flows, storage
from idp.web import cookies, counter_bar, forms, given
from idp.web.forms import Parked
from idp.web.oidc import logout
from idp.web.pages import FieldError, page

blueprint = Blueprint("counter_mode", __name__)
DOOR: Final = "counter_mode.setting"


@blueprint.get("/counter-mode")
def setting() -> ResponseReturnValue:
    return forms.here(_park(), _page)


@blueprint.post("/counter-mode")
def put_in_place() -> ResponseReturnValue:
    if not _is_own_page():
        return redirect(url_for(DOOR), 303)
    with storage.begin() as tx:
        name = flows.counter_screens.use_code(
            tx, given.runtime(), request.form.get("code", ""), address=request.remote_addr or ""
        )
    if name is None:
        text = gettext("This code is wrong, was used, or is older than one hour. Ask for a new one.")
        return forms.here(_park(), lambda parked: _page(parked, [FieldError("code", text)]))
    response = _emptied()
    cookies.make_counter_screen(response, name)
    return response


@blueprint.post("/counter-mode/end")
def take_away() -> ResponseReturnValue:
    if not _is_own_page():
        return redirect(url_for(DOOR), 303)
    response = _emptied()
    cookies.forget(response, cookies.COUNTER)
    return response


@blueprint.post("/counter-mode/finish")
def finish() -> ResponseReturnValue:
    """End the sign-in of the person who goes, with every service told; a post from elsewhere is asked about."""
    signed_in = given.signed_in()
    if signed_in is None:
        return redirect(url_for("sign_out.signed_out"), 303)
    if forms.own_page(counter_bar.DOOR, signed_in.session.id) is None:
        return redirect(url_for("sign_out.sign_out"), 303)
    with storage.begin() as tx:
        visited = flows.sign_out.sign_out(tx, given.runtime(), signed_in)
    return logout.leave(None, signed_in, visited)


def _emptied() -> Response:
    """Back to the page, with nobody signed in and nothing of anybody left in the browser."""
    signed_in = given.signed_in()
    if signed_in is not None:
        with storage.begin() as tx:
            flows.sign_out.sign_out(tx, given.runtime(), signed_in)
    response = make_response(redirect(url_for(DOOR), 303))
    cookies.forget_person(response)
    return response


def _park() -> Parked:
    return Parked(DOOR, at=given.runtime().clock.now())


def _is_own_page() -> bool:
    parked = forms.parked_of_page()
    return parked is not None and parked.door == DOOR and forms.is_ours(parked)


def _page(parked: Parked, errors: list[FieldError] | None = None) -> ResponseReturnValue:
    return page("counter/setting.html", status=400 if errors else 200, parked=forms.seal(parked), errors=errors or [])
