"""The screen of a counter in a real Chromium: two citizens one after the other, the second sees nothing of the first.

WCAG 2.2 AA on every page of the way; 2.2.1: a page closes by itself, and says when.
"""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser import axe, screenshot
from tests.journeys.demo_process import DemoProcess
from tests.journeys.visitor import Person, Visitor

pytestmark = [pytest.mark.journey, pytest.mark.postgres]
NAME = "Trung tâm PVHCC phường Kinh Bắc, quầy 3"


def a_code(demo: DemoProcess) -> str:
    """As an operator has it printed."""
    said = demo.flask("counter", "screen", "--name", NAME)
    found = re.search(r"/counter-mode there and type: (\d{5} \d{5})\n", said)
    assert found, said
    return found[1]


@pytest.fixture(params=["phone", "desktop"])
def screen(request: pytest.FixtureRequest, new_visitor: Callable[..., Visitor]) -> Visitor:
    """A computer at a counter, set up by who works there."""
    visitor = new_visitor(request.param)
    visitor.page.goto(f"{visitor.demo.provider}/counter-mode")
    look(visitor.page, "counter-setting", request.param)
    visitor.page.fill("#code", a_code(visitor.demo))
    visitor.press("#set-up")
    expect(visitor.page.locator(".counter-bar")).to_contain_text(NAME)
    look(visitor.page, "counter-setting-there", request.param)
    return visitor


def look(page: Page, name: str, width: str) -> None:
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    screenshot(page, f"{name}-{width}")


def width_of(visitor: Visitor) -> str:
    size = visitor.page.viewport_size
    return "phone" if size and size["width"] == 360 else "desktop"


def test_the_second_citizen_sees_nothing_of_the_first(screen: Visitor, a_person: Callable[[], Person]) -> None:
    demo, page, width = screen.demo, screen.page, width_of(screen)
    first, second = a_person(), a_person()
    screen.enter(demo.portal, first)
    page.goto(f"{demo.provider}/account")
    expect(page.locator(".counter-bar")).to_contain_text(first.name)
    expect(page.locator("html")).to_have_attribute("data-text", "large")
    look(page, "counter-account", width)
    screen.press("#finish")
    expect(page.locator("#next")).to_be_focused()
    look(page, "counter-ready", width)
    assert first.name not in page.content()
    kept = {cookie["name"] for cookie in screen.context.cookies(demo.provider) if cookie["name"].startswith("idp_")}
    assert kept == {"idp_counter"}
    screen.wait_until_out(demo.portal)
    page.goto(f"{demo.provider}/signed-out")
    page.go_back()
    page.go_back()
    assert first.name not in page.content()
    page.goto(f"{demo.provider}/signed-out")
    expect(page.locator("#next")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/sign-in?**")
    look(page, "counter-sign-in", width)
    assert page.input_value("#identifier") == ""
    screen.sign_in(second)
    page.goto(f"{demo.provider}/account")
    expect(page.locator(".counter-bar")).to_contain_text(second.name)
    assert first.name not in page.content()
    page.goto(f"{demo.provider}/account/security")
    expect(page.locator("#no-passkey-here")).to_be_visible()
    look(page, "counter-security", width)


def test_a_page_that_is_left_goes_away_by_itself(screen: Visitor, person: Person) -> None:
    """The wait itself is made short; that it is 155 seconds is another test's."""
    demo, page = screen.demo, screen.page
    page.goto(f"{demo.provider}/sign-in")
    screen.sign_in(person)

    def hasten(route: Route) -> None:
        answer = route.fetch()
        seconds, where = answer.headers["refresh"].split(";")
        assert seconds == "155"
        route.fulfill(response=answer, headers={**answer.headers, "refresh": f"1;{where}"})

    page.route("**/account", hasten)
    page.goto(f"{demo.provider}/account")
    screen.context.clear_cookies(name="idp_session")
    page.wait_for_url("**/signed-out")
    expect(page.locator("#next")).to_be_focused()
    assert person.name not in page.content()
