"""Too little is proved of the person for this service: what is missing, how it is to be had, and the way back."""

from dataclasses import replace

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from idp.web import forms, given, language
from idp.web.oidc import authorize
from idp.web.pages import page, person_of
from idp.web.sign_in.sign_in import asking

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
        return redirect(url_for(authorize.DOOR, parked=forms.seal(replace(parked, went_without=True))), 303)
    language.wish(parked.language_wanted)
    asker, ends = asking(parked)
    return page(
        "sign_in/account_level.html",
        form_action=ends,
        asker=asker,
        person=person_of(signed_in.profile),
        level=signed_in.subject.account_level.value,
        source=signed_in.subject.proof_source,
        parked=forms.seal(parked),
    )
