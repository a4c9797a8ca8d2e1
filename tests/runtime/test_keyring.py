"""The keyring: what is sealed opens only where and for what it was sealed; indexes, pairwise digests, freshness."""

import base64
import threading
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.runtime import chance
from idp.runtime.data_keys import DataKey, Unsealable
from idp.runtime.keyring import FRESH_FOR, MONTHLY, Keyring, Master, StoredKeys, from_base64url, half_hash
from tests.doubles import START, FixedClock
from tests.runtime.keyrings import HOUSE, NEW, OLD, Shelf, key, ring

PURPOSES = ("code", "token", "page", "wrap")
ONE, OTHER = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize("purpose", PURPOSES)
@given(plain=st.binary(max_size=200), context=st.binary(max_size=20))
def test_what_is_sealed_opens_again_and_says_nothing(purpose: str, plain: bytes, context: bytes) -> None:
    sealed = ring().seal(purpose, plain, context)
    assert len(sealed) == len(plain) + 35
    assert len(plain) < 4 or plain not in sealed
    assert ring().open(purpose, sealed, context) == plain


@pytest.mark.parametrize("purpose", PURPOSES)
def test_what_is_sealed_opens_for_no_other_purpose(purpose: str) -> None:
    sealed = ring().seal(purpose, b"plain")
    for other in set(PURPOSES) - {purpose}:
        with pytest.raises(Unsealable):
            ring().open(other, sealed)


def test_what_is_sealed_opens_in_no_other_context() -> None:
    sealed = ring().seal("wrap", b"plain", b"one")
    for context in (b"", b"two", b"on", b"one "):
        with pytest.raises(Unsealable):
            ring().open("wrap", sealed, context)


def test_what_is_sealed_opens_under_no_other_master_key() -> None:
    sealed = ring(OLD).seal("token", b"plain")
    with pytest.raises(Unsealable):
        ring(NEW).open("token", sealed)
    # Nor when the blob claims to be of the other key.
    with pytest.raises(Unsealable):
        ring(NEW).open("token", sealed[:1] + NEW.id + sealed[5:])


def test_no_bit_of_a_sealed_value_can_be_changed_and_none_be_missing() -> None:
    sealed = ring().seal("token", b"plain")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(Unsealable):
            ring().open("token", bytes(changed))
        with pytest.raises(Unsealable):
            ring().open("token", sealed[:place])
    with pytest.raises(Unsealable):
        ring().open("token", sealed + b"\0")


@given(st.binary(max_size=300))
def test_garbage_never_opens(garbage: bytes) -> None:
    with pytest.raises(Unsealable):
        ring().open("token", garbage)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_same_is_never_sealed_alike_twice(purpose: str) -> None:
    ours = ring()
    assert len({ours.seal(purpose, b"plain") for _ in range(50)}) == 50


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_month_later_the_monthly_keys_are_others_and_the_old_still_open(purpose: str) -> None:
    clock = FixedClock(datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    ours = ring(clock=clock)
    before = ours.seal(purpose, b"plain")
    clock.advance(minutes=2)
    after = ours.seal(purpose, b"plain")
    assert (before[5:7] != after[5:7]) is (purpose in MONTHLY)
    assert ours.open(purpose, before) == ours.open(purpose, after) == b"plain"
    if purpose in MONTHLY:  # the epoch chooses the key: a blob moved to another month opens no more
        with pytest.raises(Unsealable):
            ours.open(purpose, before[:5] + after[5:7] + before[7:])


def test_with_two_master_keys_old_values_open_and_new_ones_are_of_the_first() -> None:
    old, both, new = ring(OLD), ring(NEW, OLD), ring(NEW)
    assert both.open("wrap", old.seal("wrap", b"plain")) == b"plain"
    sealed = both.seal("wrap", b"plain")
    assert sealed[1:5] == NEW.id == both.current_master_id
    assert new.open("wrap", sealed) == b"plain"
    with pytest.raises(Unsealable):
        old.open("wrap", sealed)


def test_with_two_master_keys_a_value_is_looked_up_under_both() -> None:
    old, both, new = ring(OLD), ring(NEW, OLD), ring(NEW)
    assert both.indexes("contact/phone", "+84970000013") == [
        new.index("contact/phone", "+84970000013"),
        old.index("contact/phone", "+84970000013"),
    ]
    assert both.index("contact/phone", "+84970000013") == new.index("contact/phone", "+84970000013")


def test_an_index_is_stable_short_keyed_and_of_one_kind() -> None:
    index = ring().index("contact/phone", "0970000013")
    assert index == ring().index("contact/phone", "0970000013")
    assert len(index) == 20
    assert index[:4] == NEW.id
    others = {
        ring().index("contact/email", "0970000013"),
        ring().index("contact/phone", "0970000014"),
        ring().index("contact", "phone\x000970000013"),
        ring(OLD).index("contact/phone", "0970000013"),
    }
    assert len({each[4:] for each in others} | {index[4:]}) == 5


@given(st.text(max_size=20), st.text(max_size=20))
def test_kind_and_value_of_an_index_do_not_run_together(kind: str, value: str) -> None:
    if "\0" not in kind:
        assert ring().index(kind, value) != ring().index(kind + value[:1], value[1:]) or value == ""


def test_texts_are_sealed_in_characters_that_fit_into_an_address() -> None:
    text = ring().seal_text("code", bytes(range(256)))
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert ring().open_text("code", text) == bytes(range(256))


@given(st.binary(max_size=60))
def test_rfc4648_5_base64url_reads_back(raw: bytes) -> None:
    assert from_base64url(base64.urlsafe_b64encode(raw).rstrip(b"=").decode()) == raw


@pytest.mark.parametrize("text", ["QQ==", "QQ=", "QR", "Q", "QUI\n", " QUI", "QU I", "QU+_", "QU/_", "QUĨ", "=", "QUJ"])
def test_rfc4648_3_5_what_is_not_exactly_base64url_is_refused(text: str) -> None:
    # "QR" and "QUJ" would decode to the bytes of "QQ" and "QUI": two texts for one code would be two codes.
    with pytest.raises(Unsealable):
        from_base64url(text)


def test_no_second_text_stands_for_one_sealed_value() -> None:
    ours = ring()
    text = ours.seal_text("code", b"01234")  # the last character has four idle bits
    assert len(text) % 4 == 2
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    opened = []
    for letter in letters:
        try:
            opened.append((letter, ours.open_text("code", text[:-1] + letter)))
        except Unsealable:
            continue
    assert opened == [(text[-1], b"01234")]


def test_pairwise_identifiers_stay_over_a_restart_and_over_a_change_of_the_master_key() -> None:
    subs = {
        made.pairwise_sub("sector", ONE)
        for made in (
            ring(OLD),
            ring(OLD),
            ring(NEW, OLD),
            ring(NEW, clock=FixedClock(datetime(2030, 1, 1, tzinfo=UTC))),
        )
    }
    assert len(subs) == 1
    assert ring().pairwise_sid("sector", ONE) == ring(OLD).pairwise_sid("sector", ONE)


def test_oidc_core_8_1_pairwise_identifiers_differ_by_sector_person_and_kind_and_do_not_show_the_person() -> None:
    ours = ring()
    made = [
        ours.pairwise_sub("one.example", ONE),
        ours.pairwise_sub("two.example", ONE),
        ours.pairwise_sub("one.example", OTHER),
        ours.pairwise_sid("one.example", ONE),
        ours.pairwise_sid("two.example", ONE),
    ]
    assert len(set(made)) == 5
    assert {len(each) for each in made} == {43}
    assert not [each for each in made if ONE.hex in each or str(ONE) in each]


def test_a_secret_is_kept_as_a_keyed_digest_that_outlasts_a_change_of_the_master_key() -> None:
    kept = ring(OLD).secret_digest("mật khẩu")
    assert ring(NEW, OLD).secret_digest("mật khẩu") == kept != ring(OLD).secret_digest("mật khẩu ")
    assert kept != sha256("mật khẩu".encode()).digest(), "a stolen database alone must not do for trying secrets out"
    shelf = Shelf()
    shelf.stored = StoredKeys(signing=(), pairwise=b"q" * 32, house=(HOUSE,))
    assert ring(OLD, shelf=shelf).secret_digest("mật khẩu") != kept


def test_stored_keys_are_read_once_and_again_after_fresh_for() -> None:
    clock, shelf = FixedClock(), Shelf()
    ours = ring(clock=clock, shelf=shelf)
    before = ours.pairwise_sub("sector", ONE)
    clock.advance(seconds=FRESH_FOR - 0.1)
    ours.pairwise_sub("sector", ONE)
    assert shelf.reads == 1
    shelf.stored = StoredKeys(signing=(), pairwise=b"q" * 32, house=(HOUSE,))
    clock.advance(seconds=0.2)
    assert ours.pairwise_sub("sector", ONE) != before
    assert shelf.reads == 2


def test_stored_keys_are_read_again_when_the_clock_was_set_back_or_they_were_forgotten() -> None:
    clock, shelf = FixedClock(), Shelf()
    ours = ring(clock=clock, shelf=shelf)
    ours.house_key()
    clock.advance(hours=-1)
    ours.house_key()
    assert shelf.reads == 2
    ours.forget()
    ours.house_key()
    assert shelf.reads == 3


def test_many_threads_read_the_stored_keys_once() -> None:
    shelf, together = Shelf(), threading.Barrier(8)
    ours = ring(shelf=shelf)

    def read() -> None:
        together.wait(10)
        ours.house_key()

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert shelf.reads == 1


def test_a_load_that_fails_is_tried_again() -> None:
    shelf, failures = Shelf(), [LookupError("not yet")]

    def load(keyring: Keyring) -> StoredKeys:
        if failures:
            raise failures.pop()
        return shelf.load(keyring)

    ours = Keyring((NEW,), FixedClock(), load)
    with pytest.raises(LookupError, match="not yet"):
        ours.house_key()
    assert ours.house_key() == HOUSE


def test_a_data_key_unwraps_for_its_owner_alone() -> None:
    ours, made = ring(), ring().new_data_key()
    wrapped = ours.wrap(made, ONE)
    assert ours.unwrap(wrapped, ONE) == made
    assert made.key not in wrapped
    for owner in (OTHER, None):
        with pytest.raises(Unsealable):
            ours.unwrap(wrapped, owner)
    with pytest.raises(Unsealable):
        ours.unwrap(ours.wrap(made, None), ONE)
    assert ring().new_data_key() != made


def test_the_house_seals_with_its_newest_key_and_opens_with_the_one_that_sealed() -> None:
    newer = DataKey(id=b"newr", key=b"w" * 32)
    ours = ring(shelf=Shelf(house=(newer, HOUSE)))
    assert ours.house_key() == newer
    assert ours.house_key_of(HOUSE.seal("outbox.body_sealed", ONE, "x")) == HOUSE
    with pytest.raises(Unsealable):
        ours.house_key_of(DataKey(id=b"gone", key=b"w" * 32).seal("outbox.body_sealed", ONE, "x"))


def test_what_another_process_sealed_with_a_house_key_made_a_moment_ago_opens() -> None:
    newer, shelf = DataKey(id=b"newr", key=b"w" * 32), Shelf()
    ours = ring(shelf=shelf)
    assert ours.house_key() == HOUSE
    shelf.stored = StoredKeys(signing=(), pairwise=b"p" * 32, house=(newer, HOUSE))
    assert ours.house_key_of(newer.seal("outbox.body_sealed", ONE, "x")) == newer


def test_keys_do_not_show_themselves() -> None:
    made = DataKey(id=b"iiii", key=chance.new_bytes(32))
    assert repr(made.key) not in repr(made)
    assert repr(key("ES256").private) not in repr(key("ES256"))
    assert "n" * 32 not in repr(Master.of(b"n" * 32))


def test_oidc_core_3_1_3_6_the_half_hash_is_that_of_the_example() -> None:
    # OpenID Connect Core, Appendix A.3: the access token of the example and the at_hash beside it.
    assert half_hash("RS256", "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"


def test_the_clock_of_these_tests_stands() -> None:
    assert FixedClock().now() == START
