"""Taking back checks of people: by whom they were made, of which source, between which days."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from idp.domain.levels import ProofSource
from idp.domain.refusals import Refusal

# A fact with one of these names says who somebody is: whose proof it was, falls with it.
ANCHORS: Final = ("name", "birthdate", "personal_id_number")
# How the facts stand afterwards: the value is what the person goes by, and nobody vouches for it.
METHOD: Final = "as declared; the check was taken back"
LONGEST_OFFICER: Final = 64
LONGEST_REASON: Final = 200


class RecallState(StrEnum):
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which checks: of one source, of one officer or ('') of all, from this moment on and before that one."""

    officer: str
    source: ProofSource
    since: datetime
    before: datetime


@dataclass(frozen=True, slots=True)
class Recall:
    """One recall and how far it is. `cursor` is the last person who was worked off."""

    id: UUID
    scope: Scope
    reason: str
    state: RecallState
    persons: int
    done: int
    cursor: UUID | None
    asked_as: str
    approved_as: str
    created_at: datetime
    ended_at: datetime | None

    @property
    def percent(self) -> int:
        """How far it is, never 100 before it is done."""
        if self.state is RecallState.DONE:
            return 100
        return min(99, self.done * 100 // max(1, self.persons))


def check_recall(said: Mapping[str, str], today: date) -> dict[str, str]:
    """What is to be taken back, as a case keeps it: `recall_source`, `recall_from`, `recall_until`, `reason`, and
    `recall_officer` where it is one officer's.

    Both days belong to it. Raises Refusal('reason_missing', 'invalid_identifier', 'wrong_state').
    """
    source, reason = said.get("source", "").strip(), said.get("reason", "").strip()[:LONGEST_REASON]
    officer = said.get("officer", "").strip()
    if source not in {ProofSource.COUNTER, ProofSource.NATIONAL_ID} or len(officer) > LONGEST_OFFICER:
        raise Refusal("invalid_identifier", "name a source of proof, and an officer by the staff code", field="source")
    first, last = _day(said.get("since", ""), "since"), _day(said.get("until", ""), "until")
    if first > last or first > today:
        raise Refusal("wrong_state", "the last day lies before the first, or the first has not come", field="until")
    if not reason:
        raise Refusal("reason_missing", "say why, and by which document", field="reason")
    body = {"recall_source": source, "recall_from": first.isoformat(), "recall_until": last.isoformat()}
    return {**body, "reason": reason, **({"recall_officer": officer} if officer else {})}


def _day(text: str, field: str) -> date:
    """dd/mm/yyyy as people here write it, or ISO 8601."""
    typed = text.strip()
    try:
        if len(typed) == 10 and typed[2] == typed[5] == "/":
            return date(int(typed[6:]), int(typed[3:5]), int(typed[:2]))
        return date.fromisoformat(typed)
    except ValueError:
        raise Refusal("wrong_state", "write a day as dd/mm/yyyy", field=field) from None
