"""Files of many people: taken whole or refused whole with why; a line that is wrong stops no other (RFC 4180)."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain import bulk_files
from idp.domain.bulk_files import OF_NUMBERS, OF_PEOPLE, Fault, Person
from idp.domain.refusals import Refusal

TODAY = date(2026, 11, 27)
HEAD = "so_dinh_danh,ho_ten,ngay_sinh,dien_thoai,email"
GOOD = "003199000001,Lê Thị Lụa,02/01/1999,0912000001,lua@nguoi-mau.example"


def people(text: str) -> list[Person | Fault]:
    return [bulk_files.check_person(line, today=TODAY) for line in bulk_files.read(text.encode(), OF_PEOPLE)]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_is_a_person_whatever_divides_cells_and_lines(mark: str, end: str) -> None:
    text = end.join((HEAD, GOOD, "")).replace(",", mark)
    assert people(text) == [Person("003199000001", "Lê Thị Lụa", "1999-01-02", "+84912000001", "lua@nguoi-mau.example")]


def test_columns_are_found_by_their_names_in_any_order_and_language() -> None:
    text = "\ufeffHọ và tên;Ghi chú;Ngày sinh;Số định danh\n  Lê Lụa ;x;1999;003199000001\n"
    assert people(text) == [Person("003199000001", "Lê Lụa", "1999", "", "")]
    assert people("Full name,Birth date,Personal number\nSok,03/1980,003080000001\n") == [
        Person("003080000001", "Sok", "1980", "", "")
    ]


def test_a_name_may_hold_the_mark_and_a_line_end_in_quotes() -> None:
    rows = bulk_files.read(f'{HEAD}\n003199000001,"Lê\nThị, Lụa",1999\n003199000002,A,1999\n'.encode(), OF_PEOPLE)
    assert [row.number for row in rows] == [2, 4], "the number by which an editor finds the line"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (GOOD.replace("003199000001", "12345"), Fault.NUMBER),
        (GOOD.replace("003199000001", "003199OOO001"), Fault.NUMBER),
        (GOOD.replace("Lê Thị Lụa", ""), Fault.NAME),
        (GOOD.replace("Lê Thị Lụa", "<b>Lụa</b>"), Fault.NAME),
        (GOOD.replace("Lê Thị Lụa", "=HYPERLINK(A1)"), Fault.NAME),
        (GOOD.replace("Lê Thị Lụa", "@SUM"), Fault.NAME),
        (GOOD.replace("Lê Thị Lụa", "Lụa\u202e"), Fault.NAME),
        (GOOD.replace("02/01/1999", "31/02/1999"), Fault.BIRTH),
        (GOOD.replace("02/01/1999", "02/01/2031"), Fault.BIRTH),
        (GOOD.replace("0912000001", "12"), Fault.PHONE),
        (GOOD.replace("lua@nguoi-mau.example", "lua"), Fault.EMAIL),
        (GOOD + ",more", Fault.SHAPE),
        (GOOD.replace("Lụa", "x" * 500), Fault.SHAPE),
    ],
)
def test_what_is_wrong_with_a_line_is_told(line: str, fault: Fault) -> None:
    assert people(f"{HEAD}\n{line}\n{GOOD.replace('001,', '002,')}\n")[0] is fault
    assert isinstance(people(f"{HEAD}\n{line}\n{GOOD.replace('001,', '002,')}\n")[1], Person)


def test_the_same_number_twice_counts_once_however_it_is_written() -> None:
    again = GOOD.replace("003199000001", "003 199 000 001")
    assert [type(each) for each in people(f"{HEAD}\n{GOOD}\n{again}\n")] == [Person, Fault]
    assert people(f"{HEAD}\n{GOOD}\n{again}\n")[1] is Fault.TWICE


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (HEAD.encode(), "empty"),
        (f"{HEAD}\n{GOOD}".encode("utf-16"), "encoding"),
        (f"{HEAD}\n{GOOD}".encode("utf-16-le"), "encoding"),
        (f"{HEAD}\n{GOOD}".encode("windows-1258", "replace").replace(b"?", b"\xea"), "encoding"),
        (b"PK\x03\x04 and so on", "packed"),
        (b"\x1f\x8b\x08 and so on", "packed"),
        (b"\xd0\xcf\x11\xe0 an old spreadsheet", "packed"),
        (b"a,b\n1,2\n", "columns"),
        (f'{HEAD}\n003199000001,"Lê,1999\n'.encode(), "csv"),
        (b"x" * (bulk_files.LARGEST + 1), "too_large"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(raw: bytes, why: str) -> None:
    with pytest.raises(Refusal) as refused:
        bulk_files.read(raw, OF_PEOPLE)
    assert (refused.value.code, refused.value.field) == ("invalid_file", why)


def test_a_file_with_too_many_lines_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_files, "MOST_LINES", 2)
    with pytest.raises(Refusal) as refused:
        bulk_files.read(b"so_dinh_danh\n1\n2\n3\n", OF_NUMBERS)
    assert refused.value.field == "too_long"


@given(st.binary(max_size=400))
def test_whatever_is_sent_is_read_or_refused(raw: bytes) -> None:
    for begin in (b"", f"{HEAD}\n".encode()):
        try:
            lines = bulk_files.read(begin + raw, OF_PEOPLE)
        except Refusal as refusal:
            assert refusal.code == "invalid_file"
            continue
        for line in lines:
            assert isinstance(bulk_files.check_person(line, today=TODAY), Person | Fault)
