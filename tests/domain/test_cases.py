"""The clocks of cases: each kind's own day, and never over before it is late (Decree 69/2024 Art 13, 18, 30)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from idp.domain.cases import CaseKind, due_of, expiry_of

FRIDAY = date(2026, 11, 27)


@pytest.mark.parametrize(
    ("kind", "due"),
    [
        (CaseKind.PROOF, date(2026, 12, 2)),
        (CaseKind.CORRECT, date(2026, 12, 1)),
        (CaseKind.CLOSE, date(2026, 12, 1)),
        (CaseKind.RECALL, date(2026, 11, 30)),
        (CaseKind.BULK_LOCK, date(2026, 11, 30)),
        (CaseKind.IMPORT, date(2026, 12, 11)),
        (CaseKind.SERVICE, date(2026, 12, 27)),
    ],
)
def test_each_kind_has_its_own_clock_of_working_days(kind: CaseKind, due: date) -> None:
    assert due_of(kind, FRIDAY, ()) == due


@pytest.mark.parametrize("kind", CaseKind)
def test_no_case_is_over_before_it_is_late(kind: CaseKind) -> None:
    """Tết takes a week, whenever a case is asked around it."""
    holidays = {date(2027, 2, 5) + timedelta(days=day) for day in range(7)}
    for day in range(40):
        asked = datetime(2027, 1, 15, 1, tzinfo=UTC) + timedelta(days=day)
        due = due_of(kind, asked.date(), holidays)
        assert expiry_of(asked, asked.date(), due).date() > due


def test_what_is_due_within_days_is_over_after_a_week() -> None:
    asked = datetime(2026, 11, 27, 1, tzinfo=UTC)
    assert expiry_of(asked, FRIDAY, date(2026, 12, 1)) == asked + timedelta(days=7)
