"""The members of a registration document, read by name and type.

JSON gives anything anywhere (RFC 8259 3); a wrong value becomes Refusal('invalid_client_metadata') that names
the member and what it must be, never what was sent.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Final, NoReturn, TypeVar

from idp.domain.refusals import Refusal

MOST_LANGUAGES: Final = 10

Choice = TypeVar("Choice", bound=str)


class Members:
    """The members of one document. JSON null counts as absent."""

    def __init__(self, metadata: Mapping[str, object]) -> None:
        self.values = {name: value for name, value in metadata.items() if value is not None}

    def text(self, name: str, longest: int) -> str | None:
        value = self.values.get(name)
        return None if value is None else check_text(value, name, longest)

    def pattern(self, name: str, allowed: str, requirement: str) -> str | None:
        value = self.values.get(name)
        if value is None or (isinstance(value, str) and re.fullmatch(allowed, value)):
            return value
        refuse(name, requirement)

    def choice(self, name: str, allowed: tuple[Choice, ...], default: Choice, spec: str) -> Choice:
        value = self.values.get(name, default)
        for choice in allowed:
            if value == choice:
                return choice
        refuse(name, f"must be {_either(allowed)} ({spec})")

    def flag(self, name: str, spec: str) -> bool:
        value = self.values.get(name, False)
        if not isinstance(value, bool):
            refuse(name, f"must be true or false ({spec})")
        return value

    def whole(self, name: str, lowest: int, highest: int, spec: str) -> int | None:
        value = self.values.get(name)
        if value is None:
            return None
        # JSON true would pass for 1: bool is a kind of int in Python.
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            refuse(name, f"must be a whole number from {lowest} to {highest} ({spec})")
        return value

    def each(self, name: str, most: int, check: Callable[[object, str], str]) -> tuple[str, ...]:
        """The entries of a list, checked one by one, each once."""
        values = self.values.get(name, [])
        if not isinstance(values, list):
            refuse(name, "must be a list (RFC 7591 2)")
        if len(values) > most:
            refuse(name, f"has more than {most} entries (limit of this provider)")
        return tuple(dict.fromkeys(check(value, f"{name}[{place}]") for place, value in enumerate(values)))

    def localised(self, name: str, longest: int) -> dict[str, str]:
        """`name` and its `name#tag` variants by lower-case language tag (RFC 7591 2.2); no tag is ''."""
        texts = {}
        for member, value in self.values.items():
            if found := re.fullmatch(rf"{name}(?:#([A-Za-z]{{2,3}}(?:-[A-Za-z0-9]{{2,8}}){{0,3}}))?", member):
                texts[(found[1] or "").lower()] = check_text(value, member, longest)
        if len(texts) > MOST_LANGUAGES:
            refuse(name, f"is given in more than {MOST_LANGUAGES} languages (limit of this provider)")
        return texts


def check_text(value: object, member: str, longest: int) -> str:
    """A text for people, in NFC: not blank, not long, without control and invisible characters."""
    if not isinstance(value, str):
        refuse(member, "must be a string (RFC 7591 2)")
    text = unicodedata.normalize("NFC", value[: longest + 1]).strip()
    if not text or len(value) > longest:
        refuse(member, f"must have 1 to {longest} characters (limit of this provider)")
    if not text.isprintable() or not any(_can_be_seen(character) for character in text):
        refuse(member, "must have no control and no invisible characters (limit of this provider)")
    return text


def _can_be_seen(character: str) -> bool:
    """Whether it is a letter or digit with a shape of its own; fillers are letters by name alone."""
    return unicodedata.category(character)[0] in "LN" and "FILLER" not in unicodedata.name(character, "")


def check_day(value: object, member: str) -> date:
    try:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    refuse(member, "must be a day, YYYY-MM-DD (ISO 8601)")


def one_of(allowed: tuple[str, ...], spec: str) -> Callable[[object, str], str]:
    def check(value: object, member: str) -> str:
        if not isinstance(value, str) or value not in allowed:
            refuse(member, f"must be {_either(allowed)} ({spec})")
        return value

    return check


def _either(allowed: Iterable[str]) -> str:
    return " or ".join(allowed)


def refuse(member: str, requirement: str, *, code: str = "invalid_client_metadata") -> NoReturn:
    raise Refusal(code, f"{member} {requirement}", field=member.split("[")[0])
