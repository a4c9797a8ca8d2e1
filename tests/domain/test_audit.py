"""The audit's leaf hash: over the bytes as stored, and no two entries read alike."""

from hashlib import sha256
from uuid import UUID

from hypothesis import assume, given
from hypothesis import strategies as st

from idp.domain.audit import Event, leaf_hash

parts = st.lists(st.text(st.characters(codec="utf-8")) | st.binary(), max_size=6)


def test_a_leaf_can_be_computed_anew_from_what_is_stored() -> None:
    """Pinned: a stored hash must be checkable by whoever holds the row, in years."""
    expected = sha256(
        b"idp leaf 1"
        + b"\x00\x00\x00\x05audit"
        + b"\x00\x00\x00\x24"
        + str(UUID(int=1)).encode()
        + b"\x00\x00\x00\x11sign_in.succeeded"
        + b"\x00\x00\x00\x00"
        + b"\x00\x00\x00\x02\x00\xff"
    )
    assert leaf_hash("audit", UUID(int=1), Event.SIGNED_IN, None, b"\x00\xff") == expected.digest()


@given(parts, parts)
def test_different_entries_have_different_leaves(one: list[str | bytes], other: list[str | bytes]) -> None:
    as_bytes = [[part if isinstance(part, bytes) else part.encode() for part in each] for each in (one, other)]
    assume(as_bytes[0] != as_bytes[1])
    assert leaf_hash(*one) != leaf_hash(*other)


def test_moving_a_letter_from_one_part_to_the_next_changes_the_leaf() -> None:
    assert leaf_hash("ab", "c") != leaf_hash("a", "bc") != leaf_hash("abc", "")


def test_events_are_a_closed_list_that_fits_its_column() -> None:
    assert len(set(Event)) == len(Event)
    assert all(len(event) <= 40 and event.isascii() for event in Event)
