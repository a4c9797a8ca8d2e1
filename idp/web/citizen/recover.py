"""Getting an account back: who, where a code can come now, what is on paper; the codes; a new password.

The pages are the same for what nobody has. What is not enough names the counter; what is little waits, and everybody
is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_datetime, gettext

from idp import flows, storage
from idp.domain import factors, identifiers
from idp.domain import recovery as rules
from idp.domain.factors import Way
from idp.domain.identifiers import SignInKind
from idp.domain.notices import Notice
from idp.domain.one_time_codes import CodePurpose, NotSent
from idp.domain.refusals import Refusal
from idp.flows.one_time_codes import Target
from idp.flows.recovery import WAY_OF, NotEnough, Outcome, Ready, Wait
from idp.flows.second_factor import Proof
from idp.runtime import mail_tokens
from idp.web import cookies, forms, given, wording
from idp.web.forms import Parked
from idp.web.pages import FieldError, page
from idp.web.release_texts import written
from idp.web.sign_in.sign_in import browser_of, busy_text, is_remembered, welcome

blueprint = Blueprint("recover", __name__)
WHO, CODES, PASSWORD = (f"recover.{name}" for name in ("who", "codes", "new_password"))
FIELDS: Final = ("identifier", "contact", "other", "paper")


@dataclass(frozen=True, slots=True)
class Claim:
    """What was said, as it travels: contacts as stored, the code on paper as typed, the codes that were sent.

    `subject` is NOBODY where nobody has what was said; `owns` names the contacts that are really theirs. Both take as
    much room for whom nobody knows: the length of an address must not tell.
    """

    name: str = ""
    contact: str = ""
    other: str = ""
    paper: str = ""
    subject: str = ""
    owns: str = ""
    contact_code: str = ""
    other_code: str = ""
    recovery: str = ""
    proved: str = ""

    @property
    def owner(self) -> UUID | None:
        return None if self.subject in ("", forms.NOBODY.hex) else UUID(self.subject)

    def target(self, name: str) -> Target:
        kind, value = identifiers.recognise_contact(getattr(self, name))
        is_theirs = name in self.owns.split()
        return Target(kind, value, self.owner if is_theirs else None, is_decoy=not is_theirs)

    @property
    def asked(self) -> list[str]:
        """The contacts that codes went to."""
        return [name for name in ("contact", "other") if getattr(self, name)]


@blueprint.route("/recover", methods=["GET", "POST"])
def who() -> ResponseReturnValue:
    parked = forms.parked_of_page()
    if request.method != "POST" or parked is None or parked.door != WHO or not forms.is_ours(parked):
        return forms.here(Parked(WHO, at=given.runtime().clock.now()), lambda bound: _who_page(bound, {}))
    typed = {name: request.form.get(name, "").strip()[:254] for name in FIELDS}
    errors: list[FieldError] = []
    claim, named = _read(typed, errors)
    if named is None or errors:
        return _who_page(parked, typed, errors)
    with storage.begin() as tx:
        claim = _look_up(tx, claim, named)
        sent = _send(tx, claim)
    if isinstance(sent, NotSent):
        return _who_page(parked, typed, [FieldError("contact", wording.not_sent(sent))], status=429)
    return forms.go(CODES, _park(CODES, sent))


@blueprint.route("/recover/codes", methods=["GET", "POST"])
def codes() -> ResponseReturnValue:
    parked = _own(CODES)
    if parked is None:
        return redirect(url_for(WHO), 303)
    claim, runtime = Claim(**dict(parked.pairs)), given.runtime()
    if request.method != "POST":
        return _codes_page(parked, claim)
    if request.form.get("again"):
        with storage.begin() as tx:
            sent = _send(tx, claim)
        if isinstance(sent, NotSent):
            return _codes_page(parked, claim, [FieldError("contact-code", wording.not_sent(sent))], status=429)
        return forms.go(CODES, _park(CODES, sent))
    outcome: Outcome | None = None
    with storage.begin() as tx:
        ways, wrong = _prove(tx, claim)
        # Looked up once all was right: a wrong code must not cost more where there is an account.
        owner = flows.recovery.find_owner(tx, runtime, claim.owner) if claim.owner and not wrong else None
        if owner:
            outcome = flows.recovery.open_recovery(tx, runtime, owner, ways, wording.asked_back())
    if wrong or claim.owner is None:
        return _wrong(parked, claim, ways, wrong or [FieldError("contact-code", wording.wrong_code())])
    return _onward(claim, ways, outcome)


def _wrong(parked: Parked, claim: Claim, ways: tuple[Way, ...], errors: list[FieldError]) -> ResponseReturnValue:
    """The page again; where the codes that were sent were right, and are spent by it, new ones are on their way."""
    if ways:
        with storage.begin() as tx:
            sent = _send(tx, claim)
        if not isinstance(sent, NotSent):
            anew = gettext("The codes that were sent were right. New ones are on their way: enter them as well.")
            errors = [*errors, FieldError("contact-code", str(anew))]
            return forms.here(_park(CODES, sent), lambda bound: _codes_page(bound, sent, errors, status=401))
    return _codes_page(parked, claim, errors, status=401)


def _onward(claim: Claim, ways: tuple[Way, ...], outcome: Outcome | None) -> ResponseReturnValue:
    """What the proof opens; None for an account that is locked or closed, which its owner has a right to know."""
    match outcome:
        case Ready(recovery_id):
            ready = replace(claim, recovery=recovery_id.hex, proved=" ".join(ways))
            return forms.go(PASSWORD, _park(PASSWORD, ready))
        case Wait(ready_at):
            return page("recover/wait.html", ready_at=_moment(ready_at))
        case NotEnough():
            return page("recover/not_enough.html")
        case None:
            return page("recover/locked.html", status=403)


@blueprint.route("/recover/password", methods=["GET", "POST"])
def new_password() -> ResponseReturnValue:
    parked = _own(PASSWORD)
    if parked is None:
        return redirect(url_for(WHO), 303)
    claim, runtime = Claim(**dict(parked.pairs)), given.runtime()
    if request.method != "POST":
        return _password_page(parked)
    typed, before = request.form.get("password", "")[:1024], given.signed_in()
    try:
        hashed = flows.registration.hash_new_password(runtime, typed, *_own_words(claim))
    except Refusal as refusal:
        if refusal.code == "busy":
            return _password_page(parked, busy_text(), status=503)
        return _password_page(parked, wording.weak_password(typed), status=400)
    notice = Notice(
        str(gettext("Your account was got back")),
        str(gettext("A new password was set for your account. If this was not you, lock your account now or call us.")),
    )
    methods = rules.methods_of([Way(way) for way in claim.proved.split()])
    browser = browser_of(cookies.device_secret())
    with storage.begin() as tx:
        owner = flows.recovery.find_owner(tx, runtime, UUID(claim.subject))
        recovery_id = UUID(claim.recovery)
        if owner is None or not flows.recovery.complete(tx, runtime, owner, recovery_id, hashed, notice):
            raise Refusal("page_expired", "this recovery was used or cancelled")
        entered = flows.sign_in.begin(
            tx,
            runtime,
            owner.subject,
            owner.key,
            browser,
            methods,
            before=before,
            remember=is_remembered(),
        )
    return welcome(Parked("security.security"), entered, browser.device)


@blueprint.route("/recover/cancel", methods=["GET", "POST"])
def cancel() -> ResponseReturnValue:
    """From a link in a mail: opens a page, and acts when its button is pressed."""
    token = request.values.get("token", "")
    recovery_id = mail_tokens.open_(given.runtime(), flows.recovery.CANCEL, token)
    if recovery_id is None:
        raise Refusal("link_expired", "the link is none of ours, or too old")
    if request.method != "POST":
        return page("recover/cancel.html", token=token, done=False)
    with storage.begin() as tx:
        is_stopped = flows.recovery.cancel(tx, given.runtime(), recovery_id, how="by the link in a mail")
    return page("recover/cancel.html", token=token, done=True, is_stopped=is_stopped)


def _own_words(claim: Claim) -> list[str]:
    """What is known of the person, and makes no password."""
    with storage.once() as tx:
        record = storage.accounts.find_record(tx, given.runtime().keyring, UUID(claim.subject))
    known = record.profile.claims if record else {}
    words = [claim.contact, claim.other, *(str(known.get(name, "")) for name in ("personal_id_number", "name"))]
    return [word for word in words if word]


# -- what was said -------------------------------------------------------------------------------------------------


def _read(typed: Mapping[str, str], errors: list[FieldError]) -> tuple[Claim, tuple[SignInKind, str] | None]:
    named = identifiers.recognise(typed["identifier"])
    if named is None:
        errors.append(FieldError("identifier", gettext("Enter your personal number, phone number or e-mail address.")))
    found = {}
    for name in ("contact", "other"):
        if typed[name]:
            try:
                found[name] = identifiers.recognise_contact(typed[name])[1]
            except Refusal:
                text = gettext("Enter a phone number like 0912 345 678, or an e-mail address.")
                errors.append(FieldError(name, text))
    if not typed["contact"] and not typed["paper"]:
        text = gettext("Enter a phone number or e-mail address that you can reach now, or a code on paper.")
        errors.append(FieldError("contact", text))
    if found.get("other") and found.get("other") == found.get("contact"):
        errors.append(FieldError("other", gettext("Enter another one than above.")))
    return Claim(name=named[1] if named else "", paper=factors.read_code(typed["paper"]), **found), named


def _look_up(tx: storage.Tx, claim: Claim, named: tuple[SignInKind, str]) -> Claim:
    """Whose account it is, by name and contacts, or by name and paper alone; the same statements for nobody's."""
    runtime = given.runtime()
    found: dict[str, UUID | None] = {}
    for name in claim.asked:
        target = claim.target(name)
        found[name] = flows.account_care.find_by_contact(tx, runtime, *named, target.kind, target.contact)
    if not claim.asked:
        subject = flows.account_care.find_by_name(tx, runtime, *named)
        return replace(claim, subject=(subject or forms.NOBODY).hex)
    subject = found.get("contact")
    owns = [name if subject is not None and owner == subject else "-" * len(name) for name, owner in found.items()]
    return replace(claim, subject=(subject or forms.NOBODY).hex, owns=" ".join(owns))


def _send(tx: storage.Tx, claim: Claim) -> Claim | NotSent:
    ids = {}
    for name in claim.asked:
        sent = flows.one_time_codes.send(
            tx,
            given.runtime(),
            CodePurpose.RECOVER,
            claim.target(name),
            wording.code_message(),
            address=request.remote_addr or "",
        )
        if isinstance(sent, NotSent):
            return sent
        ids[f"{name}_code"] = sent.hex
    return replace(claim, **ids)


def _prove(tx: storage.Tx, claim: Claim) -> tuple[tuple[Way, ...], list[FieldError]]:
    """What answered rightly; every code is tried, whatever the others were. The code on paper is spent last."""
    runtime, proved, wrong = given.runtime(), [], []
    if flows.recovery.count_try(tx, runtime, claim.name, request.remote_addr or ""):
        return (), [FieldError("contact-code", gettext("There were too many tries. Please wait a quarter of an hour."))]
    for name in claim.asked:
        target = claim.target(name)
        typed = request.form.get(f"{name}-code", "")[:32]
        code_id = UUID(getattr(claim, f"{name}_code"))
        if flows.one_time_codes.use(tx, runtime, code_id, CodePurpose.RECOVER, target, typed):
            proved.append(WAY_OF[target.kind])
        else:
            wrong.append(FieldError(f"{name}-code", wording.wrong_code()))
    if proved and not wrong and (code := request.form.get("app-code", "").strip()[:32]):
        # Looked at once the contacts were right: whose account it is, is known to who types by then.
        if _has_app(tx, claim, code):
            proved.append(Way.TOTP)
        else:
            wrong.append(
                FieldError("app-code", gettext("That is not the code the app shows now. Please enter the newest one."))
            )
    if claim.paper and not wrong:
        paper = flows.recovery.use_paper(tx, runtime, claim.owner, claim.paper, beside_contact=bool(proved))
        if paper is None:
            wrong.append(FieldError("contact-code", gettext("The code on paper is not right, or was used.")))
        else:
            proved.append(paper)
    return tuple(dict.fromkeys(proved)), wrong


def _has_app(tx: storage.Tx, claim: Claim, code: str) -> bool:
    runtime, address = given.runtime(), request.remote_addr or ""
    person = flows.second_factor.find_person(tx, runtime, claim.owner) if claim.owner else None
    proof = Proof(Way.TOTP, code)
    return person is not None and flows.second_factor.check(tx, runtime, person, proof, address=address) is not None


# -- pages ---------------------------------------------------------------------------------------------------------


def _own(door: str) -> Parked | None:
    parked = forms.parked_of_page()
    return parked if parked is not None and parked.door == door and forms.is_ours(parked) else None


def _park(door: str, claim: Claim) -> Parked:
    pairs = tuple((name, getattr(claim, name)) for name in Claim.__slots__ if getattr(claim, name))
    return Parked(door, pairs, at=given.runtime().clock.now())


def _who_page(
    parked: Parked, typed: Mapping[str, str], errors: list[FieldError] | None = None, status: int = 400
) -> ResponseReturnValue:
    return page(
        "recover/who.html",
        status=status if errors else 200,
        parked=forms.seal(parked),
        typed={name: typed.get(name, "") for name in FIELDS},
        errors=errors or [],
    )


def _codes_page(
    parked: Parked, claim: Claim, errors: list[FieldError] | None = None, status: int = 200
) -> ResponseReturnValue:
    return page(
        "recover/codes.html",
        status=status,
        parked=forms.seal(parked),
        asked=[(f"{name}-code", written(getattr(claim, name))) for name in claim.asked],
        failing=any(wording.is_held_up(claim.target(name).kind) for name in claim.asked),
        minutes=given.runtime().settings.codes.good_for // 60,
        errors=errors or [],
    )


def _password_page(parked: Parked, error: str = "", status: int = 200) -> ResponseReturnValue:
    return page(
        "recover/password.html",
        status=status,
        parked=forms.seal(parked),
        errors=[FieldError("password", error)] if error else [],
    )


def _moment(moment: datetime) -> str:
    return str(format_datetime(moment, "HH:mm dd/MM/yyyy"))
