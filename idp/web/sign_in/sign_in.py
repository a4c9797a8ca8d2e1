"""The sign-in page: who asks, a name, a password."""

from dataclasses import replace
from datetime import datetime, timedelta

from flask import Blueprint, Response, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from idp import flows, protocol, storage
from idp.domain import next_step
from idp.domain.factors import Way
from idp.domain.refusals import Refusal
from idp.flows.second_factor import Proof
from idp.flows.sign_in import Browser, Failure, NeedsSecondFactor, SignedInNow
from idp.protocol.authorize import AuthorizationRequest, RefusedAtService
from idp.runtime import passkeys
from idp.web import cookies, forms, given, language, step_up, wording
from idp.web.forms import Parked
from idp.web.oidc import authorize
from idp.web.pages import Asker, FieldError, asker_of, ends_of, page

blueprint = Blueprint("sign_in", __name__)
HOME = "home.home"
COOKIE_COMES_BACK_WITHIN = timedelta(seconds=10)
PHONE = "phone.phone"
# Views that a person may come back to after signing in; anything else goes home.
LOCAL_DOORS = {
    "home.home",
    "account.account",
    "activity.activity",
    "contacts.contacts",
    "own_data.data",
    "rights.rights",
    "security.security",
}


@blueprint.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    parked = forms.parked_of_page()
    if parked is None:
        return forms.go("sign_in.sign_in", Parked(HOME, at=given.runtime().clock.now()))
    if not forms.is_ours(parked):
        # Another browser, a lost cookie or a page left open: the request starts anew and finds its way back here.
        return _restart(parked)
    signed_in = given.signed_in()
    if signed_in is not None and _was_for_this(signed_in.session.auth_time, parked):
        return _onward(parked)  # the back button, or a second tab: this request has had its sign-in
    language.wish(parked.language_wanted)
    asked = dict(parked.pairs)
    return _page(
        parked, identifier=asked.get("login_hint", "")[:254], wants_account=asked.get("prompt", "").strip() == "create"
    )


def _was_for_this(auth_time: datetime, parked: Parked) -> bool:
    """Later than next_step's limit it may be too old for max_age: whoever was sent here then must see the page."""
    return auth_time >= parked.at and given.runtime().clock.now() - auth_time <= next_step.SLOW_PAGES


@blueprint.post("/sign-in")
def submit() -> ResponseReturnValue:
    identifier = request.form.get("identifier", "").strip()[:254]
    password = request.form.get("password", "")[:1024]
    parked = forms.parked_of_page()
    if parked is None or not forms.is_ours(parked):
        return _show_again(parked, identifier)
    language.wish(parked.language_wanted)
    errors = _missing(identifier, password)
    if errors:
        return _page(parked, identifier=identifier, errors=errors, status=400)
    browser = browser_of(cookies.device_secret())
    try:
        outcome = _try(identifier, password, browser)
    except Refusal as refusal:
        if refusal.code != "busy":
            raise
        response = _page(parked, identifier=identifier, errors=[FieldError("", busy_text())], status=503)
        response.headers["Retry-After"] = "3"  # type: ignore[union-attr]
        return response
    if isinstance(outcome, Failure):
        return _failed(parked, identifier, outcome)
    if isinstance(outcome, NeedsSecondFactor):
        return step_up.start(parked, outcome.subject_id)
    return welcome(parked, outcome, browser.device)


def browser_of(device: str) -> Browser:
    """Where this request comes from; `device` is the secret that the browser is known by from now on."""
    idle_for = given.runtime().settings.counter_mode.idle_for
    return Browser(
        device=device,
        address=request.remote_addr or "",
        agent=(request.user_agent.string or "")[:200],
        idle_for=timedelta(seconds=idle_for) if cookies.counter_screen() else None,
    )


def is_remembered() -> bool:
    """Whether this browser becomes known to who signs in: not where the next person sits down after them."""
    return cookies.counter_screen() is None


def busy_text() -> str:
    return str(gettext("Many people are signing in right now. Please press the button again in a few seconds."))


@blueprint.post("/sign-in/passkey")
def submit_passkey() -> ResponseReturnValue:
    """A passkey in place of name and password: what one has, and what its device checked of who holds it."""
    parked = forms.parked_of_page()
    if parked is None or not forms.is_ours(parked):
        return _show_again(parked, "")
    language.wish(parked.language_wanted)
    runtime, before = given.runtime(), given.signed_in()
    answer = request.form.get("answer", "")[: passkeys.LARGEST + 1]
    proof = Proof(Way.PASSKEY, answer, challenge=forms.challenge_of(request.form.get("parked", "")))
    browser = browser_of(cookies.device_secret())
    with storage.begin() as tx:
        person = flows.second_factor.find_by_passkey(tx, runtime, answer)
        methods = flows.second_factor.check(tx, runtime, person, proof, address=browser.address) if person else None
        if person and methods:
            outcome = flows.sign_in.begin(
                tx,
                runtime,
                person.subject,
                person.key,
                browser,
                methods,
                before=before,
                notice=wording.new_device(),
                remember=is_remembered(),
            )
    runtime.metrics.tried_to_sign_in("succeeded" if methods else "failed")
    if not methods:
        text = gettext("This passkey is not known here. Sign in with your password, or try another passkey.")
        return _page(parked, errors=[FieldError("", text)], status=401)
    return welcome(parked, outcome, browser.device)


def _try(identifier: str, password: str, browser: Browser) -> SignedInNow | NeedsSecondFactor | Failure:
    """Two short transactions with the hash between them."""
    runtime, before = given.runtime(), given.signed_in()
    with storage.begin() as tx:
        attempt = flows.sign_in.find_candidate(tx, runtime, identifier, browser)
    try:
        checked = flows.sign_in.check(runtime, attempt, password)
    except Refusal:
        with storage.begin() as tx:  # nothing was guessed: the crowd must not cost a person the tries
            flows.sign_in.give_back(tx, runtime, attempt)
        raise
    with storage.begin() as tx:
        outcome = flows.sign_in.complete(
            tx, runtime, checked, before=before, notice=wording.new_device(), remember=is_remembered()
        )
    runtime.metrics.tried_to_sign_in("failed" if isinstance(outcome, Failure) else "succeeded")
    return outcome


def leads_on(parked: Parked) -> bool:
    """Whether a sign-in or a registration may lead on to what was parked."""
    return parked.door in {authorize.DOOR, PHONE, *LOCAL_DOORS}


def welcome(parked: Parked, outcome: SignedInNow, device: str) -> ResponseReturnValue:
    """On to where the person was going, under new cookies."""
    response = _onward(parked)
    cookies.write(response, cookies.SESSION, outcome.secret)
    if is_remembered():
        device_for = given.runtime().settings.sessions.device_for
        cookies.write(response, cookies.DEVICE, device, max_age=device_for)
    return response


def _onward(parked: Parked) -> Response:
    """To the door that the sign-in was for."""
    there = url_for(parked.door) if parked.door in LOCAL_DOORS else url_for(parked.door, parked=forms.seal(parked))
    return make_response(redirect(there, 303))


def _failed(parked: Parked, identifier: str, failure: Failure) -> ResponseReturnValue:
    """The same words whether or not there is such an account, but to who has its password."""
    if failure is Failure.THROTTLED:
        minutes = max(1, given.runtime().settings.throttle.window // 60)
        text = gettext(
            "There were too many tries. Please wait %(minutes)s minutes, or call the hotline.", minutes=minutes
        )
        return _page(parked, identifier=identifier, errors=[FieldError("", text)], status=429)
    if failure is Failure.LOCKED:
        text = gettext(
            "Your account is locked. Bring your ID card to any Public Administration Service Centre, "
            "or call %(hotline)s.",
            hotline=given.runtime().settings.province.hotline,
        )
        return _page(parked, identifier=identifier, errors=[FieldError("", text)], status=403)
    text = gettext("What you entered does not match. Check the number and the password, and try again.")
    return _page(parked, identifier=identifier, errors=[FieldError("identifier", text)], status=401)


def _missing(identifier: str, password: str) -> list[FieldError]:
    errors = []
    if not identifier:
        errors.append(FieldError("identifier", gettext("Enter your personal number, phone number or e-mail address.")))
    if not password:
        errors.append(FieldError("password", gettext("Enter your password.")))
    return errors


def _show_again(parked: Parked | None, identifier: str) -> ResponseReturnValue:
    """A post whose page was not ours or is too old: nothing was checked; the page comes anew with what was typed."""
    at = given.runtime().clock.now()
    known = parked if parked is not None and leads_on(parked) else None
    fresh = replace(forms.afresh(known), at=at) if known else Parked(HOME, at=at)
    language.wish(fresh.language_wanted)
    notice = gettext("This page had been open for too long. Please enter your password again.")
    return forms.here(fresh, lambda bound: _page(bound, identifier=identifier, notice=notice, status=400))


def _restart(parked: Parked) -> ResponseReturnValue:
    age = given.runtime().clock.now() - parked.at
    if parked.binding and not cookies.read(cookies.PAGE) and age < COOKIE_COMES_BACK_WITHIN:
        raise Refusal("cookies_off", "the page cookie that was just set did not come back")
    if parked.door == authorize.DOOR:
        return redirect(url_for(authorize.DOOR, parked=forms.seal(forms.afresh(parked))), 303)
    door = parked.door if parked.door in LOCAL_DOORS else HOME
    return forms.go("sign_in.sign_in", Parked(door, at=given.runtime().clock.now()))


def _page(
    parked: Parked,
    *,
    identifier: str = "",
    errors: list[FieldError] | None = None,
    notice: str | None = None,
    wants_account: bool = False,
    status: int = 200,
) -> ResponseReturnValue:
    asker, ends = asking(parked)
    sealed = forms.seal(parked)
    options = passkeys.options_to_sign(given.runtime().settings.issuer, forms.challenge_of(sealed), only=[])
    return page(
        "sign_in/sign_in.html",
        status=status,
        form_action=ends,
        asker=asker,
        parked=sealed,
        passkey_options=options,
        identifier=identifier,
        errors=errors or [],
        notice=notice,
        wants_account=wants_account,
    )


def asking(parked: Parked) -> tuple[Asker | None, list[str]]:
    """The service a parked request is for, and where its answer may end; nothing for a page of our own."""
    asked = asked_of(parked)
    if asked is None:
        return None, []
    return asker_of(asked.service, asked.redirect_uri), ends_of(*asked.service.redirect_uris)


def asked_of(parked: Parked) -> AuthorizationRequest | None:
    """The request that is parked; None for a page of our own, and for one that would be refused by now."""
    if parked.door != authorize.DOOR:
        return None
    try:
        return protocol.authorize.read(given.server(), parked.pairs)
    except RefusedAtService:
        return None
