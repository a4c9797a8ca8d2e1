"""A date of birth with its precision: records of the elderly may hold only the year, or month and year.

OpenID Connect Core 5.1 (`birthdate`: YYYY-MM-DD or YYYY). A missing day or month is never filled in.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from idp.domain.refusals import Refusal

EARLIEST_YEAR: Final = 1900
"""The personal number cannot express an earlier birth (Decree 137/2015 Art 13)."""

_FORMS: Final = (
    re.compile(r"(?P<day>[0-9]{1,2})(?P<mark>[/.-])(?P<month>[0-9]{1,2})(?P=mark)(?P<year>[0-9]{4})"),
    re.compile(r"(?P<month>[0-9]{1,2})[/.-](?P<year>[0-9]{4})"),
    re.compile(r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2}))?)?"),
)


@dataclass(frozen=True, slots=True)
class BirthDate:
    """Year, and month and day as far as they are known.

    Making an impossible one raises Refusal('invalid_birth_date').
    """

    year: int
    month: int | None = None
    day: int | None = None

    def __post_init__(self) -> None:
        if self.month is None and self.day is not None:
            raise _refused("a day needs a month")
        try:
            date(self.year, self.month or 1, self.day or 1)
        except (ValueError, OverflowError):
            raise _refused("no such day in the calendar") from None
        if self.month == 0 or self.day == 0:
            raise _refused("no such day in the calendar")
        if self.year < EARLIEST_YEAR:
            raise _refused(f"before {EARLIEST_YEAR}")

    @property
    def precision(self) -> Literal["day", "month", "year"]:
        if self.month is None:
            return "year"
        return "month" if self.day is None else "day"

    @property
    def iso(self) -> str:
        """The `birthdate` claim (OpenID Connect Core 5.1), which has no form for a month: then the year."""
        if self.month is None or self.day is None:
            return f"{self.year:04d}"
        return f"{self.year:04d}-{self.month:02d}-{self.day:02d}"

    @property
    def display(self) -> str:
        """As people here write it: 02/03/1985, 03/1985 or 1985."""
        known = [f"{part:02d}" for part in (self.day, self.month) if part is not None]
        return "/".join([*known, f"{self.year:04d}"])

    @property
    def dvcqg(self) -> str:
        """The national portal's yyyyMMdd, cut where knowledge ends; its readers take 4 digits as the year."""
        return f"{self.year:04d}" + "".join(f"{part:02d}" for part in (self.month, self.day) if part is not None)

    def is_after(self, today: date) -> bool:
        """Whether the birth certainly lies after `today`, as far as the precision tells."""
        known = [part for part in (self.year, self.month, self.day) if part is not None]
        return known > [today.year, today.month, today.day][: len(known)]


def parse_birth_date(text: str, *, today: date) -> BirthDate:
    """Read dd/mm/yyyy, mm/yyyy, yyyy (also with dots or dashes) or ISO 8601 yyyy-mm-dd, yyyy-mm.

    Raises Refusal('invalid_birth_date') for another form, an impossible day, or a day after `today`.
    """
    typed = text.strip() if len(text) <= 32 else ""
    for form in _FORMS:
        if found := form.fullmatch(typed):
            parts = found.groupdict()
            born = BirthDate(
                year=int(parts["year"]),
                month=int(parts["month"]) if parts.get("month") else None,
                day=int(parts["day"]) if parts.get("day") else None,
            )
            if born.is_after(today):
                raise _refused("lies in the future")
            return born
    raise _refused("write dd/mm/yyyy, mm/yyyy or yyyy")


def _refused(detail: str) -> Refusal:
    return Refusal("invalid_birth_date", detail, field="birth_date")
