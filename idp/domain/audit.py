"""The audit: a closed list of events, and the leaf hash that a later proof stands on.

The hash is taken over the bytes as stored, sealed values included, so that erasing a person's key breaks no proof.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final
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
    ACCOUNT_MERGED = "account.merged"
    ACCOUNT_UNMERGED = "account.unmerged"
    SIGNED_IN = "sign_in.succeeded"
    SIGN_IN_FAILED = "sign_in.failed"
    SIGN_IN_THROTTLED = "sign_in.throttled"
    SECOND_FACTOR_FAILED = "second_factor.failed"
    FACTOR_ADDED = "factor.added"
    FACTOR_REMOVED = "factor.removed"
    CONTACT_ADDED = "contact.added"
    DEVICE_FORGOTTEN = "device.forgotten"
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
    INVITATION_WITHDRAWN = "service.invitation_withdrawn"
    SERVICE_CHANGED = "service.changed"
    SERVICE_SUSPENDED = "service.suspended"
    SERVICE_RESUMED = "service.resumed"
    SERVICE_REMOVED = "service.removed"
    SECRET_ADDED = "service.secret_added"
    SECRET_ENDED = "service.secret_ended"
    SECRET_REMINDED = "service.secret_reminded"
    TEST_PEOPLE_MADE = "service.test_people_made"
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
    BULK_HANDED_OVER = "bulk.handed_over"
    BULK_STARTED = "bulk.started"
    BULK_DONE = "bulk.done"
    BULK_DROPPED = "bulk.dropped"
    RECALL_STARTED = "recall.started"
    PROOF_RECALLED = "proof.recalled"
    RECALL_DONE = "recall.done"
    HISTORY_DROPPED = "history.dropped"
    LOG_READ = "log.read"
    LOG_EXPORTED = "log.exported"


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


class Kind(StrEnum):
    """What is written down: a line of the audit, or what a service received."""

    AUDIT = "audit"
    RELEASE = "release"


# What the leaf hash of each kind is taken over, in this order, after the kind's own name.
PARTS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.AUDIT: ("id", "at", "event", "subject_id", "service_id", "session_id", "actor", "details_sealed"),
    Kind.RELEASE: (
        *("id", "at", "subject_id", "service_id", "grant_id", "name_bits"),
        *("basis_kind", "basis_id", "legal_basis", "personal_number_basis"),
    ),
}


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A line of the audit or a release as it is stored; what was sealed in it stays so.

    `stored_hash` is the leaf hash that stands beside the values.
    """

    kind: Kind
    id: UUID
    values: Mapping[str, object]
    stored_hash: bytes

    def leaf_hash(self) -> bytes:
        """Computed from what is stored, not read."""
        return hash_of(self.kind, self.values)

    def told(self) -> dict[str, str | None]:
        """Each value as it goes into the hash: a text, for sealed bytes their base64, None for nothing."""
        return {name: _told(_hashed(self.values[name])) for name in PARTS[self.kind]}


def hash_of(kind: Kind, values: Mapping[str, object]) -> bytes:
    """The leaf hash of what is about to be stored."""
    return leaf_hash(kind, *(_hashed(values[name]) for name in PARTS[kind]))


def leaf_hash(*parts: object) -> bytes:
    """SHA-256 over the parts of a stored entry, each with its length, so that no two entries read alike."""
    hashed = sha256(b"idp leaf 1")
    for part in parts:
        raw = part if isinstance(part, bytes) else str("" if part is None else part).encode()
        hashed.update(len(raw).to_bytes(4, "big") + raw)
    return hashed.digest()


def _hashed(value: object) -> object:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _told(value: object) -> str | None:
    if value is None:
        return None
    return b64encode(value).decode() if isinstance(value, bytes) else str(value)
