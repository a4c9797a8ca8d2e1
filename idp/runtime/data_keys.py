"""Data keys: AES-256-GCM over single values, each bound to its table, column and row.

A person has one; erasing it makes all that was sealed with it unreadable, in every copy made without the key.
"""

from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from idp.runtime import chance

_VERSION = b"\x02"
_HEAD = 1 + 4 + 12


class Unsealable(Exception):
    """A sealed value, token or signature that is not ours, is damaged, or stands in the wrong place."""


@dataclass(frozen=True)
class DataKey:
    id: bytes
    key: bytes = field(repr=False)

    @cached_property
    def _cipher(self) -> AESGCM:
        """Made once: a person's record is some fifteen values."""
        return AESGCM(self.key)

    def seal(self, place: str, row: UUID, plain: str) -> bytes:
        """Encrypt `plain`; `place` is table.column. Blob: version, key id (4), nonce (12), ciphertext and tag."""
        nonce = chance.new_bytes(12)
        return _VERSION + self.id + nonce + self._cipher.encrypt(nonce, plain.encode(), _context(place, row))

    def open(self, place: str, row: UUID, sealed: bytes) -> str:
        """Decrypt; raises Unsealable when the blob was made for another place, row or key."""
        if not self.sealed(sealed):
            raise Unsealable
        try:
            return self._cipher.decrypt(sealed[5:_HEAD], sealed[_HEAD:], _context(place, row)).decode()
        except InvalidTag:
            raise Unsealable from None

    def sealed(self, blob: bytes) -> bool:
        """Whether this key made the blob, by the key id in it."""
        return len(blob) > _HEAD and blob[:1] == _VERSION and blob[1:5] == self.id


def _context(place: str, row: UUID) -> bytes:
    return f"{place}:{row.hex}".encode()
