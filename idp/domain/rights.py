"""Requests of people about their own data: their kinds, their clocks, their states (Law 91/2025; Decree 356/2025).

A clock is made of whole days in the province. The day on which a request comes is not counted; a due day is the last
one on which it is in time.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from idp.domain.refusals import Refusal

ANSWER_WITHIN: Final = 2  # working days
EXTENSION: Final = timedelta(days=15)
# Of one person's requests, those that are open or came within a day: who asks in earnest needs no more.
MOST: Final = 5
LONGEST: Final = 2000
# (month, day) of the holidays that fall on the same day each year; the others are a setting.
FIXED_HOLIDAYS: Final = frozenset({(1, 1), (4, 30), (5, 1), (9, 2)})


class RightKind(StrEnum):
    ACCESS = "access"
    COPY = "copy"
    CORRECT = "correct"
    ERASE = "erase"
    WITHDRAW = "withdraw"
    RESTRICT = "restrict"
    OBJECT = "object"


# Days for each kind, and days where others (a service, a processor) must act too. Only the last three are longer then:
# see docs/decisions/0031-the-clocks-of-rights-requests.md.
DONE_WITHIN: Final = {
    RightKind.ACCESS: (10, 10),
    RightKind.COPY: (10, 10),
    RightKind.CORRECT: (10, 10),
    RightKind.ERASE: (20, 20),
    RightKind.WITHDRAW: (15, 20),
    RightKind.RESTRICT: (15, 20),
    RightKind.OBJECT: (15, 20),
}


class RequestState(StrEnum):
    """received, answered and extended are open; done, refused and withdrawn are the ends."""

    RECEIVED = "received"
    ANSWERED = "answered"
    EXTENDED = "extended"
    DONE = "done"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"

    @property
    def is_open(self) -> bool:
        return self in {RequestState.RECEIVED, RequestState.ANSWERED, RequestState.EXTENDED}


class Deed(StrEnum):
    """What moves a request from one state to another."""

    ANSWER = "answer"
    EXTEND = "extend"
    FULFIL = "fulfil"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


# What is not here is refused: nothing is answered twice, extended twice, or opened again.
MOVES: Final = {
    (RequestState.RECEIVED, Deed.ANSWER): RequestState.ANSWERED,
    (RequestState.RECEIVED, Deed.FULFIL): RequestState.DONE,
    (RequestState.RECEIVED, Deed.REFUSE): RequestState.REFUSED,
    (RequestState.RECEIVED, Deed.WITHDRAW): RequestState.WITHDRAWN,
    (RequestState.ANSWERED, Deed.EXTEND): RequestState.EXTENDED,
    (RequestState.ANSWERED, Deed.FULFIL): RequestState.DONE,
    (RequestState.ANSWERED, Deed.REFUSE): RequestState.REFUSED,
    (RequestState.ANSWERED, Deed.WITHDRAW): RequestState.WITHDRAWN,
    (RequestState.EXTENDED, Deed.FULFIL): RequestState.DONE,
    (RequestState.EXTENDED, Deed.REFUSE): RequestState.REFUSED,
    (RequestState.EXTENDED, Deed.WITHDRAW): RequestState.WITHDRAWN,
}


def move(state: RequestState, deed: Deed) -> RequestState:
    """The state after this deed; raises Refusal('wrong_state')."""
    try:
        return MOVES[state, deed]
    except KeyError:
        raise Refusal("wrong_state", f"a request that is {state} cannot be moved by: {deed}") from None


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that was done about a request: when, by whom, and what was said."""

    at: datetime
    by: str
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Due:
    """The last days on which an answer, and the deed itself, are in time."""

    answer_by: date
    done_by: date


@dataclass(frozen=True, slots=True)
class RightsRequest:
    """A request; `through_others` says that a service or a processor must act too, `legal_ground` why it was refused.

    `ended` is what was done, refused or taken back, as `state` says.
    """

    id: UUID
    subject_id: UUID
    kind: RightKind
    state: RequestState
    through_others: bool
    due: Due
    legal_ground: str
    received: Act
    answered: Act | None = None
    extended: Act | None = None
    ended: Act | None = None

    def is_overdue(self, today: date) -> bool:
        late_answer = self.state is RequestState.RECEIVED and self.due.answer_by < today
        return self.state.is_open and (late_answer or self.due.done_by < today)


def is_working_day(day: date, holidays: Collection[date]) -> bool:
    """Monday to Friday, but for the fixed holidays and those of the setting."""
    return day.weekday() < 5 and (day.month, day.day) not in FIXED_HOLIDAYS and day not in holidays


def add_working_days(day: date, count: int, holidays: Collection[date]) -> date:
    """The working day that is the `count`th after `day`."""
    while count:
        day += timedelta(days=1)
        count -= is_working_day(day, holidays)
    return day


def due_of(kind: RightKind, came_on: date, holidays: Collection[date], *, through_others: bool = False) -> Due:
    """The clock of a request that came on this day.

    Where holidays make the working days longer than the whole clock, the deed's day is the answer's too.
    """
    done_by = came_on + timedelta(days=DONE_WITHIN[kind][through_others])
    return Due(min(add_working_days(came_on, ANSWER_WITHIN, holidays), done_by), done_by)


def check_words(text: str, *, needed: bool = True) -> str:
    """What was said, without spaces around it; raises Refusal('reason_missing', 'too_long')."""
    words = text.replace("\r\n", "\n").strip()
    if needed and not words:
        raise Refusal("reason_missing", "say why, or what was done, in words that the person reads")
    if len(words) > LONGEST:
        raise Refusal("too_long", f"at most {LONGEST} characters")
    return words
