"""docs/integrate/apache.md: Apache with mod_auth_openidc, in a process of its own that touches nothing in /etc.

OIDC Core 3.1, RFC 9207, RFC 7636, RP-Initiated Logout 1.0, Back-Channel Logout 1.0.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from tests.clients.pages import read_page
from tests.clients.running import Client
from tests.clients.walks import answer_falsely, assert_asks_safely, assert_province_forgot, begin, sign_in
from tests.demo.test_supervisor import a_free_port
from tests.journeys.demo_process import DemoProcess
from tests.journeys.visitor import TOLD_WITHIN, Person, Visitor, until

pytestmark = [pytest.mark.journey, pytest.mark.postgres]


@pytest.fixture(scope="module")
def service(demo: DemoProcess) -> Iterator[Client]:
    # Started by root, Apache serves as www-data, which cannot look into pytest's folders.
    with tempfile.TemporaryDirectory(prefix="apache-") as folder:
        Path(folder).chmod(0o755)
        client = Client(read_page("apache"), demo.provider, f"http://localhost:{a_free_port()}", Path(folder))
        client.install()
        client.start()
        yield client
        client.stop()


def test_a_person_signs_in_and_out(visitor: Visitor, service: Client, person: Person) -> None:
    asked = begin(visitor, service, "#sign-in")
    assert_asks_safely(asked)
    visitor.sign_in(person)
    page = visitor.page
    expect(page.locator("main")).to_contain_text(service.registered["client_name"])
    expect(page.locator("main")).not_to_contain_text("Ngày sinh")  # of its scope it asks for the name alone
    visitor.answer()
    expect(page).to_have_url(f"{service.base}/account/")  # no code is left in the address
    expect(page.locator("h1")).to_have_text(f"Xin chào, {person.name}")
    assert len(page.inner_text("#sub")) == 43  # the code alone, without the issuer
    visitor.press("#sign-out")
    expect(page).to_have_url(f"{service.base}/signed-out.html")
    expect(page.locator("h1")).to_have_text("Đã đăng xuất")
    visitor.press("#sign-in")
    expect(page.locator("#identifier")).to_be_visible()
    assert_province_forgot(visitor)


def test_who_signs_out_elsewhere_is_out_here(
    visitor: Visitor, service: Client, demo: DemoProcess, person: Person
) -> None:
    sign_in(visitor, service, person, "#sign-in")
    visitor.enter(demo.portal, person)
    visitor.sign_out_at(demo.portal)

    def is_out() -> bool:
        visitor.page.goto(f"{service.base}/account/")
        return visitor.path == "/sign-in"

    until(is_out, TOLD_WITHIN)


def test_its_cookies_stay_on_its_own_site(service: Client) -> None:
    begun = requests.get(f"{service.base}/account/", headers={"Accept": "text/html"}, allow_redirects=False, timeout=20)
    assert begun.headers["Set-Cookie"].endswith("HttpOnly; SameSite=Lax")


@pytest.mark.parametrize(
    "lies", [{"state": "somebody-else's"}, {"iss": "https://other.example"}, {}], ids=["state", "iss", "code"]
)
def test_a_false_answer_signs_nobody_in(visitor: Visitor, service: Client, lies: dict[str, str]) -> None:
    asked = begin(visitor, service, "#sign-in")
    answer_falsely(visitor, service, asked, **lies)
    expect(visitor.page.locator("h1")).to_have_text("Chưa đăng nhập được. Xin thử lại.")
    visitor.press("#sign-in")
    expect(visitor.page.locator("#identifier")).to_be_visible()


def test_who_does_not_agree_may_try_again(visitor: Visitor, service: Client, person: Person) -> None:
    begin(visitor, service, "#sign-in")
    visitor.sign_in(person)
    visitor.answer("deny")
    expect(visitor.page.locator("h1")).to_have_text("Chưa đăng nhập được. Xin thử lại.")
    expect(visitor.page.locator("#sign-in")).to_be_visible()
