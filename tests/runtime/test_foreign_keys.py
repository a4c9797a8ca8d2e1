"""Other parties' keys: fetched seldom, by one caller at a time; a hostile address holds nobody for long (RFC 7517)."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import jwt
import pytest
from jwt.utils import base64url_encode

from idp.runtime import foreign_keys
from idp.runtime.data_keys import Unsealable
from idp.runtime.foreign_keys import ForeignKeys
from idp.runtime.gate import Gate
from idp.runtime.outbound import Answer, Outbound, OutboundFailure
from idp.runtime.settings import Outbound as OutboundSettings
from tests.builders_assertions import OwnKey, a_key
from tests.doubles import FixedClock, RecordingOutbound
from tests.runtime.little_server import LittleServer

URI = "https://dich-vu.example/jwks"
OLD, NEW = a_key(kid="cu"), a_key(kid="moi")
ALGORITHMS = ("ES256", "RS256")


def document(*keys: dict[str, Any]) -> Answer:
    return Answer(200, {}, json.dumps({"keys": keys}).encode())


def token(key: OwnKey, **header: Any) -> str:
    return jwt.encode({"a": 1}, key.private, key.alg, headers={"kid": key.jwk.get("kid", "x"), **header})


def a_gate() -> Gate:
    return Gate(at_work=4, under_way=32, threads=48)


def until(true: Callable[[], bool]) -> None:
    for _ in range(10_000_000):
        if true():
            return
    raise AssertionError("it never came true")


@pytest.fixture
def keys(outbound: RecordingOutbound, clock: FixedClock) -> ForeignKeys:
    return ForeignKeys(outbound, clock, a_gate())


def verify(keys: ForeignKeys, key: OwnKey) -> dict[str, Any]:
    return keys.verify(token(key), ALGORITHMS, jwks_uri=URI)


def test_a_set_is_fetched_once_and_again_when_it_is_old(
    keys: ForeignKeys, outbound: RecordingOutbound, clock: FixedClock
) -> None:
    outbound.answer(URI, document(OLD.jwk))
    for _ in range(3):
        assert verify(keys, OLD) == {"a": 1}
    assert len(outbound.calls) == 1
    clock.advance(seconds=foreign_keys.KEPT_FOR)
    assert verify(keys, OLD) == {"a": 1}
    assert len(outbound.calls) == 2


def test_oidc_core_10_1_1_an_unknown_key_id_fetches_again_at_once_and_then_not_within_the_pause(
    keys: ForeignKeys, outbound: RecordingOutbound, clock: FixedClock
) -> None:
    """A party changes its keys whenever it likes, a moment after it used the old one too."""
    outbound.answer(URI, document(OLD.jwk), document(NEW.jwk), document(OLD.jwk))
    verify(keys, OLD)
    assert verify(keys, NEW) == {"a": 1}
    for _ in range(5):
        with pytest.raises(Unsealable):
            verify(keys, OLD)
    assert len(outbound.calls) == 2
    clock.advance(seconds=foreign_keys.PAUSE)
    assert verify(keys, OLD) == {"a": 1}


def test_keys_of_an_address_that_fails_are_believed_for_an_hour_and_no_longer(
    keys: ForeignKeys, outbound: RecordingOutbound, clock: FixedClock
) -> None:
    outbound.answer(URI, document(OLD.jwk), OutboundFailure("down"))
    verify(keys, OLD)
    clock.advance(seconds=foreign_keys.STALE_FOR - 1)
    assert verify(keys, OLD) == {"a": 1}
    clock.advance(seconds=foreign_keys.KEPT_FOR)
    with pytest.raises(Unsealable):
        verify(keys, OLD)


def test_an_address_that_never_answered_is_tried_again_after_the_pause(
    keys: ForeignKeys, outbound: RecordingOutbound, clock: FixedClock
) -> None:
    outbound.answer(URI, OutboundFailure("down"), document(OLD.jwk))
    for _ in range(3):
        with pytest.raises(Unsealable):
            verify(keys, OLD)
    assert len(outbound.calls) == 1
    clock.advance(seconds=foreign_keys.PAUSE)
    assert verify(keys, OLD) == {"a": 1}


class SlowOutbound(Outbound):
    """A server that answers when it is let."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.let, self.calls = threading.Event(), 0
        self._answer = answer or document(OLD.jwk)

    def get(self, url: str) -> Answer:
        self.calls += 1
        self.let.wait(10)
        return self._answer


def test_a_slow_address_holds_one_caller_and_the_others_for_a_moment(
    clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign_keys, "PATIENCE", 0.05)
    slow = SlowOutbound()
    keys = ForeignKeys(slow, clock, a_gate())
    first = threading.Thread(target=verify, args=(keys, OLD))
    first.start()
    while not slow.calls:
        time.sleep(0.001)
    began = time.monotonic()
    for _ in range(5):
        with pytest.raises(Unsealable):
            verify(keys, OLD)
    assert time.monotonic() - began < 3
    assert slow.calls == 1
    slow.let.set()
    first.join(10)
    assert verify(keys, OLD) == {"a": 1}


def test_many_slow_addresses_hold_few_callers(clock: FixedClock) -> None:
    slow = SlowOutbound()
    keys = ForeignKeys(slow, clock, a_gate())

    def ask(place: int) -> None:
        keys.verify(token(OLD), ALGORITHMS, jwks_uri=f"{URI}/{place}")

    held = [threading.Thread(target=ask, args=(place,)) for place in range(foreign_keys.MOST_AT_ONCE)]
    for thread in held:
        thread.start()
    while slow.calls < foreign_keys.MOST_AT_ONCE:
        time.sleep(0.001)
    with pytest.raises(Unsealable):
        ask(99)
    assert slow.calls == foreign_keys.MOST_AT_ONCE
    slow.let.set()
    for thread in held:
        thread.join(10)


# -- while others wait ---------------------------------------------------------------------------------------------


@contextmanager
def asking(keys: ForeignKeys, gate: Gate, uris: list[str]) -> Iterator[None]:
    """So many requests are inside, each asking with a key of another address; all get a no when it is over."""

    def ask(uri: str) -> None:
        with gate.enter(), pytest.raises(Unsealable):
            keys.verify(token(OLD), ALGORITHMS, jwks_uri=uri)

    with ThreadPoolExecutor(len(uris)) as threads:
        asked = [threads.submit(ask, uri) for uri in uris]
        yield
        for each in asked:
            each.result(20)


def test_while_addresses_hang_the_process_works_for_others(clock: FixedClock) -> None:
    gate, over = a_gate(), threading.Event()
    door = Outbound(OutboundSettings(("localhost",), "", 20, 10_000))
    keys = ForeignKeys(door, clock, gate)

    def hang(connected: socket.socket) -> None:
        over.wait(20)

    with LittleServer(hang).running() as server:
        uris = [f"http://localhost:{server.port}/{place}" for place in range(foreign_keys.MOST_AT_ONCE)]
        with asking(keys, gate, uris):
            until(lambda: len(keys._flying) == foreign_keys.MOST_AT_ONCE)
            with gate.enter():
                assert len(keys._flying) == foreign_keys.MOST_AT_ONCE, "it was let in only when they were done"
                with pytest.raises(Unsealable):  # one address more is not asked
                    verify(keys, OLD)
            over.set()


def test_few_of_those_inside_wait_for_an_address(clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign_keys, "PATIENCE", 20)
    slow, gate = SlowOutbound(Answer(500, {}, b"")), Gate(at_work=4, under_way=8, threads=12)
    keys = ForeignKeys(slow, clock, gate)
    most = gate.under_way // foreign_keys.WAITING_SHARE
    assert 1 < most < gate.under_way / 2
    with asking(keys, gate, [URI] * most):
        until(lambda: keys._waiting._value == 0)
        with pytest.raises(Unsealable):  # at once: nobody lets the others go
            verify(keys, OLD)
        assert slow.calls == 1
        slow.let.set()
    assert keys._waiting._value == most


def test_whoever_may_not_wait_is_judged_by_what_is_known_for_as_long_as_that_is_believed(
    keys: ForeignKeys, outbound: RecordingOutbound, clock: FixedClock
) -> None:
    outbound.answer(URI, document(OLD.jwk))
    verify(keys, OLD)
    keys._flying |= {f"{URI}/{place}": threading.Event() for place in range(foreign_keys.MOST_AT_ONCE)}
    clock.advance(seconds=foreign_keys.STALE_FOR - 1)
    assert verify(keys, OLD) == {"a": 1}
    clock.advance(seconds=1)
    with pytest.raises(Unsealable):
        verify(keys, OLD)
    assert len(outbound.calls) == 1


# -- which keys ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"use": "enc"},
        {"kty": "oct", "k": "eA"},
        {"kty": "RSA", "n": "3" * 400, "e": "AQAB"},
        {"alg": "RS256"},
        {"x": 7},
        {"x": "A" * 2000},
        {"kid": "khac"},
    ],
    ids=str,
)
def test_a_key_that_is_not_for_this_signature_is_not_used(keys: ForeignKeys, changed: dict[str, Any]) -> None:
    with pytest.raises(Unsealable):
        keys.verify(token(OLD), ALGORITHMS, jwks={"keys": [{**OLD.jwk, **changed}]})
    assert keys.verify(token(OLD), ALGORITHMS, jwks={"keys": [OLD.jwk]}) == {"a": 1}


def test_rfc7517_9_2_a_key_whose_private_part_all_can_read_is_no_key(keys: ForeignKeys) -> None:
    private = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(OLD.private))
    with pytest.raises(Unsealable):
        keys.verify(token(OLD), ALGORITHMS, jwks={"keys": [{**OLD.jwk, "d": private["d"]}]})


def test_rfc7518_3_3_an_rsa_key_below_2048_bits_is_no_key(keys: ForeignKeys) -> None:
    weak = {"kty": "RSA", "e": "AQAB", "n": "3" * 171, "kid": "yeu"}
    assert not foreign_keys._has_sound_size(weak)
    assert foreign_keys._has_sound_size(a_key("RS256").jwk)


@pytest.mark.parametrize(
    "exponent",
    [0, 1, 2, 65536, 2**32, 2**32 + 1, 2**64 + 13, 2**2047 + 1],
    ids=lambda exponent: f"{exponent.bit_length()} bits",
)
def test_an_rsa_key_with_a_public_exponent_that_costs_too_much_is_no_key(keys: ForeignKeys, exponent: int) -> None:
    key = a_key("RS256")
    raw = exponent.to_bytes((exponent.bit_length() + 7) // 8 or 1, "big")
    changed = {**key.jwk, "e": base64url_encode(raw).decode()}
    assert not foreign_keys._has_sound_size(changed)
    with pytest.raises(Unsealable):
        keys.verify(token(key), ALGORITHMS, jwks={"keys": [changed]})
    assert keys.verify(token(key), ALGORITHMS, jwks=key.jwks) == {"a": 1}


@pytest.mark.parametrize("text", ["Aw", "AQAB", "AAEAAQ", "_____w"])
def test_a_public_exponent_of_32_bits_or_less_is_sound(text: str) -> None:
    assert foreign_keys._is_sound_exponent(text)


@pytest.mark.parametrize("text", ["", "A", "é", "=", "\0", "A" * 1366])
def test_what_is_no_number_is_no_exponent(text: str) -> None:
    assert not foreign_keys._is_sound_exponent(text)


def numbered(count: int, **members: Any) -> list[dict[str, Any]]:
    return [{**a_key(kid=None).jwk, **members} for _ in range(count)]


def test_a_token_without_a_key_id_is_tried_with_few_keys(keys: ForeignKeys) -> None:
    nameless = jwt.encode({"a": 1}, OLD.private, OLD.alg)
    rsa = a_key("RS256", kid=None).jwk
    others = [*[rsa] * 10, *numbered(foreign_keys.MOST_TRIED - 1), *numbered(9, alg="ES384")]
    assert keys.verify(nameless, ALGORITHMS, jwks={"keys": [*others, OLD.jwk]}) == {"a": 1}
    with pytest.raises(Unsealable):
        keys.verify(nameless, ALGORITHMS, jwks={"keys": [*others, *numbered(1), OLD.jwk]})


def test_a_token_with_a_key_id_is_tried_with_that_key_first_and_with_few_others(keys: ForeignKeys) -> None:
    bare = {name: value for name, value in OLD.jwk.items() if name != "kid"}
    others = numbered(foreign_keys.MOST_TRIED)
    assert keys.verify(token(OLD), ALGORITHMS, jwks={"keys": [*others, OLD.jwk]}) == {"a": 1}
    assert keys.verify(token(OLD), ALGORITHMS, jwks={"keys": [*others[1:], bare]}) == {"a": 1}
    with pytest.raises(Unsealable):
        keys.verify(token(OLD), ALGORITHMS, jwks={"keys": [*others, bare]})
    with pytest.raises(Unsealable):
        keys.verify(token(OLD), ALGORITHMS, jwks={"keys": [*numbered(foreign_keys.MOST_TRIED, kid="cu"), OLD.jwk]})


def test_only_the_named_algorithms_are_taken(keys: ForeignKeys) -> None:
    with pytest.raises(Unsealable):
        keys.verify(token(OLD), ("RS256",), jwks=OLD.jwks)


def test_what_is_remembered_is_bounded(
    keys: ForeignKeys, outbound: RecordingOutbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign_keys, "ROOM", 3)
    for place in range(10):
        with pytest.raises(Unsealable):
            keys.verify(token(OLD), ALGORITHMS, jwks_uri=f"{URI}/{place}")
    assert len(keys._fetched) == 3


# -- keys to encrypt to --------------------------------------------------------------------------------------------

READABLE = {**a_key("RS256", kid="doc").jwk, "use": "enc"}
AGREED = {**a_key(kid="thoa").jwk, "use": "enc"}


def encryption_kid(keys: ForeignKeys, alg: str, *given: dict[str, Any]) -> object:
    found = keys.find_encryption_key(alg, jwks={"keys": list(given)}, jwks_uri=None)
    return found and found["kid"]


@pytest.mark.parametrize(("alg", "kid"), [("RSA-OAEP", "doc"), ("ECDH-ES", "thoa"), ("ECDH-ES+A128KW", "thoa")])
def test_oidc_core_10_2_content_is_encrypted_to_the_key_that_fits(keys: ForeignKeys, alg: str, kid: str) -> None:
    assert encryption_kid(keys, alg, READABLE, AGREED) == kid


@pytest.mark.parametrize(
    "changed",
    [{"use": "sig"}, {"d": "AQAB"}, {"alg": "ECDH-ES+A256KW"}, {"y": "AA"}, {"crv": "secp256k1"}, {"crv": "Ed25519"}],
    ids=str,
)
def test_oidc_core_10_2_a_key_that_cannot_be_encrypted_to_is_passed_over(
    keys: ForeignKeys, changed: dict[str, Any]
) -> None:
    wrong = {**AGREED, "kid": "sai", **changed}
    assert encryption_kid(keys, "ECDH-ES", wrong) is None
    assert encryption_kid(keys, "ECDH-ES", wrong, AGREED) == "thoa"


def test_oidc_core_10_2_keys_that_a_party_publishes_later_are_found(
    keys: ForeignKeys, outbound: RecordingOutbound
) -> None:
    signing = {**OLD.jwk, "use": "sig"}
    outbound.answer(URI, document(signing), document(signing, AGREED))
    found = keys.find_encryption_key("ECDH-ES", jwks=None, jwks_uri=URI)
    assert found is not None
    assert found["kid"] == "thoa"
    assert len(outbound.calls) == 2
