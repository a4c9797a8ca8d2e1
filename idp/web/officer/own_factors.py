"""An officer's own second factors: passkeys and apps, of which one always stays."""

from datetime import datetime
from typing import Final
from uuid import UUID

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue
from flask_babel import format_date, gettext

from idp import flows, storage
from idp.domain.factors import Way
from idp.domain.notices import Notice
from idp.domain.officers import Permission
from idp.runtime import passkeys
from idp.storage.sessions import SignedIn
from idp.web import forms, given, guards
from idp.web.admin.console import console_page
from idp.web.forms import Parked
from idp.web.pages import FieldError

blueprint = Blueprint("own_factors", __name__)
DOOR: Final = "own_factors.show"
# Officers have no contacts of their own here: the history of the house is told, nobody's phone.
NOBODY_TO_TELL: Final = Notice("", "")


@blueprint.get("/admin/me")
@guards.needs(Permission.ENTER)
def show() -> ResponseReturnValue:
    if not guards.is_fresh(g.officer):
        return forms.go("staff.sign_in", guards.parked_path())
    return _page()


@blueprint.post("/admin/me/passkey")
@guards.needs(Permission.ENTER)
def add() -> ResponseReturnValue:
    if not _is_own_and_fresh():
        return forms.go("staff.sign_in", guards.parked_path())
    answer, name = request.form.get("answer", "")[: passkeys.LARGEST + 1], request.form.get("name", "").strip()
    challenge = forms.challenge_of(request.form.get("parked", ""))
    with storage.begin() as tx:
        is_kept = flows.factors.add_passkey(
            tx, given.runtime(), _me(), challenge, answer, name or str(gettext("My passkey")), NOBODY_TO_TELL
        )
    if not is_kept:
        return _page(fault=FieldError("name", gettext("The passkey could not be added. Please try again.")))
    return _page(done=gettext("The passkey is added. You can sign in with it from now on."))


@blueprint.post("/admin/me/remove")
@guards.needs(Permission.ENTER)
def remove() -> ResponseReturnValue:
    if not _is_own_and_fresh():
        return forms.go("staff.sign_in", guards.parked_path())
    try:
        way, factor_id = Way(request.form.get("way", "")), UUID(request.form.get("factor", ""))
    except ValueError:
        return _page()
    with storage.begin() as tx:
        own = flows.factors.find_own(tx, given.runtime(), _me())
        is_last = len(own.passkeys) + len(own.totp) < 2
        if not is_last:
            flows.factors.remove(tx, given.runtime(), _me(), way, factor_id, NOBODY_TO_TELL)
    if is_last:
        return _page(fault=FieldError("name", gettext("It is your only one. Add another one first.")))
    return _page(done=gettext("It is removed."))


def _me() -> SignedIn:
    found: SignedIn = g.officer.signed_in
    return found


def _is_own_and_fresh() -> bool:
    return guards.is_fresh(g.officer) and forms.own_page(DOOR, g.officer.session.id) is not None


def _page(*, fault: FieldError | None = None, done: str = "") -> ResponseReturnValue:
    with storage.once() as tx:
        own = flows.factors.find_own(tx, given.runtime(), _me())
    app = str(gettext("Authenticator app"))
    rows = [_row(Way.PASSKEY, each.id, each.name, each.created_at) for each in own.passkeys]
    rows += [_row(Way.TOTP, each.id, app, each.created_at) for each in own.totp]

    def draw(bound: Parked) -> ResponseReturnValue:
        sealed = forms.seal(bound)
        options = passkeys.options_to_make(
            given.runtime().settings.issuer,
            forms.challenge_of(sealed),
            user=_me().subject.id.bytes,
            name=g.officer.staff_code,
            display_name=_me().profile.name,
            have=[each.credential_id for each in own.passkeys],
        )
        return console_page(
            "officer/me.html",
            status=400 if fault else 200,
            parked=sealed,
            options=options,
            factors=rows,
            errors=[fault] if fault else [],
            done=done,
        )

    return forms.here(forms.of_session(DOOR, g.officer.session.id), draw)


def _row(way: Way, id_: UUID, name: str, since: datetime) -> dict[str, str]:
    return {"way": str(way), "id": id_.hex, "name": name, "added": str(format_date(since, "dd/MM/yyyy"))}
