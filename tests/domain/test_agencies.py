"""Agencies: their codes, former codes and time of validity."""

from datetime import date
from uuid import UUID

import pytest

from idp.domain.agencies import Agency, check_agency_code
from idp.domain.refusals import Refusal


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("H05", "H05"),
        (" h05.14 ", "H05.14"),
        ("G01.AB.123", "G01.AB.123"),
        ("000.00.00.H05", "000.00.00.H05"),
        ("H05" + ".123" * 8, "H05" + ".123" * 8),
    ],
)
def test_decision20_2020_code_is_read(text: str, code: str) -> None:
    assert check_agency_code(text) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "H5",
        "Z05",
        "H05.",
        "H05.1",
        "H05.1234",
        "H05 14",
        "00.00.00.H05",
        "000.00.00.Z05",
        "H٠٥",
        "H05\n.14",
        "H05" + ".123" * 9,
        "H05" + ".12" * 10,
    ],
)
def test_decision20_2020_other_code_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_agency_code(text)
    assert (refused.value.code, refused.value.field) == ("invalid_identifier", "agency_code")


def an_agency(valid_from: date | None = None, valid_until: date | None = None) -> Agency:
    return Agency(
        id=UUID(int=1),
        code="H05.14",
        name_vi="Sở Nội vụ",
        name_en="Department of Home Affairs",
        parent_id=None,
        aliases=("000.14.00.H05",),
        valid_from=valid_from,
        valid_until=valid_until,
    )


def test_an_agency_is_valid_on_its_first_and_last_day() -> None:
    agency = an_agency(date(2025, 7, 1), date(2026, 6, 30))
    assert agency.is_valid_on(date(2025, 7, 1))
    assert agency.is_valid_on(date(2026, 6, 30))
    assert not agency.is_valid_on(date(2025, 6, 30))
    assert not agency.is_valid_on(date(2026, 7, 1))
    assert an_agency().is_valid_on(date(2025, 7, 1))


def test_an_agency_answers_to_its_former_code() -> None:
    agency = an_agency()
    assert agency.answers_to("H05.14")
    assert agency.answers_to("000.14.00.H05")
    assert not agency.answers_to("H05")


def test_an_agency_has_its_name_in_two_languages() -> None:
    assert an_agency().name("en") == "Department of Home Affairs"
    assert an_agency().name("vi") == an_agency().name("lo") == "Sở Nội vụ"
