"""Names of persons: what is stored, what is compared, what is searched."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain.names import (
    LONGEST_NAME,
    MOST_SEARCHED_WORDS,
    NameParts,
    clean_name,
    fold,
    fold_words,
    name_parts,
    search_prefixes,
)
from idp.domain.refusals import Refusal


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Trần Thị Thuỷ", "Trần Thị Thủy"),
        ("Đỗ Văn Hoà", "ĐỖ VĂN HÒA"),
        ("Nguyễn Đức Đạt", "nguyen duc dat"),
        (unicodedata.normalize("NFC", "Lường Thị Ưởng"), unicodedata.normalize("NFD", "Lường Thị Ưởng")),
        ("Trần  Thị\u00a0Thủy", "TRANTHITHUY"),
    ],
)
def test_ways_of_writing_one_name_fold_alike(one: str, other: str) -> None:
    assert fold(one) == fold(other) != ""


def test_different_names_fold_apart() -> None:
    assert fold("Trần Thị Thủy") != fold("Trần Thị Thúy Hà")
    assert fold("Đỗ Văn Hòa") == "DOVANHOA"


def test_a_name_without_latin_letters_folds_to_nothing() -> None:
    assert fold("王小明") == ""
    assert fold_words("王小明") == ()


def test_words_are_folded_one_by_one() -> None:
    assert fold_words("Y-Ban Niê  Kđăm") == ("y", "ban", "nie", "kdam")
    assert fold_words("Hoa\u0300 O'Brien") == ("hoa", "o", "brien")
    assert fold_words("Bjørn") == ("bjrn",), "a letter that folds away does not part a word"


def test_prefixes_are_the_beginnings_of_words_and_the_words() -> None:
    assert search_prefixes("Y Thủy") == {"y", "th", "thu", "thuy"}
    assert search_prefixes("Nguyễn", shortest=3, longest=4) == {"ngu", "nguy", "nguyen"}
    assert search_prefixes("") == frozenset()


@given(st.text(max_size=400), st.integers(-3, 6), st.integers(0, 12))
def test_prefixes_are_bounded(text: str, shortest: int, longest: int) -> None:
    prefixes = search_prefixes(text, shortest, longest)
    assert len(prefixes) <= MOST_SEARCHED_WORDS * (max(0, longest - max(1, shortest) + 1) + 1)
    assert all(any(word.startswith(prefix) for word in fold_words(text)) for prefix in prefixes)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("  Trần   Thị\u00a0Bích  ", "Trần Thị Bích"),
        (unicodedata.normalize("NFD", "Đỗ Văn Hoà"), "Đỗ Văn Hoà"),
        ("Suharto", "Suharto"),
        ("王小明", "王小明"),
        ("O'Brien-Smith, Jr. 3", "O'Brien-Smith, Jr. 3"),
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("Trần\n", "Trần"),
    ],
)
def test_a_name_is_kept_as_given(text: str, stored: str) -> None:
    assert clean_name(text) == stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "123",
        "12 34",
        "-.-",
        "Trần\x00An",
        "Trần\nAn",
        "Trần\tAn",
        "Trần\u202eAn",
        "Trần\u200bAn",
        "<b>An</b>",
        "An>",
        "An\ud800",
        "A" * (LONGEST_NAME + 1),
        "A" * 100_000,
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        clean_name(text)
    assert refused.value.code == "invalid_name"


def test_the_longest_name_passes() -> None:
    assert len(clean_name("A" * LONGEST_NAME)) == LONGEST_NAME


@given(st.text(st.characters(), max_size=150))
def test_a_clean_name_stays_as_it_is(text: str) -> None:
    try:
        name = clean_name(text)
    except Refusal:
        return
    assert clean_name(name) == name
    assert fold(name) == fold(text)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Trần Thị Bích Hoà", NameParts("Trần", "Thị Bích", "Hoà")),
        ("Lê An", NameParts("Lê", "", "An")),
        ("Suharto", NameParts("", "", "Suharto")),
        ("", NameParts("", "", "")),
    ],
)
def test_parts_follow_vietnamese_order(name: str, parts: NameParts) -> None:
    assert name_parts(name) == parts
