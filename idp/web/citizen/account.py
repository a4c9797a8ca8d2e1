"""My identity: what is known of me, who says so, and which services I use."""

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue
from flask_babel import format_date, format_datetime, gettext

from idp import flows, storage
from idp.domain.claims import CLAIM_NAMES as SHOWN_CLAIMS
from idp.domain.consent import BasisKind
from idp.domain.levels import ProofSource
from idp.domain.refusals import Refusal
from idp.storage.outbox import News
from idp.storage.sessions import SignedIn
from idp.web import forms, given, language
from idp.web.forms import Parked
from idp.web.pages import page, person_of
from idp.web.release_texts import display, label

blueprint = Blueprint("account", __name__)
DOOR = "account.account"
MOST_NEWS = 200
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
    agreed: str
    withdraw: str
    withdrawn: str
    told: str


@blueprint.get("/account")
def account() -> ResponseReturnValue:
    return forms.here(_park(), _page)


@blueprint.post("/account/withdraw")
def withdraw() -> ResponseReturnValue:
    """Take back what was agreed to at one service: its access ends, and it is told."""
    if forms.own_page(DOOR, g.signed_in.session.id) is None:
        return forms.here(_park(), _page)
    try:
        with storage.begin() as tx:
            client_id = request.form.get("service", "")[:255]
            flows.account_care.withdraw(tx, given.runtime(), g.signed_in.subject, client_id, actor="the person")
    except Refusal:  # nothing to take back: withdrawn before, or told by law
        return forms.here(_park(), _page)
    done = str(
        gettext("It is withdrawn. The service gets nothing any more, and is told; what it has, it keeps by law.")
    )
    return forms.here(_park(), lambda bound: _page(bound, done))


def _park() -> Parked:
    return forms.of_session(DOOR, g.signed_in.session.id)


def _page(parked: Parked, done: str = "") -> ResponseReturnValue:
    signed_in: SignedIn = g.signed_in
    runtime = given.runtime()
    with storage.once() as tx:
        key = storage.data_keys.find_data_key(tx, runtime.keyring, signed_in.subject.id)
        facts = storage.accounts.list_facts(tx, key, signed_in.subject.id) if key else []
        visited = storage.audit.list_receivers(tx, signed_in.subject.id)
        agreements = {
            service_id: storage.consents.find_latest(tx, signed_in.subject.id, service_id, BasisKind.CONSENT)
            for service_id, _ in visited
        }
        news = storage.outbox.list_news(tx, signed_in.subject.id, limit=MOST_NEWS)
        ways = storage.factors.count_ways(tx, signed_in.subject.id, runtime.clock.now())
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
            code, agreed = language.current(), agreements[service_id]
            what = ", ".join(dict.fromkeys(label(name) for name in SHOWN_CLAIMS if agreed and name in agreed.names))
            ended_at = agreed.withdrawn_at if agreed else None
            used.append(
                UsedService(
                    service.name(code),
                    _day(last),
                    service.purpose_in(code),
                    what,
                    service.client_id if agreed and not ended_at else "",
                    _day(ended_at) if ended_at else "",
                    _told([each for each in news if each.service_id == service_id], ended_at) if ended_at else "",
                )
            )
    person = person_of(signed_in.profile)
    services = sorted(used, key=lambda each: each.name)
    sealed = forms.seal(parked)
    return page(
        "account/account.html",
        person=person,
        facts=shown,
        services=services,
        parked=sealed,
        done=done,
        has_one_way=ways < 2,
    )


def _told(news: list[News], withdrawn_at: datetime) -> str:
    """Whether the service has been told of the withdrawal: what was written with it or after it."""
    since = [each for each in news if each.at >= withdrawn_at]
    if not since:
        return str(gettext("Its access has ended. It takes no messages, and learns of it at its next request."))
    arrived = [each.delivered_at for each in since if each.delivered_at]
    if arrived:
        when = format_datetime(min(arrived), "HH:mm dd/MM/yyyy")
        return str(gettext("The service was told at %(when)s.", when=when))
    if all(each.state == "failed" for each in since):
        return str(gettext("Its access has ended. The service could not be reached to be told."))
    return str(gettext("Its access has ended. The service is being told now."))


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
