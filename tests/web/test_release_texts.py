"""Facts in a person's words: dates, phone numbers and languages as they are written here, nothing left out."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from flask_babel import force_locale

from idp.domain.accounts import Profile
from idp.domain.claims import CLAIM_NAMES
from idp.domain.levels import ProofSource
from idp.web.release_texts import display, label, not_sent, release_items, written
from tests.web.test_templates import application

CLAIMS: dict[str, object] = {
    "name": "Nguyễn Thị Mẫu",
    "family_name": "Nguyễn",
    "middle_name": "Thị",
    "given_name": "Mẫu",
    "nickname": "Mẫu",
    "preferred_username": "nguyen.thi.mau",
    "profile": "https://nguoi-mau.example/mau",
    "picture": "https://nguoi-mau.example/mau.png",
    "website": "https://mau.example",
    "gender": "female",
    "birthdate": "1990-01-02",
    "zoneinfo": "Asia/Ho_Chi_Minh",
    "locale": "vi-VN",
    "updated_at": 1_795_344_649,
    "email": "mau@nguoi-mau.example",
    "email_verified": True,
    "phone_number": "+84912000013",
    "phone_number_verified": True,
    "address": {"formatted": "12 Đường Mẫu\nTỉnh Bắc Ninh"},
    "personal_id_number": "003190000013",
}
PROFILE = Profile(subject_id=UUID(int=1), claims=CLAIMS, proof_source=ProofSource.SELF)


@pytest.fixture(autouse=True)
def _in_vietnamese() -> Iterator[None]:
    app = application()
    app.config["BABEL_DEFAULT_TIMEZONE"] = "Asia/Ho_Chi_Minh"
    with app.test_request_context("/"), force_locale("vi"):
        yield


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("+84912000013", "0912 000 013"),
        ("+8222123456", "+8222123456"),
        ("a@b.exampl", "a@b.exampl"),  # as long as a number
    ],
)
def test_a_contact_is_written_as_people_write_it(contact: str, shown: str) -> None:
    assert written(contact) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("gender", "Nữ"),
        ("birthdate", "02/01/1990"),
        ("phone_number", "0912 000 013"),
        ("locale", "Tiếng Việt"),
        ("updated_at", "22/11/2026"),
        ("address", "12 Đường Mẫu, Tỉnh Bắc Ninh"),
        ("email_verified", "đã xác nhận"),
        ("personal_id_number", "003190000013"),
    ],
)
def test_a_value_reads_as_people_write_it(name: str, shown: str) -> None:
    assert display(PROFILE, name) == shown


@pytest.mark.parametrize(("birthdate", "shown"), [("1956", "1956"), ("0000-03-02", "0000-03-02"), ("", "")])
def test_what_is_no_whole_date_is_shown_as_it_is(birthdate: str, shown: str) -> None:
    profile = Profile(subject_id=UUID(int=1), claims={"birthdate": birthdate}, proof_source=ProofSource.SELF)
    assert display(profile, "birthdate") == shown


def test_every_fact_that_can_be_released_has_a_name_in_words() -> None:
    assert [name for name in CLAIM_NAMES if label(name) == name] == []


def test_every_value_that_is_released_is_on_the_page() -> None:
    """An agreement covers what was shown (Law 91/2025 on personal data: consent is specific)."""
    page = " ".join(item.value for item in release_items(PROFILE, CLAIM_NAMES))
    for name in CLAIM_NAMES:
        assert name.endswith("_verified") or display(PROFILE, name) in page, name


@pytest.mark.parametrize("name", CLAIM_NAMES)
def test_each_fact_asked_for_alone_is_shown(name: str) -> None:
    (item,) = release_items(PROFILE, [name])
    assert item.value == display(PROFILE, name) != ""


def test_parts_of_a_name_are_shown_in_its_order() -> None:
    (item,) = release_items(PROFILE, ["given_name", "family_name"])
    assert item.value == "Nguyễn, Mẫu"


def test_what_is_not_sent_is_said_in_a_sentence() -> None:
    assert not_sent(["phone_number", "address"]) == ["mật khẩu của Ông/Bà", "số định danh cá nhân"]
    assert not_sent(CLAIM_NAMES) == ["mật khẩu của Ông/Bà"]
