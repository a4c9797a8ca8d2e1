"""A subject: who may sign in, and what a profile is called."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain.accounts import (
    EMPTY,
    AccountState,
    Deed,
    Ground,
    Lock,
    Profile,
    Subject,
    SubjectKind,
    check_lock,
    move,
    reopens,
)
from idp.domain.levels import AccountLevel, ProofSource
from idp.domain.refusals import Refusal


@pytest.mark.parametrize("state", AccountState)
def test_only_an_active_account_signs_in(state: AccountState) -> None:
    subject = Subject(UUID(int=1), SubjectKind.PERSON, state, AccountLevel.NONE, ProofSource.SELF)
    assert subject.may_sign_in is (state is AccountState.ACTIVE)


def test_a_profile_without_a_name_has_an_empty_one() -> None:
    assert Profile(UUID(int=1), EMPTY, ProofSource.SELF).name == ""
    assert Profile(UUID(int=1), {"name": "Trần Văn Thử"}, ProofSource.SELF).name == "Trần Văn Thử"


ALLOWED = {
    "pending": {"activate": "active", "close": "closed"},
    "active": {"lock": "locked", "close": "closed"},
    "locked": {"lock": "locked", "unlock": "active", "reopen": "active", "close": "closed"},
    "closed": {},
}


@pytest.mark.parametrize("deed", Deed)
@pytest.mark.parametrize("state", AccountState)
def test_each_deed_in_each_state(state: AccountState, deed: Deed) -> None:
    wanted = ALLOWED[state].get(deed)
    if wanted is not None:
        assert move(state, deed) == wanted
        return
    with pytest.raises(Refusal, match="wrong_state"):
        move(state, deed)


@given(st.lists(st.sampled_from(Deed), max_size=20))
def test_no_way_leads_back_from_closed(deeds: list[Deed]) -> None:
    state, was_closed = AccountState.PENDING, False
    for deed in deeds:
        try:
            state = move(state, deed)
        except Refusal:
            continue
        assert not was_closed
        was_closed = state is AccountState.CLOSED


NOW = datetime(2026, 11, 20, tzinfo=UTC)
A_DAY = timedelta(days=1)


@pytest.mark.parametrize("present", [None, *Ground])
@pytest.mark.parametrize("new", Ground)
def test_which_lock_takes_the_place_of_which(new: Ground, present: Ground | None) -> None:
    """A decision over an automatic lock or the person's own, the own wish over an automatic one; nothing over a
    decision."""
    automatic = {Ground.CARD_EXPIRED, Ground.PASSPORT_EXPIRED, Ground.RESIDENCE_EXPIRED}
    lesser = automatic | {Ground.OWN_WISH}
    is_over = (present in automatic and new not in automatic) or (present in lesser and new not in lesser)
    if present is None or is_over:
        check_lock(Lock(new, source="CV 7/2026"), Lock(present) if present else None, NOW)
        return
    with pytest.raises(Refusal, match="wrong_state"):
        check_lock(Lock(new, source="CV 7/2026"), Lock(present), NOW)


def test_of_two_automatic_grounds_the_one_that_lasts_longer_stands() -> None:
    short, long = Lock(Ground.CARD_EXPIRED, until=NOW + A_DAY), Lock(Ground.RESIDENCE_EXPIRED, until=NOW + 2 * A_DAY)
    check_lock(long, short, NOW)
    check_lock(Lock(Ground.RESIDENCE_EXPIRED), short, NOW)
    for present in (long, Lock(Ground.PASSPORT_EXPIRED)):
        with pytest.raises(Refusal, match="locked already"):
            check_lock(short, present, NOW)


def test_what_an_authority_asks_for_names_its_document() -> None:
    with pytest.raises(Refusal, match="reason_missing"):
        check_lock(Lock(Ground.AUTHORITY, "asked by the court", source=" "), None, NOW)


LOCKS = st.builds(
    Lock, st.sampled_from(Ground), st.just("why"), st.just("CV 7/2026"), st.just(""), st.none() | st.just(NOW + A_DAY)
)


@given(st.lists(LOCKS, max_size=12), st.integers(min_value=0, max_value=1000))
def test_neither_time_nor_another_lock_opens_what_an_authority_closed(locks: list[Lock], days: int) -> None:
    """Law 26/2023 Art 34: whatever is put on before and after it."""
    standing: Lock | None = None
    was_closed_by_authority = False
    for new in locks:
        try:
            check_lock(new, standing, NOW)
        except Refusal:
            continue
        assert not was_closed_by_authority, f"{new.ground} took its place"
        standing, was_closed_by_authority = new, new.ground is Ground.AUTHORITY
    if standing is not None and was_closed_by_authority:
        assert not reopens(standing, NOW + days * A_DAY)


@pytest.mark.parametrize("ground", Ground)
def test_only_an_automatic_ground_has_an_end_and_opens_at_it(ground: Ground) -> None:
    lock = Lock(ground, until=NOW + A_DAY)
    assert not reopens(lock, NOW + A_DAY - timedelta(microseconds=1))
    assert reopens(lock, NOW + A_DAY) is ground.is_automatic
    assert not reopens(Lock(ground), NOW + 1000 * A_DAY)
    if ground.is_automatic:
        check_lock(lock, None, NOW)
        with pytest.raises(Refusal, match="ended already"):
            check_lock(lock, None, NOW + A_DAY)
    else:
        with pytest.raises(Refusal, match="only an automatic ground"):
            check_lock(lock, None, NOW)
