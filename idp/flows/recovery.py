"""Getting an account back without its password: codes to contacts that were proved, codes on paper, time, and notices.

What was typed may be nobody's: then the same rows are written, and no code is ever right.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from idp import storage
from idp.domain import factors, levels, throttles
from idp.domain import recovery as rules
from idp.domain.accounts import Subject
from idp.domain.audit import Entry, Event
from idp.domain.factors import Way
from idp.domain.identifiers import ContactKind
from idp.domain.notices import Notice
from idp.domain.recovery import Verdict
from idp.domain.sessions import EndReason
from idp.runtime import chance
from idp.runtime.data_keys import DataKey
from idp.runtime.runtime import Runtime
from idp.storage.factors import Factors

HERE: Final = "recovery here"
NOBODY: Final = UUID(int=0)
WAY_OF: Final = {ContactKind.PHONE: Way.SMS, ContactKind.EMAIL: Way.EMAIL}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose account it would be."""

    subject: Subject
    key: DataKey = field(repr=False)
    factors: Factors

    @property
    def is_proved(self) -> bool:
        return levels.is_proved(self.subject.account_level, self.subject.proof_source)


@dataclass(frozen=True, slots=True)
class Ready:
    """Enough was proved: a new password may be set, once, under this recovery."""

    recovery_id: UUID


@dataclass(frozen=True, slots=True)
class Wait:
    """Everybody is told; the same proof opens from `ready_at` on."""

    ready_at: datetime


@dataclass(frozen=True, slots=True)
class NotEnough:
    """Only a counter helps."""


Outcome = Ready | Wait | NotEnough


def find_owner(tx: storage.Tx, runtime: Runtime, subject_id: UUID) -> Owner | None:
    """The account, if it may be got back: one that is locked opens in person only."""
    subject = storage.accounts.find_subject(tx, subject_id, held=True)
    key = storage.data_keys.find_data_key(tx, runtime.keyring, subject_id)
    if subject is None or key is None or not subject.may_sign_in:
        return None
    return Owner(subject, key, storage.factors.list_factors(tx, key, subject_id, runtime.clock.now()))


def count_try(tx: storage.Tx, runtime: Runtime, name: str, address: str) -> bool:
    """Count a try for an account, whether there is one or not; True when it is one too many from this network.

    Nobody elsewhere is held up by it: codes that are sent bear few tries each, and those on paper have ten digits.
    """
    settings, now = runtime.settings.throttle, runtime.clock.now()
    if not settings.enabled:
        return False
    counted = {HERE: f"{name}\0{throttles.network_of(address)}"}
    ends_at = now + timedelta(seconds=settings.window)
    counts = storage.throttles.use_tries(tx, runtime.keyring, counted, now=now, window_ends_at=ends_at)
    return counts[HERE] > settings.tries_per_account


def use_paper(
    tx: storage.Tx, runtime: Runtime, subject_id: UUID | None, typed: str, *, beside_contact: bool
) -> Way | None:
    """By which kind of printed code this is right; spent by it. The same statements for nobody.

    One of the person's own codes is looked at only beside a contact: alone it opens nothing, and would be lost.
    """
    digits, now, right = factors.read_code(typed), runtime.clock.now(), None
    for way in (Way.COUNTER_CODE, Way.RECOVERY_CODE) if beside_contact else (Way.COUNTER_CODE,):
        if storage.factors.use_printed_code(tx, runtime.keyring, subject_id or NOBODY, way, digits, now):
            right = right or way
    return right


def open_recovery(tx: storage.Tx, runtime: Runtime, owner: Owner, proved: tuple[Way, ...], notice: Notice) -> Outcome:
    """What the proof opens: at once, later, or nothing. A recovery that waits already goes on waiting.

    One that was opened by other proof ends: what somebody proved and waited for must not open to who proves another
    thing, and who proves enough now owes nothing to the days that lesser proof would have waited.
    """
    now = runtime.clock.now()
    verdict = rules.judge(proved, is_proved_person=owner.is_proved)
    if verdict is Verdict.NOT_ENOUGH:
        return NotEnough()
    waiting = storage.recoveries.find_open(tx, owner.subject.id, now)
    if waiting is not None and verdict is Verdict.LATER and waiting.proved == frozenset(proved):
        return Ready(waiting.id) if waiting.ready_at <= now else Wait(waiting.ready_at)
    if waiting is not None:
        storage.recoveries.end_recovery(tx, waiting.id, storage.recoveries.CANCELLED, now)
    ready_at = now if verdict is Verdict.NOW else now + rules.PATIENCE
    recovery_id = storage.recoveries.insert_recovery(
        tx, owner.subject.id, proved, now=now, ready_at=ready_at, expires_at=ready_at + rules.OPEN_FOR
    )
    _note(tx, runtime, owner, Event.RECOVERY_OPENED, " ".join(proved))
    storage.outbox.insert_notices(tx, runtime.keyring, owner.factors.contacts, notice, owner.subject.id, now)
    return Ready(recovery_id) if verdict is Verdict.NOW else Wait(ready_at)


def complete(
    tx: storage.Tx, runtime: Runtime, owner: Owner, recovery_id: UUID, password_hash: str, notice: Notice
) -> bool:
    """Set the new password and end everything that was open; False when the recovery was used or cancelled before."""
    now = runtime.clock.now()
    if not storage.recoveries.end_recovery(tx, recovery_id, storage.recoveries.USED, now):
        return False
    storage.credentials.replace_password(tx, owner.subject.id, password_hash, now)
    storage.endings.end_person(
        tx, runtime.keyring, owner.subject.id, EndReason.REVOKED, now, actor="the recovery of the account"
    )
    _note(tx, runtime, owner, Event.RECOVERED, "")
    storage.outbox.insert_notices(tx, runtime.keyring, owner.factors.contacts, notice, owner.subject.id, now)
    return True


def cancel(tx: storage.Tx, runtime: Runtime, subject_id: UUID, *, how: str) -> bool:
    """End the recovery that waits; False when there is none."""
    now = runtime.clock.now()
    waiting, owner = storage.recoveries.find_open(tx, subject_id, now), find_owner(tx, runtime, subject_id)
    if waiting is None or owner is None:
        return False
    storage.recoveries.end_recovery(tx, waiting.id, storage.recoveries.CANCELLED, now)
    _note(tx, runtime, owner, Event.RECOVERY_CANCELLED, how)
    return True


def _note(tx: storage.Tx, runtime: Runtime, owner: Owner, event: Event, details: str) -> None:
    now = runtime.clock.now()
    entry = Entry(
        id=chance.new_id(now),
        at=now,
        event=event,
        subject_id=owner.subject.id,
        actor="the person",
        details=details,
    )
    storage.audit.insert_entry(tx, entry, owner.key)
