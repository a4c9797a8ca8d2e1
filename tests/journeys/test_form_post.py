"""Answers that a browser posts to a service (OAuth 2.0 Form Post Response Mode), and services that lead people on.

The service is a little server of the test that takes a post and sends the browser on to another address of its own, as
services do whose pages stand elsewhere: Chromium holds the whole way to the policy of the page where it began.
"""

import html
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser import axe, screenshot
from tests.journeys.demo_process import DemoProcess
from tests.journeys.plain_service import PlainService, register
from tests.journeys.visitor import Person, Visitor

pytestmark = [pytest.mark.journey, pytest.mark.postgres]
HOSTILE = """a b+c&d="'><script>document.title='x'</script><img src=x onerror=alert(1)>é"""


@dataclass
class Receiver:
    """A service's two addresses: one takes the answer by GET or POST, the other is where its people end."""

    taken: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), self._handler()) for _ in range(2)]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        callback, home = (f"http://127.0.0.1:{server.server_port}" for server in self._servers)
        self.redirect_uri, self.home = f"{callback}/cb", f"{home}/"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode("ascii")
                self._take(form)

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path == "/cb":
                    self._take(parts.query)
                else:
                    self._answer(200, "Content-Type", "text/html", b"<title>in</title><h1>in</h1>")

            def _take(self, sent: str) -> None:
                receiver.taken.append((self.command, dict(parse_qsl(sent, strict_parsing=True))))
                self._answer(303, "Location", receiver.home)

            def _answer(self, status: int, name: str, value: str, body: bytes = b"") -> None:
                self.send_response(status)
                self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words: object) -> None:
                pass

        return Handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as opened:
        yield opened


@pytest.fixture
def service(demo: DemoProcess, receiver: Receiver) -> PlainService:
    return PlainService(demo.provider, register(demo.provider, redirect_uris=[receiver.redirect_uri]), state=HOSTILE)


def go_in(visitor: Visitor, service: PlainService, receiver: Receiver, person: Person, mode: str) -> None:
    """From the service's request to the provider's last page: agreed to, and posted."""
    visitor.page.goto(service.address(redirect_uri=receiver.redirect_uri, response_mode=mode))
    visitor.sign_in(person)
    visitor.answer()


def exchanges(service: PlainService, receiver: Receiver, said: dict[str, str]) -> bool:
    grant = {"grant_type": "authorization_code", "code": said["code"], "redirect_uri": receiver.redirect_uri}
    return service.exchange(**grant, code_verifier=service.verifier).status_code == 200


@pytest.mark.parametrize(("mode", "method"), [("form_post", "POST"), ("query", "GET")])
def test_the_answer_reaches_the_service_and_the_service_leads_on(
    visitor: Visitor, service: PlainService, receiver: Receiver, person: Person, mode: str, method: str
) -> None:
    go_in(visitor, service, receiver, person, mode)
    expect(visitor.page).to_have_url(receiver.home)
    [(by, said)] = receiver.taken
    assert by == method
    assert set(said) == {"code", "state", "session_state", "iss"}
    assert (said["state"], said["iss"]) == (HOSTILE, visitor.demo.provider)
    assert exchanges(service, receiver, said)


def test_form_post_2_an_error_is_posted_too(visitor: Visitor, service: PlainService, receiver: Receiver) -> None:
    asked = service.address(redirect_uri=receiver.redirect_uri, response_mode="form_post", prompt="none")
    visitor.page.goto(asked)
    expect(visitor.page).to_have_url(receiver.home)
    [(by, said)] = receiver.taken
    assert (by, said["error"], said["state"]) == ("POST", "login_required", HOSTILE)


def test_form_post_2_without_a_script_a_button_does_it(
    new_visitor: Callable[..., Visitor], service: PlainService, receiver: Receiver, person: Person
) -> None:
    visitor = new_visitor("phone", java_script_enabled=False)
    go_in(visitor, service, receiver, person, "form_post")
    expect(visitor.page.locator("h1")).to_have_text("Tiếp tục đến dịch vụ")
    assert receiver.taken == []
    visitor.press("#form-post button")
    expect(visitor.page).to_have_url(receiver.home)
    [(by, said)] = receiver.taken
    assert (by, said["state"]) == ("POST", HOSTILE)
    assert exchanges(service, receiver, said)


@pytest.mark.parametrize("width", ["phone", "desktop"])
def test_form_post_2_the_page_holds_nothing_but_its_fields(
    new_visitor: Callable[..., Visitor], service: PlainService, receiver: Receiver, person: Person, width: str
) -> None:
    """The one script is held up, so that the page can be looked at."""
    visitor = new_visitor(width)
    visitor.page.route(re.compile("form-post"), lambda route: route.abort())
    go_in(visitor, service, receiver, person, "form_post")
    assert axe(visitor.page) == []
    screenshot(visitor.page, f"form-post-{width}")
    values = visitor.page.eval_on_selector_all("#form-post input", "fields => fields.map(f => [f.name, f.value])")
    assert dict(values)["state"] == HOSTILE
    assert visitor.page.title() != "x", "what stood in state was run"
    assert scripts_of(visitor.page) == 1
    assert visitor.page.locator("main img").count() == 0


def scripts_of(page: Page) -> int:
    """How many scripts the document that was sent has, before the browser made anything of it."""
    return len(re.findall(r"<script", html.unescape(page.content()).replace(HOSTILE, "")))
