"""Secrets of services: how many, how long, and when their end is told. The secrets themselves are nowhere here."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

MOST_SECRETS: Final = 2
# A secret that nobody changes ends by itself.
SECRET_FOR: Final = timedelta(days=365)
# Days before the end of a secret at which the contacts are told.
REMIND_AT: Final = (1, 7, 30)


@dataclass(frozen=True, slots=True)
class SecretTerm:
    """From when to when a secret counts; `mark` names its digest, `reminded` which of REMIND_AT was told last."""

    mark: str
    made_at: datetime
    expires_at: datetime
    reminded: int | None = None

    def reminder_due(self, now: datetime) -> int | None:
        """Which of REMIND_AT is to be told now; None when nothing is, or it was."""
        left = self.expires_at - now
        if left <= timedelta():
            return None
        due = next((days for days in REMIND_AT if left <= timedelta(days=days)), None)
        return None if due is None or (self.reminded is not None and self.reminded <= due) else due


def mark_of(digest: bytes) -> str:
    """What names a secret where it is shown and ended; it opens nothing."""
    return sha256(b"idp secret mark" + digest).hexdigest()[:12]
