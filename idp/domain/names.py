"""A person's name: one field, kept as given, and what it is compared and searched by.

Vietnamese names put the family name first and the given name last; names of foreigners may be of one word or
of any script. The parts serve greeting and sorting; no rule about a person may hang on them.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

from idp.domain.refusals import Refusal

LONGEST_NAME: Final = 100
MOST_SEARCHED_WORDS: Final = 16
"""A name of at most 100 characters that has more words than this is not a name people search by."""

# Zero-width joiners are spelling in Persian and in Indic scripts; other format characters can only deceive.
_JOINERS: Final = "\u200c\u200d"
_FORBIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


class NameParts(NamedTuple):
    """The parts of a name in Vietnamese order; a part that is not there is empty."""

    family: str
    middle: str
    given: str


def fold(text: str) -> str:
    """The name reduced to A-Z and 0-9 for matching: 'Trần Thị Thuỷ', 'TRAN THI THUY' -> 'TRANTHITHUY'.

    Two names match when their folds are equal AND not empty: a name without Latin letters folds to ''. A fold
    alone never identifies anybody; number and birth year stand beside it.
    """
    return re.sub(r"[^A-Z0-9]", "", _without_marks(text).upper())


def fold_words(text: str) -> tuple[str, ...]:
    """The folded words of a name in lower case: 'Y-Ban Niê' -> ('y', 'ban', 'nie')."""
    folded = (fold(word).lower() for word in re.split(r"[\W_]+", _without_marks(text)))
    return tuple(word for word in folded if word)


def search_prefixes(text: str, shortest: int = 2, longest: int = 12) -> frozenset[str]:
    """Every beginning of every word, of `shortest` to `longest` letters, and each word whole.

    At most 16 words count, so at most 16 x (longest - shortest + 2) prefixes come back.
    """
    return frozenset().union(*(_beginnings(word, shortest, longest) for word in fold_words(text)[:MOST_SEARCHED_WORDS]))


@lru_cache(maxsize=4096)
def _beginnings(word: str, shortest: int, longest: int) -> frozenset[str]:
    """Of a thousand people a hundred have the same family name."""
    lengths = range(max(1, shortest), min(longest, len(word)) + 1)
    return frozenset({word, *(word[:length] for length in lengths)})


def clean_name(text: str) -> str:
    """The name as it is stored: NFC, single spaces, letters of any script.

    Raises Refusal('invalid_name') when there is no letter in it, or an angle bracket, a control or invisible
    character, or more than 100 characters.
    """
    if len(text) > 4 * LONGEST_NAME:
        raise _refused(f"longer than {LONGEST_NAME} characters")
    name = unicodedata.normalize("NFC", text.strip())
    if any(
        unicodedata.category(character) in _FORBIDDEN_CATEGORIES and character not in _JOINERS for character in name
    ):
        raise _refused("control and invisible characters are not allowed")
    name = " ".join(name.split())
    if len(name) > LONGEST_NAME:
        raise _refused(f"longer than {LONGEST_NAME} characters")
    if "<" in name or ">" in name:
        raise _refused("angle brackets are not allowed")
    if not any(character.isalpha() for character in name):
        raise _refused("a name has at least one letter")
    return name


def name_parts(full_name: str) -> NameParts:
    """Family name, middle name and given name: 'Trần Thị Bích Hoà' -> ('Trần', 'Thị Bích', 'Hoà').

    One word is a given name.
    """
    words = full_name.split()
    if len(words) < 2:
        return NameParts("", "", " ".join(words))
    return NameParts(words[0], " ".join(words[1:-1]), words[-1])


def initials(full_name: str) -> str:
    """A name of which only the first word is whole, for lists that should not tell who is who: 'Trần T. B. H.'."""
    first, *more = full_name.split() or [""]
    return " ".join([first, *(f"{word[0]}." for word in more)])


def _without_marks(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    plain = "".join(character for character in decomposed if not unicodedata.category(character).startswith("M"))
    # The stroke of the letter is no combining mark, so NFD leaves it.
    return plain.replace("đ", "d").replace("Đ", "D")


def _refused(detail: str) -> Refusal:
    return Refusal("invalid_name", detail, field="name")
