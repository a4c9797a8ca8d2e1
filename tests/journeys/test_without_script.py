"""The whole story in a browser that runs no script, and what a first visit costs."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.journeys import story
from tests.journeys.visitor import Person, Visitor

pytestmark = [pytest.mark.journey, pytest.mark.postgres]
MOST_BYTES = 100_000


def test_the_whole_story_needs_no_script(new_visitor: Callable[..., Visitor], person: Person) -> None:
    story.tell(new_visitor("phone", java_script_enabled=False), person)


def test_an_error_is_told_without_script_too(new_visitor: Callable[..., Visitor], person: Person) -> None:
    visitor = new_visitor("phone", java_script_enabled=False)
    visitor.ask_to_enter(visitor.demo.portal)
    visitor.fill_in(person.number, "")
    expect(visitor.page.locator(".error-summary")).to_contain_text("nhập mật khẩu")
    assert visitor.page.input_value("#identifier") == person.number
    # The button that shows the password could do nothing here, so it does not stand there.
    expect(visitor.page.locator('button[aria-controls="password"]')).to_be_hidden()


def test_a_first_visit_to_the_sign_in_page_is_light_and_waits_for_no_script(visitor: Visitor) -> None:
    page = visitor.page
    wire = visitor.context.new_cdp_session(page)
    wire.send("Network.enable")
    moved: dict[str, float] = {}
    wire.on("Network.loadingFinished", lambda event: moved.update({event["requestId"]: event["encodedDataLength"]}))
    page.goto(f"{visitor.demo.provider}/sign-in", wait_until="networkidle")
    assert len(moved) >= 3, "the page, its style and its script"
    assert sum(moved.values()) < MOST_BYTES
    waiting = "[...document.scripts].filter(script => !script.src || !(script.defer || script.async)).length"
    assert page.evaluate(waiting) == 0
    others = "performance.getEntriesByType('resource').map(e => new URL(e.name).origin).filter(o => o !== origin)"
    assert page.evaluate(others) == [], "nothing comes from elsewhere"


def test_the_password_can_be_shown_and_hidden(visitor: Visitor) -> None:
    page = visitor.page
    page.goto(f"{visitor.demo.provider}/sign-in")
    page.fill("#password", "mot-mat-khau")
    page.click("text=Hiện")
    expect(page.locator("#password")).to_have_attribute("type", "text")
    page.click("text=Ẩn")
    expect(page.locator("#password")).to_have_attribute("type", "password")
    assert page.input_value("#password") == "mot-mat-khau"
