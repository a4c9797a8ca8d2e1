"""Files for spreadsheets: each cell is read back as it was, and none begins a formula (RFC 4180; CWE-1236)."""

import csv
import io

import pytest

from idp.domain import spreadsheets


@pytest.mark.parametrize("cell", ["=1+1", "+84912", "-2", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_begins_a_formula(cell: str) -> None:
    [_, [written]] = csv.reader(io.StringIO(spreadsheets.write(["a"], [[cell]]), newline=""))
    assert written == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "Lê, Thị", 'một "hai"', "dòng\nhai", "a=b", "12:30"])
def test_every_other_cell_is_read_back_as_it_was(cell: str) -> None:
    assert list(csv.reader(io.StringIO(spreadsheets.write(["a"], [[cell]]), newline="")))[1] == [cell]
