"""A session: one sign-in of one person in one browser, until it is idle too long, too old, or ended."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

# How often, within the time that a session of its own limit may be idle, its use is written.
TOUCHES: Final = 5


class EndReason(StrEnum):
    """Why a session or a grant ended."""

    SIGNED_OUT = "signed_out"
    ANOTHER_PERSON = "another_person"
    EXPIRED = "expired"
    LOCKED = "locked"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    CODE_REPLAYED = "code_replayed"
    REFRESH_REUSED = "refresh_reused"
    SERVICE_REMOVED = "service_removed"


@dataclass(frozen=True, slots=True)
class Session:
    id: UUID
    subject_id: UUID
    auth_time: datetime
    amr: tuple[str, ...]
    auth_level: int
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    # A limit of its own, of a session on a screen that many use; it never lengthens the usual one.
    idle_for: timedelta | None = None

    def is_live(self, now: datetime, idle_for: timedelta) -> bool:
        limit = idle_for if self.idle_for is None else min(idle_for, self.idle_for)
        return self.ended_at is None and now < self.expires_at and now < self.seen_at + limit

    def wants_touch(self, now: datetime, every: timedelta) -> bool:
        """Whether the time it was last seen is old enough to be written again."""
        return now - self.seen_at >= (every if self.idle_for is None else min(every, self.idle_for / TOUCHES))
