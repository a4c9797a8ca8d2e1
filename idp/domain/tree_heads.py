"""Tree heads: what is signed of the log each time it has grown, and what a check of the log finds wrong.

The log has one Merkle tree a month, of the entries whose ids (UUIDv7) fall into it. Heads are numbered over all months,
and each carries the digest of the one before. A head also carries a mark of each leaf that is new in it, its first
bytes: whoever changes rows and leaves together breaks the root, and the marks say at which leaf.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from idp.domain import merkle
from idp.domain.audit import Kind

TYP: Final = "tree-head+jwt"
MARK_BYTES: Final = 4
# An entry's id is as old as its deed, and is seen when the deed is committed. No transaction may stand still for longer
# than storage.database.IDLE_IN_TRANSACTION_FOR; what took longer than this all the same is found by a slower look.
MARGIN: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One entry's place in the log; numbers count from nought in each month."""

    kind: Kind
    id: UUID
    leaf_hash: bytes
    number: int = -1

    @property
    def month(self) -> str:
        return month_of(self.id)

    @property
    def tree_hash(self) -> bytes:
        return merkle.leaf(self.leaf_hash)

    @property
    def mark(self) -> bytes:
        return self.tree_hash[:MARK_BYTES]


@dataclass(frozen=True, slots=True)
class TreeHead:
    """A tree at one moment: its first `size` leaves have this root. `previous` is b"" in the first head of all."""

    number: int
    month: str
    size: int
    root: bytes
    previous: bytes
    marks: bytes
    at: datetime

    @property
    def first_new(self) -> int:
        """The number of the first leaf that the head before did not have."""
        return self.size - len(self.marks) // MARK_BYTES

    def mark_of(self, number: int) -> bytes:
        at = (number - self.first_new) * MARK_BYTES
        return self.marks[at : at + MARK_BYTES]

    def claims(self, issuer: str) -> dict[str, Any]:
        """What is signed (RFC 7519)."""
        return {
            "iss": issuer,
            "iat": int(self.at.timestamp()),
            "number": self.number,
            "month": self.month,
            "size": self.size,
            "root": self.root.hex(),
            "previous": self.previous.hex(),
            "marks": self.marks.hex(),
        }


def of_claims(claims: Mapping[str, Any]) -> TreeHead:
    """The head that was signed; raises ValueError for anything else."""
    try:
        return TreeHead(
            number=int(claims["number"]),
            month=str(claims["month"]),
            size=int(claims["size"]),
            root=bytes.fromhex(claims["root"]),
            previous=bytes.fromhex(claims["previous"]),
            marks=bytes.fromhex(claims["marks"]),
            at=datetime.fromtimestamp(int(claims["iat"]), UTC),
        )
    except (KeyError, TypeError) as error:
        raise ValueError("no tree head") from error


def read_unverified(jws: str) -> TreeHead:
    """What a signed head says, its signature unchecked; raises ValueError where it is no head."""
    _, _, rest = jws.partition(".")
    payload = rest.partition(".")[0]
    claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    if not isinstance(claims, dict):
        raise ValueError("no tree head")
    return of_claims(claims)


def digest(jws: str) -> bytes:
    """By what the next head names this one."""
    return sha256(jws.encode()).digest()


def moment_of(id_: UUID) -> datetime:
    """The moment of a UUIDv7, in milliseconds."""
    return datetime.fromtimestamp((id_.int >> 80) / 1000, UTC)


def month_of(id_: UUID) -> str:
    """In which tree an entry of this id stands: 2026-12."""
    return f"{moment_of(id_):%Y-%m}"


def marks_of(leaves: Iterable[Leaf]) -> bytes:
    return b"".join(leaf.mark for leaf in leaves)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was sealed: where (a leaf of a month, or an entry), and what, in one sentence."""

    what: str
    month: str = ""
    number: int | None = None
    entry: UUID | None = None

    def __str__(self) -> str:
        place = f"{self.month} entry number {self.number}" if self.number is not None else self.month
        named = f" ({self.entry})" if self.entry else ""
        return f"{place}{named}: {self.what}".removeprefix(": ")
