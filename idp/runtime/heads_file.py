"""The file of tree heads, outside the database: lines are only ever added, each is on the disk before the next deed."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import BinaryIO, Final

# More than any two lines: a head with 2,000 marks has some 22,000 characters.
_TAIL: Final = 1 << 17


class HeadsFile:
    """`name` is relative to `root`; '' for none."""

    def __init__(self, name: str, root: Path) -> None:
        self._path = root / name if name else None

    @property
    def is_kept(self) -> bool:
        return self._path is not None

    @contextmanager
    def held(self) -> Iterator["Held"]:
        """The file, for this process alone meanwhile; made where it is missing. Raises OSError."""
        if self._path is None:
            raise ValueError("no file of tree heads is kept")
        with self._path.open("ab+") as file:
            flock(file, LOCK_EX)
            yield Held(file)


@dataclass(frozen=True, slots=True)
class Held:
    _file: BinaryIO

    def last_line(self) -> str:
        """The last line that was written whole; '' where there is none."""
        whole, newline, _torn = self._tail().rpartition(b"\n")
        return whole.rpartition(b"\n")[2].decode("ascii", "replace") if newline else ""

    def append(self, lines: Sequence[str]) -> None:
        """Add lines, and give back only when they are on the disk.

        A line that a power cut tore is left as it is, since the file may allow nothing else: the whole one follows.
        """
        tail = self._tail()
        is_torn = bool(tail) and not tail.endswith(b"\n")
        self._file.write((b"\n" if is_torn else b"") + "".join(f"{line}\n" for line in lines).encode("ascii"))
        self._file.flush()
        os.fsync(self._file.fileno())

    def _tail(self) -> bytes:
        size = self._file.seek(0, os.SEEK_END)
        self._file.seek(max(0, size - _TAIL))
        return self._file.read()
