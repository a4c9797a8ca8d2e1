"""How I sign in: factors are added, used, removed; each change is told; only a fresh and strong sign-in makes one.

W3C Web Authentication 7.1, 7.2; RFC 6238 5.2. The authenticator is software; a real browser's is tried in journeys.
"""

import html
import re

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp.domain.levels import ProofSource
from tests.builders import (
    Citizen,
    a_citizen,
    a_service,
    ask,
    claims_in,
    follow,
    obtain_tokens,
    parked_in,
    refresh,
    sign_in,
    walk,
)
from tests.doubles import FixedClock
from tests.mailbag import messages
from tests.rows import events, rows_of
from tests.soft_authenticator import Authenticator

NEW_PASSWORD = "ba con meo trang ngu"


def open_page(browser: FlaskClient) -> TestResponse:
    page = follow(browser, browser.get("/account/security"))
    assert page.status_code == 200, page.status
    return page


def options_in(page: TestResponse, kind: str) -> str:
    found = re.search(rf'data-passkey="{kind}" data-options="([^"]*)"', page.text)
    assert found, f"no form of kind {kind}"
    return html.unescape(found[1])


def post(browser: FlaskClient, page: TestResponse, path: str, **typed: str) -> TestResponse:
    return follow(browser, browser.post(f"/account/security{path}", data={"parked": parked_in(page), **typed}))


def add_passkey(browser: FlaskClient, key: Authenticator, name: str = "Máy ở nhà") -> TestResponse:
    page = open_page(browser)
    return post(browser, page, "/passkey", answer=key.make(options_in(page, "create")), name=name)


def add_app(browser: FlaskClient, clock: FixedClock) -> str:
    """Add an authenticator app; its secret."""
    page = post(browser, open_page(browser), "/totp")
    found = re.search(r'id="secret">([A-Z2-7 ]+)<', page.text)
    assert found
    secret = found[1].replace(" ", "")
    assert "<svg" in page.text
    done = post(browser, page, "/totp/confirm", code=code_of(secret, clock))
    assert done.status_code == 200
    return secret


def code_of(secret: str, clock: FixedClock) -> str:
    return pyotp.TOTP(secret).at(clock.now())


def enter_with_passkey(client: FlaskClient, key: Authenticator, **changed: object) -> TestResponse:
    page = follow(client, client.get("/sign-in"))
    answer = key.sign(options_in(page, "autofill"), **changed)
    return client.post("/sign-in/passkey", data={"parked": parked_in(page), "answer": answer})


# -- passkeys ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("synced", "method"), [(True, "swk"), (False, "hwk")])
def test_webauthn_7_2_a_passkey_signs_in_alone_and_tells_the_truth(
    app: Flask, browser: FlaskClient, synced: bool, method: str
) -> None:
    key = Authenticator(synced=synced)
    done = add_passkey(browser, key)
    assert "Máy ở nhà" in done.text
    service, stranger = a_service(app), app.test_client()
    assert enter_with_passkey(stranger, key).status_code == 303
    tokens = obtain_tokens(stranger, service)
    claims = claims_in(stranger, tokens["id_token"])
    assert claims["amr"] == [method, "mfa"]
    assert claims["acr"] == "urn:bacninh:xacthuc:2"


def test_each_change_is_noted_and_told_to_every_contact(app: Flask, browser: FlaskClient) -> None:
    add_passkey(browser, Authenticator())
    told = [(message.channel, message.to) for message in messages(app)]
    assert told == [("sms", "+84912000013"), ("mail", "nguyen.thi.mau@nguoi-mau.example")]
    assert all("khóa" in message.text for message in messages(app))
    with app.app_context():
        assert events()["factor.added"] == 1


def test_webauthn_7_2_an_answer_is_good_once(app: Flask, browser: FlaskClient) -> None:
    key = Authenticator()
    add_passkey(browser, key)
    stranger = app.test_client()
    page = follow(stranger, stranger.get("/sign-in"))
    form = {"parked": parked_in(page), "answer": key.sign(options_in(page, "autofill"))}
    assert stranger.post("/sign-in/passkey", data=form).status_code == 303
    assert stranger.post("/sign-in/passkey", data=form).status_code == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "https://dinh-danh-gia.example"},
        {"challenge": "AAAA"},
        {"type": "webauthn.create"},
        {"verifies": False},
        {"private": Authenticator().private},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_webauthn_7_2_what_does_not_hold_signs_nobody_in(
    app: Flask, browser: FlaskClient, changed: dict[str, object]
) -> None:
    key = Authenticator()
    add_passkey(browser, key)
    stranger = app.test_client()
    said = {name: value for name, value in changed.items() if name in ("origin", "challenge", "type")}
    for name, value in changed.items():
        if name not in said:
            setattr(key, name, value)
    refused = enter_with_passkey(stranger, key, **said)
    assert refused.status_code == 401
    assert "idp_session" not in refused.headers.get("Set-Cookie", "")


def test_webauthn_7_2_a_count_that_goes_back_is_a_copy_s(app: Flask, browser: FlaskClient) -> None:
    key = Authenticator(synced=False, count=5)
    add_passkey(browser, key)
    assert enter_with_passkey(app.test_client(), key).status_code == 303
    key.count = 3
    assert enter_with_passkey(app.test_client(), key).status_code == 401


@pytest.mark.parametrize("answer", ["", "x", "[]", "{}", '{"id": 7}', '{"id":"AA","response":{}}', "9" * 20_000])
def test_webauthn_7_2_nonsense_is_no_answer(app: Flask, browser: FlaskClient, answer: str) -> None:
    stranger = app.test_client()
    page = follow(stranger, stranger.get("/sign-in"))
    refused = stranger.post("/sign-in/passkey", data={"parked": parked_in(page), "answer": answer})
    assert refused.status_code == 401
    page = open_page(browser)
    assert post(browser, page, "/passkey", answer=answer, name="x").status_code == 400


def test_webauthn_7_1_one_credential_is_one_person_s(app: Flask, browser: FlaskClient) -> None:
    key, other = Authenticator(), app.test_client()
    add_passkey(browser, key)
    sign_in(other, a_citizen(app, "003085000021"))
    page = open_page(other)
    assert post(other, page, "/passkey", answer=key.make(options_in(page, "create")), name="x").status_code == 400


def test_a_removed_passkey_opens_nothing(app: Flask, browser: FlaskClient) -> None:
    key = Authenticator()
    add_passkey(browser, key)
    owner = app.test_client()
    assert enter_with_passkey(owner, key).status_code == 303
    page = open_page(owner)
    with app.app_context():
        [row] = rows_of("passkeys")
    post(owner, page, "/remove", sure="yes", way="passkey", factor=row.id.hex)
    assert enter_with_passkey(app.test_client(), key).status_code == 401
    with app.app_context():
        assert events()["factor.removed"] == 1


# -- authenticator apps --------------------------------------------------------------------------------------------


def asked_for_step(client: FlaskClient, app: Flask, citizen: Citizen) -> TestResponse:
    """A service that wants the second level; the page of the second step."""
    service = a_service(app, client_name="Cần mức hai", minimum_auth_level=2)
    page = walk(client, ask(client, service), citizen, second_step=False)
    assert page.request.path == "/second-step", page.request.path
    return page


def step(client: FlaskClient, page: TestResponse, way: str, **typed: str) -> TestResponse:
    return client.post("/second-step", data={"parked": parked_in(page), "way": way, **typed})


def test_rfc6238_5_2_a_time_step_is_spent_once(
    app: Flask, browser: FlaskClient, citizen: Citizen, clock: FixedClock
) -> None:
    secret = add_app(browser, clock)
    page = asked_for_step(browser, app, citizen)
    assert step(browser, page, "totp", code=code_of(secret, clock)).status_code == 401  # it added the app
    clock.advance(seconds=30)
    entered = step(browser, page, "totp", code=code_of(secret, clock))
    assert entered.status_code == 303
    other = app.test_client()
    page = asked_for_step(other, app, citizen)
    assert step(other, page, "totp", code=code_of(secret, clock)).status_code == 401
    clock.advance(seconds=30)
    assert step(other, page, "totp", code=code_of(secret, clock)).status_code == 303


def test_a_wrong_first_code_adds_no_app(app: Flask, browser: FlaskClient) -> None:
    page = post(browser, open_page(browser), "/totp")
    assert post(browser, page, "/totp/confirm", code="000000").status_code == 400
    with app.app_context():
        assert rows_of("totp_secrets") == []


# -- printed codes, password ---------------------------------------------------------------------------------------


def printed(page: TestResponse) -> list[str]:
    return re.findall(r"<li>(\d{5} \d{5})</li>", page.text)


def test_ten_codes_are_shown_once_and_each_works_once(app: Flask, browser: FlaskClient, citizen: Citizen) -> None:
    old = printed(post(browser, open_page(browser), "/codes"))
    codes = printed(post(browser, open_page(browser), "/codes"))
    assert len(set(codes)) == 10
    page = asked_for_step(browser, app, citizen)
    assert step(browser, page, "recovery_code", code=old[0]).status_code == 401
    assert step(browser, page, "recovery_code", code=codes[0]).status_code == 303
    other = app.test_client()
    page = asked_for_step(other, app, citizen)
    assert step(other, page, "recovery_code", code=codes[0]).status_code == 401
    assert step(other, page, "recovery_code", code=codes[1].replace(" ", "")).status_code == 303
    with app.app_context():
        stored = b"".join(bytes(row.code_index) for row in rows_of("recovery_codes"))
        assert not any(code.replace(" ", "").encode() in stored for code in codes)


def test_a_new_password_ends_every_other_session(app: Flask, browser: FlaskClient, citizen: Citizen) -> None:
    elsewhere = app.test_client()
    sign_in(elsewhere, citizen)
    done = post(browser, open_page(browser), "/password", password=NEW_PASSWORD)
    assert done.status_code == 200
    assert browser.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 303
    stranger = app.test_client()
    page = follow(stranger, stranger.get("/sign-in"))
    for password, status in ((citizen.password, 401), (NEW_PASSWORD, 303)):
        typed = {"identifier": citizen.number, "password": password}
        assert stranger.post("/sign-in", data={"parked": parked_in(page), **typed}).status_code == status


def test_a_weak_new_password_changes_nothing(app: Flask, browser: FlaskClient, citizen: Citizen) -> None:
    assert post(browser, open_page(browser), "/password", password="matkhau123").status_code == 400
    sign_in(app.test_client(), citizen)


def test_an_account_is_closed_for_good_by_who_says_so_twice(app: Flask, browser: FlaskClient, citizen: Citizen) -> None:
    refused = post(browser, open_page(browser), "/close")
    assert refused.status_code == 400
    assert browser.get("/account").status_code == 200
    service = a_service(app)
    tokens = obtain_tokens(browser, service, scope="openid offline_access")
    done = post(browser, open_page(browser), "/close", meant="yes")
    assert 'id="closed"' in done.text
    assert browser.get("/account").status_code == 303
    assert refresh(browser, service, tokens["refresh_token"]).status_code == 400
    stranger = app.test_client()
    page = follow(stranger, stranger.get("/sign-in"))
    typed = {"identifier": citizen.number, "password": citizen.password}
    assert stranger.post("/sign-in", data={"parked": parked_in(page), **typed}).status_code == 401
    assert {message.to for message in messages(app)} == {"+84912000013", "nguyen.thi.mau@nguoi-mau.example"}
    with app.app_context():
        assert events()["account.closed"] == 1


# -- who may change ------------------------------------------------------------------------------------------------


def test_an_old_sign_in_is_taken_anew_first(
    app: Flask, browser: FlaskClient, clock: FixedClock, citizen: Citizen
) -> None:
    page = open_page(browser)
    clock.advance(minutes=16)
    assert browser.get("/account/security").location.startswith("/sign-in?")
    answer = browser.post("/account/security/codes", data={"parked": parked_in(page)})
    assert answer.location.startswith("/sign-in?")
    entered = walk(browser, answer, citizen)
    assert entered.request.path == "/account/security"


def test_whoever_has_a_strong_factor_changes_nothing_without_it(
    app: Flask, browser: FlaskClient, citizen: Citizen
) -> None:
    """A thief of the password alone adds nothing of their own."""
    add_passkey(browser, Authenticator())
    thief = app.test_client()
    sign_in(thief, citizen)
    assert thief.get("/account/security").location.startswith("/second-step?")
    assert thief.post("/account/security/codes").location.startswith("/second-step?")


@pytest.mark.parametrize("path", ["/passkey", "/totp/confirm", "/codes", "/remove", "/password"])
def test_a_post_that_is_not_of_the_own_page_changes_nothing(app: Flask, browser: FlaskClient, path: str) -> None:
    other = app.test_client()
    sign_in(other, a_citizen(app, "003085000021"))
    foreign = parked_in(open_page(other))
    with app.app_context():
        before = events()
    for parked in ("", "x", foreign):
        form = {"parked": parked, "password": NEW_PASSWORD, "way": "passkey", "code": "1", "answer": "{}"}
        assert browser.post(f"/account/security{path}", data=form).status_code == 200
    with app.app_context():
        assert events() == before
    assert app.test_client().post(f"/account/security{path}").location.startswith("/sign-in?")


# -- the second step -----------------------------------------------------------------------------------------------


def half_way(app: Flask) -> tuple[FlaskClient, TestResponse, Citizen]:
    """Somebody whose person was checked at a counter, with the right password in an unknown browser."""
    proved = a_citizen(app, "003085000021", proof_source=ProofSource.COUNTER)
    client = app.test_client()
    page = walk(client, client.get("/sign-in"), proved, second_step=False)
    assert page.request.path == "/second-step"
    return client, page, proved


def test_what_was_proved_is_not_opened_by_a_password_alone_in_an_unknown_browser(app: Flask) -> None:
    client, page, proved = half_way(app)
    assert client.get("/account").status_code == 303
    assert step(client, page, "sms", code="000000").status_code == 401
    sent = follow(client, step(client, page, "sms", send="1"))
    assert client.get("/account").status_code == 303
    done = follow(client, step(client, sent, "sms", code=messages(app)[-1].code))
    assert done.status_code == 200
    assert client.get("/account").status_code == 200
    client.delete_cookie("idp_session")
    assert walk(client, client.get("/sign-in"), proved).request.path == "/"  # the browser is known now


def test_amr_tells_each_step(app: Flask) -> None:
    client, page, _ = half_way(app)
    sent = follow(client, step(client, page, "email", send="1"))
    follow(client, step(client, sent, "email", code=messages(app)[-1].code))
    claims = claims_in(client, obtain_tokens(client, a_service(app))["id_token"])
    assert (claims["amr"], claims["acr"]) == (["pwd", "otp", "mfa"], "urn:bacninh:xacthuc:2")


def test_a_code_is_sent_only_where_it_was_proved_and_shown_masked(app: Flask) -> None:
    client, page, _ = half_way(app)
    sent = follow(client, step(client, page, "sms", send="1"))
    assert messages(app)[-1].to == "+84912000021"
    assert "912000021" not in sent.text.replace(" ", "")
    assert "021" in sent.text


def test_tries_are_counted_over_pages_and_never_lock_the_owner_out(app: Flask, clock: FixedClock) -> None:
    client, page, proved = half_way(app)
    for _ in range(5):
        assert step(client, page, "sms", code="123456").status_code == 401
    sent = follow(client, step(client, page, "sms", send="1"))
    assert step(client, sent, "sms", code=messages(app)[-1].code).status_code == 401
    owner = app.test_client()
    elsewhere = {"REMOTE_ADDR": "198.51.100.7"}
    asked = follow(owner, owner.get("/sign-in"))
    typed = {"identifier": proved.number, "password": proved.password}
    begun = owner.post("/sign-in", data={"parked": parked_in(asked), **typed}, environ_base=elsewhere)
    page = follow(owner, begun)
    form = {"parked": parked_in(page), "way": "sms", "send": "1"}
    sent = follow(owner, owner.post("/second-step", data=form, environ_base=elsewhere))
    form = {"parked": parked_in(sent), "way": "sms", "code": messages(app)[-1].code}
    assert owner.post("/second-step", data=form, environ_base=elsewhere).status_code == 303


def test_the_password_counts_for_a_quarter_of_an_hour(app: Flask, clock: FixedClock) -> None:
    client, page, _ = half_way(app)
    clock.advance(minutes=16)
    assert step(client, page, "sms", send="1").location == "/"
    assert messages(app) == []


def test_a_page_of_another_browser_steps_nowhere(app: Flask) -> None:
    _, page, _ = half_way(app)
    assert step(app.test_client(), page, "sms", send="1").location == "/"
    assert messages(app) == []


def test_oidc_unmet_a_person_without_any_factor_reads_how_to_get_one_and_goes_back(app: Flask) -> None:
    bare = a_citizen(app, "003190000099", claims={"name": "Lê Thị Mẫu"})
    client = app.test_client()
    page = asked_for_step(client, app, bare)
    assert "Trung tâm Phục vụ hành chính công" in page.text
    back = follow(client, client.post("/second-step", data={"parked": parked_in(page), "give-up": "1"}))
    assert "error=unmet_authentication_requirements" in back.location


def test_oidc_core_3_1_2_1_a_level_that_is_wished_for_is_asked_of_who_can_reach_it(
    app: Flask, browser: FlaskClient, citizen: Citizen, clock: FixedClock
) -> None:
    service = a_service(app)
    wish = {"acr_values": "urn:bacninh:xacthuc:2"}
    page = walk(browser, ask(browser, service, **wish), citizen, second_step=False)
    assert page.request.path == "/second-step"
    declined = browser.post("/second-step", data={"parked": parked_in(page), "give-up": "1"})
    assert "code=" in walk(browser, declined).location
    bare, client = a_citizen(app, "003190000099", claims={"name": "Lê Thị Mẫu"}), app.test_client()
    assert "code=" in walk(client, ask(client, service, **wish), bare).location
    silent = follow(browser, ask(browser, service, prompt="none", **wish))
    assert "code=" in silent.location


def test_a_removal_is_asked_about_first_by_its_name(app: Flask, browser: FlaskClient) -> None:
    key = Authenticator()
    add_passkey(browser, key, "Điện thoại của mẹ")
    owner = app.test_client()
    enter_with_passkey(owner, key)
    with app.app_context():
        [row] = rows_of("passkeys")
    asked = post(owner, open_page(owner), "/remove", way="passkey", factor=row.id.hex)
    assert 'id="sure"' in asked.text and "Điện thoại của mẹ" in asked.text
    assert enter_with_passkey(app.test_client(), key).status_code == 303, "nothing was removed yet"
    post(owner, asked, "/remove", sure="yes", way="passkey", factor=row.id.hex)
    assert enter_with_passkey(app.test_client(), key).status_code == 401
