"""Secrets of services: two at a time, so that one is added, put in place, and the other one ended; none for ever."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from idp import storage
from idp.domain.audit import Entry, Event
from idp.domain.notices import GOOD_FOR, Notice
from idp.domain.refusals import Refusal
from idp.domain.relying_services import SECRET_LIFE, RelyingService
from idp.domain.service_secrets import MOST_SECRETS, SECRET_FOR, SecretTerm, mark_of
from idp.runtime import chance
from idp.runtime.runtime import Runtime

Wording = Callable[[RelyingService, SecretTerm], Notice]


def add(tx: storage.Tx, runtime: Runtime, service_id: UUID, *, actor: str) -> str:
    """A further secret, shown this once; raises Refusal('too_many' | 'wrong_state')."""
    service = _held(tx, service_id)
    if service.token_endpoint_auth_method not in ("client_secret_basic", "client_secret_post"):
        raise Refusal("wrong_state", "the service proves itself without a secret")
    now = runtime.clock.now()
    live = service.digests_at(now)
    if len(live) >= MOST_SECRETS:
        raise Refusal("too_many", "end one of the two secrets first")
    secret = chance.new_secret()
    digest = runtime.keyring.secret_digest(secret)
    term = SecretTerm(mark_of(digest), now, _end_of(runtime, service, now))
    marks = {mark_of(each) for each in live}
    terms = tuple(each for each in service.secret_terms if each.mark in marks)
    _save(tx, runtime, service, (*live, digest), (*terms, term))
    _note(tx, runtime, service, Event.SECRET_ADDED, actor, term.mark)
    return secret


def end(tx: storage.Tx, runtime: Runtime, service_id: UUID, mark: str, *, actor: str) -> None:
    """A secret counts no more, from this moment on; raises Refusal('not_found' | 'wrong_state')."""
    service = _held(tx, service_id)
    left = tuple(each for each in service.secret_digests if mark_of(each) != mark)
    if len(left) == len(service.secret_digests):
        raise Refusal("not_found", "the service has no such secret")
    _save(tx, runtime, service, left, tuple(each for each in service.secret_terms if each.mark != mark))
    _note(tx, runtime, service, Event.SECRET_ENDED, actor, mark)


def remind(tx: storage.Tx, runtime: Runtime, wording: Wording) -> int:
    """Tell the contacts of each secret that ends soon, each reminder once; gives how many secrets were told of."""
    now, told = runtime.clock.now(), 0
    for found in storage.relying_services.list_services(tx):
        if found.is_removed or not any(term.reminder_due(now) for term in found.secret_terms):
            continue
        service = _held(tx, found.id)  # by now another worker may have told
        terms = []
        for term in service.secret_terms:
            due = term.reminder_due(now)
            if due is not None:
                _tell(tx, runtime, service, wording(service, term))
                _note(tx, runtime, service, Event.SECRET_REMINDED, "the worker", f"{term.mark} {due}")
                told += 1
            terms.append(term if due is None else replace(term, reminded=due))
        _save(tx, runtime, service, service.secret_digests, tuple(terms))
    return told


def _tell(tx: storage.Tx, runtime: Runtime, service: RelyingService, notice: Notice) -> None:
    now = runtime.clock.now()
    for contact in service.contacts:
        storage.outbox.insert_message(
            tx,
            runtime.keyring,
            "mail",
            to=contact,
            subject=notice.subject,
            text=notice.text,
            until=now + GOOD_FOR,
            subject_id=None,
            now=now,
        )


def _end_of(runtime: Runtime, service: RelyingService, now: datetime) -> datetime:
    """A year on; on the last day of a named exception where that lets it live longer."""
    zone = ZoneInfo(runtime.settings.province.time_zone)
    longer = [
        datetime.combine(each.until, time(23, 59), zone) for each in service.exceptions if each.rule == SECRET_LIFE
    ]
    return max([now + SECRET_FOR, *longer])


def _held(tx: storage.Tx, service_id: UUID) -> RelyingService:
    found = storage.relying_services.find_service(tx, service_id, held=True)
    if found is None or found.is_removed:
        raise Refusal("wrong_state", "the service is gone")
    return found


def _save(
    tx: storage.Tx,
    runtime: Runtime,
    service: RelyingService,
    digests: tuple[bytes, ...],
    terms: tuple[SecretTerm, ...],
) -> None:
    changed = replace(service, secret_digests=digests, secret_terms=terms, updated_at=runtime.clock.now())
    storage.relying_services.save_service(tx, changed)


def _note(tx: storage.Tx, runtime: Runtime, service: RelyingService, event: Event, actor: str, what: str) -> None:
    now = runtime.clock.now()
    details = f"{service.client_id} {what}"
    entry = Entry(id=chance.new_id(now), at=now, event=event, service_id=service.id, actor=actor, details=details)
    storage.audit.insert_entry(tx, entry, runtime.keyring.house_key())
