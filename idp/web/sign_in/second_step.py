"""The second step: one factor more, of somebody whose password was right or who needs a higher level for a service.

Whoever it is and where it leads on is sealed into the page; nobody is signed in before the step is taken.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from idp import flows, storage
from idp.domain import factors, identifiers
from idp.domain.factors import Way
from idp.domain.identifiers import ContactKind
from idp.domain.one_time_codes import CodePurpose, NotSent
from idp.domain.other_screens import is_lent
from idp.flows.one_time_codes import Target
from idp.flows.second_factor import Person, Proof
from idp.runtime import passkeys
from idp.web import cookies, forms, given, language, wording
from idp.web.forms import Parked
from idp.web.pages import FieldError, page
from idp.web.sign_in.sign_in import asking, browser_of, is_remembered, leads_on, welcome
from idp.web.step_up import DOOR, Waiting, park

blueprint = Blueprint("second_step", __name__)
# A password that was right counts so long and no longer.
PATIENCE: Final = timedelta(minutes=15)


@blueprint.get("/second-step")
def second_step() -> ResponseReturnValue:
    parked, waiting = _waiting()
    if parked is None or waiting is None:
        return redirect(url_for("home.home"), 303)
    with storage.begin() as tx:
        person = _person(tx, parked, waiting)
    if person is None:
        return _restart(waiting)
    return _page(parked, waiting, person, _chosen(request.args.get("way") or waiting.way, person))


@blueprint.post("/second-step")
def submit() -> ResponseReturnValue:
    parked, waiting = _waiting()
    if parked is None or waiting is None:
        return redirect(url_for("home.home"), 303)
    runtime, before = given.runtime(), given.signed_in()
    if waiting.session and (before is None or before.session.id.hex != waiting.session):
        return _restart(waiting)
    if request.form.get("give-up"):
        return _give_up(parked, waiting)
    address = request.remote_addr or ""
    with storage.begin() as tx:
        person = _person(tx, parked, waiting)
        way = _chosen(request.form.get("way", ""), person) if person else None
        if person is None or way is None:
            return _restart(waiting)
        if request.form.get("send"):
            sent = _send(tx, person, way, address)
            methods = None
        else:
            sent = None
            methods = flows.second_factor.check(tx, runtime, person, _proof(waiting, way), address=address)
        if methods:
            browser = browser_of(cookies.device_secret())
            had = before.session.amr if before and waiting.session else flows.sign_in.PASSWORD_METHODS
            entered = flows.sign_in.begin(
                tx,
                runtime,
                person.subject,
                person.key,
                browser,
                factors.amr(had, methods),
                before=before,
                notice=wording.new_device(),
                remember=is_remembered() and not is_lent(had),
                # A code beside a sign-in makes it stronger, not younger; a passkey is a sign-in of its own.
                proved_at=before.session.auth_time if before and waiting.session and "mfa" not in methods else None,
            )
    if methods:
        return welcome(_onward(parked, waiting) or Parked("home.home"), entered, browser.device)
    if isinstance(sent, UUID):
        return forms.go(DOOR, park(replace(waiting, way=way, code_id=sent.hex), parked))
    if sent is not None:
        return _page(parked, waiting, person, way, wording.not_sent(sent), status=429)
    return _page(parked, waiting, person, way, _wrong_text(way), status=401)


def _waiting() -> tuple[Parked | None, Waiting | None]:
    parked = forms.parked_of_page()
    if parked is None or parked.door != DOOR or not forms.is_ours(parked):
        return None, None
    if given.runtime().clock.now() - parked.at > PATIENCE:
        return None, None
    waiting = Waiting(**dict(parked.pairs))
    onward = forms.unseal(waiting.onward)
    language.wish(onward.language_wanted if onward else "")
    return parked, waiting


def _person(tx: storage.Tx, parked: Parked, waiting: Waiting) -> Person | None:
    """Whose step it is; None where the password that led here is another one by now."""
    subject_id = UUID(waiting.subject)
    if not waiting.session and storage.credentials.count_passwords_since(tx, subject_id, parked.at):
        return None
    return flows.second_factor.find_person(tx, given.runtime(), subject_id)


def _restart(waiting: Waiting) -> ResponseReturnValue:
    """From the door that the step was for, which asks for what is missing."""
    onward = forms.unseal(waiting.onward)
    if onward is None or not leads_on(onward):
        return redirect(url_for("home.home"), 303)
    return forms.go("sign_in.sign_in", forms.afresh(onward))


def _give_up(parked: Parked, waiting: Waiting) -> ResponseReturnValue:
    """Back to the service without its level; who is not signed in yet begins anew."""
    onward = _onward(parked, waiting)
    if onward is None or not waiting.session:
        return _restart(waiting)
    return redirect(url_for(onward.door, parked=forms.seal(replace(onward, went_without=forms.SECOND_STEP))), 303)


def _onward(parked: Parked, waiting: Waiting) -> Parked | None:
    """Where it leads on, bound to this browser as this page is: a new request had no page before it."""
    onward = forms.unseal(waiting.onward)
    return replace(onward, binding=onward.binding or parked.binding) if onward else None


def _chosen(wanted: str, person: Person) -> Way | None:
    """The way that was chosen, if the person has it; else the strongest they have; None where they have none."""
    ways = person.factors.ways
    return next((way for way in ways if way == wanted), ways[0] if ways else None)


def _proof(waiting: Waiting, way: Way) -> Proof:
    typed = request.form.get("answer" if way is Way.PASSKEY else "code", "")[: passkeys.LARGEST + 1]
    code_id = UUID(waiting.code_id) if waiting.code_id and waiting.way == way else None
    return Proof(way, typed, code_id, forms.challenge_of(request.form.get("parked", "")))


def _send(tx: storage.Tx, person: Person, way: Way, address: str) -> UUID | NotSent:
    contact = person.contact_for(way)
    if contact is None:
        return NotSent.NO_GATEWAY
    target = Target(ContactKind(contact.kind), contact.value, person.subject.id)
    return flows.one_time_codes.send(
        tx, given.runtime(), CodePurpose.SIGN_IN, target, wording.code_message(), address=address
    )


def _page(
    parked: Parked, waiting: Waiting, person: Person, way: Way | None, error: str = "", status: int = 200
) -> ResponseReturnValue:
    onward = forms.unseal(waiting.onward)
    asker, ends = asking(onward) if onward else (None, [])
    sealed = forms.seal(parked)
    contact = person.contact_for(way) if way else None
    is_sent = contact is not None and waiting.way == way and bool(waiting.code_id)
    return page(
        "sign_in/second_step.html",
        status=status,
        form_action=ends,
        asker=asker,
        parked=sealed,
        way=way,
        others=[each for each in person.factors.ways if each != way],
        contact=identifiers.mask(ContactKind(contact.kind), contact.value) if contact else "",
        is_sent=is_sent,
        failing=is_sent and contact is not None and wording.is_held_up(ContactKind(contact.kind)),
        options=_options(sealed, person) if way is Way.PASSKEY else "",
        may_give_up=bool(waiting.session),
        errors=[FieldError("code", error)] if error else [],
    )


def _options(sealed: str, person: Person) -> str:
    only = [each.credential_id for each in person.factors.passkeys]
    return passkeys.options_to_sign(given.runtime().settings.issuer, forms.challenge_of(sealed), only=only)


def _wrong_text(way: Way) -> str:
    if way is Way.PASSKEY:
        return str(gettext("The passkey could not be checked. Try again, or use another way."))
    return wording.wrong_code()
