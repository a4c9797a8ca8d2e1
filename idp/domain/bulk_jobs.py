"""Bulk jobs: one deed for many people. Handed over, checked without changing anything, decided by a second officer,
worked off in parts; what was passed over is told line by line.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from idp.domain.accounts import Ground
from idp.domain.bulk_files import Fault
from idp.domain.refusals import Refusal

# So many lines are one transaction: long enough to be quick, short enough that nobody waits for it.
A_PART: Final = 500
# What nobody asked a second officer about, or none approved, is thrown away after so long.
KEPT_FOR: Final = timedelta(days=14)
LONGEST_SAID: Final = 200
# Grounds of a lock for many: an automatic ground belongs to one person's paper.
GROUNDS: Final = (Ground.MISUSE, Ground.BREACH, Ground.AUTHORITY)


class JobKind(StrEnum):
    IMPORT = "import"
    LOCK = "lock"


class JobState(StrEnum):
    """checking, checked (nothing was changed so far), running, done; dropped where nobody wanted it."""

    CHECKING = "checking"
    CHECKED = "checked"
    RUNNING = "running"
    DONE = "done"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class BulkJob:
    """One job. `done` counts the lines that the present pass has looked at, `good` those of them that are, or were, to
    be done; `part` is the next part. `said` is why, as `check_import` or `check_lock` gave it."""

    id: UUID
    kind: JobKind
    state: JobState
    said: Mapping[str, str] = field(repr=False)
    digest: str
    lines: int
    done: int
    good: int
    part: int
    asked_as: str
    approved_as: str
    created_at: datetime
    ended_at: datetime | None

    @property
    def percent(self) -> int:
        """How far the present pass is, never 100 before it is over."""
        if self.state in (JobState.CHECKED, JobState.DONE):
            return 100
        return min(99, self.done * 100 // max(1, self.lines))

    @property
    def body(self) -> dict[str, str]:
        """What a second officer decides on: the very file, by its SHA-256, and what the check found."""
        found = {"job": self.id.hex, "file": self.digest, "lines": str(self.lines), "good": str(self.good)}
        return {**found, **self.said}


@dataclass(frozen=True, slots=True)
class Passed:
    """A line that is passed over, and why."""

    line: int
    fault: Fault


def check_import(said: Mapping[str, str]) -> dict[str, str]:
    """Why people are taken over: `reason`, with the document. Raises Refusal('reason_missing')."""
    return {"reason": _needed(said, "reason")}


def check_lock(said: Mapping[str, str]) -> dict[str, str]:
    """Why people are locked out: `ground`, `reason`, `source` (the document) and `legal_basis`.

    Raises Refusal('reason_missing', 'wrong_state').
    """
    ground = said.get("ground", "")
    if ground not in GROUNDS:
        raise Refusal("wrong_state", "choose a ground", field="ground")
    body = {"ground": ground, **{name: _needed(said, name) for name in ("reason", "source")}}
    legal_basis = said.get("legal_basis", "").strip()[:LONGEST_SAID]
    return {**body, **({"legal_basis": legal_basis} if legal_basis else {})}


def _needed(said: Mapping[str, str], name: str) -> str:
    text = said.get(name, "").strip()[:LONGEST_SAID]
    if not text:
        raise Refusal("reason_missing", f"say {name}", field=name)
    return text
