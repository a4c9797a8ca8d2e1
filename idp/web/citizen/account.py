"""My identity: what is known of me, who says so, and which services I use."""

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, g
from flask.typing import ResponseReturnValue
from flask_babel import format_date, gettext

from idp import storage
from idp.domain.levels import ProofSource
from idp.storage.sessions import SignedIn
from idp.web import given, language
from idp.web.pages import page, person_of
from idp.web.release_texts import display, label

blueprint = Blueprint("account", __name__)
SHOWN = ("name", "personal_id_number", "birthdate", "gender", "phone_number", "email", "address")


@dataclass(frozen=True, slots=True)
class ShownFact:
    what: str
    value: str
    source: str
    when: str


@dataclass(frozen=True, slots=True)
class UsedService:
    name: str
    last: str
    what: str


@blueprint.get("/account")
def account() -> ResponseReturnValue:
    signed_in: SignedIn = g.signed_in
    runtime = given.runtime()
    with storage.once() as tx:
        key = storage.data_keys.find_data_key(tx, runtime.keyring, signed_in.subject.id)
        facts = storage.accounts.list_facts(tx, key, signed_in.subject.id) if key else []
        visited = storage.audit.list_receivers(tx, signed_in.subject.id)
    by_name = {fact.name: fact for fact in facts}
    shown = [
        ShownFact(
            what=label(name),
            value=display(signed_in.profile, name),
            source=_source(by_name[name].source, is_confirmed=bool(signed_in.profile.claims.get(f"{name}_verified"))),
            when=_day(by_name[name].verified_at or by_name[name].valid_from),
        )
        for name in SHOWN
        if name in by_name
    ]
    used = []
    for service_id, last in visited:
        service = given.server().registry.find(service_id)
        if service is not None:
            code = language.current()
            used.append(UsedService(service.name(code), _day(last), service.purpose_in(code)))
    person = person_of(signed_in.profile)
    return page("account/account.html", person=person, facts=shown, services=sorted(used, key=lambda each: each.name))


def _source(source: ProofSource, *, is_confirmed: bool) -> str:
    """Who says so; a contact of one's own may have been confirmed by a code."""
    if source is ProofSource.SELF and is_confirmed:
        return str(gettext("declared by yourself, and confirmed"))
    texts: dict[ProofSource, str] = {
        ProofSource.SELF: gettext("declared by yourself"),
        ProofSource.COUNTER: gettext("checked at a service counter"),
        ProofSource.NATIONAL_ID: gettext("from the national identity system"),
    }
    return texts[source]


def _day(moment: datetime) -> str:
    return str(format_date(moment, "dd/MM/yyyy"))
