"""State agencies, which own relying services and employ officers, and the code they are known by.

Agency e-identifier (mã định danh điện tử cơ quan): Decision 20/2020/QD-TTg; the older form of QCVN 102:2016
is still met. Codes change with mergers: so there are an own id, days of validity and former codes.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from idp.domain.refusals import Refusal

LONGEST_AGENCY_CODE: Final = 35

_OF_2020: Final = re.compile(r"[A-Y][0-9]{2}(?:\.[0-9A-Z]{2,3}){0,9}")
_OF_2016: Final = re.compile(r"[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Y][0-9]{2}")


@dataclass(frozen=True, slots=True)
class Agency:
    """One agency, from its first day to its last; None where no such limit is known."""

    id: UUID
    code: str
    name_vi: str
    name_en: str
    parent_id: UUID | None
    aliases: tuple[str, ...]
    valid_from: date | None
    valid_until: date | None

    def name(self, language: str) -> str:
        """Its name in `language`, Vietnamese unless an English one exists and is asked for."""
        return self.name_en if language == "en" and self.name_en else self.name_vi

    def is_valid_on(self, day: date) -> bool:
        begun = self.valid_from is None or self.valid_from <= day
        return begun and (self.valid_until is None or day <= self.valid_until)

    def answers_to(self, code: str) -> bool:
        """Whether `code` is its code, or was."""
        return code == self.code or code in self.aliases


def check_agency_code(text: str) -> str:
    """The code in upper case: 'H05', 'H05.14' or the older '000.14.05.H05'.

    Raises Refusal('invalid_identifier').
    """
    code = text.strip().upper() if text.isascii() else ""
    if len(code) > LONGEST_AGENCY_CODE or not (_OF_2020.fullmatch(code) or _OF_2016.fullmatch(code)):
        raise Refusal(
            "invalid_identifier",
            "an agency code reads H05, H05.14 (Decision 20/2020/QD-TTg) or 000.14.05.H05 (QCVN 102:2016)",
            field="agency_code",
        )
    return code
