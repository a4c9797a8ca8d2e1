"""How many requests a process works on at once, how many more may wait, and who is told to come back.

A process has more threads than it may work with: those beyond wait here for their turn, and one that finds the waiting
room full is told so at once. Whoever waits for something slow that needs no processor of ours (a password's hash, keys
at another party's address) gives its place at work to another meanwhile. A request whose body is still on its way is
not inside: it holds a thread and nothing else, and of those there are always some that it may not hold.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Semaphore, local


class Crowded(Exception):
    """The waiting room is full: come back in a moment."""


class Gate:
    """`at_work` requests are worked on at once, `under_way` in all may be inside, of a process with so many `threads`.

    Requests of people (pages, which cost ten times a machine's) hold half of the places at most, and three quarters of
    the room: a wave of sign-ins leaves machines their way through.

    Of the threads beyond `under_way` a quarter only ever tells somebody to come back. Of the others, bodies on their
    way may hold what those inside leave, but never those of `at_work` requests and of as many that wait for their turn.
    """

    def __init__(self, at_work: int, under_way: int, threads: int) -> None:
        self.under_way = under_way
        places, for_people = Semaphore(at_work), Semaphore(max(1, at_work // 2))
        # What a request holds while it is worked on, in the order in which it is taken.
        self._of_machines, self._of_people = (places,), (for_people, places)
        self._most_people = max(1, under_way * 3 // 4)
        self._inside = self._people = self._receiving = 0
        most = threads - max(1, (threads - under_way) // 4)
        self._most_in_all, self._most_receiving = most, most - min(2 * at_work, most // 2)
        self._lock = Lock()
        self._mine = local()

    @contextmanager
    def enter(self, receive: Callable[[], object] | None = None, *, people: bool = False) -> Iterator[None]:
        """Work on a request, once it is its turn; raises Crowded at once when too many are inside, or on their way.

        `receive` reads its body, for which its sender may take as long as it likes.
        """
        if receive is not None:
            self._wait_for(receive)
        with self._lock:
            if self._inside >= self.under_way or self._is_full() or (people and self._people >= self._most_people):
                raise Crowded
            self._inside += 1
            self._people += people
        try:
            self._take(self._of_people if people else self._of_machines)
            try:
                yield
            finally:
                self._give_back()
        finally:
            with self._lock:
                self._inside -= 1
                self._people -= people

    def _take(self, held: tuple[Semaphore, ...]) -> None:
        for places in held:
            places.acquire()
        self._mine.held = held

    def _give_back(self) -> tuple[Semaphore, ...]:
        """Gives what was held: nothing, by who never entered (a command)."""
        held: tuple[Semaphore, ...] = getattr(self._mine, "held", ())
        self._mine.held = ()
        for places in reversed(held):
            places.release()
        return held

    def _wait_for(self, receive: Callable[[], object]) -> None:
        with self._lock:
            if self._receiving >= self._most_receiving or self._is_full():
                raise Crowded
            self._receiving += 1
        try:
            receive()
        finally:
            with self._lock:
                self._receiving -= 1

    def _is_full(self) -> bool:
        return self._inside + self._receiving >= self._most_in_all

    @contextmanager
    def step_aside(self) -> Iterator[None]:
        """Give the place at work to another for as long as this waits; nothing for who never entered (a command)."""
        held = self._give_back()
        try:
            yield
        finally:
            self._take(held)
