"""What a chip says in its data groups: the machine-readable lines, and the Vietnamese data as far as compared."""

from datetime import date

import pytest

from idp.domain import documents
from idp.domain.proofing import Document, Paper
from tests import chips


def test_icao9303_td1_lines_of_a_card() -> None:
    lines = documents.read_machine_lines(chips.dg1())
    assert (lines.personal_number, lines.born, lines.expires) == (chips.NUMBER, "990102", "340312")
    assert lines.name == "NGUYEN THI MAU TEST"


def test_icao9303_the_sample_passport() -> None:
    """Doc 9303-4, appendix B."""
    text = b"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<L898902C36UTO7408122F1204159ZE184226B<<<<<10"
    lines = documents.read_machine_lines(b"\x61\x5b\x5f\x1f\x58" + text)
    assert (lines.document_number, lines.born, lines.expires) == ("L898902C3", "740812", "120415")


@pytest.mark.parametrize("place", [5 + 5, 5 + 20, 5 + 30, 5 + 38, 5 + 59])
def test_a_wrong_digit_anywhere_is_found(place: int) -> None:
    lines = bytearray(chips.dg1())
    lines[place] = ord("8") if lines[place] != ord("8") else ord("7")
    with pytest.raises(ValueError, match="check_digit"):
        documents.read_machine_lines(bytes(lines))


@pytest.mark.parametrize("rubbish", [b"", b"\x61", b"\x61\x84\xff\xff\xff\xff", b"\x61\x02\x5f\x1f", bytes(200)])
def test_rubbish_has_no_lines(rubbish: bytes) -> None:
    with pytest.raises(ValueError, match="no_lines"):
        documents.read_machine_lines(rubbish)


def test_the_vietnamese_data_give_no_more_than_is_compared() -> None:
    assert documents.read_dg13(chips.dg13()) == {"number": chips.NUMBER, "name": chips.NAME}


@pytest.mark.parametrize(
    ("declared", "expires", "wrong"),
    [
        ({}, chips.EXPIRES, []),
        ({"birthdate": "1999"}, chips.EXPIRES, []),
        ({"number": "003199000014"}, chips.EXPIRES, ["number"]),
        ({"name": "Nguyễn Thị Khác"}, chips.EXPIRES, ["name"]),
        ({"name": "NGUYỄN THỊ MẪU TEST"}, chips.EXPIRES, []),
        ({"birthdate": "1999-01-03"}, chips.EXPIRES, ["birthdate"]),
        ({}, date(2035, 1, 1), ["expires"]),
        ({}, None, ["expires"]),
    ],
)
def test_the_chip_against_what_was_typed(declared: dict[str, str], expires: date | None, wrong: list[str]) -> None:
    typed = {"number": chips.NUMBER, "name": chips.NAME, "birthdate": "1999-01-02", **declared}
    paper = Paper(Document.ID_CARD, chips.NUMBER, chips.ISSUED, expires)
    lines = documents.read_machine_lines(chips.dg1())
    assert documents.differences(lines, documents.read_dg13(chips.dg13()), typed, paper) == wrong
