"""Two-person control: one officer asks, another one decides, in another session, on another device, within a time.

What is asked is bound by its hash: the decision names what was seen, and holds for nothing else.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final
from uuid import UUID

import orjson

from idp.domain import rights
from idp.domain.officers import Permission
from idp.domain.refusals import Refusal

# The body of a case that is over is kept so long for questions; its hash, and what was done, for good.
BODY_FOR: Final = timedelta(days=90)
LONGEST_REASON: Final = 200


class CaseKind(StrEnum):
    """What needs two officers."""

    PROOF = "proof"
    CORRECT = "correct"
    CLOSE = "close"
    MERGE = "merge"
    IMPORT = "import"
    KEYS = "keys"
    UNMERGE = "unmerge"
    BULK_LOCK = "bulk_lock"
    RECALL = "recall"
    GRANT_ROLE = "grant_role"
    SERVICE = "service"


# What the second officer must be allowed; DECIDE_CASES for all the others.
_DECIDED_BY: Final = {CaseKind.SERVICE: Permission.DECIDE_SERVICES}


# Working days within which a case wants its decision. Proofs: Decree 69/2024 Art 13 (three for who shows a valid card);
# locks and their like: Art 30 (two after the request has come); corrections and the rest: the answer to any request,
# Decree 356/2025 (two). What stops a leak or wrong checks does not wait.
_WORKING_DAYS: Final = {
    CaseKind.PROOF: 3,
    CaseKind.RECALL: 1,
    CaseKind.BULK_LOCK: 1,
    CaseKind.KEYS: 1,
    CaseKind.IMPORT: 10,
}
_USUAL_DAYS: Final = 2
# The appraisal of a system that wants to connect: Decree 69/2024 Art 18, thirty days.
_APPRAISED_WITHIN: Final = timedelta(days=30)
# A case that nobody decides is over after a week, what was seen when it was asked may not be so any more; where its day
# comes later than that, a little after its day.
_OVER_AFTER: Final = timedelta(days=7)
_BEYOND_ITS_DAY: Final = timedelta(days=2)


def due_of(kind: CaseKind, asked_on: date, holidays: Collection[date]) -> date:
    """The last day on which a decision is in time; the day on which it is asked does not count."""
    if kind is CaseKind.SERVICE:
        return asked_on + _APPRAISED_WITHIN
    return rights.add_working_days(asked_on, _WORKING_DAYS.get(kind, _USUAL_DAYS), holidays)


def expiry_of(asked_at: datetime, asked_on: date, due_by: date) -> datetime:
    """When a case is over that nobody has decided; never before it is late."""
    return asked_at + max(_OVER_AFTER, due_by - asked_on + _BEYOND_ITS_DAY)


def decided_by(kind: CaseKind) -> Permission:
    """What an officer must be allowed to decide a case of this kind."""
    return _DECIDED_BY.get(kind, Permission.DECIDE_CASES)


class CaseState(StrEnum):
    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Hand:
    """Who acts: the officer, how the audit names them, the session and the browser."""

    officer_id: UUID
    actor: str
    session_id: UUID
    device_digest: bytes


@dataclass(frozen=True, slots=True)
class Case:
    """One question to a second officer. `body` is what would be done, for whom `subject_id` names a person."""

    id: UUID
    kind: CaseKind
    state: CaseState
    subject_id: UUID | None
    agency_id: UUID
    asked: Hand
    asked_at: datetime
    body: Mapping[str, str] = field(repr=False)
    body_hash: bytes
    due_by: date
    expires_at: datetime
    decided_as: str = ""
    decided_at: datetime | None = None
    reason: str = ""

    def is_late(self, today: date) -> bool:
        return self.state is CaseState.WAITING and self.due_by < today


def hash_of(kind: CaseKind, subject_id: UUID | None, body: Mapping[str, str]) -> bytes:
    """SHA-256 over what is asked, the same however the body is ordered."""
    said = [kind.value, subject_id.hex if subject_id else "", dict(body)]
    return sha256(b"idp case 1" + orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()


def check_decision(case: Case, hand: Hand, seen: bytes, now: datetime, *, concerns_oneself: bool) -> None:
    """Whether this hand may decide this case now; raises Refusal with the reason, the plainest first."""
    if case.state is not CaseState.WAITING:
        raise Refusal("wrong_state", f"the case is {case.state}")
    if case.expires_at <= now:
        raise Refusal("case_expired", "the case waited too long")
    if hand.officer_id == case.asked.officer_id:
        raise Refusal("same_officer", "who asked does not decide")
    if hand.session_id == case.asked.session_id:
        raise Refusal("same_officer", "it was asked in this very session")
    if hand.device_digest == case.asked.device_digest:
        raise Refusal("same_device", "it was asked in this very browser")
    if concerns_oneself:
        raise Refusal("own_case", "nobody decides on one's own record")
    if seen != case.body_hash or hash_of(case.kind, case.subject_id, case.body) != case.body_hash:
        raise Refusal("case_changed", "what was seen is not what was asked")
