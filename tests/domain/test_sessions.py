"""A session lives until it is idle too long, too old, or ended; and how seldom its use is written."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.test_next_step import a_session

START = datetime(2026, 12, 1, tzinfo=UTC)
SESSION = replace(a_session(START), expires_at=START + timedelta(hours=12))
IDLE_FOR = timedelta(minutes=30)


@pytest.mark.parametrize(
    ("after", "lives"),
    [
        (timedelta(), True),
        (timedelta(minutes=29, seconds=59), True),
        (timedelta(minutes=30), False),
        (timedelta(days=1), False),
    ],
)
def test_the_idle_end(after: timedelta, lives: bool) -> None:
    assert SESSION.is_live(START + after, IDLE_FOR) is lives


@pytest.mark.parametrize(("before_the_end", "lives"), [(timedelta(seconds=1), True), (timedelta(), False)])
def test_the_absolute_end_comes_whatever_was_done(before_the_end: timedelta, lives: bool) -> None:
    now = SESSION.expires_at - before_the_end
    assert replace(SESSION, seen_at=now).is_live(now, IDLE_FOR) is lives


@given(st.timedeltas(timedelta(), timedelta(days=2)))
def test_what_was_ended_never_lives_again(after: timedelta) -> None:
    assert not replace(SESSION, ended_at=START).is_live(START + after, IDLE_FOR)


def test_use_is_written_at_most_every_five_minutes() -> None:
    every = timedelta(minutes=5)
    assert not SESSION.wants_touch(START + timedelta(minutes=4, seconds=59), every)
    assert SESSION.wants_touch(START + every, every)


@pytest.mark.parametrize(
    ("own", "usual", "limit"),
    [(150, 1800, 150), (150, 60, 60)],
)
def test_a_limit_of_its_own_only_shortens_the_usual_one(own: int, usual: int, limit: int) -> None:
    session = replace(SESSION, idle_for=timedelta(seconds=own))
    assert session.is_live(START + timedelta(seconds=limit - 1), timedelta(seconds=usual))
    assert not session.is_live(START + timedelta(seconds=limit), timedelta(seconds=usual))


@pytest.mark.parametrize(("every", "written_after"), [(300, 30), (10, 10)])
def test_use_under_a_limit_of_its_own_is_written_five_times_in_it(every: int, written_after: int) -> None:
    session = replace(SESSION, idle_for=timedelta(seconds=150))
    assert not session.wants_touch(START + timedelta(seconds=written_after - 1), timedelta(seconds=every))
    assert session.wants_touch(START + timedelta(seconds=written_after), timedelta(seconds=every))
