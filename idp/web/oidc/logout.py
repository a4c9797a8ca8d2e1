"""The end-session endpoint: where a service sends a person to sign out."""

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

from idp import flows, protocol, storage
from idp.protocol.logout import LogoutRequest
from idp.web import cookies, forms, given, language
from idp.web.forms import Parked
from idp.web.oidc.authorize import sub_at

blueprint = Blueprint("logout", __name__)
DOOR = "logout.logout"
# As many names as a page holds; all services are told all the same.
MOST_TOLD = 20


@blueprint.route("/oauth2/logout", methods=["GET", "POST"])
def logout() -> ResponseReturnValue:
    """Sign out at once where the hint names just this session, else ask (RP-Initiated Logout 2)."""
    if request.method == "POST":
        return forms.park_post(DOOR)
    parked = forms.taken_up(DOOR)
    language.wish(parked.language_wanted)
    asked = protocol.logout.read(given.server(), parked.pairs)
    signed_in = given.signed_in()
    if signed_in is None:
        return leave(asked, [])
    if asked.service is not None and asked.is_of(given.server(), signed_in, sub_at(asked.service, signed_in)):
        with storage.begin() as tx:
            visited = flows.sign_out.sign_out(tx, given.runtime(), signed_in)
        return leave(asked, [service_id.hex for service_id in visited])
    return forms.go("sign_out.sign_out", parked)


def leave(asked: LogoutRequest | None, visited: list[str]) -> ResponseReturnValue:
    """Away from here, signed out: to the service's registered address, or to the page that says so."""
    if asked is not None and asked.redirect_to:
        response = redirect(asked.redirect_to, 303)
    else:
        pairs = [("told", service_id) for service_id in visited[:MOST_TOLD]]
        if asked is not None and asked.service is not None:
            pairs.append(("back", asked.service.id.hex))
        response = forms.go("sign_out.signed_out", Parked("sign_out.signed_out", pairs, given.runtime().clock.now()))
    cookies.forget(response, cookies.SESSION)  # type: ignore[arg-type]
    return response
