"""Passwords that were stolen elsewhere: looked up in a file, without telling anybody (NIST SP 800-63B 3.1.1.2).

The file is what breach services offer for download: a line each, SHA-1 in hexadecimal, perhaps with ":count", sorted.
It may have tens of gigabytes: some thirty lines of it are read for a password.
"""

import hashlib
import mmap
from pathlib import Path
from typing import Final

from idp.runtime.settings import WrongSetting

_HASH: Final = 40


class Breached:
    """The list of a setting; without one no password is in it."""

    def __init__(self, file: str, root: Path) -> None:
        self._lines = _open(root / file) if file else None

    def contains(self, password: str) -> bool:
        if self._lines is None:
            return False
        wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        low, high = 0, len(self._lines)
        while low < high:
            start = self._lines.rfind(b"\n", low, (low + high) // 2) + 1 or low
            found = self._lines[start : start + _HASH].upper()
            if found == wanted:
                return True
            if found > wanted:
                high = start
            else:
                end = self._lines.find(b"\n", start)
                low = len(self._lines) if end < 0 else end + 1
        return False


def _open(path: Path) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            lines = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        raise WrongSetting("The file of the setting passwords.breach_file cannot be read, or is empty.") from None
    first = lines[:_HASH]
    if len(first) < _HASH or not all(byte in b"0123456789abcdefABCDEF" for byte in first):
        raise WrongSetting("The file of the setting passwords.breach_file holds no SHA-1 in its first line.")
    return lines
