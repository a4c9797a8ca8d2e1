"""Ids that sort by time, secrets of 256 bits, digests."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from idp.runtime import chance
from idp.runtime.clock import SystemClock
from tests.doubles import START

MOMENTS = st.integers(10**8, 7 * 10**12).map(lambda thousandths: datetime.fromtimestamp(thousandths / 1000, UTC))


@given(MOMENTS)
def test_rfc9562_5_7_an_id_carries_the_milliseconds_the_version_and_the_variant(moment: datetime) -> None:
    made = chance.new_id(moment)
    assert made.int >> 80 == int(moment.timestamp() * 1000)
    assert made.version == 7
    assert made.int >> 62 & 0b11 == 0b10


@given(MOMENTS, st.integers(min_value=1, max_value=10**9))
def test_ids_sort_by_time(moment: datetime, milliseconds: int) -> None:
    later = moment + timedelta(milliseconds=milliseconds)
    assert chance.new_id(moment) < chance.new_id(later)
    assert chance.new_id(moment).bytes < chance.new_id(later).bytes


def test_ids_differ_in_all_the_bits_that_are_chance() -> None:
    made = [chance.new_id(START + timedelta(milliseconds=n)).int for n in range(200)]
    ever_set, ever_unset = 0, 0
    for value in made:
        ever_set |= value
        ever_unset |= ~value
    # Version and variant stand; the first free bit is kept clear for steps within a millisecond.
    drawn = (1 << 80) - 1 ^ (0xF << 76) ^ (0x3 << 62) ^ (1 << 75)
    assert len(set(made)) == 200
    assert ever_set & ever_unset & drawn == drawn


def test_a_secret_is_256_bits_in_43_characters_and_never_twice_the_same() -> None:
    made = {chance.new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(secret) for secret in made} == {43}


def test_a_digest_is_sha_256_and_is_compared_whole() -> None:
    assert chance.digest("mật khẩu") == sha256("mật khẩu".encode()).digest()
    assert len(chance.digest("")) == chance.DIGEST_BYTES
    assert chance.equal(chance.digest("a"), chance.digest("a"))
    assert not chance.equal(chance.digest("a"), chance.digest("b"))
    assert not chance.equal(chance.digest("a"), chance.digest("a")[:-1])


def test_the_clock_speaks_utc() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert now.utcoffset() == timedelta(0)
    assert before <= now <= datetime.now(UTC)


def test_rfc9562_6_2_of_two_ids_of_one_millisecond_the_later_is_the_greater() -> None:
    made = [chance.new_id(START) for _ in range(1000)]
    assert made == sorted(set(made))
    assert {id_.version for id_ in made} == {7}
    assert {id_.variant for id_ in made} == {"specified in RFC 4122"}
