"""The whole output of a journey, at debug level, and every error page hold no secret and nothing personal.

Issue 2: "Secrets, tokens, codes, numbers and passwords never reach a log or an error page".
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

import pytest
from playwright.sync_api import Request

from tests.journeys.demo_process import DemoProcess
from tests.journeys.plain_service import PlainService, register
from tests.journeys.visitor import Person, Visitor

pytestmark = [pytest.mark.journey, pytest.mark.postgres]
# What travels in addresses and forms and may be known to nobody but sender and receiver.
SECRET_NAMES = frozenset(
    "code state nonce parked password identifier login_hint id_token_hint code_challenge logout_token".split()
)
SHORTEST = 8


class Secrets:
    """Every secret and personal value that came along, by the name under which it did."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def add(self, name: str, value: str | None) -> None:
        if value:
            self.known[value] = name

    def listen(self, visitor: Visitor) -> None:
        visitor.context.on("request", self._hear)

    def _hear(self, request: Request) -> None:
        for name, value in [*parse_qsl(urlsplit(request.url).query), *parse_qsl(request.post_data or "")]:
            if name in SECRET_NAMES and len(value) >= SHORTEST:
                self.add(name, value)

    def add_cookies(self, visitor: Visitor) -> None:
        for cookie in visitor.context.cookies():
            if len(cookie["value"]) >= SHORTEST:
                self.add(f"the cookie {cookie['name']}", cookie["value"])

    def add_person(self, person: Person) -> None:
        for form in (person.phone, f"0{person.phone[3:]}", person.written_phone):
            self.add("phone", form)
        for name in ("number", "name", "password", "email"):
            self.add(name, getattr(person, name))

    def found_in(self, text: str) -> set[str]:
        """The names of what stands in the text, in whatever way a program may have written it."""
        folded = text.casefold()
        return {name for value, name in self.known.items() if any(form.casefold() in folded for form in _forms(value))}


def _forms(value: str) -> Iterable[str]:
    return {value, quote(value), quote_plus(value), json.dumps(value)[1:-1], repr(value)[1:-1]}


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


def test_no_log_of_any_process_holds_a_secret(
    new_visitor: Callable[..., Visitor], demo: DemoProcess, person: Person, secrets: Secrets
) -> None:
    visitor = new_visitor()
    secrets.listen(visitor)
    secrets.add_person(person)
    for client in json.loads((demo.folder / "services.json").read_text("utf-8")):
        secrets.add("a service's secret", client["client_secret"])
    secrets.add("the master key", (demo.folder / "master.key").read_text("ascii").strip())
    _go_everywhere(visitor, person, secrets)
    _be_a_service(demo, person, secrets)
    names = set(secrets.known.values())
    assert {"code", "state", "nonce", "parked", "id_token_hint", "access_token", "refresh_token"} <= names
    assert {"the cookie idp_session", "the cookie idp_device", "the cookie idp_page"} <= names
    logs = demo.logs
    for said in ('"path":"/oauth2/token"', "'/callback' 303", "the province ended 1 visit(s)", '"level":"debug"'):
        assert said in logs, "the logs must be the real ones"
    assert secrets.found_in(logs) == set()
    # The demo's own phone and mailbox, where people's messages are meant to be seen, are no log.
    printed = re.sub(r"✉.*?(?=\n\n|\Z)", "", demo.output, flags=re.S)
    assert secrets.found_in(printed) == set()
    answered = [line for line in logs.splitlines() if '"event":"answered"' in line]
    assert answered
    assert "?" not in "".join(answered)


def _go_everywhere(visitor: Visitor, person: Person, secrets: Secrets) -> None:
    """All that can happen to a person: errors, refusals, two services, sign-out."""
    demo = visitor.demo
    visitor.ask_to_enter(demo.portal)
    visitor.fill_in(person.number, "mot-mat-khau-sai-hoan-toan")
    secrets.add_cookies(visitor)
    visitor.fill_in(person.email, "")
    visitor.page.goto(visitor.page.url)
    visitor.enter(demo.portal, person)
    secrets.add_cookies(visitor)
    visitor.press("#refresh-data")
    visitor.enter(demo.one_stop, person)
    visitor.page.goto(f"{demo.provider}/account")
    secrets.add_cookies(visitor)
    visitor.sign_out_at(demo.one_stop)
    visitor.wait_until_out(demo.portal)


def _be_a_service(demo: DemoProcess, person: Person, secrets: Secrets) -> None:
    """What only a service gets to see, its mistakes included."""
    registered = register(demo.provider)
    secrets.add("a service's secret", registered["client_secret"])
    service = PlainService(demo.provider, registered)
    service.sign_in(person, login_hint=person.email)
    tokens = service.exchange().json()
    renewed = service.exchange(grant_type="refresh_token", refresh_token=tokens["refresh_token"]).json()
    for answer in (tokens, renewed):
        for name in ("access_token", "refresh_token", "id_token"):
            secrets.add(name, answer.get(name))
    service.userinfo(renewed["access_token"])
    service.userinfo(f"{renewed['access_token']}x")
    service.exchange()  # again: refused
    service.exchange(grant_type="refresh_token", refresh_token=f"{renewed['refresh_token']}x")
    service.exchange(grant_type="password", username=person.number, password=person.password)
    for name in ("state", "nonce", "verifier", "code"):
        secrets.add(name, getattr(service, name))
    for text in service.parked:
        secrets.add("parked", text)
    for cookie in service.browser.cookies:
        secrets.add(f"the cookie {cookie.name}", cookie.value)


def test_no_error_page_says_what_was_sent(demo: DemoProcess, person: Person, secrets: Secrets) -> None:
    secrets.add_person(person)
    service = PlainService(demo.provider, register(demo.provider))
    for name in ("state", "nonce"):
        secrets.add(name, getattr(service, name))
    hint = {"login_hint": person.email, "id_token_hint": person.number}
    wrong: dict[str, Any] = {
        "unknown service": service.address(client_id="khong-co-dich-vu-nay", **hint),
        "unknown address": service.address(redirect_uri="https://la.example/cb", **hint),
        "twice": f"{service.address(**hint)}&client_id=lan-nua",
        "not parked": f"{demo.provider}/oauth2/authorize?parked=khong-phai&state={service.state}",
        "no such page": f"{demo.provider}/khong-co?state={service.state}&email={quote(person.email)}",
        "callback without a start": f"{demo.portal}/callback?code={service.nonce}&state={service.state}",
        "callback with an error": f"{demo.portal}/callback?error={service.nonce}&state={service.state}",
    }
    for what, address in wrong.items():
        page = service.browser.get(address, timeout=20)
        assert page.status_code >= 400, what
        assert 'id="error"' in page.text, what
        assert secrets.found_in(page.text) == set(), what
    elsewhere = f"?post_logout_redirect_uri=https://la.example/&state={service.state}&logout_hint={person.email}"
    page = service.browser.get(f"{demo.provider}/oauth2/logout{elsewhere}", timeout=20)
    assert page.url.startswith(demo.provider)
    assert secrets.found_in(page.text) == set()
    assert secrets.found_in(demo.logs) == set()
