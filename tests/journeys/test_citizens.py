"""A citizen's own ways in a real Chromium: registering, a passkey of its virtual authenticator, a second step, a lock.

W3C Web Authentication 5.1.4 (conditional mediation), 7; WCAG 2.2 3.3.8.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pyotp
import pytest
from playwright.sync_api import CDPSession, expect

from tests.journeys.visitor import Person, Visitor

pytestmark = [pytest.mark.journey, pytest.mark.postgres]
PASSWORD = "cay da ben nuoc san dinh"


@pytest.fixture
def authenticator(visitor: Visitor) -> Iterator[CDPSession]:
    """The screen lock of the visitor's own device, which says yes."""
    session = visitor.context.new_cdp_session(visitor.page)
    session.send("WebAuthn.enable", {"enableUI": False})
    options: dict[str, Any] = {"protocol": "ctap2", "transport": "internal", "automaticPresenceSimulation": True}
    options |= {"hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield session
    session.detach()


def register(visitor: Visitor, mailbox: str, number: str = "003199000127") -> None:
    """From where one is: the four pages."""
    page = visitor.page
    for field, value in (("personal_number", number), ("full_name", "Lê Thị Lụa"), ("birth_date", "1999")):
        page.fill(f"#{field}", value)
    visitor.press("#continue")
    page.fill("#contact", mailbox)
    visitor.press("#continue")
    page.fill("#code", visitor.demo.code_sent_to(mailbox))
    visitor.press("#verify")
    page.fill("#password", PASSWORD)
    visitor.press("#register")


def test_who_has_no_account_registers_on_the_way_to_a_service(visitor: Visitor) -> None:
    visitor.ask_to_enter(visitor.demo.portal)
    visitor.press("#register")
    register(visitor, "lua-dich-vu@nguoi-mau.example")
    assert visitor.path == "/consent"
    visitor.answer()
    expect(visitor.page).to_have_url(f"{visitor.demo.portal}/")
    expect(visitor.page.locator("h1")).to_have_text("Xin chào, Lê Thị Lụa")


def test_without_a_script_one_registers_too(new_visitor: Callable[..., Visitor]) -> None:
    visitor = new_visitor(java_script_enabled=False)
    visitor.page.goto(f"{visitor.demo.provider}/register")
    register(visitor, "lua-khong-script@nguoi-mau.example")
    assert visitor.path == "/account"


def test_a_passkey_is_added_and_signs_in_with_one_tap(
    visitor: Visitor, authenticator: CDPSession, person: Person
) -> None:
    page, demo = visitor.page, visitor.demo
    page.goto(f"{demo.provider}/sign-in")
    visitor.sign_in(person)
    page.goto(f"{demo.provider}/account/security")
    page.fill("#name", "Điện thoại của tôi")
    visitor.press("#add-passkey")
    expect(page.locator("main")).to_contain_text("Điện thoại của tôi")
    page.goto(f"{demo.provider}/sign-out")
    visitor.press("#logout-confirm")
    visitor.ask_to_enter(demo.portal)
    # The virtual authenticator answers the autofill by itself: not even a tap is left.
    page.wait_for_url("**/consent?**")
    visitor.answer()
    visitor.expect_in(demo.portal, person)


@pytest.mark.parametrize("with_scripts", [True, False])
def test_a_phone_signs_a_computer_in(new_visitor: Callable[..., Visitor], person: Person, with_scripts: bool) -> None:
    """The picture is read by whoever holds the phone; the two browsers share nothing but the number on the screen."""
    phone, computer = new_visitor(), new_visitor(java_script_enabled=with_scripts)
    demo = phone.demo
    phone.page.goto(f"{demo.provider}/sign-in")
    phone.sign_in(person)
    computer.ask_to_enter(demo.portal)
    computer.press("#by-phone")
    phone.page.goto(str(computer.page.get_attribute("#picture", "data-address")))
    expect(phone.page.locator("main")).to_contain_text("Cổng Dịch vụ công tỉnh Bắc Ninh")
    phone.page.fill("#number", computer.page.inner_text("#number"))
    phone.press("#approve")
    if with_scripts:
        computer.page.wait_for_url("**/consent?**")
    else:
        computer.press("#continue")
    computer.answer()
    computer.expect_in(demo.portal, person)
    assert not computer.violations + phone.violations


def test_a_passkey_is_the_second_step_too(visitor: Visitor, authenticator: CDPSession, person: Person) -> None:
    page, demo = visitor.page, visitor.demo
    page.goto(f"{demo.provider}/sign-in")
    visitor.sign_in(person)
    page.goto(f"{demo.provider}/account/security")
    page.fill("#name", "Máy ở nhà")
    visitor.press("#add-passkey")
    page.goto(f"{demo.provider}/account/security")
    assert visitor.path == "/second-step"
    visitor.press("#verify")
    assert visitor.path == "/account/security"


def test_an_authenticator_app_is_added_by_its_key(visitor: Visitor, person: Person) -> None:
    page, demo = visitor.page, visitor.demo
    page.goto(f"{demo.provider}/sign-in")
    visitor.sign_in(person)
    page.goto(f"{demo.provider}/account/security")
    visitor.press("#add-app")
    expect(page.locator(".qr svg")).to_be_visible()
    secret = page.inner_text("#secret").replace(" ", "")
    page.fill("#code", pyotp.TOTP(secret).now())
    visitor.press("#verify")
    expect(page.locator("main")).to_contain_text("Ứng dụng xác thực")


def test_a_locked_identity_is_out_everywhere_at_once(
    visitor: Visitor, new_visitor: Callable[..., Visitor], person: Person
) -> None:
    demo, stranger = visitor.demo, new_visitor()
    visitor.enter(demo.portal, person)
    stranger.page.goto(f"{demo.provider}/lock")
    stranger.page.fill("#identifier", person.number)
    stranger.page.fill("#contact", person.written_phone)
    stranger.press("#continue")
    stranger.page.fill("#code", demo.code_sent_to(person.phone))
    stranger.press("#verify")
    expect(stranger.page.locator("#locked")).to_be_visible()
    visitor.wait_until_out(demo.portal)
    visitor.page.goto(f"{demo.provider}/account")
    assert visitor.path == "/sign-in"


def test_a_passkey_is_lost_the_account_got_back_and_locked_and_all_of_it_is_in_the_history(
    visitor: Visitor, authenticator: CDPSession, new_visitor: Callable[..., Visitor]
) -> None:
    mailbox, number, page, demo = "lua-ca-doi@nguoi-mau.example", "003199000151", visitor.page, visitor.demo
    page.goto(f"{demo.provider}/register")
    register(visitor, mailbox, number)
    page.goto(f"{demo.provider}/account/security")
    page.fill("#name", "Điện thoại sẽ mất")
    visitor.press("#add-passkey")
    page.goto(f"{demo.provider}/account/security")
    visitor.press("#verify")
    visitor.press("#print-codes")
    paper = page.locator(".codes li").first.inner_text()
    elsewhere = new_visitor()
    there = elsewhere.page
    there.goto(f"{demo.provider}/recover")
    for field, value in (("identifier", number), ("contact", mailbox), ("paper", paper)):
        there.fill(f"#{field}", value)
    elsewhere.press("#continue")
    there.fill("#contact-code", demo.code_sent_to(mailbox, after=1))
    elsewhere.press("#verify")
    there.fill("#password", f"{PASSWORD} moi")
    elsewhere.press("#recover")
    page.goto(f"{demo.provider}/account")
    assert visitor.path == "/sign-in", "signed out by the recovery"
    there.goto(f"{demo.provider}/lock")
    there.fill("#identifier", number)
    there.fill("#contact", mailbox)
    elsewhere.press("#continue")
    there.fill("#code", demo.code_sent_to(mailbox, after=2))
    elsewhere.press("#verify")
    expect(there.locator("#locked")).to_be_visible()
    demo.flask("accounts", "unlock", "--number", number, "--reason", "seen in person")
    there.goto(f"{demo.provider}/sign-in")
    elsewhere.fill_in(number, f"{PASSWORD} moi")
    there.goto(f"{demo.provider}/account/activity")
    told = there.locator("section[aria-labelledby=history]")
    for what in ("Đã thêm một cách đăng nhập", "Tài khoản được lấy lại", "Tài khoản bị khóa", "Tài khoản được mở lại"):
        expect(told).to_contain_text(what)
