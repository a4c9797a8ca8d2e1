"""Whatever a person adds, loses, locks and gets back, in any order: there is a way in for the owner, at a counter
at the latest, and none for a thief of one thing of somebody who was checked.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.domain.accounts import AccountState, Ground, Lock
from idp.domain.identifiers import ContactKind
from idp.domain.levels import ProofSource
from idp.domain.proofing import CounterCheck
from idp.runtime.runtime import Runtime
from tests.builders import Citizen, a_citizen, follow, parked_in, walk
from tests.doubles import FixedClock
from tests.mailbag import messages
from tests.soft_authenticator import Authenticator
from tests.web.citizen import test_recover as recovery
from tests.web.citizen import test_security as security

PHONE, MAIL = "+84912{:06}", "nguoi-{}@nguoi-mau.example"
DEEDS = (
    "add_passkey",
    "print_codes",
    "change_password",
    "remove_passkey",
    "get_back_by_both",
    "get_back_by_phone",
    "get_back_by_paper",
    "lock",
    "unlock",
    "prove",
    "wait_a_day",
    "wait_a_week",
)


@dataclass
class Life:
    """One person, with what they hold; each deed does what it can and leaves the rest."""

    app: Flask
    clock: FixedClock
    serial: int
    proved: bool
    keys: list[Authenticator] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.phone, self.mail = PHONE.format(self.serial), MAIL.format(self.serial)
        claims = {"name": "Lê Thị Mẫu", "birthdate": "1990-01-02", "phone_number": self.phone, "email": self.mail}
        source = ProofSource.COUNTER if self.proved else ProofSource.SELF
        verified = {"phone_number_verified": True, "email_verified": True}
        number = f"003190{self.serial:06}"
        self.citizen = a_citizen(self.app, number, claims={**claims, **verified}, proof_source=source)
        self.password = self.citizen.password

    @property
    def runtime(self) -> Runtime:
        found: Runtime = self.app.extensions["idp"]
        return found

    @property
    def is_locked(self) -> bool:
        with self.app.app_context(), storage.once() as tx:
            found = storage.accounts.find_subject(tx, self.citizen.id)
        return found is not None and found.state is AccountState.LOCKED

    def browser(self) -> FlaskClient:
        client = self.app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"198.18.{self.serial // 250 % 250}.{self.serial % 250}"
        return client

    def enter(self) -> FlaskClient | None:
        """As the owner enters: with a passkey, else by password and a code to a contact."""
        client = self.browser()
        if self.keys:
            entered = security.enter_with_passkey(client, self.keys[-1])
            return client if entered.status_code == 303 else None
        person = Citizen(self.citizen.id, self.citizen.number, self.password)
        page = follow(client, client.get("/sign-in"))
        typed = {"identifier": person.number, "password": person.password}
        answer = client.post("/sign-in", data={"parked": parked_in(page), **typed})
        if answer.status_code != 303:
            return None
        walk(client, answer, person)
        return client if client.get("/account").status_code == 200 else None

    # -- deeds -----------------------------------------------------------------------------------------------------

    def add_passkey(self) -> None:
        client, key = self.enter(), Authenticator()
        if client is not None:
            page = walk(client, client.get("/account/security"))
            if page.request.path == "/account/security":
                answer = key.make(security.options_in(page, "create"))
                security.post(client, page, "/passkey", answer=answer, name="khóa")
                self.keys.append(key)

    def print_codes(self) -> None:
        client = self.enter()
        page = walk(client, client.get("/account/security")) if client else None
        if client and page and page.request.path == "/account/security":
            self.codes = security.printed(security.post(client, page, "/codes"))

    def change_password(self) -> None:
        client = self.enter()
        page = walk(client, client.get("/account/security")) if client else None
        if client and page and page.request.path == "/account/security":
            self.password = f"ba con meo trang ngu {self.serial} {self.clock.now().timestamp()}"
            security.post(client, page, "/password", password=self.password)

    def remove_passkey(self) -> None:
        """Lost with its device: the owner goes on without."""
        self.keys.clear()

    def get_back_by_both(self) -> None:
        self._get_back(contact=self.phone, other=self.mail)

    def get_back_by_phone(self) -> None:
        self._get_back(contact=self.phone)

    def get_back_by_paper(self) -> None:
        if self.codes:
            self._get_back(contact=self.mail, paper=self.codes.pop())

    def _get_back(self, **typed: str) -> None:
        page = self.ask_back(self.browser(), **typed)
        if page is not None and page[1].request.path == "/recover/password":
            self.password = f"mot hai ba bon nam {self.serial} {self.clock.now().timestamp()}"
            recovery.set_password(page[0], page[1], self.password)

    def ask_back(self, client: FlaskClient, **typed: str) -> tuple[FlaskClient, TestResponse] | None:
        """As far as a recovery leads with the codes that really came."""
        self.clock.advance(hours=1)  # the hour's codes are fresh
        before = len(messages(self.app))
        page = recovery.ask(client, identifier=self.citizen.number, **typed)
        if page.request.path != "/recover/codes":
            return None
        came = {message.to: message.code for message in messages(self.app)[before:] if message.to}
        answers = {f"{name}-code": came.get(typed[name], "") for name in ("contact", "other") if name in typed}
        return client, recovery.answer(client, page, **answers)

    def lock(self) -> None:
        with self.app.app_context(), storage.begin() as tx:
            if not self.is_locked:
                person = flows.account_care.find_person(tx, self.runtime, self.citizen.number)
                flows.account_care.lock(tx, self.runtime, person, Lock(Ground.OWN_WISH, "asked"), actor="the person")

    def unlock(self) -> None:
        with self.app.app_context(), storage.begin() as tx:
            if self.is_locked:
                person = flows.account_care.find_person(tx, self.runtime, self.citizen.number)
                flows.account_care.unlock(tx, self.runtime, person, reason="seen", actor="the counter")

    def prove(self) -> None:
        phone = (ContactKind.PHONE, self.phone)  # confirmed on the spot
        check = CounterCheck(self.citizen.number, "Lê Thị Mẫu", "1990-01-02", "thẻ", "cán bộ A", phone)
        with self.app.app_context(), storage.begin() as tx:
            if not self.is_locked:
                flows.proofing.prove(tx, self.runtime, check)
                self.proved = True

    def wait_a_day(self) -> None:
        self.clock.advance(hours=25)

    def wait_a_week(self) -> None:
        self.clock.advance(days=7)

    # -- at the end ------------------------------------------------------------------------------------------------

    def go_to_the_counter(self) -> bool:
        """With nothing but one's face and card."""
        self.keys.clear()
        self.unlock()
        with self.app.app_context(), storage.begin() as tx:
            person = flows.account_care.find_person(tx, self.runtime, self.citizen.number)
            paper = flows.proofing.issue_code(tx, self.runtime, person.id, officer="cán bộ A")
        self.clock.advance(hours=1)
        client = self.browser()
        page = recovery.answer(client, recovery.ask(client, identifier=self.citizen.number, paper=paper))
        if page.request.path != "/recover/password":
            return False
        recovery.set_password(client, page, f"ve nha an com toi {self.serial}")
        return client.get("/account").status_code == 200

    def thief_gets_in(self) -> list[str]:
        """By which one thing a stranger gets in: a phone, a mailbox, or the password."""
        found = []
        for name, contact in (("phone", self.phone), ("mailbox", self.mail)):
            for _ in range(2):
                led = self.ask_back(self.app.test_client(), contact=contact)
                if led is not None and led[1].request.path == "/recover/password":
                    found.append(name)
                self.clock.advance(hours=25)
        stranger = self.app.test_client()
        page = follow(stranger, stranger.get("/sign-in"))
        typed = {"identifier": self.citizen.number, "password": self.password}
        follow(stranger, stranger.post("/sign-in", data={"parked": parked_in(page), **typed}))
        if stranger.get("/account").status_code == 200:
            found.append("password")
        return found


@pytest.fixture
def new_life(sqlite_app: Flask, clock: FixedClock) -> Callable[[bool], Life]:
    serials = iter(range(1000, 900_000))

    def begin(proved: bool) -> Life:
        return Life(sqlite_app, clock, next(serials), proved)

    return begin


def live(new_life: Callable[[bool], Life], deeds: list[str], *, proved: bool) -> None:
    life = new_life(proved)
    for deed in deeds:
        getattr(life, deed)()
    if life.proved and not life.is_locked:
        assert life.thief_gets_in() == []
    assert life.go_to_the_counter()


LIVES = given(deeds=st.lists(st.sampled_from(DEEDS), max_size=7), proved=st.booleans())
HELD = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}


@settings(max_examples=12, **HELD)  # type: ignore[arg-type]
@LIVES
def test_there_is_a_way_in_for_the_owner_and_none_for_a_thief_of_one_thing(
    new_life: Callable[[bool], Life], deeds: list[str], proved: bool
) -> None:
    live(new_life, deeds, proved=proved)


@pytest.mark.slow
@settings(max_examples=150, **HELD)  # type: ignore[arg-type]
@LIVES
def test_the_same_over_many_lives(new_life: Callable[[bool], Life], deeds: list[str], proved: bool) -> None:
    live(new_life, deeds, proved=proved)


@pytest.mark.parametrize("proved", [False, True])
def test_the_deeds_do_what_they_say(new_life: Callable[[bool], Life], proved: bool) -> None:
    """So that the lives are lived and not slept through."""
    life = new_life(proved)
    assert life.enter() is not None
    life.add_passkey()
    life.print_codes()
    assert (len(life.keys), len(life.codes)) == (1, 10)
    before = life.password
    life.get_back_by_paper()
    assert life.password != before
    life.lock()
    assert life.is_locked
    assert life.enter() is None
    life.unlock()
    assert life.enter() is not None
