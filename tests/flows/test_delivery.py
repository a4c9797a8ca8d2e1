"""Telling services: OpenID Connect Back-Channel Logout 1.0, 2.5 and 2.8; retries, the ledger, and services' logos."""

from datetime import timedelta
from uuid import UUID

import jwt
import pytest
from flask import Flask

from idp import storage
from idp.domain.refusals import Refusal
from idp.domain.sessions import EndReason
from idp.flows import delivery, service_registry
from idp.runtime.outbound import Answer, OutboundFailure
from idp.runtime.runtime import Runtime
from idp.storage.outbox import Parcel
from tests.builders import Citizen, Service, a_citizen, a_service, claims_in, obtain_tokens
from tests.doubles import FixedClock, RecordingOutbound
from tests.rows import events, rows_of

ADDRESS = "https://dich-vu.example/backchannel"
LOGO = "https://dich-vu.example/logo.png"
OK = Answer(200, {}, b"")
PNG = b"\x89PNG\r\n\x1a\n"


class Postman:
    """The worker's round, by hand: takes what is due, tries it, notes the outcome."""

    def __init__(self, runtime: Runtime, clock: FixedClock) -> None:
        self.runtime, self.clock = runtime, clock

    def take(self) -> list[Parcel]:
        with storage.begin() as tx:
            found = storage.outbox.use_due(
                tx, self.runtime.keyring, now=self.clock.now(), lease_for=timedelta(seconds=60), limit=10
            )
        return [parcel for parcel in found if parcel.kind not in storage.outbox.MESSAGES]

    def go_round(self) -> list[str | None]:
        failures = []
        for parcel in self.take():
            failures.append(delivery.deliver(self.runtime, parcel))
            with storage.begin() as tx:
                delivery.note(tx, self.runtime, parcel, failures[-1])
        return failures


@pytest.fixture
def postman(runtime: Runtime, clock: FixedClock) -> Postman:
    return Postman(runtime, clock)


@pytest.fixture
def citizen(app: Flask, runtime: Runtime) -> Citizen:
    return a_citizen(app)


def queue_logout(app: Flask, runtime: Runtime, service: Service, citizen: Citizen) -> tuple[dict[str, object], UUID]:
    """Sign somebody in at the service and end the session; the ID token's claims, and the session's id."""
    client = app.test_client()
    tokens = obtain_tokens(client, service, citizen)
    with storage.begin() as tx:
        [session] = storage.sessions.list_live(tx, citizen.id)
        storage.endings.end_session(
            tx,
            runtime.keyring,
            session,
            EndReason.SIGNED_OUT,
            runtime.clock.now(),
            actor="the tests",
            offline_too=False,
        )
    return claims_in(client, tokens["id_token"]), session.id


def tokens_sent(outbound: RecordingOutbound) -> list[str]:
    return [dict(call.form or {})["logout_token"] for call in outbound.calls_to(ADDRESS)]


def test_back_channel_logout_2_5_the_service_is_told_in_its_own_names(
    app: Flask, runtime: Runtime, citizen: Citizen, postman: Postman, outbound: RecordingOutbound
) -> None:
    service = a_service(app)
    id_token, _ = queue_logout(app, runtime, service, citizen)
    assert postman.go_round() == [None]
    [call] = outbound.calls_to(ADDRESS)
    assert call.method == "POST"
    assert set(call.form or {}) == {"logout_token"}
    [token] = tokens_sent(outbound)
    assert jwt.get_unverified_header(token)["typ"] == "logout+jwt"
    assert jwt.get_unverified_header(token)["alg"] == "ES256", "signed as the service's ID tokens are (2.4)"
    told = claims_in(app.test_client(), token)
    assert (told["iss"], told["aud"]) == (runtime.settings.issuer, service.client_id)
    assert (told["sub"], told["sid"]) == (id_token["sub"], id_token["sid"])
    [row] = rows_of("outbox")
    assert (row.state, row.tries, row.delivered_at, row.leased_until) == ("delivered", 1, postman.clock.now(), None)
    assert postman.take() == []


@pytest.mark.parametrize("status", [200, 204])
def test_back_channel_logout_2_8_both_good_answers_end_the_delivery(
    app: Flask, runtime: Runtime, citizen: Citizen, postman: Postman, outbound: RecordingOutbound, status: int
) -> None:
    queue_logout(app, runtime, a_service(app), citizen)
    outbound.answer(ADDRESS, Answer(status, {}, b""))
    assert postman.go_round() == [None]


@pytest.mark.parametrize("status", [201, 302, 400, 401, 404, 500, 501, 503])
def test_back_channel_logout_2_8_any_other_answer_is_a_failure(
    app: Flask, runtime: Runtime, citizen: Citizen, postman: Postman, outbound: RecordingOutbound, status: int
) -> None:
    queue_logout(app, runtime, a_service(app), citizen)
    outbound.answer(ADDRESS, Answer(status, {}, b"Nguyen Thi Mau 003190000013"))
    assert postman.go_round() == [f"answered {status}"]
    [row] = rows_of("outbox")
    assert (row.state, row.tries, row.last_failure) == ("queued", 1, f"answered {status}")


def test_back_channel_logout_2_4_a_retry_comes_within_seconds_then_slower_each_a_token_of_its_own(
    app: Flask,
    runtime: Runtime,
    citizen: Citizen,
    postman: Postman,
    outbound: RecordingOutbound,
    clock: FixedClock,
) -> None:
    queue_logout(app, runtime, a_service(app), citizen)
    outbound.answer(ADDRESS, OutboundFailure("ReadTimeout"))
    waits = []
    for _ in range(9):
        before = clock.now()
        assert postman.go_round() == ["ReadTimeout"]
        assert postman.go_round() == [], "not before its time"
        [row] = rows_of("outbox")
        waits.append((row.next_try_at - before).total_seconds())
        clock.advance(seconds=waits[-1])
    assert waits == [1, 2, 5, 10, 15, 20, 30, 30, 30]
    sent = [claims_in(app.test_client(), token) for token in tokens_sent(outbound)]
    assert len({claims["jti"] for claims in sent}) == len(sent), "2.6: a service may refuse a jti that it knows"
    assert sent[-1]["iat"] > sent[0]["iat"], "each try is signed anew, and so never too old"


def test_a_service_that_comes_back_within_a_day_is_told(
    app: Flask,
    runtime: Runtime,
    citizen: Citizen,
    postman: Postman,
    outbound: RecordingOutbound,
    clock: FixedClock,
) -> None:
    queue_logout(app, runtime, a_service(app), citizen)
    outbound.answer(ADDRESS, Answer(503, {}, b""), OK)
    assert postman.go_round() == ["answered 503"]
    clock.advance(hours=23)
    assert postman.go_round() == [None]
    assert [(row.state, row.tries) for row in rows_of("outbox")] == [("delivered", 2)]


def test_after_a_day_it_is_given_up_and_stands_in_the_ledger(
    app: Flask,
    runtime: Runtime,
    citizen: Citizen,
    postman: Postman,
    outbound: RecordingOutbound,
    clock: FixedClock,
) -> None:
    _, session_id = queue_logout(app, runtime, service := a_service(app), citizen)
    outbound.answer(ADDRESS, Answer(503, {}, b""))
    postman.go_round()
    clock.advance(hours=24)
    postman.go_round()
    clock.advance(hours=24)
    assert postman.go_round() == []
    with storage.once() as tx:
        assert storage.outbox.list_of_session(tx, session_id) == [(service.id, "failed", 2)]


def test_back_channel_logout_2_8_a_400_to_a_retry_is_not_taken_for_success(
    app: Flask,
    runtime: Runtime,
    citizen: Citizen,
    postman: Postman,
    outbound: RecordingOutbound,
    clock: FixedClock,
) -> None:
    """It may mean that the token was seen before, or that the logout failed: only the second would do harm."""
    queue_logout(app, runtime, a_service(app), citizen)
    outbound.answer(ADDRESS, OutboundFailure("ReadTimeout"), Answer(400, {}, b""), OK)
    assert postman.go_round() == ["ReadTimeout"]
    clock.advance(seconds=2)
    assert postman.go_round() == ["answered 400"]
    clock.advance(seconds=3)
    assert postman.go_round() == [None]


def test_what_a_dead_worker_held_is_taken_by_another(
    app: Flask, runtime: Runtime, citizen: Citizen, postman: Postman, clock: FixedClock
) -> None:
    queue_logout(app, runtime, a_service(app), citizen)
    assert len(postman.take()) == 1
    assert postman.take() == [], "held by the first"
    clock.advance(seconds=60)
    assert postman.go_round() == [None]


def test_a_service_that_takes_no_logout_any_more_ends_its_delivery(
    app: Flask, runtime: Runtime, citizen: Citizen, postman: Postman, outbound: RecordingOutbound
) -> None:
    service = a_service(app)
    queue_logout(app, runtime, service, citizen)
    a_service(app, client_id=service.client_id, backchannel_logout_uri=None)
    assert postman.go_round() == [None]
    assert outbound.calls == []


def test_a_suspended_service_is_told_so_that_its_own_sessions_end(
    app: Flask, runtime: Runtime, citizen: Citizen, postman: Postman, outbound: RecordingOutbound
) -> None:
    service = a_service(app)
    queue_logout(app, runtime, service, citizen)
    with storage.begin() as tx:
        service_registry.suspend(tx, runtime, service.client_id, actor="the tests")
    assert postman.go_round() == [None]
    assert len(tokens_sent(outbound)) == 1


def test_a_removed_service_gets_nothing_and_the_ledger_says_why(
    app: Flask, runtime: Runtime, citizen: Citizen, postman: Postman, outbound: RecordingOutbound
) -> None:
    service = a_service(app, logo_uri=LOGO)
    queue_logout(app, runtime, service, citizen)
    with storage.begin() as tx:
        found = storage.relying_services.find_service(tx, service.id)
        assert found is not None
        service_registry.remove(tx, runtime, found, actor="the tests")
    assert [postman.go_round() for _ in range(3)] == [[delivery.WAS_REMOVED], [delivery.WAS_REMOVED], []]
    assert outbound.calls == []
    assert {(row.state, row.last_failure) for row in rows_of("outbox")} == {("failed", "the service was removed")}


def test_an_imported_sub_is_the_one_that_is_told(
    app: Flask, runtime: Runtime, citizen: Citizen, postman: Postman, outbound: RecordingOutbound
) -> None:
    service = a_service(app, sector="nhom")
    with storage.begin() as tx:
        tx.execute(storage.tables.subs.insert().values(sector="nhom", subject_id=citizen.id, sub="so-cu-4711"))
    queue_logout(app, runtime, service, citizen)
    postman.go_round()
    [token] = tokens_sent(outbound)
    assert claims_in(app.test_client(), token)["sub"] == "so-cu-4711"


def test_a_service_that_fails_is_asked_for_one_parcel_at_a_time_and_gets_the_rest_when_it_is_back(
    app: Flask,
    runtime: Runtime,
    citizen: Citizen,
    postman: Postman,
    outbound: RecordingOutbound,
    clock: FixedClock,
) -> None:
    service = a_service(app)
    for _ in range(3):
        queue_logout(app, runtime, service, citizen)
    outbound.answer(ADDRESS, Answer(503, {}, b""), Answer(503, {}, b""), OK)
    assert postman.go_round() == ["answered 503"]
    assert postman.go_round() == [], "the others wait for it"
    clock.advance(seconds=1)
    assert postman.go_round() == ["answered 503"], "another one finds out"
    assert sorted(row.tries for row in rows_of("outbox")) == [0, 1, 1]
    clock.advance(seconds=2)
    assert [postman.go_round() for _ in range(4)] == [[None], [None], [None], []], "all at once when it answers"
    assert {row.state for row in rows_of("outbox")} == {"delivered"}


def test_a_failing_service_puts_off_no_other(
    app: Flask, runtime: Runtime, citizen: Citizen, postman: Postman, outbound: RecordingOutbound
) -> None:
    queue_logout(app, runtime, a_service(app), citizen)
    queue_logout(app, runtime, a_service(app, backchannel_logout_uri="https://khac.example/out"), citizen)
    outbound.answer(ADDRESS, Answer(503, {}, b""))
    assert sorted(str(failure) for failure in postman.go_round()) == ["None", "answered 503"]


# -- again, by hand ------------------------------------------------------------------------------------------------


def give_up(postman: Postman, outbound: RecordingOutbound) -> None:
    """The service has not answered for a day, nor will it the next time."""
    outbound.answer(ADDRESS, Answer(503, {}, b""))
    while postman.go_round():
        postman.clock.advance(hours=25)


def retry(runtime: Runtime, parcel_id: UUID) -> int:
    with storage.begin() as tx:
        return delivery.retry_parcel(tx, runtime, parcel_id, actor="a test")


def test_a_parcel_that_was_given_up_gets_one_more_try(
    app: Flask, runtime: Runtime, citizen: Citizen, postman: Postman, outbound: RecordingOutbound
) -> None:
    service = a_service(app)
    queue_logout(app, runtime, service, citizen)
    give_up(postman, outbound)
    [row] = rows_of("outbox")
    assert row.state == "failed"
    outbound.answer(ADDRESS, OK)
    assert retry(runtime, row.id) == 1
    assert [postman.go_round(), postman.go_round()] == [["answered 503"], []]
    assert [each.state for each in rows_of("outbox")] == ["failed"], "one more, not another day"
    retry(runtime, row.id)
    assert postman.go_round() == [None]
    assert [(each.state, each.tries) for each in rows_of("outbox")] == [("delivered", row.tries + 2)]


def test_all_that_waits_for_a_service_or_was_given_up_is_tried_now_and_nothing_of_others(
    app: Flask,
    runtime: Runtime,
    citizen: Citizen,
    postman: Postman,
    outbound: RecordingOutbound,
    clock: FixedClock,
) -> None:
    service, other = a_service(app), a_service(app, backchannel_logout_uri="https://khac.example/out")
    outbound.answer("https://khac.example/out", Answer(503, {}, b""))
    queue_logout(app, runtime, service, citizen)
    give_up(postman, outbound)
    outbound.answer(ADDRESS, OK)
    for each in (service, other):
        queue_logout(app, runtime, each, citizen)
    postman.go_round()
    assert postman.go_round() == []
    with storage.begin() as tx:
        assert delivery.retry_service(tx, runtime, service.client_id, actor="a test") == 2
    assert [postman.go_round() for _ in range(3)] == [[None], [None], []]
    assert sorted(row.state for row in rows_of("outbox")) == ["delivered", "delivered", "queued"]
    with storage.begin() as tx:
        assert delivery.retry_service(tx, runtime, service.client_id, actor="a test") == 0


def test_a_retry_by_hand_is_noted_with_the_service_and_who_did_it(
    app: Flask, runtime: Runtime, citizen: Citizen, postman: Postman, outbound: RecordingOutbound
) -> None:
    service = a_service(app)
    queue_logout(app, runtime, service, citizen)
    [row] = rows_of("outbox")
    retry(runtime, row.id)
    with storage.begin() as tx:
        delivery.retry_service(tx, runtime, service.client_id, actor="a test")
    noted = [each for each in rows_of("audit") if each.event == "outbox.retried"]
    assert [(each.service_id, each.actor) for each in noted] == [(service.id, "a test")] * 2
    key = runtime.keyring.house_key()
    details = {key.open("audit.details_sealed", each.id, each.details_sealed) for each in noted}
    assert details == {str(row.id), f"{service.client_id}: 1"}


def test_what_was_delivered_or_is_unknown_is_not_tried_again(
    app: Flask, runtime: Runtime, citizen: Citizen, postman: Postman
) -> None:
    queue_logout(app, runtime, a_service(app), citizen)
    postman.go_round()
    [row] = rows_of("outbox")
    for id_ in (row.id, UUID(int=7)):
        with pytest.raises(Refusal) as refused:
            retry(runtime, id_)
        assert refused.value.code == "unknown_parcel"
    with pytest.raises(Refusal) as refused, storage.begin() as tx:
        delivery.retry_service(tx, runtime, "khong-co", actor="a test")
    assert refused.value.code == "unknown_service"
    assert postman.go_round() == []
    assert events()["outbox.retried"] == 0


# -- logos ---------------------------------------------------------------------------------------------------------


def test_a_logo_is_fetched_once_and_served_by_us(
    app: Flask, runtime: Runtime, postman: Postman, outbound: RecordingOutbound
) -> None:
    service = a_service(app, logo_uri=LOGO)
    outbound.answer(LOGO, Answer(200, {"content-type": "Image/PNG; charset=binary"}, PNG))
    assert postman.go_round() == [None]
    assert postman.go_round() == []
    with storage.once() as tx:
        digest = storage.logos.find_logo_digest(tx, service.id)
        assert digest is not None
        assert storage.logos.find_logo(tx, digest) == ("image/png", PNG)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, {"Content-Type": "image/png"}, PNG),
        Answer(200, {"Content-Type": "text/html"}, b"<script>"),
        Answer(200, {"Content-Type": "image/svg+xml"}, b"<svg onload='alert(1)'/>"),
        Answer(200, {}, PNG),
        OutboundFailure("the answer is too large"),
    ],
)
def test_what_is_no_picture_or_could_carry_a_script_is_not_kept(
    app: Flask, runtime: Runtime, postman: Postman, outbound: RecordingOutbound, answer: Answer | Exception
) -> None:
    a_service(app, logo_uri=LOGO)
    outbound.answer(LOGO, answer)
    [failure] = postman.go_round()
    assert failure
    assert rows_of("logos") == []


def test_a_logo_that_never_comes_is_given_up(
    app: Flask, runtime: Runtime, postman: Postman, outbound: RecordingOutbound, clock: FixedClock
) -> None:
    a_service(app, logo_uri=LOGO)
    outbound.answer(LOGO, Answer(404, {}, b""))
    for _ in delivery.RETRY_AFTER:
        assert len(postman.go_round()) == 1
        clock.advance(minutes=1)
    assert postman.go_round() == []
    [row] = rows_of("outbox")
    assert (row.state, row.tries) == ("failed", len(delivery.RETRY_AFTER))
