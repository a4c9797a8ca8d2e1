"""Hashing takes its turn: a full queue is told at once, and a slot always comes back."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from idp.runtime.hash_slots import HashSlots, NoSlot


def test_when_slots_and_queue_are_full_the_next_is_refused_at_once() -> None:
    slots, inside, go = HashSlots(slots=2, queue=1), threading.Semaphore(0), threading.Event()

    def hold() -> None:
        with slots.take():
            inside.release()
            go.wait(10)

    with ThreadPoolExecutor(3) as pool:
        held = [pool.submit(hold) for _ in range(2)]
        assert inside.acquire(timeout=10)
        assert inside.acquire(timeout=10)
        waiting = pool.submit(hold)
        try:
            # The third passes the door and waits for a slot; whoever comes fourth is refused without waiting.
            while slots._door._value:
                assert not waiting.done()
            with pytest.raises(NoSlot), slots.take():
                pytest.fail("a fourth was let in")
            assert not waiting.done()
        finally:
            go.set()
        for each in (*held, waiting):
            each.result(10)
    with slots.take():
        pass


def test_a_slot_comes_back_after_an_exception() -> None:
    slots = HashSlots(slots=1, queue=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), slots.take():
            raise ZeroDivisionError
    with slots.take(), pytest.raises(NoSlot), slots.take():
        pytest.fail("two were let in")


def test_a_refusal_takes_no_place_in_the_queue() -> None:
    slots = HashSlots(slots=1, queue=0)
    with slots.take():
        for _ in range(5):
            with pytest.raises(NoSlot), slots.take():
                pytest.fail("two were let in")
    with slots.take():
        pass
