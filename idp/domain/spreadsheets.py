"""Files for spreadsheets: CSV (RFC 4180), in which no cell begins a formula (CWE-1236)."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """One line a row, every cell in quotation marks."""
    text = io.StringIO()
    lines = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    lines.writerow(head)
    lines.writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def _harmless(cell: str) -> str:
    """With a mark before it that spreadsheets show nobody, where it would be taken for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
