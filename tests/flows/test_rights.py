"""Requests about one's own data: their days, who is told, what is written down, and what nobody can do twice."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import delete

from idp import storage
from idp.domain.accounts import Closing, Ground, Lock, Subject
from idp.domain.notices import Notice
from idp.domain.refusals import Refusal
from idp.domain.rights import MOST, RequestState, RightKind, RightsRequest
from idp.flows import account_care, rights
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from idp.storage import tables
from tests.builders import Citizen, a_citizen, lend_keys
from tests.doubles import FixedClock
from tests.mailbag import messages
from tests.rows import events, rows_of

OFFICER = "Bà Bình, quầy 3"
Deed = Callable[..., RightsRequest]


@pytest.fixture
def citizen(app: Flask) -> Citizen:
    return a_citizen(app)


@pytest.fixture
def person(runtime: Runtime, citizen: Citizen) -> Iterator[Subject]:
    with storage.once() as tx:
        yield account_care.find_person(tx, runtime, citizen.number)


def wording(request: RightsRequest) -> Notice:
    return Notice(f"{request.state}", f"{request.due.answer_by} {request.due.done_by}")


def ask(runtime: Runtime, person: Subject, kind: RightKind = RightKind.OBJECT, words: str = "") -> RightsRequest:
    with storage.begin() as tx:
        return rights.ask(tx, runtime, person.id, kind, words, wording, actor="the person")


def do(deed: Deed, runtime: Runtime, request: RightsRequest, words: str = "Đã xem", **more: Any) -> RightsRequest:
    if deed is rights.answer:
        more = {"through_others": False} | more
    if deed is rights.refuse:
        more = {"legal_ground": "Luật 91/2025/QH15, Điều 19"} | more
    with storage.begin() as tx:
        return deed(tx, runtime, request.id, words, wording, actor=OFFICER, **more)


def withdraw(runtime: Runtime, subject_id: UUID, request: RightsRequest) -> RightsRequest:
    with storage.begin() as tx:
        return rights.withdraw(tx, runtime, subject_id, request.id, wording, actor="the person")


def stored(runtime: Runtime, request: RightsRequest) -> RightsRequest | None:
    with storage.once() as tx:
        return storage.rights.find_request(tx, runtime.keyring, request.id)


def test_a_request_has_its_days_and_every_contact_is_told(app: Flask, runtime: Runtime, person: Subject) -> None:
    request = ask(runtime, person, RightKind.OBJECT, " đừng gửi tin nữa ")
    assert (request.due.answer_by, request.due.done_by) == (date(2026, 12, 3), date(2026, 12, 16))
    assert request.received.words == "đừng gửi tin nữa"
    assert stored(runtime, request) == request
    told = messages(app)
    assert [message.channel for message in told] == ["sms", "mail"]
    assert {message.text for message in told} == {"2026-12-03 2026-12-16"}
    assert events()["rights.asked"] == 1


def test_the_day_is_that_of_the_province(runtime: Runtime, person: Subject, clock: FixedClock) -> None:
    clock.advance(hours=16)  # 17:30 UTC on 01/12 is half past midnight on the second
    assert ask(runtime, person).due.answer_by == date(2026, 12, 4)


def test_the_setting_s_holidays_move_the_answer(
    make_app: Callable[..., Flask], sqlite_url: str, clock: FixedClock
) -> None:
    app = make_app(sqlite_url, IDP_PROVINCE_HOLIDAYS="2026-12-02,2026-12-03")
    lend_keys(app)
    citizen, runtime = a_citizen(app), app.extensions["idp"]
    with app.app_context(), storage.begin() as tx:
        request = rights.ask(tx, runtime, citizen.id, RightKind.COPY, "", wording, actor="the person")
    assert request.due.answer_by == date(2026, 12, 7)


def test_who_answers_says_whether_others_must_act_and_the_clock_counts_from_the_first_day(
    app: Flask, runtime: Runtime, person: Subject, clock: FixedClock
) -> None:
    alone, with_others = ask(runtime, person), ask(runtime, person)
    clock.advance(days=2)
    assert do(rights.answer, runtime, alone).due == alone.due
    after = do(rights.answer, runtime, with_others, "Cổng dịch vụ phải ngừng", through_others=True)
    assert after.due.done_by == date(2026, 12, 21)
    assert (after.state, after.through_others) == (RequestState.ANSWERED, True)
    assert after.answered is not None
    assert (after.answered.by, after.answered.at) == (OFFICER, clock.now())
    assert stored(runtime, with_others) == after
    assert messages(app)[-1].text == "2026-12-03 2026-12-21"


def test_more_time_is_taken_once_after_the_answer_and_with_a_reason(runtime: Runtime, person: Subject) -> None:
    request = ask(runtime, person)
    with pytest.raises(Refusal, match="wrong_state"):
        do(rights.extend, runtime, request, "chưa kịp")
    do(rights.answer, runtime, request)
    with pytest.raises(Refusal, match="reason_missing"):
        do(rights.extend, runtime, request, " ")
    assert do(rights.extend, runtime, request, "nhiều hồ sơ").due.done_by == date(2026, 12, 31)
    with pytest.raises(Refusal, match="wrong_state"):
        do(rights.extend, runtime, request, "vẫn chưa kịp")
    assert events()["rights.extended"] == 1


@pytest.mark.parametrize(
    ("deed", "state", "event"),
    [
        (rights.fulfil, RequestState.DONE, "rights.fulfilled"),
        (rights.refuse, RequestState.REFUSED, "rights.refused"),
    ],
)
def test_an_end_is_told_written_down_and_final(
    app: Flask, runtime: Runtime, person: Subject, deed: Deed, state: RequestState, event: str
) -> None:
    request = ask(runtime, person)
    after = do(deed, runtime, request, "Lý do để người dân đọc")
    assert (after.state, stored(runtime, request)) == (state, after)
    assert messages(app)[-1].subject == state
    assert events()[event] == 1
    for other in (rights.answer, rights.extend, rights.fulfil, rights.refuse):
        with pytest.raises(Refusal, match="wrong_state"):
            do(other, runtime, request)
    with pytest.raises(Refusal, match="wrong_state"):
        withdraw(runtime, person.id, request)
    assert stored(runtime, request) == after


def test_nobody_refuses_without_naming_the_law_nor_says_nothing(runtime: Runtime, person: Subject) -> None:
    request = ask(runtime, person)
    with pytest.raises(Refusal, match="reason_missing"):
        do(rights.refuse, runtime, request, legal_ground=" ")
    for deed in (rights.answer, rights.fulfil, rights.refuse):
        with pytest.raises(Refusal, match="reason_missing"):
            do(deed, runtime, request, "")
    assert stored(runtime, request) == request


def test_one_takes_back_one_s_own_and_nobody_else_s(app: Flask, runtime: Runtime, person: Subject) -> None:
    request, other = ask(runtime, person), a_citizen(app, "003085000021")
    with pytest.raises(Refusal, match="not_found"):
        withdraw(runtime, other.id, request)
    assert withdraw(runtime, person.id, request).state is RequestState.WITHDRAWN
    assert events()["rights.withdrawn"] == 1
    unknown = chance.new_id(runtime.clock.now())
    with pytest.raises(Refusal, match="not_found"), storage.begin() as tx:
        rights.withdraw(tx, runtime, person.id, unknown, wording, actor="the person")


def test_five_are_enough_and_taking_back_makes_no_room_on_the_same_day(
    runtime: Runtime, person: Subject, clock: FixedClock, app: Flask
) -> None:
    requests = [ask(runtime, person) for _ in range(MOST)]
    withdraw(runtime, person.id, requests[0])
    sent = len(messages(app))
    with pytest.raises(Refusal, match="too_many"):
        ask(runtime, person)
    assert len(messages(app)) == sent
    clock.advance(days=1)
    ask(runtime, person)
    with pytest.raises(Refusal, match="too_many"):
        ask(runtime, person)


def test_words_without_end_are_refused(runtime: Runtime, person: Subject) -> None:
    with pytest.raises(Refusal, match="too_long"):
        ask(runtime, person, words="ă" * 2001)
    assert rows_of("rights_requests") == []


def test_an_officer_who_reads_a_request_stands_in_the_person_s_history(runtime: Runtime, person: Subject) -> None:
    request = ask(runtime, person, RightKind.CORRECT, "sai tên đệm")
    with pytest.raises(Refusal, match="reason_missing"), storage.begin() as tx:
        rights.look(tx, runtime, request.id, purpose=" ", actor=OFFICER)
    with storage.begin() as tx:
        shown = rights.look(tx, runtime, request.id, purpose="giải quyết yêu cầu", actor=OFFICER)
    assert (shown.request, shown.number, shown.name) == (request, "003190000013", "Nguyễn Thị Mẫu")
    with storage.once() as tx:
        key = storage.data_keys.find_data_key(tx, runtime.keyring, person.id)
        assert key
        [entry] = storage.audit.list_looks(tx, key, person.id, limit=5)
    assert (entry.actor, entry.details) == (OFFICER, "giải quyết yêu cầu")


@pytest.mark.parametrize("state", ["locked", "closed"])
def test_who_is_locked_out_has_the_same_rights(runtime: Runtime, person: Subject, state: str) -> None:
    with storage.begin() as tx:
        if state == "locked":
            account_care.lock(tx, runtime, person, Lock(Ground.MISUSE, "stolen"), actor=OFFICER)
        else:
            account_care.close(tx, runtime, person, Closing.WITHDRAWN, reason="", actor=OFFICER)
    request = ask(runtime, person, RightKind.COPY)
    assert do(rights.fulfil, runtime, request).state is RequestState.DONE


def test_an_erasure_that_was_done_can_be_noted_and_nobody_is_told(
    app: Flask, runtime: Runtime, person: Subject
) -> None:
    request = ask(runtime, person, RightKind.ERASE, "xóa hết")
    sent = len(messages(app))
    with storage.begin() as tx:
        tx.execute(delete(tables.data_keys).where(tables.data_keys.c.subject_id == person.id))
    do(rights.fulfil, runtime, request, "Đã xóa")
    [row] = rows_of("rights_requests")
    assert (row.state, row.ended_by, row.ended_sealed) == ("done", OFFICER, None)
    assert len(messages(app)) == sent
    with pytest.raises(Refusal, match="no_such_account"):
        ask(runtime, person)


def test_overdue_ones_are_counted(runtime: Runtime, person: Subject, clock: FixedClock) -> None:
    def overdue() -> int:
        with storage.once() as tx:
            return storage.rights.count_overdue(tx, runtime.today)

    answered, _ = ask(runtime, person), ask(runtime, person)
    do(rights.answer, runtime, answered)
    found = []
    for _ in range(17):
        found.append(overdue())
        clock.advance(days=1)
    assert found == [0] * 3 + [1] * 13 + [2]
    do(rights.extend, runtime, answered, "nhiều hồ sơ")
    assert overdue() == 1


def test_a_long_name_of_an_officer_is_no_fault(runtime: Runtime, person: Subject) -> None:
    request = ask(runtime, person)
    with storage.begin() as tx:
        rights.answer(tx, runtime, request.id, "Đã nhận", wording, through_others=False, actor="Bình " * 40)
        rights.look(tx, runtime, request.id, purpose="xem", actor="Bình " * 40)
    [row] = rows_of("rights_requests")
    assert len(row.answered_by) == 64
