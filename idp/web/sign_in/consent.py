"""What a service will receive: the person's consent, or the notice of the law it rests on, shown once."""

from dataclasses import dataclass, replace

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from idp import flows, storage
from idp.domain import next_step
from idp.domain.consent import BasisKind, Need
from idp.protocol.authorize import AuthorizationRequest, RefusedAtService
from idp.runtime import chance
from idp.storage.sessions import SignedIn
from idp.web import forms, given, language
from idp.web.forms import Parked
from idp.web.oidc import authorize
from idp.web.pages import asker_of, ends_of, page, person_of
from idp.web.release_texts import interface_of, not_sent, release_items
from idp.web.sign_in.sign_in import asked_of

blueprint = Blueprint("consent", __name__)


@dataclass(frozen=True, slots=True)
class Question:
    """What stands on the page, taken from the parked request anew at each look."""

    asked: AuthorizationRequest
    signed_in: SignedIn
    need: Need
    parked: Parked


@blueprint.get("/consent")
def consent() -> ResponseReturnValue:
    question = _question()
    if not isinstance(question, Question):
        return question
    asked, signed_in, need = question.asked, question.signed_in, question.need
    shown = replace(question.parked, session=signed_in.session.id.hex, shown=_mark(question))
    return page(
        "sign_in/consent.html",
        form_action=ends_of(*asked.service.redirect_uris),
        asker=asker_of(asked.service, asked.redirect_uri),
        person=person_of(signed_in.profile),
        kind=str(need.kind),
        items=release_items(signed_in.profile, need.names),
        purpose=asked.service.purpose_in(language.current()),
        not_sent=not_sent(need.names, is_asking_elsewhere=asked.guard is not None),
        interface=interface_of(asked),
        legal_basis=need.legal_basis if need.kind is BasisKind.NOTICE else None,
        number_basis=need.personal_number_basis,
        offline=need.offline,
        parked=forms.seal(shown),
    )


@blueprint.post("/consent")
def submit() -> ResponseReturnValue:
    question = _question()
    if not isinstance(question, Question):
        return question
    asked, signed_in, runtime = question.asked, question.signed_in, given.runtime()
    decision = request.form.get("decision", "")
    is_as_shown = question.parked.session == signed_in.session.id.hex and question.parked.shown == _mark(question)
    if not is_as_shown or decision not in ("allow", "deny"):
        # Shown to somebody else, changed since, or no answer: ask again.
        return _back(_unanswered(question.parked))
    if decision == "allow":
        with storage.begin() as tx:
            flows.consent.give(tx, runtime, signed_in, asked.service, question.need)
        return _back(question.parked)
    with storage.begin() as tx:
        flows.consent.refuse(tx, runtime, signed_in, asked.service, question.need)
    refused = RefusedAtService(asked.back, "access_denied", "the person did not agree (RFC 6749 4.1.2.1)")
    return authorize.refuse(refused)


def _mark(question: Question) -> str:
    """What the page says, as a short mark: an answer counts only for what was read."""
    asked, need = question.asked, question.need
    purposes = sorted(asked.service.purpose.items())
    said: tuple[object, ...] = (need.kind, sorted(need.names), need.offline, need.legal_basis)
    said += (need.personal_number_basis, purposes)
    if asked.guard:
        # Only then: a page without one may be answered at the version before, which knows no more.
        said += (need.resource, sorted(asked.guard.names.items()))
    return chance.digest(repr(said)).hex()[:32]


def _question() -> Question | ResponseReturnValue:
    """The question that is still open; otherwise the way back to the spine, which knows what is next."""
    parked = forms.parked_of_page()
    if parked is None or parked.door != authorize.DOOR:
        return redirect(url_for("home.home"), 303)
    signed_in = given.signed_in()
    if not forms.is_ours(parked) or signed_in is None:
        return _back(parked)
    language.wish(parked.language_wanted)
    asked = asked_of(parked)
    if asked is None:
        return _back(parked)
    facts, _ = authorize.look(asked, _unanswered(parked), signed_in)
    step = next_step.decide(facts, given.runtime().clock.now())
    if not isinstance(step, next_step.AskConsent):
        return _back(_unanswered(parked))
    return Question(asked, signed_in, step.need, parked)


def _unanswered(parked: Parked) -> Parked:
    """Without the mark of the page: to the spine it says that this page was read and answered with yes."""
    return replace(parked, shown="")


def _back(parked: Parked) -> ResponseReturnValue:
    return redirect(url_for(authorize.DOOR, parked=forms.seal(parked)), 303)
