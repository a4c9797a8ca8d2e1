"""A sealed value opens in its table, column and row alone (AES-256-GCM, associated data)."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.runtime.data_keys import DataKey, Unsealable

KEY = DataKey(id=b"mine", key=b"k" * 32)
ONE, OTHER = UUID(int=1), UUID(int=2)


@given(st.text(max_size=100))
def test_what_is_sealed_opens_in_its_place(plain: str) -> None:
    sealed = KEY.seal("facts.value_sealed", ONE, plain)
    assert KEY.open("facts.value_sealed", ONE, sealed) == plain
    assert KEY.sealed(sealed)


@pytest.mark.parametrize(
    ("place", "row"),
    [
        ("profiles.value_sealed", ONE),
        ("facts.evidence_sealed", ONE),
        ("facts.value_sealed", OTHER),
        ("facts.value_seale", ONE),
    ],
)
def test_a_value_moved_to_another_table_column_or_row_is_refused(place: str, row: UUID) -> None:
    with pytest.raises(Unsealable):
        KEY.open(place, row, KEY.seal("facts.value_sealed", ONE, "plain"))


@pytest.mark.parametrize("other", [DataKey(id=b"mine", key=b"x" * 32), DataKey(id=b"othr", key=b"k" * 32)])
def test_another_persons_key_opens_nothing(other: DataKey) -> None:
    with pytest.raises(Unsealable):
        other.open("facts.value_sealed", ONE, KEY.seal("facts.value_sealed", ONE, "plain"))


def test_no_bit_can_be_changed_and_none_be_missing() -> None:
    sealed = KEY.seal("facts.value_sealed", ONE, "plain")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(Unsealable):
            KEY.open("facts.value_sealed", ONE, bytes(changed))
        with pytest.raises(Unsealable):
            KEY.open("facts.value_sealed", ONE, sealed[:place])


@given(st.binary(max_size=100))
def test_garbage_never_opens(garbage: bytes) -> None:
    with pytest.raises(Unsealable):
        KEY.open("facts.value_sealed", ONE, garbage)


def test_the_same_is_never_sealed_alike_twice() -> None:
    assert len({KEY.seal("facts.value_sealed", ONE, "plain") for _ in range(50)}) == 50
