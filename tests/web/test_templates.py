"""Every page drawn in both languages, empty, full and in error, and the style sheet's own promises.

The pages are drawn by an application made here, with the context the views hand over; no database and no
network. A missing variable is an error, so that a template and its view cannot drift apart unseen.
Half of the file is the table of pages and states, in one place so that every test runs over all of them.
"""

import gzip
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import flask
import flask_bootstrap
import pytest
from flask_babel import Babel, force_locale
from jinja2 import StrictUndefined
from markupsafe import Markup

from idp.domain.factors import Way
from idp.domain.service_forms import FIELDS
from idp.web import rights_texts, texts
from tests.web import console_pages

WEB = Path(texts.__file__).parent
TEMPLATES = WEB / "templates"
STATIC = WEB / "static"
BOOTSTRAP = Path(flask_bootstrap.__file__).parent / "static" / "bootstrap5" / "css" / "bootstrap.min.css"
LANGUAGES = ("vi", "en")

Context = Mapping[str, object]


def _asker(**changed: object) -> SimpleNamespace:
    facts: dict[str, object] = {
        "name": "Cổng Dịch vụ công tỉnh Bắc Ninh",
        "domain": "dichvucong.bacninh.gov.vn",
        "logo_url": None,
        "policy_uri": "https://dichvucong.bacninh.gov.vn/du-lieu",
        "terms_uri": "https://dichvucong.bacninh.gov.vn/dieu-khoan",
    }
    return SimpleNamespace(**facts | changed)


PERSON = SimpleNamespace(name="Nguyễn Thị Lụa", hint="số định danh có đuôi 127")
AT_COUNTER = SimpleNamespace(name="Phường Kinh Bắc, quầy 3", minutes="2,5", person="", parked="")
BACK = SimpleNamespace(name="Cổng Dịch vụ công tỉnh Bắc Ninh", url="https://dichvucong.bacninh.gov.vn/")
RELEASED = [
    SimpleNamespace(what="Họ và tên", value="Nguyễn Thị Lụa", why="Để ghi tên người nộp hồ sơ"),
    SimpleNamespace(what="Số định danh cá nhân", value="003 156 000 127", why="Để tìm đúng hồ sơ đã nộp"),
    SimpleNamespace(what="Thư điện tử", value=None, why=None),
]
FACTS = [
    SimpleNamespace(
        what="Số định danh cá nhân", value="003 156 000 127", source="Đối chiếu tại quầy", when="14/03/2026"
    ),
    SimpleNamespace(what="Ngày sinh", value="Năm 1956", source="Đối chiếu tại quầy", when="14/03/2026"),
    SimpleNamespace(
        what="Nơi thường trú",
        value="Thôn Đoài, xã Tam Giang, tỉnh Bắc Ninh",
        source="Tự khai",
        when="02/06/2026",
    ),
    SimpleNamespace(what="Thư điện tử", value=None, source=None, when=None),
]
SERVICES = [
    SimpleNamespace(
        name="Cổng Dịch vụ công tỉnh Bắc Ninh",
        url="http://localhost:8001/",
        agency="Trung tâm Phục vụ hành chính công tỉnh",
        purpose="Nộp và theo dõi hồ sơ thủ tục hành chính",
        basis="Nghị định 118/2025/NĐ-CP",
        domain="dichvucong.bacninh.gov.vn",
        asks="Họ và tên, ngày sinh",
        levels=[SimpleNamespace(name="Mức", level=2)],
        last="20/11/2026",
        what="Họ và tên, số định danh cá nhân",
        agreed="họ và tên",
        withdraw="cong-dich-vu",
        withdrawn="",
        told="",
    ),
    SimpleNamespace(
        name="Một cửa điện tử",
        url="http://localhost:8002/",
        agency="Văn phòng Ủy ban nhân dân tỉnh",
        purpose="Tiếp nhận và trả kết quả tại quầy",
        basis=None,
        domain="motcua.bacninh.gov.vn",
        asks="",
        levels=[],
        last=None,
        what="Họ và tên",
        agreed="",
        withdraw="",
        withdrawn="21/11/2026",
        told="Dịch vụ đã được báo lúc 14:05 21/11/2026",
    ),
]


@dataclass(frozen=True, slots=True)
class Case:
    """A page in one state. `context` is made within the request, for texts that are translated then."""

    template: str
    context: Callable[[], Context]
    handles: frozenset[str] = field(default=frozenset())
    posts_to: str | None = None


def _sign_in(**changed: object) -> Case:
    context: dict[str, object] = {
        "asker": _asker(),
        "parked": "PARKED",
        "identifier": "",
        "errors": [],
        "notice": None,
        "wants_account": False,
        "passkey_options": "{}",
    }
    handles = frozenset({"identifier", "password", "sign-in", "register", "recover"})
    return Case("sign_in/sign_in.html", lambda: context | changed, handles, "/sign-in")


INTERFACE = SimpleNamespace(name="Hệ thống Hộ tịch điện tử", domain="api.hotich.example.vn")


def _consent(**changed: object) -> Case:
    context: dict[str, object] = {
        "asker": _asker(),
        "person": PERSON,
        "kind": "consent",
        "purpose": "Nộp và theo dõi hồ sơ thủ tục hành chính",
        "items": RELEASED,
        "not_sent": ["mật khẩu", "ảnh thẻ"],
        "interface": None,
        "legal_basis": None,
        "number_basis": None,
        "offline": False,
        "parked": "PARKED",
    }
    return Case(
        "sign_in/consent.html",
        lambda: context | changed,
        frozenset({"consent-allow", "consent-deny"}),
        "/consent",
    )


def _refusal(code: str, **changed: object) -> Case:
    rest: dict[str, object] = {"reference": "BN-7KQ4-2M9P", "back": None, "detail": None}
    return Case("refusal.html", lambda: rest | changed | {"text": texts.refusal_text(code)}, frozenset({"error"}))


def _information(name: str) -> Case:
    return Case("information.html", lambda: {"page": texts.information_page(name)})


def _plain(
    template: str, posts_to: str | None = None, handles: frozenset[str] = frozenset(), **context: object
) -> Case:
    return Case(template, lambda: context, handles, posts_to)


def _vendor(**changed: object) -> Case:
    typed = dict.fromkeys(FIELDS, "")
    usual: dict[str, object] = {
        "parked": "P",
        "agency": "",
        "invitation": "",
        "errors": [],
        "typed": typed,
        "labels": {name: f"Ô {place}" for place, name in enumerate(FIELDS)},
        "scopes": [("profile", True), ("email", False)],
        "security_levels": [("1", "1")],
        "account_levels": [("0", "0")],
        "auth_levels": [("1", "1")],
        "exceptions": [("pkce", "không dùng PKCE")],
    }
    return _plain("vendor/form.html", "/vendor", **{**usual, **changed})


PLACES = [
    SimpleNamespace(
        id=str(number),
        device="Chrome, Android",
        address="192.0.2.1",
        since="08:00 26/11/2026",
        last="08:30",
        is_here=here,
    )
    for number, here in ((1, True), (2, False))
]
HISTORY = [
    SimpleNamespace(what="Đăng nhập", when="08:00 26/11/2026", where="192.0.2.1", by="cán bộ A", proof=proof)
    for proof in ("/account/activity/proof?entry=1", "")
]


def _contacts(**changed: object) -> Case:
    one = SimpleNamespace(id="1", value="+84912000013", since="26/11/2026")
    context: dict[str, object] = {"person": PERSON, "parked": "P", "contacts": [one], "typed": "", "errors": []}
    context |= {"done": "Đã thêm."}
    action = "/account/contacts" if changed.get("contacts") == [] else "/account/contacts/remove"
    return Case("account/contacts.html", lambda: context | changed, frozenset({"add-contact"}), action)


ASKED = [
    SimpleNamespace(
        id="1",
        what="Chỉnh sửa dữ liệu",
        state="Đã nhận",
        when="Yêu cầu ngày 01/12/2026.",
        is_late=True,
        said=[SimpleNamespace(what="Ông/Bà viết", words="Sai tên đệm")],
        ground="",
    ),
    SimpleNamespace(
        id="",
        what="Xóa dữ liệu",
        state="Bị từ chối",
        when="Yêu cầu ngày 01/11/2026.",
        is_late=False,
        said=[],
        ground="Luật 91/2025/QH15",
    ),
]


def _rights(**changed: object) -> Case:
    context: dict[str, object] = {"person": PERSON, "parked": "P", "requests": ASKED, "errors": [], "done": "Đã nhận."}
    context |= {"typed": SimpleNamespace(kind="erase", words="Xóa giúp tôi"), "longest": 2000}

    def made() -> Context:
        return context | {"choices": rights_texts.choices(), "procedure": rights_texts.procedure()} | changed

    action = "/account/rights" if changed.get("requests") == [] else "/account/rights/withdraw"
    return Case("account/rights.html", made, frozenset({"kind-access", "words", "ask"}), action)


def _activity(**changed: object) -> Case:
    context: dict[str, object] = {
        "person": PERSON,
        "parked": "P",
        "places": PLACES,
        "known": PLACES,
        "older": {"history": "1" * 32, "looks": "1" * 32, "received": ""},
        "paged": ["looks"],
        "history": HISTORY,
        "looks": HISTORY,
        "received": HISTORY,
        "done": "Xong.",
    }
    full = changed.get("done") != ""
    return Case(
        "account/activity.html",
        lambda: context | changed,
        frozenset({"to-data", "download"} | ({"end-others"} if full else set())),
        "/account/activity/end" if full else None,
    )


HELD_LINES = [
    SimpleNamespace(when="08:00 26/11/2026", said=[SimpleNamespace(what="Việc đã xảy ra", value="Đăng nhập")]),
    SimpleNamespace(when="", said=[SimpleNamespace(what="Tên ở đó", value="x" * 60)]),
]


def _data(**changed: object) -> Case:
    parts = [
        SimpleNamespace(name=name, title=name, lines=HELD_LINES, left_off=0) for name in ("account", "history", "facts")
    ]
    context: dict[str, object] = {"person": PERSON, "today": "08:00 26/11/2026", "parts": parts, "is_whole": True}
    context |= {"empty": ["Mã in sẵn"]}
    return Case("account/data.html", lambda: context | changed, frozenset({"download"}))


TYPED = {"personal_number": "003156000127", "passport": "", "country": "", "full_name": "", "birth_date": ""}
CONTACT: dict[str, object] = {
    "parked": "P",
    "back": "/register?parked=P",
    "typed": "",
    "errors": [],
    "unknown_province": False,
    "year_differs": False,
    "by_phone": True,
    "by_email": True,
}


WAYS = tuple(Way)


def _step(way: Way | None, handle: str = "verify", **changed: object) -> Case:
    context: dict[str, object] = {"asker": _asker(), "parked": "P", "way": way, "errors": [], "options": ""}
    context |= {"others": [each for each in WAYS if each != way], "contact": "", "is_sent": False, "failing": False}
    context |= {"may_give_up": False}
    return Case("sign_in/second_step.html", lambda: context | changed, frozenset({handle}), "/second-step")


def _screen(**changed: object) -> Case:
    context: dict[str, object] = {"asker": _asker(), "parked": "P", "onward": "O", "state": "asked", "slot": 59}
    context |= {
        "address": "https://a.example/phone?code=1",
        "picture": Markup('<svg aria-hidden="true" focusable="false"></svg>'),
        "number": "47",
    }
    context |= {"until": "14:08", "renewed_every": 30, "errors": []}
    state = changed.get("state", "asked")
    handles = {"asked": {"continue", "again", "number", "picture"}, "approved": {"continue"}}.get(str(state), {"again"})
    posts_to = "/sign-in/screen" if state in ("refused", "over") else "/sign-in/screen/continue"
    return Case("sign_in/other_screen.html", lambda: context | changed, frozenset(handles), posts_to)


def _account_level(**changed: object) -> Case:
    context: dict[str, object] = {"person": PERSON, "asker": _asker(), "parked": "P", "needed": 2, "source": "self"}
    handles = frozenset({"error", "give-up"})
    return Case("sign_in/account_level.html", lambda: context | changed, handles, "/account-level")


def _phone(**changed: object) -> Case:
    context: dict[str, object] = {"person": PERSON, "asker": _asker(), "parked": "P", "device": "Edge, Windows"}
    context |= {"address": "198.51.100.7", "when": "14:05 20/11/2026", "errors": []}
    return Case("sign_in/phone.html", lambda: context | changed, frozenset({"number", "approve", "refuse"}), "/phone")


def _security(**changed: object) -> Case:
    key = SimpleNamespace(id="1", way="passkey", name="Điện thoại của tôi", added="20/11/2026", used="")
    app = SimpleNamespace(id="2", way="totp", name="Ứng dụng xác thực", added="20/11/2026", used="21/11/2026")
    context: dict[str, object] = {"person": PERSON, "parked": "P", "options": "{}", "passkeys": [key], "apps": [app]}
    context |= {"contacts": ["•••••••••013"], "codes_left": 9, "errors": [], "done": "Đã thêm."}
    handles = frozenset({"add-passkey", "add-app", "print-codes", "change-password"})
    first = "passkey" if changed.get("passkeys") == [] else "remove"
    return Case("account/security.html", lambda: context | changed, handles, f"/account/security/{first}")


def _who(**changed: object) -> Case:
    context: dict[str, object] = {
        "asker": _asker(),
        "parked": "P",
        "typed": TYPED,
        "errors": [],
        "with_passport": False,
    }
    handles = frozenset({"passport" if changed.get("with_passport") else "personal_number", "full_name", "continue"})
    return Case("register/who.html", lambda: context | changed, handles, "/register")


def _contact(**changed: object) -> Case:
    return Case("register/contact.html", lambda: CONTACT | changed, frozenset({"contact"}), "/register/contact")


def _code(**changed: object) -> Case:
    context: dict[str, object] = {"parked": "P", "back": "/register/contact?parked=P", "contact": "+84912000013"}
    context |= {"by_phone": True, "minutes": 10, "failing": False, "errors": []}
    return Case("register/code.html", lambda: context | changed, frozenset({"code", "verify"}), "/register/code")


def _error(name: str, text: str) -> SimpleNamespace:
    return SimpleNamespace(field=name, text=text)


ACCOUNT_HANDLES = frozenset({"account-continue", "account-other"})
LOGOUT_HANDLES = frozenset({"logout-confirm"})
REFUSAL_CODES = (
    "unknown_service redirect_uri_not_registered request_malformed request_too_large page_expired "
    "service_suspended busy not_found "
    "method_not_allowed server_error unavailable logout_malformed cookies_off"
).split()
PAGE_NAMES = "help privacy accessibility status business".split()

CASES: dict[str, Case] = {
    "sign_in": _sign_in(),
    "sign_in_create": _sign_in(wants_account=True),
    "sign_in_direct": _sign_in(asker=None, parked=None, notice="Trang cũ đã hết hạn. Xin Ông/Bà đăng nhập lại."),
    "sign_in_wrong": _sign_in(
        identifier="003156000127", errors=[_error("", "Số định danh hoặc mật khẩu không đúng. Hãy nhập lại.")]
    ),
    "sign_in_missing": _sign_in(
        errors=[_error("identifier", "Nhập số định danh cá nhân"), _error("password", "Nhập mật khẩu")]
    ),
    "consent": _consent(),
    "consent_offline": _consent(
        offline=True, not_sent=[], asker=_asker(logo_url="/static/favicon.svg", policy_uri=None)
    ),
    "consent_nothing": _consent(items=[], not_sent=[], purpose=""),
    "consent_interface": _consent(interface=INTERFACE, not_sent=["mật khẩu"]),
    "consent_interface_alone": _consent(items=[], interface=INTERFACE, not_sent=["mật khẩu"]),
    "notice": _consent(
        kind="notice", legal_basis="Nghị định 118/2025/NĐ-CP", number_basis="Luật Căn cước 26/2023/QH15", offline=True
    ),
    "choose_account": _plain(
        "sign_in/choose_account.html",
        "/choose-account",
        ACCOUNT_HANDLES,
        asker=_asker(),
        person=PERSON,
        parked="P",
    ),
    "sign_out": _plain(
        "sign_in/sign_out.html",
        "/sign-out",
        LOGOUT_HANDLES,
        asker=_asker(),
        person=PERSON,
        parked="P",
        stay_url="/account",
        fault="post_logout_redirect_uri is not one of the registered ones (RP-Initiated Logout 3)",
    ),
    "sign_out_direct": _plain(
        "sign_in/sign_out.html",
        "/sign-out",
        LOGOUT_HANDLES,
        asker=None,
        person=PERSON,
        parked=None,
        stay_url="/",
        fault=None,
    ),
    "form_post": _plain(
        "sign_in/form_post.html",
        "https://dichvucong.bacninh.gov.vn/cb",
        frozenset({"form-post"}),
        action="https://dichvucong.bacninh.gov.vn/cb",
        nonce="n0nce",
        fields=[("code", "M"), ("state", "<tt>&"), ("iss", "https://dinhdanh.bacninh.gov.vn")],
    ),
    "leaving": _plain(
        "sign_in/leaving.html",
        None,
        frozenset({"onward"}),
        frames=["https://dichvucong.bacninh.gov.vn/out?iss=x&sid=y"],
        onward="https://dichvucong.bacninh.gov.vn/ra",
    ),
    "signed_out": _plain(
        "sign_in/signed_out.html",
        frames=[],
        fault="x is not y (RFC 1)",
        services=["Cổng Dịch vụ công", "Một cửa điện tử"],
        back=BACK,
    ),
    "signed_out_empty": _plain("sign_in/signed_out.html", frames=[], fault=None, services=[], back=None),
    "counter_setting": _plain("counter/setting.html", "/counter-mode", parked="s", errors=[]),
    "counter_setting_wrong": _plain(
        "counter/setting.html", "/counter-mode", parked="s", errors=[_error("code", "Mã sai")]
    ),
    "counter_setting_there": _plain(
        "counter/setting.html", "/counter-mode/end", counter=AT_COUNTER, parked="s", errors=[]
    ),
    "counter_ready": _plain("counter/ready.html", counter=AT_COUNTER, frames=[], tells=True),
    "counter_ready_empty": _plain("counter/ready.html", counter=AT_COUNTER, frames=[], tells=False),
    "register_who": _who(),
    "register_who_wrong": _who(errors=[_error("full_name", "Nhập họ và tên"), _error("birth_date", "Nhập ngày sinh")]),
    "register_who_passport": _who(asker=None, with_passport=True),
    "register_contact": _contact(),
    "register_contact_doubtful": _contact(unknown_province=True, year_differs=True),
    "register_contact_phone": _contact(by_email=False, errors=[_error("contact", "Nhập số điện thoại")]),
    "register_contact_email": _contact(by_phone=False),
    "register_contact_none": _plain("register/contact.html", **CONTACT | {"by_phone": False, "by_email": False}),
    "register_code": _code(),
    "register_code_failing": _code(failing=True, errors=[_error("code", "Mã không đúng")]),
    "register_code_mail": _code(by_phone=False, failing=True, contact="lua@nguoi-mau.example"),
    "register_password": _plain(
        "register/password.html",
        "/register/password",
        frozenset({"password", "register"}),
        parked="P",
        contact="+84912000013",
        errors=[],
    ),
    "screen_asked": _screen(),
    "screen_too_early": _screen(errors=[_error("", "Chưa thấy xác nhận trên điện thoại.")]),
    "screen_approved": _screen(state="approved"),
    "screen_refused": _screen(state="refused"),
    "screen_over": _screen(state="over", asker=None),
    "account_level": _account_level(),
    "account_level_counter": _account_level(source="counter"),
    "account_level_1": _account_level(needed=1),
    "phone": _phone(),
    "phone_wrong": _phone(errors=[_error("number", "Nhập hai chữ số đang hiện trên máy tính.")]),
    "phone_own_pages": _phone(asker=None),
    **{
        f"phone_{outcome}": Case(
            "sign_in/phone_done.html", lambda outcome=outcome: {"outcome": outcome, "person": None}
        )
        for outcome in ("approved", "refused", "wrong", "too_weak", "over")
    },
    "second_step_passkey": _step(Way.PASSKEY, options="{}"),
    "second_step_app": _step(Way.TOTP, may_give_up=True, asker=None),
    "second_step_sms": _step(Way.SMS, "send", contact="•••••••••013"),
    "second_step_sms_sent": _step(
        Way.SMS, contact="•••••••••013", is_sent=True, failing=True, errors=[_error("code", "Mã không đúng")]
    ),
    "second_step_email_sent": _step(Way.EMAIL, contact="l•••@nguoi-mau.example", is_sent=True),
    "second_step_printed": _step(Way.RECOVERY_CODE),
    "second_step_counter": _step(Way.COUNTER_CODE),
    "second_step_none": _step(None, "give-up", others=[], may_give_up=True),
    "recover": _plain(
        "recover/who.html",
        "/recover",
        frozenset({"identifier", "contact", "other", "paper"}),
        parked="P",
        typed={"identifier": "", "contact": "", "other": "", "paper": ""},
        errors=[],
    ),
    "recover_wrong": _plain(
        "recover/who.html",
        "/recover",
        parked="P",
        typed={"identifier": "x", "contact": "y", "other": "z", "paper": "1"},
        errors=[_error("contact", "Nhập số điện thoại")],
    ),
    "recover_codes": _plain(
        "recover/codes.html",
        "/recover/codes",
        frozenset({"contact-code", "other-code", "verify"}),
        parked="P",
        asked=[("contact-code", "+84912000013"), ("other-code", "lua@nguoi-mau.example")],
        failing=True,
        minutes=10,
        errors=[_error("other-code", "Mã không đúng")],
    ),
    "recover_paper": _plain(
        "recover/codes.html", "/recover/codes", parked="P", asked=[], failing=False, minutes=10, errors=[]
    ),
    "recover_password": _plain(
        "recover/password.html", "/recover/password", frozenset({"password", "recover"}), parked="P", errors=[]
    ),
    "recover_wait": _plain("recover/wait.html", None, frozenset({"wait"}), ready_at="08:30 27/11/2026"),
    "recover_not_enough": _plain("recover/not_enough.html", None, frozenset({"not-enough"})),
    "recover_locked": _plain("recover/locked.html", None, frozenset({"locked"})),
    "recover_cancel": _plain("recover/cancel.html", "/recover/cancel", frozenset({"cancel"}), token="T", done=False),
    "recover_cancelled": _plain(
        "recover/cancel.html", None, frozenset({"cancelled"}), token="T", done=True, is_stopped=True
    ),
    "recover_nothing_to_cancel": _plain(
        "recover/cancel.html", None, frozenset({"cancelled"}), token="T", done=True, is_stopped=False
    ),
    "lock": _plain(
        "lock/who.html", "/lock", frozenset({"identifier", "contact"}), parked="P", identifier="", contact="", errors=[]
    ),
    "lock_wrong": _plain(
        "lock/who.html",
        "/lock",
        parked="P",
        identifier="x",
        contact="y",
        errors=[_error("contact", "Nhập số điện thoại")],
    ),
    "lock_code": _plain(
        "lock/code.html",
        "/lock/code",
        frozenset({"code", "verify"}),
        parked="P",
        contact="+84912000013",
        minutes=10,
        failing=True,
        errors=[_error("code", "Mã không đúng")],
    ),
    "lock_not_me": _plain("lock/not_me.html", "/lock/not-me", frozenset({"lock"}), token="T"),
    "locked": _plain("lock/locked.html", None, frozenset({"locked"}), by_link=False),
    "locked_by_link": _plain("lock/locked.html", None, frozenset({"locked", "get-back"}), by_link=True),
    "security": _security(),
    "security_empty": _security(
        passkeys=[], apps=[], contacts=[], codes_left=0, done="", errors=[_error("password", "Mật khẩu dễ đoán")]
    ),
    "contacts": _contacts(),
    "contacts_none": _contacts(contacts=[], done="", typed="x", errors=[_error("contact", "Nhập số điện thoại")]),
    "contact_code": _plain(
        "account/contact_code.html",
        "/account/contacts/code",
        frozenset({"code", "verify"}),
        person=PERSON,
        parked="P",
        contact="+84912000013",
        minutes=10,
        failing=True,
        errors=[_error("code", "Mã không đúng")],
    ),
    "closed": _plain("account/closed.html", None, frozenset({"closed"})),
    "totp": _plain(
        "account/totp.html",
        "/account/security/totp/confirm",
        frozenset({"secret", "code", "verify"}),
        person=PERSON,
        parked="P",
        picture=Markup('<svg aria-hidden="true" focusable="false"></svg>'),
        secret="ABCD EFGH",
        errors=[],
    ),
    "codes": _plain("account/codes.html", person=PERSON, codes=["12345 67890"] * 10, today="26/11/2026"),
    "home": _plain("home.html", person=None, services=SERVICES),
    "home_person": _plain("home.html", person=PERSON, services=SERVICES),
    "home_at_counter": _plain(
        "home.html",
        "/counter-mode/finish",
        frozenset({"finish"}),
        counter=SimpleNamespace(name="Phường Kinh Bắc, quầy 3", minutes="2,5", person="Nguyễn Thị Lụa", parked="P"),
        person=PERSON,
        services=SERVICES,
    ),
    "home_empty": _plain("home.html", person=None, services=[]),
    "account": _plain(
        "account/account.html",
        "/account/withdraw",
        person=PERSON,
        facts=FACTS,
        services=SERVICES,
        parked="P",
        done="Đã rút.",
        has_one_way=False,
    ),
    "account_empty": _plain(
        "account/account.html", person=PERSON, facts=[], services=[], parked="P", done="", has_one_way=True
    ),
    "activity": _activity(),
    "activity_empty": _activity(places=[PLACES[0]], known=[], history=[], looks=[], received=[], done=""),
    "sure": _plain(
        "account/sure.html",
        "/account/contacts/remove",
        frozenset({"sure", "remove", "keep"}),
        person=PERSON,
        parked="P",
        action="/account/contacts/remove",
        back="/account/contacts",
        fields=[("contact", "1")],
        heading="Gỡ điện thoại này?",
        name="+84912000013",
        what_follows="Không gửi mã đến đây nữa.",
        is_last=True,
    ),
    "rights": _rights(),
    "rights_none": _rights(requests=[], done="", errors=[_error("kind-access", "Chọn yêu cầu")]),
    "rights_wrong": _rights(done="", errors=[_error("words", "Quá dài")]),
    "data": _data(),
    "data_cut": _data(
        person=SimpleNamespace(name="Lê Thị Mẫu", hint=""),
        parts=[SimpleNamespace(name="history", title="Lịch sử", lines=HELD_LINES, left_off=12)],
        is_whole=False,
    ),
    "services": _plain(
        "services.html",
        services=SERVICES,
        typed="",
        may_search=True,
        before="/services?page=1",
        further="/services?page=3",
    ),
    "vendor_invitation": _vendor(),
    "vendor_form": _vendor(agency="Sở Tư pháp", errors=[_error("contacts", "Thiếu")]),
    "vendor_made": _plain(
        "vendor/made.html",
        agency="Sở Tư pháp",
        client_id="a",
        sandbox_id="a-thu",
        secret="S",
        sandbox_secret="T",
        people=SimpleNamespace(numbers=("098190000001",), password="P"),
        is_asked=True,
    ),
    "services_empty": _plain("services.html", services=[], typed="", may_search=False, before="", further=""),
    "refusal_full": _refusal("redirect_uri_not_registered", back=BACK, detail="redirect_uri is not registered"),
    **{f"refusal_{code}": _refusal(code) for code in REFUSAL_CODES},
    **{f"information_{name}": _information(name) for name in PAGE_NAMES},
    **{name: _plain(template, to, ids, **said) for name, (template, to, ids, said) in console_pages.PAGES.items()},
}


@cache
def application() -> flask.Flask:
    """An application that draws the pages and does nothing else."""
    app = flask.Flask("pages", template_folder=str(TEMPLATES), static_folder=str(STATIC))
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(WEB / "translations")
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.globals["autofill"] = lambda what: what
    Babel(app, locale_selector=lambda: flask.g.get("language", "vi"))
    return app


def draw(template: str, context: Context, language: str, large_text: bool = False) -> str:
    """One page, with the context that every page has."""
    vietnamese = language == "vi"
    everywhere: dict[str, object] = {
        "language": language,
        "languages_link": (
            {"code": "en", "label": "English", "url": "/language/en?to=/"}
            if vietnamese
            else {"code": "vi", "label": "Tiếng Việt", "url": "/language/vi?to=/"}
        ),
        "counter": None,
        "large_text": large_text,
        "large_text_url": "/text/large",
        "asset": lambda name: f"/static/{name}",
        "province": SimpleNamespace(
            name="Tỉnh Bắc Ninh" if vietnamese else "Bac Ninh Province",
            service_name="Định danh điện tử" if vietnamese else "Electronic Identity",
            hotline="1022",
            hotline_hours="7:00 đến 21:00 hằng ngày" if vietnamese else "7:00 to 21:00 every day",
            authority="Ủy ban nhân dân tỉnh Bắc Ninh" if vietnamese else "People's Committee of Bac Ninh Province",
            operator="Sở Khoa học và Công nghệ" if vietnamese else "Department of Science and Technology",
        ),
        "issuer_host": "dinhdanh.bacninh.gov.vn",
        "nonce": "n0nce",
    }
    with application().test_request_context("/"), force_locale(language):
        return flask.render_template(template, **(everywhere | dict(context)))


def draw_case(name: str, language: str, large_text: bool = False) -> str:
    """The named case; its texts are made in the page's language."""
    case = CASES[name]
    with application().test_request_context("/"), force_locale(language):
        context = case.context()
    return draw(case.template, context, language, large_text)


class Page(HTMLParser):
    """The tags of a page in order, each with its attributes, and the text of some of them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.title = ""
        self._open_title = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open_title = tag == "title"

    def handle_endtag(self, tag: str) -> None:
        self._open_title = False

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._open_title:
            self.title += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def by_id(self, wanted: str) -> dict[str, str | None]:
        (found,) = [attributes for _, attributes in self.tags if attributes.get("id") == wanted]
        return found

    @property
    def ids(self) -> list[str]:
        return [identity for _, attributes in self.tags if (identity := attributes.get("id"))]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=sorted(CASES))
def case_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_template_has_a_case() -> None:
    drawn = {case.template for case in CASES.values()} | {
        "layout.html",
        "parts.html",
        "admin/console.html",
        "admin/merge_sides.html",
        "service_fields.html",
    }
    ours = {path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html")}
    assert ours == drawn


def test_a_page_keeps_the_promises_of_every_page(case_name: str, language: str) -> None:
    html = draw_case(case_name, language)
    page = Page(html)
    assert html.startswith("<!doctype html>")
    assert page.all("html") == [{"lang": language}]
    assert len(page.all("h1")) == 1
    assert page.title.strip() and not page.title.startswith(" -")
    assert len(page.ids) == len(set(page.ids))
    assert page.by_id("main") == {"id": "main", "tabindex": "-1"}
    assert ("a", {"class": "skip", "href": "#main"}) in page.tags
    for tag, attributes in page.tags:
        assert tag != "style"
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        if tag == "script":
            assert attributes.get("src") and "defer" in attributes
        if tag == "svg":
            assert attributes["aria-hidden"] == "true"
        if tag == "img":
            assert attributes["alt"] == ""


def test_links_within_a_page_lead_somewhere(case_name: str, language: str) -> None:
    page = Page(draw_case(case_name, language))
    named = {str(link["href"])[1:] for link in page.all("a") if str(link.get("href")).startswith("#")}
    for _, attributes in page.tags:
        for relation in ("for", "aria-describedby", "aria-labelledby", "aria-controls"):
            named |= set((attributes.get(relation) or "").split())
    assert named <= set(page.ids)


def test_handles_and_forms(case_name: str) -> None:
    case = CASES[case_name]
    page = Page(draw_case(case_name, "vi"))
    assert case.handles <= set(page.ids)
    forms = page.all("form")
    actions = [str(form["action"]) for form in forms]
    if case_name == "services":  # a search of what everybody may read, whose address is passed on
        assert [(form["action"], form["method"]) for form in forms] == [("/services", "get")]
        return
    assert actions[:1] == ([case.posts_to] if case.posts_to else [])
    assert {form["method"] for form in forms} <= {"post"}
    hidden = [field["name"] for field in page.all("input") if field["type"] == "hidden"]
    if case_name == "form_post":
        assert hidden == ["code", "state", "iss"]
    elif case_name in ("recover_cancel", "lock_not_me"):
        assert hidden == ["token"]
    else:  # every form is ours by what is sealed into it, and ends on this site
        assert hidden.count("parked") == len(forms)
        assert all(action.startswith("/") for action in actions)


def test_sign_in_handles() -> None:
    page = Page(draw_case("sign_in", "vi"))
    identifier, password = page.by_id("identifier"), page.by_id("password")
    assert (identifier["name"], identifier["autocomplete"]) == ("identifier", "username webauthn")
    assert (password["name"], password["type"], password["autocomplete"]) == (
        "password",
        "password",
        "current-password",
    )
    assert page.by_id("sign-in")["type"] == "submit"
    assert page.by_id("register")["href"].startswith("/register?parked=")
    assert page.by_id("recover")["href"] == "/recover"
    assert "dinhdanh. bacninh. gov. vn" in page.text
    (revealing,) = [button for button in page.all("button") if button.get("aria-controls") == "password"]
    assert "hidden" in revealing and revealing["type"] == "button"


def test_sign_in_says_who_asks() -> None:
    page = Page(draw_case("sign_in", "en"))
    assert "Cổng Dịch vụ công tỉnh Bắc Ninh" in page.text
    assert {"https://dichvucong.bacninh.gov.vn/du-lieu", "https://dichvucong.bacninh.gov.vn/dieu-khoan"} <= {
        link["href"] for link in page.all("a")
    }


def test_errors_lead_to_their_fields() -> None:
    page = Page(draw_case("sign_in_missing", "vi"))
    assert page.title.startswith("Lỗi: ")
    summary = next(attributes for _, attributes in page.tags if attributes.get("class") == "error-summary")
    assert summary["tabindex"] == "-1" and summary["role"] == "alert" and "autofocus" in summary
    links = [str(link["href"]) for link in page.all("a")]
    assert {"#identifier", "#password"} <= set(links)
    for name in ("identifier", "password"):
        assert page.by_id(name)["aria-invalid"] == "true"
        assert f"{name}-error" in str(page.by_id(name)["aria-describedby"]).split()


def test_an_error_of_the_whole_form_keeps_what_was_typed_and_empties_the_password() -> None:
    page = Page(draw_case("sign_in_wrong", "vi"))
    assert page.by_id("identifier")["value"] == "003156000127"
    assert "value" not in page.by_id("password")
    assert "aria-invalid" not in page.by_id("password")
    assert page.by_id("password")["aria-describedby"] == "password-hint"


def test_a_page_without_errors_says_none() -> None:
    page = Page(draw_case("sign_in", "vi"))
    assert not page.title.startswith("Lỗi")
    assert "autofocus" not in {name for _, attributes in page.tags for name in attributes}


@pytest.mark.parametrize("name", ["consent", "notice"])
def test_the_two_decisions(name: str, language: str) -> None:
    page = Page(draw_case(name, language))
    allow, deny = page.by_id("consent-allow"), page.by_id("consent-deny")
    assert (allow["name"], allow["value"]) == ("decision", "allow")
    assert (deny["name"], deny["value"]) == ("decision", "deny")
    assert (allow["class"] == deny["class"]) is (name == "consent")
    for item in RELEASED:
        assert item.what in page.text


def test_the_two_choices_of_account() -> None:
    page = Page(draw_case("choose_account", "vi"))
    assert (page.by_id("account-continue")["name"], page.by_id("account-continue")["value"]) == (
        "choice",
        "continue",
    )
    assert (page.by_id("account-other")["name"], page.by_id("account-other")["value"]) == ("choice", "other")


@pytest.mark.parametrize(("language_code", "words"), [("vi", "Đã đăng xuất"), ("en", "You have signed out")])
def test_the_signed_out_page_says_so(language_code: str, words: str) -> None:
    assert words in Page(draw_case("signed_out", language_code)).text


def test_a_refusal_says_what_happened_and_the_number_to_quote(language: str) -> None:
    page = Page(draw_case("refusal_full", language))
    assert "BN-7KQ4-2M9P" in page.text
    assert BACK.url in {link["href"] for link in page.all("a")}
    assert "redirect_uri is not registered" in page.text


def test_large_text_is_an_attribute() -> None:
    page = Page(draw_case("home", "vi", large_text=True))
    assert page.all("html") == [{"lang": "vi", "data-text": "large"}]


HOSTILE = "\"'><script>alert(1)</script>"


class Hostile:
    """An object whose every attribute is hostile text."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in {"paragraphs", "steps"}:
            return [HOSTILE]
        if name in {"links", "failures", "logouts"}:
            return [(HOSTILE, HOSTILE)]
        if name == "secrets":
            return [(HOSTILE, HOSTILE, HOSTILE)]
        if name in {"sections", "lines", "said", "menu", "levels", "spans", "services"}:
            return [Hostile()]
        return HOSTILE


def _hostile(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(_hostile(part) for part in value)
    if isinstance(value, list):
        return [_hostile(part) for part in value] or [Hostile()]
    if isinstance(value, Way | Markup):
        return value  # chosen by us
    if isinstance(value, str):
        return HOSTILE
    return value if isinstance(value, bool) else Hostile()


@pytest.mark.parametrize("template", sorted({case.template for case in CASES.values()}))
def test_nothing_that_is_shown_becomes_markup(template: str, language: str) -> None:
    case = next(case for case in CASES.values() if case.template == template)
    with application().test_request_context("/"), force_locale(language):
        context = {name: _hostile(value) for name, value in case.context().items()}
    everywhere = {
        "issuer_host": HOSTILE,
        "large_text_url": HOSTILE,
        "languages_link": Hostile(),
        "province": Hostile(),
    }
    html = draw(template, context | everywhere, language)
    assert "<script>" not in html
    assert {str(script.get("src")) for script in Page(html).all("script")} <= {
        "/static/show-password.js",
        "/static/form-post.js",
        "/static/leave.js",
        "/static/passkey.js",
    }
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize("code", REFUSAL_CODES)
def test_every_refusal_has_a_way_on(code: str) -> None:
    with application().test_request_context("/"), force_locale("vi"):
        text = texts.refusal_text(code)
        assert text.title and text.what and len(text.steps) >= 2
        assert code == "request_malformed" or text != texts.refusal_text("request_malformed")


def test_an_unknown_refusal_reads_as_malformed_and_an_unknown_page_is_none() -> None:
    with application().test_request_context("/"), force_locale("en"):
        assert texts.refusal_text("no_such_code") == texts.refusal_text("request_malformed")
        assert texts.information_page("no-such-page") is None


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_every_information_page_has_a_way_back(name: str) -> None:
    with application().test_request_context("/"), force_locale("vi"):
        page = texts.information_page(name)
        assert page is not None and page.paragraphs
        assert "/" in {address for _, address in page.links}


def test_citizens_read_no_jargon(case_name: str, language: str) -> None:
    words = Page(draw_case(case_name, language)).text.replace("redirect_uri is not registered", "")
    assert not re.search(r"\b(tokens?|scopes?|clients?|OIDC|OAuth|OpenID)\b", words, re.IGNORECASE)


# The style sheet

STYLE = re.sub(r"/\*.*?\*/", "", (STATIC / "theme.css").read_text(encoding="utf-8"), flags=re.DOTALL)


def _roles(selector: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for block in re.findall(rf"(?:^|[}}{{])\s*{re.escape(selector)}\s*{{([^{{}}]*)}}", STYLE):
        found |= dict(re.findall(r"(--[\w-]+|color-scheme):\s*([^;]+);", block))
    return found


LIGHT = _roles(":root") | _roles(':root, [data-bs-theme="light"]')
DARK = LIGHT | _roles('[data-bs-theme="dark"]')


def _colour(roles: Mapping[str, str], name: str) -> tuple[int, int, int]:
    value = roles[name]
    while reference := re.fullmatch(r"var\((--[\w-]+)\)", value):
        value = roles[reference[1]]
    digits = re.fullmatch(r"#([0-9a-f]{6})", value)
    assert digits, f"{name} is {value}"
    red, green, blue = bytes.fromhex(digits[1])
    return red, green, blue


def _luminance(colour: tuple[int, int, int]) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(roles: Mapping[str, str], one: str, other: str) -> float:
    low, high = sorted((_luminance(_colour(roles, one)), _luminance(_colour(roles, other))))
    return (high + 0.05) / (low + 0.05)


def _text_on_ground() -> Iterator[tuple[str, str]]:
    for ground in ("--page", "--sheet", "--sunk"):
        for words in ("--ink", "--ink-soft", "--act", "--act-strong"):
            yield words, ground
    for words in ("--act", "--act-strong", "--ink-soft"):
        yield words, "--act-tint"
    yield from [("--on-act", "--act"), ("--on-act", "--act-strong"), ("--on-brand", "--brand")]
    for mark in ("--bad", "--warn", "--good"):
        yield from [(mark, f"{mark}-tint"), (mark, "--sheet")]
    yield from [("--bad-strong", "--bad-tint"), ("--ink", "--bad-tint")]


def test_the_dark_values_stand_twice_and_agree() -> None:
    chosen, by_device = _roles('[data-bs-theme="dark"]'), _roles(":root:not([data-bs-theme])")
    assert chosen == by_device and len(chosen) > 25
    assert set(chosen) == set(_roles(':root, [data-bs-theme="light"]'))


@pytest.mark.parametrize("roles", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("words", "ground"), list(_text_on_ground()))
def test_text_has_seven_to_one(roles: Mapping[str, str], words: str, ground: str) -> None:
    assert _contrast(roles, words, ground) >= 7


@pytest.mark.parametrize("roles", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("mark", "ground"),
    [("--edge", "--sheet"), ("--bad", "--sheet"), ("--focus-line", "--sheet"), ("--focus-line", "--page")],
)
def test_controls_have_three_to_one(roles: Mapping[str, str], mark: str, ground: str) -> None:
    assert _contrast(roles, mark, ground) >= 3


@pytest.mark.parametrize("roles", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("role", ["ink", "page", "act", "act-strong"])
def test_the_triplets_say_the_same_colour(roles: Mapping[str, str], role: str) -> None:
    assert tuple(int(part) for part in roles[f"--{role}-rgb"].split(",")) == _colour(roles, f"--{role}")


def test_every_role_and_class_of_the_sheet_is_used() -> None:
    declared = set(re.findall(r"(--(?!bs-)[\w-]+):", STYLE))
    assert declared == set(re.findall(r"var\((--(?!bs-)[\w-]+)\)", STYLE))
    drawn = {
        word
        for name in CASES
        for _, attributes in Page(draw_case(name, "vi")).tags
        for word in (attributes.get("class") or "").split()
    }
    styled = set(re.findall(r"\.(-?[a-z][\w-]*)", re.sub(r"\{[^{}]*\}", "{}", STYLE)))
    assert styled <= drawn
    bootstrap = set(re.findall(r"\.([a-z][\w-]*)", BOOTSTRAP.read_text(encoding="utf-8")))
    assert drawn <= styled | bootstrap


def test_the_sheet_asks_for_nothing_else() -> None:
    assert "@import" not in STYLE and "url(" not in STYLE
    assert not re.findall(r"font-size:\s*[\d.]+px", STYLE)


def test_a_first_visit_is_light() -> None:
    sheet = BOOTSTRAP.read_bytes() + (STATIC / "theme.css").read_bytes()
    parts = [sheet, draw_case("sign_in", "vi").encode()]
    parts += [(STATIC / name).read_bytes() for name in ("show-password.js", "favicon.svg")]
    assert sum(len(gzip.compress(part)) for part in parts) < 100_000
