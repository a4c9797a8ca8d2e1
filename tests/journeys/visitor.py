"""What a person does in a browser: goes to a service, signs in, answers what is asked, signs out."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response, expect

from tests.journeys.demo_process import DemoProcess

SIGN_IN_LINK = "#sign-in-with-province"
_PATIENCE = 20_000  # milliseconds; what has not come by then does not come
TOLD_WITHIN = 10  # seconds in which a sign-out reaches every open service


@dataclass(frozen=True, slots=True)
class Person:
    number: str
    name: str
    password: str = field(repr=False)
    phone: str = ""
    email: str = ""

    @property
    def written_phone(self) -> str:
        """The phone number as people write it: 0912 000 013."""
        return f"0{self.phone[3:6]} {self.phone[6:9]} {self.phone[9:]}"


class Visitor:
    """One browser profile with one open page; `enter` and the like say what the person does there."""

    def __init__(self, demo: DemoProcess, context: BrowserContext) -> None:
        self.demo, self.context = demo, context
        context.set_default_timeout(_PATIENCE)
        self.violations: list[str] = []
        context.on("console", self._hear)
        self.page = context.new_page()

    def _hear(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.violations.append(message.text)

    # -- where one is ----------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        return urlsplit(self.page.url).path

    def is_at(self, base: str, path: str) -> bool:
        parts = urlsplit(self.page.url)
        return (f"{parts.scheme}://{parts.netloc}", parts.path) == (base, path)

    def watch(self) -> list[str]:
        """The addresses of the documents that are drawn from now on, redirects left out."""
        drawn: list[str] = []

        def note(response: Response) -> None:
            if response.request.resource_type == "document" and not 300 <= response.status < 400:
                drawn.append(response.url)

        self.page.on("response", note)
        return drawn

    # -- what one does ---------------------------------------------------------------------------------------

    def open_tab(self) -> Page:
        """Go on in a new tab of the same browser."""
        self.page = self.context.new_page()
        return self.page

    def press(self, selector: str) -> None:
        """Click what leads to another page, and wait until that page is there."""
        with self.page.expect_navigation():
            self.page.click(selector)

    def ask_to_enter(self, service: str) -> None:
        """Open a service's first page and press its sign-in button."""
        self.page.goto(service)
        self.press(SIGN_IN_LINK)

    def fill_in(self, identifier: str, password: str) -> None:
        self.page.fill("#identifier", identifier)
        self.page.fill("#password", password)
        self.press("#sign-in")

    def sign_in(self, person: Person) -> None:
        self.fill_in(person.number, person.password)

    def answer(self, decision: str = "allow") -> None:
        self.press(f"#consent-{decision}")

    def enter(self, service: str, person: Person) -> None:
        """From a service's first page to being in, whatever pages stand between."""
        self.ask_to_enter(service)
        if self.path == "/sign-in":
            self.sign_in(person)
        if self.path == "/consent":
            self.answer()
        self.expect_in(service, person)

    def sign_out_at(self, service: str) -> None:
        self.page.goto(service)
        self.press("#sign-out")

    # -- what one sees ---------------------------------------------------------------------------------------

    def expect_in(self, service: str, person: Person) -> None:
        """Greeted by name at the service, with no code left in the address bar."""
        expect(self.page).to_have_url(f"{service}/")
        expect(self.page.locator("h1")).to_have_text(f"Xin chào, {person.name}")

    def claim(self, name: str) -> str:
        return self.page.inner_text(f'[data-claim="{name}"] td')

    def wait_until_out(self, service: str) -> None:
        """Reload the service's page until it offers to sign in again."""
        until(lambda: self._is_out(service), TOLD_WITHIN)

    def _is_out(self, service: str) -> bool:
        self.page.goto(service)
        return self.page.locator(SIGN_IN_LINK).count() == 1


def until(true: Callable[[], bool], patience: float) -> None:
    """Ask again and again; each asking takes its own time, so that nothing sleeps."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, f"it did not come true within {patience} s"
