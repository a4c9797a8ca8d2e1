"""Too little is proved of the person for this service: what is missing, how it is to be had, and the way back."""

from dataclasses import replace

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from idp.web import forms, given, language
from idp.web.oidc import authorize
from idp.web.pages import asker_of, ends_of, page, person_of
from idp.web.sign_in.sign_in import asked_of

blueprint = Blueprint("account_level", __name__)


@blueprint.route("/account-level", methods=["GET", "POST"])
def account_level() -> ResponseReturnValue:
    parked = forms.parked_of_page()
    if parked is None or parked.door != authorize.DOOR:
        return redirect(url_for("home.home"), 303)
    signed_in = given.signed_in()
    if not forms.is_ours(parked) or signed_in is None:
        return redirect(url_for(authorize.DOOR, parked=forms.seal(parked)), 303)
    if request.method == "POST":
        return redirect(url_for(authorize.DOOR, parked=forms.seal(replace(parked, went_without=forms.LEVEL))), 303)
    language.wish(parked.language_wanted)
    asked = asked_of(parked)
    if asked is None:
        return redirect(url_for(authorize.DOOR, parked=forms.seal(parked)), 303)
    return page(
        "sign_in/account_level.html",
        form_action=ends_of(*asked.service.redirect_uris),
        asker=asker_of(asked.service, asked.redirect_uri),
        person=person_of(signed_in.profile),
        needed=asked.required_account_level,
        source=signed_in.subject.proof_source,
        parked=forms.seal(parked),
    )
