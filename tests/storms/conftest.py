"""Figures that a storm measured, kept in var/storms.txt for whoever reads the evidence."""

from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[2] / "var" / "storms.txt"


class Figures:
    def write(self, line: str) -> None:
        FILE.parent.mkdir(exist_ok=True)
        with FILE.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


@pytest.fixture
def figures() -> Figures:
    return Figures()
