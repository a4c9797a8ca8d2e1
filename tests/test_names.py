"""One word per thing: what the ground floor's rooms are called stands in docs/words.md."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def missing_words(modules: list[str], glossary: str) -> list[str]:
    """The modules whose noun, singular or plural, is not a word of the glossary."""
    said = re.sub(r"[\W_]+", " ", glossary.lower())
    return [module for module in modules if not any(f" {form} " in f" {said} " for form in _forms(module))]


def _forms(module: str) -> set[str]:
    noun = module.replace("_", " ")
    singular = noun[:-3] + "y" if noun.endswith("ies") else noun.removesuffix("s")
    return {noun, singular, f"{noun}s"}


def test_the_glossary_has_every_noun_of_the_domain() -> None:
    modules = sorted(path.stem for path in (ROOT / "idp" / "domain").glob("*.py") if path.stem != "__init__")
    glossary = (ROOT / "docs" / "words.md").read_text("utf-8")
    assert modules, "idp/domain has no rooms"
    assert missing_words(modules, glossary) == []


def test_a_noun_is_found_singular_or_plural_and_only_as_a_whole_word() -> None:
    glossary = "| identity | *Relying service* | `agency` | sessions, |"
    assert missing_words(["relying_services", "agencies", "sessions", "session"], glossary) == []
    assert missing_words(["identifiers", "entity"], glossary) == ["identifiers", "entity"]
