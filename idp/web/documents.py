"""Documents that are the same for everybody: made once, compressed once, answered from memory.

RFC 9110 8.8.3 (entity tags), 13.1.2 (If-None-Match), 12.5.3 (Accept-Encoding).
"""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

from werkzeug.http import parse_accept_header

from idp.protocol.answers import Answer


@dataclass(frozen=True, slots=True)
class Document:
    """A body with its compressed form, its tag, and the headers it always carries."""

    plain: bytes
    compressed: bytes
    digest: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, plain: bytes, media_type: str, headers: Mapping[str, str]) -> "Document":
        digest = sha256(plain).hexdigest()[:16]
        # Weak: compressed or not, it is the same document.
        always = {"Content-Type": media_type, **headers, "ETag": f'W/"{digest}"', "Vary": "Accept-Encoding"}
        return cls(plain, gzip.compress(plain, 9, mtime=0), digest, always)

    def answer(self, if_none_match: str, accept_encoding: str) -> Answer:
        """As the asker has it already, takes it compressed, or takes it plain."""
        if f'"{self.digest}"' in if_none_match:
            return Answer(304, b"", {name: value for name, value in self.headers.items() if name != "Content-Type"})
        if _takes_gzip(accept_encoding):
            return Answer(200, self.compressed, {**self.headers, "Content-Encoding": "gzip"})
        return Answer(200, self.plain, self.headers)


@lru_cache(maxsize=256)
def _takes_gzip(accept_encoding: str) -> bool:
    quality: float = parse_accept_header(accept_encoding).quality("gzip")
    return quality > 0
