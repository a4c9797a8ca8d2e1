"""Getting an account back without its password: codes to contacts that were proved, codes on paper, time, and notices.

What was typed may be nobody's: then the same rows are written, and no code is ever right.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from idp import storage
from idp.domain import factors, levels, throttles
from idp.domain import recovery as rules
from idp.domain.accounts import Deed, Subject, move
from idp.domain.audit import Entry, Event
from idp.domain.factors import Way
from idp.domain.identifiers import ContactKind
from idp.domain.notices import Notice
from idp.domain.recovery import Verdict
from idp.domain.sessions import EndReason
from idp.runtime import chance, mail_tokens
from idp.runtime.data_keys import DataKey
from idp.runtime.runtime import Runtime
from idp.storage.factors import Factors
from idp.storage.recoveries import Recovery

HERE: Final = "recovery here"
# The deed of the link in the mail that says somebody asks for the account.
CANCEL: Final = "cancel"
NOBODY: Final = UUID(int=0)
WAY_OF: Final = {ContactKind.PHONE: Way.SMS, ContactKind.EMAIL: Way.EMAIL}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose account it would be."""

    subject: Subject
    key: DataKey = field(repr=False)
    factors: Factors
    got_back: tuple[Recovery, ...] = ()

    @property
    def is_guarded(self) -> bool:
        """Whether more than a password guards it: not by what was added since it was got back, maybe by a thief."""
        made_at = [each.created_at for each in self.factors.passkeys] + [each.created_at for each in self.factors.totp]
        first = min((each.ended_at for each in self.got_back if each.ended_at), default=None)
        has_strong = any(first is None or moment < first for moment in made_at)
        return has_strong or levels.is_proved(self.subject.account_level, self.subject.proof_source)


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
    """The account, if it may be got back: one that is locked opens in person only, but by the link in a mail."""
    subject = storage.accounts.find_subject(tx, subject_id, held=True)
    key = storage.data_keys.find_data_key(tx, runtime.keyring, subject_id)
    if subject is None or key is None:
        return None
    lock = storage.account_states.find_lock(tx, subject_id)
    if not (subject.may_sign_in or (lock is not None and lock.opens_by_recovery)):
        return None
    now = runtime.clock.now()
    lately = storage.recoveries.list_used_since(tx, subject_id, now - rules.COOL_DOWN)
    return Owner(subject, key, storage.factors.list_factors(tx, key, subject_id, now), tuple(lately))


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
    """What the proof opens: at once, later, or nothing. A recovery that waits already for this proof goes on waiting.

    Those of other proof stand beside it: what somebody proved and waited for opens to nobody who proves another thing,
    and ends by nobody's asking, but by the first that is completed. `notice` has `{token}` where its link says no.
    """
    now = runtime.clock.now()
    verdict = rules.judge(proved, is_guarded=owner.is_guarded)
    if verdict is Verdict.NOT_ENOUGH:
        return NotEnough()
    open_one = storage.recoveries.find_open(tx, owner.subject.id, proved, now)
    if open_one is not None:
        if open_one.ready_at <= now and (open_one.waited or verdict is Verdict.NOW):
            return Ready(open_one.id)
        if open_one.waited and verdict is Verdict.LATER:
            return Wait(open_one.ready_at)
        storage.recoveries.end_recovery(tx, open_one.id, storage.recoveries.CANCELLED, now)
    ready_at = now if verdict is Verdict.NOW else now + rules.PATIENCE
    recovery_id = storage.recoveries.insert_recovery(
        tx, owner.subject.id, proved, now=now, ready_at=ready_at, expires_at=ready_at + rules.OPEN_FOR
    )
    _note(tx, runtime, owner, Event.RECOVERY_OPENED, " ".join(proved))
    token = mail_tokens.seal(runtime, CANCEL, recovery_id)
    told = replace(notice, in_mail=notice.in_mail.replace("{token}", token))
    storage.outbox.insert_notices(tx, runtime.keyring, owner.factors.contacts, told, owner.subject.id, now)
    return Ready(recovery_id) if verdict is Verdict.NOW else Wait(ready_at)


def complete(
    tx: storage.Tx, runtime: Runtime, owner: Owner, recovery_id: UUID, password_hash: str, notice: Notice
) -> bool:
    """Set the new password and end everything that was open; False when the recovery was used or cancelled before.

    What was added after a weaker recovery of the last days goes: it may be a thief's. So does the lock that the owner
    put on by the link in a mail.
    """
    now = runtime.clock.now()
    recovery = storage.recoveries.find_by_id(tx, recovery_id, now)
    if recovery is None or not storage.recoveries.end_recovery(tx, recovery_id, storage.recoveries.USED, now):
        return False
    subject_id = owner.subject.id
    storage.credentials.replace_password(tx, subject_id, password_hash, now)
    storage.throttles.end_tries(tx, runtime.keyring, throttles.app_codes(subject_id))
    _undo_weaker(tx, runtime, owner, recovery)
    storage.endings.end_person(
        tx, runtime.keyring, subject_id, EndReason.REVOKED, now, actor="the recovery of the account"
    )
    if not owner.subject.may_sign_in:
        opened = move(owner.subject.state, Deed.UNLOCK)
        storage.account_states.save_state(tx, subject_id, owner.subject.state, opened, reason="got back", now=now)
        _note(tx, runtime, owner, Event.ACCOUNT_UNLOCKED, "", actor="the recovery of the account")
    _note(tx, runtime, owner, Event.RECOVERED, "")
    storage.outbox.insert_notices(tx, runtime.keyring, owner.factors.contacts, notice, owner.subject.id, now)
    return True


def cancel(tx: storage.Tx, runtime: Runtime, recovery_id: UUID, *, how: str) -> bool:
    """End this recovery; False when it has ended, or was never."""
    now = runtime.clock.now()
    waiting = storage.recoveries.find_by_id(tx, recovery_id, now)
    owner = find_owner(tx, runtime, waiting.subject_id) if waiting else None
    if waiting is None or owner is None:
        return False
    storage.recoveries.end_recovery(tx, waiting.id, storage.recoveries.CANCELLED, now)
    _note(tx, runtime, owner, Event.RECOVERY_CANCELLED, how)
    return True


def _undo_weaker(tx: storage.Tx, runtime: Runtime, owner: Owner, recovery: Recovery) -> None:
    """End the factors that were added since the first recovery of the last days that proved less than this one."""
    mine = rules.strength(recovery.proved)
    weaker = [each.ended_at for each in owner.got_back if each.ended_at and rules.strength(each.proved) < mine]
    if not weaker:
        return
    for way in storage.factors.end_added_since(tx, owner.subject.id, min(weaker), runtime.clock.now()):
        _note(tx, runtime, owner, Event.FACTOR_REMOVED, way, actor="the recovery of the account")


def _note(
    tx: storage.Tx, runtime: Runtime, owner: Owner, event: Event, details: str, *, actor: str = "the person"
) -> None:
    now = runtime.clock.now()
    entry = Entry(
        id=chance.new_id(now),
        at=now,
        event=event,
        subject_id=owner.subject.id,
        actor=actor,
        details=details,
    )
    storage.audit.insert_entry(tx, entry, owner.key)
