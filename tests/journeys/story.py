"""The story that `make demo` invites to: in at the portal, known at the one-stop, out everywhere, in again."""

from playwright.sync_api import expect

from idp.cli.demo import PASSWORD, PEOPLE
from tests.journeys.visitor import Person, Visitor

MAU, THU = (
    Person(number, str(claims["name"]), PASSWORD, str(claims["phone_number"]), str(claims["email"]))
    for number, claims in PEOPLE.items()
)


def tell(visitor: Visitor, person: Person = MAU) -> None:
    """The whole story; the person has never been at either service."""
    enter_the_portal_with_consent(visitor, person)
    enter_the_one_stop_with_a_notice(visitor, person)
    sign_out_at_one_and_be_out_at_the_other(visitor)
    come_again_and_be_asked_nothing(visitor, person)


def enter_the_portal_with_consent(visitor: Visitor, person: Person) -> None:
    page, demo = visitor.page, visitor.demo
    visitor.ask_to_enter(demo.portal)
    assert visitor.is_at(demo.provider, "/sign-in")
    expect(page.locator(".asker-name")).to_have_text("Cổng Dịch vụ công tỉnh Bắc Ninh")
    visitor.sign_in(person)
    assert visitor.is_at(demo.provider, "/consent")
    asked = page.inner_text(".release")
    for value in (person.name, person.email, person.written_phone):
        assert value in asked
    assert person.number not in page.inner_text("main")  # never sent here, so not shown here
    visitor.answer()
    visitor.expect_in(demo.portal, person)
    assert visitor.claim("name") == person.name
    assert visitor.claim("email") == person.email
    assert visitor.claim("phone_number") == person.written_phone


def enter_the_one_stop_with_a_notice(visitor: Visitor, person: Person) -> None:
    page, demo = visitor.page, visitor.demo
    visitor.ask_to_enter(demo.one_stop)
    assert visitor.is_at(demo.provider, "/consent"), "the password is not asked for again"
    assert page.locator("#password").count() == 0
    assert "Nghị định 118/2025/NĐ-CP" in page.inner_text("main")
    assert page.inner_text("#consent-allow") == "Tiếp tục"  # a notice, not a choice
    visitor.answer()
    visitor.expect_in(demo.one_stop, person)


def sign_out_at_one_and_be_out_at_the_other(visitor: Visitor) -> None:
    demo = visitor.demo
    visitor.sign_out_at(demo.one_stop)
    assert visitor.is_at(demo.one_stop, "/signed-out")
    visitor.wait_until_out(demo.portal)
    visitor.page.goto(f"{demo.provider}/account")
    assert visitor.is_at(demo.provider, "/sign-in"), "the province has forgotten the person too"


def come_again_and_be_asked_nothing(visitor: Visitor, person: Person) -> None:
    demo = visitor.demo
    visitor.ask_to_enter(demo.portal)
    visitor.sign_in(person)
    visitor.expect_in(demo.portal, person)  # consent is remembered
    visitor.page.goto(demo.one_stop)
    drawn = visitor.watch()
    visitor.press("#sign-in-with-province")
    visitor.expect_in(demo.one_stop, person)
    assert drawn == [f"{demo.one_stop}/"], "no page of the province stands between"
