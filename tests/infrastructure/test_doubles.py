"""The stand-ins do what their tests rely on."""

from datetime import UTC, datetime, timedelta, timezone
from inspect import signature

import pytest

from idp.runtime.outbound import Answer, Outbound, OutboundFailure
from tests.doubles import Call, FixedClock, RecordingOutbound


def test_the_clock_stands_still_until_it_is_moved() -> None:
    clock = FixedClock(datetime(2026, 1, 2, 7, tzinfo=timezone(timedelta(hours=7))))
    assert clock.now() == clock.now() == datetime(2026, 1, 2, tzinfo=UTC)
    assert clock.advance(minutes=5) == clock.now() == datetime(2026, 1, 2, 0, 5, tzinfo=UTC)
    assert clock.now().tzinfo is UTC


def test_the_clock_refuses_a_time_without_zone() -> None:
    with pytest.raises(ValueError, match="aware"):
        FixedClock(datetime(2026, 1, 2))  # noqa: DTZ001


def test_outbound_records_calls_and_gives_the_answers_laid_ready() -> None:
    outbound = RecordingOutbound()
    first, last = Answer(500, {}, b""), Answer(204, {}, b"")
    outbound.answer("https://a.example/", first, last)
    assert [outbound.get("https://a.example/") for _ in range(3)] == [first, last, last]
    assert outbound.post("https://b.example/", {"logout_token": "t"}).status == 200
    assert outbound.calls_to("https://b.example/") == [Call("POST", "https://b.example/", {"logout_token": "t"})]
    assert len(outbound.calls) == 4


def test_outbound_raises_a_failure_laid_ready() -> None:
    outbound = RecordingOutbound()
    outbound.answer("https://a.example/", OutboundFailure("down"), Answer(200, {}, b"up"))
    with pytest.raises(OutboundFailure):
        outbound.get("https://a.example/")
    assert outbound.get("https://a.example/").body == b"up"


@pytest.mark.parametrize("name", ["get", "post"])
def test_the_stand_in_has_the_shape_of_the_real_door(name: str) -> None:
    assert signature(getattr(RecordingOutbound, name)) == signature(getattr(Outbound, name))
