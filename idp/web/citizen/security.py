"""How I sign in: passkeys, authenticator apps, printed codes, the password; each change told to every contact.

Only a fresh sign-in changes anything, and where a strong factor is there already, only one that used it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Final
from uuid import UUID

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue
from flask_babel import format_date, gettext
from markupsafe import Markup

from idp import flows, storage
from idp.domain.factors import Way
from idp.domain.identifiers import ContactKind, mask
from idp.domain.notices import Notice
from idp.domain.refusals import Refusal
from idp.runtime import passkeys, pictures, totp
from idp.storage.sessions import SignedIn
from idp.web import cookies, forms, given, step_up, wording
from idp.web.forms import Parked
from idp.web.pages import FieldError, page, person_of
from idp.web.sign_in.sign_in import busy_text

blueprint = Blueprint("security", __name__)
DOOR: Final = "security.security"
View = Callable[..., ResponseReturnValue]


@dataclass(frozen=True, slots=True)
class Shown:
    """One factor as the page lists it."""

    id: str
    way: str
    name: str
    added: str
    used: str


def fresh(door: str) -> Callable[[View], View]:
    """Of a sign-in that is new enough, and strong enough for who has a strong factor; else it is taken anew first, and
    leads back to `door`."""

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(*args: object) -> ResponseReturnValue:
            signed_in: SignedIn = g.signed_in
            runtime = given.runtime()
            if not flows.factors.is_fresh(runtime, signed_in):
                return forms.go("sign_in.sign_in", Parked(door, at=runtime.clock.now()))
            with storage.once() as tx:
                g.own = flows.factors.find_own(tx, runtime, signed_in)
            if flows.factors.needs_stronger_sign_in(signed_in, g.own):
                return step_up.start(Parked(door), signed_in.subject.id, session=signed_in.session.id.hex)
            return view(*args)

        return guarded

    return guard


@blueprint.get("/account/security")
@fresh(DOOR)
def security() -> ResponseReturnValue:
    return forms.here(_park(), _page)


@blueprint.post("/account/security/passkey")
@fresh(DOOR)
def passkey() -> ResponseReturnValue:
    """Keep the passkey that the browser made on the page; none of a computer that is everybody's."""
    parked = _own_page()
    if parked is None or cookies.counter_screen() is not None:
        return _page_anew()
    answer, name = request.form.get("answer", "")[: passkeys.LARGEST + 1], request.form.get("name", "").strip()
    notice = Notice(
        str(gettext("A passkey was added")),
        str(gettext("A passkey was added to your account. If this was not you, lock your account now or call us.")),
    )
    with storage.begin() as tx:
        is_kept = flows.factors.add_passkey(
            tx, given.runtime(), g.signed_in, _challenge(), answer, name or str(gettext("My passkey")), notice
        )
    if not is_kept:
        return _page_anew(_fault("passkey", gettext("The passkey could not be added. Please try again.")))
    return _page_anew(done=gettext("The passkey is added. You can sign in with it from now on."))


@blueprint.post("/account/security/totp")
@fresh(DOOR)
def authenticator_app() -> ResponseReturnValue:
    """The picture for an authenticator app, and the field for its first code."""
    return forms.here(_park(totp.new_secret()), _totp_page)


@blueprint.post("/account/security/totp/confirm")
@fresh(DOOR)
def confirm_app() -> ResponseReturnValue:
    parked = _own_page()
    secret = dict(parked.pairs).get("secret", "") if parked else ""
    if parked is None or not secret:
        return _page_anew()
    notice = Notice(
        str(gettext("An authenticator app was added")),
        str(gettext("An authenticator app was added to your account. If this was not you, lock your account now.")),
    )
    with storage.begin() as tx:
        is_right = flows.factors.add_totp(
            tx, given.runtime(), g.signed_in, secret, request.form.get("code", "")[:32], notice
        )
    if not is_right:
        return _totp_page(parked, str(gettext("That is not the code the app shows now. Please enter the newest one.")))
    return _page_anew(done=gettext("The app is added. From now on it can confirm that it is you."))


@blueprint.post("/account/security/codes")
@fresh(DOOR)
def printed_codes() -> ResponseReturnValue:
    """Ten codes for the drawer, shown this once."""
    if _own_page() is None:
        return _page_anew()
    notice = Notice(
        str(gettext("New recovery codes")),
        str(gettext("New recovery codes were printed for your account; older ones are worth nothing any more.")),
    )
    with storage.begin() as tx:
        codes = flows.factors.print_codes(tx, given.runtime(), g.signed_in, notice)
    if not codes:
        return _page_anew(_fault("", _cooling()))
    return page("account/codes.html", person=person_of(g.signed_in.profile), codes=codes, today=_day(given.today()))


@blueprint.post("/account/security/remove")
@fresh(DOOR)
def remove() -> ResponseReturnValue:
    if _own_page() is None:
        return _page_anew()
    notice = Notice(
        str(gettext("A way to sign in was removed")),
        str(gettext("A way to sign in was removed from your account. If this was not you, lock your account now.")),
    )
    try:
        way, factor_id = Way(request.form.get("way", "")), UUID(request.form.get("factor", ""))
    except ValueError:
        return _page_anew()
    if request.form.get("sure") != "yes":
        return _sure(way, factor_id)
    with storage.begin() as tx:
        is_removed = flows.factors.remove(tx, given.runtime(), g.signed_in, way, factor_id, notice)
        cooling = not is_removed and flows.factors.is_cooling_down(tx, given.runtime(), g.signed_in)
    if cooling:
        return _page_anew(_fault("", _cooling()))
    return _page_anew(done=gettext("It is removed.") if is_removed else "")


def _sure(way: Way, factor_id: UUID) -> ResponseReturnValue:
    """Ask once more, with the name of what would go."""
    of_kind = g.own.passkeys if way is Way.PASSKEY else g.own.totp
    found = next((each for each in of_kind if each.id == factor_id), None)
    if found is None:
        return _page_anew()
    name = found.name if way is Way.PASSKEY else str(gettext("Authenticator app"))
    return forms.here(
        _park(),
        lambda bound: page(
            "account/sure.html",
            person=person_of(g.signed_in.profile),
            parked=forms.seal(bound),
            action="/account/security/remove",
            back="/account/security",
            fields=[("way", way.value), ("factor", factor_id.hex)],
            heading=gettext("Remove this way to sign in?"),
            name=f"{name} ({_day(found.created_at)})",
            what_follows=gettext("Nobody signs in with it any more. Every phone and mailbox of the account is told."),
            is_last=len(of_kind) == 1,
        ),
    )


@blueprint.post("/account/security/password")
@fresh(DOOR)
def password() -> ResponseReturnValue:
    if _own_page() is None:
        return _page_anew()
    runtime, typed, profile = given.runtime(), request.form.get("password", "")[:1024], g.signed_in.profile
    own_words = [str(profile.claims.get(name, "")) for name in ("personal_id_number", "name", "phone_number", "email")]
    try:
        hashed = flows.registration.hash_new_password(runtime, typed, *filter(None, own_words))
    except Refusal as refusal:
        if refusal.code == "busy":
            return _page_anew(_fault("password", busy_text()), status=503)
        return _page_anew(_fault("password", wording.weak_password(typed)))
    notice = Notice(
        str(gettext("Your password was changed")),
        str(gettext("The password of your account was changed. If this was not you, lock your account now.")),
    )
    with storage.begin() as tx:
        flows.factors.change_password(tx, runtime, g.signed_in, hashed, notice)
    return _page_anew(done=gettext("The password is changed. You are signed out everywhere else."))


@blueprint.post("/account/security/close")
@fresh(DOOR)
def close() -> ResponseReturnValue:
    """Close the account for good, once the person has said twice that it is meant."""
    if _own_page() is None:
        return _page_anew()
    if request.form.get("meant") != "yes":
        return _page_anew(_fault("meant", gettext("Tick the box to say that you mean it.")))
    notice = Notice(
        str(gettext("Your account is closed")),
        str(gettext("Your account was closed at your wish. If this was not you, call us or come to a counter.")),
    )
    with storage.begin() as tx:
        if flows.factors.is_cooling_down(tx, given.runtime(), g.signed_in):
            return _page_anew(_fault("", _cooling()))
        flows.account_care.close_own(tx, given.runtime(), g.signed_in.subject.id, notice)
    response = page("account/closed.html")
    cookies.forget(response, cookies.SESSION)
    return response


# -- the page ------------------------------------------------------------------------------------------------------


def _park(secret: str = "") -> Parked:
    return forms.of_session(DOOR, g.signed_in.session.id, (("secret", secret),) if secret else ())


def _own_page() -> Parked | None:
    return forms.own_page(DOOR, g.signed_in.session.id)


def _challenge() -> bytes:
    return forms.challenge_of(request.form.get("parked", ""))


def _cooling() -> str:
    return str(
        gettext(
            "The account was got back just lately: nothing can be removed, replaced or closed for three days. "
            "If you fear that somebody else uses it, lock it now."
        )
    )


def _fault(field: str, text: object) -> list[FieldError]:
    return [FieldError(field, str(text))]


def _page_anew(errors: list[FieldError] | None = None, *, done: object = "", status: int = 0) -> ResponseReturnValue:
    with storage.once() as tx:
        g.own = flows.factors.find_own(tx, given.runtime(), g.signed_in)
    return forms.here(
        _park(), lambda parked: _page(parked, errors, done=str(done), status=status or (400 if errors else 200))
    )


def _page(
    parked: Parked, errors: list[FieldError] | None = None, *, done: str = "", status: int = 200
) -> ResponseReturnValue:
    signed_in: SignedIn = g.signed_in
    own: storage.factors.Factors = g.own
    sealed = forms.seal(parked)
    options = passkeys.options_to_make(
        given.runtime().settings.issuer,
        forms.challenge_of(sealed),
        user=signed_in.subject.id.bytes,
        name=signed_in.profile.name,
        display_name=signed_in.profile.name,
        have=[each.credential_id for each in own.passkeys],
    )
    return page(
        "account/security.html",
        status=status,
        person=person_of(signed_in.profile),
        parked=sealed,
        options=options,
        passkeys=[_shown(Way.PASSKEY, each.name, each) for each in own.passkeys],
        apps=[_shown(Way.TOTP, str(gettext("Authenticator app")), each) for each in own.totp],
        contacts=[mask(ContactKind(each.kind), each.value) for each in own.contacts],
        codes_left=own.recovery_codes,
        errors=errors or [],
        done=done,
    )


def _totp_page(parked: Parked, error: str = "") -> ResponseReturnValue:
    secret = dict(parked.pairs)["secret"]
    name, issuer = g.signed_in.profile.name, given.runtime().settings.province.name_vi
    address = totp.address_of(secret, name=name, issuer=issuer)
    return page(
        "account/totp.html",
        status=400 if error else 200,
        person=person_of(g.signed_in.profile),
        parked=forms.seal(parked),
        picture=Markup(pictures.picture_of(address)),  # noqa: S704 (made here, of our own text)
        secret=" ".join(secret[place : place + 4] for place in range(0, len(secret), 4)),
        errors=_fault("code", error) if error else [],
    )


def _shown(way: Way, name: str, each: storage.factors.Passkey | storage.factors.Totp) -> Shown:
    return Shown(each.id.hex, way, name, _day(each.created_at), _day(each.used_at) if each.used_at else "")


def _day(moment: object) -> str:
    return str(format_date(moment, "dd/MM/yyyy"))
