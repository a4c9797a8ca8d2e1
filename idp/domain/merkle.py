"""Merkle trees over leaf hashes, as transparency logs have them (RFC 9162 2.1).

A tree grows at its right edge; `Frontier` is all that growing needs. Proofs are made from perfect subtrees, which who
keeps the tree hands out, so that none is made from all leaves. Pure: where hashes are kept is not known here.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

HASH_BYTES = 32
# The hash of the perfect subtree that begins at a leaf and has 2 ** height leaves.
Subtree = Callable[[int, int], bytes]


def leaf(data: bytes) -> bytes:
    """The hash of a leaf that holds `data`."""
    return sha256(b"\x00" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Grown:
    """A perfect subtree that became whole: the leaves from `start` on, 2 ** `height` of them."""

    start: int
    height: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: the roots of its perfect subtrees, the largest first; one for each bit of its size."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    @classmethod
    def of_bytes(cls, size: int, raw: bytes) -> "Frontier":
        """From what `to_bytes` gave; raises ValueError for a length that does not go with the size."""
        if len(raw) != HASH_BYTES * size.bit_count():
            raise ValueError("the frontier does not go with the size of its tree")
        return cls(size, tuple(raw[at : at + HASH_BYTES] for at in range(0, len(raw), HASH_BYTES)))

    def to_bytes(self) -> bytes:
        return b"".join(self.peaks)

    def append(self, leaf_hash: bytes) -> tuple["Frontier", list[Grown]]:
        """The tree with one leaf more, and each subtree that became whole by it, the leaf itself first."""
        grown = [Grown(self.size, 0, leaf_hash)]
        peaks = list(self.peaks)
        while (self.size >> grown[-1].height) & 1:
            last = grown[-1]
            grown.append(Grown(last.start - (1 << last.height), last.height + 1, node(peaks.pop(), last.hash)))
        return Frontier(self.size + 1, (*peaks, grown[-1].hash)), grown

    def root(self) -> bytes:
        return _bag(self.peaks)


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root of a whole tree."""
    frontier = Frontier()
    for each in leaf_hashes:
        frontier, _ = frontier.append(each)
    return frontier.root()


def inclusion_path(number: int, size: int, subtree: Subtree) -> list[bytes]:
    """Proof that leaf `number` is in the tree of `size` leaves, from the leaf's neighbour upwards (2.1.3.1)."""
    if not 0 <= number < size:
        raise ValueError("the tree has no such leaf")
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if number < middle:
            path.append(_hash_of(middle, end, subtree))
            end = middle
        else:
            path.append(_hash_of(start, middle, subtree))
            start = middle
    return path[::-1]


def verify_inclusion(leaf_hash: bytes, number: int, size: int, path: Sequence[bytes], root_hash: bytes) -> bool:
    """Whether `path` proves the leaf (2.1.3.2)."""
    if not 0 <= number < size:
        return False
    at, last, found = number, size - 1, leaf_hash
    for each in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node(each, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node(found, each)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root_hash


def consistency_path(old: int, size: int, subtree: Subtree) -> list[bytes]:
    """Proof that the tree of `size` leaves begins with all of the tree of `old` leaves (2.1.4.1)."""
    if not 0 < old <= size:
        raise ValueError("no tree of that size came before")
    path: list[bytes] = []
    start, end, is_known = 0, size, True
    while old != end - start:
        middle = _split(end - start)
        if old <= middle:
            path.append(_hash_of(start + middle, end, subtree))
            end = start + middle
        else:
            path.append(_hash_of(start, start + middle, subtree))
            start, old, is_known = start + middle, old - middle, False
    return [*([] if is_known else [_hash_of(start, end, subtree)]), *path[::-1]]


def verify_consistency(old: int, size: int, old_root: bytes, root_hash: bytes, path: Sequence[bytes]) -> bool:
    """Whether `path` proves that the newer tree begins with the older one (2.1.4.2)."""
    if not 0 < old <= size or (old == size) is not (not path):
        return False
    if old == size:
        return old_root == root_hash
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    older = newer = steps[0]
    for each in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            older, newer = node(each, older), node(each, newer)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            newer = node(newer, each)
        at, last = at >> 1, last >> 1
    return last == 0 and older == old_root and newer == root_hash


def _split(size: int) -> int:
    """The largest power of two below a size of two or more."""
    return 1 << (size - 1).bit_length() - 1


def _hash_of(start: int, end: int, subtree: Subtree) -> bytes:
    """The hash over the leaves from `start` to `end`, a range that some split of a tree gave."""
    return _bag([subtree(begin, height) for begin, height in _perfect(start, end)])


def _perfect(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The perfect subtrees that a range is made of, the largest first."""
    for height in range((end - start).bit_length() - 1, -1, -1):
        if (end - start) >> height & 1:
            yield start, height
            start += 1 << height


def _bag(peaks: Sequence[bytes]) -> bytes:
    """One hash of the roots of perfect subtrees, the largest first; of none that of the empty tree."""
    if not peaks:
        return sha256().digest()
    found = peaks[-1]
    for peak in reversed(peaks[:-1]):
        found = node(peak, found)
    return found
