"""A person's own phones and mailboxes: adding one that was proved by a code, taking one off.

The newest of a kind is what services are told. The others hear of each change, so that a thief's is seen at once.
"""

from datetime import datetime
from uuid import UUID

from idp import storage
from idp.domain import recovery
from idp.domain.accounts import Profile, proved_by_code
from idp.domain.audit import Entry, Event
from idp.domain.identifiers import CONTACT_CLAIMS, ContactKind
from idp.domain.notices import Notice
from idp.domain.refusals import Refusal
from idp.runtime import chance
from idp.runtime.data_keys import DataKey
from idp.runtime.runtime import Runtime
from idp.storage.accounts import Record
from idp.storage.factors import Reachable
from idp.storage.sessions import SignedIn

MOST = 5


def add(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn, kind: ContactKind, value: str, notice: Notice) -> bool:
    """Keep a contact that the person has just proved; False when the account was got back just lately, since a thief's
    phone would get it back the next time. Raises Refusal('too_many')."""
    now, keyring, subject = runtime.clock.now(), runtime.keyring, signed_in.subject
    record = _record(tx, runtime, signed_in)
    key = record.key
    own = storage.factors.list_factors(tx, key, subject.id, now).contacts
    is_known = any((each.kind, each.value) == (kind, value) for each in own)
    if not is_known and _is_cooling_down(tx, subject.id, now):
        return False
    if len(own) >= MOST and not is_known:
        raise Refusal("too_many", "the person has the most contacts that one may have")
    storage.accounts.save_contact(tx, keyring, key, subject.id, kind=kind, value=value, now=now)
    if not is_known:
        storage.sign_in_names.insert_name(tx, keyring, key, subject, kind=kind, value=value, proof="code", now=now)
    _tell_services(tx, record, kind, value, now)
    _note(tx, runtime, signed_in, key, Event.CONTACT_ADDED, own, notice)
    return True


def remove(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn, contact_id: UUID, notice: Notice) -> bool:
    """Take a contact off; False when there is none such, or the account was got back just lately."""
    now, keyring, subject = runtime.clock.now(), runtime.keyring, signed_in.subject
    if _is_cooling_down(tx, subject.id, now):
        return False
    record = _record(tx, runtime, signed_in)
    key = record.key
    own = storage.factors.list_factors(tx, key, subject.id, now).contacts
    gone = next((each for each in own if each.id == contact_id), None)
    if gone is None:
        return False
    storage.accounts.end_contact(tx, subject.id, contact_id, now)
    storage.sign_in_names.end_name(tx, keyring, subject.id, kind=gone.kind, value=gone.value)
    kind = ContactKind(gone.kind)
    left = [each.value for each in own if each.kind == kind and each.id != contact_id]
    if record.profile.claims.get(CONTACT_CLAIMS[kind]) == gone.value:
        _tell_services(tx, record, kind, left[-1] if left else None, now)
    _note(tx, runtime, signed_in, key, Event.CONTACT_REMOVED, own, notice)
    return True


def _tell_services(tx: storage.Tx, record: Record, kind: ContactKind, value: str | None, now: datetime) -> None:
    """What services are told of this kind from now on: one contact, or none."""
    claim, subject_id = CONTACT_CLAIMS[kind], record.subject.id
    claims = {name: told for name, told in record.profile.claims.items() if name not in (claim, f"{claim}_verified")}
    claims["updated_at"] = int(now.timestamp())
    storage.accounts.end_facts(tx, subject_id, [claim], now)
    if value is not None:
        claims |= {claim: value, f"{claim}_verified": True}
        fact = proved_by_code(chance.new_id(now), subject_id, claim, value, now)
        storage.accounts.insert_fact(tx, record.key, fact)
    storage.accounts.save_profile(tx, record.key, Profile(subject_id, claims, record.profile.proof_source), now)


def _is_cooling_down(tx: storage.Tx, subject_id: UUID, now: datetime) -> bool:
    used = storage.recoveries.list_used_since(tx, subject_id, now - recovery.COOL_DOWN)
    return recovery.cools_down([each.proved for each in used])


def _record(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn) -> Record:
    """The account as it stands now, held, so that two changes of the profile come one after the other."""
    record = storage.accounts.find_record(tx, runtime.keyring, signed_in.subject.id)
    if record is None:
        raise Refusal("not_found", "the account is not there any more")
    return record


def _note(
    tx: storage.Tx,
    runtime: Runtime,
    signed_in: SignedIn,
    key: DataKey,
    event: Event,
    told: tuple[Reachable, ...],
    notice: Notice,
) -> None:
    now, subject_id = runtime.clock.now(), signed_in.subject.id
    entry = Entry(
        id=chance.new_id(now),
        at=now,
        event=event,
        subject_id=subject_id,
        session_id=signed_in.session.id,
        actor="the person",
    )
    storage.audit.insert_entry(tx, entry, key)
    storage.outbox.insert_notices(tx, runtime.keyring, told, notice, subject_id, now)
