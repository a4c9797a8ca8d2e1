"""What an officer at a counter found: the person, compared in person with a paper of the State.

It is called "checked at a counter", never level 2, which only the national ID system gives.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from idp.domain.identifiers import ContactKind

METHOD: Final = "compared in person with a document"
# The code on paper that the person leaves with, to set a password or as a second factor.
CODE_GOOD_FOR: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class CounterCheck:
    """`document` says which paper was seen; `kept_contact` is the one that the person confirmed there and then."""

    personal_number: str
    name: str
    birthdate: str
    document: str
    officer: str
    kept_contact: tuple[ContactKind, str] | None = field(default=None, repr=False)
