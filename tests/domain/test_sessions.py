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
