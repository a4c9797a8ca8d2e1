"""Officers at the door of the consoles: two factors always, then the unit to work for; the first time, enrolment.

A staff session has a cookie of its own and is never a person's: nobody signs in to a service as an officer here.
"""

from dataclasses import replace
from typing import Final
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date, gettext
from markupsafe import Markup

from idp import flows, storage
from idp.domain import factors, officers
from idp.domain.accounts import SubjectKind
from idp.domain.factors import Way
from idp.domain.officers import IDLE_FOR
from idp.domain.refusals import Refusal
from idp.flows.officers import Enrolment
from idp.flows.second_factor import Person, Proof
from idp.flows.sign_in import Failure, NeedsSecondFactor, SignedInNow
from idp.runtime import passkeys, pictures, totp
from idp.web import cookies, forms, given, language
from idp.web.console_texts import role_text
from idp.web.forms import Parked
from idp.web.pages import FieldError, page
from idp.web.sign_in.sign_in import browser_of, busy_text

blueprint = Blueprint("staff", __name__)
HOME: Final = "/admin"
PATH: Final = "staff.path"
STEP: Final = "staff.second_step"
ENROL: Final = "staff.enrol"
CHOOSE: Final = "staff.choose"
# The second factors of an officer: nothing that is sent, nothing on paper.
WAYS: Final = (Way.PASSKEY, Way.TOTP)


@blueprint.get("/admin/sign-in")
def sign_in() -> ResponseReturnValue:
    parked = forms.parked_of_page()
    if parked is None or parked.door != PATH or not forms.is_ours(parked):
        return forms.here(_park(""), _sign_in_page)
    return _sign_in_page(parked)


@blueprint.post("/admin/sign-in")
def submit() -> ResponseReturnValue:
    parked = forms.parked_of_page()
    typed, password = request.form.get("identifier", "").strip()[:64], request.form.get("password", "")[:1024]
    if parked is None or parked.door != PATH or not forms.is_ours(parked):
        return forms.here(_park(""), lambda bound: _sign_in_page(bound, typed, _old_page(), status=400))
    if not typed or not password:
        return _sign_in_page(parked, typed, gettext("Enter your staff code and your password."), status=400)
    try:
        outcome = _try(typed, password)
    except Refusal as refusal:
        if refusal.code != "busy":
            raise
        return _sign_in_page(parked, typed, busy_text(), status=503)
    if not isinstance(outcome, NeedsSecondFactor):
        return _failed(parked, typed, outcome)
    waiting = (*parked.pairs, ("subject", outcome.subject_id.hex))
    return forms.go(STEP, Parked(STEP, waiting, at=given.runtime().clock.now()))


@blueprint.post("/admin/sign-in/passkey")
def submit_passkey() -> ResponseReturnValue:
    """A passkey alone: what one has, and what its device checked of who holds it, are two factors."""
    parked, runtime = forms.parked_of_page(), given.runtime()
    if parked is None or parked.door != PATH or not forms.is_ours(parked):
        return forms.here(_park(""), lambda bound: _sign_in_page(bound, error=_old_page(), status=400))
    answer, before = request.form.get("answer", "")[: passkeys.LARGEST + 1], given.officer()
    proof = Proof(Way.PASSKEY, answer, challenge=forms.challenge_of(request.form.get("parked", "")))
    with storage.begin() as tx:
        person = flows.second_factor.find_by_passkey(tx, runtime, answer, SubjectKind.STAFF)
        address = request.remote_addr or ""
        methods = flows.second_factor.check(tx, runtime, person, proof, address=address) if person else None
        if person and methods:
            entered, device = _begin(tx, person, methods, before)
    runtime.metrics.tried_to_sign_in("succeeded" if methods else "failed")
    if not methods:
        text = gettext("This passkey is not known here. Sign in with your password, or try another passkey.")
        return _sign_in_page(parked, error=str(text), status=401)
    return _enter(parked, entered, device)


@blueprint.get("/admin/second-step")
def second_step() -> ResponseReturnValue:
    parked, person = _waiting()
    if parked is None or person is None:
        return redirect(url_for("staff.sign_in"), 303)
    return _step_page(parked, person, _way_of(request.args.get("way", ""), person))


@blueprint.post("/admin/second-step")
def verify() -> ResponseReturnValue:
    parked, person = _waiting()
    if parked is None or person is None:
        return redirect(url_for("staff.sign_in"), 303)
    runtime, before = given.runtime(), given.officer()
    way = _way_of(request.form.get("way", ""), person)
    typed = request.form.get("answer" if way is Way.PASSKEY else "code", "")[: passkeys.LARGEST + 1]
    proof = Proof(way, typed, challenge=forms.challenge_of(request.form.get("parked", "")))
    with storage.begin() as tx:
        methods = flows.second_factor.check(tx, runtime, person, proof, address=request.remote_addr or "")
        if methods:
            entered, device = _begin(tx, person, factors.amr(flows.sign_in.PASSWORD_METHODS, methods), before)
    if not methods:
        return _step_page(parked, person, way, gettext("That is not right, or it was used already. Please try again."))
    return _enter(parked, entered, device)


@blueprint.get("/admin/enrol")
def enrol() -> ResponseReturnValue:
    parked = Parked(ENROL, (("secret", totp.new_secret()),), at=given.runtime().clock.now())
    return forms.here(parked, _enrol_page)


@blueprint.post("/admin/enrol")
def enrol_now() -> ResponseReturnValue:
    """The code on paper, a new password and the first code of the app, in one go."""
    parked, runtime = forms.parked_of_page(), given.runtime()
    if parked is None or parked.door != ENROL or not forms.is_ours(parked):
        return redirect(url_for("staff.enrol"), 303)
    try:
        code = officers.check_staff_code(request.form.get("staff_code", ""))
        hashed = flows.registration.hash_new_password(runtime, request.form.get("password", "")[:1024], code)
    except Refusal as refusal:
        return _enrol_page(parked, _enrolment_fault(refusal))
    secret = dict(parked.pairs)["secret"]
    enrolment = Enrolment(code, request.form.get("paper", "")[:32], hashed, secret, request.form.get("code", "")[:32])
    with storage.begin() as tx:
        is_done = flows.officers.enrol(tx, runtime, enrolment, address=request.remote_addr or "")
    if not is_done:
        text = gettext("Staff code, paper and the six digits of the app do not belong together. Check each one.")
        return _enrol_page(parked, FieldError("staff_code", text))
    return forms.here(_park(""), lambda bound: _sign_in_page(bound, code, done=gettext("Done. Now sign in.")))


@blueprint.get("/admin/unit")
def choose() -> ResponseReturnValue:
    """Where to work: at the only unit there is without asking."""
    found = given.officer()
    if found is None:
        return redirect(url_for("staff.sign_in"), 303)
    runtime = given.runtime()
    with storage.once() as tx:
        open_to_me = storage.officers.list_assignments(tx, [found.signed_in.subject.id], runtime.today)
    return forms.here(
        forms.of_session(CHOOSE, found.session.id),
        lambda bound: page(
            "officer/unit.html",
            parked=forms.seal(bound),
            name=found.signed_in.profile.name,
            units=[
                {
                    "id": each.id.hex,
                    "name": each.agency.name(language.current()),
                    "role": role_text(each.role),
                    "until": format_date(each.valid_until, "dd/MM/yyyy") if each.valid_until else "",
                }
                for each in open_to_me
            ],
        ),
    )


@blueprint.post("/admin/unit")
def chosen() -> ResponseReturnValue:
    found = given.officer()
    if found is None or forms.own_page(CHOOSE, found.session.id) is None:
        return redirect(url_for("staff.choose"), 303)
    try:
        wanted = UUID(request.form.get("assignment", ""))
    except ValueError:
        return redirect(url_for("staff.choose"), 303)
    with storage.begin() as tx:
        is_mine = flows.officers.choose(tx, given.runtime(), found.session, wanted)
    return redirect(HOME if is_mine else url_for("staff.choose"), 303)


@blueprint.post("/admin/sign-out")
def sign_out() -> ResponseReturnValue:
    found = given.officer()
    if found is None or forms.own_page("admin.home", found.session.id) is None:
        return redirect(url_for("staff.sign_in"), 303)
    with storage.begin() as tx:
        flows.sign_out.sign_out(tx, given.runtime(), found.signed_in)
    response = redirect(url_for("staff.sign_in"), 303)
    cookies.forget(response, cookies.STAFF)  # type: ignore[arg-type]
    return response


def _begin(
    tx: storage.Tx, person: Person, methods: tuple[str, ...], before: given.Officer | None
) -> tuple[SignedInNow, str]:
    """A session at the consoles; with the secret that its browser is known by."""
    browser = replace(browser_of(cookies.device_secret()), idle_for=IDLE_FOR)
    entered = flows.sign_in.begin(
        tx,
        given.runtime(),
        person.subject,
        person.key,
        browser,
        methods,
        before=before.signed_in if before else None,
        remember=False,
    )
    return entered, browser.device


def _try(typed: str, password: str) -> SignedInNow | NeedsSecondFactor | Failure:
    runtime = given.runtime()
    with storage.begin() as tx:
        attempt = flows.sign_in.find_candidate(
            tx, runtime, typed, browser_of(cookies.device_secret()), SubjectKind.STAFF
        )
    try:
        checked = flows.sign_in.check(runtime, attempt, password)
    except Refusal:
        with storage.begin() as tx:
            flows.sign_in.give_back(tx, runtime, attempt)
        raise
    with storage.begin() as tx:
        outcome = flows.sign_in.complete(tx, runtime, checked, before=None, remember=False)
    runtime.metrics.tried_to_sign_in("failed" if isinstance(outcome, Failure) else "succeeded")
    return outcome


def _failed(parked: Parked, typed: str, outcome: object) -> ResponseReturnValue:
    if outcome is Failure.THROTTLED:
        return _sign_in_page(parked, typed, gettext("There were too many tries. Please wait a while."), status=429)
    text = gettext("What you entered does not match. Check the staff code and the password.")
    return _sign_in_page(parked, typed, text, status=401)


def _enter(parked: Parked, entered: SignedInNow, device: str) -> ResponseReturnValue:
    """On to the page that was asked for, working for the only unit there is, or to the choice between them."""
    runtime, subject_id = given.runtime(), entered.session.subject_id
    with storage.begin() as tx:
        if storage.officers.find_of_session(tx, entered.session.id, runtime.today) is None:
            mine = storage.officers.list_assignments(tx, [subject_id], runtime.today)
            if len(mine) == 1:
                flows.officers.choose(tx, runtime, entered.session, mine[0].id)
    path = dict(parked.pairs).get("path", "")
    response = redirect(path if path.startswith("/") else HOME, 303)
    cookies.write(response, cookies.STAFF, entered.secret)  # type: ignore[arg-type]
    cookies.write(response, cookies.DEVICE, device, max_age=runtime.settings.sessions.device_for)  # type: ignore[arg-type]
    return response


def _waiting() -> tuple[Parked | None, Person | None]:
    parked = forms.parked_of_page()
    if parked is None or parked.door != STEP or not forms.is_ours(parked):
        return None, None
    if given.runtime().clock.now() - parked.at > officers.FRESH_FOR:
        return None, None
    with storage.begin() as tx:
        subject_id = UUID(dict(parked.pairs)["subject"])
        person = flows.second_factor.find_person(tx, given.runtime(), subject_id, SubjectKind.STAFF)
        if storage.credentials.count_passwords_since(tx, subject_id, parked.at):
            person = None  # the password that led here is another one by now
    return parked, person


def _way_of(wanted: str, person: Person) -> Way:
    mine = [way for way in WAYS if way in person.factors.ways]
    return next((way for way in mine if way == wanted), mine[0] if mine else Way.TOTP)


def _park(path: str) -> Parked:
    return Parked(PATH, (("path", path),), at=given.runtime().clock.now())


def _old_page() -> str:
    return str(gettext("This page had been open for too long. Please enter your password again."))


def _enrolment_fault(refusal: Refusal) -> FieldError:
    if refusal.code == "invalid_password":
        return FieldError("password", str(gettext("Choose a longer password that nobody would guess.")))
    if refusal.code == "busy":
        return FieldError("", busy_text())
    return FieldError("staff_code", str(gettext("Enter the staff code as it stands on the paper.")))


def _sign_in_page(
    parked: Parked, typed: str = "", error: str = "", *, done: str = "", status: int = 200
) -> ResponseReturnValue:
    sealed = forms.seal(parked)
    issuer = given.runtime().settings.issuer
    return page(
        "officer/sign_in.html",
        status=status,
        parked=sealed,
        passkey_options=passkeys.options_to_sign(issuer, forms.challenge_of(sealed), only=[]),
        typed=typed,
        done=done,
        errors=[FieldError("identifier", error)] if error else [],
    )


def _step_page(parked: Parked, person: Person, way: Way, error: str = "") -> ResponseReturnValue:
    sealed = forms.seal(parked)
    only = [each.credential_id for each in person.factors.passkeys]
    issuer = given.runtime().settings.issuer
    return page(
        "officer/second_step.html",
        status=401 if error else 200,
        parked=sealed,
        way=way,
        others=[each for each in WAYS if each in person.factors.ways and each != way],
        options=passkeys.options_to_sign(issuer, forms.challenge_of(sealed), only=only) if way is Way.PASSKEY else "",
        errors=[FieldError("verify" if way is Way.PASSKEY else "code", error)] if error else [],
    )


def _enrol_page(parked: Parked, fault: FieldError | None = None) -> ResponseReturnValue:
    secret = dict(parked.pairs)["secret"]
    name = request.form.get("staff_code", "")[:24] or "officer"
    address = totp.address_of(secret, name=name, issuer=given.runtime().settings.province.name_vi)
    return page(
        "officer/enrol.html",
        status=400 if fault else 200,
        parked=forms.seal(parked),
        typed=request.form.get("staff_code", "")[:24],
        picture=Markup(pictures.picture_of(address)),  # noqa: S704 (made here, of our own text)
        secret=" ".join(secret[place : place + 4] for place in range(0, len(secret), 4)),
        errors=[fault] if fault else [],
    )
