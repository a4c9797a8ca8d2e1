"""Officers at work in a real browser: a look that the person sees, a closing that two decide; every page looked at."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from idp.cli import demo as seeds
from idp.runtime import totp
from idp.runtime.clock import SystemClock
from tests.journeys.demo_process import DemoProcess
from tests.journeys.test_pages import LANGUAGES, bars_nobody
from tests.journeys.visitor import Person, Visitor, until

pytestmark = [pytest.mark.journey, pytest.mark.postgres]
Officers = Callable[[str], Visitor]
BULK = ("so_dinh_danh,ho_ten,ngay_sinh", "12345,Sai Số,1999")
WORKED_OFF_WITHIN = 20  # seconds; the worker looks each second


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


def test_the_help_desk_locks_and_the_person_is_out(
    browser: Browser, demo: DemoProcess, officer: Officers, a_person: Callable[[], Person]
) -> None:
    person, desk = a_person(), officer("ho.tro")
    context = browser.new_context(locale="vi-VN")
    own = Visitor(demo, context)
    own.page.goto(f"{demo.provider}/account")
    own.sign_in(person)
    open_record(desk, person, "gọi tổng đài")
    desk.page.select_option("#ground", "misuse")
    desk.page.fill("#why", "điện thoại bị mất")
    desk.press("#lock")
    expect(desk.page.locator("#unlock")).to_be_visible()
    own.page.goto(f"{demo.provider}/account")
    assert own.path == "/sign-in"
    context.close()


def test_a_vendor_connects_a_service_alone_but_for_one_approval(
    browser: Browser, demo: DemoProcess, officer: Officers, language: str
) -> None:
    manager = officer("dich.vu")
    manager.page.goto(f"{demo.provider}/admin/services")
    manager.press("#invite")
    invitation = manager.page.inner_text("#invitation")
    context = browser.new_context(locale="vi-VN")
    context.add_cookies([{"name": "idp_language", "value": language, "url": demo.provider}])
    vendor, host = Visitor(demo, context), f"ho-tich-{language}.example"
    vendor.page.goto(f"{demo.provider}/vendor")
    vendor.page.fill("#invitation", invitation)
    vendor.press("#go-on")
    bars_nobody(vendor.page, "vendor_form", language)
    vendor.press("#send")
    bars_nobody(vendor.page, "vendor_form_wrong", language)
    for field, value in (
        ("name_vi", f"Tra cứu hộ tịch {language}"),
        ("purpose_vi", "Để tìm hồ sơ của ông bà"),
        ("agreement_number", "12/2026/TT"),
        ("contacts", f"mot@{host}\nhai@{host}"),
        ("redirect_uris", f"https://{host}/cb"),
        ("backchannel_logout_uri", f"https://{host}/out"),
    ):
        vendor.page.fill(f"#{field}", value)
    vendor.page.select_option("#system_security_level", "3")
    vendor.page.check("#scope-profile")
    vendor.press("#send")
    expect(vendor.page.locator("#secret-production")).to_be_visible()
    bars_nobody(vendor.page, "vendor_made", language)
    assert vendor.violations == []
    context.close()
    cases(manager)
    with manager.page.expect_navigation():
        manager.page.locator('td a[href^="/admin/cases/"]').last.click()
    expect(manager.page.locator("main")).to_contain_text(host)
    bars_nobody(manager.page, "case_service", language)
    manager.press("#approve")
    manager.page.goto(f"{demo.provider}/admin/services")
    manager.press(f"td a:has-text('Tra cứu hộ tịch {language}')")
    expect(manager.page.locator("#switch")).to_be_visible()
    bars_nobody(manager.page, "service", language)


def test_a_file_is_handed_over_checked_decided_and_worked_off(officer: Officers, language: str) -> None:
    administrator, approver = officer("quan.tri"), officer("duyet")
    page, first = administrator.page, 700 if language == "vi" else 800
    lines = [f"003199000{first + place},Lê Thị Lụa,1999" for place in range(3)]
    page.goto(f"{administrator.demo.provider}/admin/bulk")
    page.set_input_files(
        "#file", {"name": "x.csv", "mimeType": "text/csv", "buffer": "\n".join([*BULK, *lines]).encode()}
    )
    page.fill("#reason", f"CV 9/2026 {language}")
    administrator.press("#hand-over")
    until(lambda: _reloaded(administrator, "#ask"), WORKED_OFF_WITHIN)
    bars_nobody(page, "bulk_job", language)
    administrator.press("#ask")
    cases(approver)
    with approver.page.expect_navigation():
        approver.page.locator('td a[href^="/admin/cases/"]').last.click()
    expect(approver.page.locator("main")).to_contain_text(f"CV 9/2026 {language}")
    bars_nobody(approver.page, "case_bulk", language)
    approver.press("#approve")
    done = "đã xong" if language == "vi" else "done"
    until(lambda: _says(administrator, "#stands", done), WORKED_OFF_WITHIN)
    assert page.inner_text("#good-lines") == "3"


def _reloaded(visitor: Visitor, selector: str) -> bool:
    visitor.page.reload()
    return visitor.page.locator(selector).count() == 1


def _says(visitor: Visitor, selector: str, words: str) -> bool:
    visitor.page.reload()
    return visitor.page.inner_text(selector).strip() == words


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


def at(path: str) -> Callable[[Visitor], None]:
    def lead(visitor: Visitor) -> None:
        visitor.page.goto(f"{visitor.demo.provider}{path}")

    return lead


def bulk_wrong(visitor: Visitor) -> None:
    at("/admin/bulk")(visitor)
    visitor.press("#hand-over")


def bulk_lock_wrong(visitor: Visitor) -> None:
    at("/admin/bulk/lock")(visitor)
    visitor.press("#check-list")


def recall_wrong(visitor: Visitor) -> None:
    at("/admin/recall")(visitor)
    visitor.press("#count")


PAGES: dict[str, tuple[str, Callable[[Visitor], None]]] = {
    "services_console": ("dich.vu", at("/admin/services")),
    "service_new": ("dich.vu", at("/admin/services/new")),
    "invitations": ("dich.vu", at("/admin/services/invitations")),
    "recall": ("quan.tri", at("/admin/recall")),
    "recall_wrong": ("quan.tri", recall_wrong),
    "bulk": ("quan.tri", at("/admin/bulk")),
    "keys": ("quan.tri", at("/admin/keys")),
    "bulk_wrong": ("quan.tri", bulk_wrong),
    "bulk_lock": ("quan.tri", at("/admin/bulk/lock")),
    "bulk_lock_wrong": ("quan.tri", bulk_lock_wrong),
    "me": ("can.bo", at("/admin/me")),
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
