"""Taking back checks of people: whole people fall, once, whoever else writes at the same moment; others stay."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
from flask import Flask

from idp import flows, storage
from idp.domain import recalls
from idp.domain.identifiers import ContactKind
from idp.domain.levels import ProofSource
from idp.domain.notices import Notice
from idp.domain.proofing import CounterCheck
from idp.domain.recalls import Recall
from idp.domain.sessions import Session
from idp.flows.recall import Approved
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from tests.builders import a_citizen, a_service, obtain_tokens, refresh, sign_in, userinfo
from tests.doubles import FixedClock
from tests.flows.test_proofing import NEW, enter_by_paper, password_opens
from tests.flows.test_sign_in import HOME
from tests.mailbag import messages
from tests.racing import Waiting
from tests.rows import events, rows_of

BAD, GOOD = "xau.a@H05", "tot.b@H05"
PHONE = "+84912000013"
NOTICE = Notice("Đã thu hồi", "Việc đối chiếu đã được thu hồi.")
NUMBERS = [f"0031990000{number:02d}" for number in range(10, 20)]


class Killed(Exception):
    """Stands for the end of a worker's process."""


def prove(runtime: Runtime, number: str, officer: str = BAD, contact: str = "") -> flows.proofing.Proved:
    kept = (ContactKind.PHONE, contact) if contact else None
    check = CounterCheck(number, "Lê Thị Lụa", "1999-01-02", "thẻ căn cước", officer, kept)
    with storage.begin() as tx:
        return flows.proofing.prove(tx, runtime, check)


def body(runtime: Runtime, **said: str) -> dict[str, str]:
    day = runtime.today.strftime("%d/%m/%Y")
    given = {"source": "counter", "officer": "xau.a", "since": day, "until": day, "reason": "QĐ 12/2026", **said}
    return recalls.check_recall(given, runtime.today)


def start(runtime: Runtime, clock: FixedClock, **said: str) -> Recall:
    clock.advance(seconds=1)
    with storage.begin() as tx:
        return flows.recall.start(tx, runtime, Approved(body(runtime, **said), "tre.c@H05", "duyet.d@H05"))


def work_off(runtime: Runtime, limit: int = 200) -> None:
    more = True
    while more:
        with storage.begin() as tx:
            more = flows.recall.work_off(tx, runtime, NOTICE, limit=limit)


def die_in_a_batch(runtime: Runtime) -> None:
    with storage.begin() as tx:
        flows.recall.work_off(tx, runtime, NOTICE, limit=2)
        raise Killed


def sources(runtime: Runtime) -> dict[str, str]:
    """By personal number, who vouches."""
    found = {}
    with storage.begin() as tx:
        for row in rows_of("subjects"):
            record = storage.accounts.find_record(tx, runtime.keyring, row.id)
            assert record is not None
            claims = record.profile.claims
            found[str(claims["personal_id_number"])] = row.proof_source
            if row.proof_source == "self":
                assert claims["personal_id_number_verified"] is False
    return found


def test_the_proofs_of_one_officer_fall_and_those_of_another_stay(runtime: Runtime, clock: FixedClock) -> None:
    prove(runtime, NUMBERS[0])
    prove(runtime, NUMBERS[1], GOOD)
    prove(runtime, NUMBERS[2], "xau.ab@H05")
    recall = start(runtime, clock)
    assert recall.persons == 1
    work_off(runtime)
    assert sources(runtime) == {NUMBERS[0]: "self", NUMBERS[1]: "counter", NUMBERS[2]: "counter"}
    [row] = rows_of("recalls")
    assert (row.state, row.persons, row.done) == ("done", 1, 1)
    assert events()["proof.recalled"] == 1
    assert events()["recall.done"] == 1


def test_what_stood_stays_on_record_and_what_stands_is_merely_said(runtime: Runtime, clock: FixedClock) -> None:
    prove(runtime, NUMBERS[0])
    start(runtime, clock)
    work_off(runtime)
    facts = rows_of("facts")
    standing = {row.name: row for row in facts if row.superseded_at is None}
    over = {row.name for row in facts if row.superseded_at is not None and row.source == "counter"}
    assert set(standing) == over
    assert {row.source for row in standing.values()} == {"self"}
    assert all(row.verified_at is None and row.verified_by == "" for row in standing.values())
    [name] = rows_of("sign_in_names")
    assert name.proof == "self"
    [identifier] = rows_of("identifiers")
    assert (identifier.source, identifier.verified_by, identifier.verified_at) == ("self", None, None)
    with storage.begin() as tx:
        record = storage.accounts.find_record(tx, runtime.keyring, identifier.subject_id)
        assert record is not None
        assert [each.value for each in storage.accounts.list_facts(tx, record.key, record.subject.id)]
        assert record.profile.name == "Lê Thị Lụa"


def test_sign_ins_and_what_was_given_in_them_end_and_service_and_person_are_told(
    app: Flask, runtime: Runtime, clock: FixedClock
) -> None:
    citizen = a_citizen(app, proof_source=ProofSource.COUNTER)
    service = a_service(app, scope="openid offline_access", backchannel_logout_uri="https://dich-vu.example/ra")
    browser = app.test_client()
    tokens = obtain_tokens(browser, service, citizen, scope="openid offline_access")
    assert browser.get("/account").status_code == 200
    start(runtime, clock, officer="the tests")
    work_off(runtime)
    assert browser.get("/account").status_code == 303
    assert userinfo(browser, tokens["access_token"]).status_code == 401
    assert refresh(browser, service, tokens["refresh_token"]).status_code == 400
    assert [row.subject_id for row in rows_of("outbox") if row.kind == "backchannel_logout"] == [citizen.id]
    assert {message.text for message in messages(app)[-2:]} == {NOTICE.text}
    sign_in(browser, citizen)
    assert browser.get("/account").status_code == 200, "the account stays the person's"


def test_a_code_on_paper_of_the_officer_opens_nothing_any_more(app: Flask, runtime: Runtime, clock: FixedClock) -> None:
    proved = prove(runtime, NUMBERS[0])
    start(runtime, clock)
    work_off(runtime)
    enter_by_paper(app, NUMBERS[0], proved.code)  # looks as for anybody, and sets nothing
    assert not password_opens(app, NUMBERS[0], NEW)


@pytest.mark.parametrize("again", [GOOD, BAD])
def test_who_was_proved_again_stays_where_somebody_else_did_it(runtime: Runtime, clock: FixedClock, again: str) -> None:
    prove(runtime, NUMBERS[0])
    clock.advance(minutes=1)
    prove(runtime, NUMBERS[0], again)
    recall = start(runtime, clock)
    work_off(runtime)
    assert sources(runtime) == {NUMBERS[0]: "counter" if again == GOOD else "self"}
    assert recall.persons == (0 if again == GOOD else 1)


def test_only_the_days_that_were_named(runtime: Runtime, clock: FixedClock) -> None:
    prove(runtime, NUMBERS[0])
    clock.advance(seconds=timedelta(days=1).total_seconds())
    prove(runtime, NUMBERS[1])
    day = runtime.today
    clock.advance(seconds=timedelta(days=1).total_seconds())
    prove(runtime, NUMBERS[2])
    start(runtime, clock, since=day.isoformat(), until=day.isoformat())
    work_off(runtime)
    assert sources(runtime) == {NUMBERS[0]: "counter", NUMBERS[1]: "self", NUMBERS[2]: "counter"}


def test_a_whole_source_and_no_officer(runtime: Runtime, clock: FixedClock) -> None:
    prove(runtime, NUMBERS[0])
    prove(runtime, NUMBERS[1], GOOD)
    start(runtime, clock, officer="")
    work_off(runtime)
    assert set(sources(runtime).values()) == {"self"}


def test_what_is_checked_after_it_began_is_none_of_its_business(runtime: Runtime, clock: FixedClock) -> None:
    prove(runtime, NUMBERS[0])
    start(runtime, clock)
    prove(runtime, NUMBERS[1])
    work_off(runtime)
    assert sources(runtime) == {NUMBERS[0]: "self", NUMBERS[1]: "counter"}


def test_a_worker_that_dies_between_leaves_whole_people_and_the_next_goes_on(
    runtime: Runtime, clock: FixedClock
) -> None:
    for number in NUMBERS[:5]:
        prove(runtime, number)
    start(runtime, clock)
    with storage.begin() as tx:
        flows.recall.work_off(tx, runtime, NOTICE, limit=2)
    with pytest.raises(Killed):
        die_in_a_batch(runtime)
    assert list(sources(runtime).values()).count("self") == 2
    [row] = rows_of("recalls")
    assert (row.done, row.state) == (2, "running")
    work_off(runtime, limit=2)
    assert set(sources(runtime).values()) == {"self"}
    [row] = rows_of("recalls")
    assert (row.done, row.state) == (5, "done")
    assert events()["proof.recalled"] == 5


def test_proved_again_afterwards_the_person_stands_as_anybody_who_was_checked(
    app: Flask, runtime: Runtime, clock: FixedClock
) -> None:
    first = prove(runtime, NUMBERS[0], contact=PHONE)
    start(runtime, clock)
    work_off(runtime)
    second = prove(runtime, NUMBERS[0], GOOD, PHONE)
    assert second.subject_id == first.subject_id
    with storage.begin() as tx:
        record = storage.accounts.find_record(tx, runtime.keyring, second.subject_id)
    assert record is not None
    assert record.profile.claims["personal_id_number_verified"] is True
    assert sorted(row.proof for row in rows_of("sign_in_names")) == ["code", "counter"]
    assert [row.source for row in rows_of("identifiers") if row.ended_at is None] == ["counter"]


def test_who_is_just_being_proved_again_stays(app: Flask, runtime: Runtime, clock: FixedClock) -> None:
    prove(runtime, NUMBERS[0])
    start(runtime, clock)
    check = CounterCheck(NUMBERS[0], "Lê Thị Lụa", "1999-01-02", "thẻ căn cước", GOOD)
    recall = Waiting(app, lambda: work_off(runtime))
    with storage.begin() as tx:
        flows.proofing.take_down(tx, runtime, check)
        recall.start(tx)
    recall.join()
    assert sources(runtime) == {NUMBERS[0]: "counter"}
    assert events()["proof.recalled"] == 0


def test_who_is_proved_again_while_it_falls_stands_in_the_end(app: Flask, runtime: Runtime, clock: FixedClock) -> None:
    prove(runtime, NUMBERS[0], contact=PHONE)
    start(runtime, clock)
    again = Waiting(app, lambda: prove(runtime, NUMBERS[0], GOOD, PHONE))
    with storage.begin() as tx:
        flows.recall.work_off(tx, runtime, NOTICE)
        again.start(tx)
    again.join()
    work_off(runtime)
    assert sources(runtime) == {NUMBERS[0]: "counter"}
    assert events()["proof.recalled"] == 1
    assert [row.source for row in rows_of("identifiers") if row.ended_at is None] == ["counter"]
    assert {row.source for row in rows_of("facts") if row.superseded_at is None} == {"counter"}


@pytest.mark.parametrize("first", ["recall", "sign-in"])
def test_a_sign_in_at_the_same_moment_ends_or_comes_after(
    app: Flask, runtime: Runtime, clock: FixedClock, first: str
) -> None:
    citizen = a_citizen(app, proof_source=ProofSource.COUNTER)
    start(runtime, clock, officer="the tests")
    with storage.begin() as tx:
        attempt = flows.sign_in.find_candidate(tx, runtime, citizen.number, HOME)
    checked = flows.sign_in.check(runtime, attempt, citizen.password)
    deeds: dict[str, Callable[[storage.Tx], object]] = {
        "recall": lambda tx: flows.recall.work_off(tx, runtime, NOTICE),
        "sign-in": lambda tx: flows.sign_in.complete(tx, runtime, checked, before=None),
    }
    earlier = deeds.pop(first)
    [later] = deeds.values()

    def do_later() -> None:
        with storage.begin() as tx:
            later(tx)

    second = Waiting(app, do_later)
    with storage.begin() as tx:
        earlier(tx)
        second.start(tx)
    second.join()
    assert set(sources(runtime).values()) == {"self"}
    assert {row.end_reason for row in rows_of("sessions")} <= {"revoked" if first == "sign-in" else None}


# What may happen to one person, in any order: checks by either officer, a sign-in, recalls, batches, a worker's death.
DEEDS = ("bad", "good", "sign in", "recall", "batch", "death")


@pytest.mark.parametrize("seed", range(8))
def test_in_whatever_order_things_happen(runtime: Runtime, clock: FixedClock, seed: int) -> None:
    """Who stands as checked has a check that no recall names; a sign-in from before a fall is over."""
    person = prove(runtime, NUMBERS[0], contact=PHONE).subject_id
    standing, began, is_signed_in, fell = (BAD, clock.now()), [], False, 0
    for deed in [*Random(seed).choices(DEEDS, k=14), "batch"]:
        clock.advance(seconds=1)
        if deed in ("bad", "good"):
            is_signed_in = is_signed_in and bool(standing)
            officer = BAD if deed == "bad" else GOOD
            prove(runtime, NUMBERS[0], officer, PHONE)
            standing = (officer, clock.now())
        elif deed == "sign in":
            make_session(runtime, person)
            is_signed_in = True
        elif deed == "recall":
            began.append(start(runtime, clock).scope.before)
        elif deed == "death":
            with suppress(Killed):
                die_in_a_batch(runtime)
        else:
            work_off(runtime)
            if standing and standing[0] == BAD and any(standing[1] < each for each in began):
                standing, is_signed_in, fell = (), False, fell + 1
            began.clear()
        assert any(row.ended_at is None for row in rows_of("sessions")) == is_signed_in
        assert events()["proof.recalled"] == fell
        assert [row.proof_source for row in rows_of("subjects")] == ["counter" if standing else "self"]


def make_session(runtime: Runtime, subject_id: UUID) -> None:
    now = runtime.clock.now()
    session = Session(
        id=chance.new_id(now),
        subject_id=subject_id,
        auth_time=now,
        amr=("pwd",),
        auth_level=1,
        created_at=now,
        seen_at=now,
        expires_at=now + timedelta(hours=1),
        ended_at=None,
    )
    with storage.begin() as tx:
        key = storage.data_keys.find_data_key(tx, runtime.keyring, subject_id)
        assert key is not None
        digest = chance.digest(chance.new_secret())
        storage.sessions.insert_session(
            tx, key, session, token_digest=digest, device_id=None, address="198.51.100.1", agent="-"
        )
