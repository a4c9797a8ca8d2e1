"""What a person is found by: the personal number, papers, phone, e-mail, and what may be shown of them.

Structure of the personal number: Decree 137/2015 Art 13. Phone: E.164. E-mail: RFC 5321, RFC 6531.
An identifier is an attribute with a history, never a key: the personal number may be cancelled and set anew
(Circular 59/2021/TT-BCA Art 6), phones are recycled. Nothing here says that an identifier belongs to anybody.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from idp.domain.refusals import Refusal

LONGEST_TYPED: Final = 254
"""RFC 5321 4.5.3.1.3 leaves 254 characters to an address; every other identifier is shorter."""


class IdentifierKind(StrEnum):
    """What names a person in the state's books."""

    PERSONAL_NUMBER = "personal_number"
    PASSPORT = "passport"
    RESIDENCE_CARD = "residence_card"
    LEGACY_ID = "legacy_id"
    STAFF_CODE = "staff_code"


class ContactKind(StrEnum):
    """Where a person is reached."""

    PHONE = "phone"
    EMAIL = "email"


# The claim by which services are told of a contact (OIDC Core 5.1).
CONTACT_CLAIMS: Final = MappingProxyType({ContactKind.PHONE: "phone_number", ContactKind.EMAIL: "email"})


class SignInKind(StrEnum):
    """What an account may be looked up by at sign-in."""

    PERSONAL_NUMBER = "personal_number"
    PHONE = "phone"
    EMAIL = "email"
    PASSPORT = "passport"
    STAFF_CODE = "staff_code"


# The 63 codes of births registered before 07/2025; numbers keep them for life. They tell where a birth was
# registered, never residence or eligibility: 024 is the former Bắc Giang, since the merger all of Bắc Ninh.
PROVINCES: Final[Mapping[str, str]] = MappingProxyType(
    dict(
        line.strip().split(" ", 1)
        for line in """
        001 Hà Nội
        002 Hà Giang
        004 Cao Bằng
        006 Bắc Kạn
        008 Tuyên Quang
        010 Lào Cai
        011 Điện Biên
        012 Lai Châu
        014 Sơn La
        015 Yên Bái
        017 Hòa Bình
        019 Thái Nguyên
        020 Lạng Sơn
        022 Quảng Ninh
        024 Bắc Giang
        025 Phú Thọ
        026 Vĩnh Phúc
        027 Bắc Ninh
        030 Hải Dương
        031 Hải Phòng
        033 Hưng Yên
        034 Thái Bình
        035 Hà Nam
        036 Nam Định
        037 Ninh Bình
        038 Thanh Hóa
        040 Nghệ An
        042 Hà Tĩnh
        044 Quảng Bình
        045 Quảng Trị
        046 Thừa Thiên Huế
        048 Đà Nẵng
        049 Quảng Nam
        051 Quảng Ngãi
        052 Bình Định
        054 Phú Yên
        056 Khánh Hòa
        058 Ninh Thuận
        060 Bình Thuận
        062 Kon Tum
        064 Gia Lai
        066 Đắk Lắk
        067 Đắk Nông
        068 Lâm Đồng
        070 Bình Phước
        072 Tây Ninh
        074 Bình Dương
        075 Đồng Nai
        077 Bà Rịa - Vũng Tàu
        079 Thành phố Hồ Chí Minh
        080 Long An
        082 Tiền Giang
        083 Bến Tre
        084 Trà Vinh
        086 Vĩnh Long
        087 Đồng Tháp
        089 An Giang
        091 Kiên Giang
        092 Cần Thơ
        093 Hậu Giang
        094 Sóc Trăng
        095 Bạc Liêu
        096 Cà Mau
        """.strip().splitlines()
    )
)


# No province had these: numbers of people who are made up.
TEST_PREFIXES: Final = ("003", "005", "097", "098", "099")


@dataclass(frozen=True, slots=True)
class PersonalNumber:
    """A well-formed 12-digit number (số định danh cá nhân) and what its digits say.

    `warnings` are grounds for a look by an officer, never for a refusal: the state's data may have been
    corrected after the number was set. Codes: unknown_province, birth_year_differs, sex_differs.
    """

    value: str
    province_code: str
    born_abroad_or_unknown: bool
    sex: str
    birth_year: int
    warnings: tuple[str, ...] = ()


def check_personal_number(
    text: str, *, today: date, birth_year: int | None = None, sex: str | None = None
) -> PersonalNumber:
    """Read `PPP G YY RRRRRR`; spaces, dots and dashes between the digits are let pass.

    `birth_year` and `sex` ('male', 'female') are what the person declared. There is no check digit.
    Raises Refusal('invalid_identifier') when it is not 12 digits or the year lies after `today`.
    """
    value = _without_separators(_typed(text, "personal_number"))
    if not re.fullmatch(r"[0-9]{12}", value):
        raise _refused("personal_number", "a personal number has 12 digits")
    century, odd = divmod(int(value[3]), 2)
    written_year = 1900 + 100 * century + int(value[4:6])
    written_sex = "female" if odd else "male"
    if written_year > today.year:
        raise _refused("personal_number", "the birth year in the personal number lies in the future")
    unknown = value[:3] not in PROVINCES
    doubts = {
        "unknown_province": unknown,
        "birth_year_differs": birth_year is not None and birth_year != written_year,
        "sex_differs": sex is not None and sex != written_sex,
    }
    return PersonalNumber(
        value=value,
        province_code=value[:3],
        born_abroad_or_unknown=unknown,
        sex=written_sex,
        birth_year=written_year,
        warnings=tuple(code for code, applies in doubts.items() if applies),
    )


# Premium and shared-cost numbers would let a stranger spend the province's money with one-time codes.
_REACHABLE: Final = frozenset(
    {
        phonenumbers.PhoneNumberType.MOBILE,
        phonenumbers.PhoneNumberType.FIXED_LINE,
        phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
    }
)


def normalise_phone(text: str) -> str:
    """The number in E.164, '+84912345678'; without a leading + it is read as dialled in Viet Nam.

    Raises Refusal('invalid_identifier'); extensions and letters are not part of a number here.
    """
    digits = _without_separators(_typed(text, "phone"))
    if not re.fullmatch(r"\+?[0-9]{6,18}", digits):
        raise _refused("phone", "a phone number has digits only, with or without a leading +")
    try:
        number = phonenumbers.parse(digits, "VN")
    except phonenumbers.NumberParseException:
        raise _refused("phone", "not a phone number of any numbering plan") from None
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in _REACHABLE:
        raise _refused("phone", "not a mobile or landline number in use")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def normalise_email(text: str) -> str:
    """The address as it is stored and looked up: NFC, both parts in lower case, domain in Unicode.

    Mail systems that tell upper from lower case in the local part are not met in practice; two accounts that
    differ by case only are. No DNS is asked. Raises Refusal('invalid_identifier').
    """
    try:
        address = validate_email(_typed(text, "email").lower(), check_deliverability=False)
    except (EmailNotValidError, UnicodeError):
        raise _refused("email", "not an e-mail address (RFC 5321 4.1.2)") from None
    return unicodedata.normalize("NFC", address.normalized)


def normalise_passport(text: str) -> str:
    """A passport number in upper case: 6 to 9 Latin letters and digits, a digit among them (ICAO 9303-4).

    Raises Refusal('invalid_identifier').
    """
    value = _without_separators(_typed(text, "passport"))
    if not re.fullmatch(r"(?=.*[0-9])[A-Za-z0-9]{6,9}", value):
        raise _refused("passport", "a passport number has 6 to 9 letters and digits")
    return value.upper()


def recognise_contact(text: str) -> tuple[ContactKind, str]:
    """The phone (E.164) or e-mail address that was typed; raises Refusal('invalid_identifier')."""
    if "@" in text:
        return ContactKind.EMAIL, normalise_email(text)
    return ContactKind.PHONE, normalise_phone(text)


def recognise(text: str) -> tuple[SignInKind, str] | None:
    """What a person typed into the one sign-in field, and its value as stored; None when nothing fits.

    Never raises. Twelve digits are a personal number; only those that start with 84 may be a landline with
    its country code. Staff codes are never guessed: officers have their own door, so that a citizen's entry
    cannot meet an officer's account.
    """
    try:
        typed = _typed(text, "identifier")
    except Refusal:
        return None
    compact = _without_separators(typed)
    if re.fullmatch(r"0[0-9]{11}", compact):
        return SignInKind.PERSONAL_NUMBER, compact
    for kind, looks_like_it in _SHAPES:
        if re.fullmatch(looks_like_it, compact):
            try:
                return kind, _NORMALISE[kind](typed)
            except Refusal:
                continue
    if re.fullmatch(r"[0-9]{12}", compact):
        return SignInKind.PERSONAL_NUMBER, compact
    return None


# Nine digits without a leading 0 are a passport rather than a phone number whose 0 was left out.
_SHAPES: Final = (
    (SignInKind.EMAIL, r".*@.*"),
    (SignInKind.PHONE, r"\+[0-9]+|0[0-9]+|84[0-9]{9,10}"),
    (SignInKind.PASSPORT, r"[A-Za-z0-9]+"),
)
_NORMALISE: Final = MappingProxyType(
    {
        SignInKind.PHONE: normalise_phone,
        SignInKind.EMAIL: normalise_email,
        SignInKind.PASSPORT: normalise_passport,
    }
)


def mask(kind: IdentifierKind | ContactKind | SignInKind, value: str) -> str:
    """What may be shown to somebody who already knows the value: '•••••••••013', 'a•••@example.vn'.

    The number of dots of an e-mail address is fixed, because its length tells the name.
    """
    if kind == ContactKind.EMAIL and "@" in value:
        local, _, domain = value.rpartition("@")
        return f"{local[0] if len(local) > 1 else ''}•••@{domain}"
    shown = min(3, len(value) // 2)
    return "•" * (len(value) - shown) + value[len(value) - shown :]


def last_digits(phone: str, n: int = 4) -> str:
    """The last `n` digits of a phone number, for 'the phone ending in 5678'."""
    digits = re.sub(r"[^0-9]", "", phone)
    return digits[max(0, len(digits) - n) :]


def _typed(text: str, field: str) -> str:
    """NFKC (full-width digits become ASCII), without invisible marks that come along with copied text."""
    if len(text) > LONGEST_TYPED:
        raise _refused(field, f"longer than {LONGEST_TYPED} characters")
    visible = "".join(
        character for character in unicodedata.normalize("NFKC", text) if unicodedata.category(character) != "Cf"
    ).strip()
    # Removing a mark may bring together what composes.
    visible = unicodedata.normalize("NFKC", visible)
    if len(visible) > LONGEST_TYPED:
        raise _refused(field, f"longer than {LONGEST_TYPED} characters")
    return visible


def _without_separators(text: str) -> str:
    """Without spaces, dots, brackets and dashes of any script."""
    return "".join(
        character
        for character in text
        if not (character in ".()" or character.isspace() or unicodedata.category(character) == "Pd")
    )


def _refused(field: str, detail: str) -> Refusal:
    return Refusal("invalid_identifier", detail, field=field)
