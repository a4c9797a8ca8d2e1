"""Two accounts made one: services find their dossiers again, no way in is inherited, two officers can undo it.

On both stores, down to the tokens that services get.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient

from idp import flows, storage
from idp.cli.timed_jobs import TimedJobs
from idp.domain.accounts import Ground, Lock
from idp.domain.identifiers import ContactKind
from idp.domain.levels import ProofSource
from idp.domain.merging import UNDO_FOR, Hindrance, Known, Merge
from idp.domain.notices import Notice
from idp.domain.proofing import CounterCheck
from idp.domain.refusals import Refusal
from idp.flows.merging import Wanted
from idp.runtime.runtime import Runtime
from tests.builders import (
    NUMBERS,
    Citizen,
    Service,
    a_citizen,
    a_service,
    answer_in,
    ask,
    claims_in,
    obtain_code,
    obtain_tokens,
    refresh,
    sign_in,
    spend,
    userinfo,
)
from tests.doubles import FixedClock, RecordingOutbound
from tests.flows.test_delivery import Postman
from tests.flows.test_proofing import enter_by_paper, password_opens
from tests.mailbag import messages
from tests.racing import Waiting
from tests.rows import count_rows, events, rows_of
from tests.web.citizen.test_recover import ask as ask_back
from tests.web.citizen.test_security import Authenticator, add_passkey, enter_with_passkey

NOTICE = Notice("Gộp tài khoản", "Hai tài khoản đã được gộp.")
WANTED = Wanted("xin.a@H05", "duyet.b@H05", "cùng một người; CCCD 003", NOTICE)
ANOTHER = "003199000099"
FIRST, SECOND, THIRD = "https://mot.example", "https://hai.example", "https://ba.example"


@dataclass(frozen=True, slots=True)
class World:
    """Two accounts of one person; `first` knows the declared one alone, `both` knows both, `third` the proved one."""

    app: Flask
    runtime: Runtime
    kept: Citizen
    merged: Citizen
    first: Service
    both: Service
    third: Service
    merged_browser: FlaskClient
    kept_browser: FlaskClient

    def preview(self) -> flows.merging.Preview:
        with storage.begin() as tx:
            return flows.merging.preview(tx, self.runtime, self.kept.id, self.merged.id)

    def merge(self, digest: str | None = None) -> Merge:
        digest = self.preview().digest() if digest is None else digest
        with storage.begin() as tx:
            return flows.merging.merge(tx, self.runtime, self.kept.id, self.merged.id, digest, WANTED)

    def undo(self, merge: Merge) -> None:
        with storage.begin() as tx:
            flows.merging.undo(tx, self.runtime, merge.id, WANTED)


def service_at(app: Flask, host: str, **more: object) -> Service:
    usual: dict[str, object] = {"redirect_uris": [f"{host}/cb"], "backchannel_logout_uri": f"{host}/logout"}
    return a_service(app, client_id=host.removeprefix("https://"), **{**usual, **more})


@pytest.fixture
def world(app: Flask, runtime: Runtime) -> World:
    kept = a_citizen(app, NUMBERS[0], proof_source=ProofSource.COUNTER)
    merged = a_citizen(app, NUMBERS[1])
    first, both, third = (service_at(app, host) for host in (FIRST, SECOND, THIRD))
    merged_browser, kept_browser = app.test_client(), app.test_client()
    for browser, citizen, services in ((merged_browser, merged, (first, both)), (kept_browser, kept, (both, third))):
        for service in services:
            obtain_tokens(browser, service, citizen)
    return World(app, runtime, kept, merged, first, both, third, merged_browser, kept_browser)


def sister_of_first(world: World) -> Service:
    """Another service of the sector of `first`."""
    with storage.once() as tx:
        first = storage.relying_services.find_service(tx, world.first.id)
    assert first is not None
    return service_at(world.app, "https://chi-em.example", sector=first.sector)


def sub_of(runtime: Runtime, host: str, citizen: Citizen) -> str:
    """The sub that is derived for a person at the service of this host."""
    with storage.once() as tx:
        service = storage.relying_services.find_by_client_id(tx, host.removeprefix("https://"))
    assert service is not None
    return runtime.keyring.pairwise_sub(service.sector, citizen.id)


def introspected(client: FlaskClient, service: Service, token: str) -> dict[str, Any]:
    credentials = service.credentials()
    data = {**credentials.pop("data", {}), "token": token}
    return dict(client.post("/oauth2/introspect", data=data, **credentials).get_json())


def subs_seen(browser: FlaskClient, service: Service, citizen: Citizen | None = None) -> set[str]:
    """By every way a service is told of a person while signed in: ID token, userinfo, introspection, a refresh."""
    tokens = obtain_tokens(browser, service, citizen, scope="openid offline_access")
    fresh = refresh(browser, service, tokens["refresh_token"]).get_json()
    return {
        claims_in(browser, tokens["id_token"])["sub"],
        userinfo(browser, tokens["access_token"]).get_json()["sub"],
        introspected(browser, service, tokens["access_token"])["sub"],
        claims_in(browser, fresh["id_token"])["sub"],
        userinfo(browser, fresh["access_token"]).get_json()["sub"],
    }


def told(outbound: RecordingOutbound, host: str) -> list[str]:
    """The subs of the logout tokens that a service got."""
    calls = outbound.calls_to(f"{host}/logout")
    tokens = [dict(call.form or {})["logout_token"] for call in calls]
    return [jwt.decode(token, options={"verify_signature": False})["sub"] for token in tokens]


def deliver(runtime: Runtime, clock: FixedClock) -> None:
    postman = Postman(runtime, clock)
    while postman.go_round():
        pass


def states() -> dict[UUID, str]:
    return {row.id: row.state for row in rows_of("subjects")}


# -- what services see ---------------------------------------------------------------------------------------------


def test_the_preview_says_what_each_service_will_see(world: World) -> None:
    found = {each.service_id: each for each in world.preview().visits}
    assert found[world.first.id].known is Known.MERGED
    assert found[world.first.id].sees == sub_of(world.runtime, FIRST, world.merged)
    assert found[world.both.id].known is Known.BOTH
    assert found[world.both.id].sees == sub_of(world.runtime, SECOND, world.kept)
    assert found[world.both.id].no_more == sub_of(world.runtime, SECOND, world.merged)
    assert found[world.third.id].known is Known.KEPT
    assert found[world.third.id].sees == sub_of(world.runtime, THIRD, world.kept)
    assert states()[world.merged.id] == "active", "a preview does nothing"
    assert count_rows().get("merges") is None


def test_each_service_sees_what_was_said_everywhere(
    world: World, clock: FixedClock, outbound: RecordingOutbound
) -> None:
    """ID token, refreshed ID token, userinfo, introspection; then the logout token when the person signs out."""
    runtime = world.runtime
    world.merge()
    deliver(runtime, clock)
    assert told(outbound, FIRST) == [sub_of(runtime, FIRST, world.merged)], "the ending is told in the old name"
    assert told(outbound, SECOND) == [sub_of(runtime, SECOND, world.merged)]
    assert told(outbound, THIRD) == []
    browser = world.kept_browser
    assert subs_seen(browser, world.first) == {sub_of(runtime, FIRST, world.merged)}
    assert subs_seen(browser, world.both) == {sub_of(runtime, SECOND, world.kept)}
    assert subs_seen(browser, world.third) == {sub_of(runtime, THIRD, world.kept)}
    with storage.begin() as tx:
        kept = storage.accounts.find_subject(tx, world.kept.id)
        assert kept is not None
        flows.account_care.end_sessions(tx, runtime, kept, actor="the tests")
    deliver(runtime, clock)
    assert set(told(outbound, FIRST)) == {sub_of(runtime, FIRST, world.merged)}
    assert set(told(outbound, SECOND)) == {sub_of(runtime, SECOND, world.merged), sub_of(runtime, SECOND, world.kept)}
    assert set(told(outbound, THIRD)) == {sub_of(runtime, THIRD, world.kept)}


def test_a_service_that_comes_later_sees_the_kept_accounts_own(world: World) -> None:
    world.merge()
    service = service_at(world.app, "https://bon.example")
    assert subs_seen(world.kept_browser, service) == {sub_of(world.runtime, "https://bon.example", world.kept)}


def test_services_of_one_sector_go_on_seeing_one_sub(world: World) -> None:
    sister = sister_of_first(world)
    world.merge()
    assert subs_seen(world.kept_browser, world.first) == subs_seen(world.kept_browser, sister)


def test_a_service_that_knew_the_kept_account_through_its_sister_keeps_the_kept_ones(world: World) -> None:
    sister = sister_of_first(world)
    obtain_tokens(world.kept_browser, sister)
    found = {each.service_id: each.known for each in world.preview().visits}
    assert found[world.first.id] is found[sister.id] is Known.BOTH
    world.merge()
    assert subs_seen(world.kept_browser, world.first) == {sub_of(world.runtime, FIRST, world.kept)}


def test_a_hint_and_a_wish_for_the_old_sub_name_the_kept_account(world: World) -> None:
    """OIDC Core 3.1.2.1 (id_token_hint) and 5.5.1 (a value for sub): what the service kept from before goes on."""
    hint = obtain_tokens(world.merged_browser, world.first)["id_token"]
    world.merge()
    assert "error" in answer_in(ask(world.kept_browser, world.first, prompt="none"))
    obtain_code(world.kept_browser, world.first)
    assert "code" in answer_in(ask(world.kept_browser, world.first, prompt="none", id_token_hint=hint))
    wanted = f'{{"id_token":{{"sub":{{"value":"{sub_of(world.runtime, FIRST, world.merged)}"}}}}}}'
    assert "code" in answer_in(ask(world.kept_browser, world.first, prompt="none", claims=wanted))
    other = f'{{"id_token":{{"sub":{{"value":"{sub_of(world.runtime, FIRST, world.kept)}"}}}}}}'
    assert answer_in(ask(world.kept_browser, world.first, prompt="none", claims=other))["error"] == "login_required"


def test_an_imported_sub_goes_over_and_back(world: World, clock: FixedClock, outbound: RecordingOutbound) -> None:
    with storage.begin() as tx:
        first = storage.relying_services.find_service(tx, world.first.id)
        assert first is not None
        row = {"sector": first.sector, "subject_id": world.merged.id, "sub": "so-cu-4711"}
        tx.execute(storage.tables.subs.insert().values(**row))
    merge = world.merge()
    deliver(world.runtime, clock)
    assert told(outbound, FIRST) == ["so-cu-4711"], "though it is the kept account's by now"
    assert subs_seen(world.kept_browser, world.first) == {"so-cu-4711"}
    world.undo(merge)
    assert {(row.subject_id, row.sub) for row in rows_of("subs")} == {(world.merged.id, "so-cu-4711")}


def test_a_third_account_is_merged_too_and_its_services_are_kept(world: World) -> None:
    other = a_citizen(world.app, ANOTHER)
    fourth = service_at(world.app, "https://bon.example")
    obtain_tokens(world.app.test_client(), fourth, other)
    obtain_tokens(world.app.test_client(), world.first, other)
    world.merge()
    with storage.begin() as tx:
        found = flows.merging.preview(tx, world.runtime, world.kept.id, other.id)
    known = {each.service_id: each.known for each in found.visits}
    assert known[world.first.id] is Known.BOTH, "by the first merge the kept account is known there"
    with storage.begin() as tx:
        flows.merging.merge(tx, world.runtime, world.kept.id, other.id, found.digest(), WANTED)
    assert subs_seen(world.kept_browser, world.first) == {sub_of(world.runtime, FIRST, world.merged)}
    assert subs_seen(world.kept_browser, fourth) == {sub_of(world.runtime, "https://bon.example", other)}


# -- the merged account --------------------------------------------------------------------------------------------


def test_it_is_closed_and_everything_of_it_ends(world: World) -> None:
    tokens = obtain_tokens(world.merged_browser, world.first, scope="openid offline_access")
    world.merge()
    rows = {row.id: row for row in rows_of("subjects")}
    assert (rows[world.merged.id].state, rows[world.merged.id].state_reason) == ("closed", "merged")
    assert rows[world.kept.id].state == "active"
    assert world.merged_browser.get("/account").status_code == 303
    assert refresh(world.merged_browser, world.first, tokens["refresh_token"]).status_code == 400
    assert userinfo(world.merged_browser, tokens["access_token"]).status_code == 401
    assert not password_opens(world.app, world.merged.number, world.merged.password)
    assert world.kept_browser.get("/account").status_code == 200, "the kept one is not disturbed"
    ended = {row.subject_id: row.ended_at is not None for row in rows_of("identifiers")}
    assert ended == {world.kept.id: False, world.merged.id: True}


def test_both_histories_name_it_and_both_owners_are_told(world: World) -> None:
    world.merge()
    runtime = world.runtime
    with storage.begin() as tx:
        for own, other, part in ((world.kept, world.merged, "kept"), (world.merged, world.kept, "merged")):
            key = storage.data_keys.find_data_key(tx, runtime.keyring, own.id)
            assert key is not None
            entries = storage.audit.list_entries(tx, key, own.id, limit=100)
            [entry] = [each for each in entries if each.event == "account.merged"]
            assert entry.actor == WANTED.asked_as
            assert entry.details.split("\n") == [part, str(other.id), WANTED.because, WANTED.approved_as]
    to = {message.to for message in messages(world.app) if message.subject == NOTICE.subject}
    assert len(to) >= 3, "phone and mailbox of each"


def test_what_an_undo_needs_is_sealed(world: World) -> None:
    merge = world.merge()
    [row] = rows_of("merges")
    assert world.merged.number.encode() not in row.undo_sealed
    assert row.undo_until == merge.merged_at + UNDO_FOR


# -- pre-hijacking -------------------------------------------------------------------------------------------------


def test_no_way_into_the_merged_account_opens_the_kept_one(app: Flask, world: World) -> None:
    """Somebody made the declared account with a password, a passkey, a phone and a mailbox of their own."""
    key = Authenticator()
    add_passkey(world.merged_browser, key)
    before = {row.subject_id for row in rows_of("passkeys")}
    world.merge()
    assert before == {world.merged.id} == {row.subject_id for row in rows_of("passkeys")}
    assert enter_with_passkey(app.test_client(), key).status_code == 401
    for name in (world.merged.number, world.kept.number):
        assert not password_opens(app, name, "mat khau cua ke gian")
    assert not password_opens(app, world.merged.number, world.merged.password)
    assert {row.subject_id for row in rows_of("sign_in_names")} == {world.kept.id}
    of_kept = [row for row in rows_of("contacts") if row.subject_id == world.kept.id]
    assert len(of_kept) == len([row for row in of_kept if row.ended_at is None])
    codes_before = len(messages(app))
    with storage.once() as tx:
        merged_key = storage.data_keys.find_data_key(tx, world.runtime.keyring, world.merged.id)
        assert merged_key is not None
        now = world.runtime.clock.now()
        own = storage.factors.list_factors(tx, merged_key, world.merged.id, now).contacts
    for contact in own:
        for number in (world.kept.number, world.merged.number):
            ask_back(app.test_client(), identifier=number, contact=contact.value)
    sent = [message.to for message in messages(app)[codes_before:] if message.to]
    assert sent == [], "no code goes to a contact of the merged account"


def test_a_name_that_both_had_opens_the_kept_one_alone(app: Flask, runtime: Runtime) -> None:
    """The older account's closed name would stand before it."""
    phone = {"phone_number": "+84912000013", "phone_number_verified": True, "name": "Lê Thị Mẫu"}
    older = a_citizen(app, NUMBERS[1], claims=phone, password="mat khau cu cua ba con meo")
    kept = a_citizen(app, NUMBERS[0], claims=phone, proof_source=ProofSource.COUNTER)
    with storage.begin() as tx:
        found = flows.merging.preview(tx, runtime, kept.id, older.id)
        flows.merging.merge(tx, runtime, kept.id, older.id, found.digest(), WANTED)
    with storage.once() as tx:
        owners = storage.sign_in_names.list_owners(
            tx, runtime.keyring, kind=ContactKind.PHONE, value="+84912000013", limit=5
        )
    assert older.id not in owners
    assert not password_opens(app, older.number, "mat khau cu cua ba con meo")


def test_a_recovery_that_was_under_way_ends(world: World) -> None:
    with storage.begin() as tx:
        now = world.runtime.clock.now()
        storage.recoveries.insert_recovery(
            tx, world.merged.id, (), now=now, ready_at=now, expires_at=now + timedelta(days=3)
        )
    world.merge()
    assert [row.state for row in rows_of("recoveries")] == ["cancelled"]


def test_a_proved_account_is_not_merged_into_a_declared_one(world: World) -> None:
    with storage.begin() as tx:
        found = flows.merging.preview(tx, world.runtime, world.merged.id, world.kept.id)
    assert found.hindrance is Hindrance.KEPT_NOT_PROVED
    with pytest.raises(Refusal) as refused, storage.begin() as tx:
        flows.merging.merge(tx, world.runtime, world.merged.id, world.kept.id, found.digest(), WANTED)
    assert refused.value.code == "wrong_state"
    assert set(states().values()) == {"active"}


# -- what was seen is what is done ---------------------------------------------------------------------------------


def lock(world: World, citizen: Citizen) -> None:
    with storage.begin() as tx:
        person = storage.accounts.find_subject(tx, citizen.id)
        assert person is not None
        flows.account_care.lock(tx, world.runtime, person, Lock(Ground.MISUSE, "báo mất"), actor="the tests")


def close(world: World, citizen: Citizen) -> None:
    with storage.begin() as tx:
        flows.account_care.close_own(tx, world.runtime, citizen.id, NOTICE)


CHANGES: Mapping[str, Callable[[World], object]] = {
    "the kept one was locked": lambda world: lock(world, world.kept),
    "the kept one was closed": lambda world: close(world, world.kept),
    "the other one was locked": lambda world: lock(world, world.merged),
    "the other one was closed": lambda world: close(world, world.merged),
    "the other one came to a new service": lambda world: obtain_tokens(world.merged_browser, world.third),
    "the kept one came to a new service": lambda world: obtain_tokens(world.kept_browser, world.first),
}


@pytest.mark.parametrize("changed", CHANGES)
def test_a_preview_that_does_not_hold_any_more_is_refused(world: World, changed: str) -> None:
    seen = world.preview().digest()
    CHANGES[changed](world)
    before = states()
    with pytest.raises(Refusal) as refused:
        world.merge(seen)
    assert refused.value.code == "case_changed"
    assert states() == before
    assert count_rows().get("merges") is None and count_rows().get("subs") is None


def test_a_locked_account_stands_against_it_also_when_seen(world: World) -> None:
    lock(world, world.merged)
    with pytest.raises(Refusal) as refused:
        world.merge()
    assert (refused.value.code, refused.value.detail) == ("wrong_state", Hindrance.MERGED_LOCKED)


def test_an_erased_account_is_none(world: World) -> None:
    close(world, world.merged)
    with storage.begin() as tx:
        person = storage.accounts.find_subject(tx, world.merged.id)
        assert person is not None
        flows.account_care.erase(tx, world.runtime, person, actor="the tests")
    for deed in (world.preview, lambda: world.merge("x")):
        with pytest.raises(Refusal) as refused:
            deed()
        assert refused.value.code == "no_such_account"


# -- undoing -------------------------------------------------------------------------------------------------------


def stored(citizen: Citizen) -> dict[str, object]:
    """What a merge touches of an account."""
    [row] = [row for row in rows_of("subjects") if row.id == citizen.id]
    names = sorted(
        (row.kind, row.value_index, row.proof) for row in rows_of("sign_in_names") if row.subject_id == row.id
    )
    identifiers = [(each.id, each.ended_at) for each in rows_of("identifiers") if each.subject_id == citizen.id]
    contacts = [(each.id, each.ended_at) for each in rows_of("contacts") if each.subject_id == citizen.id]
    lock = (row.state_source, row.state_legal_basis, row.state_until)
    return {"state": row.state, "lock": lock, "names": names, "identifiers": identifiers, "contacts": contacts}


def test_an_undo_puts_everything_back(world: World, clock: FixedClock, outbound: RecordingOutbound) -> None:
    runtime, before = world.runtime, stored(world.merged)
    merge = world.merge()
    deliver(runtime, clock)
    obtain_tokens(world.kept_browser, world.first)
    outbound.calls.clear()
    world.undo(merge)
    assert stored(world.merged) == before
    assert world.kept_browser.get("/account").status_code == 303, "what was given in the other's name ends"
    deliver(runtime, clock)
    assert told(outbound, FIRST) == [sub_of(runtime, FIRST, world.merged)], "in the name by which it knew the sign-in"
    again, kept = world.app.test_client(), world.app.test_client()
    assert subs_seen(again, world.first, world.merged) == {sub_of(runtime, FIRST, world.merged)}
    assert subs_seen(again, world.both) == {sub_of(runtime, SECOND, world.merged)}
    assert subs_seen(kept, world.first, world.kept) == {sub_of(runtime, FIRST, world.kept)}
    assert subs_seen(kept, world.both) == {sub_of(runtime, SECOND, world.kept)}
    assert events()["account.unmerged"] == 2
    [row] = rows_of("merges")
    assert (row.undo_sealed, row.undone_as) == (None, WANTED.approved_as)


def test_what_was_done_meanwhile_stays_with_the_kept_account(world: World) -> None:
    merge = world.merge()
    obtain_tokens(world.kept_browser, world.first)
    world.undo(merge)
    assert {(row.subject_id, row.service_id) for row in rows_of("consents")} >= {(world.kept.id, world.first.id)}


def test_a_lock_that_ends_by_itself_comes_back_with_it(world: World, clock: FixedClock) -> None:
    until = clock.now() + timedelta(days=90)
    ground = Lock(Ground.CARD_EXPIRED, "hết hạn", "CSDL", "NĐ 69/2024", until)
    with storage.begin() as tx:
        person = storage.accounts.find_subject(tx, world.merged.id)
        assert person is not None
        flows.account_care.lock(tx, world.runtime, person, ground, actor="the tests")
    before = stored(world.merged)
    merge = world.merge()
    assert states()[world.merged.id] == "closed"
    world.undo(merge)
    assert stored(world.merged) == before
    with storage.begin() as tx:
        found = storage.account_states.find_lock(tx, world.merged.id)
    assert found == Lock(Ground.CARD_EXPIRED, source="CSDL", legal_basis="NĐ 69/2024", until=until)


def test_a_merge_is_undone_once(world: World) -> None:
    merge = world.merge()
    world.undo(merge)
    with pytest.raises(Refusal) as refused:
        world.undo(merge)
    assert refused.value.code == "wrong_state"
    assert states()[world.merged.id] == "active"
    world.merge()
    assert states()[world.merged.id] == "closed", "and may be done anew"


def test_after_its_time_a_merge_is_final_and_what_an_undo_needs_is_let_go(world: World, clock: FixedClock) -> None:
    merge = world.merge()
    clock.advance(days=29, hours=23)
    with storage.begin() as tx:
        assert flows.merging.end_undo(tx, world.runtime) == 0
    clock.advance(hours=1)
    with pytest.raises(Refusal) as refused:
        world.undo(merge)
    assert refused.value.code == "wrong_state"
    TimedJobs(world.app, world.runtime).run()
    [row] = rows_of("merges")
    assert row.undo_sealed is None
    assert row.merged_id == world.merged.id, "that it was done stays"
    assert subs_seen(world.app.test_client(), world.first, world.kept) == {sub_of(world.runtime, FIRST, world.merged)}


def test_a_number_that_was_proved_to_be_anothers_meanwhile_is_not_taken_back(app: Flask, runtime: Runtime) -> None:
    kept = a_citizen(app, NUMBERS[0], proof_source=ProofSource.COUNTER)
    merged = a_citizen(app, NUMBERS[1], proof_source=ProofSource.COUNTER)
    with storage.begin() as tx:
        found = flows.merging.preview(tx, runtime, kept.id, merged.id)
        merge = flows.merging.merge(tx, runtime, kept.id, merged.id, found.digest(), WANTED)
    with storage.begin() as tx:
        check = CounterCheck(NUMBERS[1], "Lê Thị Lụa", "1999-01-02", "thẻ căn cước", "can.c@H05")
        proved = flows.proofing.prove(tx, runtime, check)
    assert proved.subject_id not in (kept.id, merged.id)
    with pytest.raises(Refusal) as refused, storage.begin() as tx:
        flows.merging.undo(tx, runtime, merge.id, WANTED)
    assert refused.value.code == "already_exists"
    assert states()[merged.id] == "closed"
    enter_by_paper(app, NUMBERS[1], proved.code)


def test_a_declared_name_that_was_proved_to_be_anothers_meanwhile_stays_theirs(world: World) -> None:
    names = storage.tables.sign_in_names
    with storage.begin() as tx:
        tx.execute(names.update().where(names.c.subject_id == world.merged.id).values(proof="self"))
    merge = world.merge()
    with storage.begin() as tx:
        check = CounterCheck(world.merged.number, "Lê Thị Lụa", "1999-01-02", "thẻ căn cước", "can.c@H05")
        proved = flows.proofing.take_down(tx, world.runtime, check)
    world.undo(merge)
    assert states()[world.merged.id] == "active"
    owners = [row.subject_id for row in rows_of("sign_in_names") if row.kind == "personal_number"]
    assert proved in owners and world.merged.id not in owners


def test_an_erased_account_is_not_brought_back(world: World) -> None:
    merge = world.merge()
    with storage.begin() as tx:
        person = storage.accounts.find_subject(tx, world.merged.id)
        assert person is not None
        flows.account_care.erase(tx, world.runtime, person, actor="the tests")
    with pytest.raises(Refusal) as refused:
        world.undo(merge)
    assert refused.value.code == "no_such_account"


def test_the_kept_account_is_not_merged_on_while_its_own_merge_can_be_undone(world: World, clock: FixedClock) -> None:
    world.merge()
    better = a_citizen(world.app, ANOTHER, proof_source=ProofSource.NATIONAL_ID)
    with storage.begin() as tx:
        found = flows.merging.preview(tx, world.runtime, better.id, world.kept.id)
        assert found.hindrance is Hindrance.MERGED_MAY_BE_UNDONE
    clock.advance(days=30)
    with storage.begin() as tx:
        found = flows.merging.preview(tx, world.runtime, better.id, world.kept.id)
        flows.merging.merge(tx, world.runtime, better.id, world.kept.id, found.digest(), WANTED)
    service, browser = world.first, world.app.test_client()
    assert subs_seen(browser, service, better) == {sub_of(world.runtime, FIRST, world.merged)}, "twice handed on"


def test_no_merge_is_none(world: World) -> None:
    with pytest.raises(Refusal) as refused, storage.begin() as tx:
        flows.merging.undo(tx, world.runtime, UUID(int=7), WANTED)
    assert refused.value.code == "not_found"


# -- at the same moment --------------------------------------------------------------------------------------------


def test_of_two_merges_of_one_account_one_is_done(world: World) -> None:
    other = a_citizen(world.app, ANOTHER, proof_source=ProofSource.COUNTER)
    codes: list[str] = []

    def second() -> None:
        try:
            with storage.begin() as tx:
                flows.merging.merge(tx, world.runtime, other.id, world.merged.id, seen, WANTED)
        except Refusal as refusal:
            codes.append(refusal.code)

    with storage.begin() as tx:
        seen = flows.merging.preview(tx, world.runtime, other.id, world.merged.id).digest()
    digest, waiting = world.preview().digest(), Waiting(world.app, second)
    with storage.begin() as tx:
        flows.merging.merge(tx, world.runtime, world.kept.id, world.merged.id, digest, WANTED)
        waiting.start(tx)
    waiting.join()
    assert codes == ["case_changed"]
    [row] = rows_of("merges")
    assert row.kept_id == world.kept.id


def test_two_that_are_merged_into_each_other_at_once_leave_one(app: Flask, runtime: Runtime) -> None:
    one = a_citizen(app, NUMBERS[0], proof_source=ProofSource.COUNTER)
    two = a_citizen(app, NUMBERS[1], proof_source=ProofSource.COUNTER)
    with storage.begin() as tx:
        there = flows.merging.preview(tx, runtime, one.id, two.id).digest()
        back = flows.merging.preview(tx, runtime, two.id, one.id).digest()
    codes: list[str] = []

    def second() -> None:
        try:
            with storage.begin() as tx:
                flows.merging.merge(tx, runtime, two.id, one.id, back, WANTED)
        except Refusal as refusal:
            codes.append(refusal.code)

    waiting = Waiting(app, second)
    with storage.begin() as tx:
        flows.merging.merge(tx, runtime, one.id, two.id, there, WANTED)
        waiting.start(tx)
    waiting.join()
    assert codes == ["case_changed"]
    assert states() == {one.id: "active", two.id: "closed"}


def test_who_signs_in_at_that_moment_is_not_left_signed_in(world: World) -> None:
    digest, browser = world.preview().digest(), world.app.test_client()
    waiting = Waiting(world.app, lambda: _try_to_sign_in(browser, world.merged))
    with storage.begin() as tx:
        flows.merging.merge(tx, world.runtime, world.kept.id, world.merged.id, digest, WANTED)
        waiting.start(tx)
    waiting.join()
    assert browser.get("/account").status_code == 303
    assert [row for row in rows_of("sessions") if row.subject_id == world.merged.id and row.ended_at is None] == []


def _try_to_sign_in(browser: FlaskClient, citizen: Citizen) -> None:
    try:
        sign_in(browser, citizen)
    except AssertionError:
        return


def test_a_code_that_is_spent_after_the_merge_buys_nothing(world: World) -> None:
    code = obtain_code(world.merged_browser, world.first)
    world.merge()
    assert spend(world.merged_browser, world.first, code).status_code == 400


def test_an_answer_to_a_new_service_at_that_moment_comes_before_or_after(world: World) -> None:
    """The kept person agrees at a service that knew the merged account alone: the preview holds no more, or the sub is
    the old one. Never is one given and then another."""
    digest = world.preview().digest()
    waiting = Waiting(world.app, lambda: obtain_code(world.kept_browser, world.first))
    with storage.begin() as tx:
        flows.merging.merge(tx, world.runtime, world.kept.id, world.merged.id, digest, WANTED)
        waiting.start(tx)
    waiting.join()
    assert subs_seen(world.kept_browser, world.first) == {sub_of(world.runtime, FIRST, world.merged)}


def test_moments_are_those_of_the_merge(world: World, clock: FixedClock) -> None:
    merge = world.merge()
    now: datetime = clock.now()
    assert (merge.merged_at, merge.undo_until, merge.undone_at) == (now, now + UNDO_FOR, None)
    with storage.once() as tx:
        assert storage.merges.list_of_person(tx, world.kept.id) == [merge]
        assert storage.merges.list_of_person(tx, world.merged.id) == [merge]
        found = storage.merges.find_merge(tx, merge.id)
    assert found == merge
