"""Merkle trees against the naive definition of RFC 9162 2.1, and proofs that prove nothing else."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain import merkle
from idp.domain.merkle import Frontier

SIZES = st.integers(1, 70)


def naive_root(data: list[bytes]) -> bytes:
    """RFC 9162 2.1.1, word by word."""
    if not data:
        return sha256().digest()
    if len(data) == 1:
        return sha256(b"\0" + data[0]).digest()
    k = 1
    while k * 2 < len(data):
        k *= 2
    return sha256(b"\1" + naive_root(data[:k]) + naive_root(data[k:])).digest()


def naive_path(m: int, data: list[bytes]) -> list[bytes]:
    """RFC 9162 2.1.3.1."""
    if len(data) == 1:
        return []
    k = 1
    while k * 2 < len(data):
        k *= 2
    if m < k:
        return [*naive_path(m, data[:k]), naive_root(data[k:])]
    return [*naive_path(m - k, data[k:]), naive_root(data[:k])]


def naive_consistency(m: int, data: list[bytes], is_whole: bool = True) -> list[bytes]:
    """RFC 9162 2.1.4.1, SUBPROOF."""
    if m == len(data):
        return [] if is_whole else [naive_root(data)]
    k = 1
    while k * 2 < len(data):
        k *= 2
    if m <= k:
        return [*naive_consistency(m, data[:k], is_whole), naive_root(data[k:])]
    return [*naive_consistency(m - k, data[k:], False), naive_root(data[:k])]


def data_of(size: int) -> list[bytes]:
    return [b"leaf %d" % number for number in range(size)]


def subtree_of(data: list[bytes]) -> merkle.Subtree:
    def subtree(start: int, height: int) -> bytes:
        assert start % (1 << height) == 0, "only aligned subtrees are kept"
        assert start + (1 << height) <= len(data), "only whole subtrees are kept"
        return naive_root(data[start : start + (1 << height)])

    return subtree


def grow(data: list[bytes]) -> Frontier:
    frontier = Frontier()
    for each in data:
        frontier, _ = frontier.append(merkle.leaf(each))
    return frontier


@given(st.lists(st.binary(max_size=40), max_size=70))
def test_rfc9162_2_1_1_the_root_is_that_of_the_definition(data: list[bytes]) -> None:
    assert merkle.root(map(merkle.leaf, data)) == naive_root(data)
    frontier = grow(data)
    assert frontier.root() == naive_root(data)
    assert Frontier.of_bytes(frontier.size, frontier.to_bytes()) == frontier


@given(SIZES)
def test_what_becomes_whole_is_told_once_each(size: int) -> None:
    data, frontier, seen = data_of(size), Frontier(), set()
    for each in data:
        frontier, grown = frontier.append(merkle.leaf(each))
        for one in grown:
            assert one.hash == naive_root(data[one.start : one.start + (1 << one.height)])
            assert (one.start, one.height) not in seen
            seen.add((one.start, one.height))
    assert len(seen) == sum(size >> height for height in range(size.bit_length()))


def test_a_frontier_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="does not go with"):
        Frontier.of_bytes(4, b"x" * 64)


@given(SIZES, st.data())
def test_rfc9162_2_1_3_an_inclusion_path_is_that_of_the_definition_and_proves_that_leaf_alone(
    size: int, draw: st.DataObject
) -> None:
    number, data = draw.draw(st.integers(0, size - 1)), data_of(size)
    path, root = merkle.inclusion_path(number, size, subtree_of(data)), naive_root(data)
    assert path == naive_path(number, data)
    hashed = merkle.leaf(data[number])
    assert merkle.verify_inclusion(hashed, number, size, path, root)
    assert not merkle.verify_inclusion(merkle.leaf(b"another"), number, size, path, root)
    assert not merkle.verify_inclusion(hashed, number, size, path, b"r" * 32)
    assert not merkle.verify_inclusion(hashed, number, size, [*path, b"x" * 32], root)
    assert not merkle.verify_inclusion(hashed, size, size, path, root)
    for other in range(size):
        if other != number:
            assert not merkle.verify_inclusion(hashed, other, size, path, root)
    for place in range(len(path)):
        changed = [*path[:place], b"x" * 32, *path[place + 1 :]]
        assert not merkle.verify_inclusion(hashed, number, size, changed, root)
        assert not merkle.verify_inclusion(hashed, number, size, path[:place], root)


@given(SIZES, st.data())
def test_rfc9162_2_1_4_a_consistency_path_is_that_of_the_definition_and_proves_that_beginning_alone(
    size: int, draw: st.DataObject
) -> None:
    old, data = draw.draw(st.integers(1, size)), data_of(size)
    path = merkle.consistency_path(old, size, subtree_of(data))
    assert path == naive_consistency(old, data)
    old_root, root = naive_root(data[:old]), naive_root(data)
    assert merkle.verify_consistency(old, size, old_root, root, path)
    other = naive_root([b"changed", *data[1:old]])
    assert not merkle.verify_consistency(old, size, other, root, path)
    assert not merkle.verify_consistency(old, size, old_root, other, path)
    assert not merkle.verify_consistency(size + 1, size, old_root, root, path)
    assert not merkle.verify_consistency(old, size, old_root, root, [*path, b"x" * 32])
    for place in range(len(path)):
        changed = [*path[:place], b"x" * 32, *path[place + 1 :]]
        assert not merkle.verify_consistency(old, size, old_root, root, changed)


def test_what_is_in_no_tree_has_no_path() -> None:
    for deed in (lambda: merkle.inclusion_path(3, 3, subtree_of([])), lambda: merkle.consistency_path(0, 3, None)):  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="no"):
            deed()
