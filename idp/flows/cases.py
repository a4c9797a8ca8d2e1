"""Asking a second officer, and deciding: the asker's part, and the part of the decision that is the same for all kinds.

What an approval does is done by the flow of its kind, in the same transaction; its refusal undoes the approval.
"""

from collections.abc import Mapping
from uuid import UUID

from idp import storage
from idp.domain import cases
from idp.domain.audit import Entry, Event
from idp.domain.cases import LONGEST_REASON, Case, CaseKind, CaseState, Hand
from idp.domain.refusals import Refusal
from idp.runtime import chance
from idp.runtime.runtime import Runtime

WORKER = Hand(UUID(int=0), "the worker", UUID(int=0), b"")


def ask(
    tx: storage.Tx,
    runtime: Runtime,
    hand: Hand,
    agency_id: UUID,
    kind: CaseKind,
    body: Mapping[str, str],
    subject_id: UUID | None = None,
) -> Case:
    """Put a question to a second officer; raises Refusal('own_case') for one's own record."""
    if concerns(tx, runtime, hand.officer_id, subject_id, body):
        raise Refusal("own_case", "nobody asks for a deed on one's own record")
    now = runtime.clock.now()
    due_by = cases.due_of(kind, runtime.today, runtime.settings.province.days_off)
    case = Case(
        id=chance.new_id(now),
        kind=kind,
        state=CaseState.WAITING,
        subject_id=subject_id,
        agency_id=agency_id,
        asked=hand,
        asked_at=now,
        body=dict(body),
        body_hash=cases.hash_of(kind, subject_id, body),
        due_by=due_by,
        expires_at=cases.expiry_of(now, runtime.today, due_by),
    )
    storage.cases.insert_case(tx, runtime.keyring, case)
    _note(tx, runtime, case, Event.CASE_ASKED, hand.actor, "")
    return case


def approve(tx: storage.Tx, runtime: Runtime, hand: Hand, case_id: UUID, seen: bytes) -> Case:
    """Say yes to what was seen. Raises Refusal; the caller does the deed in the same transaction."""
    return _decide(tx, runtime, hand, case_id, seen, CaseState.APPROVED, Event.CASE_APPROVED, "")


def refuse(tx: storage.Tx, runtime: Runtime, hand: Hand, case_id: UUID, seen: bytes, reason: str) -> Case:
    """Say no, and why. Raises Refusal."""
    if not reason.strip():
        raise Refusal("reason_missing", "say why")
    return _decide(tx, runtime, hand, case_id, seen, CaseState.REFUSED, Event.CASE_REFUSED, reason[:LONGEST_REASON])


def withdraw(tx: storage.Tx, runtime: Runtime, hand: Hand, case_id: UUID) -> Case:
    """Take back what one asked. Raises Refusal('not_permitted', 'wrong_state')."""
    case = find(tx, runtime, case_id, held=True)
    if case.asked.officer_id != hand.officer_id:
        raise Refusal("not_permitted", "only who asked takes it back")
    if not storage.cases.save_decision(tx, case.id, CaseState.WITHDRAWN, hand, "", runtime.clock.now()):
        raise Refusal("wrong_state", "the case has ended")
    _note(tx, runtime, case, Event.CASE_WITHDRAWN, hand.actor, "")
    return case


def expire(tx: storage.Tx, runtime: Runtime, *, limit: int) -> int:
    """End what waited too long; gives how many."""
    now = runtime.clock.now()
    found = storage.cases.list_expired(tx, runtime.keyring, now, limit=limit)
    for case in found:
        storage.cases.save_decision(tx, case.id, CaseState.EXPIRED, WORKER, "", now)
        _note(tx, runtime, case, Event.CASE_EXPIRED, WORKER.actor, "")
    storage.cases.end_bodies(tx, now - cases.BODY_FOR)
    return len(found)


def find(tx: storage.Tx, runtime: Runtime, case_id: UUID, *, held: bool = False) -> Case:
    """A case; raises Refusal('not_found')."""
    case = storage.cases.find_case(tx, runtime.keyring, case_id, held=held)
    if case is None:
        raise Refusal("not_found", "there is no such case")
    return case


def concerns(
    tx: storage.Tx, runtime: Runtime, officer_id: UUID, subject_id: UUID | None, body: Mapping[str, str]
) -> bool:
    """Whether a case is about the officer's own record, by the persons it names or by the number that it carries."""
    named = [subject_id, UUID(body["merged"]) if "merged" in body else None]
    if any(each is not None and storage.officers.find_own_record(tx, officer_id, each) is not None for each in named):
        return True
    number = body.get("number")
    return number is not None and storage.officers.find_own_number(tx, runtime.keyring, officer_id, number) is not None


def _decide(
    tx: storage.Tx,
    runtime: Runtime,
    hand: Hand,
    case_id: UUID,
    seen: bytes,
    state: CaseState,
    event: Event,
    reason: str,
) -> Case:
    case, now = find(tx, runtime, case_id, held=True), runtime.clock.now()
    is_own = concerns(tx, runtime, hand.officer_id, case.subject_id, case.body)
    cases.check_decision(case, hand, seen, now, concerns_oneself=is_own)
    if not storage.cases.save_decision(tx, case.id, state, hand, reason, now):
        raise Refusal("wrong_state", "the case has ended")
    _note(tx, runtime, case, event, hand.actor, reason)
    return case


def _note(tx: storage.Tx, runtime: Runtime, case: Case, event: Event, actor: str, reason: str) -> None:
    """In the person's own history where a person is concerned, else in the house's."""
    now = runtime.clock.now()
    key = storage.data_keys.find_data_key(tx, runtime.keyring, case.subject_id) if case.subject_id else None
    details = f"{case.kind} {case.id} {reason}".strip()
    entry = Entry(
        id=chance.new_id(now), at=now, event=event, subject_id=case.subject_id, actor=actor[:64], details=details
    )
    storage.audit.insert_entry(tx, entry, key or runtime.keyring.house_key())
