"""What people are told of their own accounts, by every contact that was proved: short, with what to do, no link."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

# A notice that could not be delivered within this time is news no more.
GOOD_FOR: Final = timedelta(days=1)
# Text messages to one phone in a day: whoever got so many is warned, and a number that is paid for each gets no more.
MOST_BY_SMS: Final = 20
BY_SMS: Final = "notices to phone"


@dataclass(frozen=True, slots=True)
class Notice:
    """`subject` and `in_mail`, where a link may stand, are for a mail alone."""

    subject: str
    text: str
    in_mail: str = ""
