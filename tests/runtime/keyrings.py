"""Keyrings without a database, for the tests of the runtime."""

from collections.abc import Sequence
from functools import cache

from idp.runtime import signing
from idp.runtime.data_keys import DataKey
from idp.runtime.keyring import Keyring, Master, StoredKeys
from idp.runtime.signing import SigningKey
from tests.doubles import FixedClock

OLD, NEW = Master.of(b"o" * 32), Master.of(b"n" * 32)
PAIRWISE = b"p" * 32


@cache
def pair(alg: str, place: int = 0) -> tuple[str, bytes]:
    """A key pair, made once a process: RSA takes its time."""
    return signing.generate(alg)


def key(alg: str, state: str = "current", place: int = 0) -> SigningKey:
    kid, private = pair(alg, place)
    return SigningKey(kid=kid, alg=alg, state=state, private=private)


HOUSE = DataKey(id=b"hous", key=b"h" * 32)


class Shelf:
    """Where the stored keys stand; counts how often they were read."""

    def __init__(self, signing_keys: Sequence[SigningKey] = (), house: Sequence[DataKey] = (HOUSE,)) -> None:
        self.stored = StoredKeys(signing=tuple(signing_keys), pairwise=PAIRWISE, house=tuple(house))
        self.reads = 0

    def load(self, _keyring: Keyring) -> StoredKeys:
        self.reads += 1
        return self.stored


def ring(*masters: Master, clock: FixedClock | None = None, shelf: Shelf | None = None) -> Keyring:
    return Keyring(masters or (NEW,), clock or FixedClock(), (shelf or Shelf()).load)
