"""People come and go: the whole story, and what happens to those who hesitate, err, wander or share a computer."""

from collections.abc import Callable
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

from tests.journeys import story
from tests.journeys.demo_process import DemoProcess
from tests.journeys.visitor import SIGN_IN_LINK, Person, Visitor

pytestmark = [pytest.mark.journey, pytest.mark.postgres]


def test_the_whole_story_and_then_the_second_person(visitor: Visitor) -> None:
    story.tell(visitor)
    visitor.sign_out_at(visitor.demo.portal)
    visitor.wait_until_out(visitor.demo.one_stop)
    # Another person at the same browser meets nothing of the first, and is asked for herself.
    visitor.ask_to_enter(visitor.demo.portal)
    assert visitor.page.input_value("#identifier") == ""
    visitor.sign_in(story.THU)
    assert visitor.path == "/consent"
    assert story.MAU.name not in visitor.page.content()
    visitor.answer()
    visitor.expect_in(visitor.demo.portal, story.THU)
    assert visitor.claim("email") == story.THU.email


def test_each_service_knows_the_person_by_another_code(visitor: Visitor, person: Person) -> None:
    """OIDC Core 8.1: `sub` is pairwise."""
    codes = set()
    for service in (visitor.demo.portal, visitor.demo.one_stop):
        visitor.enter(service, person)
        codes.add(visitor.claim("sub"))
    assert len(codes) == 2
    assert not any(person.number in code for code in codes)


def test_who_refuses_returns_with_nothing_sent_and_may_think_again(visitor: Visitor, person: Person) -> None:
    visitor.ask_to_enter(visitor.demo.portal)
    visitor.sign_in(person)
    visitor.answer("deny")
    assert visitor.is_at(visitor.demo.portal, "/callback")
    expect(visitor.page.locator("#error h1")).to_have_text("Ông/Bà đã không cho gửi thông tin")
    assert person.name not in visitor.page.content()
    visitor.press("#try-again")
    assert visitor.path == "/consent", "a refusal is not remembered as an answer for ever"
    visitor.answer()
    visitor.expect_in(visitor.demo.portal, person)


def test_a_wrong_password_keeps_the_name_and_the_service(visitor: Visitor, person: Person) -> None:
    visitor.ask_to_enter(visitor.demo.portal)
    visitor.fill_in(person.number, "khong-phai-mat-khau-nay")
    page = visitor.page
    assert page.input_value("#identifier") == person.number
    assert page.input_value("#password") == ""
    assert page.title().startswith("Lỗi:")
    expect(page.locator(".asker-name")).to_have_text("Cổng Dịch vụ công tỉnh Bắc Ninh")
    page.fill("#password", person.password)
    visitor.press("#sign-in")
    assert visitor.path == "/consent"


@pytest.mark.parametrize("kind", ["phone", "email"])
def test_a_phone_number_or_an_address_signs_in_too(visitor: Visitor, person: Person, kind: str) -> None:
    typed = {"phone": person.written_phone, "email": person.email.upper()}
    visitor.ask_to_enter(visitor.demo.portal)
    visitor.fill_in(typed[kind], person.password)
    visitor.answer()
    visitor.expect_in(visitor.demo.portal, person)


def test_the_back_button_leads_on_again(visitor: Visitor, person: Person) -> None:
    visitor.ask_to_enter(visitor.demo.portal)
    visitor.sign_in(person)
    visitor.answer()
    visitor.expect_in(visitor.demo.portal, person)
    for _ in ("the consent page", "the sign-in page"):  # each has had its answer, and knows where one was going
        visitor.page.go_back()
        visitor.expect_in(visitor.demo.portal, person)


def test_two_tabs_may_both_sign_in(visitor: Visitor, person: Person) -> None:
    demo, first, second = visitor.demo, visitor.page, visitor.context.new_page()
    visitor.ask_to_enter(demo.portal)
    visitor.page = second
    visitor.ask_to_enter(demo.one_stop)
    visitor.page = first
    visitor.sign_in(person)
    visitor.answer()
    visitor.expect_in(demo.portal, person)
    visitor.page = second  # this page was drawn before anybody had signed in
    visitor.sign_in(person)
    visitor.answer()
    visitor.expect_in(demo.one_stop, person)
    first.reload()
    visitor.page = first
    visitor.expect_in(demo.portal, person)


def test_a_page_that_lost_its_cookie_says_so_and_goes_on(visitor: Visitor, person: Person) -> None:
    visitor.ask_to_enter(visitor.demo.portal)
    visitor.context.clear_cookies(name="idp_page")  # the browser was closed and opened again with its tabs
    visitor.sign_in(person)
    page = visitor.page
    expect(page.get_by_role("status")).to_contain_text("nhập lại mật khẩu")
    assert page.input_value("#identifier") == person.number
    expect(page.locator(".asker-name")).to_have_text("Cổng Dịch vụ công tỉnh Bắc Ninh")
    page.fill("#password", person.password)
    visitor.press("#sign-in")
    visitor.answer()
    visitor.expect_in(visitor.demo.portal, person)


def test_a_saved_sign_in_page_starts_anew_in_another_browser(
    new_visitor: Callable[..., Visitor], person: Person
) -> None:
    first, second = new_visitor(), new_visitor()
    first.ask_to_enter(first.demo.portal)
    second.page.goto(f"{second.demo.provider}/sign-in")  # not the first time that this browser comes
    second.page.goto(first.page.url)
    expect(second.page.locator(".asker-name")).to_have_text("Cổng Dịch vụ công tỉnh Bắc Ninh")
    second.sign_in(person)
    second.answer()
    # The portal did not send this browser away, so it does not let it in either: login fixation ends here.
    expect(second.page.locator("#error h1")).to_have_text("Lần đăng nhập này đã cũ")
    second.press("#try-again")
    second.expect_in(second.demo.portal, person)


def test_a_browser_without_cookies_is_told_what_to_do(demo: DemoProcess) -> None:
    """Without them the sign-in would go in circles."""
    with pytest.raises(HTTPError) as refusal:
        urlopen(f"{demo.provider}/sign-in", timeout=20)  # follows redirects and keeps no cookie
    page = refusal.value.read().decode()
    assert refusal.value.code == 400
    refusal.value.close()
    assert "Trình duyệt chưa cho trang này ghi nhớ" in page
    assert 'id="error"' in page


def test_the_language_changes_and_the_request_stays(visitor: Visitor, person: Person) -> None:
    page = visitor.page
    visitor.ask_to_enter(visitor.demo.portal)
    visitor.press('.tools a[hreflang="en"]')
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator(".asker-name")).to_have_text("Bac Ninh public-service portal")
    visitor.sign_in(person)
    expect(page.locator("h1")).to_have_text("Send this information?")
    visitor.press('.tools a[hreflang="vi"]')
    expect(page.locator("h1")).to_have_text("Cho phép gửi thông tin?")
    visitor.answer()
    visitor.expect_in(visitor.demo.portal, person)


def test_a_service_in_english_sends_people_to_english_pages(visitor: Visitor) -> None:
    """OIDC Core 3.1.2.1: `ui_locales`."""
    visitor.ask_to_enter(f"{visitor.demo.portal}/?lang=en")
    expect(visitor.page.locator("html")).to_have_attribute("lang", "en")
    visitor.press("#sign-in")
    expect(visitor.page.locator(".error-summary")).to_contain_text("Enter your password.")


def test_large_text_is_larger_and_stays(visitor: Visitor, person: Person) -> None:
    page = visitor.page
    visitor.ask_to_enter(visitor.demo.portal)
    size = "parseFloat(getComputedStyle(document.body).fontSize)"
    before = page.evaluate(size)
    visitor.press("text=Chữ to")
    expect(page.locator("html")).to_have_attribute("data-text", "large")
    visitor.sign_in(person)
    assert visitor.path == "/consent"
    assert page.evaluate(size) == pytest.approx(before * 1.25)
    visitor.press("text=Chữ thường")
    assert page.evaluate(size) == pytest.approx(before)


def test_signing_out_at_the_province_ends_both_services(visitor: Visitor, person: Person) -> None:
    """No service and no hint: the person is asked, and told who hears of it."""
    demo, page = visitor.demo, visitor.page
    visitor.enter(demo.portal, person)
    visitor.enter(demo.one_stop, person)
    page.goto(f"{demo.provider}/account")
    expect(page.locator("h1")).to_have_text(person.name)
    visitor.press('.whoami a[href="/sign-out"]')
    visitor.press("#logout-confirm")
    expect(page.locator("h1")).to_have_text("Đã đăng xuất")
    told = page.locator("main li").all_inner_texts()
    assert told == ["Cổng Dịch vụ công tỉnh Bắc Ninh", "Hệ thống một cửa điện tử"]
    for service in (demo.portal, demo.one_stop):
        visitor.wait_until_out(service)


def test_who_stays_signed_in_stays_signed_in(visitor: Visitor, person: Person) -> None:
    visitor.enter(visitor.demo.portal, person)
    visitor.page.goto(f"{visitor.demo.provider}/sign-out")
    visitor.press("text=Không đăng xuất")
    expect(visitor.page.locator("h1")).to_contain_text(person.name)
    visitor.page.goto(visitor.demo.portal)
    visitor.expect_in(visitor.demo.portal, person)


def test_the_service_says_that_it_was_closed_from_elsewhere(visitor: Visitor, person: Person) -> None:
    """Back-Channel Logout 1.0, 2.7."""
    visitor.enter(visitor.demo.portal, person)
    visitor.enter(visitor.demo.one_stop, person)
    visitor.sign_out_at(visitor.demo.one_stop)
    visitor.wait_until_out(visitor.demo.portal)
    expect(visitor.page.get_by_role("status")).to_contain_text("đăng xuất ở một nơi khác")


def test_a_private_window_sees_nothing(new_visitor: Callable[..., Visitor], person: Person) -> None:
    own, private = new_visitor(), new_visitor()
    own.enter(own.demo.portal, person)
    private.page.goto(private.demo.portal)
    assert private.page.locator(SIGN_IN_LINK).count() == 1
    for address in ("/", "/sign-in", "/account", "/sign-out"):
        private.page.goto(f"{private.demo.provider}{address}")
        assert person.name not in private.page.content()
    private.ask_to_enter(private.demo.portal)
    assert private.path == "/sign-in"
    own.page.reload()
    own.expect_in(own.demo.portal, person)


def test_my_identity_lists_what_each_service_received(visitor: Visitor, person: Person) -> None:
    visitor.page.goto(f"{visitor.demo.provider}/account")
    visitor.sign_in(person)
    assert visitor.is_at(visitor.demo.provider, "/account")
    assert "Cổng Dịch vụ công" not in visitor.page.inner_text("main")
    visitor.enter(visitor.demo.portal, person)
    visitor.page.goto(f"{visitor.demo.provider}/account")
    assert "Cổng Dịch vụ công tỉnh Bắc Ninh" in visitor.page.inner_text("main")
    for value in (person.name, person.number, person.written_phone, person.email, "30/04/1988", "Nam"):
        assert value in visitor.page.inner_text("main")


def test_a_service_can_ask_again_for_what_it_may_know(visitor: Visitor, person: Person) -> None:
    visitor.enter(visitor.demo.portal, person)
    visitor.press("#refresh-data")
    visitor.page.wait_for_url(f"{visitor.demo.portal}/#details")
    assert visitor.claim("name") == person.name
