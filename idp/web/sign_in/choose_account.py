"""Which account: the person who is signed in, or another. There is no list of earlier people (shared computers)."""

from dataclasses import replace

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from idp.web import forms, given, language
from idp.web.oidc import authorize
from idp.web.pages import page, person_of
from idp.web.sign_in.sign_in import asking

blueprint = Blueprint("choose_account", __name__)


@blueprint.route("/choose-account", methods=["GET", "POST"])
def choose_account() -> ResponseReturnValue:
    parked = forms.parked_of_page()
    if parked is None or parked.door != authorize.DOOR:
        return redirect(url_for("home.home"), 303)
    signed_in = given.signed_in()
    back = url_for(authorize.DOOR, parked=forms.seal(parked))
    if not forms.is_ours(parked) or signed_in is None:
        return redirect(back, 303)
    language.wish(parked.language_wanted)
    session = signed_in.session.id.hex
    if request.method == "POST" and parked.session == session:
        if request.form.get("choice") == "other":
            return forms.go("sign_in.sign_in", replace(parked, session=""))
        if request.form.get("choice") == "continue":
            chosen = replace(parked, chosen=session, session="")
            return redirect(url_for(authorize.DOOR, parked=forms.seal(chosen)), 303)
    asker, ends = asking(parked)
    return page(
        "sign_in/choose_account.html",
        form_action=ends,
        asker=asker,
        person=person_of(signed_in.profile),
        parked=forms.seal(replace(parked, session=session)),
    )
