"""Rights requests: which deed is possible when, and clocks that never run too long."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from idp.domain.refusals import Refusal
from idp.domain.rights import (
    DONE_WITHIN,
    LONGEST,
    Act,
    Deed,
    Due,
    RequestState,
    RightKind,
    RightsRequest,
    add_working_days,
    check_words,
    due_of,
    is_working_day,
    move,
)

DAY = timedelta(days=1)
TET = frozenset(date(2027, 2, day) for day in range(5, 12))
DAYS = st.dates(date(2026, 1, 1), date(2040, 12, 31))
HOLIDAYS = st.frozensets(st.dates(date(2026, 1, 1), date(2041, 3, 1)), max_size=40)

ALLOWED = {
    "received": {"answer": "answered", "fulfil": "done", "refuse": "refused", "withdraw": "withdrawn"},
    "answered": {"extend": "extended", "fulfil": "done", "refuse": "refused", "withdraw": "withdrawn"},
    "extended": {"fulfil": "done", "refuse": "refused", "withdraw": "withdrawn"},
    "done": {},
    "refused": {},
    "withdrawn": {},
}


@pytest.mark.parametrize("deed", Deed)
@pytest.mark.parametrize("state", RequestState)
def test_each_deed_in_each_state(state: RequestState, deed: Deed) -> None:
    wanted = ALLOWED[state].get(deed)
    if wanted is not None:
        assert move(state, deed) == wanted
        return
    with pytest.raises(Refusal, match="wrong_state"):
        move(state, deed)


def test_what_is_open_is_what_something_can_still_be_done_about() -> None:
    assert {state for state in RequestState if state.is_open} == {state for state, deeds in ALLOWED.items() if deeds}


@given(st.lists(st.sampled_from(Deed), max_size=12))
def test_nothing_is_answered_or_extended_twice_nor_opened_again(deeds: list[Deed]) -> None:
    state, was = RequestState.RECEIVED, []
    for deed in deeds:
        try:
            state = move(state, deed)
        except Refusal:
            continue
        was.append(state)
    assert len(was) == len(set(was))
    assert not [each for each in was[:-1] if not each.is_open]


# -- days ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "count", "wanted"),
    [
        (date(2026, 12, 1), 2, date(2026, 12, 3)),  # Tuesday
        (date(2026, 12, 3), 2, date(2026, 12, 7)),  # Thursday, over a weekend
        (date(2026, 12, 5), 2, date(2026, 12, 8)),  # Saturday
        (date(2026, 12, 6), 2, date(2026, 12, 8)),  # Sunday: no earlier than Saturday's
        (date(2026, 12, 31), 2, date(2027, 1, 5)),  # over New Year and a weekend
        (date(2027, 4, 29), 2, date(2027, 5, 4)),  # over the two days of spring
        (date(2027, 9, 1), 2, date(2027, 9, 6)),
        (date(2027, 2, 4), 2, date(2027, 2, 15)),  # over Tet, which the setting names
        (date(2026, 12, 1), 0, date(2026, 12, 1)),
    ],
)
def test_working_days_by_the_calendar(day: date, count: int, wanted: date) -> None:
    assert add_working_days(day, count, TET) == wanted


@given(DAYS, st.integers(1, 12), HOLIDAYS)
def test_a_due_day_has_so_many_working_days_up_to_it_and_is_one_itself(
    day: date, count: int, holidays: frozenset[date]
) -> None:
    due = add_working_days(day, count, holidays)
    between = [day + DAY * passed for passed in range(1, (due - day).days + 1)]
    worked = [each for each in between if is_working_day(each, holidays)]
    assert len(worked) == count
    assert worked[-1] == due


@given(DAYS, st.integers(0, 12), st.integers(0, 12), HOLIDAYS)
def test_days_are_added_in_one_go_or_in_two(day: date, some: int, more: int, holidays: frozenset[date]) -> None:
    at_once = add_working_days(day, some + more, holidays)
    assert add_working_days(add_working_days(day, some, holidays), more, holidays) == at_once


@given(DAYS, DAYS, st.integers(1, 12), HOLIDAYS, HOLIDAYS)
def test_who_comes_later_and_more_holidays_make_no_earlier_day(
    one: date, other: date, count: int, holidays: frozenset[date], more: frozenset[date]
) -> None:
    first, last = sorted((one, other))
    assert add_working_days(first, count, holidays) <= add_working_days(last, count, holidays)
    assert add_working_days(first, count, holidays) <= add_working_days(first, count, holidays | more)


@given(DAYS)
def test_nobody_works_at_the_weekend_nor_on_a_holiday(day: date) -> None:
    assert not (is_working_day(day, ()) and day.strftime("%a") in ("Sat", "Sun"))
    assert not (is_working_day(day, ()) and day.strftime("%d/%m") in ("01/01", "30/04", "01/05", "02/09"))
    assert not is_working_day(day, {day})


# -- clocks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "alone", "with_others"),
    [
        (RightKind.ACCESS, 10, 10),
        (RightKind.COPY, 10, 10),
        (RightKind.CORRECT, 10, 10),
        (RightKind.ERASE, 20, 20),
        (RightKind.WITHDRAW, 15, 20),
        (RightKind.RESTRICT, 15, 20),
        (RightKind.OBJECT, 15, 20),
    ],
)
def test_the_clock_of_each_kind(kind: RightKind, alone: int, with_others: int) -> None:
    came_on = date(2026, 12, 1)
    assert due_of(kind, came_on, ()) == Due(date(2026, 12, 3), came_on + DAY * alone)
    assert due_of(kind, came_on, (), through_others=True).done_by == came_on + DAY * with_others


def test_every_kind_has_a_clock() -> None:
    assert set(DONE_WITHIN) == set(RightKind)


@given(st.sampled_from(RightKind), DAYS, HOLIDAYS, st.booleans())
@example(RightKind.ACCESS, date(2027, 2, 4), frozenset(date(2027, 2, day) for day in range(5, 20)), False)
def test_no_answer_is_due_after_the_deed_nor_either_before_the_request(
    kind: RightKind, came_on: date, holidays: frozenset[date], through_others: bool
) -> None:
    due = due_of(kind, came_on, holidays, through_others=through_others)
    assert came_on < due.answer_by <= due.done_by <= came_on + DAY * 20


@pytest.mark.parametrize(
    ("state", "late_from"),
    [
        (RequestState.RECEIVED, date(2026, 12, 4)),
        (RequestState.ANSWERED, date(2026, 12, 12)),
        (RequestState.EXTENDED, date(2026, 12, 12)),
        (RequestState.DONE, None),
        (RequestState.REFUSED, None),
        (RequestState.WITHDRAWN, None),
    ],
)
def test_a_request_is_overdue_on_the_day_after_its_last(state: RequestState, late_from: date | None) -> None:
    came = Act(datetime(2026, 12, 1, 1, 30, tzinfo=UTC), "the person")
    due = due_of(RightKind.COPY, date(2026, 12, 1), ())
    request = RightsRequest(UUID(int=1), UUID(int=2), RightKind.COPY, state, False, due, "", came)
    days = [date(2026, 12, 1) + DAY * passed for passed in range(40)]
    assert [day for day in days if request.is_overdue(day)] == [day for day in days if late_from and day >= late_from]


# -- words ---------------------------------------------------------------------------------------------------------


def test_words_are_needed_where_a_person_is_to_read_them_and_are_not_endless() -> None:
    assert check_words("  sai tên\r\nđệm ") == "sai tên\nđệm"
    assert check_words(" ", needed=False) == ""
    assert len(check_words("ă" * LONGEST)) == LONGEST
    with pytest.raises(Refusal, match="reason_missing"):
        check_words(" \n")
    with pytest.raises(Refusal, match="too_long"):
        check_words("ă" * (LONGEST + 1), needed=False)
