"""Tables of the consoles: sorted by the heads of their columns, as the address says; taken away as files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from flask import Response, request

from idp.domain import spreadsheets

# Of a list that is taken away as a file, so many lines at most.
A_FILE: Final = 5000


@dataclass(frozen=True, slots=True)
class Order:
    """By which column, and whether from its end."""

    by: str
    is_descending: bool = False

    @property
    def sign(self) -> str:
        """As it stands in an address: due, or -due."""
        return f"-{self.by}" if self.is_descending else self.by


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column. `url` sorts by it, '' where it is not to be sorted by; `sorted_as` is its aria-sort."""

    label: str
    url: str = ""
    sorted_as: str = ""


def order_asked(columns: Sequence[str], usual: Order) -> Order:
    """The order that the address asks for, where it is one of these columns; else the usual one."""
    asked = request.args.get("sort", "")
    by = asked.removeprefix("-")
    return Order(by, asked.startswith("-")) if by in columns else usual


def heads(labels: Mapping[str, str], sortable: Sequence[str], order: Order, address: str) -> list[Head]:
    """The heads in their order, of the table at this address; the one that sorts now sorts the other way round."""
    return [_head(name, label, order, address) if name in sortable else Head(label) for name, label in labels.items()]


def is_file_asked() -> bool:
    """Whether the address asks for the list as a file."""
    return request.args.get("as") == "csv"


def file(name: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Response:
    """A list as a file for a spreadsheet."""
    response = Response(spreadsheets.write(head, rows).encode("utf-8-sig"), mimetype="text/csv")
    response.headers["Content-Disposition"] = f"attachment; filename={name}.csv"
    response.headers["Cache-Control"] = "no-store"
    return response


def _head(name: str, label: str, order: Order, address: str) -> Head:
    is_here = order.by == name
    turned = Order(name, is_here and not order.is_descending)
    sorted_as = ("descending" if order.is_descending else "ascending") if is_here else ""
    return Head(label, f"{address}{'&' if '?' in address else '?'}sort={turned.sign}", sorted_as)
