"""The name of a counter's screen, and how long its setting is good."""

from datetime import UTC, datetime, timedelta

import pytest

from idp.domain.counter_screens import LONGEST_NAME, SETTING_FOR, CounterScreen, clean_name
from idp.domain.refusals import Refusal

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def test_a_name_loses_its_spare_spaces() -> None:
    assert clean_name("  Phường Kinh Bắc,\n quầy  3 ") == "Phường Kinh Bắc, quầy 3"
    assert len(clean_name("ằ" * LONGEST_NAME)) == LONGEST_NAME


@pytest.mark.parametrize("name", ["", "  ", "x" * (LONGEST_NAME + 1), "quầy\x003", "quầy\u202e3"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Refusal, match="invalid_name"):
        clean_name(name)


@pytest.mark.parametrize(
    ("age", "counts"),
    [
        (timedelta(seconds=-1), False),
        (timedelta(), True),
        (SETTING_FOR - timedelta(seconds=1), True),
        (SETTING_FOR, False),
    ],
)
def test_a_setting_is_good_for_its_time(age: timedelta, counts: bool) -> None:
    assert CounterScreen("Quầy 3", NOW - age).is_current(NOW) is counts
