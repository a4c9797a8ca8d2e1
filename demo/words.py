"""The words of both services, read once from `words.toml`: Vietnamese first, English one tap away."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LANGUAGES = ("vi", "en")
_READ: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happened and what to do, in both languages, with the HTTP status to say it under."""

    status: int
    may_retry: bool
    title: Mapping[str, str]
    what: Mapping[str, str]


TROUBLES = {name: Trouble(**trouble) for name, trouble in _READ["troubles"].items()}


def word(key: str, language: str, **values: str) -> str:
    text: str = _READ["pages"][key][language]
    return text.format(**values)


def lines(key: str, language: str) -> list[str]:
    """A text of several paragraphs or steps."""
    found: list[str] = _READ["pages"][key][language]
    return found
