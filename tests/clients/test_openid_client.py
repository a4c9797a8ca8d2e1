"""docs/integrate/openid-client.md: a service in Node.js with openid-client.

OIDC Core 3.1, RFC 9207, RFC 7636, OIDC Core 12 (refresh), RP-Initiated Logout 1.0, Back-Channel Logout 1.0.
"""

from collections.abc import Callable

import pytest
import requests
from playwright.sync_api import expect

from tests.clients.running import Client
from tests.clients.walks import answer_falsely, assert_asks_safely, assert_province_forgot, begin, sign_in
from tests.journeys.demo_process import DemoProcess
from tests.journeys.visitor import TOLD_WITHIN, Person, Visitor, until

pytestmark = [pytest.mark.journey, pytest.mark.postgres]


@pytest.fixture(scope="module")
def service(start_client: Callable[[str], Client]) -> Client:
    return start_client("openid-client")


def test_a_person_signs_in_asks_again_and_signs_out(visitor: Visitor, service: Client, person: Person) -> None:
    asked = sign_in(visitor, service, person, "#sign-in")
    assert_asks_safely(asked)
    page = visitor.page
    expect(page.locator("h1")).to_have_text(f"Xin chào, {person.name}")
    assert page.url == f"{service.base}/"
    before = page.inner_text("#asked")
    visitor.press("#ask-again")
    expect(page.locator("h1")).to_have_text(f"Xin chào, {person.name}")
    assert page.inner_text("#asked") > before
    visitor.press("#sign-out")
    expect(page).to_have_url(f"{service.base}/signed-out")
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


def test_a_logout_token_of_nobody_ends_nothing(visitor: Visitor, service: Client, person: Person) -> None:
    sign_in(visitor, service, person, "#sign-in")
    id_token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."
    for said in ({}, {"logout_token": "x"}, {"logout_token": id_token}):
        assert requests.post(f"{service.base}/backchannel-logout", data=said, timeout=20).status_code == 400
    visitor.page.goto(service.base)
    expect(visitor.page.locator("h1")).to_have_text(f"Xin chào, {person.name}")


@pytest.mark.parametrize(
    ("lies", "reason"),
    [
        ({"state": "of-somebody-else"}, 'unexpected "state"'),
        ({"iss": "https://other.example"}, 'unexpected "iss"'),
        ({}, "invalid_grant"),
    ],
    ids=["state", "iss", "code"],
)
def test_a_false_answer_signs_nobody_in(visitor: Visitor, service: Client, lies: dict[str, str], reason: str) -> None:
    asked = begin(visitor, service, "#sign-in")
    said_before = len(service.output)
    answer_falsely(visitor, service, asked, **lies)
    expect(visitor.page.locator("#error")).to_be_visible()
    assert reason in service.output[said_before:]
    assert "Chưa đăng nhập được" in visitor.page.inner_text("h1")
    visitor.page.goto(service.base)
    expect(visitor.page.locator("#sign-in")).to_be_visible()


def test_who_does_not_agree_reads_why_nothing_happened(visitor: Visitor, service: Client, person: Person) -> None:
    begin(visitor, service, "#sign-in")
    visitor.sign_in(person)
    visitor.answer("deny")
    expect(visitor.page.locator("h1")).to_have_text("Ông/Bà chưa đồng ý cho xem thông tin.")
    expect(visitor.page.locator("#sign-in")).to_be_visible()
