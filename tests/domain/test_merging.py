"""Which account may be merged into which, and what each service sees afterwards."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from idp.domain import merging
from idp.domain.accounts import AccountState, Ground, Lock, Profile, Subject, SubjectKind
from idp.domain.levels import AccountLevel, ProofSource
from idp.domain.merging import Hindrance, Known, Likeness, Merge, Preview, Side
from idp.domain.refusals import Refusal

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
KEPT, MERGED = UUID(int=1), UUID(int=2)
X, Y, Z = UUID(int=11), UUID(int=12), UUID(int=13)


def a_side(
    id_: UUID = KEPT,
    *,
    state: AccountState = AccountState.ACTIVE,
    source: ProofSource = ProofSource.COUNTER,
    level: AccountLevel = AccountLevel.NONE,
    kind: SubjectKind = SubjectKind.PERSON,
    lock: Lock | None = None,
    may_be_undone: bool = False,
    **claims: str,
) -> Side:
    subject = Subject(id_, kind, state, level, source)
    return Side(subject, Profile(id_, claims, source), lock, NOW, may_be_undone)


def merged_side(**changed: object) -> Side:
    return a_side(MERGED, **{"source": ProofSource.SELF, **changed})  # type: ignore[arg-type]


def test_a_declared_account_is_merged_into_a_proved_one() -> None:
    assert merging.hindrance(a_side(), merged_side()) is None
    pending = merged_side(state=AccountState.PENDING)
    assert merging.hindrance(a_side(), pending) is None


@pytest.mark.parametrize(
    ("kept", "merged", "why"),
    [
        (a_side(), a_side(), Hindrance.ONE_ACCOUNT),
        (a_side(kind=SubjectKind.STAFF), merged_side(), Hindrance.STAFF),
        (a_side(), merged_side(kind=SubjectKind.STAFF), Hindrance.STAFF),
        (a_side(), merged_side(state=AccountState.CLOSED), Hindrance.MERGED_CLOSED),
        (a_side(state=AccountState.LOCKED), merged_side(), Hindrance.KEPT_NOT_OPEN),
        (a_side(state=AccountState.PENDING), merged_side(), Hindrance.KEPT_NOT_OPEN),
        (a_side(state=AccountState.CLOSED), merged_side(), Hindrance.KEPT_NOT_OPEN),
        (a_side(source=ProofSource.SELF), merged_side(), Hindrance.KEPT_NOT_PROVED),
        (a_side(source=ProofSource.SELF), merged_side(source=ProofSource.COUNTER), Hindrance.KEPT_NOT_PROVED),
        (a_side(), merged_side(source=ProofSource.NATIONAL_ID), Hindrance.MERGED_PROVED_BETTER),
        (
            a_side(source=ProofSource.NATIONAL_ID, level=AccountLevel.ONE),
            merged_side(source=ProofSource.NATIONAL_ID, level=AccountLevel.TWO),
            Hindrance.MERGED_PROVED_BETTER,
        ),
        (a_side(), merged_side(may_be_undone=True), Hindrance.MERGED_MAY_BE_UNDONE),
    ],
)
def test_what_stands_against_a_merge(kept: Side, merged: Side, why: Hindrance) -> None:
    assert merging.hindrance(kept, merged) is why


@pytest.mark.parametrize("ground", Ground)
def test_a_lock_by_decision_is_not_got_round(ground: Ground) -> None:
    merged = merged_side(state=AccountState.LOCKED, lock=Lock(ground))
    passes = ground.is_automatic or ground is Ground.OWN_WISH
    assert merging.hindrance(a_side(), merged) is (None if passes else Hindrance.MERGED_LOCKED)


SUBS = {
    (sector, is_kept): f"{sector}-{'kept' if is_kept else 'merged'}" for sector in "xyz" for is_kept in (True, False)
}


def test_who_knew_the_merged_one_alone_keeps_its_sub_and_all_others_see_the_kept_one() -> None:
    known = [(X, "x", True), (Y, "y", False), (Z, "z", True), (Z, "z", False)]
    found = {each.service_id: (each.known, each.sees, each.no_more) for each in merging.visits(known, SUBS)}
    assert found == {
        X: (Known.KEPT, "x-kept", ""),
        Y: (Known.MERGED, "y-merged", ""),
        Z: (Known.BOTH, "z-kept", "z-merged"),
    }


def test_services_of_one_sector_know_together() -> None:
    """They see one sub (OpenID Connect Core 8.1), so that the one which is in use stays."""
    found = merging.visits([(X, "x", False), (Y, "x", True)], SUBS)
    assert {(each.known, each.sees, each.no_more) for each in found} == {(Known.BOTH, "x-kept", "x-merged")}


def a_preview(kept: Side | None = None, merged: Side | None = None, known: tuple[object, ...] = ()) -> Preview:
    return Preview(kept or a_side(), merged or merged_side(), merging.visits(known, SUBS))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other",
    [
        a_preview(kept=a_side(state=AccountState.LOCKED)),
        a_preview(kept=a_side(source=ProofSource.NATIONAL_ID)),
        a_preview(kept=a_side(level=AccountLevel.ONE)),
        a_preview(merged=merged_side(state=AccountState.LOCKED)),
        a_preview(merged=merged_side(lock=Lock(Ground.OWN_WISH))),
        a_preview(merged=merged_side(name="Lê Thị Lụa")),
        a_preview(kept=merged_side(), merged=a_side()),
        a_preview(known=((X, "x", False),)),
    ],
)
def test_whatever_was_seen_is_in_the_digest(other: Preview) -> None:
    assert other.digest() != a_preview().digest()
    assert a_preview().digest() == a_preview().digest()


def test_which_of_the_two_a_service_knows_is_in_the_digest() -> None:
    both = a_preview(known=((X, "x", False), (X, "x", True)))
    assert len({a_preview(known=((X, "x", is_kept),)).digest() for is_kept in (True, False)} | {both.digest()}) == 3


@pytest.mark.parametrize(
    ("name", "one", "other", "likeness"),
    [
        ("name", "Trần Thị Thuỷ", "TRAN THI THUY", Likeness.SAME),
        ("name", "Trần Thị Thuỷ", "Trần Thị Thu", Likeness.OTHER),
        ("name", "", "", Likeness.UNKNOWN),
        ("name", "王", "李", Likeness.UNKNOWN),
        ("birthdate", "1956", "1956-03-02", Likeness.SAME),
        ("birthdate", "1956-03-01", "1956-03-02", Likeness.OTHER),
        ("birthdate", "", "1956", Likeness.UNKNOWN),
        ("personal_id_number", "003156000127", "003156000127", Likeness.SAME),
        ("personal_id_number", "003156000127", "003156000128", Likeness.OTHER),
    ],
)
def test_how_two_facts_compare(name: str, one: str, other: str, likeness: Likeness) -> None:
    preview = a_preview(a_side(**{name: one}), merged_side(**{name: other}))
    assert preview.likeness()["number" if name == "personal_id_number" else name] is likeness


def test_a_merge_is_undone_once_and_in_time() -> None:
    done = Merge(X, KEPT, MERGED, NOW, NOW + merging.UNDO_FOR, "a@H05", "b@H05")
    assert done.may_be_undone(NOW + timedelta(days=30) - timedelta(seconds=1))
    assert not done.may_be_undone(NOW + timedelta(days=30))
    undone = Merge(X, KEPT, MERGED, NOW, NOW + merging.UNDO_FOR, "a@H05", "b@H05", undone_at=NOW)
    assert not undone.may_be_undone(NOW)


@pytest.mark.parametrize("field", ["reason", "document"])
def test_reason_and_document_are_both_needed(field: str) -> None:
    said = {"reason": "cùng một người", "document": "CCCD 1", field: " "}
    with pytest.raises(Refusal) as refused:
        merging.check_reason(said)
    assert (refused.value.code, refused.value.field) == ("reason_missing", field)
    assert merging.check_reason({**said, field: "x" * 300})[field] == "x" * 200
