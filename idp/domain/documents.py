"""What the chip of a card or passport says in its data groups, read to be compared and forgotten.

ICAO Doc 9303-5 (TD1) and 9303-4 (TD3) for the machine-readable lines, as they stand in DG1.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from idp.domain import names
from idp.domain.proofing import Document, Paper

# Cards of people past the last renewal carry no end, or this year.
NO_END_YEAR: Final = 2099
_WEIGHTS: Final = (7, 3, 1)
# Of DG13 only what is compared; it also holds religion, ethnicity and parents, which are nobody's business here.
_DG13: Final = {1: "number", 2: "name", 3: "birthdate"}


@dataclass(frozen=True, slots=True)
class MachineLines:
    """What the lines say, each check digit having been right; days are yymmdd."""

    document_number: str
    personal_number: str
    born: str
    expires: str
    name: str


def read_machine_lines(dg1: bytes) -> MachineLines:
    """The lines of DG1; raises ValueError('no_lines', 'check_digit')."""
    text = _text_of(dg1)
    if len(text) == 90:
        return _read_td1(text[:30], text[30:60], text[60:])
    if len(text) == 88:
        return _read_td3(text[:44], text[44:])
    raise ValueError("no_lines")


def read_dg13(dg13: bytes) -> dict[str, str]:
    """Number, name and birth date of the card's Vietnamese data; raises ValueError('no_data')."""
    found = {_DG13[place]: value.decode("utf-8") for place, value in _numbered(dg13) if place in _DG13}
    if not found:
        raise ValueError("no_data")
    return found


def differences(lines: MachineLines, dg13: Mapping[str, str], declared: Mapping[str, str], paper: Paper) -> list[str]:
    """In what the chip differs from what was typed: some of `number`, `name`, `birthdate`, `document`, `expires`.

    `declared` has `number`, `name` and `birthdate` (ISO, of any precision).
    """
    born = declared["birthdate"]
    wrong = []
    if {lines.personal_number, dg13.get("number", lines.personal_number)} != {declared["number"]}:
        wrong.append("number")
    said = dg13.get("name")
    is_other = names.fold(lines.name) != names.fold(declared["name"])
    if is_other or (said is not None and names.fold(said) != names.fold(declared["name"])):
        wrong.append("name")
    # What is not known of a birth date stands as < or 00 in the lines.
    in_lines = lines.born.replace("<", "0")
    typed = born[2:4] + (born[5:7] or "00") + (born[8:10] or "00")
    if in_lines[: 2 if len(born) == 4 else 6] != typed[: 2 if len(born) == 4 else 6]:
        wrong.append("birthdate")
    if paper.kind is Document.PASSPORT and lines.document_number != paper.number:
        wrong.append("document")
    if not _is_same_end(lines.expires, paper.expires):
        wrong.append("expires")
    return wrong


def _is_same_end(lines: str, expires: date | None) -> bool:
    """The lines of a card without end bear 991231."""
    if expires is None or expires.year >= NO_END_YEAR:
        return lines == "991231"
    return lines == expires.strftime("%y%m%d")


def check_digit(text: str) -> str:
    """ICAO Doc 9303-3 section 4.9: weights 7, 3, 1; `<` counts 0, A counts 10."""
    total = 0
    for place, character in enumerate(text):
        value = 0 if character == "<" else int(character, 36)
        total += value * _WEIGHTS[place % 3]
    return str(total % 10)


def _read_td1(one: str, two: str, three: str) -> MachineLines:
    pairs = [(one[5:14], one[14]), (two[0:6], two[6]), (two[8:14], two[14])]
    composite = one[5:30] + two[0:7] + two[8:15] + two[18:29]
    # A Vietnamese card has its twelve digits among the optional data, with a check digit of their own at the end.
    optional = one[15:29].rstrip("<")
    pairs += [(composite, two[29]), (optional, one[29])]
    _check_pairs(pairs)
    return MachineLines(one[5:14].rstrip("<"), optional, two[0:6], two[8:14], _name(three))


def _read_td3(one: str, two: str) -> MachineLines:
    composite = two[0:10] + two[13:20] + two[21:43]
    pairs = [(two[0:9], two[9]), (two[13:19], two[19]), (two[21:27], two[27]), (composite, two[43])]
    if two[28:42].strip("<") or two[42] != "<":
        pairs.append((two[28:42], two[42]))
    _check_pairs(pairs)
    return MachineLines(two[0:9].rstrip("<"), two[28:42].rstrip("<"), two[13:19], two[21:27], _name(one[5:]))


def _check_pairs(pairs: list[tuple[str, str]]) -> None:
    if any(check_digit(text) != digit for text, digit in pairs):
        raise ValueError("check_digit")


def _name(text: str) -> str:
    return " ".join(text.replace("<", " ").split())


def _text_of(dg1: bytes) -> str:
    """The lines within their tags 61 and 5F1F."""
    for tag, value in _walk(dg1, 0):
        if tag == 0x5F1F and re.fullmatch(rb"[A-Z0-9<]+", value):
            return value.decode("ascii")
    raise ValueError("no_lines")


def _numbered(dg13: bytes) -> Iterator[tuple[int, bytes]]:
    """The values of `30 { 02 01 NN, tag value }`, each with its NN."""
    place: int | None = None
    for tag, value in _walk(dg13, 0):
        if tag == 0x02 and len(value) == 1:
            place = value[0]
        elif place is not None and tag in (0x0C, 0x13):
            yield place, value
            place = None


def _walk(data: bytes, depth: int) -> Iterator[tuple[int, bytes]]:
    """Each element of BER-TLV data with its tag, the inner ones after their outer one; raises ValueError."""
    at = 0
    while at < len(data):
        tag, at = data[at], at + 1
        if tag & 0x1F == 0x1F:
            tag, at = tag << 8 | _byte(data, at), at + 1
        length, at = _byte(data, at), at + 1
        if length & 0x80:
            more = length & 0x7F
            if more > 3:
                raise ValueError("no_lines")
            length, at = int.from_bytes(data[at : at + more]), at + more
        value = data[at : at + length]
        if len(value) != length:
            raise ValueError("no_lines")
        yield tag, value
        is_constructed = (tag >> 8 if tag > 0xFF else tag) & 0x20
        if is_constructed and depth < 6:
            yield from _walk(value, depth + 1)
        at += length


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise ValueError("no_lines")
    return data[at]
