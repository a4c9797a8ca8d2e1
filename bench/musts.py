"""What issue 4 demands of the figures, and whether it holds: goals in CPU time, bounds against peers, p99.

All bounds compare CPU-milliseconds of an operation, server and database, of one run. Under 1.3 times is a draw.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from time import thread_time
from typing import TYPE_CHECKING, Final

from argon2 import PasswordHasher

if TYPE_CHECKING:
    from bench.generator import Measured

Key = tuple[str, str, str | None]
DRAW: Final = 1.3
OURS, REDIS, MEMORY = "ours", "oidc-provider-redis", "oidc-provider-memory"
TOOLKIT, CANAILLE = "django-oauth-toolkit", "canaille"
RS, ES = "RS256", "ES256"
ABOVE_THE_HASH: Final = 4.0  # CPU-milliseconds that a sign-in may cost beside its hash

# CPU-milliseconds on a machine of this class.
GOALS: Final[Mapping[tuple[str, str | None], float]] = {
    ("code_flow", RS): 2.6,
    ("code_flow", ES): 1.3,
    ("refresh", RS): 1.9,
    ("refresh", ES): 0.70,
    ("userinfo", None): 0.36,
    ("introspection", None): 0.38,
    ("client_credentials", None): 0.50,
    ("client_credentials_jwt", ES): 0.30,
    ("discovery", None): 0.075,
    ("jwks", None): 0.075,
}
# Ours over theirs, at most; DRAW where a draw is enough.
BOUNDS: Final[Mapping[tuple[str, str | None], Mapping[str, float]]] = {
    ("code_flow", RS): {REDIS: 0.65, MEMORY: DRAW, TOOLKIT: 1 / 12, CANAILLE: 1 / 30},
    ("code_flow", ES): {MEMORY: 0.6},
    ("refresh", RS): {REDIS: DRAW, MEMORY: DRAW, TOOLKIT: 1 / 12, CANAILLE: 1 / 20},
    ("refresh", ES): {REDIS: DRAW, MEMORY: DRAW},
    ("userinfo", None): {REDIS: 0.7, MEMORY: DRAW, TOOLKIT: 1 / 10, CANAILLE: 1 / 25},
    ("introspection", None): {REDIS: 0.65, MEMORY: DRAW, TOOLKIT: 1 / 10, CANAILLE: 1 / 25},
    ("client_credentials", None): {REDIS: DRAW, MEMORY: DRAW, TOOLKIT: 1 / 8, CANAILLE: 1 / 25},
    ("client_credentials_jwt", ES): {REDIS: DRAW, MEMORY: 0.5},
    ("discovery", None): {REDIS: 0.3},
    ("jwks", None): {REDIS: 0.45},
}


@dataclass(frozen=True, slots=True)
class Verdict:
    operation: str
    alg: str | None
    must: str
    found: str
    said: str  # "met", "draw" or "missed …"

    @property
    def is_met(self) -> bool:
        return not self.said.startswith("missed")

    @property
    def cells(self) -> tuple[str, ...]:
        return self.operation, self.alg or "", self.must, self.found, self.said

    @property
    def text(self) -> str:
        return f"{self.operation:<24}{self.alg or '':<7}{self.must:<44}{self.found:>10}  {self.said}"


def judge(found: Mapping[Key, "Measured"]) -> list[Verdict]:
    """A verdict for each demand that this run can answer."""
    verdicts: list[Verdict] = []
    for (system, operation, alg), own in found.items():
        if system == OURS:
            verdicts += _goals(operation, alg, _total(own))
            verdicts += _bounds(found, operation, alg, _total(own))
            verdicts += _tail(found, operation, alg, own.p99_ms)
    return verdicts


def _goals(operation: str, alg: str | None, own: float) -> Iterator[Verdict]:
    goal = GOALS.get((operation, alg))
    if operation == "password_sign_in":
        goal = hash_ms() + ABOVE_THE_HASH
    if goal is not None:
        said = "met" if own <= goal else f"missed by {own / goal:.2f}x"
        yield Verdict(operation, alg, f"goal: at most {goal:.3g} CPU-ms", f"{own:.3f}", said)


def _bounds(found: Mapping[Key, "Measured"], operation: str, alg: str | None, own: float) -> Iterator[Verdict]:
    for peer, bound in BOUNDS.get((operation, alg), {}).items():
        theirs = found.get((peer, operation, alg))
        if theirs is None or not _total(theirs):
            continue
        ratio = own / _total(theirs)
        if bound == DRAW:
            must, said = f"draw or better against {peer}", _draw_or(ratio)
        else:
            must = f"at most {bound:.3g} of {peer}"
            said = "met" if ratio <= bound else f"missed by {ratio / bound:.2f}x"
        yield Verdict(operation, alg, must, f"{ratio:.3f}", said)


def _draw_or(ratio: float) -> str:
    if ratio * DRAW <= 1:
        return "met: ahead"
    return "met: a draw" if ratio < DRAW else f"missed: behind by {ratio:.2f}x"


def _tail(found: Mapping[Key, "Measured"], operation: str, alg: str | None, own: float) -> Iterator[Verdict]:
    peers = {key[0]: each.p99_ms for key, each in found.items() if key[1:] == (operation, alg) and key[0] != OURS}
    if peers and operation != "password_sign_in":  # not all of them check a password
        best = min(peers, key=lambda name: peers[name])
        ratio = own / peers[best]
        said = "met" if ratio <= 1 else "draw" if ratio < DRAW else f"missed by {ratio:.2f}x"
        yield Verdict(operation, alg, f"p99 at most {best}'s {peers[best]:.1f} ms", f"{own:.1f}", said)


def _total(measured: "Measured") -> float:
    return measured.cpu_ms + measured.db_cpu_ms


@cache
def hash_ms() -> float:
    """CPU-milliseconds of one password hash with production's settings, here and now: the best of five."""
    hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
    times = []
    for _ in range(5):
        start = thread_time()
        hasher.hash("Do-luong-tai-dinh-2026!")
        times.append((thread_time() - start) * 1000)
    return min(times)
