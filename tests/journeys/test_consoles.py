"""Officers at work in a real browser: a look that the person sees, a closing that two decide; every page looked at."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from idp.cli import demo as seeds
from idp.runtime import totp
from idp.runtime.clock import SystemClock
from tests.journeys.demo_process import DemoProcess
from tests.journeys.test_pages import LANGUAGES, bars_nobody
from tests.journeys.visitor import Person, Visitor

pytestmark = [pytest.mark.journey, pytest.mark.postgres]
Officers = Callable[[str], Visitor]


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def officer(browser: Browser, demo: DemoProcess, language: str) -> Iterator[Officers]:
    """Each officer in a browser of the officer's own, signed in with password and app."""
    present: dict[str, Visitor] = {}

    def find(staff_code: str) -> Visitor:
        if staff_code not in present:
            context = browser.new_context(locale="vi-VN")
            context.add_cookies([{"name": "idp_language", "value": language, "url": demo.provider}])
            present[staff_code] = enter(Visitor(demo, context), staff_code)
        return present[staff_code]

    yield find
    for visitor in present.values():
        assert visitor.violations == []
        visitor.context.close()


def enter(visitor: Visitor, staff_code: str) -> Visitor:
    visitor.page.goto(f"{visitor.demo.provider}/admin")
    visitor.fill_in(staff_code, seeds.PASSWORD)
    for _ in range(2):  # the six digits of this half minute may be spent: then those of the next one
        visitor.page.fill("#code", totp.code_at(seeds.secret_of(staff_code), SystemClock().now()))
        visitor.press("#verify")
        if visitor.path == "/admin":
            break
        visitor.page.wait_for_timeout(1000 * (31 - SystemClock().now().timestamp() % 30))
    expect(visitor.page.locator("h1")).to_be_visible()
    assert visitor.path == "/admin"
    return visitor


def open_record(visitor: Visitor, person: Person, purpose: str) -> None:
    visitor.page.goto(f"{visitor.demo.provider}/admin/people")
    visitor.page.fill("#query", person.number)
    visitor.page.fill("#purpose", purpose)
    visitor.press("#find")
    visitor.press('form[action="/admin/people/record"] button')


def test_an_officers_look_shows_in_the_persons_own_page(
    browser: Browser, demo: DemoProcess, officer: Officers, a_person: Callable[[], Person]
) -> None:
    person, registrar = a_person(), officer("can.bo")
    open_record(registrar, person, "hồ sơ 12/2026")
    expect(registrar.page.locator("h1")).to_have_text(person.name)
    context = browser.new_context(locale="vi-VN")
    own = Visitor(demo, context)
    own.page.goto(f"{demo.provider}/account/activity")
    own.sign_in(person)
    own.page.goto(f"{demo.provider}/account/activity")
    looks = own.page.inner_text('section[aria-labelledby="looks"]')
    assert "hồ sơ 12/2026" in looks and "phường Vũ Ninh" in looks and "can.bo" in looks
    context.close()


def test_a_closing_is_asked_by_one_and_decided_by_another(officer: Officers, a_person: Callable[[], Person]) -> None:
    person, registrar, approver = a_person(), officer("can.bo"), officer("duyet")
    open_record(registrar, person, "giấy chứng tử")
    registrar.page.select_option("#because", "died")
    registrar.page.fill("#paper", "Giấy chứng tử 3/2026")
    registrar.press("#close-now")
    approver.page.goto(f"{approver.demo.provider}/admin/cases")
    with approver.page.expect_navigation():
        approver.page.locator('td a[href^="/admin/cases/"]').last.click()  # the newest stands last
    expect(approver.page.locator("main")).to_contain_text("Giấy chứng tử 3/2026")
    approver.press("#approve")
    expect(approver.page.locator('[role="status"]')).to_be_visible()
    open_record(registrar, person, "xem lại")
    expect(registrar.page.locator("#close-now")).to_have_count(0)


def test_two_officers_prove_who_somebody_is(officer: Officers, language: str) -> None:
    """From the counter to the code on paper, by keyboard alone at the counter."""
    registrar, approver = officer("can.bo"), officer("duyet")
    number, name = ("003156000127", "Lê Thị Lụa") if language == "vi" else ("003156000135", "Lê Thị Lành")
    counter(registrar)
    page = registrar.page
    page.focus("#document_type")
    page.keyboard.press("ArrowDown")
    for typed in (number, "12/03/2024", "12/03/2039", number, name, "1956", ""):
        page.keyboard.press("Tab")
        page.keyboard.type(typed)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator('[role="status"]')).to_be_visible()
    cases(approver)
    with approver.page.expect_navigation():
        approver.page.locator('td a[href^="/admin/cases/"]').last.click()
    expect(approver.page.locator("main")).to_contain_text(name)
    approver.press("#approve")
    counter(registrar)
    registrar.press('form[action="/counter/print-code"] button')
    assert len(registrar.page.inner_text("#paper-code").replace(" ", "")) == 10


@pytest.mark.parametrize("name", ["staff_sign_in", "staff_enrol", "staff_wrong"])
def test_the_officers_door_bars_nobody(browser: Browser, demo: DemoProcess, language: str, name: str) -> None:
    """WCAG 2.2 AA."""
    context = browser.new_context(locale="vi-VN")
    context.add_cookies([{"name": "idp_language", "value": language, "url": demo.provider}])
    visitor = Visitor(demo, context)
    visitor.page.goto(f"{demo.provider}{'/admin/enrol' if name == 'staff_enrol' else '/admin/sign-in'}")
    if name == "staff_wrong":
        visitor.press("#sign-in")
    bars_nobody(visitor.page, name, language)
    assert visitor.violations == []
    context.close()


def console(visitor: Visitor) -> None:
    visitor.page.goto(f"{visitor.demo.provider}/admin")


def found_people(visitor: Visitor) -> None:
    visitor.page.goto(f"{visitor.demo.provider}/admin/people")
    visitor.page.fill("#query", "nguyen")
    visitor.page.fill("#purpose", "hồ sơ 12/2026")
    visitor.press("#find")


def people_wrong(visitor: Visitor) -> None:
    visitor.page.goto(f"{visitor.demo.provider}/admin/people")
    visitor.press("#find")


def record(visitor: Visitor) -> None:
    found_people(visitor)
    visitor.press('form[action="/admin/people/record"] button')


def other_account(visitor: Visitor) -> None:
    record(visitor)
    visitor.page.fill("#other", list(seeds.PEOPLE)[1])
    visitor.press("#find-other")


def merge(visitor: Visitor) -> None:
    other_account(visitor)
    visitor.press('form[action="/admin/people/merge/preview"] button')


def case(visitor: Visitor) -> None:
    record(visitor)
    visitor.page.select_option("#because", "withdrawn")
    visitor.page.fill("#paper", "Đơn ngày 26/11/2026")
    visitor.press("#close-now")
    visitor.page.goto(f"{visitor.demo.provider}/admin/cases")
    visitor.press('td a[href^="/admin/cases/"]')


def cases(visitor: Visitor) -> None:
    visitor.page.goto(f"{visitor.demo.provider}/admin/cases")


def officers(visitor: Visitor) -> None:
    visitor.page.goto(f"{visitor.demo.provider}/admin/officers")


def officers_wrong(visitor: Visitor) -> None:
    officers(visitor)
    visitor.press("#create")


def history(visitor: Visitor) -> None:
    visitor.page.goto(f"{visitor.demo.provider}/admin/history")
    visitor.page.fill("#purpose", "kiểm tra quý 4")
    visitor.press("#find")


def counter(visitor: Visitor) -> None:
    visitor.page.goto(f"{visitor.demo.provider}/counter")


def counter_wrong(visitor: Visitor) -> None:
    counter(visitor)
    visitor.press("#capture-now")


PAGES: dict[str, tuple[str, Callable[[Visitor], None]]] = {
    "console": ("can.bo", console),
    "people_found": ("can.bo", found_people),
    "people_wrong": ("can.bo", people_wrong),
    "record": ("can.bo", record),
    "merge_found": ("can.bo", other_account),
    "merge": ("can.bo", merge),
    "case": ("can.bo", case),
    "cases": ("can.bo", cases),
    "officers": ("quan.tri", officers),
    "counter": ("can.bo", counter),
    "counter_wrong": ("can.bo", counter_wrong),
    "history": ("kiem.tra", history),
    "officers_wrong": ("quan.tri", officers_wrong),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_consoles_bars_nobody(officer: Officers, language: str, name: str) -> None:
    """WCAG 2.2 AA."""
    staff_code, lead = PAGES[name]
    visitor = officer(staff_code)
    lead(visitor)
    bars_nobody(visitor.page, name, language)
