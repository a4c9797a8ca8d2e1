"""The pages of the consoles and of the officers' door, as tests/web/test_templates.py draws them."""

from types import SimpleNamespace

from markupsafe import Markup

ME = SimpleNamespace(
    name="Nguyễn Văn Cán",
    unit="Ủy ban nhân dân phường Kinh Bắc",
    role="Cán bộ đăng ký",
    until="31/12/2026",
    break_glass=False,
    parked="P",
    menu=[
        SimpleNamespace(name="Tổng quan", about="", url="/admin", icon="list", is_here=True),
        SimpleNamespace(name="Người dân", about="Tìm tài khoản", url="/admin/people", icon="person", is_here=False),
    ],
)
ALARMED = SimpleNamespace(**{**vars(ME), "break_glass": True, "until": ""})
STATES = {"pending": "chưa nhận", "active": "đang mở", "locked": "bị khóa", "closed": "đã đóng"}
FOUND = [{"id": "07", "name": "Lê T. L.", "number": "•••••••••127", "born": "1956", "state": "active"}]
HISTORY = [
    SimpleNamespace(
        when="08:30 26/11/2026", what="Cán bộ đã xem dữ liệu", more="hồ sơ 12", by="Phường Kinh Bắc, cán bộ an"
    ),
    SimpleNamespace(when="08:00 26/11/2026", what="Đã đăng nhập", more="", by=""),
]
MAY = {"lock": True, "close": True, "correct": True, "merge": True}
ROW = SimpleNamespace(
    id="0193",
    kind="Sửa dữ liệu của một người",
    state="đang chờ",
    asked_by="Phường Kinh Bắc, cán bộ an",
    asked_at="08:30 26/11/2026",
    due_by="28/11/2026",
    is_late=True,
)
OFFICER = {
    "officer": "01",
    "code": "an.hd",
    "name": "Nguyễn Văn Cán",
    "assignment": "02",
    "role": "Bộ phận hỗ trợ",
    "unit": "Phường Kinh Bắc",
    "until": "",
}


TYPED = SimpleNamespace(since="26/11/2026", until="26/11/2026", event="", officer="", number="", purpose="đợt 4")


STEPS = [("Chữ ký trên danh sách mã băm", "đạt"), ("Chứng thư của bên ký", "chưa kiểm tra")]
CAPTURED = {"me": ME, "parked": "P", "lines": [("Họ và tên", "Lê Thị Lụa")], "steps": STEPS, "minutes": 5}
RECALL = SimpleNamespace(
    what="xau.a, QĐ 12/2026", begun="08:30", by="Phường Kinh Bắc", progress="1 trên 2", percent=50, is_done=False
)
SEEN = SimpleNamespace(
    document_type="id_card",
    document_number="003156000127",
    issued_on="12/03/2024",
    expires_on="12/03/2039",
    number="003156000127",
    name="Lê Thị Lụa",
    birth_date="1956",
    contact="",
    face="yes",
)


def error(field: str, text: str) -> SimpleNamespace:
    return SimpleNamespace(field=field, text=text)


MERGES = [
    SimpleNamespace(id="0193", text="Đã gộp một tài khoản khác vào tài khoản này.", may_undo=True),
    SimpleNamespace(id="0194", text="Đã gộp một tài khoản khác vào tài khoản này.", may_undo=False),
]
MERGE = SimpleNamespace(
    lines=[
        SimpleNamespace(
            label="Họ và tên", kept="Lê Thị Lụa", merged="LE THI LUA", likeness="giống nhau", differs=False
        ),
        SimpleNamespace(label="Ngày sinh", kept="1956", merged="1957", likeness="KHÔNG giống", differs=True),
    ],
    services=[SimpleNamespace(name="Cổng hồ sơ", knows="cả hai", sees="Zm9vYmFyYmF6", no_more="YmFyYmF6Zm9v")],
    hindrance="",
    days=30,
)


def _merge(**changed: object) -> dict[str, object]:
    typed = {"reason": "Một người", "document": "Thẻ căn cước"}
    return {"me": ME, "parked": "P", "merge": MERGE, "typed": typed, "errors": []} | changed


def _person(**changed: object) -> dict[str, object]:
    context: dict[str, object] = {
        "me": ME,
        "parked": "P",
        "name": "Lê Thị Lụa",
        "number": "003156000127",
        "contacts": "•••••••127, l•••@nguoi-mau.example",
        "level": 0,
        "state": "active",
        "born": "1956",
        "source": "đã đối chiếu tại quầy",
        "lock": "",
        "history": HISTORY,
        "merges": MERGES,
        "grounds": [("misuse", "để ngăn lạm dụng")],
        "reasons": [("died", "người này đã mất")],
        "state_names": STATES,
        "purpose": "hồ sơ 12/2026",
        "may": MAY,
        "errors": [],
        "done": "Đã xong.",
    }
    return context | changed


HEADS = [
    SimpleNamespace(label="Việc", url="/admin/cases?sort=-kind", sorted_as="ascending"),
    SimpleNamespace(label="Hạn", url="/admin/cases?sort=due", sorted_as=""),
    SimpleNamespace(label="Tình trạng", url="", sorted_as=""),
]
BULK_ROWS = [
    SimpleNamespace(
        id="1",
        what="Tiếp nhận: CV 9",
        state="đang thực hiện",
        progress="2 trên 5 dòng",
        percent=40,
        begun="08:00",
        by="A",
        at_work=True,
    ),
    SimpleNamespace(
        id="2",
        what="Khóa: CV 12",
        state="đã kiểm tra",
        progress="5 trên 5 dòng",
        percent=100,
        begun="08:00",
        by="A",
        at_work=False,
    ),
]


def _bulk_job(**changed: object) -> dict[str, object]:
    context: dict[str, object] = {
        "me": ME,
        "parked": "P",
        "row": BULK_ROWS[1],
        "lines": [("Mã băm của tệp (SHA-256)", "0f" * 32)],
        "looked_at": 5,
        "good": 3,
        "passed_over": 2,
        "passed": [("4", "Số định danh không đúng cấu trúc")],
        "before": "/admin/bulk/2?page=1",
        "further": "/admin/bulk/2?page=3",
        "report": "/admin/bulk/2/report.csv",
        "is_checked": True,
        "done": "Đã giao.",
    }
    return context | changed


def _case(**changed: object) -> dict[str, object]:
    context: dict[str, object] = {
        "me": ME,
        "parked": "P",
        "row": ROW,
        "named": ["Lê Thị Lụa, 003156000127, 1956"],
        "merge": None,
        "is_as_asked": True,
        "lines": [("Họ tên", "Lê Thị Lúa"), ("Giấy tờ", "Giấy khai sinh số 4")],
        "decided_by": "",
        "decided_at": "",
        "reason": "",
        "fingerprint": "0f" * 8,
        "compared": [],
        "may_decide": True,
        "may_withdraw": False,
        "errors": [],
        "done": "",
    }
    return context | changed


LABELS = dict.fromkeys(
    (
        "name_vi name_en purpose_vi purpose_en legal_basis system_security_level agreement_number contacts"
        " redirect_uris post_logout_redirect_uris backchannel_logout_uri jwks_uri scope personal_number_basis"
        " minimum_account_level minimum_auth_level default_max_age exception_rule exception_reason exception_until"
    ).split(),
    "Nhãn",
)
FORM: dict[str, object] = {
    "parked": "P",
    "typed": dict.fromkeys(LABELS, "1"),
    "labels": LABELS,
    "scopes": [("profile", True), ("email", False)],
    "security_levels": [("1", "1")],
    "account_levels": [("1", "1")],
    "auth_levels": [("1", "1")],
    "exceptions": [("secret_life", "Hạn của khóa")],
}
SPAN = SimpleNamespace(name="24 giờ", sign_ins=3, failures=[("mã dùng lại", 1)], logouts=[("đã giao", 2)])
ENVIRONMENT = SimpleNamespace(
    code="production",
    name="Hoạt động",
    client_id="ho-so",
    last="08:30 26/11/2026",
    keys="",
    spans=[SPAN],
    has_secret=True,
    secrets=[("abcd", "01/11/2026", "01/11/2027")],
)
PEOPLE = SimpleNamespace(numbers=["003190123456"], password="mat-khau")


def _service(**changed: object) -> dict[str, object]:
    context: dict[str, object] = {
        "me": ME,
        "parked": "P",
        "name": "Cổng hồ sơ",
        "unit": "Sở Tư pháp",
        "id": "0193",
        "state": "đang hoạt động",
        "state_code": "active",
        "because": "",
        "lines": [SimpleNamespace(label="Mục đích", asked="Nộp hồ sơ", in_force="–", is_new=True)],
        "exceptions": [("Hạn của khóa", "theo thỏa thuận 4", "31/03/2027")],
        "environments": [ENVIRONMENT],
        "secrets": [("sandbox", "s3cr3t")],
        "people": PEOPLE,
        "numbers": ["003190123456"],
        "errors": [],
        "done": "Đã xong.",
    }
    return context | changed


# name -> template, where its first form goes, handles, context
PAGES: dict[str, tuple[str, str | None, frozenset[str], dict[str, object]]] = {
    "staff_sign_in": (
        "officer/sign_in.html",
        "/admin/sign-in",
        frozenset({"identifier", "password", "sign-in"}),
        {"parked": "P", "passkey_options": "{}", "typed": "an.hd", "done": "Đã xong.", "errors": []},
    ),
    "staff_sign_in_wrong": (
        "officer/sign_in.html",
        "/admin/sign-in",
        frozenset({"identifier"}),
        {
            "parked": "P",
            "passkey_options": "{}",
            "typed": "an.hd",
            "done": "",
            "errors": [error("identifier", "Không khớp")],
        },
    ),
    "staff_step": (
        "officer/second_step.html",
        "/admin/second-step",
        frozenset({"code", "verify"}),
        {"parked": "P", "way": "totp", "others": ["passkey"], "options": "", "errors": []},
    ),
    "staff_step_passkey": (
        "officer/second_step.html",
        "/admin/second-step",
        frozenset({"verify"}),
        {
            "parked": "P",
            "way": "passkey",
            "others": ["totp"],
            "options": "{}",
            "errors": [error("verify", "Chưa đúng")],
        },
    ),
    "staff_enrol": (
        "officer/enrol.html",
        "/admin/enrol",
        frozenset({"staff_code", "paper", "password", "code", "enrol"}),
        {
            "parked": "P",
            "typed": "",
            "picture": Markup('<svg aria-hidden="true" focusable="false"></svg>'),
            "secret": "ABCD EFGH",
            "errors": [error("staff_code", "Không khớp")],
        },
    ),
    "staff_unit": (
        "officer/unit.html",
        "/admin/unit",
        frozenset(),
        {
            "parked": "P",
            "name": "Nguyễn Văn Cán",
            "units": [{"id": "01", "name": "Phường Kinh Bắc", "role": "Cán bộ đăng ký", "until": "31/12/2026"}],
        },
    ),
    "staff_no_unit": ("officer/unit.html", None, frozenset({"error"}), {"parked": "P", "name": "An", "units": []}),
    "console": ("admin/home.html", "/admin/sign-out", frozenset({"sign-out"}), {"me": ME, "waiting": 3}),
    "console_alarm": ("admin/home.html", "/admin/sign-out", frozenset(), {"me": ALARMED, "waiting": None}),
    "people": (
        "admin/people.html",
        "/admin/sign-out",
        frozenset({"query", "purpose", "find"}),
        {
            "me": ME,
            "parked": "P",
            "typed": "lua",
            "purpose": "hồ sơ 12",
            "found": FOUND,
            "is_cut": True,
            "state_names": STATES,
            "errors": [],
        },
    ),
    "people_none": (
        "admin/people.html",
        "/admin/sign-out",
        frozenset({"query"}),
        {
            "me": ME,
            "parked": "P",
            "typed": "",
            "purpose": "",
            "found": [],
            "is_cut": False,
            "state_names": STATES,
            "errors": [error("query", "Xin nhập")],
        },
    ),
    "person": ("admin/person.html", "/admin/sign-out", frozenset({"lock", "close-now", "correct-now"}), _person()),
    "person_locked": (
        "admin/person.html",
        "/admin/sign-out",
        frozenset({"unlock"}),
        _person(state="locked", lock="để ngăn lạm dụng", done="", errors=[error("reason", "Xin nêu lý do")]),
    ),
    "paper_code": (
        "admin/code.html",
        "/admin/sign-out",
        frozenset({"paper-code"}),
        {"me": ME, "code": "12345 67890", "purpose": "an.hd"},
    ),
    "cases": (
        "admin/cases.html",
        "/admin/sign-out",
        frozenset(),
        {
            "heads": HEADS,
            "me": ME,
            "rows": [ROW],
            "is_open": True,
            "before": "/admin/cases?page=1",
            "further": "/admin/cases?page=3",
        },
    ),
    "cases_none": (
        "admin/cases.html",
        "/admin/sign-out",
        frozenset(),
        {"heads": HEADS, "me": ME, "rows": [], "is_open": False, "before": "", "further": ""},
    ),
    "case": ("admin/case.html", "/admin/sign-out", frozenset({"approve", "refuse", "reason"}), _case()),
    "case_own": (
        "admin/case.html",
        "/admin/sign-out",
        frozenset({"withdraw"}),
        _case(may_decide=False, may_withdraw=True, named=[]),
    ),
    "case_service": (
        "admin/case.html",
        "/admin/sign-out",
        frozenset({"approve"}),
        _case(named=[], compared=[SimpleNamespace(label="Mục đích", asked="Nộp hồ sơ", in_force="–", is_new=True)]),
    ),
    "case_ended": (
        "admin/case.html",
        "/admin/sign-out",
        frozenset(),
        _case(may_decide=False, decided_by="cán bộ bình", decided_at="09:00 26/11/2026", reason="thiếu"),
    ),
    "case_merge": (
        "admin/case.html",
        "/admin/sign-out",
        frozenset({"approve"}),
        _case(named=["Lê Thị Lụa, 1956", "LE THI LUA, 1957"], merge=MERGE),
    ),
    "case_merge_changed": (
        "admin/case.html",
        "/admin/sign-out",
        frozenset({"changed", "refuse"}),
        _case(merge=None, is_as_asked=False),
    ),
    "merge": ("admin/merge.html", "/admin/sign-out", frozenset({"ask", "swap", "reason", "document"}), _merge()),
    "merge_wrong": (
        "admin/merge.html",
        "/admin/sign-out",
        frozenset({"ask"}),
        _merge(errors=[error("document", "Xin nêu giấy tờ")]),
    ),
    "merge_hindered": (
        "admin/merge.html",
        "/admin/sign-out",
        frozenset({"swap", "hindrance"}),
        _merge(merge=SimpleNamespace(**{**vars(MERGE), "services": [], "hindrance": "Chưa được"})),
    ),
    "merge_found": (
        "admin/merge_found.html",
        "/admin/sign-out",
        frozenset({"found"}),
        {"me": ME, "parked": "P", "found": FOUND, "state_names": STATES},
    ),
    "merge_found_none": (
        "admin/merge_found.html",
        "/admin/sign-out",
        frozenset({"found"}),
        {"me": ME, "parked": "P", "found": [], "state_names": STATES},
    ),
    "officer_me": (
        "officer/me.html",
        "/admin/sign-out",
        frozenset({"add-passkey"}),
        {
            "me": ME,
            "parked": "P",
            "options": "{}",
            "factors": [{"way": "totp", "id": "01", "name": "Ứng dụng xác thực", "added": "26/11/2026"}],
            "errors": [error("name", "Chỉ còn một cách")],
            "done": "Đã xong.",
        },
    ),
    "counter": (
        "officer/counter.html",
        "/admin/sign-out",
        frozenset({"fill-in", "capture-now", "face"}),
        {
            "me": ME,
            "parked": "P",
            "typed": SEEN,
            "documents": [("id_card", "Thẻ căn cước")],
            "captured": [SimpleNamespace(id="0193", name="Lê Thị Lụa", at="08:30", state="đã duyệt", may_print=True)],
            "steps": STEPS,
            "errors": [error("face", "Xin đối chiếu")],
            "done": "Đã xong.",
        },
    ),
    "counter_none": (
        "officer/counter.html",
        "/admin/sign-out",
        frozenset({"capture-now"}),
        {
            "me": ME,
            "parked": "P",
            "typed": SEEN,
            "documents": [],
            "captured": [],
            "steps": [],
            "errors": [],
            "done": "",
        },
    ),
    "captured_code": (
        "officer/captured.html",
        "/admin/sign-out",
        frozenset({"ask", "again", "code", "verdicts"}),
        {**CAPTURED, "is_sent": True, "errors": [error("code", "Mã sai")]},
    ),
    "captured_word": (
        "officer/captured.html",
        "/admin/sign-out",
        frozenset({"ask", "in_person"}),
        {**CAPTURED, "is_sent": False, "errors": [error("in_person", "Không gửi được")]},
    ),
    "keys": (
        "admin/keys.html",
        "/admin/sign-out",
        frozenset({"ask"}),
        {
            "me": ME,
            "parked": "P",
            "typed": SimpleNamespace(deed="revoke", kid="k1", reason=""),
            "rows": [SimpleNamespace(kid="k1", alg="ES256", state="đang ký", made="01/11/2026")],
            "deeds": [("rotate", "Đổi khóa"), ("revoke", "Thu hồi")],
            "kids": [("k1", "ES256 k1")],
            "errors": [error("reason", "Xin nêu lý do")],
            "done": "Đã gửi.",
        },
    ),
    "bulk": (
        "admin/bulk.html",
        "/admin/sign-out",
        frozenset({"hand-over", "to-lock", "look-again"}),
        {
            "me": ME,
            "parked": "P",
            "typed": SimpleNamespace(reason="CV 9"),
            "rows": BULK_ROWS,
            "most": 9,
            "megabytes": 16,
            "errors": [error("file", "Tệp trống")],
        },
    ),
    "bulk_lock": (
        "admin/bulk_lock.html",
        "/admin/sign-out",
        frozenset({"check-list"}),
        {
            "me": ME,
            "parked": "P",
            "typed": SimpleNamespace(reason="lộ", ground="misuse", source="CV", legal_basis="", numbers="003156000127"),
            "grounds": [("misuse", "để ngăn lạm dụng")],
            "errors": [error("source", "Xin nêu văn bản")],
        },
    ),
    "bulk_job": ("admin/bulk_job.html", "/admin/sign-out", frozenset({"ask", "report"}), _bulk_job()),
    "bulk_job_running": (
        "admin/bulk_job.html",
        "/admin/sign-out",
        frozenset({"look-again"}),
        _bulk_job(row=BULK_ROWS[0], is_checked=False, passed=[], done=""),
    ),
    "recall": (
        "admin/recall.html",
        "/admin/sign-out",
        frozenset({"count", "look-again"}),
        {
            "me": ME,
            "parked": "P",
            "typed": SimpleNamespace(source="counter", officer="xau.a", since="", until="", reason="QĐ"),
            "sources": [("counter", "đối chiếu tại quầy")],
            "rows": [RECALL, SimpleNamespace(**{**vars(RECALL), "is_done": True})],
            "errors": [error("source", "Chọn nguồn")],
            "done": "Đã xong.",
        },
    ),
    "recall_counted": (
        "admin/recall_counted.html",
        "/admin/sign-out",
        frozenset({"ask", "counted"}),
        {"me": ME, "parked": "P", "lines": [("Từ ngày", "01/03/2026")], "heading": "2 người", "is_any": True},
    ),
    "recall_nobody": (
        "admin/recall_counted.html",
        "/admin/sign-out",
        frozenset({"counted"}),
        {"me": ME, "parked": "P", "lines": [], "heading": "0 người", "is_any": False},
    ),
    "invitations": (
        "admin/invitations.html",
        "/admin/sign-out",
        frozenset({"invitations"}),
        {
            "me": ME,
            "parked": "P",
            "rows": [SimpleNamespace(id="1", unit="Sở Tư pháp", made="01/11/2026", ends="15/11/2026", uses=1)],
            "done": "Đã thu hồi.",
        },
    ),
    "invitations_none": (
        "admin/invitations.html",
        "/admin/sign-out",
        frozenset({"invitations"}),
        {"me": ME, "parked": "P", "rows": [], "done": ""},
    ),
    "services_console": (
        "admin/services.html",
        "/admin/sign-out",
        frozenset({"new", "invite", "invitation"}),
        {
            "heads": HEADS,
            "me": ME,
            "parked": "P",
            "rows": [{"id": "0193", "name": "Cổng", "unit": "Sở Tư pháp", "client_id": "cong", "state": "đang chờ"}],
            "before": "/admin/services?page=1",
            "further": "/admin/services?page=3",
            "link": "https://dinhdanh.bacninh.gov.vn/vendor",
            "invitation": "abc",
        },
    ),
    "services_console_none": (
        "admin/services.html",
        "/admin/sign-out",
        frozenset({"new"}),
        {
            "heads": HEADS,
            "me": ME,
            "parked": "P",
            "rows": [],
            "before": "",
            "further": "",
            "link": "",
            "invitation": "",
        },
    ),
    "service": ("admin/service.html", "/admin/sign-out", frozenset({"change", "ask", "switch-button"}), _service()),
    "service_suspended": (
        "admin/service.html",
        "/admin/sign-out",
        frozenset({"switch-button"}),
        _service(
            state_code="suspended",
            because="lộ khóa",
            people=None,
            secrets=[],
            done="",
            errors=[error("reason", "Xin nêu lý do")],
        ),
    ),
    "service_form": (
        "admin/service_form.html",
        "/admin/sign-out",
        frozenset({"save", "name_vi"}),
        {
            **FORM,
            "me": ME,
            "name": "",
            "action": "/admin/services/new",
            "agency_code": "H05",
            "errors": [error("name_vi", "Xin ghi tên")],
        },
    ),
    "vendor": (
        "vendor/form.html",
        "/vendor",
        frozenset({"invitation", "go-on"}),
        {**FORM, "agency": "", "invitation": "", "errors": [error("invitation", "Đã dùng")]},
    ),
    "vendor_form": (
        "vendor/form.html",
        "/vendor",
        frozenset({"send", "name_vi"}),
        {**FORM, "agency": "Sở Tư pháp", "invitation": "abc", "errors": []},
    ),
    "vendor_made": (
        "vendor/made.html",
        None,
        frozenset({"secret-sandbox", "production"}),
        {
            "agency": "Sở Tư pháp",
            "client_id": "cong",
            "sandbox_id": "cong-thu",
            "secret": "a",
            "sandbox_secret": "b",
            "people": PEOPLE,
            "is_asked": True,
        },
    ),
    "history": (
        "admin/history.html",
        "/admin/sign-out",
        frozenset({"find", "export", "further"}),
        {
            "me": ME,
            "parked": "P",
            "typed": TYPED,
            "kinds": [("record.read", "Cán bộ đã xem")],
            "rows": [SimpleNamespace(when="08:30", what="Cán bộ đã xem", by="", whom="0193", more="hồ sơ")],
            "further": "0193",
            "errors": [error("since", "Xin ghi ngày")],
        },
    ),
    "history_none": (
        "admin/history.html",
        "/admin/sign-out",
        frozenset({"find"}),
        {"me": ME, "parked": "P", "typed": TYPED, "kinds": [], "rows": [], "further": "", "errors": []},
    ),
    "officers": (
        "admin/officers.html",
        "/admin/sign-out",
        frozenset({"create", "assign"}),
        {
            "heads": HEADS,
            "me": ME,
            "parked": "P",
            "rows": [OFFICER],
            "roles": [("auditor", "Cán bộ kiểm tra")],
            "typed": {"staff_code": "an.hd", "name": "", "number": ""},
            "unit_code": "H05",
            "errors": [error("staff_code", "Đã có")],
            "done": "Đã xong.",
        },
    ),
}
