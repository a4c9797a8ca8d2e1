"""What a thief tries who has one thing of the owner's, and what a thief must not be able to do to the owner.

NIST SP 800-63B 4.2 (recovery), 5.2 (sessions), 3.2.2 (tries). Each of these was possible once.
"""

import pytest
from flask import Flask

from idp import flows, storage
from idp.domain.accounts import AccountState
from idp.domain.identifiers import ContactKind
from idp.domain.notices import Notice
from idp.domain.proofing import CounterCheck
from idp.flows.registration import Contact, Declared
from idp.flows.sign_in import Browser, Failure
from idp.runtime import mail_tokens
from idp.runtime.runtime import Runtime
from tests.builders import Citizen, a_service, ask, follow, lend_keys, parked_in, sign_in, walk
from tests.doubles import FixedClock
from tests.rows import rows_of
from tests.soft_authenticator import Authenticator
from tests.web.citizen.test_recover import MAIL, a_person, a_printed_code, answer, by_both, by_one, set_password
from tests.web.citizen.test_recover import ask as ask_to_recover
from tests.web.citizen.test_security import add_passkey, enter_with_passkey, open_page
from tests.web.citizen.test_security import post as post_security
from tests.web.sign_in.test_other_screen import say, scan, show

NUMBER = "003190000013"
PASSWORD = "mot hai ba bon nam sau ca"
TOLD = Notice("Locked", "Locked")


def runtime_of(app: Flask) -> Runtime:
    runtime: Runtime = app.extensions["idp"]
    return runtime


def state_of(app: Flask, citizen: Citizen) -> AccountState:
    with app.app_context(), storage.once() as tx:
        person = storage.accounts.find_subject(tx, citizen.id)
    assert person is not None
    return person.state


def unlock(app: Flask, citizen: Citizen) -> None:
    with app.app_context(), storage.begin() as tx:
        person = flows.account_care.find_person(tx, runtime_of(app), citizen.number)
        flows.account_care.unlock(tx, runtime_of(app), person, reason="seen in person", actor="the counter")


def someone_who_declared(app: Flask, proof: str = "a code") -> Citizen:
    """Registered with a number that nobody proved, and with two contacts."""
    lend_keys(app)
    with app.app_context():
        hashed = flows.registration.hash_new_password(runtime_of(app), PASSWORD)
        declared, contact = Declared("Nguyễn Thị Mẫu", "1990-01-02", NUMBER), Contact(ContactKind.PHONE, "+84912000013")
        with storage.begin() as tx:
            made = flows.registration.register(tx, runtime_of(app), declared, contact, hashed, proof=proof)
        now, keyring = runtime_of(app).clock.now(), runtime_of(app).keyring
        with storage.begin() as tx:
            storage.accounts.save_contact(tx, keyring, made.key, made.subject.id, kind="email", value=MAIL, now=now)
    return Citizen(made.subject.id, NUMBER, PASSWORD)


def prove_at_the_counter(app: Flask, citizen: Citizen) -> None:
    """The same account is proved; the phone is the one thing that is kept."""
    check = CounterCheck(
        personal_number=NUMBER,
        name="Nguyễn Thị Mẫu",
        birthdate="1990-01-02",
        document="CCCD",
        officer="o",
        kept_contact=(ContactKind.PHONE, "+84912000013"),
    )
    with app.app_context(), storage.begin() as tx:
        assert flows.proofing.prove(tx, runtime_of(app), check).subject_id == citizen.id


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_only_a_post_to_the_page_of_a_mails_link_acts(app: Flask, method: str) -> None:
    """Scanners of mail servers follow links, by HEAD too (RFC 9110 9.2.1)."""
    citizen = a_person(app)
    by_one(app, app.test_client())
    for path, deed in (("/lock/not-me", "not me"), ("/recover/cancel", "cancel")):
        token = mail_tokens.seal(runtime_of(app), deed, citizen.id)
        app.test_client().open(path, method=method, query_string={"token": token})
    assert state_of(app, citizen) is AccountState.ACTIVE
    with app.app_context():
        assert [row.state for row in rows_of("recoveries")] == ["open"]


def test_the_link_of_a_mail_locks_once(app: Flask) -> None:
    citizen, browser = a_person(app), app.test_client()
    token = mail_tokens.seal(runtime_of(app), "not me", citizen.id)
    assert browser.post("/lock/not-me", data={"token": token}).status_code == 200
    assert browser.post("/lock/not-me", data={"token": token}).status_code == 200, "a second press changes nothing"
    unlock(app, citizen)
    assert browser.post("/lock/not-me", data={"token": token}).status_code == 400
    assert state_of(app, citizen) is AccountState.ACTIVE


def test_wrong_second_steps_keep_no_owner_from_the_passkey(app: Flask) -> None:
    citizen, own, key = a_person(app, "proved"), app.test_client(), Authenticator()
    sign_in(own, citizen)
    add_passkey(own, key)
    thief = app.test_client()
    thief.environ_base["REMOTE_ADDR"] = "198.51.100.9"
    page = follow(thief, thief.get("/sign-in"))
    typed = {"parked": parked_in(page), "identifier": citizen.number, "password": citizen.password}
    page = follow(thief, thief.post("/sign-in", data=typed))
    for _ in range(51):
        thief.post("/second-step", data={"parked": parked_in(page), "way": "email", "code": "000000"})
    elsewhere = app.test_client()
    elsewhere.environ_base["REMOTE_ADDR"] = "203.0.113.77"
    assert enter_with_passkey(elsewhere, key).status_code == 303


def test_wrong_recoveries_keep_no_owner_from_the_counters_code(app: Flask) -> None:
    citizen, thief = a_person(app, "proved"), app.test_client()
    thief.environ_base["REMOTE_ADDR"] = "198.51.100.9"
    page = ask_to_recover(thief, paper="1234567890")
    for _ in range(51):
        answer(thief, page)
    with app.app_context(), storage.begin() as tx:
        code = flows.proofing.issue_code(tx, runtime_of(app), citizen.id, officer="o")
    elsewhere = app.test_client()
    elsewhere.environ_base["REMOTE_ADDR"] = "203.0.113.77"
    assert answer(elsewhere, ask_to_recover(elsewhere, paper=code)).request.path == "/recover/password"


def test_a_new_password_ends_the_recovery_that_somebody_else_opened(app: Flask, clock: FixedClock) -> None:
    citizen, own = a_person(app), app.test_client()
    by_one(app, app.test_client())
    sign_in(own, citizen)
    post_security(own, open_page(own), "/password", password=PASSWORD)
    clock.advance(hours=24)
    assert by_one(app, app.test_client()).request.path != "/recover/password"


def test_a_lock_ends_the_recovery_that_waits_for_good(app: Flask, clock: FixedClock) -> None:
    citizen = a_person(app)
    by_one(app, app.test_client())
    with app.app_context(), storage.begin() as tx:
        flows.account_care.lock_own(tx, runtime_of(app), citizen.id, TOLD)
    clock.advance(hours=24)
    unlock(app, citizen)
    assert by_one(app, app.test_client()).request.path != "/recover/password"


def test_in_the_cool_down_nobody_closes_the_account_or_voids_the_printed_codes(app: Flask) -> None:
    citizen = a_person(app)
    paper, thief = a_printed_code(app, citizen), app.test_client()
    set_password(thief, by_both(app, thief))
    assert post_security(thief, open_page(thief), "/close", meant="yes").status_code == 400
    assert state_of(app, citizen) is AccountState.ACTIVE
    assert post_security(thief, open_page(thief), "/codes").status_code == 400
    assert by_one(app, app.test_client(), paper=paper).status_code == 200


def test_nothing_that_was_under_way_before_the_proof_at_the_counter_goes_on_after_it(app: Flask) -> None:
    """Who registered another's number and waits (pre-hijacking): a recovery that is ready, a screen that was lent."""
    citizen, thief, phone, computer = someone_who_declared(app), app.test_client(), app.test_client(), app.test_client()
    computer.environ_base["HTTP_USER_AGENT"] = "Chrome"
    sign_in(phone, citizen)
    shown = show(computer)
    say(phone, scan(phone, shown), number=shown.number)
    ready = by_both(app, thief)
    assert ready.request.path == "/recover/password"
    prove_at_the_counter(app, citizen)
    set_password(thief, ready)
    shown.go_on()
    for browser in (thief, phone, computer):
        assert browser.get("/account").status_code == 303


def test_a_screen_that_was_lent_a_sign_in_does_not_go_on_after_a_new_password(app: Flask) -> None:
    citizen, phone, computer = a_person(app), app.test_client(), app.test_client()
    computer.environ_base["HTTP_USER_AGENT"] = "Chrome"
    sign_in(phone, citizen)
    shown = show(computer)
    say(phone, scan(phone, shown), number=shown.number)
    post_security(phone, open_page(phone), "/password", password=PASSWORD)
    shown.go_on()
    assert computer.get("/account").status_code == 303


def test_a_code_beside_an_old_sign_in_makes_it_no_fresh_one(app: Flask, clock: FixedClock) -> None:
    """Who finds a phone lying open reads the codes that come to it (OIDC Core 2, auth_time)."""
    citizen, browser = a_person(app, "proved"), app.test_client()
    sign_in(browser, citizen)
    page = follow(browser, browser.get("/sign-out"))
    browser.post("/sign-out", data={"parked": parked_in(page)})
    page = follow(browser, browser.get("/sign-in"))
    typed = {"parked": parked_in(page), "identifier": citizen.number, "password": citizen.password}
    browser.post("/sign-in", data=typed)
    clock.advance(minutes=20)
    service = a_service(app)
    walk(browser, ask(browser, service, acr_values="urn:bacninh:xacthuc:2"))
    asked_anew = browser.get("/account/security")
    assert (asked_anew.status_code, asked_anew.location.startswith("/sign-in")) == (303, True)


def test_a_sign_in_under_way_with_the_old_password_comes_to_nothing(app: Flask) -> None:
    citizen, own, browser = a_person(app), app.test_client(), Browser("d" * 43, "198.51.100.9", "x")
    sign_in(own, citizen)
    page = open_page(own)
    with app.app_context():
        with storage.begin() as tx:
            attempt = flows.sign_in.find_candidate(tx, runtime_of(app), citizen.number, browser)
        checked = flows.sign_in.check(runtime_of(app), attempt, citizen.password)
    post_security(own, page, "/password", password=PASSWORD)
    with app.app_context(), storage.begin() as tx:
        assert flows.sign_in.complete(tx, runtime_of(app), checked, before=None) is Failure.WRONG


def test_what_one_contact_waited_for_does_not_open_to_another(app: Flask, clock: FixedClock) -> None:
    a_person(app)
    by_one(app, app.test_client(), MAIL)
    clock.advance(hours=25)
    assert by_one(app, app.test_client()).request.path != "/recover/password"


def test_the_right_password_of_a_locked_account_is_told_the_way_out_and_a_wrong_one_nothing(app: Flask) -> None:
    citizen = a_person(app)
    with app.app_context(), storage.begin() as tx:
        flows.account_care.lock_own(tx, runtime_of(app), citizen.id, TOLD)
    told = {}
    for password in (citizen.password, "khong phai mat khau nay"):
        browser = app.test_client()
        page = follow(browser, browser.get("/sign-in"))
        typed = {"parked": parked_in(page), "identifier": citizen.number, "password": password}
        told[password] = browser.post("/sign-in", data=typed)
    assert [each.status_code for each in told.values()] == [403, 401]
    assert "đang bị khóa" in told[citizen.password].text


def test_a_second_step_that_an_old_password_opened_leads_nowhere_once_it_was_changed(
    app: Flask, clock: FixedClock
) -> None:
    """A thief with the password and one good code waits on the page while the owner shuts the door."""
    citizen = a_person(app, "proved")
    runtime, thief = runtime_of(app), app.test_client()
    page = follow(thief, thief.get("/sign-in"))
    typed = {"parked": parked_in(page), "identifier": citizen.number, "password": citizen.password}
    page = follow(thief, thief.post("/sign-in", data=typed))
    with app.app_context(), storage.begin() as tx:
        code = flows.proofing.issue_code(tx, runtime, citizen.id, officer="o")
    clock.advance(seconds=5)
    hashed = "another"
    with app.app_context(), storage.begin() as tx:
        storage.credentials.replace_password(tx, citizen.id, hashed, runtime.clock.now())
    form = {"parked": parked_in(page), "way": "counter_code", "code": code}
    answered = thief.post("/second-step", data=form)
    assert answered.location.startswith("/sign-in?")
    assert thief.get("/account").status_code == 303
