"""Sealing: each entry once, in the tree of its month, whoever seals, whenever it comes; heads signed and published."""

import json
import threading
from base64 import urlsafe_b64decode
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text, update

from idp import storage
from idp.domain import merkle, tree_heads
from idp.domain.audit import Entry, Event
from idp.domain.tree_heads import TYP
from idp.flows import key_care, sealing
from idp.runtime import chance
from idp.runtime.data_keys import Unsealable
from idp.runtime.runtime import Runtime
from idp.storage.database import in_transactions
from tests.builders import a_citizen, a_service, lend_keys, obtain_tokens
from tests.doubles import FixedClock
from tests.racing import Waiting
from tests.rows import rows_of


@pytest.fixture
def log(app: Flask, runtime: Runtime) -> Runtime:
    """A runtime whose log has its key."""
    with storage.begin() as tx:
        key_care.ensure_log_key(tx, runtime)
    return runtime


def write(runtime: Runtime, at: datetime | None = None, tx: Any = None) -> UUID:
    now = at or runtime.clock.now()
    entry = Entry(id=chance.new_id(now), at=now, event=Event.KEY_MADE, actor="a test")
    if tx is not None:
        storage.audit.insert_entry(tx, entry)
        return entry.id
    with storage.begin() as tx:
        storage.audit.insert_entry(tx, entry)
    return entry.id


def seal(runtime: Runtime, **options: Any) -> int:
    """Until there is nothing more."""
    total = 0
    while True:
        with storage.begin() as tx:
            sealed = sealing.seal(tx, runtime, **options)
        total += sealed
        if sealed < sealing.BATCH:
            return total


def leaves(month: str = "2026-12") -> list[Any]:
    return sorted((row for row in rows_of("log_leaves") if row.month == month), key=lambda row: row.number)


def heads(runtime: Runtime) -> list[tree_heads.TreeHead]:
    return [tree_heads.of_claims(runtime.keyring.log.read(row.jws, typ=TYP)) for row in rows_of("log_heads")]


def is_whole(runtime: Runtime) -> bool:
    """Every entry has its leaf, numbers are dense, and each head is the root of its leaves."""
    entries = [row.leaf_hash for name in ("audit", "releases") for row in rows_of(name)]
    rows = rows_of("log_leaves")
    assert sorted(row.leaf_hash for row in rows) == sorted(entries)
    previous, sizes = b"", dict[str, int]()
    for number, (row, head) in enumerate(zip(rows_of("log_heads"), heads(runtime), strict=True), start=1):
        month = leaves(head.month)
        assert [leaf.number for leaf in month] == list(range(len(month)))
        assert (row.number, row.month, row.size, head.previous) == (number, head.month, head.size, previous)
        hashes = [merkle.leaf(leaf.leaf_hash) for leaf in month[: head.size]]
        assert head.root == merkle.root(hashes)
        assert head.first_new == sizes.get(head.month, 0)
        assert head.marks == b"".join(each[:4] for each in hashes[head.first_new :])
        sizes[head.month], previous = head.size, tree_heads.digest(row.jws)
    assert sizes == {month: len(leaves(month)) for month in {row.month for row in rows}}
    return True


def test_audit_and_releases_are_sealed_once(app: Flask, log: Runtime) -> None:
    obtain_tokens(app.test_client(), a_service(app), a_citizen(app))
    assert {row.kind for row in rows_of("log_leaves")} == set()
    assert seal(log) > 3
    assert {row.kind for row in rows_of("log_leaves")} == {"audit", "release"}
    assert is_whole(log)
    assert seal(log) == 0
    assert len(rows_of("log_heads")) == len({row.month for row in rows_of("log_leaves")}), "one a month"
    write(log)
    assert seal(log) == 1
    assert is_whole(log)


def test_a_month_is_that_of_the_entry_however_late_it_is_sealed(log: Runtime, clock: FixedClock) -> None:
    seal(log)
    clock.advance(days=30, hours=22, minutes=29, seconds=59)
    write(log)
    clock.advance(seconds=2)
    write(log)
    seal(log)
    assert {row.month for row in rows_of("log_leaves")} >= {"2026-12", "2027-01"}
    assert is_whole(log)


def test_an_entry_that_is_committed_late_is_sealed_behind_younger_ones(log: Runtime, clock: FixedClock) -> None:
    seal(log)
    began = clock.now()
    clock.advance(seconds=59)
    write(log)
    seal(log)
    late = write(log, at=began)
    assert seal(log) == 1
    assert leaves()[-1].id == late
    assert is_whole(log)


def test_what_came_later_than_any_transaction_may_is_found_by_the_slower_look(log: Runtime, clock: FixedClock) -> None:
    began = clock.now()
    clock.advance(minutes=2)
    write(log)
    seal(log)
    late = write(log, at=began)
    assert seal(log) == 0
    assert seal(log, look_back=sealing.LOOK_BACK) == 1
    assert leaves()[-1].id == late


def test_what_says_it_is_older_than_a_day_is_never_sealed(log: Runtime, clock: FixedClock) -> None:
    old = clock.now()
    clock.advance(days=1, minutes=2)
    write(log)
    seal(log)
    write(log, at=old)
    assert seal(log, look_back=sealing.LOOK_BACK) == 0


def test_the_clock_of_another_machine_that_is_ahead_hides_nothing(log: Runtime, clock: FixedClock) -> None:
    write(log, at=clock.now() + timedelta(hours=3))
    seal(log)
    write(log)
    assert seal(log) == 1
    assert is_whole(log)


def test_a_heap_of_years_is_sealed_in_batches_the_oldest_first(
    log: Runtime, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "BATCH", 7)
    seal(log)
    made = []
    for _ in range(20):
        clock.advance(seconds=1)
        made.append(write(log))
    assert seal(log) == 20
    assert [row.id for row in leaves()][-20:] == made
    assert is_whole(log)


def test_of_two_sealers_at_once_the_second_waits_and_finds_nothing_left(app: Flask, log: Runtime) -> None:
    write(log)
    found: list[int] = []
    second = Waiting(app, lambda: found.append(seal(log)))
    with storage.begin() as tx:
        first = sealing.seal(tx, log)
        second.start(tx)
    second.join()
    assert (first > 0, found) == (True, [0])
    assert is_whole(log)


def test_many_sealers_and_writers_at_once_lose_and_double_nothing(app: Flask, log: Runtime) -> None:
    together = threading.Barrier(4)

    def work(deed: Callable[[Runtime], object]) -> None:
        with app.app_context():
            together.wait(60)
            for _ in range(15):
                deed(log)

    threads = [threading.Thread(target=work, args=(deed,)) for deed in (seal, seal, write, write)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seal(log)
    assert is_whole(log)


@pytest.mark.postgres
def test_what_is_not_committed_yet_is_sealed_when_it_is(
    make_app: Callable[..., Flask], postgres_url: str, clock: FixedClock
) -> None:
    app = make_app(postgres_url)
    lend_keys(app)
    runtime: Runtime = app.extensions["idp"]
    with app.app_context():
        with storage.begin() as tx:
            key_care.ensure_log_key(tx, runtime)
        with in_transactions(storage.db.engine).connect() as open_:
            slow = write(runtime, tx=open_)
            clock.advance(seconds=30)
            write(runtime)
            seal(runtime)
            assert slow not in {row.id for row in rows_of("log_leaves")}
            open_.commit()
        assert seal(runtime) == 1
        assert is_whole(runtime)


def test_subtrees_are_kept_and_give_every_proof(log: Runtime, clock: FixedClock) -> None:
    clock.advance(minutes=1)
    with storage.begin() as tx:
        for _ in range(700):
            write(log, tx=tx)
    seal(log)
    hashes = [merkle.leaf(row.leaf_hash) for row in leaves()]
    assert [(row.level, row.number) for row in rows_of("log_nodes")] == [(1, 0), (1, 1)]
    with storage.once() as tx:
        for number in (0, 1, 255, 256, 511, 512, 600, len(hashes) - 1):
            path = merkle.inclusion_path(
                number, len(hashes), lambda start, height: storage.merkle_log.find_subtree(tx, "2026-12", start, height)
            )
            assert merkle.verify_inclusion(hashes[number], number, len(hashes), path, merkle.root(hashes))
        with pytest.raises(LookupError):
            storage.merkle_log.find_subtree(tx, "2026-12", 1024, 3)


# -- what is signed ----------------------------------------------------------------------------------------------------


def test_a_head_is_signed_by_a_key_of_its_own_that_no_token_is_signed_with(log: Runtime) -> None:
    write(log)
    seal(log)
    jws, keyring = rows_of("log_heads")[-1].jws, log.keyring
    header, claims = (json.loads(urlsafe_b64decode(part + "==")) for part in jws.split(".")[:2])
    [public] = keyring.log.public_key_set()["keys"]
    assert (header["typ"], header["kid"], public["use"]) == ("tree-head+jwt", public["kid"], "tree-head")
    assert claims["iss"] == log.settings.issuer
    assert public["kid"] not in {key["kid"] for key in keyring.public_key_set()["keys"]}
    assert public["kid"] not in {kid for _, _, kid in keyring.list_keys()}
    with pytest.raises(Unsealable):
        keyring.read_own(jws, typ=TYP)
    token = keyring.sign("ES256", claims, typ=TYP)
    assert json.loads(urlsafe_b64decode(token.split(".")[0] + "=="))["kid"] != public["kid"]
    with pytest.raises(Unsealable):
        keyring.log.read(token, typ=TYP)
    with pytest.raises(Unsealable):
        keyring.log.read(jws, typ="JWT")


def test_the_key_of_the_log_is_rotated_with_the_others_and_never_taken_back(log: Runtime, clock: FixedClock) -> None:
    write(log)
    seal(log)
    clock.advance(hours=1)
    with storage.begin() as tx:
        done = key_care.rotate(tx, log, actor="a test")
    assert [line.split()[3] for line in done if line.startswith("ES256 log ")] == ["retired", "current"]
    clock.advance(days=90)
    log.keyring.forget()
    with storage.begin() as tx:
        key_care.withdraw_old(tx, log)
    write(log)
    seal(log)
    assert len(log.keyring.log.public_key_set()["keys"]) == 2
    assert is_whole(log)


def test_no_key_of_the_log_is_revoked_as_one_of_tokens(log: Runtime) -> None:
    [public] = log.keyring.log.public_key_set()["keys"]
    with storage.begin() as tx, pytest.raises(Exception, match="no published signing key"):
        key_care.revoke(tx, log, public["kid"], actor="a test")


def test_two_workers_make_one_key(app: Flask, runtime: Runtime) -> None:
    def make() -> None:
        with storage.begin() as tx:
            key_care.ensure_log_key(tx, runtime)

    second = Waiting(app, make)
    with storage.begin() as tx:
        key_care.ensure_log_key(tx, runtime)
        second.start(tx)
    second.join()
    assert len([row for row in rows_of("keys") if row.purpose == "log"]) == 1


def test_nothing_is_signed_on_top_of_a_tree_that_was_changed(log: Runtime) -> None:
    write(log)
    seal(log)
    with storage.begin() as tx:
        tx.execute(update(storage.tables.log_trees).values(frontier=b"x" * 32, size=1))
    write(log)
    with pytest.raises(sealing.TreesDiffer), storage.begin() as tx:
        sealing.seal(tx, log)


@pytest.mark.parametrize("table", ["log_leaves", "log_heads"])
@pytest.mark.parametrize("deed", ["UPDATE {} SET month = month", "DELETE FROM {}"])
def test_leaves_and_heads_are_only_ever_added(log: Runtime, table: str, deed: str) -> None:
    write(log)
    seal(log)
    with pytest.raises(Exception, match="only ever added"), storage.begin() as tx:
        tx.execute(text(deed.format(table)))


# -- outside the database ----------------------------------------------------------------------------------------------


@pytest.fixture
def published(make_app: Callable[..., Flask], sqlite_url: str, tmp_path: Path) -> Runtime:
    app = make_app(sqlite_url, IDP_LOG_HEADS_FILE=str(tmp_path / "heads.txt"))
    lend_keys(app)
    runtime: Runtime = app.extensions["idp"]
    app.app_context().push()
    with storage.begin() as tx:
        key_care.ensure_log_key(tx, runtime)
    return runtime


def publish(runtime: Runtime) -> int:
    with storage.once() as tx:
        return sealing.publish(tx, runtime)


def test_each_head_stands_in_the_file_once_and_in_order(published: Runtime, tmp_path: Path) -> None:
    assert publish(published) == 0
    for _ in range(3):
        write(published)
        seal(published)
        assert publish(published) > 0
    assert publish(published) == 0
    assert (tmp_path / "heads.txt").read_text().splitlines() == [row.jws for row in rows_of("log_heads")]


def test_what_a_power_cut_tore_is_written_again_whole(published: Runtime, tmp_path: Path) -> None:
    file = tmp_path / "heads.txt"
    for _ in range(2):
        write(published)
        seal(published)
    publish(published)
    whole = file.read_bytes()
    file.write_bytes(whole[:-30])
    assert publish(published) == 1
    lines = file.read_text().splitlines()
    assert lines[-1] == rows_of("log_heads")[-1].jws
    assert lines[-1].startswith(lines[-2])
    file.unlink()
    publish(published)
    assert file.read_bytes() == whole, "a new file gets them all"


def test_a_file_that_cannot_be_written_loses_no_head(published: Runtime, tmp_path: Path) -> None:
    file = tmp_path / "heads.txt"
    file.mkdir()
    write(published)
    seal(published)
    with pytest.raises(OSError, match="directory"):
        publish(published)
    file.rmdir()
    publish(published)
    assert file.read_text().splitlines() == [row.jws for row in rows_of("log_heads")]


def test_a_database_that_is_behind_its_file_is_not_published_over_it(published: Runtime, tmp_path: Path) -> None:
    write(published)
    seal(published)
    publish(published)
    with storage.begin() as tx:
        for name in ("log_heads_refuses_delete", "log_leaves_refuses_delete"):
            tx.execute(text(f"DROP TRIGGER {name}"))
        for table in ("log_heads", "log_leaves", "log_trees"):
            tx.execute(text(f"DELETE FROM {table}"))
    before = (tmp_path / "heads.txt").read_bytes()
    with pytest.raises(sealing.TreesDiffer, match="not in the database"):
        publish(published)
    assert (tmp_path / "heads.txt").read_bytes() == before
