"""Signing in by keyboard alone: every step is reached by Tab, seen when it is, and pressed by Enter.

WCAG 2.2: 2.1.1, 2.4.1, 2.4.7, 3.3.1.
"""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.visitor import Person, Visitor

pytestmark = [pytest.mark.journey, pytest.mark.postgres]
MOST_STOPS = 60
_FOCUSED = "document.activeElement.id || document.activeElement.getAttribute('href') || document.activeElement.tagName"
# An outline or a shadow that is there; a focused element that is off the screen is not seen either.
_IS_SEEN = """() => {
  const element = document.activeElement, style = getComputedStyle(element), box = element.getBoundingClientRect();
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return (ring || style.boxShadow !== "none") && box.right > 0 && box.bottom > 0
    && box.top < innerHeight && box.left < innerWidth;
}"""


@pytest.fixture
def visitor(new_visitor: Callable[..., Visitor]) -> Visitor:
    """Somebody for whom pages do not scroll smoothly: where the focus is can be asked at once."""
    return new_visitor(reduced_motion="reduce")


def focused(page: Page) -> str:
    return str(page.evaluate(_FOCUSED))


def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until the element with this id (or address) has the focus; every stop on the way must be seen."""
    stops = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        stops.append(focused(page))
        assert page.evaluate(_IS_SEEN), f"the focus on {stops[-1]} cannot be seen"
        if stops[-1] == wanted:
            return
    raise AssertionError(f"{wanted} is never reached: {stops}")


def press(page: Page) -> None:
    """Enter on a button or link that leads to another page."""
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_sign_in_and_consent_by_keyboard_alone(visitor: Visitor, person: Person) -> None:
    page, demo = visitor.page, visitor.demo
    page.goto(demo.portal)
    tab_to(page, "sign-in-with-province")
    press(page)
    tab_to(page, "identifier")
    page.keyboard.type(person.number)
    tab_to(page, "password")
    page.keyboard.type(person.password)
    press(page)  # Enter in a field sends the form, as everywhere
    assert visitor.path == "/consent"
    tab_to(page, "consent-allow")
    press(page)
    visitor.expect_in(demo.portal, person)
    page.goto(f"{demo.provider}/sign-out")
    tab_to(page, "logout-confirm")
    press(page)
    expect(page.locator("h1")).to_have_text("Đã đăng xuất")


def test_a_refusal_is_as_near_as_an_agreement(visitor: Visitor, person: Person) -> None:
    page = visitor.page
    visitor.ask_to_enter(visitor.demo.portal)
    visitor.sign_in(person)
    tab_to(page, "consent-allow")
    page.keyboard.press("Tab")
    assert focused(page) == "consent-deny"
    press(page)
    assert visitor.is_at(visitor.demo.portal, "/callback")


def test_errors_take_the_focus_and_lead_to_their_fields(visitor: Visitor) -> None:
    page = visitor.page
    page.goto(f"{visitor.demo.provider}/sign-in")
    tab_to(page, "sign-in")
    press(page)
    expect(page.locator(".error-summary")).to_be_focused()
    for field in ("identifier", "password"):
        page.locator(f'.error-summary a[href="#{field}"]').focus()
        page.keyboard.press("Enter")
        expect(page.locator(f"#{field}")).to_be_focused()
        assert page.evaluate(_IS_SEEN)


def test_the_first_tab_offers_to_skip_to_the_content(visitor: Visitor) -> None:
    page = visitor.page
    page.goto(f"{visitor.demo.provider}/sign-in")
    page.keyboard.press("Tab")
    assert focused(page) == "#main"
    assert page.evaluate(_IS_SEEN)
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    assert focused(page) == "identifier"
