"""Slots for password hashing: so few at a time that token requests always find a free thread and processor."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore


class NoSlot(Exception):
    """All slots are taken and the queue is full: the person is asked to try again in a moment."""


class HashSlots:
    def __init__(self, slots: int, queue: int) -> None:
        self._door = BoundedSemaphore(slots + queue)
        self._slots = BoundedSemaphore(slots)

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a slot; waits only while fewer than `queue` others wait, else raises NoSlot at once."""
        if not self._door.acquire(blocking=False):
            raise NoSlot
        try:
            with self._slots:
                yield
        finally:
            self._door.release()
