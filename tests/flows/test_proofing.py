"""A person checked at a counter: the number is theirs, and nothing of a thief's carries over (pre-hijacking)."""

import pytest
from flask import Flask

from idp import storage
from idp.domain.identifiers import ContactKind, SignInKind
from idp.domain.levels import ProofSource
from idp.domain.proofing import CounterCheck
from idp.flows import proofing
from idp.flows.proofing import Proved
from idp.runtime.runtime import Runtime
from tests.builders import a_citizen, a_service, follow, obtain_tokens, parked_in, refresh, sign_in
from tests.mailbag import messages
from tests.rows import events, rows_of
from tests.web.citizen.test_register import MAIL, PASSWORD, PHONE, register
from tests.web.citizen.test_security import Authenticator, add_passkey, enter_with_passkey

NUMBER = "003199000013"
NEW = "ba con meo trang ngu"


def prove(runtime: Runtime, contact: tuple[ContactKind, str] | None = None, number: str = NUMBER) -> Proved:
    check = CounterCheck(number, "Lê Thị Lụa", "1999-01-02", "thẻ căn cước 12/03/2024", "cán bộ A", contact)
    with storage.begin() as tx:
        return proofing.prove(tx, runtime, check)


def password_opens(app: Flask, name: str, password: str) -> bool:
    browser = app.test_client()
    page = follow(browser, browser.get("/sign-in"))
    typed = {"identifier": name, "password": password}
    return browser.post("/sign-in", data={"parked": parked_in(page), **typed}).status_code == 303


def enter_by_paper(app: Flask, number: str, code: str, password: str = NEW) -> None:
    browser = app.test_client()
    form = {"parked": parked_in(browser.get("/recover")), "identifier": number, "paper": code}
    page = follow(browser, browser.post("/recover", data=form))
    page = follow(browser, browser.post("/recover/codes", data={"parked": parked_in(page)}))
    done = browser.post("/recover/password", data={"parked": parked_in(page), "password": password})
    assert done.status_code == 303


def test_nothing_that_a_thief_set_before_carries_over(app: Flask, runtime: Runtime) -> None:
    """Somebody else registered the number first, with a contact, a password, a passkey and a service of their own."""
    thief, key, service = app.test_client(), Authenticator(), a_service(app)
    register(thief, app, contact=MAIL)
    tokens = obtain_tokens(thief, service, scope="openid offline_access")
    add_passkey(thief, key)
    proved = prove(runtime)
    assert len(rows_of("subjects")) == 2, "the thief's account stays a stranger's"
    assert not password_opens(app, NUMBER, PASSWORD), "the number is not the thief's name any more"
    enter_by_paper(app, NUMBER, proved.code)
    assert password_opens(app, NUMBER, NEW)
    assert thief.get("/account").status_code == 200, "who merely said the number keeps an account that says it"
    assert refresh(thief, service, tokens["refresh_token"]).status_code == 200


def test_the_account_that_the_person_shows_is_raised_and_only_the_confirmed_contact_stays(
    app: Flask, runtime: Runtime
) -> None:
    owner, key, service = app.test_client(), Authenticator(), a_service(app)
    register(owner, app, contact=PHONE)
    tokens = obtain_tokens(owner, service, scope="openid offline_access")
    add_passkey(owner, key)
    proved = prove(runtime, (ContactKind.PHONE, "+84912000013"))
    [subject] = rows_of("subjects")
    assert (subject.id, subject.proof_source) == (proved.subject_id, "counter")
    assert owner.get("/account").status_code == 303
    assert refresh(owner, service, tokens["refresh_token"]).status_code == 400
    assert enter_with_passkey(app.test_client(), key).status_code == 401
    assert not password_opens(app, NUMBER, PASSWORD)
    assert [row.ended_at is None for row in rows_of("contacts")] == [True]
    enter_by_paper(app, NUMBER, proved.code)
    facts = {row.name: row.source for row in rows_of("facts") if row.superseded_at is None}
    assert facts == dict.fromkeys(
        (
            "name",
            "birthdate",
            "given_name",
            "family_name",
            "middle_name",
            "gender",
            "personal_id_number",
            "phone_number",
        ),
        "counter",
    )
    assert events()["person.proved"] == 1


def test_who_has_no_account_gets_one_that_opens_by_the_paper(app: Flask, runtime: Runtime) -> None:
    a_service(app)
    proved = prove(runtime)
    assert not password_opens(app, NUMBER, NEW)
    enter_by_paper(app, NUMBER, proved.code)
    assert password_opens(app, NUMBER, NEW)


def test_a_second_check_keeps_what_the_person_has(app: Flask, runtime: Runtime) -> None:
    citizen = a_citizen(app, NUMBER, proof_source=ProofSource.COUNTER)
    browser = app.test_client()
    sign_in(browser, citizen)
    proved = prove(runtime)
    assert proved.subject_id == citizen.id
    assert browser.get("/account").status_code == 200
    assert "Lê Thị Lụa" in browser.get("/account").text


def test_who_was_proved_is_found_by_the_number_and_who_merely_said_it_no_more(app: Flask, runtime: Runtime) -> None:
    thief = app.test_client()
    register(thief, app, contact=MAIL)
    proved = prove(runtime)
    names = [(row.kind, row.proof, row.subject_id == proved.subject_id) for row in rows_of("sign_in_names")]
    assert (SignInKind.PERSONAL_NUMBER, "counter", True) in names
    assert (SignInKind.PERSONAL_NUMBER, "self", False) not in names


@pytest.mark.parametrize("contact", [None, (ContactKind.EMAIL, "khac@nguoi-mau.example")])
def test_an_account_is_raised_only_by_a_contact_that_it_proved(
    app: Flask, runtime: Runtime, contact: tuple[ContactKind, str] | None
) -> None:
    register(app.test_client(), app, contact=PHONE)
    prove(runtime, contact)
    assert sorted(row.proof_source for row in rows_of("subjects")) == ["counter", "self"]


def test_the_code_is_for_the_paper_alone(app: Flask, runtime: Runtime) -> None:
    a_service(app)
    proved = prove(runtime)
    assert messages(app) == []
    [row] = rows_of("recovery_codes")
    assert proved.code.replace(" ", "").encode() not in bytes(row.code_index)
    assert (row.kind, row.issued_by) == ("counter_code", "cán bộ A")
    assert "code" not in repr(proved)
