"""Hashing takes its turn: a full queue is told at once, a slot always comes back, and requests go first."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from idp.runtime.gate import Gate
from idp.runtime.hash_slots import HashSlots, NoSlot

PATIENCE = 20


@contextmanager
def held(slots: HashSlots, jobs: int = 1) -> Iterator[None]:
    """All slots are busy with jobs that end with the block."""
    inside, go = threading.Semaphore(0), threading.Event()

    def job() -> None:
        inside.release()
        assert go.wait(PATIENCE)

    with ThreadPoolExecutor(jobs) as pool:
        waiting = [pool.submit(slots.run, job) for _ in range(jobs)]
        try:
            for _ in waiting:
                assert inside.acquire(timeout=PATIENCE)
            yield
        finally:
            go.set()
        for each in waiting:
            each.result(PATIENCE)


def test_when_slots_and_queue_are_full_the_next_is_refused_at_once() -> None:
    slots = HashSlots(2, 1, Gate(4, 8, 12))
    ran = threading.Event()
    with ThreadPoolExecutor(1) as pool, held(slots, 2):
        third = pool.submit(slots.run, ran.set)
        while slots._door._value:  # until the third has passed the door
            assert not third.done()
        with pytest.raises(NoSlot):
            slots.run(lambda: pytest.fail("a fourth was let in"))
        assert not ran.is_set()
    assert third.result(PATIENCE) is None
    assert ran.is_set()


def test_a_job_gives_what_it_made_and_raises_what_it_raised() -> None:
    slots = HashSlots(1, 0, Gate(4, 8, 12))
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            slots.run(lambda: 1 // 0)
        assert slots.run(lambda: 7) == 7


def test_a_refusal_takes_no_place_in_the_queue() -> None:
    slots = HashSlots(1, 0, Gate(4, 8, 12))
    with held(slots):
        for _ in range(5):
            with pytest.raises(NoSlot):
                slots.run(lambda: pytest.fail("two were let in"))
    assert slots.run(lambda: 7) == 7


def test_a_request_that_hashes_gives_its_place_at_work_to_another() -> None:
    gate = Gate(at_work=1, under_way=8, threads=12)
    slots = HashSlots(1, 4, gate)

    def sign_in() -> None:
        with gate.enter():
            slots.run(lambda: None)

    with ThreadPoolExecutor(3) as pool, held(slots):
        waiting = [pool.submit(sign_in) for _ in range(3)]
        while slots._door._value > 1:
            assert not any(each.done() for each in waiting)
        with gate.enter():  # a token request, meanwhile
            assert not any(each.done() for each in waiting)
    for each in waiting:
        each.result(PATIENCE)


def test_hashing_yields_to_requests() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    slots = HashSlots(1, 0, Gate(4, 8, 12))
    assert slots.run(priority) > priority()
