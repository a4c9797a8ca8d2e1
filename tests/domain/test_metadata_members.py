"""The members of a JSON document by type; test_service_metadata holds the refusals member by member."""

from datetime import date

import pytest

from idp.domain.metadata_members import MOST_LANGUAGES, Members, check_day, check_text
from idp.domain.refusals import Refusal


def test_rfc7591_2_2_language_tags_are_read_in_lower_case() -> None:
    members = Members(
        {"name": "a", "name#VI": "b", "name#en-GB": "c", "name#": "d", "name#\u212a\u212a": "e", "names": 1}
    )
    assert members.localised("name", 10) == {"": "a", "vi": "b", "en-gb": "c"}


def test_rfc7591_2_2_too_many_languages_are_refused() -> None:
    tags = [f"a{chr(97 + number)}" for number in range(MOST_LANGUAGES + 1)]
    with pytest.raises(Refusal, match="languages"):
        Members({f"name#{tag}": "a" for tag in tags}).localised("name", 10)


def test_json_null_counts_as_absent() -> None:
    members = Members({"text": None, "flag": None})
    assert members.text("text", 10) is None
    assert members.flag("flag", "here") is False


def test_a_refusal_never_repeats_what_was_sent() -> None:
    with pytest.raises(Refusal) as refused:
        Members({"kind": 'web"\\é'}).choice("kind", ("web", "native"), "web", "RFC 7591 2")
    assert refused.value.detail == "kind must be web or native (RFC 7591 2)"


def test_text_is_nfc_and_trimmed() -> None:
    assert check_text(" Hoa\u0300 ", "text", 10) == "Hoà"


@pytest.mark.parametrize("value", ["2026-02-30", "20260301", "2026-3-1", "", 20260301, None])
def test_iso8601_what_is_no_day_is_refused(value: object) -> None:
    with pytest.raises(Refusal, match="YYYY-MM-DD"):
        check_day(value, "until")


def test_iso8601_a_day_is_read() -> None:
    assert check_day("2026-03-01", "until") == date(2026, 3, 1)


@pytest.mark.parametrize(
    "value", ["\u3164", "\u2800", "\u3164 \u2800", "\u115f", "\uffa0", "...", "\u0301", "\u00ad", " "]
)
def test_a_name_that_nobody_can_see_is_refused(value: str) -> None:
    with pytest.raises(Refusal):
        check_text(value, "client_name", 100)


@pytest.mark.parametrize("value", ["Cổng dịch vụ", "1022", "\u0e9e\u0eb2\u0eaa\u0eb2", "\u4e2d", "- a -"])
def test_a_name_of_letters_or_digits_is_taken(value: str) -> None:
    assert check_text(value, "client_name", 100) == value
