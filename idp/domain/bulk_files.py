"""Files of many people as offices hand them over: CSV in UTF-8, one line a person, columns found by their names.

RFC 4180. A file is taken whole or refused whole; a line that is wrong is told by its number and stops no other.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from idp.domain import birth_dates, identifiers, names
from idp.domain.refusals import Refusal

LARGEST: Final = 16 * 1024 * 1024
MOST_LINES: Final = 150_000
LONGEST_CELL: Final = 400
# A column's names, folded; the first is what the manual says.
COLUMNS: Final = {
    "number": ("so dinh danh", "so dinh danh ca nhan", "so cccd", "personal number", "personal id number"),
    "name": ("ho ten", "ho va ten", "full name"),
    "birth": ("ngay sinh", "ngay thang nam sinh", "birth date", "date of birth"),
    "phone": ("dien thoai", "so dien thoai", "phone", "phone number"),
    "email": ("thu dien tu", "email", "e mail"),
}
OF_PEOPLE: Final = ("number", "name", "birth")
OF_NUMBERS: Final = ("number",)
# How packed files and old spreadsheets begin.
_PACKED: Final = (
    b"PK",
    b"\x1f\x8b",
    b"BZh",
    b"7z\xbc\xaf",
    b"\xfd7zXZ",
    b"Rar!",
    b"\xd0\xcf\x11\xe0",
    b"\x28\xb5\x2f\xfd",
)
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
# What a spreadsheet takes for a formula; no name begins so.
_FORMULA: Final = tuple("=+-@\t\r")


class Fault(StrEnum):
    """Why a line is passed over."""

    SHAPE = "shape"
    NUMBER = "number"
    NAME = "name"
    BIRTH = "birth"
    PHONE = "phone"
    EMAIL = "email"
    TWICE = "twice"
    THERE = "there"
    UNKNOWN = "unknown"
    NOT_OPEN = "not_open"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file, as it was typed: its number in the file, and a cell for each name in COLUMNS, '' for none."""

    number: int
    cells: tuple[str, ...]
    is_twice: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """What a line says of a person, as it is stored. `birthdate` as the claim; contacts normalised, '' for none."""

    number: str
    name: str
    birthdate: str
    phone: str
    email: str


def read(raw: bytes, needed: Sequence[str]) -> list[Line]:
    """The lines of a file that has these columns at least.

    Raises Refusal('invalid_file'), whose `field` says why: empty, too_large, packed, encoding, csv, columns, too_long.
    """
    if len(raw) > LARGEST:
        raise _refused("too_large", f"more than {LARGEST} bytes")
    if not raw.strip():
        raise _refused("empty", "there is nothing in it")
    if raw.startswith(_PACKED):
        raise _refused("packed", "a packed file or a spreadsheet, no CSV")
    text = _decode(raw)
    rows = _rows(text)
    header = next(rows, None)
    if header is None:
        raise _refused("empty", "there is no line in it")
    places = _places(header[1], needed)
    lines: list[Line] = []
    seen: set[str] = set()
    for number, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(lines) == MOST_LINES:
            raise _refused("too_long", f"more than {MOST_LINES} lines")
        lines.append(_line(number, row, places, len(header[1]), seen))
    if not lines:
        raise _refused("empty", "there is no line below the names of the columns")
    return lines


def check_person(line: Line, *, today: date) -> Person | Fault:
    """The person of a line, or what is wrong with it first."""
    number = check_number(line, today=today)
    if isinstance(number, Fault):
        return number
    _, name, birth, phone, email = (cell.strip() for cell in line.cells)
    if name.startswith(_FORMULA):
        return Fault.NAME
    fault = Fault.NAME
    try:
        name = names.clean_name(name)
        fault = Fault.BIRTH
        birthdate = birth_dates.parse_birth_date(birth, today=today).iso
        fault = Fault.PHONE
        phone = identifiers.normalise_phone(phone) if phone else ""
        fault = Fault.EMAIL
        email = identifiers.normalise_email(email) if email else ""
    except Refusal:
        return fault
    return Person(number, name, birthdate, phone, email)


def check_number(line: Line, *, today: date) -> str | Fault:
    """The personal number of a line, or what is wrong with it."""
    if not any(line.cells):
        return Fault.SHAPE
    if line.is_twice:
        return Fault.TWICE
    try:
        return identifiers.check_personal_number(line.cells[0], today=today).value
    except Refusal:
        return Fault.NUMBER


def _decode(raw: bytes) -> str:
    if raw.startswith(_UTF_16) or b"\0" in raw:
        raise _refused("encoding", "UTF-16 or no text; save it as CSV UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused("encoding", "no UTF-8; save it as CSV UTF-8") from None


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each line with its number; a cell may hold line ends, so that a line may be several lines of the file."""
    first = text.split("\n", 1)[0]
    marks = {mark: first.count(mark) for mark in (",", ";", "\t")}
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(marks, key=lambda mark: marks[mark]), strict=True)
    number = 1
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            raise _refused("csv", "a cell or a quotation mark does not end") from None
        if row is None:
            return
        yield number, row
        number = reader.line_num + 1


def _places(header: Sequence[str], needed: Sequence[str]) -> dict[str, int]:
    folded = [" ".join(names.fold_words(cell)) for cell in header]
    places = {
        column: folded.index(found)
        for column, known in COLUMNS.items()
        if (found := next((name for name in known if name in folded), None)) is not None
    }
    if any(column not in places for column in needed):
        raise _refused("columns", f"the first line must name the columns {', '.join(needed)}")
    return places


def _line(number: int, row: list[str], places: dict[str, int], width: int, seen: set[str]) -> Line:
    is_odd = len(row) > width or any(len(cell) > LONGEST_CELL for cell in row)
    if is_odd:
        return Line(number, ("",) * len(COLUMNS))
    cells = tuple(row[places[column]] if places.get(column, width) < len(row) else "" for column in COLUMNS)
    key = "".join(filter(str.isalnum, cells[0]))
    is_twice = bool(key) and key in seen
    seen.add(key)
    return Line(number, cells, is_twice)


def _refused(why: str, detail: str) -> Refusal:
    return Refusal("invalid_file", detail, field=why)
