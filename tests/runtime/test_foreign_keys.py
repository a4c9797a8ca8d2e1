"""Other parties' keys: fetched seldom, by one caller at a time; a hostile address holds nobody for long (RFC 7517)."""

import json
import threading
import time
from typing import Any

import jwt
import pytest

from idp.runtime import foreign_keys
from idp.runtime.data_keys import Unsealable
from idp.runtime.foreign_keys import ForeignKeys
from idp.runtime.outbound import Answer, Outbound, OutboundFailure
from tests.builders_assertions import OwnKey, a_key
from tests.doubles import FixedClock, RecordingOutbound

URI = "https://dich-vu.example/jwks"
OLD, NEW = a_key(kid="cu"), a_key(kid="moi")
ALGORITHMS = ("ES256", "RS256")


def document(*keys: dict[str, Any]) -> Answer:
    return Answer(200, {}, json.dumps({"keys": keys}).encode())


def token(key: OwnKey, **header: Any) -> str:
    return jwt.encode({"a": 1}, key.private, key.alg, headers={"kid": key.jwk.get("kid", "x"), **header})


@pytest.fixture
def keys(outbound: RecordingOutbound, clock: FixedClock) -> ForeignKeys:
    return ForeignKeys(outbound, clock)


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


def test_an_unknown_key_id_fetches_again_but_not_within_the_pause(
    keys: ForeignKeys, outbound: RecordingOutbound, clock: FixedClock
) -> None:
    outbound.answer(URI, document(OLD.jwk), document(NEW.jwk))
    verify(keys, OLD)
    with pytest.raises(Unsealable):
        verify(keys, NEW)
    assert len(outbound.calls) == 1
    clock.advance(seconds=foreign_keys.PAUSE)
    assert verify(keys, NEW) == {"a": 1}
    with pytest.raises(Unsealable):
        verify(keys, OLD)


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

    def __init__(self) -> None:
        self.let, self.calls = threading.Event(), 0

    def get(self, url: str) -> Answer:
        self.calls += 1
        self.let.wait(10)
        return document(OLD.jwk)


def test_a_slow_address_holds_one_caller_and_the_others_for_a_moment(
    clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign_keys, "PATIENCE", 0.05)
    slow = SlowOutbound()
    keys = ForeignKeys(slow, clock)
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
    keys = ForeignKeys(slow, clock)

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


@pytest.mark.parametrize(
    "changed",
    [{"use": "enc"}, {"kty": "oct", "k": "eA"}, {"alg": "RS256"}, {"x": 7}, {"x": "A" * 2000}, {"kid": "khac"}],
    ids=str,
)
def test_a_key_that_is_not_for_this_signature_is_not_used(keys: ForeignKeys, changed: dict[str, Any]) -> None:
    with pytest.raises(Unsealable):
        keys.verify(token(OLD), ALGORITHMS, jwks={"keys": [{**OLD.jwk, **changed}]})
    assert keys.verify(token(OLD), ALGORITHMS, jwks={"keys": [OLD.jwk]}) == {"a": 1}


def test_rfc7518_3_3_an_rsa_key_below_2048_bits_is_no_key(keys: ForeignKeys) -> None:
    weak = {"kty": "RSA", "e": "AQAB", "n": "3" * 171, "kid": "yeu"}
    assert not foreign_keys._has_sound_size(weak)
    assert foreign_keys._has_sound_size(a_key("RS256").jwk)


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
