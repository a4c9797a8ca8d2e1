"""A subject: who may sign in, and what a profile is called."""

from uuid import UUID

import pytest

from idp.domain.accounts import EMPTY, AccountState, Profile, Subject, SubjectKind
from idp.domain.levels import AccountLevel, ProofSource


@pytest.mark.parametrize("state", AccountState)
def test_only_an_active_account_signs_in(state: AccountState) -> None:
    subject = Subject(UUID(int=1), SubjectKind.PERSON, state, AccountLevel.NONE, ProofSource.SELF)
    assert subject.may_sign_in is (state is AccountState.ACTIVE)


def test_a_profile_without_a_name_has_an_empty_one() -> None:
    assert Profile(UUID(int=1), EMPTY, ProofSource.SELF).name == ""
    assert Profile(UUID(int=1), {"name": "Trần Văn Thử"}, ProofSource.SELF).name == "Trần Văn Thử"
