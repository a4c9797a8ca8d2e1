"""Where I am signed in, who looked at my data or received it, and what was done with my identity."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict
from uuid import UUID

import orjson
from flask import Blueprint, Response, g, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_datetime, gettext

from idp import flows, storage
from idp.domain.audit import Entry, Event
from idp.domain.claims import CLAIM_NAMES
from idp.domain.factors import Way
from idp.domain.officers import read_actor
from idp.domain.refusals import Refusal
from idp.runtime import chance
from idp.storage.audit import Receipt
from idp.storage.credentials import Device
from idp.storage.sessions import Seen
from idp.web import cookies, forms, given, language
from idp.web.actors import Actors
from idp.web.browsers import device_name
from idp.web.forms import Parked
from idp.web.pages import page, person_of
from idp.web.release_texts import label
from idp.web.texts import event_text, ground_text

blueprint = Blueprint("activity", __name__)
DOOR = "activity.activity"
MOST = 50


class Asked(TypedDict):
    """One page of a list."""

    limit: int
    below: UUID | None


@dataclass(frozen=True, slots=True)
class Place:
    """One session as the page lists it."""

    id: str
    device: str
    address: str
    since: str
    last: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Known:
    """A browser that is known, as the page lists it."""

    id: str
    device: str
    since: str
    last: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the history."""

    what: str
    when: str
    where: str
    by: str
    proof: str = ""


@blueprint.get("/account/activity")
def activity() -> ResponseReturnValue:
    return forms.here(_park(), _page)


@blueprint.post("/account/activity/end")
def end() -> ResponseReturnValue:
    """End one session elsewhere, or all of them."""
    if forms.own_page(DOOR, g.signed_in.session.id) is None:
        return forms.here(_park(), _page)
    runtime = given.runtime()
    with storage.begin() as tx:
        try:
            session_id = UUID(request.form.get("session", ""))
        except ValueError:
            flows.sign_out.end_others(tx, runtime, g.signed_in)
        else:
            flows.sign_out.end_one(tx, runtime, g.signed_in, session_id)
    done = str(gettext("It is signed out there, and the services that were used from there are told."))
    return forms.here(_park(), lambda bound: _page(bound, done))


@blueprint.post("/account/activity/forget")
def forget() -> ResponseReturnValue:
    """A browser in which the password alone is enough is one of those no more."""
    if forms.own_page(DOOR, g.signed_in.session.id) is None:
        return forms.here(_park(), _page)
    try:
        device_id = UUID(request.form.get("device", ""))
    except ValueError:
        raise Refusal("not_found", "no browser of this person") from None
    with storage.begin() as tx:
        is_forgotten = flows.sign_out.forget_device(tx, given.runtime(), g.signed_in, device_id)
    done = str(gettext("It is forgotten: who signs in there is asked for a second step.")) if is_forgotten else ""
    return forms.here(_park(), lambda bound: _page(bound, done))


@blueprint.get("/account/activity/proof")
def proof() -> ResponseReturnValue:
    """An entry of one's own as it is stored, with the proof that it is in the log; nobody looked at anybody."""
    try:
        entry_id = UUID(request.args.get("entry", ""))
    except ValueError:
        raise Refusal("not_found", "no entry of this person") from None
    with storage.once() as tx:
        found = flows.log_export.prove_own(tx, given.runtime(), g.signed_in.subject.id, entry_id)
    response = Response(orjson.dumps(found, option=orjson.OPT_INDENT_2), mimetype="application/json")
    response.headers["Content-Disposition"] = f"attachment; filename=bang-chung-{entry_id.hex}.json"
    response.headers["Cache-Control"] = "no-store"
    return response


def _page(parked: Parked, done: str = "") -> ResponseReturnValue:
    runtime, subject, now = given.runtime(), g.signed_in.subject, given.runtime().clock.now()
    idle_for = timedelta(seconds=runtime.settings.sessions.idle_for)
    with storage.once() as tx:
        key = storage.data_keys.find_data_key(tx, runtime.keyring, subject.id)
        seen = storage.sessions.list_open(tx, key, subject.id, now=now, idle_for=idle_for) if key else []
        entries = storage.audit.list_entries(tx, key, subject.id, **_asked("history")) if key else []
        since = now - timedelta(seconds=runtime.settings.sessions.device_for)
        known = storage.credentials.list_devices(tx, key, subject.id, since) if key else []
        here = storage.credentials.find_device(tx, subject.id, chance.digest(cookies.read(cookies.DEVICE)))
        looks = storage.audit.list_looks(tx, key, subject.id, **_asked("looks")) if key else []
        receipts = storage.audit.list_receipts(tx, subject.id, **_asked("received"))
        older = {"history": _older(entries), "looks": _older(looks), "received": _older(receipts)}
        by_officers = any(read_actor(each.actor) for each in (*entries, *looks))
        actors = Actors(storage.agencies.list_agencies(tx) if by_officers else ())
        ids = [*(each.id for each in (*entries, *looks)), *(each.id for each in receipts)]
        sealed = storage.merkle_log.find_sealed(tx, ids)
    return page(
        "account/activity.html",
        person=person_of(g.signed_in.profile),
        parked=forms.seal(parked),
        places=[_place(each) for each in seen],
        known=[_known(each, here) for each in known],
        history=[_line(each, actors, _proof(each.id, sealed)) for each in entries],
        looks=[
            Line(each.details, _moment(each.at), "", actors.name(each.actor), _proof(each.id, sealed)) for each in looks
        ],
        received=[_received(each, _proof(each.id, sealed)) for each in receipts],
        older=older,
        paged=[name for name in older if request.args.get(name)],
        done=done,
    )


def _asked(name: str) -> Asked:
    """The page of a list that is asked for: one line more than it shows tells whether there are older ones."""
    try:
        below = UUID(request.args.get(name, ""))
    except ValueError:
        below = None
    return {"limit": MOST + 1, "below": below}


def _older(found: list[Any]) -> str:
    """The id from below which the next page begins, '' where this is the last; takes the line too many away."""
    if len(found) <= MOST:
        return ""
    del found[MOST:]
    last: UUID = found[-1].id
    return last.hex


def _place(seen: Seen) -> Place:
    return Place(
        id=seen.id.hex,
        device=device_name(seen.agent),
        address=seen.address,
        since=_moment(seen.at),
        last=_moment(seen.seen_at),
        is_here=seen.id == g.signed_in.session.id,
    )


def _known(device: Device, here: UUID | None) -> Known:
    return Known(
        device.id.hex,
        device_name(device.agent),
        _moment(device.first_seen_at),
        _moment(device.seen_at),
        device.id == here,
    )


def _proof(id_: UUID, sealed: Container[UUID]) -> str:
    """Where the proof of an entry is; '' in its first seconds, while it is in no tree yet."""
    return url_for("activity.proof", entry=id_.hex) if id_ in sealed else ""


def _line(entry: Entry, actors: Actors, proof: str) -> Line:
    where = " ".join(filter(None, [_service_name(entry.service_id), _detail(entry)]))
    return Line(event_text(entry.event), _moment(entry.at), where, actors.name(entry.actor), proof)


def _detail(entry: Entry) -> str:
    """From where one signed in, why the account was locked, or which way to sign in was added or removed."""
    if entry.event.startswith("sign_in."):
        return entry.details.partition(" ")[0]
    if entry.event == Event.ACCOUNT_LOCKED:
        return ground_text(entry.details)
    ways: dict[str, str] = {Way.PASSKEY: gettext("Passkey"), Way.TOTP: gettext("Authenticator app")}
    return str(ways.get(entry.details, "")) if entry.event.startswith("factor.") else ""


def _received(receipt: Receipt, proof: str) -> Line:
    """What a service received, and why: of consent the person knows, of a law its name."""
    what = ", ".join(dict.fromkeys(label(name) for name in CLAIM_NAMES if name in receipt.names))
    basis = receipt.legal_basis or str(gettext("you agreed"))
    return Line(_service_name(receipt.service_id), _moment(receipt.at), what, basis, proof)


def _service_name(service_id: UUID | None) -> str:
    service = given.server().registry.find(service_id) if service_id else None
    return service.name(language.current()) if service else ""


def _moment(moment: object) -> str:
    return str(format_datetime(moment, "HH:mm dd/MM/yyyy"))


def _park() -> Parked:
    return forms.of_session(DOOR, g.signed_in.session.id)
