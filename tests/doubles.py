"""Stand-ins for what the process is given from outside: the clock and the network."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from idp.runtime.messages import Message
from idp.runtime.outbound import Answer, Outbound

START = datetime(2026, 12, 1, 1, 30, tzinfo=UTC)


class FixedClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, start: datetime = START) -> None:
        if start.utcoffset() is None:
            raise ValueError("a clock speaks aware times only")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, **by: float) -> datetime:
        """`clock.advance(minutes=5)`: as timedelta's arguments; gives the new moment."""
        self._now += timedelta(**by)
        return self._now


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    url: str
    form: Mapping[str, str] | None = None


class RecordingOutbound(Outbound):
    """The outbound door with nothing behind it: records calls, gives the answers a test has laid ready.

    Answers laid ready for one address are given in order, the last one again and again; an exception is
    raised. An address without any is answered by `otherwise`: an empty 200.
    """

    def __init__(self, otherwise: Answer | Exception | None = None) -> None:
        self.calls: list[Call] = []
        self._otherwise = otherwise or Answer(200, {}, b"")
        self._ready: dict[str, deque[Answer | Exception]] = {}

    def answer(self, url: str, *answers: Answer | Exception) -> None:
        """Lay `answers` ready for the next calls of `url`."""
        self._ready.setdefault(url, deque()).extend(answers)

    def get(self, url: str) -> Answer:
        return self._give(Call("GET", url))

    def post(self, url: str, form: Mapping[str, str]) -> Answer:
        return self._give(Call("POST", url, dict(form)))

    def calls_to(self, url: str) -> list[Call]:
        return [call for call in self.calls if call.url == url]

    def _give(self, call: Call) -> Answer:
        self.calls.append(call)
        ready = self._ready.get(call.url)
        given: Any = self._otherwise if not ready else ready[0] if len(ready) == 1 else ready.popleft()
        if isinstance(given, Exception):
            raise given
        assert isinstance(given, Answer)
        return given


class RefusingGateway:
    """A plug-in for messages that fails, and says whose message it was."""

    def __init__(self, settings: object) -> None:
        pass

    def send(self, message: Message) -> None:
        raise RuntimeError(f"no way to {message.to}")
