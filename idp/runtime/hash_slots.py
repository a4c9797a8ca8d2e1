"""Slots for password hashing: so few at a time that token requests always find a free thread and processor."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import BoundedSemaphore, get_native_id
from typing import Final, TypeVar

from idp.runtime.gate import Gate

R = TypeVar("R")
# Threads that hash yield to those that answer requests: a hash that takes a little longer is felt by nobody.
_NICE: Final = 10


class NoSlot(Exception):
    """All slots are taken and the queue is full: the person is asked to try again in a moment."""


class HashSlots:
    """`slots` jobs at once, each in a thread of its own; `queue` more may wait."""

    def __init__(self, slots: int, queue: int, gate: Gate) -> None:
        self._door = BoundedSemaphore(slots + queue)
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="hashing", initializer=_yield_to_others)
        self._gate = gate

    def is_full(self) -> bool:
        """Whether a job that came now would be refused, as far as one can tell without taking a slot."""
        if not self._door.acquire(blocking=False):
            return True
        self._door.release()
        return False

    def run(self, job: Callable[[], R]) -> R:
        """What `job` gives, once it had its turn; raises NoSlot at once when `queue` others wait already."""
        if not self._door.acquire(blocking=False):
            raise NoSlot
        try:
            with self._gate.step_aside():
                return self._threads.submit(job).result()
        finally:
            self._door.release()


def _yield_to_others() -> None:
    with suppress(OSError, AttributeError):  # where threads have no priority of their own, they have the process's
        os.setpriority(os.PRIO_PROCESS, get_native_id(), _NICE)
