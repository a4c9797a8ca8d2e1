"""How many requests a process works on at once, how many more may wait, and who is told to come back.

A process has more threads than it may work with: those beyond wait here for their turn, and one that finds the waiting
room full is told so at once. Whoever waits for something slow that needs no processor of ours (a password's hash, which
has slots of its own) gives its place at work to another meanwhile.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Semaphore, local


class Crowded(Exception):
    """The waiting room is full: come back in a moment."""


class Gate:
    """`at_work` requests are worked on at once, `under_way` in all may be inside."""

    def __init__(self, at_work: int, under_way: int) -> None:
        self._places = Semaphore(at_work)
        self._most, self._inside = under_way, 0
        self._lock = Lock()
        self._mine = local()

    @contextmanager
    def enter(self, first: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Work on a request, once it is its turn; raises Crowded at once when too many are inside.

        `first` is done inside, but before a place is taken: what may take long and needs no processor of ours.
        """
        with self._lock:
            if self._inside >= self._most:
                raise Crowded
            self._inside += 1
        try:
            first()
            with self._places:
                self._mine.is_at_work = True
                try:
                    yield
                finally:
                    self._mine.is_at_work = False
        finally:
            with self._lock:
                self._inside -= 1

    @contextmanager
    def step_aside(self) -> Iterator[None]:
        """Give the place at work to another for as long as this waits; nothing for who never entered (a command)."""
        if not getattr(self._mine, "is_at_work", False):
            yield
            return
        self._places.release()
        try:
            yield
        finally:
            self._places.acquire()
