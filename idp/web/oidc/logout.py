"""The end-session endpoint: where a service sends a person to sign out."""

from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

from idp import flows, protocol, storage
from idp.protocol.logout import LogoutRequest
from idp.storage.sessions import SignedIn
from idp.web import cookies, forms, given, language
from idp.web.forms import Parked
from idp.web.oidc.authorize import sub_at

blueprint = Blueprint("logout", __name__)
DOOR = "logout.logout"
# As many names as a page holds; all services are told all the same.
MOST_TOLD = 20
LONGEST_ONWARD = 3000


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
        return leave(asked)
    if asked.service is not None and asked.is_of(given.server(), signed_in, sub_at(asked.service, signed_in)):
        with storage.begin() as tx:
            visited = flows.sign_out.sign_out(tx, given.runtime(), signed_in)
        return leave(asked, signed_in, visited)
    return forms.go("sign_out.sign_out", parked)


def leave(
    asked: LogoutRequest | None, signed_out: SignedIn | None = None, visited: Sequence[UUID] = ()
) -> ResponseReturnValue:
    """Away from here, signed out: to the service's registered address, or to the page that says so.

    First over a page with the frames by which visited services sign the browser out (Front-Channel Logout 1.0 3).
    """
    frames = [] if signed_out is None else _frames(signed_out, visited)
    if asked is not None and asked.redirect_to and len(asked.redirect_to) > LONGEST_ONWARD:
        frames = []  # the page could not hold it, and who is on the way out must get out
    if asked is not None and asked.redirect_to and not frames:
        response = redirect(asked.redirect_to, 303)
    else:
        pairs = [("frame", frame) for frame in frames]
        if asked is not None and asked.redirect_to:
            pairs.append(("onward", asked.redirect_to))
        else:
            pairs += [("told", service_id.hex) for service_id in visited[:MOST_TOLD]]
        if asked is not None and asked.service is not None:
            pairs.append(("back", asked.service.id.hex))
        if asked is not None and asked.fault is not None:
            pairs.append(("fault", asked.fault))
        response = forms.go("sign_out.signed_out", Parked("sign_out.signed_out", pairs, given.runtime().clock.now()))
    if cookies.counter_screen():
        cookies.forget_person(response)  # type: ignore[arg-type]
    cookies.forget(response, cookies.SESSION)  # type: ignore[arg-type]
    cookies.show_state(response, "")  # type: ignore[arg-type]
    return response


def _frames(signed_out: SignedIn, visited: Sequence[UUID]) -> list[str]:
    """For each visited service that signs out in a frame: its id, and the session as it knows it, in one text."""
    server = given.server()
    services = [server.registry.find(service_id) for service_id in visited]
    framed = [each for each in services if each is not None and each.is_active and each.frontchannel_logout_uri]
    keyring = server.runtime.keyring
    return [each.id.hex + keyring.pairwise_sid(each.sector, signed_out.session.id) for each in framed[:MOST_TOLD]]


def frame_address(frame: str) -> str | None:
    """The address of such a frame, with `iss` and `sid` (Front-Channel Logout 1.0 2); None where there is none now."""
    service = given.server().registry.find(UUID(frame[:32]))
    if service is None or service.frontchannel_logout_uri is None:
        return None
    uri, said = service.frontchannel_logout_uri, {"iss": given.runtime().settings.issuer, "sid": frame[32:]}
    return f"{uri}{'&' if urlsplit(uri).query else '?'}{urlencode(said)}"
