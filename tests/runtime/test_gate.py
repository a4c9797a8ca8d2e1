"""So many work at once, so many wait, and who waits for something slow gives its place to another."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from idp.runtime.gate import Crowded, Gate

PATIENCE = 20


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


class Visit:
    """A request that stays inside until it is let go."""

    def __init__(self, gate: Gate, threads: ThreadPoolExecutor, *, aside: bool = False, people: bool = False) -> None:
        self.at_work, self.go = threading.Event(), threading.Event()
        self._gate, self._aside, self._people = gate, aside, people
        self.done: Future[None] = threads.submit(self._stay)

    def _stay(self) -> None:
        with self._gate.enter(people=self._people):
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
    gate = Gate(at_work=1, under_way=2, threads=4)
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
    gate = Gate(at_work=1, under_way=2, threads=4)
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
    gate = Gate(at_work=1, under_way=1, threads=4)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.enter(), gate.step_aside():
            raise ZeroDivisionError
    with gate.enter():
        pass


def test_who_never_entered_steps_aside_from_nothing() -> None:
    gate = Gate(at_work=1, under_way=1, threads=4)
    with gate.step_aside(), gate.enter(), pytest.raises(Crowded), gate.enter():
        pytest.fail("two were let in")


# -- bodies on their way -------------------------------------------------------------------------------------------


class Sender:
    """A request whose body does not come before it is let."""

    def __init__(self, gate: Gate, threads: ThreadPoolExecutor) -> None:
        self.is_on_its_way, self.go, self.is_in = threading.Event(), threading.Event(), threading.Event()
        self._gate = gate
        self.done: Future[None] = threads.submit(self._send)

    def _send(self) -> None:
        with self._gate.enter(self._receive):
            self.is_in.set()

    def _receive(self) -> None:
        self.is_on_its_way.set()
        assert self.go.wait(PATIENCE)


def test_whose_body_is_on_its_way_is_not_inside_and_some_threads_are_never_its_own(threads: ThreadPoolExecutor) -> None:
    # Of eight threads one stays free, and three are for those inside.
    gate = Gate(at_work=4, under_way=4, threads=8)
    senders = [Sender(gate, threads) for _ in range(4)]
    assert all(sender.is_on_its_way.wait(PATIENCE) for sender in senders)
    with pytest.raises(Crowded), gate.enter(lambda: pytest.fail("one body more was waited for")):
        pytest.fail("one sender more was let in")
    with gate.enter():  # who sends nothing does not suffer
        others = [Visit(gate, threads) for _ in range(2)]
        until(lambda: gate._inside == 3)
        with pytest.raises(Crowded), gate.enter():
            pytest.fail("the thread that tells the next to come back was used up")
    for other in others:
        other.end()
    for sender in senders:
        sender.go.set()
        sender.done.result(PATIENCE)
        assert sender.is_in.is_set()
    with gate.enter(lambda: None):
        pass


def test_bodies_on_their_way_hold_only_threads_that_those_inside_leave() -> None:
    gate = Gate(at_work=6, under_way=6, threads=8)
    with ThreadPoolExecutor(6) as pool, ExitStack() as inside:
        visits = [Visit(gate, pool) for _ in range(6)]
        for visit in visits:
            inside.callback(visit.end)
        until(lambda: gate._inside == 6)
        sender = Sender(gate, inside.enter_context(ThreadPoolExecutor(1)))
        inside.callback(sender.go.set)
        assert sender.is_on_its_way.wait(PATIENCE)
        with pytest.raises(Crowded), gate.enter(lambda: None):
            pytest.fail("all threads are taken")


@pytest.mark.parametrize("fault", [ConnectionError, Crowded])
def test_a_body_that_never_comes_leaves_nothing_behind(fault: type[Exception]) -> None:
    def break_off() -> None:
        raise fault

    gate = Gate(at_work=1, under_way=1, threads=2)
    for _ in range(5):
        with pytest.raises(fault), gate.enter(break_off):
            pytest.fail("it came in without its body")
    with gate.enter(lambda: None):
        pass


def test_half_of_the_threads_may_wait_for_bodies_however_many_are_worked_on_at_once() -> None:
    gate = Gate(at_work=64, under_way=128, threads=129)

    def send(others: int) -> None:
        """Others send while this one does."""
        with gate.enter(lambda: send(others - 1) if others else None):
            pass

    send(others=63)
    with pytest.raises(Crowded):
        send(others=64)


# -- people and machines -------------------------------------------------------------------------------------------


def test_people_hold_half_of_the_places_and_machines_the_others(threads: ThreadPoolExecutor) -> None:
    gate = Gate(at_work=2, under_way=8, threads=12)
    visits = [Visit(gate, threads, people=True) for _ in range(3)]
    until(lambda: gate._inside == 3 and any(each.at_work.is_set() for each in visits))
    machine = Visit(gate, threads)
    assert machine.at_work.wait(PATIENCE)
    assert sum(each.at_work.is_set() for each in visits) == 1
    for each in (machine, *visits):
        each.go.set()
    for each in (machine, *visits):
        each.end()


def test_a_wave_of_people_leaves_machines_a_way_in(threads: ThreadPoolExecutor) -> None:
    gate = Gate(at_work=2, under_way=4, threads=8)
    wave = [Visit(gate, threads, people=True) for _ in range(3)]
    until(lambda: gate._inside == 3)
    with pytest.raises(Crowded), gate.enter(people=True):
        pytest.fail("a fourth was let in")
    with gate.enter():
        pass
    for each in wave:
        each.go.set()
    for each in wave:
        each.end()


def test_who_waits_aside_keeps_no_place_of_people_either(threads: ThreadPoolExecutor) -> None:
    gate = Gate(at_work=2, under_way=8, threads=12)
    aside = Visit(gate, threads, aside=True, people=True)
    assert aside.at_work.wait(PATIENCE)
    other = Visit(gate, threads, people=True)
    assert other.at_work.wait(PATIENCE)
    other.end()
    aside.end()
