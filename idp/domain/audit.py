"""The audit: a closed list of events, and the leaf hash that a later proof stands on.

The hash is taken over the bytes as stored, sealed values included, so that erasing a person's key breaks no proof.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from uuid import UUID


class Event(StrEnum):
    ACCOUNT_CREATED = "account.created"
    ACCOUNT_PRELOADED = "account.preloaded"
    PERSON_PROVED = "person.proved"
    PERSON_CORRECTED = "person.corrected"
    ACCOUNT_CLAIMED = "account.claimed"
    ACCOUNT_LOCKED = "account.locked"
    ACCOUNT_CLOSED = "account.closed"
    ACCOUNT_ERASED = "account.erased"
    ACCOUNT_UNLOCKED = "account.unlocked"
    SIGNED_IN = "sign_in.succeeded"
    SIGN_IN_FAILED = "sign_in.failed"
    SIGN_IN_THROTTLED = "sign_in.throttled"
    SECOND_FACTOR_FAILED = "second_factor.failed"
    FACTOR_ADDED = "factor.added"
    FACTOR_REMOVED = "factor.removed"
    CONTACT_ADDED = "contact.added"
    CONTACT_REMOVED = "contact.removed"
    PRINTED_CODES_ISSUED = "printed_codes.issued"
    PRINTED_CODE_USED = "printed_code.used"
    RECOVERY_OPENED = "recovery.opened"
    RECOVERY_CANCELLED = "recovery.cancelled"
    RECOVERED = "recovery.done"
    PASSWORD_CHANGED = "password.changed"
    PASSWORD_REHASHED = "password.rehashed"
    SIGNED_OUT = "session.signed_out"
    SESSION_EXPIRED = "session.expired"
    SESSION_REPLACED = "session.replaced"
    SESSION_ENDED = "session.ended"
    RECORD_READ = "record.read"
    DATA_TAKEN = "data.taken"
    SCREEN_APPROVED = "screen.approved"
    SCREEN_REFUSED = "screen.refused"
    CONSENT_GIVEN = "consent.given"
    CONSENT_REFUSED = "consent.refused"
    CONSENT_WITHDRAWN = "consent.withdrawn"
    NOTICE_SHOWN = "notice.shown"
    RIGHTS_ASKED = "rights.asked"
    RIGHTS_ANSWERED = "rights.answered"
    RIGHTS_EXTENDED = "rights.extended"
    RIGHTS_FULFILLED = "rights.fulfilled"
    RIGHTS_REFUSED = "rights.refused"
    RIGHTS_WITHDRAWN = "rights.withdrawn"
    CODE_REPLAYED = "grant.code_replayed"
    GRANT_REVOKED = "grant.revoked"
    GRANT_WITHDRAWN = "grant.withdrawn"
    REFRESH_REUSED = "grant.refresh_reused"
    SERVICE_REGISTERED = "service.registered"
    SERVICE_INVITED = "service.invited"
    SERVICE_CHANGED = "service.changed"
    SERVICE_SUSPENDED = "service.suspended"
    SERVICE_RESUMED = "service.resumed"
    SERVICE_REMOVED = "service.removed"
    KEY_MADE = "key.made"
    KEY_STATE_CHANGED = "key.state_changed"
    KEYS_REWRAPPED = "keys.rewrapped"
    DELIVERIES_RETRIED = "outbox.retried"
    SCREEN_CODE_MADE = "screen_code.made"
    COUNTER_SCREEN_SET = "counter_screen.set"
    OFFICER_CREATED = "officer.created"
    OFFICER_ENROLLED = "officer.enrolled"
    OFFICER_ASSIGNED = "officer.assigned"
    OFFICER_UNASSIGNED = "officer.unassigned"
    BREAK_GLASS = "officer.break_glass"
    ACCESS_REFUSED = "officer.access_refused"
    PEOPLE_SEARCHED = "people.searched"
    CASE_ASKED = "case.asked"
    CASE_APPROVED = "case.approved"
    CASE_REFUSED = "case.refused"
    CASE_WITHDRAWN = "case.withdrawn"
    CASE_EXPIRED = "case.expired"
    RECALL_STARTED = "recall.started"
    PROOF_RECALLED = "proof.recalled"
    RECALL_DONE = "recall.done"
    HISTORY_DROPPED = "history.dropped"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit: what happened, to whom, at which service, by whom; `details` are sealed when stored."""

    id: UUID
    at: datetime
    event: Event
    subject_id: UUID | None = None
    service_id: UUID | None = None
    session_id: UUID | None = None
    actor: str = ""
    details: str = ""


def leaf_hash(*parts: object) -> bytes:
    """SHA-256 over the parts of a stored entry, each with its length, so that no two entries read alike."""
    hashed = sha256(b"idp leaf 1")
    for part in parts:
        raw = part if isinstance(part, bytes) else str("" if part is None else part).encode()
        hashed.update(len(raw).to_bytes(4, "big") + raw)
    return hashed.digest()
