"""What a person does at a client, whatever it is made of: in, out, and a look whether the province forgot them."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from playwright.sync_api import expect

from tests.clients.running import Client
from tests.journeys.visitor import Person, Visitor


def begin(visitor: Visitor, client: Client, selector: str, path: str = "/") -> dict[str, str]:
    """From the client's page to the province's sign-in page; what the client asked for on the way."""
    visitor.page.goto(f"{client.base}{path}")
    with visitor.page.expect_request(re.compile(re.escape(f"{client.province}/oauth2/authorize"))) as asked:
        visitor.press(selector)
    expect(visitor.page.locator("#identifier")).to_be_visible()
    return dict(parse_qsl(urlsplit(asked.value.url).query))


def sign_in(visitor: Visitor, client: Client, person: Person, selector: str, path: str = "/") -> dict[str, str]:
    """From the client's page over sign-in and consent back to the client; what the client asked for."""
    asked = begin(visitor, client, selector, path)
    visitor.sign_in(person)
    expect(visitor.page.locator("main")).to_contain_text(client.registered["client_name"])
    visitor.answer()
    expect(visitor.page).to_have_url(re.compile(re.escape(client.base)))
    return asked


def assert_asks_safely(asked: dict[str, str]) -> None:
    """The request has what the province demands of every service, and a state and nonce worth the name."""
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert len(asked["code_challenge"]) == 43
    assert min(len(asked["state"]), len(asked["nonce"])) >= 16


def answer_falsely(visitor: Visitor, client: Client, asked: dict[str, str], **lies: str) -> None:
    """Come back to the client with an answer that nobody gave: `state="x"`, `iss="https://other.example"`."""
    answer = {"code": "a-code-of-nobody", "state": asked["state"], "iss": client.province, **lies}
    visitor.page.goto(f"{asked['redirect_uri']}?{urlencode(answer)}")


def assert_province_forgot(visitor: Visitor) -> None:
    """Another service, opened in the same browser, has to ask for the password."""
    visitor.ask_to_enter(visitor.demo.portal)
    assert visitor.path == "/sign-in"
