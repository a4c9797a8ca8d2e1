"""docs/integrate/single-page-app.md: oidc-client-ts in the browser, a public client without a server.

OIDC Core 3.1, RFC 9207, RFC 7636, RP-Initiated Logout 1.0; Fetch (CORS).
"""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.clients.running import Client
from tests.clients.walks import answer_falsely, assert_asks_safely, assert_province_forgot, begin, sign_in
from tests.journeys.demo_process import DemoProcess
from tests.journeys.visitor import Person, Visitor

pytestmark = [pytest.mark.journey, pytest.mark.postgres]
# What a script of the page reads of a token request in the name of the client: an error's name, or that it may not.
TRY_TOKEN = """async ([endpoint, clientId]) => {
    const body = new URLSearchParams({ grant_type: 'authorization_code', code: 'x', client_id: clientId })
    try { return (await (await fetch(endpoint, { method: 'POST', body })).json()).error } catch { return 'unreadable' }
}"""


@pytest.fixture(scope="module")
def application(start_client: Callable[[str], Client]) -> Client:
    return start_client("single-page-app")


def test_a_person_signs_in_and_out(visitor: Visitor, application: Client, person: Person) -> None:
    asked = sign_in(visitor, application, person, "#sign-in")
    assert_asks_safely(asked)
    page = visitor.page
    expect(page.locator("h1")).to_have_text(f"Xin chào, {person.name}")
    assert page.url == f"{application.base}/"
    page.reload()
    expect(page.locator("h1")).to_have_text(f"Xin chào, {person.name}")
    visitor.press("#sign-out")
    expect(page).to_have_url(f"{application.base}/signed-out.html")
    expect(page.locator("h1")).to_have_text("Đã đăng xuất")
    visitor.press("text=Về trang đầu")
    expect(page.locator("#sign-in")).to_be_visible()
    assert page.evaluate("JSON.stringify(sessionStorage)") == "{}"
    assert_province_forgot(visitor)


def test_tokens_stay_in_the_tab(visitor: Visitor, application: Client, person: Person) -> None:
    sign_in(visitor, application, person, "#sign-in")
    expect(visitor.page.locator("#sign-out")).to_be_visible()
    kept = json.loads(visitor.page.evaluate("JSON.stringify(sessionStorage)"))
    assert [name.partition(":")[0] for name in kept] == ["oidc.user"]  # and nothing is left of the verifier
    assert visitor.page.evaluate("localStorage.length") == 0
    readable = {cookie["name"] for cookie in visitor.context.cookies(application.base) if not cookie["httpOnly"]}
    assert readable <= {"idp_browser_state"}, "the province's own, on one host here; it leads nobody to a session"
    other_tab = visitor.open_tab()
    other_tab.goto(application.base)
    expect(other_tab.locator("#sign-in")).to_be_visible()


def test_who_signs_out_elsewhere_is_out_at_the_next_load(
    visitor: Visitor, application: Client, demo: DemoProcess, person: Person
) -> None:
    sign_in(visitor, application, person, "#sign-in")
    here = visitor.page
    visitor.open_tab()
    visitor.enter(demo.portal, person)
    visitor.sign_out_at(demo.portal)
    here.reload()
    expect(here.locator("#sign-in")).to_be_visible()
    expect(here.locator("#error")).to_be_hidden()
    assert here.evaluate("JSON.stringify(sessionStorage)") == "{}"


@pytest.mark.parametrize(
    ("lies", "reason"),
    [
        ({"state": "of-somebody-else"}, "No matching state"),
        ({"iss": "https://other.example"}, "iss of the answer"),
        ({}, "code is not one that was given to this service"),
    ],
    ids=["state", "iss", "code"],
)
def test_a_false_answer_signs_nobody_in(
    visitor: Visitor, application: Client, lies: dict[str, str], reason: str
) -> None:
    asked = begin(visitor, application, "#sign-in")
    with visitor.page.expect_console_message(lambda message: message.text.startswith("sign-in:")) as told:
        answer_falsely(visitor, application, asked, **lies)
    expect(visitor.page.locator("#error")).to_be_visible()
    expect(visitor.page.locator("#sign-in")).to_be_visible()
    assert reason in told.value.text
    assert visitor.page.url == f"{application.base}/"


def test_who_does_not_agree_may_try_again(visitor: Visitor, application: Client, person: Person) -> None:
    begin(visitor, application, "#sign-in")
    visitor.sign_in(person)
    visitor.answer("deny")
    expect(visitor.page.locator("#error")).to_be_visible()
    expect(visitor.page.locator("#sign-in")).to_be_visible()


def test_another_origin_reads_nothing_of_the_token_endpoint(
    visitor: Visitor, application: Client, start_client: Callable[[str], Client], demo: DemoProcess
) -> None:
    """Not even the origin of another application that is registered too."""
    other = start_client("single-page-app")
    endpoint = f"{demo.provider}/oauth2/token"
    visitor.page.goto(other.base)
    own, foreign = other.registered["client_id"], application.registered["client_id"]
    assert visitor.page.evaluate(TRY_TOKEN, [endpoint, own]) == "invalid_grant"
    assert visitor.page.evaluate(TRY_TOKEN, [endpoint, foreign]) == "unreadable"
    visitor.page.goto(application.base)
    assert visitor.page.evaluate(TRY_TOKEN, [endpoint, foreign]) == "invalid_grant"
