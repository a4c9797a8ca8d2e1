"""Nobody learns from the sign-in page whether an account exists: the answer to a known and an unknown name is the same
in every byte, and costs the same hashes, statements and rows, on both stores.
"""

import itertools
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from idp import storage
from idp.cli.demo import PASSWORD
from idp.domain.accounts import Subject, SubjectKind
from idp.domain.levels import AccountLevel, ProofSource
from idp.domain.passwords import Hasher
from idp.runtime.hash_slots import HashSlots
from idp.runtime.runtime import Runtime
from tests.builders import NUMBERS, a_citizen, a_service, ask, follow, parked_in
from tests.doubles import FixedClock
from tests.rows import count_rows
from tests.wire import StatementCounter, WireCounter

# What a stranger may type: a name that somebody has, and one of the same kind that nobody has.
NAMES = {
    "number": (NUMBERS[0], "003199000099"),
    "phone": ("0912000013", "0912000099"),
    "e-mail": ("nguyen.thi.mau@nguoi-mau.example", "nguyen.thi.mau@khong-ai.example"),
    "passport": ("C0300013", "C0300099"),
    "nonsense": (NUMBERS[0], "khong phai ten ai ca"),
}
WRONG = "Sai-mat-khau-2026!"
_costs = itertools.count(1100)
_networks = itertools.count(1)


@dataclass(frozen=True)
class Seen:
    """All that a try shows or costs; what is drawn anew for each answer and the typed name itself are cut out."""

    status: int
    page: str
    headers: list[tuple[str, str]]
    hashes: dict[str, int]
    statements: list[str]
    rows: dict[str, int]


@contextmanager
def counted_hashes(slots: HashSlots) -> Iterator[dict[str, int]]:
    """How often a password is hashed or compared in this thread."""
    watched: dict[CodeType, str] = {Hasher.hash.__code__: "hash", Hasher.verify.__code__: "verify"}
    counts = dict.fromkeys(watched.values(), 0)

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call" and frame.f_code in watched:
            counts[watched[frame.f_code]] += 1

    # Hashes run in a thread of their own: jobs that come one after the other, in one and the same.
    slots.run(lambda: sys.setprofile(note))
    try:
        yield counts
    finally:
        slots.run(lambda: sys.setprofile(None))


@dataclass
class Page:
    """The sign-in page of a service, met by a new browser in a network of its own."""

    app: Flask
    clock: FixedClock

    def __post_init__(self) -> None:
        citizen, self.service = a_citizen(self.app), a_service(self.app)
        subject = Subject(citizen.id, SubjectKind.PERSON, "active", AccountLevel.NONE, ProofSource.SELF)  # type: ignore[arg-type]
        runtime: Runtime = self.app.extensions["idp"]
        with self.app.app_context(), storage.begin() as tx:
            key = storage.data_keys.find_data_key(tx, runtime.keyring, citizen.id)
            assert key is not None
            passport = {"kind": "passport", "value": NAMES["passport"][0], "proof": "the tests"}
            now = runtime.clock.now()
            assert storage.sign_in_names.insert_name(tx, runtime.keyring, key, subject, **passport, now=now)

    def new_browser(self) -> FlaskClient:
        client = self.app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"198.51.{next(_networks) % 250}.7"
        client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0"
        return client

    def look(self, typed: str, *, after_failures: int) -> Seen:
        client = self.new_browser()
        parked = parked_in(follow(client, ask(client, self.service)))
        form = {"parked": parked, "identifier": typed, "password": WRONG}
        for _ in range(after_failures):
            assert client.post("/sign-in", data=form).status_code == 401
        self.clock.advance(seconds=10)  # whatever a process keeps for seconds is read anew
        with self.app.app_context():
            before = count_rows()
            with (
                StatementCounter(storage.db.engine) as counter,
                counted_hashes(self.app.extensions["idp"].hash_slots) as hashes,
            ):
                answer = client.post("/sign-in", data=form)
            after = count_rows()
        return Seen(
            status=answer.status_code,
            page=self.plain(answer.text, typed),
            headers=sorted(
                (name, value if name not in ("X-Request-Id", "Content-Length") else "")
                for name, value in answer.headers.items()
            ),
            hashes=hashes,
            statements=counter.statements,
            rows={name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)},
        )

    @staticmethod
    def plain(page: str, typed: str) -> str:
        assert f'value="{typed}"' in page, "what was typed is kept"
        sealed = re.compile(r"parked(=|%3D|\" value=\")[\w-]+|challenge[^,]+,")
        return sealed.sub("parked", page).replace(f'value="{typed}"', "")


@pytest.fixture
def page(make_app: Callable[..., Flask], store_url: str, clock: FixedClock) -> Page:
    # A cost of its own, so that this is the first hash of its kind in the process.
    return Page(make_app(store_url, IDP_PASSWORDS_MEMORY_KIB=str(next(_costs))), clock)


@pytest.mark.parametrize("stranger_first", [False, True], ids=["known_first", "stranger_first"])
@pytest.mark.parametrize("kind", NAMES)
def test_a_wrong_password_looks_and_costs_the_same(page: Page, kind: str, stranger_first: bool) -> None:
    order = reversed(NAMES[kind]) if stranger_first else NAMES[kind]
    one, other = (page.look(typed, after_failures=0) for typed in order)
    for seen in (one, other):
        seen.hashes.pop("hash")  # the decoy is made once a process: the next test's
    assert one == other
    assert one.status == 401
    assert one.hashes == {"verify": 1}
    assert one.rows == {"throttles": 3, "audit": 1}
    assert len(one.statements) >= 4


@pytest.mark.parametrize("typed", NAMES["number"])
def test_the_first_try_of_a_process_costs_one_hash_more_whoever_it_names(page: Page, typed: str) -> None:
    assert page.look(typed, after_failures=0).hashes == {"hash": 1, "verify": 1}
    assert page.look(typed, after_failures=0).hashes == {"hash": 0, "verify": 1}


@pytest.mark.parametrize("kind", NAMES)
def test_too_many_tries_look_and_cost_the_same(page: Page, kind: str) -> None:
    known, unknown = (page.look(typed, after_failures=5) for typed in NAMES[kind])
    assert known == unknown
    assert known.status == 429
    assert known.hashes == {"hash": 0, "verify": 0}
    assert known.rows == {"audit": 1}


@pytest.mark.parametrize("state", ["closed", "pending"])
def test_an_account_that_may_not_sign_in_looks_like_none_even_with_its_right_password(page: Page, state: str) -> None:
    with page.app.app_context(), storage.begin() as tx:
        tx.execute(storage.tables.subjects.update().values(state=state))
    client = page.new_browser()
    parked = parked_in(follow(client, ask(client, page.service)))
    answers = [
        client.post("/sign-in", data={"parked": parked, "identifier": typed, "password": PASSWORD})
        for typed in NAMES["number"]
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({page.plain(answer.text, typed) for answer, typed in zip(answers, NAMES["number"], strict=True)}) == 1


def test_a_hint_shows_the_same_page_for_both(page: Page) -> None:
    shown = set()
    for typed in NAMES["number"]:
        client = page.new_browser()
        answer = follow(client, ask(client, page.service, login_hint=typed))
        assert answer.status_code == 200
        shown.add(page.plain(answer.text, typed))
    assert len(shown) == 1


@pytest.mark.postgres
def test_a_try_takes_as_many_round_trips_for_a_stranger(
    make_app: Callable[..., Flask], postgres_url: str, clock: FixedClock
) -> None:
    with WireCounter() as wire:
        page = Page(make_app(wire.url(postgres_url), IDP_DATABASE_POOL_SIZE="2"), clock)
        trips = []
        for typed in NAMES["number"] * 12:
            client = page.new_browser()
            parked = parked_in(follow(client, ask(client, page.service)))
            clock.advance(seconds=10)
            wire.reset()
            client.post("/sign-in", data={"parked": parked, "identifier": typed, "password": WRONG})
            trips.append(wire.round_trips)
        with page.app.app_context():
            storage.db.engine.dispose()
    # The driver prepares a statement at its fifth use on a connection, which takes a trip more.
    assert len(set(trips[-6:])) == 1, trips
