"""Plain requests and answers: what goes between the web floor and this one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from idp.domain.relying_services import RelyingService

Pairs = Sequence[tuple[str, str]]

NO_STORE: Mapping[str, str] = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in: its method, its parameters in order, and the headers that matter."""

    method: str
    pairs: Pairs
    authorization: str | None = field(default=None, repr=False)
    path: str = "/oauth2/token"
    accept: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a machine: status, headers and body, ready to send."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    of_service: RelyingService | None = None

    def readable_from(self, service: RelyingService | None) -> "Answer":
        """The same answer, which scripts on the service's own registered origins may read (CORS)."""
        return Answer(self.status, self.body, self.headers, service)

    @property
    def origins(self) -> frozenset[str]:
        return self.of_service.origins if self.of_service else frozenset()


def json_answer(status: int, document: Mapping[str, Any], headers: Mapping[str, str] = NO_STORE) -> Answer:
    return Answer(status, orjson.dumps(document), {"Content-Type": "application/json", **headers})


def error_answer(status: int, error: str, description: str, headers: Mapping[str, str] = NO_STORE) -> Answer:
    """An OAuth error (RFC 6749 5.2). `description` is ASCII English for the service's developer."""
    return json_answer(status, {"error": error, "error_description": description}, headers)


def repeated(pairs: Pairs, *, but: frozenset[str] = frozenset({"resource"})) -> list[str]:
    """Names that stand more than once (RFC 6749 3.1, 3.2: parameters MUST NOT); `resource` may (RFC 8707 2)."""
    counts = Counter([name for name, _ in pairs])
    if len(counts) == len(pairs):
        return []
    return sorted(name for name, count in counts.items() if count > 1 and name not in but)
