"""docs/integrate/authlib-flask.md: a service in Flask with Authlib.

OIDC Core 3.1 and 5.5 (one claim alone), RFC 9207, RFC 7636, RP-Initiated Logout 1.0, Back-Channel Logout 1.0.
"""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.clients.running import Client
from tests.clients.walks import answer_falsely, assert_asks_safely, assert_province_forgot, begin, sign_in
from tests.journeys.demo_process import DemoProcess
from tests.journeys.visitor import TOLD_WITHIN, Person, Visitor, until

pytestmark = [pytest.mark.journey, pytest.mark.postgres]


@pytest.fixture(scope="module")
def service(start_client: Callable[[str], Client]) -> Client:
    return start_client("authlib-flask")


def test_a_person_signs_in_and_out(visitor: Visitor, service: Client, person: Person) -> None:
    asked = begin(visitor, service, "#sign-in")
    assert_asks_safely(asked)
    visitor.sign_in(person)
    page = visitor.page
    expect(page.locator("main")).to_contain_text(service.registered["client_name"])
    expect(page.locator("main")).not_to_contain_text("Ngày sinh")  # of its scope it asks for the name alone
    visitor.answer()
    expect(page).to_have_url(f"{service.base}/")  # no code is left in the address
    expect(page.locator("h1")).to_have_text(f"Xin chào, {person.name}")
    visitor.press("#sign-out")
    expect(page.locator("h1")).to_have_text("Đã đăng xuất")
    assert page.url.startswith(f"{service.base}/signed-out?")
    page.goto(service.base)
    expect(page.locator("#sign-in")).to_be_visible()
    assert_province_forgot(visitor)


def test_who_signs_out_elsewhere_is_out_here(
    visitor: Visitor, service: Client, demo: DemoProcess, person: Person
) -> None:
    sign_in(visitor, service, person, "#sign-in")
    visitor.enter(demo.portal, person)
    visitor.sign_out_at(demo.portal)

    def is_out() -> bool:
        visitor.page.goto(service.base)
        return visitor.page.locator("#sign-in").count() == 1

    until(is_out, TOLD_WITHIN)


@pytest.mark.parametrize(
    "lies", [{"state": "somebody-else's"}, {"iss": "https://other.example"}, {}], ids=["state", "iss", "code"]
)
def test_a_false_answer_signs_nobody_in(visitor: Visitor, service: Client, lies: dict[str, str]) -> None:
    asked = begin(visitor, service, "#sign-in")
    answer_falsely(visitor, service, asked, **lies)
    expect(visitor.page.locator("h1")).to_have_text("Chưa đăng nhập được. Xin thử lại.")
    visitor.page.goto(service.base)
    expect(visitor.page.locator("#sign-in")).to_be_visible()


def test_who_does_not_agree_may_try_again(visitor: Visitor, service: Client, person: Person) -> None:
    begin(visitor, service, "#sign-in")
    visitor.sign_in(person)
    visitor.answer("deny")
    expect(visitor.page.locator("h1")).to_have_text("Chưa đăng nhập được. Xin thử lại.")
    expect(visitor.page.locator("#sign-in")).to_be_visible()
