"""A change of the master key: everything opens and is found before, during and after; it can stop and go on."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.globals import _cv_app
from sqlalchemy import LargeBinary, func, literal, select

from idp import flows, storage
from idp.domain.accounts import SubjectKind
from idp.domain.names import fold_words
from idp.domain.sessions import EndReason
from idp.runtime.data_keys import Unsealable
from idp.runtime.keyring import Keyring, read_masters
from idp.runtime.settings import WrongSetting
from idp.storage import rewrap, tables
from tests.doubles import FixedClock
from tests.storage.house import House, Person

PHONE = "+84970000013"
OLD, NEW = base64.urlsafe_b64encode(b"o" * 32).decode(), base64.urlsafe_b64encode(b"n" * 32).decode()
Restart = Callable[..., House]


@pytest.fixture
def restart(make_app: Callable[..., Flask], store_url: str, clock: FixedClock, tmp_path: Path) -> Restart:
    """`restart("new", "old")`: a process that has these master keys, the current one first, on the same database.

    The database begins without the keys of the tests' own master key.
    """
    (tmp_path / "old").write_text(OLD)
    (tmp_path / "new").write_text(NEW)
    with make_app(store_url).app_context(), storage.begin() as tx:
        tx.execute(tables.keys.delete())
        tx.execute(tables.data_keys.delete())
    begun: list[House] = []

    def start(current: str, *previous: str) -> House:
        app = make_app(
            store_url,
            IDP_KEYS_MASTER_KEY_FILE=str(tmp_path / current),
            IDP_KEYS_PREVIOUS_MASTER_KEY_FILES=",".join(str(tmp_path / name) for name in previous),
        )
        app.app_context().push()
        if not begun:
            app.extensions["idp"].keyring.public_key_set()  # made outside any deed, as the migration does
        begun.append(House(app, clock))
        return begun[-1]

    return start


@pytest.fixture(autouse=True)
def _contexts(restart: Restart) -> object:
    yield
    while _cv_app.get(None) is not None:
        _cv_app.get().pop()


def settle(house: House) -> tuple[Person, Person]:
    """Two people with all that is sealed or indexed."""
    mau, thu = house.person("Nguyễn Thị Mẫu", birthdate="1990-01-02"), house.person("Trần Văn Thử")
    house.sign_in_name(mau, "phone", PHONE)
    house.contact(mau, "phone", PHONE)
    house.identifier(mau, mau.number, "an officer")
    session = house.session(mau, "cookie")
    house.exchange(house.code(session, house.service(logout="https://one.example/logout")))
    house.end(session, EndReason.SIGNED_OUT)
    return mau, thu


def looks(house: House, mau: Person, thu: Person) -> dict[str, object]:
    """Everything that is looked up by an index or opened with a key."""
    ring = house.keyring
    with storage.begin() as tx:
        found = [
            storage.sign_in_names.find_candidate(
                tx,
                ring,
                space=SubjectKind.PERSON,
                kind=kind,
                value=value,
                device_digest=b"",
                device_since=house.clock.now(),
            )
            for kind, value in (("phone", PHONE), ("personal_number", mau.number), ("personal_number", thu.number))
        ]
        by_name = [
            storage.people.list_subjects_by_name(tx, ring, fold_words(words)) for words in ("nguyen mau", "thu tran")
        ]
        keys = [storage.data_keys.find_data_key(tx, ring, person.id) for person in (mau, thu)]
        contacts = tables.contacts.c
        last_four = contacts.last_four_index.in_(ring.indexes("contact/last-four", "0013"))
        return {
            "candidates": [each and each.subject.id for each in found],
            "keys of candidates": [each and each.data_key for each in found],
            "names": by_name,
            "data keys": keys,
            "contacts": tx.scalar(select(contacts.subject_id).where(last_four)),
            "numbers": tx.scalar(
                select(tables.identifiers.c.subject_id).where(
                    tables.identifiers.c.value_index.in_(ring.indexes("identifier/personal_number", mau.number))
                )
            ),
            "pairwise": ring.pairwise_sub("one.example", mau.id),
            "published": ring.public_key_set(),
        }


def expected(house: House, mau: Person, thu: Person) -> dict[str, object]:
    return {
        "candidates": [mau.id, mau.id, thu.id],
        "keys of candidates": [mau.key, mau.key, thu.key],
        "names": [[mau.id], [thu.id]],
        "data keys": [mau.key, thu.key],
        "contacts": mau.id,
        "numbers": mau.id,
        "pairwise": house.keyring.pairwise_sub("one.example", mau.id),
        "published": house.keyring.public_key_set(),
    }


def run(house: House, stop_after: int | None = None) -> int:
    """`flask keys rewrap`, stopped when so many batches are done."""
    done = 0

    def progress(_name: str, renewed: int) -> None:
        nonlocal done
        done += bool(renewed)
        if stop_after is not None and done > stop_after:
            raise KeyboardInterrupt

    return flows.key_care.rewrap(storage.begin, house.runtime, "a test", progress)


def stale(house: House) -> int:
    with storage.once() as tx:
        return sum(rewrap.count_stale(tx, house.keyring).values())


def test_everything_opens_and_is_found_before_during_and_after(restart: Restart) -> None:
    old = restart("old")
    people = settle(old)
    wanted = expected(old, *people)
    assert looks(old, *people) == wanted
    both = restart("new", "old")
    waiting = stale(both)
    assert looks(both, *people) == wanted
    for batches in range(7):
        with pytest.raises(KeyboardInterrupt):
            run(both, stop_after=0)
        assert looks(both, *people) == wanted, batches
        assert looks(restart("new", "old"), *people) == wanted
        if not stale(both):
            break
    run(both)
    assert stale(both) == 0
    assert waiting > 20
    alone = restart("new")
    assert looks(alone, *people) == wanted
    with storage.begin() as tx:
        (parcel,) = storage.outbox.use_due(
            tx, alone.keyring, now=alone.clock.now(), lease_for=alone.times.idle_for, limit=1
        )
    assert parcel.body["subject"] == people[0].id.hex


def test_without_the_old_key_nothing_opens_before_the_rewrap(
    restart: Restart, clock: FixedClock, tmp_path: Path
) -> None:
    people = settle(restart("old"))
    alone = Keyring(read_masters(str(tmp_path / "new"), [], root=tmp_path, development=True), clock, pytest.fail)
    with storage.begin() as tx, pytest.raises(Unsealable):
        storage.data_keys.find_data_key(tx, alone, people[0].id)
    with pytest.raises(WrongSetting, match=r"keys\.previous_master_key_files"):
        restart("new")


def test_a_second_run_renews_nothing(restart: Restart) -> None:
    settle(restart("old"))
    both = restart("new", "old")
    assert run(both) > 20
    assert run(both) == 0


def test_a_batch_is_a_transaction_so_that_a_run_can_stop_and_go_on(
    restart: Restart, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(restart("old"))
    both = restart("new", "old")
    monkeypatch.setattr(rewrap, "BATCH", 1)
    waiting = stale(both)
    with pytest.raises(KeyboardInterrupt):
        run(both, stop_after=2)
    assert stale(both) == waiting - 3
    assert run(both) == waiting - 3
    assert stale(both) == 0


def test_an_erased_persons_rows_neither_stop_the_run_nor_hide_others_nor_count(
    restart: Restart, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = restart("old")
    gone, other_gone = old.person("Đã Xóa"), old.person("Cũng Xóa")
    mau, thu = settle(old)
    wanted = expected(old, mau, thu)
    for person in (gone, other_gone):
        old.erase(person)
    both = restart("new", "old")
    # Batches smaller than the rows of the erased, who came first.
    monkeypatch.setattr(rewrap, "BATCH", 2)
    run(both)
    assert stale(both) == 0
    alone = restart("new")
    assert looks(alone, mau, thu) == wanted
    with storage.once() as tx:
        under_old = func.substr(tables.name_words.c.word_index, 1, 4) != literal(
            alone.keyring.current_master_id, LargeBinary
        )
        left = set(tx.scalars(select(tables.name_words.c.subject_id).where(under_old)))
    assert left == {gone.id, other_gone.id}


def test_the_sign_in_name_of_somebody_is_taken_before_its_index_was_renewed(restart: Restart) -> None:
    settle(restart("old"))
    both = restart("new", "old")
    other = both.person("Lê Thị Khác")
    assert not both.sign_in_name(other, "phone", PHONE)
    run(both)
    assert not both.sign_in_name(other, "phone", PHONE)
    assert both.sign_in_name(other, "phone", "+84970000014")
