"""Registering, in four short pages: who one is, where one is reached, the code that came there, a password.

Nothing is written before a contact is proved: what was typed is sealed into the pages, each of which is an address of
its own, so that going back and loading again lose nothing. Nobody learns here whether somebody else has an account.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from idp import flows, storage
from idp.domain import birth_dates, identifiers, names
from idp.domain.birth_dates import BirthDate
from idp.domain.identifiers import ContactKind
from idp.domain.one_time_codes import CodePurpose, NotSent
from idp.domain.refusals import Refusal
from idp.flows.one_time_codes import CHANNELS, Target
from idp.flows.registration import Contact, Declared
from idp.web import cookies, forms, given, language, wording
from idp.web.forms import Parked
from idp.web.pages import Asker, FieldError, page
from idp.web.release_texts import written
from idp.web.sign_in.sign_in import asking, browser_of, busy_text, is_remembered, leads_on, welcome

T = TypeVar("T")
blueprint = Blueprint("register", __name__)
WHO, CONTACT, CODE, PASSWORD = (f"register.{name}" for name in ("who", "contact", "code", "password"))
# Below this age a parent or guardian registers a person (Decree 69/2024 Art 7).
OF_AGE: Final = 14


@dataclass(frozen=True, slots=True)
class Draft:
    """What was said so far, as it travels from page to page; `onward` is the sealed request that led here."""

    number: str = ""
    passport: str = ""
    country: str = "VN"
    name: str = ""
    birth: str = ""
    contact: str = ""
    code_id: str = ""
    is_proved: str = ""
    onward: str = ""

    @property
    def declared(self) -> Declared:
        born = birth_dates.parse_birth_date(self.birth, today=given.today())
        return Declared(self.name, born.iso, self.number, self.passport, self.country)

    @property
    def proved(self) -> Contact:
        return Contact(*identifiers.recognise_contact(self.contact))

    @property
    def target(self) -> Target:
        return Target(*identifiers.recognise_contact(self.contact))


@blueprint.route("/register", methods=["GET", "POST"])
def who() -> ResponseReturnValue:
    """Page 1: number or passport, name, birth date."""
    parked = _parked(WHO)
    if parked is None:
        led_here = forms.parked_of_page()
        draft = Draft(onward=forms.seal(led_here) if led_here and leads_on(led_here) else "")
        language.wish(led_here.language_wanted if led_here else "")
        return forms.here(_park(WHO, draft, None), lambda bound: _who_page(bound, draft, _typed_before(draft)))
    draft = _draft_of(parked)
    if request.method != "POST":
        return _who_page(parked, draft, _typed_before(draft))
    typed = {name: request.form.get(name, "").strip()[:254] for name in (*_WHO_FIELDS, "country")}
    errors: list[FieldError] = []
    stated = _read_who(typed, errors)
    if errors:
        return _who_page(parked, draft, typed, errors)
    return _to(CONTACT, replace(draft, **stated, code_id="", is_proved=""), since=parked)


@blueprint.route("/register/contact", methods=["GET", "POST"])
def contact() -> ResponseReturnValue:
    """Page 2: a phone or an e-mail address; a code goes there."""
    parked = _parked(CONTACT)
    if parked is None:
        return redirect(url_for(WHO), 303)
    draft = _draft_of(parked)
    if request.method != "POST":
        return _contact_page(parked, draft, draft.contact)
    typed = request.form.get("contact", "").strip()[:254]
    errors: list[FieldError] = []
    found = _field(errors, "contact", lambda: identifiers.recognise_contact(typed)) if typed else None
    if not typed:
        errors.append(FieldError("contact", gettext("Enter a phone number or an e-mail address.")))
    if found is None:
        return _contact_page(parked, draft, typed, errors)
    draft = replace(draft, contact=found[1], is_proved="")
    sent = _send(draft)
    if isinstance(sent, NotSent):
        errors = [FieldError("contact", wording.not_sent(sent))]
        return _contact_page(parked, draft, typed, errors, status=429)
    return _to(CODE, replace(draft, code_id=sent.hex), since=parked)


@blueprint.route("/register/code", methods=["GET", "POST"])
def code() -> ResponseReturnValue:
    """Page 3: the code that came."""
    parked = _parked(CODE)
    draft = _draft_of(parked) if parked else Draft()
    if parked is None or not draft.code_id:
        return redirect(url_for(WHO), 303)
    if request.method != "POST":
        return _code_page(parked, draft)
    if request.form.get("again"):
        sent = _send(draft)
        if isinstance(sent, NotSent):
            return _code_page(parked, draft, wording.not_sent(sent), status=429)
        return _to(CODE, replace(draft, code_id=sent.hex), since=parked)
    runtime, typed = given.runtime(), request.form.get("code", "")[:32]
    with storage.begin() as tx:
        is_right = flows.one_time_codes.use(tx, runtime, UUID(draft.code_id), CodePurpose.REGISTER, draft.target, typed)
    if not is_right:
        return _code_page(parked, draft, wording.wrong_code(), status=401)
    return _to(PASSWORD, replace(draft, is_proved="1"), since=parked)


@blueprint.route("/register/password", methods=["GET", "POST"])
def password() -> ResponseReturnValue:
    """Page 4: a password; then the account is there, and the person signed in."""
    parked = _parked(PASSWORD)
    draft = _draft_of(parked) if parked else Draft()
    if parked is None or not draft.is_proved:
        return redirect(url_for(WHO), 303)
    if request.method != "POST":
        return _password_page(parked, draft)
    runtime, typed, before = given.runtime(), request.form.get("password", "")[:1024], given.signed_in()
    declared, proved = draft.declared, draft.proved
    try:
        hashed = flows.registration.hash_new_password(
            runtime, typed, *filter(None, (draft.number, draft.passport, draft.name, draft.contact))
        )
    except Refusal as refusal:
        if refusal.code == "busy":
            return _password_page(parked, draft, busy_text(), status=503)
        return _password_page(parked, draft, wording.weak_password(typed), status=400)
    browser = browser_of(cookies.device_secret())
    with storage.begin() as tx:
        found = flows.registration.register(tx, runtime, declared, proved, hashed, proof=draft.code_id)
        entered = flows.sign_in.begin(
            tx,
            runtime,
            found.subject,
            found.key,
            browser,
            flows.sign_in.PASSWORD_METHODS,
            before=before,
            remember=is_remembered(),
        )
    led_here = forms.unseal(draft.onward)
    return welcome(forms.afresh(led_here) if led_here else Parked("account.account"), entered, browser.device)


# -- pages ---------------------------------------------------------------------------------------------------------


def _who_page(
    parked: Parked, draft: Draft, typed: Mapping[str, str], errors: list[FieldError] | None = None
) -> ResponseReturnValue:
    with_passport = bool(typed["passport"] or request.values.get("with") == "passport")
    asker, _ = _asking(draft)
    return page(
        "register/who.html",
        status=400 if errors else 200,
        asker=asker,
        parked=forms.seal(parked),
        typed=typed,
        errors=errors or [],
        with_passport=with_passport,
    )


def _contact_page(
    parked: Parked, draft: Draft, typed: str, errors: list[FieldError] | None = None, status: int = 400
) -> ResponseReturnValue:
    offers = given.runtime().messages.offers
    return page(
        "register/contact.html",
        status=status if errors else 200,
        parked=forms.seal(parked),
        back=_address(WHO, draft, parked),
        typed=typed,
        errors=errors or [],
        unknown_province=bool(draft.number) and draft.number[:3] not in identifiers.PROVINCES,
        year_differs=_year_differs(draft),
        by_phone=offers(CHANNELS[ContactKind.PHONE]),
        by_email=offers(CHANNELS[ContactKind.EMAIL]),
    )


def _code_page(parked: Parked, draft: Draft, error: str = "", status: int = 200) -> ResponseReturnValue:
    target = draft.target
    return page(
        "register/code.html",
        status=status,
        parked=forms.seal(parked),
        back=_address(CONTACT, draft, parked),
        contact=written(target.contact),
        by_phone=target.kind is ContactKind.PHONE,
        minutes=given.runtime().settings.codes.good_for // 60,
        failing=wording.is_held_up(target.kind),
        errors=[FieldError("code", error)] if error else [],
    )


def _password_page(parked: Parked, draft: Draft, error: str = "", status: int = 200) -> ResponseReturnValue:
    _, ends = _asking(draft)
    return page(
        "register/password.html",
        status=status,
        form_action=ends,
        parked=forms.seal(parked),
        contact=draft.contact,
        errors=[FieldError("password", error)] if error else [],
    )


# -- what was typed ------------------------------------------------------------------------------------------------

_WHO_FIELDS: Final = ("personal_number", "passport", "full_name", "birth_date")


def _typed_before(draft: Draft) -> dict[str, str]:
    fields = (draft.number, draft.passport, draft.name, draft.birth)
    return {**dict(zip(_WHO_FIELDS, fields, strict=True)), "country": draft.country if draft.passport else ""}


def _read_who(typed: Mapping[str, str], errors: list[FieldError]) -> dict[str, str]:
    """What page 1 says, each part as it is stored; every fault is told at once."""
    today = given.today()
    stated = {"number": "", "passport": "", "country": "VN"}
    if typed["passport"] or typed["country"]:
        stated["passport"] = _field(errors, "passport", lambda: identifiers.normalise_passport(typed["passport"])) or ""
        stated["country"] = typed["country"].upper()
        if not (len(stated["country"]) == 2 and stated["country"].isascii() and stated["country"].isalpha()):
            errors.append(FieldError("country", gettext("Choose the country that issued the passport.")))
    else:
        number = _field(
            errors,
            "personal_number",
            lambda: identifiers.check_personal_number(typed["personal_number"], today=today).value,
        )
        stated["number"] = number or ""
    stated["name"] = _field(errors, "full_name", lambda: names.clean_name(typed["full_name"])) or ""
    born = _field(errors, "birth_date", lambda: birth_dates.parse_birth_date(typed["birth_date"], today=today))
    if born is not None and _age(born) < OF_AGE:
        errors.append(
            FieldError(
                "birth_date",
                gettext("A child under 14 is registered by a parent or guardian, at a service counter."),
            )
        )
    return {**stated, "birth": born.display if born else ""}


def _field(errors: list[FieldError], name: str, read: Callable[[], T]) -> T | None:
    texts = {
        "personal_number": gettext("A personal ID number has 12 digits, as on the ID card."),
        "passport": gettext("A passport number has 6 to 9 letters and digits."),
        "full_name": gettext("Enter the full name as it stands on your ID card or passport."),
        "birth_date": gettext("Enter the birth date like 02/01/1985. If only the year is known, enter the year."),
        "contact": gettext("Enter a phone number like 0912 345 678, or an e-mail address."),
    }
    try:
        return read()
    except Refusal:
        errors.append(FieldError(name, texts[name]))
        return None


def _age(born: BirthDate) -> int:
    """Whole years on this day; where only the year is known, as if born on its first day."""
    today = given.today()
    had_birthday = (today.month, today.day) >= (born.month or 1, born.day or 1)
    return today.year - born.year - (not had_birthday)


def _year_differs(draft: Draft) -> bool:
    if not draft.number:
        return False
    year = birth_dates.parse_birth_date(draft.birth, today=given.today()).year
    found = identifiers.check_personal_number(draft.number, today=given.today(), birth_year=year)
    return "birth_year_differs" in found.warnings


def _asking(draft: Draft) -> tuple[Asker | None, list[str]]:
    led_here = forms.unseal(draft.onward)
    return asking(led_here) if led_here else (None, [])


def _send(draft: Draft) -> UUID | NotSent:
    with storage.begin() as tx:
        return flows.one_time_codes.send(
            tx,
            given.runtime(),
            CodePurpose.REGISTER,
            draft.target,
            wording.code_message(),
            address=request.remote_addr or "",
        )


# -- from page to page ---------------------------------------------------------------------------------------------


def _parked(door: str) -> Parked | None:
    """The draft behind this page; None where there is none, or it is another page's, browser's or too old."""
    parked = forms.parked_of_page()
    if parked is None or parked.door != door or not forms.is_ours(parked):
        return None
    onward_to = forms.unseal(_draft_of(parked).onward)
    language.wish(onward_to.language_wanted if onward_to else "")
    return parked


def _draft_of(parked: Parked) -> Draft:
    return Draft(**dict(parked.pairs))


def _to(door: str, draft: Draft, *, since: Parked | None = None) -> ResponseReturnValue:
    return forms.go(door, _park(door, draft, since))


def _address(door: str, draft: Draft, since: Parked) -> str:
    return url_for(door, parked=forms.seal(_park(door, draft, since)))


def _park(door: str, draft: Draft, since: Parked | None) -> Parked:
    pairs = tuple((name, getattr(draft, name)) for name in Draft.__slots__ if getattr(draft, name))
    at = since.at if since else given.runtime().clock.now()
    return Parked(door, pairs, at=at, binding=since.binding if since else "")
