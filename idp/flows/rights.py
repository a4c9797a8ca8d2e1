"""Requests of people about their own data: asked, answered, done or refused; every contact is told.

The deed itself (a correction, an erasure) is another flow's: here stands that it was asked for, and what became of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from idp import storage
from idp.domain import rights
from idp.domain.audit import Entry, Event
from idp.domain.notices import Notice
from idp.domain.refusals import Refusal
from idp.domain.rights import Act, Deed, RequestState, RightKind, RightsRequest
from idp.runtime import chance
from idp.runtime.data_keys import DataKey
from idp.runtime.runtime import Runtime
from idp.storage.rights import ActName

# What the contacts are told of a request as it stands now.
Wording = Callable[[RightsRequest], Notice]

_ACTS: Final[dict[Deed, tuple[ActName, Event]]] = {
    Deed.ANSWER: ("answered", Event.RIGHTS_ANSWERED),
    Deed.EXTEND: ("extended", Event.RIGHTS_EXTENDED),
    Deed.FULFIL: ("ended", Event.RIGHTS_FULFILLED),
    Deed.REFUSE: ("ended", Event.RIGHTS_REFUSED),
    Deed.WITHDRAW: ("ended", Event.RIGHTS_WITHDRAWN),
}


def ask(
    tx: storage.Tx, runtime: Runtime, subject_id: UUID, kind: RightKind, words: str, wording: Wording, *, actor: str
) -> RightsRequest:
    """Open a request; its clock begins. Raises Refusal('too_long', 'too_many', 'no_such_account')."""
    words, now = rights.check_words(words, needed=False), runtime.clock.now()
    record = storage.accounts.find_record(tx, runtime.keyring, subject_id)
    if record is None:
        raise Refusal("no_such_account", "the person's data were erased")
    if storage.rights.count_lately(tx, subject_id, now - timedelta(days=1)) >= rights.MOST:
        raise Refusal("too_many", f"the person has {rights.MOST} requests that are open or came within a day")
    request = RightsRequest(
        id=chance.new_id(now),
        subject_id=subject_id,
        kind=kind,
        state=RequestState.RECEIVED,
        through_others=False,
        due=rights.due_of(kind, runtime.today, runtime.settings.province.days_off),
        legal_ground="",
        received=Act(now, actor[:64], words),
    )
    storage.rights.insert_request(tx, record.key, request)
    _note(tx, runtime, request, record.key, Event.RIGHTS_ASKED, actor, _named(request))
    _tell(tx, runtime, request, record.key, wording)
    return request


def withdraw(
    tx: storage.Tx, runtime: Runtime, subject_id: UUID, request_id: UUID, wording: Wording, *, actor: str
) -> RightsRequest:
    """Take back one's own request; raises Refusal('not_found', 'wrong_state')."""
    request = _find(tx, runtime, request_id)
    if request.subject_id != subject_id:
        raise Refusal("not_found", "no request has this id")
    return _act(tx, runtime, request, Deed.WITHDRAW, "", wording, actor)


def answer(
    tx: storage.Tx,
    runtime: Runtime,
    request_id: UUID,
    words: str,
    wording: Wording,
    *,
    through_others: bool,
    actor: str,
) -> RightsRequest:
    """Tell the person what happens next; `through_others` when a service or a processor must act too."""
    request, words = _find(tx, runtime, request_id), rights.check_words(words)
    came_on = runtime.day_of(request.received.at)
    days_off = runtime.settings.province.days_off
    done_by = rights.due_of(request.kind, came_on, days_off, through_others=through_others).done_by
    changed = replace(request, through_others=through_others, due=replace(request.due, done_by=done_by))
    return _act(tx, runtime, changed, Deed.ANSWER, words, wording, actor)


def extend(
    tx: storage.Tx, runtime: Runtime, request_id: UUID, reason: str, wording: Wording, *, actor: str
) -> RightsRequest:
    """Take more time, once."""
    request, reason = _find(tx, runtime, request_id), rights.check_words(reason)
    due = replace(request.due, done_by=request.due.done_by + rights.EXTENSION)
    return _act(tx, runtime, replace(request, due=due), Deed.EXTEND, reason, wording, actor)


def fulfil(
    tx: storage.Tx, runtime: Runtime, request_id: UUID, words: str, wording: Wording, *, actor: str
) -> RightsRequest:
    """Note that it was done, and what was done."""
    request, words = _find(tx, runtime, request_id), rights.check_words(words)
    return _act(tx, runtime, request, Deed.FULFIL, words, wording, actor)


def refuse(
    tx: storage.Tx,
    runtime: Runtime,
    request_id: UUID,
    reason: str,
    wording: Wording,
    *,
    legal_ground: str,
    actor: str,
) -> RightsRequest:
    """Say no, with a reason in the person's words and the law that allows it."""
    request, reason = _find(tx, runtime, request_id), rights.check_words(reason)
    if not legal_ground.strip():
        raise Refusal("reason_missing", "name the law by which it is refused")
    changed = replace(request, legal_ground=legal_ground.strip()[:200])
    return _act(tx, runtime, changed, Deed.REFUSE, reason, wording, actor)


@dataclass(frozen=True, slots=True)
class Shown:
    """What an officer sees of a request: what was said, and whose it is, by the number that the deed needs."""

    request: RightsRequest
    number: str
    name: str
    birthdate: str


def look(tx: storage.Tx, runtime: Runtime, request_id: UUID, *, purpose: str, actor: str) -> Shown:
    """A request, for an officer who says why: the look stands in the person's own history at once.

    Raises Refusal('reason_missing', 'not_found').
    """
    if not purpose.strip():
        raise Refusal("reason_missing", "say why you look")
    request = _find(tx, runtime, request_id)
    record = storage.accounts.find_record(tx, runtime.keyring, request.subject_id)
    key = record.key if record else None
    _note(tx, runtime, request, key, Event.RECORD_READ, actor, purpose)
    claims = record.profile.claims if record else {}
    number, name, birthdate = (str(claims.get(each, "")) for each in ("personal_id_number", "name", "birthdate"))
    return Shown(request, number, name, birthdate)


def _find(tx: storage.Tx, runtime: Runtime, request_id: UUID) -> RightsRequest:
    found = storage.rights.find_request(tx, runtime.keyring, request_id)
    if found is None:
        raise Refusal("not_found", "no request has this id")
    return found


def _act(
    tx: storage.Tx,
    runtime: Runtime,
    request: RightsRequest,
    deed: Deed,
    words: str,
    wording: Wording,
    actor: str,
) -> RightsRequest:
    """Do a deed: the row, the audit, and a message to every contact; raises Refusal('wrong_state')."""
    name, event = _ACTS[deed]
    key = storage.data_keys.find_data_key(tx, runtime.keyring, request.subject_id)
    act: dict[str, Any] = {name: Act(runtime.clock.now(), actor[:64], words)}
    after = replace(request, state=rights.move(request.state, deed), **act)
    if not storage.rights.save_act(tx, key, after, name, was=request.state):
        raise Refusal("wrong_state", f"the request is no longer {request.state}")
    _note(tx, runtime, after, key, event, actor, _named(after))
    _tell(tx, runtime, after, key, wording)
    return after


def _tell(tx: storage.Tx, runtime: Runtime, request: RightsRequest, key: DataKey | None, wording: Wording) -> None:
    """Every contact of the person; nobody where the data were erased."""
    if key is not None:
        now = runtime.clock.now()
        storage.outbox.insert_notices_to_person(tx, runtime.keyring, key, request.subject_id, wording(request), now)


def _named(request: RightsRequest) -> str:
    """Which request it is, for its line of the history."""
    return f"{request.id} {request.kind} {request.legal_ground}".strip()


def _note(
    tx: storage.Tx,
    runtime: Runtime,
    request: RightsRequest,
    key: DataKey | None,
    event: Event,
    actor: str,
    details: str,
) -> None:
    now = runtime.clock.now()
    entry = Entry(
        id=chance.new_id(now), at=now, event=event, subject_id=request.subject_id, actor=actor[:64], details=details
    )
    storage.audit.insert_entry(tx, entry, key or runtime.keyring.house_key())
