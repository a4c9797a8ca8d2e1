"""What a thief gains who was in an account for a while, or comes back to it, and what the owner takes back from one.

NIST SP 800-63B 3.2.2 (tries), 4.2 (recovery), 5.2 (sessions). Each of these was possible once. On both stores.
"""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.domain.accounts import AccountState, Closing
from idp.domain.identifiers import ContactKind
from idp.domain.proofing import CounterCheck
from idp.flows.registration import Contact, Declared
from idp.runtime import mail_tokens
from tests.builders import Citizen, follow, lend_keys, parked_in, sign_in
from tests.doubles import FixedClock
from tests.mailbag import messages
from tests.rows import events, rows_of
from tests.soft_authenticator import Authenticator
from tests.test_thieves import NUMBER, PASSWORD, prove_at_the_counter, runtime_of, someone_who_declared, state_of
from tests.web.citizen.test_recover import (
    MAIL,
    NEW,
    PHONE,
    a_counter_code,
    a_person,
    a_printed_code,
    answer,
    by_both,
    by_one,
    codes_for,
    enters,
    set_password,
)
from tests.web.citizen.test_recover import ask as ask_to_recover
from tests.web.citizen.test_register import at_code
from tests.web.citizen.test_security import add_app, add_passkey, code_of, enter_with_passkey, open_page
from tests.web.citizen.test_security import post as post_security
from tests.web.sign_in.test_other_screen import say, scan, show
from tests.web.site.test_counter_mode import a_screen

ELSEWHERE = "203.0.113.77"


def password_in(browser: FlaskClient, citizen: Citizen, password: str | None = None) -> TestResponse:
    browser.delete_cookie("idp_session")
    page = follow(browser, browser.get("/sign-in"))
    typed = {"identifier": citizen.number, "password": password or citizen.password}
    return browser.post("/sign-in", data={"parked": parked_in(page), **typed})


def is_in(answered: TestResponse) -> bool:
    """Signed in, and not before a second step."""
    return answered.status_code == 303 and "/second-step" not in answered.location


def link_in(app: Flask, path: str) -> str:
    told = (*messages(app), *messages(app, of_devices=True))
    found = re.findall(rf"{path}\?token=([\w.~-]+)", "\n".join(message.text for message in told))
    assert found
    return str(found[-1])


# -- names ---------------------------------------------------------------------------------------------------------


def test_who_closes_an_account_and_is_proved_again_gets_in(app: Flask) -> None:
    old = someone_who_declared(app)
    with app.app_context(), storage.begin() as tx:
        person = flows.account_care.find_person(tx, runtime_of(app), NUMBER)
        flows.account_care.close(tx, runtime_of(app), person, Closing.WITHDRAWN, reason="", actor="the tests")
    with app.app_context():
        assert rows_of("sign_in_names") == []
    new = someone_who_declared(app, "another code")
    assert new.id != old.id
    sign_in(app.test_client(), new)
    prove_at_the_counter(app, new)
    with app.app_context(), storage.once() as tx:
        assert flows.account_care.find_person(tx, runtime_of(app), NUMBER).id == new.id


def test_a_closed_account_that_was_proved_takes_no_later_check(app: Flask) -> None:
    old = a_person(app, "proved")
    with app.app_context(), storage.begin() as tx:
        person = flows.account_care.find_person(tx, runtime_of(app), old.number)
        flows.account_care.close(tx, runtime_of(app), person, Closing.DIED, reason="a mistake", actor="the tests")
    check = CounterCheck(old.number, "Nguyễn Thị Mẫu", "1990-01-02", "CCCD", "o")
    with app.app_context(), storage.begin() as tx:
        assert flows.proofing.take_down(tx, runtime_of(app), check) != old.id


def test_officers_find_a_closed_account_by_its_number(app: Flask) -> None:
    old = someone_who_declared(app)
    with app.app_context(), storage.begin() as tx:
        person = flows.account_care.find_person(tx, runtime_of(app), NUMBER)
        flows.account_care.close(tx, runtime_of(app), person, Closing.DIED, reason="", actor="the tests")
        assert flows.account_care.find_person(tx, runtime_of(app), NUMBER).id == old.id


def test_what_an_old_portal_knew_is_claimed_by_nobody_once_the_number_was_proved(app: Flask) -> None:
    lend_keys(app)
    claims = {"name": "Nguyễn Thị Mẫu", "birthdate": "1990-01-02", "phone_number": "+84912000013"}
    runtime = runtime_of(app)
    with app.app_context():
        with storage.begin() as tx:
            flows.registration.preload(tx, runtime, NUMBER, claims, actor="the tests")
        with storage.begin() as tx:
            flows.proofing.take_down(tx, runtime, CounterCheck(NUMBER, "Nguyễn Thị Mẫu", "1990-01-02", "CCCD", "o"))
        [pending] = [row for row in rows_of("subjects") if row.state == "pending"]
        hashed = flows.registration.hash_new_password(runtime, PASSWORD)
        declared, contact = Declared("Nguyễn Thị Mẫu", "1990-01-02", NUMBER), Contact(ContactKind.PHONE, "+84912000013")
        with storage.begin() as tx:
            made = flows.registration.register(tx, runtime, declared, contact, hashed, proof="a code")
        assert made.subject.id != pending.id
        assert [row.state for row in rows_of("subjects") if row.id == pending.id] == ["pending"]


@pytest.mark.parametrize("name", [PHONE, MAIL])
def test_who_has_found_a_phone_locks_nobody_out_by_it_alone(app: Flask, name: str) -> None:
    a_person(app)
    browser = app.test_client()
    page = browser.get("/lock")
    refused = browser.post("/lock", data={"parked": parked_in(page), "identifier": name, "contact": PHONE})
    assert refused.status_code == 400
    assert messages(app) == []


# -- browsers that are known ---------------------------------------------------------------------------------------


def test_a_known_browser_is_known_no_more_after_a_recovery_a_lock_or_being_ended(app: Flask, clock: FixedClock) -> None:
    citizen, thief = a_person(app, "proved"), app.test_client()
    sign_in(thief, citizen)
    assert is_in(password_in(thief, citizen)), "known: the password alone is enough"
    owner = app.test_client()
    set_password(owner, by_one(app, owner, paper=a_counter_code(app, citizen.number)))
    assert "/second-step" in password_in(thief, citizen, NEW).location
    assert is_in(password_in(owner, citizen, NEW)), "the browser of the recovery is known"


def test_who_ends_all_other_sessions_forgets_the_other_browsers(app: Flask) -> None:
    citizen, thief, owner = a_person(app, "proved"), app.test_client(), app.test_client()
    sign_in(thief, citizen)
    sign_in(owner, citizen)
    page = owner.get("/account/activity")
    owner.post("/account/activity/end", data={"parked": parked_in(page), "session": "all"})
    assert "/second-step" in password_in(thief, citizen).location
    assert is_in(password_in(owner, citizen))


def test_who_ends_one_session_forgets_its_browser_alone(app: Flask) -> None:
    citizen, thief, other, owner = a_person(app, "proved"), app.test_client(), app.test_client(), app.test_client()
    for browser in (thief, other, owner):
        sign_in(browser, citizen)
    page = owner.get("/account/activity")
    sessions = re.findall(r'name="session" value="(\w+)"', page.text)
    with app.app_context():
        of_thief = min((row for row in rows_of("sessions")), key=lambda row: row.id).id.hex
    assert of_thief in sessions
    owner.post("/account/activity/end", data={"parked": parked_in(page), "session": of_thief})
    assert "/second-step" in password_in(thief, citizen).location
    assert is_in(password_in(other, citizen))


def test_a_browser_is_listed_and_forgotten_by_its_owner_alone(app: Flask) -> None:
    citizen, old, owner = a_person(app, "proved"), app.test_client(), app.test_client()
    sign_in(old, citizen)
    sign_in(owner, citizen)
    page = owner.get("/account/activity")
    known = re.findall(r'name="device" value="(\w+)"', page.text)
    with app.app_context():
        rows = sorted(rows_of("devices"), key=lambda row: row.id)
    assert sorted(known) == [row.id.hex for row in rows]
    forged = owner.post("/account/activity/forget", data={"device": rows[0].id.hex})
    assert forged.status_code == 200
    assert is_in(password_in(old, citizen)), "a post from elsewhere forgets nothing"
    owner.post("/account/activity/forget", data={"parked": parked_in(page), "device": rows[0].id.hex})
    assert "/second-step" in password_in(old, citizen).location
    with app.app_context():
        assert events()["device.forgotten"] == 1
    assert owner.post("/account/activity/forget", data={"parked": parked_in(page), "device": "x"}).status_code == 404


# -- recoveries ----------------------------------------------------------------------------------------------------


def test_a_stronger_recovery_takes_away_what_a_thief_s_weaker_one_added(app: Flask, clock: FixedClock) -> None:
    citizen, thief, key, owner = a_person(app), app.test_client(), Authenticator(), app.test_client()
    paper = a_printed_code(app, citizen)
    by_one(app, thief)
    clock.advance(hours=24)
    set_password(thief, by_one(app, thief))
    add_passkey(thief, key)
    clock.advance(hours=1)
    set_password(owner, by_one(app, owner, paper=paper))
    assert enter_with_passkey(app.test_client(), key).status_code == 401
    assert enters(app, citizen, NEW)
    with app.app_context():
        assert events()["factor.removed"] == 1


def test_a_recovery_as_strong_as_the_one_before_takes_nothing_away(app: Flask) -> None:
    """Else who has both contacts would undo the owner's way back for ever."""
    _, owner, thief, key = a_person(app), app.test_client(), app.test_client(), Authenticator()
    set_password(owner, by_both(app, owner))
    add_passkey(owner, key)
    set_password(thief, by_both(app, thief))
    assert enter_with_passkey(app.test_client(), key).status_code == 303


def test_who_was_seen_at_the_counter_after_a_thief_s_recovery_clears_out_at_once(app: Flask, clock: FixedClock) -> None:
    citizen, thief, owner, key = a_person(app), app.test_client(), app.test_client(), Authenticator()
    sign_in(owner, citizen)
    set_password(thief, by_both(app, thief))
    clock.advance(seconds=1)
    paper = a_counter_code(app, citizen.number)
    set_password(owner, answer(owner, ask_to_recover(owner, paper=paper)))
    add_passkey(owner, key)
    factor = re.search(r'name="factor" value="(\w+)"', open_page(owner).text)
    assert factor
    done = post_security(owner, open_page(owner), "/remove", sure="yes", way="passkey", factor=factor[1])
    assert done.status_code == 200
    assert enter_with_passkey(app.test_client(), key).status_code == 401


def test_the_link_that_said_no_to_one_recovery_stops_no_later_one(app: Flask, clock: FixedClock) -> None:
    a_person(app)
    by_one(app, app.test_client())
    old = link_in(app, "/recover/cancel")
    stopped = app.test_client().post("/recover/cancel", data={"token": old})
    assert 'id="cancelled"' in stopped.text
    by_one(app, app.test_client())
    app.test_client().post("/recover/cancel", data={"token": old})
    clock.advance(hours=24)
    browser = app.test_client()
    set_password(browser, by_one(app, browser))


def test_nobody_s_asking_ends_what_another_waits_for(app: Flask, clock: FixedClock) -> None:
    a_person(app)
    by_one(app, app.test_client(), MAIL)
    clock.advance(hours=20)
    by_one(app, app.test_client(), PHONE)
    clock.advance(hours=4)
    browser = app.test_client()
    set_password(browser, by_one(app, browser, MAIL))
    with app.app_context():
        assert sorted(row.state for row in rows_of("recoveries")) == ["cancelled", "used"], "and then there is one"


def test_who_got_an_account_back_takes_no_other_phone_into_it_yet(app: Flask, clock: FixedClock) -> None:
    citizen, thief = a_person(app), app.test_client()
    set_password(thief, by_both(app, thief))
    page = thief.get("/account/contacts")
    sent = len(messages(app))
    refused = thief.post("/account/contacts", data={"parked": parked_in(page), "contact": "0912 000 021"})
    assert refused.status_code == 400
    assert len(messages(app)) == sent
    clock.advance(hours=73)
    back = app.test_client()
    password_in(back, citizen, NEW)
    page = back.get("/account/contacts")
    assert (
        back.post("/account/contacts", data={"parked": parked_in(page), "contact": "0912 000 021"}).status_code == 200
    )


def test_one_contact_goes_round_no_app_or_passkey(app: Flask, clock: FixedClock) -> None:
    citizen, owner = a_person(app), app.test_client()
    sign_in(owner, citizen)
    secret = add_app(owner, clock)
    assert 'id="not-enough"' in by_one(app, app.test_client()).text
    browser = app.test_client()
    page = ask_to_recover(browser, contact=PHONE)
    clock.advance(seconds=31)
    both = answer(browser, page, **codes_for(app, "contact-code"), **{"app-code": code_of(secret, clock)})
    assert 'id="wait"' in both.text, "the app beside a contact is two things"
    clock.advance(hours=24)
    page = ask_to_recover(browser, contact=PHONE)
    typed = {**codes_for(app, "contact-code"), "app-code": code_of(secret, clock)}
    set_password(browser, answer(browser, page, **typed))


def test_a_wrong_code_of_the_app_opens_nothing_and_new_codes_are_sent(app: Flask, clock: FixedClock) -> None:
    citizen, owner = a_person(app), app.test_client()
    sign_in(owner, citizen)
    secret = add_app(owner, clock)
    browser = app.test_client()
    page = ask_to_recover(browser, contact=PHONE)
    wrong = answer(browser, page, **codes_for(app, "contact-code"), **{"app-code": "000000"})
    assert wrong.status_code == 401
    with app.app_context():
        assert rows_of("recoveries") == []
    clock.advance(seconds=31)
    again = answer(browser, wrong, **codes_for(app, "contact-code"), **{"app-code": code_of(secret, clock)})
    assert 'id="wait"' in again.text


def test_a_thief_s_passkey_does_not_guard_the_account_against_its_owner(app: Flask, clock: FixedClock) -> None:
    _, thief, owner, key = a_person(app), app.test_client(), app.test_client(), Authenticator()
    by_one(app, thief, MAIL)
    clock.advance(hours=24)
    set_password(thief, by_one(app, thief, MAIL))
    add_passkey(thief, key)
    clock.advance(hours=1)
    set_password(owner, by_both(app, owner))
    assert enter_with_passkey(app.test_client(), key).status_code == 401


def test_a_password_that_stands_on_one_contact_is_no_second_factor(app: Flask, clock: FixedClock) -> None:
    """RFC 8176: `amr` tells the truth."""
    _, browser = a_person(app), app.test_client()
    by_one(app, browser)
    clock.advance(hours=24)
    set_password(browser, by_one(app, browser))
    with app.app_context():
        [session] = rows_of("sessions")
    assert (session.amr, session.auth_level) == ("sms", 1)


# -- "this was not me" ---------------------------------------------------------------------------------------------


def test_this_was_not_me_locks_and_leads_to_a_new_password(app: Flask) -> None:
    citizen, thief, owner = a_person(app), app.test_client(), app.test_client()
    sign_in(thief, citizen)
    locked = owner.post("/lock/not-me", data={"token": link_in(app, "/lock/not-me")})
    assert 'id="get-back" href="/recover"' in locked.text
    assert state_of(app, citizen) is AccountState.LOCKED
    set_password(owner, by_both(app, owner))
    assert state_of(app, citizen) is AccountState.ACTIVE
    assert not is_in(password_in(thief, citizen))
    with app.app_context():
        assert events()["account.unlocked"] == 1


def test_a_lock_for_a_stolen_phone_takes_the_place_of_the_link_s_and_opens_in_person_only(app: Flask) -> None:
    citizen, owner = a_person(app), app.test_client()
    token = mail_tokens.seal(runtime_of(app), "not me", citizen.id)
    owner.post("/lock/not-me", data={"token": token})
    page = owner.get("/lock")
    form = {"parked": parked_in(page), "identifier": citizen.number, "contact": MAIL}
    page = follow(owner, owner.post("/lock", data=form))
    owner.post("/lock/code", data={"parked": parked_in(page), "code": messages(app)[-1].code})
    thief = app.test_client()
    assert 'id="locked"' in by_both(app, thief).text
    assert state_of(app, citizen) is AccountState.LOCKED


# -- tries ---------------------------------------------------------------------------------------------------------


def test_the_codes_of_an_app_are_not_guessed_over_days(app: Flask, clock: FixedClock) -> None:
    citizen, owner, thief = a_person(app, "proved"), app.test_client(), app.test_client()
    sign_in(owner, citizen)
    secret = add_app(owner, clock)
    page = follow(thief, password_in(thief, citizen))
    runtime = runtime_of(app)
    for place in range(101):
        clock.advance(minutes=16)
        with app.app_context(), storage.begin() as tx:
            person = flows.second_factor.find_person(tx, runtime, citizen.id)
            assert person is not None
            proof = flows.second_factor.Proof(flows.second_factor.Way.TOTP, "000000")
            flows.second_factor.check(tx, runtime, person, proof, address=f"198.51.{place}.9")
    page = follow(thief, password_in(thief, citizen))
    form = {"parked": parked_in(page), "way": "totp", "code": code_of(secret, clock)}
    assert thief.post("/second-step", data=form).status_code == 401, "even a right one, by now"
    other = app.test_client()
    set_password(other, answer(other, ask_to_recover(other, paper=a_counter_code(app, citizen.number))))
    clock.advance(seconds=31)
    page = follow(thief, password_in(thief, citizen, NEW))
    form = {"parked": parked_in(page), "way": "totp", "code": code_of(secret, clock)}
    assert thief.post("/second-step", data=form).status_code == 303, "a new password begins anew"


def test_one_contact_gets_so_many_codes_in_a_day(app: Flask, clock: FixedClock) -> None:
    a_person(app)
    sent = 0
    for _ in range(30):
        clock.advance(minutes=20)
        ask_to_recover(app.test_client(), contact=PHONE)
        sent = len(messages(app))
    assert sent == runtime_of(app).settings.codes.per_contact_per_day == 20
    clock.advance(hours=24)
    ask_to_recover(app.test_client(), contact=PHONE)
    assert len(messages(app)) == 21


# -- what was left behind ------------------------------------------------------------------------------------------


def test_a_screen_does_not_go_on_once_the_phone_has_signed_out(app: Flask) -> None:
    citizen, phone, computer = a_person(app), app.test_client(), app.test_client()
    computer.environ_base["HTTP_USER_AGENT"] = "Chrome"
    sign_in(phone, citizen)
    shown = show(computer)
    say(phone, scan(phone, shown), number=shown.number)
    page = follow(phone, phone.get("/sign-out"))
    phone.post("/sign-out", data={"parked": parked_in(page)})
    shown.go_on()
    assert computer.get("/account").status_code == 303


def test_what_was_typed_at_a_counter_is_gone_with_who_typed_it(app: Flask, clock: FixedClock) -> None:
    """However the page was left: the next person's Back key brings nothing back, and sends nothing on."""
    screen = a_screen(app)
    page = at_code(screen)
    assert "0912" in screen.get(page.request.full_path).text
    clock.advance(minutes=4)
    back = screen.get(page.request.full_path)
    assert (back.status_code, back.location) == (303, "/register")
    screen.get("/register")
    assert screen.get(page.request.full_path).status_code == 303, "nor after the next one has begun"


@pytest.mark.parametrize(
    "path", ["/account/activity/end", "/account/contacts/remove", "/account/security/totp/confirm"]
)
def test_a_post_after_the_sign_in_has_ended_comes_back_to_the_page_it_was_on(app: Flask, path: str) -> None:
    citizen, browser = a_person(app), app.test_client()
    page = follow(browser, browser.post(path, data={"session": "all"}))
    typed = {"parked": parked_in(page), "identifier": citizen.number, "password": citizen.password}
    home = follow(browser, browser.post("/sign-in", data=typed))
    assert (home.status_code, home.request.path) == (200, path.rpartition("/")[0].removesuffix("/totp"))
