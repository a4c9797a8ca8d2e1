"""Papers as an officer sees them: kinds, days, the square code, the machine-readable lines."""

from datetime import date

import pytest

from idp.domain import documents
from idp.domain.documents import Document, DocumentKind
from idp.domain.refusals import Refusal
from tests import chips

TODAY = date(2026, 11, 27)
CARD = {"kind": "id_card", "document_number": chips.NUMBER, "issued": "12/03/2024", "expires": "12/03/2034"}
PASSPORT = {**CARD, "kind": "passport", "document_number": "c1234567"}


def test_a_card_and_a_passport() -> None:
    card = documents.check_document(CARD, chips.NUMBER, TODAY)
    assert card == Document(DocumentKind.ID_CARD, chips.NUMBER, chips.ISSUED, chips.EXPIRES)
    assert documents.check_document(PASSPORT, chips.NUMBER, TODAY).number == "C1234567"
    assert documents.check_document({**CARD, "expires": ""}, chips.NUMBER, TODAY).expires is None


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"kind": "driving licence"}, "kind"),
        ({"document_number": "003199000014"}, "document_number"),
        ({"kind": "passport", "document_number": "12"}, "document_number"),
        ({"issued": "31/02/2024"}, "issued"),
        ({"issued": "28/11/2026"}, "issued"),
        ({"expires": "11/03/2024"}, "expires"),
        ({"kind": "passport", "document_number": "C1234567", "expires": ""}, "expires"),
    ],
)
def test_what_is_no_paper_names_its_field(changed: dict[str, str], field: str) -> None:
    with pytest.raises(Refusal) as refused:
        documents.check_document({**CARD, **changed}, chips.NUMBER, TODAY)
    assert (refused.value.code, refused.value.field) == ("invalid_identifier", field)


def test_a_paper_is_good_on_its_last_day_and_no_longer() -> None:
    said = {**CARD, "expires": "27/11/2026"}
    documents.check_document(said, chips.NUMBER, TODAY)
    with pytest.raises(Refusal, match="document_expired"):
        documents.check_document(said, chips.NUMBER, date(2026, 11, 28))


def test_the_square_code_fills_in_and_nothing_of_it_but_that() -> None:
    code = f"{chips.NUMBER}|123456789|{chips.NAME}|02011999|Nữ|Thôn 1, xã Mẫu|12032024|cha|mẹ"
    assert documents.read_square_code(code) == {
        "number": chips.NUMBER,
        "name": chips.NAME,
        "birthdate": "02/01/1999",
        "kind": "id_card",
        "document_number": chips.NUMBER,
        "issued": "12/03/2024",
    }


@pytest.mark.parametrize("code", ["", "|", "003199000013|a|b", "x" * 700, "12|a|b|c|d|e|f", "a|b|c|d|e|f|g"])
def test_what_is_no_square_code(code: str) -> None:
    with pytest.raises(Refusal):
        documents.read_square_code(code)


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
    document = Document(DocumentKind.ID_CARD, chips.NUMBER, chips.ISSUED, expires)
    lines = documents.read_machine_lines(chips.dg1())
    assert documents.differences(lines, documents.read_dg13(chips.dg13()), typed, document) == wrong
