"""Every page in a real browser: axe finds nothing, nothing is wider than the screen, pictures are kept.

WCAG 2.2 AA. Each page is looked at in both languages, at 360 and 1280 px, light and dark; the pictures lie in
var/screenshots/. Reflow (1.4.10) is measured at 320 px, and again with the large text. Beyond AA, at 360 px: what is
pressed measures 44 px, running text 18 px, and nothing moves where the person's device says so.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.browser import WIDTHS, axe, screenshot
from tests.journeys.demo_process import DemoProcess
from tests.journeys.plain_service import PlainService, register
from tests.journeys.visitor import Person, Visitor

pytestmark = [pytest.mark.journey, pytest.mark.postgres]
LANGUAGES = ("vi", "en")
INFORMATION = "help privacy accessibility status business".split()
NARROW = ViewportSize(width=320, height=640)


@dataclass(frozen=True, slots=True)
class Scene:
    """Who looks at the pages, in one language: a stranger, and somebody who is signed in and agrees to nothing."""

    language: str
    demo: DemoProcess
    stranger: Visitor
    member: Visitor
    somebody: Callable[[], Person]

    def ask(self, visitor: Visitor, service: str = "cong-dich-vu-cong", **parameters: str) -> Visitor:
        """An authorization request of a service, sent by the visitor's browser."""
        base = self.demo.portal if service == "cong-dich-vu-cong" else self.demo.one_stop
        asked = {
            "client_id": service,
            "redirect_uri": f"{base}/callback",
            "response_type": "code",
            "scope": "openid profile email phone address",
            "state": "trang-thai",
            "nonce": "mot-lan",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
            **parameters,
        }
        return self.open(visitor, f"/oauth2/authorize?{urlencode(asked)}")

    def open(self, visitor: Visitor, path: str) -> Visitor:
        visitor.page.goto(f"{self.demo.provider}{path}")
        return visitor


def sign_in_wrong(scene: Scene, number: str = "097085000001") -> Visitor:
    visitor = scene.ask(scene.stranger)
    visitor.fill_in(number, "khong-dung-dau-nhe")
    return visitor


def sign_in_throttled(scene: Scene) -> Visitor:
    for _ in range(8):
        visitor = sign_in_wrong(scene, "097085000002")
        if visitor.page.locator(".error-summary", has_text=re.compile("15 (phút|minutes)")).count():
            return visitor
    raise AssertionError("nobody said stop")


def sign_in_missing(scene: Scene) -> Visitor:
    visitor = scene.ask(scene.stranger)
    visitor.press("#sign-in")
    return visitor


def sign_in_expired(scene: Scene) -> Visitor:
    visitor = scene.ask(scene.stranger)
    visitor.context.clear_cookies(name="idp_page")
    visitor.fill_in("097085000003", "mot-mat-khau")
    return visitor


def consent_offline(scene: Scene) -> Visitor:
    """Of a service that registered itself and wants to read later too."""
    service = PlainService(scene.demo.provider, register(scene.demo.provider))
    scene.member.page.goto(service.address(prompt="consent"))
    return scene.member


def signed_out(scene: Scene) -> Visitor:
    """With two services that hear of it; ends the stranger's own short visit."""
    visitor, person = scene.stranger, scene.somebody()
    visitor.enter(scene.demo.portal, person)
    visitor.enter(scene.demo.one_stop, person)
    scene.open(visitor, "/sign-out")
    visitor.press("#logout-confirm")
    return visitor


def account(scene: Scene) -> Visitor:
    """With a service that received something; by somebody who is signed out again by the next page."""
    visitor = scene.stranger
    visitor.enter(scene.demo.portal, scene.somebody())
    return scene.open(visitor, "/account")


def register_contact(scene: Scene, number: str = "003199000127") -> Visitor:
    visitor = scene.open(scene.stranger, "/register")
    for field, value in (("personal_number", number), ("full_name", "Lê Thị Lụa"), ("birth_date", "1999")):
        visitor.page.fill(f"#{field}", value)
    visitor.press("#continue")
    return visitor


def register_code(scene: Scene, mailbox: str = "lua") -> Visitor:
    visitor = register_contact(scene)
    visitor.page.fill("#contact", f"{mailbox}-{scene.language}@nguoi-mau.example")
    visitor.press("#continue")
    return visitor


def register_code_wrong(scene: Scene) -> Visitor:
    visitor = register_code(scene)
    visitor.page.fill("#code", "1")
    visitor.press("#verify")
    return visitor


def register_password(scene: Scene) -> Visitor:
    visitor = register_code(scene, "lua-moi")
    visitor.page.fill("#code", scene.demo.code_sent_to(f"lua-moi-{scene.language}@nguoi-mau.example"))
    visitor.press("#verify")
    return visitor


def register_who_wrong(scene: Scene) -> Visitor:
    visitor = scene.open(scene.stranger, "/register")
    visitor.press("#continue")
    return visitor


def lock_code(scene: Scene) -> Visitor:
    visitor = scene.open(scene.stranger, "/lock")
    visitor.page.fill("#identifier", "003199000127")
    visitor.page.fill("#contact", "0912 000 127")
    visitor.press("#continue")
    return visitor


def recover_codes(scene: Scene) -> Visitor:
    visitor = scene.open(scene.stranger, "/recover")
    visitor.page.fill("#identifier", "003199000127")
    visitor.page.fill("#contact", "0912 000 127")
    visitor.page.fill("#other", "lua@nguoi-mau.example")
    visitor.press("#continue")
    return visitor


def contacts_sure(scene: Scene) -> Visitor:
    visitor = scene.open(scene.member, "/account/contacts")
    visitor.press("form[action='/account/contacts/remove'] button >> nth=0")
    return visitor


def second_step(scene: Scene) -> Visitor:
    return scene.ask(scene.member, acr_values="urn:bacninh:xacthuc:2")


def totp(scene: Scene) -> Visitor:
    visitor = scene.open(scene.member, "/account/security")
    visitor.press("#add-app")
    return visitor


def printed_codes(scene: Scene) -> Visitor:
    visitor = scene.open(scene.member, "/account/security")
    visitor.press("#print-codes")
    return visitor


def rights_wrong(scene: Scene) -> Visitor:
    visitor = scene.open(scene.member, "/account/rights")
    visitor.press("#ask")
    return visitor


def rights_asked(scene: Scene) -> Visitor:
    visitor = scene.open(scene.member, "/account/rights")
    visitor.page.check("#kind-correct")
    visitor.page.fill("#words", "Tên đệm của tôi bị sai.")
    visitor.press("#ask")
    return visitor


def other_screen(scene: Scene) -> Visitor:
    visitor = scene.ask(scene.stranger)
    visitor.page.set_viewport_size(WIDTHS["desktop"])
    visitor.press("#by-phone")
    return visitor


def phone(scene: Scene) -> Visitor:
    address = other_screen(scene).page.get_attribute("#picture", "data-address")
    scene.member.page.goto(str(address))
    return scene.member


def phone_wrong(scene: Scene) -> Visitor:
    visitor = phone(scene)
    visitor.page.fill("#number", "7")
    visitor.press("#approve")
    return visitor


def phone_refused(scene: Scene) -> Visitor:
    visitor = phone(scene)
    visitor.press("#refuse")
    return visitor


PAGES: dict[str, Callable[[Scene], Visitor]] = {
    "sign_in": lambda scene: scene.ask(scene.stranger),
    "sign_in_direct": lambda scene: scene.open(scene.stranger, "/sign-in"),
    "sign_in_missing": sign_in_missing,
    "sign_in_wrong": sign_in_wrong,
    "sign_in_throttled": sign_in_throttled,
    "sign_in_expired": sign_in_expired,
    "consent": lambda scene: scene.ask(scene.member),
    "consent_offline": consent_offline,
    "consent_nothing": lambda scene: scene.ask(scene.member, scope="openid", prompt="consent"),
    "notice": lambda scene: scene.ask(scene.member, "mot-cua-dien-tu"),
    "choose_account": lambda scene: scene.ask(scene.member, prompt="select_account"),
    "sign_out": lambda scene: scene.open(scene.member, "/sign-out"),
    "sign_out_asked": lambda scene: scene.open(scene.member, "/oauth2/logout?client_id=cong-dich-vu-cong"),
    "signed_out": signed_out,
    "refusal_400": lambda scene: scene.ask(scene.stranger, redirect_uri="https://la.example/cb"),
    "refusal_404": lambda scene: scene.open(scene.stranger, "/khong-co"),
    "home": lambda scene: scene.open(scene.stranger, "/"),
    "home_person": lambda scene: scene.open(scene.member, "/"),
    "register_who": lambda scene: scene.open(scene.stranger, "/register"),
    "register_who_wrong": register_who_wrong,
    "register_who_passport": lambda scene: scene.open(scene.stranger, "/register?with=passport"),
    "register_contact": register_contact,
    "register_contact_doubtful": lambda scene: register_contact(scene, "003198000127"),
    "register_code": register_code,
    "register_code_wrong": register_code_wrong,
    "register_password": register_password,
    "recover": lambda scene: scene.open(scene.stranger, "/recover"),
    "recover_codes": recover_codes,
    "lock": lambda scene: scene.open(scene.stranger, "/lock"),
    "lock_code": lock_code,
    "second_step": second_step,
    "other_screen": other_screen,
    "phone": phone,
    "phone_wrong": phone_wrong,
    "phone_refused": phone_refused,
    "phone_over": lambda scene: scene.open(scene.stranger, "/phone?code=cu"),
    "contacts_sure": contacts_sure,
    "contacts": lambda scene: scene.open(scene.member, "/account/contacts"),
    "activity": lambda scene: scene.open(scene.member, "/account/activity"),
    "data": lambda scene: scene.open(scene.member, "/account/data"),
    "security": lambda scene: scene.open(scene.member, "/account/security"),
    "rights": lambda scene: scene.open(scene.member, "/account/rights"),
    "rights_wrong": rights_wrong,
    "rights_asked": rights_asked,
    "totp": totp,
    "codes": printed_codes,
    "account_empty": lambda scene: scene.open(scene.member, "/account"),
    "services": lambda scene: scene.open(scene.stranger, "/services"),
    **{f"information_{name}": lambda scene, name=name: scene.open(scene.stranger, f"/{name}") for name in INFORMATION},
    "account": account,
}
WANTED = {
    "contacts_sure": "Gỡ điện thoại hoặc hộp thư này?",
    "activity": "Trình duyệt đã quen",
    "register_contact_doubtful": "không có trong danh sách tỉnh",
    "register_code": "đã gửi 6 chữ số",
    "register_code_wrong": "Mã không đúng",
    "register_password": "Ít nhất 10 ký tự",  # the page that is meant, not one that came in its place
    "sign_in_throttled": "Ông/Bà đợi 15 phút",
    "sign_in_expired": "Trang này đã mở quá lâu",
    "consent_offline": "cả khi Ông/Bà không mở dịch vụ",
    "choose_account": "Dùng tài khoản khác",
    "signed_out": "Hệ thống một cửa điện tử",
    "account": "Cổng Dịch vụ công tỉnh Bắc Ninh",
    "rights_asked": "Tên đệm của tôi bị sai",
}


@pytest.fixture(scope="module", params=LANGUAGES)
def scene(
    request: pytest.FixtureRequest, browser: Browser, demo: DemoProcess, a_person: Callable[[], Person]
) -> Iterator[Scene]:
    contexts = [browser.new_context(locale="vi-VN") for _ in range(2)]
    for context in contexts:
        context.add_cookies([{"name": "idp_language", "value": request.param, "url": demo.provider}])
    stranger, member = (Visitor(demo, context) for context in contexts)
    made = Scene(request.param, demo, stranger, member, a_person)
    made.open(member, "/sign-in")
    member.sign_in(a_person())
    yield made
    assert stranger.violations + member.violations == []
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_bars_nobody(scene: Scene, name: str) -> None:
    """WCAG 2.2 AA."""
    page = PAGES[name](scene).page
    assert page.url.startswith(scene.demo.provider)
    if scene.language == "vi":
        assert WANTED.get(name, "") in page.inner_text("main")
    assert page.get_attribute("html", "lang") == scene.language
    bars_nobody(page, name, scene.language)


def bars_nobody(page: Page, name: str, language: str) -> None:
    """In all its looks: axe finds nothing, everything can be pressed and read, nothing is wider than the screen."""
    faults = {}
    for width, scheme in _looks(name, language):
        page.set_viewport_size(WIDTHS[width])
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        look = f"{name}-{language}-{width}-{scheme}"
        faults |= {look: found} if (found := axe(page)) else {}
        screenshot(page, look)
    assert faults == {}
    assert _measured(page) == {"pressed": [], "read": [], "moving": []}
    assert _overflow(page) == []


def _looks(name: str, language: str) -> list[tuple[str, str]]:
    """Both schemes at both widths; pages of one template share the four looks between them."""
    looks = [(width, scheme) for width in WIDTHS for scheme in ("light", "dark")]
    if not name.startswith("information_"):
        return looks
    return [looks[(INFORMATION.index(name.removeprefix("information_")) + (language == "en")) % 4]]


def _measured(page: Page) -> dict[str, list[str]]:
    """What is too small to be pressed or to be read on a phone, and what moves though it should not (WCAG 2.3.3)."""
    page.set_viewport_size(WIDTHS["phone"])
    page.emulate_media(reduced_motion="reduce")
    return {"pressed": page.evaluate(_PRESSED), "read": page.evaluate(_READ), "moving": page.evaluate(_MOVING)}


def test_what_is_too_small_or_moves_is_found(page: Page) -> None:
    """On a page of the test's own, so that a measure that measures nothing is seen."""
    page.set_content(
        """<style>b { animation: x 9s } @keyframes x { to { opacity: 0 } }</style><body style="font-size: 17px"><main>
        <p>Words with <a href="#1">a link</a> in them.</p> <p><a href="#2">alone</a></p> <button>x</button>
        <input type="hidden"> <a href="#3" style="display: block; height: 44px; width: 44px; font-size: 18px">big</a>
        <b>moves</b></main>"""
    )
    found = _measured(page)
    assert [re.sub("<(a|button).*", r"\1", each) for each in found["pressed"]] == ["a", "button"]
    assert "#2" in found["pressed"][0]
    assert len(found["read"]) == 4
    assert [each[:2] for each in found["moving"]] == ["<b"]


# The size of what is pressed, a link within a sentence aside: its height is the line's (WCAG 2.5.8, 2.5.5).
_PRESSED = """() => {
  const said = e => e.textContent.replace(/\\s+/g, " ").trim();
  const inSentence = e => getComputedStyle(e).display === "inline" && said(e.parentElement) !== said(e);
  const isThere = e => e.checkVisibility() && e.getBoundingClientRect().right > 0;  // the skip link waits outside
  return [...document.querySelectorAll("a[href], button, summary, select, textarea, input:not([type=hidden])")]
    .filter(e => isThere(e) && !inSentence(e))
    .filter(e => { const box = e.getBoundingClientRect(); return box.width < 43.5 || box.height < 43.5; })
    .map(e => e.outerHTML.slice(0, 120));
}"""
# Running text, and what is typed and pressed. Labels and notes beside it carry a class and may be smaller.
_READ = """() => [document.body, ...document.querySelectorAll(
    "main p:not([class]), main li:not([class]), main label, main input:not([type=hidden]), main button")]
  .filter(e => e.checkVisibility() && parseFloat(getComputedStyle(e).fontSize) < 18)
  .map(e => e.outerHTML.slice(0, 120))"""
# One element is told to move, by its own style: the page's rule must be the stronger one.
_MOVING = """() => {
  const told = document.querySelector("main h1");
  if (told) { told.style.transition = "all 9s"; told.style.animation = "x 9s"; }
  const moves = style => style.animationName !== "none" || !/^(0s(, )?)+$/.test(style.transitionDuration)
    || style.scrollBehavior === "smooth";
  return [...document.querySelectorAll("*")].filter(e => moves(getComputedStyle(e)))
    .map(e => e.outerHTML.slice(0, 120));
}"""


def _overflow(page: Page) -> list[str]:
    """What is wider than a screen of 320 px, with the usual text and the large one (WCAG 1.4.10, 1.4.4)."""
    page.set_viewport_size(NARROW)
    found = page.evaluate(_WIDER)
    page.evaluate("document.documentElement.dataset.text = 'large'")
    return [*found, *page.evaluate(_WIDER)]


_WIDER = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return [];
  return [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > wide + 1)
    .map(e => e.outerHTML.slice(0, 120));
}"""
