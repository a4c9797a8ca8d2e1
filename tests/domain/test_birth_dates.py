"""Birth dates: the forms they are read in and written in, and the precision they keep."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain.birth_dates import BirthDate, parse_birth_date
from idp.domain.refusals import Refusal

TODAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("text", "born"),
    [
        ("02/03/1985", BirthDate(1985, 3, 2)),
        (" 2/3/1985 ", BirthDate(1985, 3, 2)),
        ("02-03-1985", BirthDate(1985, 3, 2)),
        ("02.03.1985", BirthDate(1985, 3, 2)),
        ("1985-03-02", BirthDate(1985, 3, 2)),
        ("29/02/2024", BirthDate(2024, 2, 29)),
        ("03/1985", BirthDate(1985, 3)),
        ("1985-03", BirthDate(1985, 3)),
        ("1931", BirthDate(1931)),
        ("02/03/2026", BirthDate(2026, 3, 2)),
        ("03/2026", BirthDate(2026, 3)),
        ("2026", BirthDate(2026)),
    ],
)
def test_forms_that_are_read(text: str, born: BirthDate) -> None:
    assert parse_birth_date(text, today=TODAY) == born


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "85",
        "31/02/1985",
        "29/02/2023",
        "32/01/1985",
        "00/01/1985",
        "01/00/1985",
        "01/13/1985",
        "13/1985",
        "00/1985",
        "1985-00",
        "1985-3-2",
        "02/03-1985",
        "02/03/85",
        "31/12/1899",
        "1899",
        "0000",
        "1/1/19850",
        "٢/٣/1985",
        "02/03/1985\x00",
        " " * 100 + "1985",
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_birth_date(text, today=TODAY)
    assert (refused.value.code, refused.value.field) == ("invalid_birth_date", "birth_date")


@pytest.mark.parametrize("text", ["03/03/2026", "2026-03-03", "04/2026", "2027"])
def test_a_date_in_the_future_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="future"):
        parse_birth_date(text, today=TODAY)


@pytest.mark.parametrize(("month", "day"), [(None, 2), (0, None), (0, 2), (3, 0), (13, None), (2, 30)])
def test_an_impossible_value_cannot_be_made(month: int | None, day: int | None) -> None:
    with pytest.raises(Refusal):
        BirthDate(1985, month, day)


@pytest.mark.parametrize(
    ("born", "precision", "iso", "display", "dvcqg"),
    [
        (BirthDate(1985, 3, 2), "day", "1985-03-02", "02/03/1985", "19850302"),
        (BirthDate(1985, 3), "month", "1985", "03/1985", "198503"),
        (BirthDate(1985), "year", "1985", "1985", "1985"),
    ],
)
def test_oidc_core_5_1_birthdate_keeps_its_precision(
    born: BirthDate, precision: str, iso: str, display: str, dvcqg: str
) -> None:
    assert (born.precision, born.iso, born.display, born.dvcqg) == (precision, iso, display, dvcqg)


@given(st.dates(min_value=date(1900, 1, 1), max_value=TODAY))
def test_what_is_displayed_is_read_again(day: date) -> None:
    for born in (
        BirthDate(day.year, day.month, day.day),
        BirthDate(day.year, day.month),
        BirthDate(day.year),
    ):
        assert parse_birth_date(born.display, today=TODAY) == born


@given(st.text(st.characters(), max_size=40) | st.text("0123456789/.-", max_size=12))
def test_any_text_gives_a_date_or_a_refusal(text: str) -> None:
    try:
        born = parse_birth_date(text, today=TODAY)
    except Refusal:
        return
    assert not born.is_after(TODAY)
