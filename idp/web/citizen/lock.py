"""Lock my identity, by who cannot or dares not sign in: the number, a proved contact, the code that came there.

The pages are the same for what nobody has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from idp import flows, storage
from idp.domain import identifiers
from idp.domain.identifiers import SignInKind
from idp.domain.notices import Notice
from idp.domain.one_time_codes import CodePurpose, NotSent
from idp.domain.refusals import Refusal
from idp.flows.one_time_codes import Target
from idp.runtime import mail_tokens
from idp.web import forms, given, wording
from idp.web.forms import Parked
from idp.web.pages import FieldError, page
from idp.web.release_texts import written

blueprint = Blueprint("lock", __name__)
WHO, CODE = "lock.lock", "lock.code"
NAMED_BY: Final = (SignInKind.PERSONAL_NUMBER, SignInKind.PASSPORT)


@dataclass(frozen=True, slots=True)
class Asked:
    """Where the code went, and whose lock it is: of NOBODY where nobody has both number and contact."""

    contact: str
    subject: str
    code_id: str = ""

    @property
    def owner(self) -> UUID | None:
        return None if self.subject == forms.NOBODY.hex else UUID(self.subject)

    @property
    def target(self) -> Target:
        kind, value = identifiers.recognise_contact(self.contact)
        return Target(kind, value, self.owner, is_decoy=self.owner is None)


@blueprint.route("/lock", methods=["GET", "POST"])
def lock() -> ResponseReturnValue:
    parked = forms.parked_of_page()
    if request.method != "POST" or parked is None or parked.door != WHO or not forms.is_ours(parked):
        return forms.here(Parked(WHO, at=given.runtime().clock.now()), lambda bound: _who_page(bound, {}))
    typed = {name: request.form.get(name, "").strip()[:254] for name in ("identifier", "contact")}
    named, errors = identifiers.recognise(typed["identifier"]), []
    if named is not None and named[0] not in NAMED_BY:
        named = None  # who has found a phone must not lock its owner out by it twice
    if named is None:
        errors.append(FieldError("identifier", gettext("Enter your personal ID number, as on the ID card.")))
    contact = _contact(typed["contact"])
    if contact is None:
        text = gettext("Enter a phone number like 0912 345 678, or an e-mail address.")
        errors.append(FieldError("contact", text))
    if named is None or contact is None:
        return _who_page(parked, typed, errors)
    runtime = given.runtime()
    with storage.begin() as tx:
        found = flows.account_care.find_by_contact(tx, runtime, *named, *contact)
        asked = Asked(contact[1], (found or forms.NOBODY).hex)
        sent = _send(tx, asked)
    if isinstance(sent, NotSent):
        return _who_page(parked, typed, [FieldError("contact", wording.not_sent(sent))], status=429)
    return forms.go(CODE, _park(replace(asked, code_id=sent.hex)))


@blueprint.route("/lock/code", methods=["GET", "POST"])
def code() -> ResponseReturnValue:
    parked = forms.parked_of_page()
    if parked is None or parked.door != CODE or not forms.is_ours(parked):
        return redirect(url_for(WHO), 303)
    asked, runtime = Asked(**dict(parked.pairs)), given.runtime()
    if request.method != "POST":
        return _code_page(parked, asked)
    if request.form.get("again"):
        with storage.begin() as tx:
            sent = _send(tx, asked)
        if isinstance(sent, NotSent):
            return _code_page(parked, asked, wording.not_sent(sent), status=429)
        return forms.go(CODE, _park(replace(asked, code_id=sent.hex)))
    with storage.begin() as tx:
        is_right = flows.one_time_codes.use(
            tx, runtime, UUID(asked.code_id), CodePurpose.LOCK, asked.target, request.form.get("code", "")[:32]
        )
        if is_right and asked.owner:
            flows.account_care.lock_own(tx, runtime, asked.owner, _notice())
    if not is_right:
        return _code_page(parked, asked, wording.wrong_code(), status=401)
    return page("lock/locked.html", by_link=False)


@blueprint.route("/lock/not-me", methods=["GET", "POST"])
def not_me() -> ResponseReturnValue:
    """From the mail about a new device: opens a page, and locks when its button is pressed."""
    runtime, token = given.runtime(), request.values.get("token", "")
    subject_id = mail_tokens.open_(runtime, flows.sign_in.NOT_ME, token)
    if subject_id is None:
        raise Refusal("link_expired", "the link is none of ours, or too old")
    if request.method != "POST":
        return page("lock/not_me.html", token=token)
    with storage.begin() as tx:
        if not flows.account_care.lock_by_link(tx, runtime, subject_id, token, _notice_of_link()):
            raise Refusal("link_expired", "the link was used before")
    return page("lock/locked.html", by_link=True)


def _notice(how_it_opens: str = "") -> Notice:
    opens = gettext("It opens again at any Public Administration Service Centre, with your ID card.")
    told = gettext("Your account was locked by who holds this phone or mailbox. Nobody can sign in with it.")
    return Notice(str(gettext("Your account is locked")), f"{told} {how_it_opens or opens}")


def _notice_of_link() -> Notice:
    return _notice(str(gettext("You get it back with a new password, from the page to sign in, or at a counter.")))


def _send(tx: storage.Tx, asked: Asked) -> UUID | NotSent:
    return flows.one_time_codes.send(
        tx,
        given.runtime(),
        CodePurpose.LOCK,
        asked.target,
        wording.code_message(),
        address=request.remote_addr or "",
    )


def _contact(typed: str) -> tuple[identifiers.ContactKind, str] | None:
    try:
        return identifiers.recognise_contact(typed)
    except Refusal:
        return None


def _park(asked: Asked) -> Parked:
    pairs = tuple((name, getattr(asked, name)) for name in Asked.__slots__ if getattr(asked, name))
    return Parked(CODE, pairs, at=given.runtime().clock.now())


def _who_page(
    parked: Parked, typed: Mapping[str, str], errors: list[FieldError] | None = None, status: int = 400
) -> ResponseReturnValue:
    return page(
        "lock/who.html",
        status=status if errors else 200,
        parked=forms.seal(parked),
        identifier=typed.get("identifier", ""),
        contact=typed.get("contact", ""),
        errors=errors or [],
    )


def _code_page(parked: Parked, asked: Asked, error: str = "", status: int = 200) -> ResponseReturnValue:
    return page(
        "lock/code.html",
        status=status,
        parked=forms.seal(parked),
        contact=written(asked.contact),
        minutes=given.runtime().settings.codes.good_for // 60,
        failing=wording.is_held_up(asked.target.kind),
        errors=[FieldError("code", error)] if error else [],
    )
