"""Signing in with a password: what is counted, checked and kept, on both stores."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from idp import storage
from idp.cli.demo import PASSWORD
from idp.domain.accounts import Ground, Lock
from idp.domain.passwords import Hasher
from idp.domain.refusals import Refusal
from idp.flows import account_care, sign_in
from idp.flows.sign_in import Browser, Failure, SignedInNow
from idp.runtime import chance
from idp.runtime.hash_slots import HashSlots
from idp.runtime.runtime import Runtime
from idp.storage.sessions import SignedIn
from tests.builders import NUMBERS, Citizen, a_citizen, a_service, obtain_tokens
from tests.doubles import FixedClock
from tests.racing import Waiting
from tests.rows import count_rows, events, rows_of
from tests.runtime.test_hash_slots import held

HOME = Browser(device="may-o-nha", address="203.0.113.7", agent="Firefox")


@dataclass
class Door:
    """The three steps as the sign-in page takes them."""

    runtime: Runtime

    def enter(
        self,
        identifier: str,
        password: str = PASSWORD,
        browser: Browser = HOME,
        before: SignedIn | None = None,
    ) -> SignedInNow | Failure:
        with storage.begin() as tx:
            attempt = sign_in.find_candidate(tx, self.runtime, identifier, browser)
        checked = sign_in.check(self.runtime, attempt, password)
        with storage.begin() as tx:
            return sign_in.complete(tx, self.runtime, checked, before=before)

    def fail(self, identifier: str, times: int, browser: Browser = HOME) -> None:
        for _ in range(times):
            assert self.enter(identifier, "Sai-mat-khau-1!", browser) is Failure.WRONG

    def who(self, signed_in: SignedInNow) -> SignedIn | None:
        """Whom the cookie of this sign-in names."""
        with storage.once() as tx:
            return storage.sessions.find_signed_in(
                tx,
                self.runtime.keyring,
                chance.digest(signed_in.secret),
                now=self.runtime.clock.now(),
                idle_for=timedelta(seconds=self.runtime.settings.sessions.idle_for),
            )


@pytest.fixture
def door(runtime: Runtime) -> Door:
    return Door(runtime)


@pytest.fixture
def citizen(app: Flask, runtime: Runtime) -> Citizen:
    return a_citizen(app)


def entered(outcome: SignedInNow | Failure) -> SignedInNow:
    assert isinstance(outcome, SignedInNow), outcome
    return outcome


# -- right, wrong, unknown -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        *("003190000013", " 003190000013 ", "003 190 000 013", "00319000001３"),
        *("0912000013", "+84912000013", "0912 000 013"),
        *("nguyen.thi.mau@nguoi-mau.example", "Nguyen.Thi.Mau@NGUOI-MAU.example"),
    ],
)
def test_number_phone_and_e_mail_are_names_to_sign_in_with(door: Door, citizen: Citizen, typed: str) -> None:
    found = door.who(entered(door.enter(typed)))
    assert found is not None
    assert found.subject.id == citizen.id
    assert (found.session.amr, found.session.auth_level) == (("pwd",), 1)


def test_a_wrong_password_is_counted_and_kept_and_makes_no_session(door: Door, citizen: Citizen) -> None:
    assert door.enter(citizen.number, "Sai-mat-khau-1!") is Failure.WRONG
    assert {"throttles": 3}.items() <= count_rows().items()
    assert "sessions" not in count_rows()
    assert "devices" not in count_rows()
    assert events()["sign_in.failed"] == 1


@pytest.mark.parametrize("typed", ["003199000099", "khong phai ten", "C1234567", "x" * 254, "\0", "🦆", "@", "0"])
def test_an_unknown_name_is_wrong_and_nothing_else(door: Door, citizen: Citizen, typed: str) -> None:
    assert door.enter(typed) is Failure.WRONG


def test_the_decoys_own_words_open_nothing(door: Door, citizen: Citizen) -> None:
    """The hash that stands in for a missing account has a password that anybody can read in the source."""
    assert door.enter("003199000099", "there is no such account") is Failure.WRONG
    with storage.begin() as tx:
        tx.execute(storage.tables.credentials.delete())
    assert door.enter(citizen.number, "there is no such account") is Failure.WRONG


@pytest.mark.parametrize(
    ("state", "failure"), [("locked", Failure.LOCKED), ("closed", Failure.WRONG), ("pending", Failure.WRONG)]
)
def test_an_account_that_is_not_active_lets_nobody_in_and_says_why_to_the_right_password_of_a_locked_one(
    door: Door, citizen: Citizen, state: str, failure: Failure
) -> None:
    with storage.begin() as tx:
        tx.execute(update(storage.tables.subjects).values(state=state))
    assert door.enter(citizen.number) is failure
    assert door.enter(citizen.number, "not the password") is Failure.WRONG
    assert "sessions" not in count_rows()


def test_an_account_that_is_locked_between_check_and_session_is_not_signed_in(door: Door, citizen: Citizen) -> None:
    signed_in = entered(door.enter(citizen.number))
    with storage.begin() as tx:
        tx.execute(update(storage.tables.subjects).values(state="locked"))
    assert door.who(signed_in) is None


def test_an_account_that_is_locked_while_the_hash_runs_is_not_signed_in(door: Door, citizen: Citizen) -> None:
    with storage.begin() as tx:
        attempt = sign_in.find_candidate(tx, door.runtime, citizen.number, HOME)
    checked = sign_in.check(door.runtime, attempt, PASSWORD)
    assert checked.matches
    with storage.begin() as tx:
        tx.execute(update(storage.tables.subjects).values(state="locked"))
    with storage.begin() as tx:
        assert sign_in.complete(tx, door.runtime, checked, before=None) is Failure.LOCKED
    assert {"sessions", "devices", "authentications"}.isdisjoint(count_rows())
    assert (events()["sign_in.failed"], events()["sign_in.succeeded"]) == (1, 0)


def lock(runtime: Runtime, citizen: Citizen, tx: storage.Tx) -> None:
    person = storage.accounts.find_subject(tx, citizen.id)
    assert person is not None
    account_care.lock(tx, runtime, person, Lock(Ground.MISUSE, "reported stolen"), actor="an officer")


@pytest.mark.parametrize("first", ["lock", "sign-in"])
def test_a_sign_in_and_a_lock_at_once_leave_no_session_that_an_unlock_would_wake(
    app: Flask, door: Door, citizen: Citizen, first: str
) -> None:
    """Whoever comes second waits: the sign-in is refused, or the session it made ends."""
    with storage.begin() as tx:
        attempt = sign_in.find_candidate(tx, door.runtime, citizen.number, HOME)
    checked = sign_in.check(door.runtime, attempt, PASSWORD)
    outcome: list[SignedInNow | Failure] = []
    deeds: dict[str, Callable[[storage.Tx], None]] = {
        "lock": lambda tx: lock(door.runtime, citizen, tx),
        "sign-in": lambda tx: outcome.append(sign_in.complete(tx, door.runtime, checked, before=None)),
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
    assert [each is Failure.LOCKED for each in outcome] == [first == "lock"]
    assert [row.end_reason for row in rows_of("sessions")] == ([] if first == "lock" else ["locked"])


# -- what a sign-in leaves -----------------------------------------------------------------------------------------


def test_a_sign_in_leaves_session_device_proof_and_audit(door: Door, citizen: Citizen) -> None:
    before = count_rows()
    signed_in = entered(door.enter(citizen.number))
    after = count_rows()
    assert {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)} == {
        "sessions": 1,
        "devices": 1,
        "authentications": 1,
        "audit": 1,
        "throttles": 1,  # the network's count, without this try
    }
    assert events()["sign_in.succeeded"] == 1
    [session] = rows_of("sessions")
    assert session.token_digest == chance.digest(signed_in.secret), "the cookie's digest is kept, never the cookie"
    assert signed_in.secret.encode() not in repr(session).encode()


def test_where_somebody_signs_in_from_is_sealed(door: Door, citizen: Citizen) -> None:
    entered(door.enter(citizen.number))
    stored = repr([row for table in ("sessions", "devices", "authentications", "audit") for row in rows_of(table)])
    assert "203.0.113.7" not in stored
    assert "Firefox" not in stored


def test_a_known_device_is_remembered_once(door: Door, citizen: Citizen, clock: FixedClock) -> None:
    for _ in range(2):
        entered(door.enter(citizen.number))
        clock.advance(hours=1)
    assert count_rows()["devices"] == 1


# -- the session is rotated ----------------------------------------------------------------------------------------


def test_signing_in_again_renews_the_session_under_a_new_cookie_and_the_old_one_is_dead(
    door: Door, citizen: Citizen, clock: FixedClock
) -> None:
    first = entered(door.enter(citizen.number))
    clock.advance(minutes=10)
    second = entered(door.enter(citizen.number, before=door.who(first)))
    assert second.secret != first.secret
    assert door.who(first) is None
    found = door.who(second)
    assert found is not None
    assert found.session.id == first.session.id, "grants hang on the session: it goes on under a new cookie"
    assert found.session.auth_time == clock.now()
    assert count_rows()["sessions"] == 1


def test_a_session_that_ended_meanwhile_is_not_brought_back(door: Door, citizen: Citizen) -> None:
    first = entered(door.enter(citizen.number))
    before = door.who(first)
    with storage.begin() as tx:
        tx.execute(update(storage.tables.sessions).values(ended_at=door.runtime.clock.now()))
    second = entered(door.enter(citizen.number, before=before))
    assert second.session.id != first.session.id
    assert door.who(first) is None
    assert door.who(second) is not None


def test_another_person_in_the_same_browser_ends_the_first_ones_session_and_services_are_told(
    app: Flask, door: Door, citizen: Citizen
) -> None:
    other, service = a_citizen(app, NUMBERS[1]), a_service(app)
    client = app.test_client()
    obtain_tokens(client, service, citizen)
    cookie = client.get_cookie("idp_session")
    assert cookie is not None
    with storage.once() as tx:
        before = storage.sessions.find_signed_in(
            tx,
            door.runtime.keyring,
            chance.digest(cookie.value),
            now=door.runtime.clock.now(),
            idle_for=timedelta(minutes=30),
        )
    assert before is not None
    second = entered(door.enter(other.number, before=before))
    found = door.who(second)
    assert found is not None
    assert found.subject.id == other.id
    [first_session] = [row for row in rows_of("sessions") if row.subject_id == citizen.id]
    assert (first_session.end_reason, first_session.ended_at is None) == ("another_person", False)
    [grant] = rows_of("grants")
    assert grant.ended_at is not None
    [parcel] = rows_of("outbox")
    assert (parcel.kind, parcel.service_id, parcel.session_id) == ("backchannel_logout", service.id, first_session.id)


# -- the cost of a hash --------------------------------------------------------------------------------------------


def dearer(runtime: Runtime) -> Runtime:
    passwords = replace(runtime.settings.passwords, memory_kib=2048, passes=2)
    return replace(runtime, settings=replace(runtime.settings, passwords=passwords))


def test_a_hash_is_renewed_at_sign_in_when_the_cost_grew(door: Door, citizen: Citizen) -> None:
    [old] = rows_of("credentials")
    entered(Door(dearer(door.runtime)).enter(citizen.number))
    [new] = rows_of("credentials")
    assert "m=1024,t=1" in old.secret_hash
    assert "m=2048,t=2" in new.secret_hash
    assert Hasher(2048, 2, 1).verify(PASSWORD, new.secret_hash)
    entered(Door(dearer(door.runtime)).enter(citizen.number))
    assert rows_of("credentials") == [new], "once is enough"
    assert events()["password.rehashed"] == 1


def test_a_wrong_password_renews_no_hash(door: Door, citizen: Citizen) -> None:
    before = rows_of("credentials")
    assert Door(dearer(door.runtime)).enter(citizen.number, "Sai-mat-khau-1!") is Failure.WRONG
    assert rows_of("credentials") == before


def test_a_renewed_hash_does_not_bring_back_a_password_that_was_changed_meanwhile(door: Door, citizen: Citizen) -> None:
    runtime = dearer(door.runtime)
    with storage.begin() as tx:
        attempt = sign_in.find_candidate(tx, runtime, citizen.number, HOME)
    checked = sign_in.check(runtime, attempt, PASSWORD)
    changed = Hasher(1024, 1, 1).hash("Mat-khau-moi-2026!")
    with storage.begin() as tx:
        tx.execute(update(storage.tables.credentials).values(secret_hash=changed))
    with storage.begin() as tx:
        sign_in.complete(tx, runtime, checked, before=None)
    assert [row.secret_hash for row in rows_of("credentials")] == [changed]
    assert "password.rehashed" not in events(), "what was not done is not noted"


def test_when_all_slots_are_taken_the_person_is_asked_to_come_back_and_nobody_waits(
    door: Door, citizen: Citizen
) -> None:
    slots = HashSlots(1, 0, door.runtime.gate)
    runtime = replace(door.runtime, hash_slots=slots)
    with storage.begin() as tx:
        attempt = sign_in.find_candidate(tx, runtime, citizen.number, HOME)
    with held(slots), pytest.raises(Refusal) as refused:
        sign_in.check(runtime, attempt, PASSWORD)
    assert refused.value.code == "busy"
    assert sign_in.check(runtime, attempt, PASSWORD).matches, "the slot came back"


def test_a_throttled_try_takes_no_slot(door: Door, citizen: Citizen) -> None:
    door.fail(citizen.number, 5)
    slots = HashSlots(1, 0, door.runtime.gate)
    with held(slots):
        assert Door(replace(door.runtime, hash_slots=slots)).enter(citizen.number) is Failure.THROTTLED


# -- throttling ----------------------------------------------------------------------------------------------------

STRANGER = Browser(device="may-la", address="198.51.100.1", agent="curl")


def from_network(number: int) -> Browser:
    return Browser(device=f"may-{number}", address=f"198.51.{number}.9", agent="curl")


@pytest.mark.parametrize("typed", [NUMBERS[0], "003199000099", "0912000099", "ai@khong.example", "C1234567", "???"])
def test_known_and_unknown_names_are_slowed_down_alike(door: Door, citizen: Citizen, typed: str) -> None:
    door.fail(typed, 5, STRANGER)
    assert door.enter(typed, PASSWORD, STRANGER) is Failure.THROTTLED
    assert events()["sign_in.throttled"] == 1


def test_the_right_password_does_not_help_who_has_tried_too_often(door: Door, citizen: Citizen) -> None:
    door.fail(citizen.number, 5, STRANGER)
    assert door.enter(citizen.number, PASSWORD, STRANGER) is Failure.THROTTLED
    assert "sessions" not in count_rows()


def test_another_machine_in_the_strangers_network_is_slowed_with_him(door: Door, citizen: Citizen) -> None:
    door.fail(citizen.number, 5, STRANGER)
    neighbour = Browser(device="may-khac", address="198.51.100.200", agent="curl")
    assert door.enter(citizen.number, PASSWORD, neighbour) is Failure.THROTTLED


def test_strangers_cannot_lock_a_person_out_of_a_known_device(door: Door, citizen: Citizen) -> None:
    entered(door.enter(citizen.number))
    same_network = replace(STRANGER, address=HOME.address)
    door.fail(citizen.number, 5, same_network)
    assert door.enter(citizen.number, PASSWORD, same_network) is Failure.THROTTLED
    entered(door.enter(citizen.number))


def test_strangers_cannot_lock_a_person_out_of_another_network(door: Door, citizen: Citizen) -> None:
    door.fail(citizen.number, 5, STRANGER)
    entered(door.enter(citizen.number, PASSWORD, HOME))


def test_a_known_device_has_its_own_limit(door: Door, citizen: Citizen) -> None:
    entered(door.enter(citizen.number))
    door.fail(citizen.number, 5)
    assert door.enter(citizen.number) is Failure.THROTTLED


def test_a_device_known_of_one_person_is_a_strangers_for_another(app: Flask, door: Door, citizen: Citizen) -> None:
    entered(door.enter(citizen.number))
    other = a_citizen(app, NUMBERS[1])
    door.fail(other.number, 5)
    assert door.enter(other.number, PASSWORD, replace(HOME, device="may-khac")) is Failure.THROTTLED


def test_under_a_wide_attack_an_unknown_network_has_two_tries_left_and_a_known_device_all(
    door: Door, citizen: Citizen
) -> None:
    entered(door.enter(citizen.number))
    for network in range(25):
        door.fail(citizen.number, 2, from_network(network))
    door.fail(citizen.number, 2, from_network(100))
    assert door.enter(citizen.number, PASSWORD, from_network(100)) is Failure.THROTTLED
    entered(door.enter(citizen.number, PASSWORD, HOME))


def test_a_network_that_tries_everybody_is_slowed_whomever_it_tries(door: Door, citizen: Citizen) -> None:
    throttle = replace(door.runtime.settings.throttle, tries_per_network=10)
    few = Door(replace(door.runtime, settings=replace(door.runtime.settings, throttle=throttle)))
    for person in range(10):
        few.fail(f"00319900{person:04}", 1, STRANGER)
    assert few.enter("003199009999", PASSWORD, STRANGER) is Failure.THROTTLED
    assert few.enter(citizen.number, PASSWORD, STRANGER) is Failure.THROTTLED
    entered(few.enter(citizen.number, PASSWORD, HOME))


def test_of_the_throttled_tries_of_a_window_the_first_alone_is_noted(
    door: Door, citizen: Citizen, clock: FixedClock
) -> None:
    door.fail(citizen.number, 5, STRANGER)
    for _ in range(4):
        assert door.enter(citizen.number, PASSWORD, STRANGER) is Failure.THROTTLED
    assert (events()["sign_in.failed"], events()["sign_in.throttled"]) == (5, 1)
    clock.advance(seconds=900)
    door.fail(citizen.number, 5, STRANGER)
    assert door.enter(citizen.number, PASSWORD, STRANGER) is Failure.THROTTLED
    assert events()["sign_in.throttled"] == 2


def test_nothing_is_written_for_a_network_over_its_limit_but_its_count(door: Door, citizen: Citizen) -> None:
    throttle = replace(door.runtime.settings.throttle, tries_per_network=2)
    few = Door(replace(door.runtime, settings=replace(door.runtime.settings, throttle=throttle)))
    entered(few.enter(citizen.number))
    for person in range(2):
        few.fail(f"00319900{person:04}", 1, STRANGER)
    assert few.enter("003199000007", PASSWORD, STRANGER) is Failure.THROTTLED
    before = count_rows()
    for person in range(10, 20):
        assert few.enter(f"00319900{person:04}", PASSWORD, STRANGER) is Failure.THROTTLED
    assert few.enter(citizen.number, PASSWORD, STRANGER) is Failure.THROTTLED
    assert count_rows() == before
    assert events()["sign_in.throttled"] == 1
    entered(few.enter(citizen.number, PASSWORD, replace(HOME, address=STRANGER.address)))


def test_one_machine_is_one_network_however_its_address_is_written(door: Door, citizen: Citizen) -> None:
    door.fail(citizen.number, 5, STRANGER)
    mapped = replace(STRANGER, address=f"::ffff:{STRANGER.address}")
    assert door.enter(citizen.number, PASSWORD, mapped) is Failure.THROTTLED


def test_when_the_window_ends_all_is_forgiven(door: Door, citizen: Citizen, clock: FixedClock) -> None:
    door.fail(citizen.number, 5)
    clock.advance(seconds=899)
    assert door.enter(citizen.number) is Failure.THROTTLED
    clock.advance(seconds=1)
    door.fail(citizen.number, 4)
    entered(door.enter(citizen.number))


def test_the_right_password_resets_the_count(door: Door, citizen: Citizen) -> None:
    for _ in range(3):
        door.fail(citizen.number, 4)
        entered(door.enter(citizen.number))


def test_a_network_where_many_people_sign_in_rightly_is_never_slowed(door: Door, citizen: Citizen) -> None:
    throttle = replace(door.runtime.settings.throttle, tries_per_network=3)
    village = Door(replace(door.runtime, settings=replace(door.runtime.settings, throttle=throttle)))
    for _ in range(6):
        entered(village.enter(citizen.number, browser=replace(HOME, device=chance.new_secret())))


def test_tries_at_the_same_moment_cannot_slip_past_the_limit(app: Flask, runtime: Runtime, citizen: Citizen) -> None:
    outcomes: list[bool] = []

    def attempt() -> None:
        with app.app_context(), storage.begin() as tx:
            outcomes.append(sign_in.find_candidate(tx, runtime, citizen.number, STRANGER).is_throttled)

    threads = [threading.Thread(target=attempt) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 5 + [True] * 7


def test_switched_off_it_counts_nothing(door: Door, citizen: Citizen) -> None:
    throttle = replace(door.runtime.settings.throttle, enabled=False)
    free = Door(replace(door.runtime, settings=replace(door.runtime.settings, throttle=throttle)))
    free.fail(citizen.number, 7)
    entered(free.enter(citizen.number))
    assert "throttles" not in count_rows()


def test_counts_tell_nobody_who_was_tried_from_where(door: Door, citizen: Citizen) -> None:
    door.fail(citizen.number, 1)
    stored = repr(rows_of("throttles"))
    assert citizen.number not in stored
    assert "203.0.113" not in stored


# -- use -----------------------------------------------------------------------------------------------------------


def test_use_of_a_session_puts_off_its_idle_end_but_never_its_absolute_one(
    door: Door, citizen: Citizen, clock: FixedClock
) -> None:
    signed_in = entered(door.enter(citizen.number))
    for _ in range(28):
        clock.advance(minutes=25)
        found = door.who(signed_in)
        assert found is not None
        with storage.begin() as tx:
            sign_in.note_use(tx, door.runtime, found)
    clock.advance(minutes=20)
    assert door.who(signed_in) is None, "twelve hours are over"


def test_a_session_without_use_ends(door: Door, citizen: Citizen, clock: FixedClock) -> None:
    signed_in = entered(door.enter(citizen.number))
    clock.advance(minutes=30)
    assert door.who(signed_in) is None
