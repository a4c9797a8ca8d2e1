"""Turns the claims a service received into lines a person can read, in Vietnamese or English.

OpenID Connect Core 1.0, 5.1 (standard claims) and 2 (ID token).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

# Viet Nam has had no summer time since 1975; a fixed offset needs no zone database on the machine.
_HO_CHI_MINH = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")


@dataclass(frozen=True, slots=True)
class Row:
    claim: str
    what: str
    value: str


_PERSON = {
    "name": ("Họ và tên", "Full name"),
    "family_name": ("Họ", "Family name"),
    "middle_name": ("Tên đệm", "Middle name"),
    "given_name": ("Tên", "Given name"),
    "nickname": ("Tên thường gọi", "Nickname"),
    "preferred_username": ("Tên hiển thị", "Display name"),
    "gender": ("Giới tính", "Sex"),
    "birthdate": ("Ngày sinh", "Date of birth"),
    "address": ("Địa chỉ", "Address"),
    "phone_number": ("Số điện thoại", "Phone number"),
    "phone_number_verified": ("Số điện thoại đã xác nhận", "Phone number confirmed"),
    "email": ("Thư điện tử", "E-mail"),
    "email_verified": ("Thư điện tử đã xác nhận", "E-mail confirmed"),
    "profile": ("Trang giới thiệu", "Profile page"),
    "picture": ("Ảnh", "Picture"),
    "website": ("Trang web", "Web site"),
    "zoneinfo": ("Múi giờ", "Time zone"),
    "locale": ("Ngôn ngữ", "Language"),
    "updated_at": ("Cập nhật lúc", "Updated at"),
    "sub": ("Mã riêng của Ông/Bà tại dịch vụ này", "Your own code at this service"),
}
_SIGN_IN = {
    "iss": ("Bên xác nhận", "Confirmed by"),
    "auth_time": ("Đăng nhập lúc", "Signed in at"),
    "acr": ("Mức độ xác thực", "Authentication level"),
    "amr": ("Cách đăng nhập", "Way of signing in"),
}
_TIMES = {"updated_at", "auth_time"}
_WORDS = {
    ("gender", "female"): ("Nữ", "Female"),
    ("gender", "male"): ("Nam", "Male"),
    ("acr", "urn:bacninh:xacthuc:1"): ("Mức 1", "Level 1"),
    ("acr", "urn:bacninh:xacthuc:2"): ("Mức 2", "Level 2"),
    ("acr", "urn:bacninh:xacthuc:3"): ("Mức 3", "Level 3"),
    ("amr", "pwd"): ("Mật khẩu", "Password"),
    ("amr", "otp"): ("Mã dùng một lần", "One-time code"),
    ("amr", "sms"): ("Mã nhắn tin", "Text-message code"),
    ("amr", "hwk"): ("Khóa đăng nhập", "Passkey"),
    ("amr", "mfa"): ("Hai bước", "Two steps"),
    ("locale", "vi"): ("Tiếng Việt", "Vietnamese"),
    ("locale", "vi-VN"): ("Tiếng Việt", "Vietnamese"),
    ("locale", "en"): ("Tiếng Anh", "English"),
}


def person_rows(claims: Mapping[str, Any], language: str) -> list[Row]:
    """Every claim of userinfo: the known ones in a person's order, then others under their own name."""
    known = [claim for claim in _PERSON if claim in claims]
    others = sorted(claim for claim in claims if claim not in _PERSON)
    return [_row(claim, claims[claim], _PERSON.get(claim), language) for claim in known + others]


def sign_in_rows(claims: Mapping[str, Any], language: str) -> list[Row]:
    """What the ID token says of the sign-in itself."""
    return [_row(claim, claims[claim], label, language) for claim, label in _SIGN_IN.items() if claim in claims]


def time_text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone(_HO_CHI_MINH).strftime("%d/%m/%Y %H:%M:%S")


def _row(claim: str, value: Any, label: tuple[str, str] | None, language: str) -> Row:
    return Row(claim, _said(label, language) if label else claim, _text(claim, value, language))


def _text(claim: str, value: Any, language: str) -> str:
    if isinstance(value, bool):
        return _said(("Rồi", "Yes") if value else ("Chưa", "Not yet"), language)
    if isinstance(value, list):
        return ", ".join(_text(claim, item, language) for item in value)
    if isinstance(value, Mapping):
        parts = [str(part) for name, part in value.items() if name != "formatted" and part]
        return ", ".join(str(value.get("formatted", "")).splitlines() or parts)
    if claim in _TIMES and isinstance(value, int | float):
        return time_text(value)
    if claim == "birthdate":
        return _date_text(str(value))
    if claim == "phone_number":
        return _phone_text(str(value))
    word = _WORDS.get((claim, str(value)))
    return _said(word, language) if word else str(value)


def _date_text(value: str) -> str:
    # Core 5.1 allows a year alone, and 0000 for a year that is not told: both are shown as they came.
    try:
        return date.fromisoformat(value).strftime("%d/%m/%Y")
    except ValueError:
        return value


def _phone_text(value: str) -> str:
    """A Vietnamese number as people write it: 0912 000 013; others as they came."""
    digits = value.removeprefix("+84")
    return f"0{digits[:3]} {digits[3:6]} {digits[6:]}" if digits != value and len(digits) == 9 else value


def _said(words: tuple[str, str], language: str) -> str:
    return words[1] if language == "en" else words[0]
