"""Who is signed in here: kept in memory on the server, so that a word from the province really ends it."""

import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any

VISIT_FOR = 8 * 3600  # seconds, absolute
_MOST_ENTRIES = 5_000  # a demonstration's memory is not for strangers to fill


@dataclass(slots=True)
class Visit:
    """One sign-in of one person at this service: the tokens, and the facts that came with them."""

    sub: str
    sid: str | None
    token: dict[str, Any] = field(repr=False)
    identity: dict[str, Any] = field(repr=False)  # the ID token's claims
    facts: dict[str, Any] = field(repr=False)  # what userinfo answered last
    facts_at: float
    opened_at: float
    renewed_at: float | None = None
    # Two clicks at once must not spend one refresh token twice: the province would end the grant.
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


class Visits:
    """All visits, by the random key that the browser's cookie carries."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._visits: dict[str, Visit] = {}
        self._ended_by_province: dict[str, None] = {}

    def open(self, visit: Visit) -> str:
        """Keeps the visit under a new key and returns the key."""
        key = secrets.token_urlsafe(32)
        with self._lock:
            self._visits[key] = visit
            _drop_oldest(self._visits)
        return key

    def find(self, key: str | None) -> Visit | None:
        with self._lock:
            visit = self._visits.get(key) if key else None
            if key and visit and visit.opened_at + VISIT_FOR < time.time():
                del self._visits[key]
                return None
            return visit

    def close(self, key: str | None) -> Visit | None:
        """Forgets the visit and returns what it held."""
        with self._lock:
            return self._visits.pop(key, None) if key else None

    def close_told(self, sub: str | None, sid: str | None) -> int:
        """Ends what a logout token names, the session `sid` or else all of `sub`; says how many."""
        with self._lock:
            named = [key for key, visit in self._visits.items() if _is_named(visit, sub, sid)]
            for key in named:
                del self._visits[key]
                self._ended_by_province[key] = None
            _drop_oldest(self._ended_by_province)
        return len(named)

    def was_ended_by_province(self, key: str | None) -> bool:
        """Whether this browser's visit was ended by a logout token: said once, then forgotten."""
        with self._lock:
            ended = key in self._ended_by_province
            self._ended_by_province.pop(key or "", None)
            return ended


def _is_named(visit: Visit, sub: str | None, sid: str | None) -> bool:
    if sub is not None and visit.sub != sub:
        return False
    return sid is None or visit.sid == sid


def _drop_oldest(entries: dict[str, Any]) -> None:
    while len(entries) > _MOST_ENTRIES:
        del entries[next(iter(entries))]


class Parked:
    """Sign-ins under way (nonce, PKCE verifier), kept here, not in the cookie; shaped as Authlib's cache."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parked: dict[str, tuple[float, str]] = {}

    def set(self, key: str, value: str, expires_in: int) -> None:
        with self._lock:
            self._parked[key] = (time.time() + expires_in, value)
            _drop_oldest(self._parked)

    def get(self, key: str) -> str | None:
        with self._lock:
            until, value = self._parked.get(key, (0.0, ""))
            return value if until > time.time() else None

    def delete(self, key: str) -> None:
        with self._lock:
            self._parked.pop(key, None)
