"""Signing out: the question where one must be asked, and the page that says it is done."""

from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from idp import flows, protocol, storage
from idp.protocol.answers import Pairs
from idp.protocol.logout import LogoutRequest
from idp.web import cookies, forms, given, language
from idp.web.forms import Parked
from idp.web.oidc import logout
from idp.web.pages import asker_of, ends_of, page, person_of

blueprint = Blueprint("sign_out", __name__)
OWN = "sign_out.sign_out"


@dataclass(frozen=True, slots=True)
class Back:
    name: str
    url: str


@blueprint.route("/sign-out", methods=["GET", "POST"])
def sign_out() -> ResponseReturnValue:
    signed_in, parked = given.signed_in(), forms.parked_of_page()
    if parked is None or parked.door not in (OWN, logout.DOOR):
        parked = Parked(OWN)
    # A post from elsewhere brings no cookies: only the GET it is sent to says whether nobody is signed in. That one
    # asks nobody anything, and so does not go in circles where cookies are off.
    is_answer = request.method == "GET" and signed_in is None
    if not is_answer and not forms.is_ours(parked):
        return forms.go(OWN, Parked(parked.door, parked.pairs, given.runtime().clock.now()))
    language.wish(parked.language_wanted)
    asked = protocol.logout.read(given.server(), parked.pairs) if parked.door == logout.DOOR else None
    if signed_in is None:
        return logout.leave(asked)
    if request.method == "POST":
        with storage.begin() as tx:
            visited = flows.sign_out.sign_out(tx, given.runtime(), signed_in)
        return logout.leave(asked, signed_in, visited)
    return page(
        "sign_in/sign_out.html",
        form_action=ends_of(asked.redirect_to) if asked is not None and asked.redirect_to else (),
        asker=_asker(asked),
        person=person_of(signed_in.profile),
        parked=forms.seal(parked),
        stay_url=url_for("home.home"),
        fault=asked.fault if asked is not None else None,
    )


@blueprint.get("/signed-out")
def signed_out() -> ResponseReturnValue:
    parked = forms.parked_of_page()
    if given.signed_in() is not None:
        return redirect(url_for("home.home"), 303)
    pairs = parked.pairs if parked is not None and parked.door == "sign_out.signed_out" else ()
    frames = [address for name, value in pairs if name == "frame" and (address := logout.frame_address(value))]
    if cookies.counter_screen() is not None and "onward" not in dict(pairs):
        return _ready(pairs, frames)
    onward = dict(pairs).get("onward")
    if onward is not None:
        return page("sign_in/leaving.html", frames=frames, onward=onward)
    fault = dict(pairs).get("fault")
    return page("sign_in/signed_out.html", frames=frames, fault=fault, services=_told(pairs), back=_back(pairs))


def _ready(pairs: Pairs, frames: list[str]) -> Response:
    """The screen of a counter, with nothing of anybody on it or left in the browser, nor of where they had been."""
    response = page("counter/ready.html", frames=frames, tells=any(name == "told" for name, _ in pairs))
    del response.headers["Refresh"]
    cookies.forget_person(response)
    return response


def _told(pairs: Pairs) -> list[str]:
    """The names of the services that are told."""
    found = [given.server().registry.find(UUID(value)) for name, value in pairs if name == "told"]
    return sorted(each.name(language.current()) for each in found if each is not None)


def _back(pairs: Pairs) -> Back | None:
    """The way back to the service that asked, where it has a page."""
    for name, value in pairs:
        service = given.server().registry.find(UUID(value)) if name == "back" else None
        if service is not None and service.client_uri:
            return Back(service.name(language.current()), service.client_uri)
    return None


def _asker(asked: LogoutRequest | None) -> object:
    """Who asks; nobody where the service signs no people in, and so has no address they could have come from."""
    if asked is None or asked.service is None:
        return None
    address = asked.redirect_to or next(iter(asked.service.redirect_uris), None)
    return asker_of(asked.service, address) if address else None
