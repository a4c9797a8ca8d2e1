"""Screens that many people use at a counter, one after the other: the name of one, and how long its setting is good."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from idp.domain.refusals import Refusal

LONGEST_NAME: Final = 80
CODE_FOR: Final = timedelta(hours=1)
# As long as a browser keeps a cookie (RFC 6265bis 5.5).
SETTING_FOR: Final = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class CounterScreen:
    """What a browser is told to be, as the people in front of it read it, and since when."""

    name: str
    since: datetime

    def is_current(self, now: datetime) -> bool:
        return self.since <= now < self.since + SETTING_FOR


def clean_name(text: str) -> str:
    """A counter's name without spare spaces; raises Refusal('invalid_name')."""
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Refusal("invalid_name", f"a counter's name has 1 to {LONGEST_NAME} characters")
    return name
