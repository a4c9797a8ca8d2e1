"""Taking back checks of people, by officer or source, between two days: counted before, worked off by the worker.

Each batch is one transaction that holds the recall's row, so that a worker that dies leaves whole people only, and the
next one goes on from there. What is checked after a recall began is none of its business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from idp import storage
from idp.domain.accounts import AccountState
from idp.domain.audit import Entry, Event
from idp.domain.claims import NUMBER_VERIFIED
from idp.domain.levels import ProofSource
from idp.domain.notices import Notice
from idp.domain.recalls import Recall, RecallState, Scope
from idp.domain.sessions import EndReason
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from idp.storage.accounts import Record

# So many people in one transaction: long enough to be quick, short enough that nobody waits for it.
AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Approved:
    """A recall that two officers want: what `domain.recalls.check_recall` gave, and who asked and approved."""

    body: Mapping[str, str]
    asked_as: str
    approved_as: str


def count(tx: storage.Tx, runtime: Runtime, body: Mapping[str, str]) -> int:
    """The dry run: how many people's proofs would fall now."""
    return storage.recalls.count_people(tx, scope_of(runtime, body))


def scope_of(runtime: Runtime, body: Mapping[str, str]) -> Scope:
    """Which checks the body of a case names: whole days of the province, none of them in the future."""
    zone = ZoneInfo(runtime.settings.province.time_zone)
    days = (
        date.fromisoformat(body["recall_from"]),
        date.fromisoformat(body["recall_until"]) + timedelta(days=1),
    )
    since, before = (datetime.combine(day, time(), zone).astimezone(UTC) for day in days)
    now = runtime.clock.now()
    return Scope(body.get("recall_officer", ""), ProofSource(body["recall_source"]), since, min(before, now))


def start(tx: storage.Tx, runtime: Runtime, approved: Approved) -> Recall:
    """Begin a recall: a row for the worker."""
    now, scope = runtime.clock.now(), scope_of(runtime, approved.body)
    recall = Recall(
        id=chance.new_id(now),
        scope=scope,
        reason=approved.body["reason"],
        state=RecallState.RUNNING,
        persons=storage.recalls.count_people(tx, scope),
        done=0,
        cursor=None,
        asked_as=approved.asked_as,
        approved_as=approved.approved_as,
        created_at=now,
        ended_at=None,
    )
    storage.recalls.insert_recall(tx, recall)
    _note(tx, runtime, recall, Event.RECALL_STARTED, approved.approved_as, str(recall.persons))
    return recall


def work_off(tx: storage.Tx, runtime: Runtime, notice: Notice, *, limit: int = AT_ONCE) -> bool:
    """One batch of the oldest recall that is not done; True while there may be more to do.

    `notice` is what each person is told by every contact that was proved.
    """
    recall = storage.recalls.lock_running(tx)
    if recall is None:
        return False
    ids = storage.recalls.list_people(tx, recall.scope, after=recall.cursor, limit=limit)
    if not ids and recall.cursor is not None:
        # One last look: a check that was just being written when the recall began lies behind the cursor.
        ids = storage.recalls.list_people(tx, recall.scope, after=None, limit=limit)
    if not ids:
        storage.recalls.end_recall(tx, recall.id, runtime.clock.now())
        _note(tx, runtime, recall, Event.RECALL_DONE, "the worker", str(recall.done))
        return True
    records = storage.recalls.lock_people(tx, runtime.keyring, recall.scope, ids)
    if records:
        _let_fall(tx, runtime, recall, records, notice)
    storage.recalls.save_progress(tx, recall.id, fallen=len(records), cursor=ids[-1])
    return True


def _let_fall(tx: storage.Tx, runtime: Runtime, recall: Recall, records: list[Record], notice: Notice) -> None:
    now, keyring, ids = runtime.clock.now(), runtime.keyring, [record.subject.id for record in records]
    claims = {
        record.subject.id: {**record.profile.claims, NUMBER_VERIFIED: False, "updated_at": int(now.timestamp())}
        for record in records
    }
    storage.recalls.save_fallen(tx, records, claims, now)
    storage.factors.end_counter_codes(tx, ids, now)
    storage.endings.end_people(tx, keyring, ids, EndReason.REVOKED, now, actor=recall.approved_as)
    entries = [
        Entry(
            id=chance.new_id(now),
            at=now,
            event=Event.PROOF_RECALLED,
            subject_id=each,
            actor=recall.approved_as,
            details=f"{recall.id} {recall.reason}",
        )
        for each in ids
    ]
    keys = {record.subject.id: record.key for record in records}
    storage.audit.insert_entries(tx, entries, keys)
    # Last: the day's count of text messages is everybody's, and waits for no crypto.
    told = {record.subject.id: record.key for record in records if record.subject.state is not AccountState.CLOSED}
    for subject_id, contacts in storage.factors.list_contacts_of(tx, told).items():
        storage.outbox.insert_notices(tx, keyring, contacts, notice, subject_id, now)


def _note(tx: storage.Tx, runtime: Runtime, recall: Recall, event: Event, actor: str, number: str) -> None:
    now = runtime.clock.now()
    details = f"{recall.id} {number}"
    entry = Entry(id=chance.new_id(now), at=now, event=event, actor=actor[:64], details=details)
    storage.audit.insert_entry(tx, entry, runtime.keyring.house_key())
