"""Making an account: all its rows or none, values sealed, contacts in one form, nothing self-made counts as proved."""

from typing import Any

import pytest

from idp import storage
from idp.cli.demo import PEOPLE
from idp.domain.accounts import AccountState, Subject
from idp.domain.identifiers import SignInKind
from idp.domain.levels import ProofSource
from idp.domain.refusals import Refusal
from idp.flows.registration import NewAccount, create_account, hash_new_password
from idp.runtime.runtime import Runtime
from tests.builders import NUMBERS
from tests.rows import count_rows, events, rows_of

HASH = "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHQ$aGFzaA"


def make(runtime: Runtime, number: str = NUMBERS[0], **changes: Any) -> Subject:
    new = {"personal_number": number, "claims": PEOPLE[NUMBERS[0]], "password_hash": HASH, **changes}
    with storage.begin() as tx:
        return create_account(tx, runtime, NewAccount(**new), actor="the tests")


def find(runtime: Runtime, kind: SignInKind, value: str) -> storage.sign_in_names.Candidate | None:
    with storage.once() as tx:
        return storage.sign_in_names.find_candidate(
            tx,
            runtime.keyring,
            space="person",  # type: ignore[arg-type]
            kind=kind,
            value=value,
            device_digest=b"",
            device_since=runtime.clock.now(),
        )


def claims_of(runtime: Runtime, subject: Subject) -> dict[str, object]:
    [row] = rows_of("profiles")
    with storage.once() as tx:
        key = storage.data_keys.find_data_key(tx, runtime.keyring, subject.id)
        facts = {fact.name: fact.value for fact in storage.accounts.list_facts(tx, key, subject.id)} if key else {}
    assert row.subject_id == subject.id
    return dict(facts)


def test_an_account_has_number_contacts_facts_password_and_audit(runtime: Runtime) -> None:
    subject = make(runtime)
    assert subject.state is AccountState.ACTIVE
    counts = count_rows()
    assert {
        "subjects": 1,
        "profiles": 1,
        "credentials": 1,
        "identifiers": 1,
        "contacts": 2,
        "sign_in_names": 3,
    }.items() <= (counts.items())
    assert events()["account.created"] == 1
    for kind, value in (
        (SignInKind.PERSONAL_NUMBER, "003190000013"),
        (SignInKind.PHONE, "+84912000013"),
        (SignInKind.EMAIL, "nguyen.thi.mau@nguoi-mau.example"),
    ):
        found = find(runtime, kind, value)
        assert found is not None
        assert found.subject.id == subject.id


def test_a_number_signs_in_to_one_account_only_and_the_second_leaves_nothing_behind(runtime: Runtime) -> None:
    make(runtime)
    before = count_rows()
    with pytest.raises(Refusal) as refused:
        make(runtime, claims={"name": "Lê Thị Khác"})
    assert refused.value.code == "already_exists"
    assert "003190000013" not in str(refused.value)
    assert count_rows() == before


def test_a_contact_may_be_of_many_and_a_sign_in_name_of_one(runtime: Runtime) -> None:
    first = make(runtime)
    make(runtime, NUMBERS[1])
    assert count_rows()["contacts"] == 4
    found = find(runtime, SignInKind.PHONE, "+84912000013")
    assert found is not None
    assert found.subject.id == first.id


def test_an_unverified_contact_is_no_name_to_sign_in_with(runtime: Runtime) -> None:
    make(runtime, claims={"name": "Lê Thị Mẫu", "phone_number": "0912000013", "email": "le@nguoi-mau.example"})
    assert count_rows()["contacts"] == 2
    assert count_rows()["sign_in_names"] == 1
    assert find(runtime, SignInKind.PHONE, "+84912000013") is None


def test_oidc_core_5_1_the_phone_number_is_kept_in_e_164_however_it_was_typed(runtime: Runtime) -> None:
    subject = make(
        runtime, claims={"name": "Lê Mẫu", "phone_number": "0912 000.013", "email": "Le.Mau@Nguoi-Mau.Example"}
    )
    known = claims_of(runtime, subject)
    assert known["phone_number"] == "+84912000013"
    assert known["email"] == "le.mau@nguoi-mau.example"


def test_what_a_person_says_alone_is_verified_by_nobody(runtime: Runtime) -> None:
    make(runtime)
    assert {row.verified_at for row in rows_of("facts")} == {None}
    assert {row.verified_at for row in rows_of("identifiers")} == {None}
    assert {row.source for row in rows_of("facts")} == {"self"}


def test_what_a_counter_checked_says_who_and_when(runtime: Runtime) -> None:
    make(runtime, proof_source=ProofSource.COUNTER)
    assert {row.verified_at for row in rows_of("facts")} == {runtime.clock.now()}
    assert {row.verified_by for row in rows_of("facts")} == {"the tests"}


@pytest.mark.parametrize(
    "changes",
    [
        {"number": "12345"},
        {"number": "003 19 MAU"},
        {"claims": {"name": ""}},
        {"claims": {"name": "Lê Thị Mẫu", "phone_number": "123"}},
        {"claims": {"name": "Lê Thị Mẫu", "email": "khong-phai-thu"}},
    ],
)
def test_a_malformed_value_is_refused_and_nothing_is_kept(runtime: Runtime, changes: dict[str, Any]) -> None:
    before = count_rows()
    with pytest.raises(Refusal):
        make(runtime, **changes)
    assert count_rows() == before


def test_no_personal_value_stands_readable_in_any_row(runtime: Runtime) -> None:
    make(runtime)
    stored = repr({name: rows_of(name) for name in count_rows()})
    for value in ("003190000013", "912000013", "Nguyễn", "Mẫu", "nguyen.thi.mau", "1990-01-02", "Kinh Bắc"):
        assert value not in stored
        assert repr(value.encode())[2:-1] not in stored


def test_a_weak_password_is_refused_before_a_slot_is_taken(runtime: Runtime) -> None:
    for weak in ("ngan", "003190000013", "aaaaaaaaaaaa"):
        with pytest.raises(Refusal) as refused:
            hash_new_password(runtime, weak, "003190000013")
        assert refused.value.code == "invalid_password"
    assert hash_new_password(runtime, "Thu-nghiem-2026!", "003190000013").startswith("$argon2id$")
