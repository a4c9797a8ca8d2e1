"""Identifiers: structure, normal forms, recognition at sign-in, and what may be shown."""

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain.identifiers import (
    LONGEST_TYPED,
    PROVINCES,
    ContactKind,
    IdentifierKind,
    SignInKind,
    check_personal_number,
    last_digits,
    mask,
    normalise_email,
    normalise_passport,
    normalise_phone,
    recognise,
)
from idp.domain.refusals import Refusal

TODAY = date(2026, 3, 2)
ANY_TEXT = st.text(st.characters(), max_size=300) | st.text("0123456789+-. @aA\u0300\u200b\ud800０９", max_size=40)


# -- personal number, Decree 137/2015 Art 13 -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sex", "year"),
    [
        ("003085000013", "male", 1985),
        ("003190000013", "female", 1990),
        ("005201000013", "male", 2001),
        ("097315000013", "female", 2015),
    ],
)
def test_decree137_13_number_tells_sex_and_birth_year(text: str, sex: str, year: int) -> None:
    number = check_personal_number(text, today=TODAY)
    assert (number.value, number.sex, number.birth_year) == (text, sex, year)
    assert number.province_code == text[:3]


@pytest.mark.parametrize("text", [" 003 085 000 013 ", "003.085.000013", "003-085-000-013", "００３085000013"])
def test_number_may_be_typed_with_separators_and_wide_digits(text: str) -> None:
    assert check_personal_number(text, today=TODAY).value == "003085000013"


@pytest.mark.parametrize(
    "text", ["", "00308500001", "0030850000131", "00308500001x", "+03085000013", "٠٠٣٠٨٥٠٠٠٠١٣", "0" * 300]
)
def test_decree137_13_other_than_twelve_digits_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_personal_number(text, today=TODAY)
    assert (refused.value.code, refused.value.field) == ("invalid_identifier", "personal_number")


def test_decree137_13_birth_year_in_the_future_is_refused() -> None:
    assert check_personal_number("003226000013", today=TODAY).birth_year == 2026
    for text in ("003227000013", "003400000013", "003999000013"):
        with pytest.raises(Refusal, match="future"):
            check_personal_number(text, today=TODAY)


def test_unknown_province_is_a_warning_and_no_refusal() -> None:
    number = check_personal_number("003085000013", today=TODAY)
    assert number.born_abroad_or_unknown
    assert number.warnings == ("unknown_province",)


def test_known_province_gives_no_warning() -> None:
    # A man born in 2300: nobody has this number.
    number = check_personal_number("024800000013", today=date(2350, 1, 1), birth_year=2300, sex="male")
    assert (number.province_code, number.born_abroad_or_unknown, number.warnings) == ("024", False, ())


def test_differing_declarations_are_warnings_for_an_officer() -> None:
    number = check_personal_number("003085000013", today=TODAY, birth_year=1986, sex="female")
    assert number.warnings == ("unknown_province", "birth_year_differs", "sex_differs")


def test_the_sixty_three_provinces_are_there() -> None:
    assert len(PROVINCES) == 63
    assert (PROVINCES["024"], PROVINCES["027"], PROVINCES["079"]) == (
        "Bắc Giang",
        "Bắc Ninh",
        "Thành phố Hồ Chí Minh",
    )
    assert all(len(code) == 3 and name == unicodedata.normalize("NFC", name) for code, name in PROVINCES.items())
    assert not {"003", "005", "097", "098", "099"} & set(PROVINCES), "kept for people who do not exist"


# -- phone, E.164 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("0900000013", "+84900000013"),
        ("0900 000 013", "+84900000013"),
        ("+84 (0)900.000.013", "+84900000013"),
        ("84900000013", "+84900000013"),
        ("0084900000013", "+84900000013"),
        ("０９００００００１３", "+84900000013"),
        ("\u202a0900000013\u202c", "+84900000013"),
        ("0222 3 800 013", "+842223800013"),
        ("0204 3800 013", "+842043800013"),
        ("+1 202 555 0123", "+12025550123"),
    ],
)
def test_e164_phone_has_one_form(text: str, stored: str) -> None:
    assert normalise_phone(text) == stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "113",
        "090000001",
        "09000000133",
        "0900FLOWER",
        "0900000013 ext 5",
        "++84900000013",
        "+999123456789",
    ],
)
def test_e164_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        normalise_phone(text)
    assert (refused.value.code, refused.value.field) == ("invalid_identifier", "phone")


@pytest.mark.parametrize("text", ["19001234", "1800123456", "+1 900 555 0123"])
def test_premium_and_service_numbers_are_refused(text: str) -> None:
    with pytest.raises(Refusal, match="mobile or landline"):
        normalise_phone(text)


# -- e-mail, RFC 5321 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (" Lan.Tran@Example.VN ", "lan.tran@example.vn"),
        ("lan＠example.vn", "lan@example.vn"),
        ("HOA\u0300@example.vn", "hoà@example.vn"),
        ("lan@BÜCHER.example", "lan@bücher.example"),
    ],
)
def test_rfc5321_address_has_one_form(text: str, stored: str) -> None:
    assert normalise_email(text) == stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lan",
        "@example.vn",
        "lan@",
        "lan@localhost",
        "lan@[127.0.0.1]",
        '"l n"@example.vn',
        "a@b@example.vn",
        "lan@example..vn",
        "lan\n@example.vn",
        "lan\x00@example.vn",
        "\ud800@example.vn",
        f"{'a' * 250}@example.vn",
    ],
)
def test_rfc5321_4_1_2_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        normalise_email(text)
    assert (refused.value.code, refused.value.field) == ("invalid_identifier", "email")


# -- passport ------------------------------------------------------------------------------------------------


def test_icao9303_4_passport_is_upper_case_without_separators() -> None:
    assert normalise_passport(" c 000-00013 ") == "C00000013"


@pytest.mark.parametrize("text", ["", "C1234", "C123456789", "NGUYENAN", "C12345ß7", "C1234_67"])
def test_icao9303_4_other_than_six_to_nine_characters_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        normalise_passport(text)
    assert (refused.value.code, refused.value.field) == ("invalid_identifier", "passport")


# -- the one sign-in field -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("003085000013", SignInKind.PERSONAL_NUMBER, "003085000013"),
        ("003 085 000 013", SignInKind.PERSONAL_NUMBER, "003085000013"),
        ("０03.085.000.013", SignInKind.PERSONAL_NUMBER, "003085000013"),
        ("003999000013", SignInKind.PERSONAL_NUMBER, "003999000013"),
        ("101085000013", SignInKind.PERSONAL_NUMBER, "101085000013"),
        # Dialled abroad, 00 32 2 512 34 56 would be a number in Brussels: the personal number wins.
        ("003225123456", SignInKind.PERSONAL_NUMBER, "003225123456"),
        ("842223800013", SignInKind.PHONE, "+842223800013"),
        ("0900 000-013", SignInKind.PHONE, "+84900000013"),
        ("+84900000013", SignInKind.PHONE, "+84900000013"),
        ("84 900 000 013", SignInKind.PHONE, "+84900000013"),
        ("+12025550123", SignInKind.PHONE, "+12025550123"),
        (" Lan@Example.vn\n", SignInKind.EMAIL, "lan@example.vn"),
        ("c0000013", SignInKind.PASSPORT, "C0000013"),
        ("900000013", SignInKind.PASSPORT, "900000013"),
        ("841234567", SignInKind.PASSPORT, "841234567"),
    ],
)
def test_what_is_typed_is_recognised(text: str, kind: SignInKind, value: str) -> None:
    assert recognise(text) == (kind, value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "lan",
        "lan@",
        "0030850000131",
        "nguyễn văn an",
        "0" * 300,
        "a" * 260 + "@example.vn",
        "\x00",
        "\ud800",
    ],
)
def test_what_fits_nothing_is_not_recognised(text: str) -> None:
    assert recognise(text) is None


@given(ANY_TEXT)
def test_recognition_is_total_and_its_value_is_recognised_again(text: str) -> None:
    found = recognise(text)
    assert found is None or (len(found[1]) <= LONGEST_TYPED and recognise(found[1]) == found)


@given(st.from_regex(r"0[0-9]{11}", fullmatch=True))
def test_twelve_digits_from_zero_are_always_a_personal_number(text: str) -> None:
    assert recognise(text) == (SignInKind.PERSONAL_NUMBER, text)


@given(ANY_TEXT)
def test_every_reader_gives_a_value_or_a_refusal(text: str) -> None:
    for read in (normalise_phone, normalise_email, normalise_passport):
        try:
            stored = read(text)
        except Refusal:
            continue
        assert read(stored) == stored


# -- what is shown -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (IdentifierKind.PERSONAL_NUMBER, "003085000013", "•••••••••013"),
        (SignInKind.PHONE, "+84900000013", "•••••••••013"),
        (ContactKind.PHONE, "+84900000013", "•••••••••013"),
        (ContactKind.EMAIL, "lan@example.vn", "l•••@example.vn"),
        (SignInKind.EMAIL, "lan.tran.thi@example.vn", "l•••@example.vn"),
        (SignInKind.EMAIL, "l@example.vn", "•••@example.vn"),
        (IdentifierKind.PASSPORT, "C0000013", "•••••013"),
        (IdentifierKind.STAFF_CODE, "CB07", "••07"),
        (IdentifierKind.LEGACY_ID, "", ""),
    ],
)
def test_mask_shows_what_its_owner_knows_it_by(kind: SignInKind, value: str, shown: str) -> None:
    assert mask(kind, value) == shown


@given(st.sampled_from([*IdentifierKind, *ContactKind, *SignInKind]), st.text(min_size=1, max_size=40))
def test_mask_never_shows_the_whole(kind: SignInKind, value: str) -> None:
    assert mask(kind, value) != value or set(value) <= {"•", "@"}


def test_last_digits_of_a_phone() -> None:
    assert last_digits("+84900000013") == "0013"
    assert last_digits("+84900000013", 2) == "13"
    assert last_digits("13") == "13"
    assert last_digits("+84900000013", 0) == ""
