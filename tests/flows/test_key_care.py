"""Keys: made once however many processes start, rotated with an overlap, moved to a new master key."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from idp import storage
from idp.domain.refusals import Refusal
from idp.flows import key_care, service_registry
from idp.runtime import chance, signing
from idp.runtime.data_keys import Unsealable
from idp.runtime.keyring import FRESH_FOR, Keyring, Master, StoredKeys, read_masters
from idp.runtime.runtime import Runtime
from idp.runtime.settings import ROOT
from tests.builders import NUMBERS, a_citizen, sign_in
from tests.doubles import FixedClock
from tests.racing import Waiting
from tests.rows import events, rows_of

NEW_MASTER = Master.of(b"n" * 32)


@pytest.fixture
def keyless(app: Flask) -> Flask:
    """The application on a database that never saw a start: what the tests' own migration made is gone."""
    with app.app_context(), storage.begin() as tx:
        for table in ("keys", "data_keys"):
            tx.execute(storage.db.metadata.tables[table].delete())
    return app


def states(alg: str) -> list[str]:
    return sorted(row.state for row in rows_of("keys") if row.alg == alg)


# -- the first start -----------------------------------------------------------------------------------------------


def test_on_an_empty_database_all_keys_are_made(keyless: Flask, clock: FixedClock) -> None:
    runtime: Runtime = keyless.extensions["idp"]
    with keyless.app_context():
        before = events()["key.made"]
        with storage.begin() as tx:
            made = key_care.ensure_keys(tx, runtime.keyring, clock.now())
        assert sorted((key.alg, key.state) for key in made.signing) == [
            (alg, state) for alg in ("ES256", "RS256") for state in ("current", "next")
        ]
        assert len(made.pairwise) == 32
        assert len(made.house) == 1
        assert events()["key.made"] - before == 4
        with storage.begin() as tx:
            assert key_care.ensure_keys(tx, runtime.keyring, clock.now()) == made
        assert events()["key.made"] - before == 4


def test_two_processes_that_start_at_once_make_one_set_and_agree_on_it(keyless: Flask, clock: FixedClock) -> None:
    runtime: Runtime = keyless.extensions["idp"]
    seen: list[StoredKeys] = []

    def start() -> None:
        with storage.begin() as tx:
            seen.append(key_care.ensure_keys(tx, runtime.keyring, clock.now()))

    second = Waiting(keyless, start)
    with keyless.app_context():
        before = events()["key.made"]
        with storage.begin() as tx:
            first = key_care.ensure_keys(tx, runtime.keyring, clock.now())
            second.start(tx)  # on PostgreSQL it has looked, found nothing, and waits for the first key
        second.join()
        assert seen == [first]
        for alg in signing.ALWAYS:
            assert states(alg) == ["current", "next"]
        assert [row.subject_id for row in rows_of("data_keys")] == [None]
        assert events()["key.made"] - before == 4


def test_in_a_database_with_people_the_keys_that_make_their_sub_are_never_made_anew(app: Flask) -> None:
    a_citizen(app)
    runtime: Runtime = app.extensions["idp"]
    with app.app_context():
        with storage.begin() as tx:
            tx.execute(storage.db.metadata.tables["keys"].delete())
        runtime.keyring.forget()
        with pytest.raises(key_care.KeysMissing):
            runtime.keyring.recall()
        assert rows_of("keys") == []


def test_lost_signing_keys_are_made_anew_and_no_sub_changes(app: Flask) -> None:
    citizen = a_citizen(app)
    runtime: Runtime = app.extensions["idp"]
    with app.app_context():
        before = runtime.keyring.pairwise_sub("nhom", citizen.id)
        with storage.begin() as tx:
            tx.execute(text("DELETE FROM keys WHERE purpose = 'signing'"))
        runtime.keyring.forget()
        assert {alg for alg, _, _ in runtime.keyring.list_keys()} == {"ES256", "RS256"}
        assert runtime.keyring.pairwise_sub("nhom", citizen.id) == before


# -- rotation ------------------------------------------------------------------------------------------------------


def rotate(runtime: Runtime) -> list[str]:
    with storage.begin() as tx:
        done = key_care.rotate(tx, runtime, "the tests")
    runtime.keyring.forget()
    return done


def withdraw_old(runtime: Runtime) -> list[str]:
    with storage.begin() as tx:
        return key_care.withdraw_old(tx, runtime)


def kids(runtime: Runtime, state: str, alg: str = "ES256") -> list[str]:
    with storage.once() as tx:
        return storage.keys.list_keys(tx, alg, state)


def test_next_becomes_current_current_retires_and_a_new_next_is_published(runtime: Runtime) -> None:
    [current], [following] = kids(runtime, "current"), kids(runtime, "next")
    done = rotate(runtime)
    assert kids(runtime, "current") == [following]
    assert kids(runtime, "retired") == [current]
    [newest] = kids(runtime, "next")
    assert newest not in (current, following)
    assert {f"ES256 {current} retired", f"ES256 {following} current", f"ES256 {newest} next"} <= set(done)
    assert events()["key.state_changed"] == len(done)


def test_a_key_is_published_before_it_signs_and_as_long_as_its_tokens_may_be_checked(
    runtime: Runtime, clock: FixedClock
) -> None:
    def published() -> set[str]:
        return {key["kid"] for key in runtime.keyring.public_key_set()["keys"]}

    [current], [following] = kids(runtime, "current"), kids(runtime, "next")
    token = runtime.keyring.sign("ES256", {"sub": "x"})
    assert {current, following} <= published()
    rotate(runtime)
    assert runtime.keyring.read_own(token) == {"sub": "x"}, "a retired key still verifies"
    assert {current, following} <= published()
    clock.advance(seconds=key_care.published_for(runtime.settings).total_seconds() - 1)
    assert withdraw_old(runtime) == []
    assert current in published()
    clock.advance(seconds=2)
    assert f"{current} gone" in withdraw_old(runtime)
    runtime.keyring.forget()
    assert current not in published()
    assert following in published()


def test_a_key_too_young_to_be_known_everywhere_does_not_sign_yet(runtime: Runtime, clock: FixedClock) -> None:
    rotate(runtime)
    before = rows_of("keys")
    clock.advance(seconds=4.5)
    with pytest.raises(Refusal) as refused:
        rotate(runtime)
    assert refused.value.detail == "a process may not know the next key yet: rotate in 11 seconds"
    assert rows_of("keys") == before
    clock.advance(seconds=10.5)
    assert rotate(runtime)


def test_a_key_is_known_everywhere_before_it_may_sign() -> None:
    assert key_care.KNOWN_AFTER.total_seconds() >= 2 * FRESH_FOR


@pytest.mark.parametrize("first", ["rotate", "revoke"])
def test_a_rotation_and_a_revocation_at_once_leave_one_signer_and_never_the_leaked_key(
    app: Flask, runtime: Runtime, first: str
) -> None:
    [leaked] = kids(runtime, "current")
    deeds = {
        "rotate": lambda tx: key_care.rotate(tx, runtime, "the tests"),
        "revoke": lambda tx: key_care.revoke(tx, runtime, leaked, "the tests"),
    }
    earlier = deeds.pop(first)
    [later] = deeds.values()

    def do_later() -> None:
        # After a revocation the next key is new, so that the rotation is refused.
        with suppress(Refusal), storage.begin() as tx:
            later(tx)

    second = Waiting(app, do_later)
    with storage.begin() as tx:
        earlier(tx)
        second.start(tx)
    second.join()
    assert leaked in kids(runtime, "gone")
    assert (len(kids(runtime, "current")), len(kids(runtime, "next"))) == (1, 1)


def test_a_retired_key_outlives_every_token_it_signed_and_every_cache(runtime: Runtime) -> None:
    tokens = runtime.settings.tokens
    longest = max(tokens.id_token_for, tokens.access_token_for)
    assert key_care.published_for(runtime.settings) >= timedelta(seconds=longest) + timedelta(hours=24)


def test_pairwise_identifiers_survive_every_rotation(runtime: Runtime, app: Flask, clock: FixedClock) -> None:
    citizen = a_citizen(app)
    before = runtime.keyring.pairwise_sub("nhom", citizen.id)
    for _ in range(3):
        rotate(runtime)
        clock.advance(seconds=key_care.KNOWN_AFTER.total_seconds())
    assert runtime.keyring.pairwise_sub("nhom", citizen.id) == before


def test_the_house_gets_a_new_data_key_and_still_opens_what_the_old_one_sealed(runtime: Runtime) -> None:
    row = chance.new_id(runtime.clock.now())
    sealed = runtime.keyring.house_key().seal("outbox.body_sealed", row, "thư")
    rotate(runtime)
    assert not runtime.keyring.house_key().sealed(sealed)
    assert runtime.keyring.house_key_of(sealed).open("outbox.body_sealed", row, sealed) == "thư"


# -- a new master key ----------------------------------------------------------------------------------------------


def moved(app: Flask, runtime: Runtime, clock: FixedClock) -> Runtime:
    """The runtime of a worker that was restarted with a new master key before the old one."""
    return replace(runtime, keyring=Keyring([NEW_MASTER, *old_masters(runtime)], clock, load))


def old_masters(runtime: Runtime) -> list[Master]:
    return read_masters(runtime.settings.keys.master_key_file, (), root=ROOT, development=True)


def load(ring: Keyring) -> StoredKeys:
    with storage.once() as tx:
        stored = storage.keys.find_stored_keys(tx, ring)
    assert stored is not None
    return stored


def rewrap(runtime: Runtime) -> tuple[int, dict[str, int]]:
    told: dict[str, int] = {}

    def progress(name: str, renewed: int) -> None:
        told[name] = told.get(name, 0) + renewed

    return key_care.rewrap(storage.begin, runtime, "the tests", progress), told


def test_after_a_rewrap_the_old_master_key_may_go(app: Flask, runtime: Runtime, clock: FixedClock) -> None:
    citizen = a_citizen(app)
    sub = runtime.keyring.pairwise_sub("nhom", citizen.id)
    during = moved(app, runtime, clock)
    total, told = rewrap(during)
    assert total == sum(told.values()) > 10
    with storage.once() as tx:
        assert set(storage.rewrap.count_stale(tx, during.keyring).values()) == {0}
    after = replace(during, keyring=Keyring([NEW_MASTER], clock, load))
    assert after.keyring.pairwise_sub("nhom", citizen.id) == sub
    app.extensions["idp"] = after
    sign_in(app.test_client(), citizen)
    assert events()["keys.rewrapped"] == 1


def test_a_second_rewrap_finds_nothing_to_do(app: Flask, runtime: Runtime, clock: FixedClock) -> None:
    a_citizen(app)
    during = moved(app, runtime, clock)
    assert rewrap(during)[0] > 0
    assert rewrap(during)[0] == 0


def test_people_sign_in_while_a_rewrap_is_half_done(app: Flask, runtime: Runtime, clock: FixedClock) -> None:
    people = [a_citizen(app, number) for number in NUMBERS]
    during = moved(app, runtime, clock)
    with storage.begin() as tx:
        storage.rewrap.reindex(tx, during.keyring, "sign_in_names")
    app.extensions["idp"] = during
    for person in people:
        sign_in(app.test_client(), person)


def test_without_the_old_master_key_nothing_opens_before_a_rewrap(runtime: Runtime, clock: FixedClock) -> None:
    with pytest.raises(Unsealable):
        Keyring([NEW_MASTER], clock, load).house_key()


# -- keys on demand ------------------------------------------------------------------------------------------------


def register(runtime: Runtime, **members: object) -> None:
    with storage.begin() as tx:
        made = service_registry.register(tx, runtime, {"redirect_uris": ["https://a.example/cb"], **members})
        key_care.ensure_for(tx, runtime, made.service)


ON_DEMAND = [
    ({"id_token_signed_response_alg": "PS256"}, "PS256", {"current", "next"}),
    ({"userinfo_signed_response_alg": "EdDSA"}, "EdDSA", {"current", "next"}),
    ({"introspection_signed_response_alg": "EdDSA"}, "EdDSA", {"current", "next"}),
    ({"request_object_encryption_alg": "RSA-OAEP-256"}, "RSA-OAEP", {"current"}),
    ({"request_object_encryption_alg": "ECDH-ES+A256KW"}, "ECDH-ES", {"current"}),
]


@pytest.mark.parametrize(("members", "alg", "made"), ON_DEMAND)
def test_the_first_service_for_an_algorithm_makes_its_keys_and_the_second_none(
    runtime: Runtime, members: dict[str, object], alg: str, made: set[str]
) -> None:
    assert states(alg) == []
    register(runtime, **members)
    assert set(states(alg)) == made
    before = rows_of("keys")
    register(runtime, **members)
    assert rows_of("keys") == before
    assert alg in {each for each, _, _ in runtime.keyring.list_keys()}


@pytest.mark.parametrize(("members", "alg", "made"), ON_DEMAND)
def test_they_rotate_with_the_others_and_the_old_one_stays(
    runtime: Runtime, members: dict[str, object], alg: str, made: set[str]
) -> None:
    register(runtime, **members)
    [old] = kids(runtime, "current", alg)
    runtime.clock.advance(minutes=1)  # type: ignore[attr-defined]
    rotate(runtime)
    assert kids(runtime, "retired", alg) == [old]
    assert set(states(alg)) == {*made, "retired"}
    [new] = kids(runtime, "current", alg)
    published = {key["kid"] for key in runtime.keyring.public_key_set()["keys"]}
    assert new in published
    assert (old in published) is ("next" in made), "nobody should encrypt to a retired key any more"


def test_a_process_that_does_not_know_a_new_algorithm_looks_again(runtime: Runtime, clock: FixedClock) -> None:
    runtime.keyring.recall()
    other = Keyring(runtime.keyring._masters, clock, runtime.keyring._load)
    other.recall()
    register(runtime, id_token_signed_response_alg="EdDSA")
    assert other.read_own(other.sign("EdDSA", {"sub": "x"})) == {"sub": "x"}


def test_a_leaked_key_to_encrypt_to_is_replaced_and_opens_nothing(runtime: Runtime) -> None:
    register(runtime, request_object_encryption_alg="ECDH-ES")
    [leaked] = kids(runtime, "current", "ECDH-ES")
    with storage.begin() as tx:
        key_care.revoke(tx, runtime, leaked, "the tests")
    runtime.keyring.forget()
    [heir] = kids(runtime, "current", "ECDH-ES")
    assert heir != leaked
    assert leaked not in {kid for _, _, kid in runtime.keyring.list_keys()}
