"""Two accounts of one person made one, and that undone: what two officers decided, in one transaction each.

The kept account gets nothing that opens it. What services knew of the merged one under its `sub` is found again under
the same `sub`, by rows of `subs`, which every place that names a person to a service reads already.
"""

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from idp import storage
from idp.domain import merging
from idp.domain.accounts import AccountState, Closing, Lock, Subject
from idp.domain.audit import Entry, Event
from idp.domain.identifiers import SignInKind
from idp.domain.merging import UNDO_FOR, Merge, Preview, Side
from idp.domain.notices import Notice
from idp.domain.refusals import Refusal
from idp.domain.sessions import EndReason
from idp.runtime import chance
from idp.runtime.data_keys import DataKey
from idp.runtime.runtime import Runtime
from idp.storage.accounts import Record
from idp.storage.merges import Before

# What each history says of the account's part; the house's words, as details are.
KEPT: Final = "kept"
MERGED: Final = "merged"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What two officers decided: `because` is the reason with its document, `notice` what the person is told."""

    asked_as: str
    approved_as: str
    because: str
    notice: Notice = field(repr=False)


def preview(tx: storage.Tx, runtime: Runtime, kept_id: UUID, merged_id: UUID) -> Preview:
    """What a merge would do now; both accounts are held until the transaction ends. Raises Refusal."""
    records = _hold(tx, runtime, kept_id, merged_id)
    if len(records) != len({kept_id, merged_id}):
        raise Refusal("no_such_account", "the data of one of the accounts were erased")
    return _preview(tx, runtime, records[kept_id], records[merged_id])


def merge(tx: storage.Tx, runtime: Runtime, kept_id: UUID, merged_id: UUID, digest: str, wanted: Wanted) -> Merge:
    """Close the one account as merged into the other, whose `sub` becomes the merged one's where that alone is known.

    Raises Refusal('case_changed') where a preview would not show any more what the officers saw: another state or
    proof, a service that came; 'wrong_state' where a rule stands against it.
    """
    now, keyring = runtime.clock.now(), runtime.keyring
    records = _hold(tx, runtime, kept_id, merged_id)
    kept, merged = records.get(kept_id), records.get(merged_id)
    if kept is None or merged is None:
        raise Refusal("no_such_account", "the data of one of the accounts were erased")
    seen = _preview(tx, runtime, kept, merged)
    if not chance.equal(seen.digest().encode(), digest.encode()):
        raise Refusal("case_changed", "the accounts, or the services that know them, are not what was seen")
    if seen.hindrance is not None:
        raise Refusal("wrong_state", seen.hindrance)
    done = Merge(chance.new_id(now), kept_id, merged_id, now, now + UNDO_FOR, wanted.asked_as, wanted.approved_as)
    # Before its `sub` goes over: what services are told of these endings names the account as they know it.
    storage.endings.end_person(tx, keyring, merged_id, EndReason.CLOSED, now, actor=wanted.asked_as)
    before = Before(
        state=seen.merged.subject.state,
        lock=seen.merged.lock,
        names=storage.merges.end_names(tx, merged.key, merged_id),
        identifier_ids=storage.accounts.end_identifiers(tx, merged_id, now),
        sectors=tuple(sorted(seen.inherited)),
    )
    _save_state(tx, runtime, merged.subject, AccountState.CLOSED, Closing.MERGED)
    for sector, sub in seen.inherited.items():
        storage.merges.give_sub(tx, sector, sub, of=merged_id, to=kept_id)
    storage.merges.insert_merge(tx, merged.key, done, before)
    _note(tx, runtime, Event.ACCOUNT_MERGED, {kept_id: kept, merged_id: merged}, done, wanted)
    return done


def check_undo(tx: storage.Tx, runtime: Runtime, merge_id: UUID, *, held: bool = False) -> Merge:
    """A merge that can be undone still; raises Refusal('not_found', 'wrong_state')."""
    found = storage.merges.find_merge(tx, merge_id, held=held)
    if found is None:
        raise Refusal("not_found", "there is no such merge")
    if not found.may_be_undone(runtime.clock.now()):
        raise Refusal("wrong_state", "the merge was undone, or is final by now")
    return found


def undo(tx: storage.Tx, runtime: Runtime, merge_id: UUID, wanted: Wanted) -> Merge:
    """Open the merged account as it was, under its own names and `sub`s; what was done meanwhile stays with the kept
    one, which is signed out everywhere: what it was given under the other's `sub` ends.

    Raises Refusal('not_found', 'wrong_state', 'no_such_account'), and 'already_exists' where a number or name was
    proved to be another's meanwhile.
    """
    now, keyring = runtime.clock.now(), runtime.keyring
    found = check_undo(tx, runtime, merge_id)
    records = _hold(tx, runtime, found.kept_id, found.merged_id)
    found = check_undo(tx, runtime, merge_id, held=True)
    merged = records.get(found.merged_id)
    before = storage.merges.find_before(tx, merged.key, merge_id) if merged else None
    if merged is None or before is None:
        raise Refusal("no_such_account", "the data of the merged account were erased")
    storage.endings.end_person(tx, keyring, found.kept_id, EndReason.REVOKED, now, actor=wanted.asked_as)
    storage.merges.give_subs_back(tx, before.sectors, of=found.kept_id, to=found.merged_id)
    _restore_names(tx, runtime, merged, before, found)
    if not storage.merges.restore_identifiers(tx, before.identifier_ids):
        raise Refusal("already_exists", "a number was proved to be another person's meanwhile")
    _save_state(tx, runtime, merged.subject, before.state, before.lock.ground if before.lock else "", before.lock)
    storage.merges.end_merge(tx, merge_id, wanted.approved_as, now)
    _note(tx, runtime, Event.ACCOUNT_UNMERGED, records, found, wanted)
    return found


def end_undo(tx: storage.Tx, runtime: Runtime) -> int:
    """Let go of what was kept to undo merges that are final now; gives how many."""
    return storage.merges.end_undo(tx, runtime.clock.now())


def _hold(tx: storage.Tx, runtime: Runtime, *subject_ids: UUID) -> dict[UUID, Record]:
    """The accounts, held in one order, whoever merges which into which; without those that were erased."""
    found = {each: storage.accounts.find_record(tx, runtime.keyring, each) for each in sorted(set(subject_ids))}
    return {subject_id: record for subject_id, record in found.items() if record is not None}


def _preview(tx: storage.Tx, runtime: Runtime, kept: Record, merged: Record) -> Preview:
    ids = {kept.subject.id: True, merged.subject.id: False}
    known = [(service, sector, ids[of]) for of, service, sector in storage.merges.list_known(tx, list(ids))]
    given = storage.merges.list_subs(tx, list(ids))
    subs = {
        (sector, is_kept): given.get((of, sector)) or runtime.keyring.pairwise_sub(sector, of)
        for sector in {each for _, each, _ in known}
        for of, is_kept in ids.items()
    }
    sides = (_side(tx, runtime, kept), _side(tx, runtime, merged))
    return Preview(*sides, merging.visits(known, subs))


def _side(tx: storage.Tx, runtime: Runtime, record: Record) -> Side:
    now, subject_id = runtime.clock.now(), record.subject.id
    merges = storage.merges.list_of_person(tx, subject_id)
    return Side(
        subject=record.subject,
        profile=record.profile,
        lock=storage.account_states.find_lock(tx, subject_id),
        created_at=storage.merges.find_created_at(tx, subject_id),
        may_be_undone=any(each.kept_id == subject_id and each.may_be_undone(now) for each in merges),
    )


def _restore_names(tx: storage.Tx, runtime: Runtime, merged: Record, before: Before, found: Merge) -> None:
    """The names to sign in with; without those merely said that were proved to be a third person's meanwhile."""
    now, keyring = runtime.clock.now(), runtime.keyring
    for kind, value, proof in before.names:
        owner = storage.sign_in_names.find_proved(tx, keyring, kind=kind, value=value)
        if proof in storage.accounts.SHARED_PROOFS and owner not in (None, found.kept_id):
            continue
        if not storage.sign_in_names.insert_name(
            tx, keyring, merged.key, merged.subject, kind=SignInKind(kind), value=value, proof=proof, now=now
        ):
            raise Refusal("already_exists", "a name was proved to be another person's meanwhile")


def _save_state(
    tx: storage.Tx, runtime: Runtime, subject: Subject, state: AccountState, reason: str, lock: Lock | None = None
) -> None:
    now = runtime.clock.now()
    if not storage.account_states.save_state(tx, subject.id, subject.state, state, reason=reason, now=now, lock=lock):
        raise Refusal("wrong_state", f"the account is no longer {subject.state}")


def _note(
    tx: storage.Tx, runtime: Runtime, event: Event, records: dict[UUID, Record], done: Merge, wanted: Wanted
) -> None:
    """In both histories, each naming the other account; both owners are told, and can say that it is wrong."""
    parts = ((done.kept_id, KEPT, done.merged_id), (done.merged_id, MERGED, done.kept_id))
    now, keyring = runtime.clock.now(), runtime.keyring
    keys: dict[UUID, DataKey] = {subject_id: record.key for subject_id, record in records.items()}
    for subject_id, part, other in parts:
        entry = Entry(
            id=chance.new_id(now),
            at=now,
            event=event,
            subject_id=subject_id,
            actor=wanted.asked_as[:64],
            details="\n".join((part, str(other), wanted.because, wanted.approved_as)),
        )
        storage.audit.insert_entry(tx, entry, keys.get(subject_id, keyring.house_key()))
    for subject_id, key in keys.items():
        storage.outbox.insert_notices_to_person(tx, keyring, key, subject_id, wanted.notice, now)
