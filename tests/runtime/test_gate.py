"""So many work at once, so many wait, and who waits for something slow gives its place to another."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from idp.runtime.gate import Crowded, Gate

PATIENCE = 20


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


class Visit:
    """A request that stays inside until it is let go."""

    def __init__(self, gate: Gate, threads: ThreadPoolExecutor, *, aside: bool = False) -> None:
        self.at_work, self.go = threading.Event(), threading.Event()
        self._gate, self._aside = gate, aside
        self.done: Future[None] = threads.submit(self._stay)

    def _stay(self) -> None:
        with self._gate.enter():
            if not self._aside:
                self._work()
                return
            with self._gate.step_aside():
                self._work()

    def _work(self) -> None:
        self.at_work.set()
        assert self.go.wait(PATIENCE)

    def end(self) -> None:
        self.go.set()
        self.done.result(PATIENCE)


def until(true: Callable[[], bool]) -> None:
    for _ in range(10_000_000):
        if true():
            return
    raise AssertionError("it never came true")


def test_those_beyond_wait_their_turn_and_one_more_is_sent_away_at_once(threads: ThreadPoolExecutor) -> None:
    gate = Gate(at_work=1, under_way=2)
    first = Visit(gate, threads)
    assert first.at_work.wait(PATIENCE)
    second = Visit(gate, threads)
    until(lambda: gate._inside == 2)
    with pytest.raises(Crowded), gate.enter():
        pytest.fail("a third was let in")
    assert not second.at_work.is_set()
    first.end()
    assert second.at_work.wait(PATIENCE)
    second.end()
    with gate.enter():
        pass


def test_who_steps_aside_keeps_no_place_but_stays_inside(threads: ThreadPoolExecutor) -> None:
    gate = Gate(at_work=1, under_way=2)
    aside = Visit(gate, threads, aside=True)
    assert aside.at_work.wait(PATIENCE)
    other = Visit(gate, threads)
    assert other.at_work.wait(PATIENCE), "the place at work was free"
    with pytest.raises(Crowded), gate.enter():
        pytest.fail("a third was let in")
    aside.go.set()
    assert not aside.done.done(), "it comes back only when there is a place"
    other.end()
    aside.end()


def test_a_place_comes_back_after_an_exception() -> None:
    gate = Gate(at_work=1, under_way=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.enter(), gate.step_aside():
            raise ZeroDivisionError
    with gate.enter():
        pass


def test_who_never_entered_steps_aside_from_nothing() -> None:
    gate = Gate(at_work=1, under_way=1)
    with gate.step_aside(), gate.enter(), pytest.raises(Crowded), gate.enter():
        pytest.fail("two were let in")
