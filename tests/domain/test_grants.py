"""What stands in a code and in a token: all of it comes back, and nothing foreign is taken for it."""

from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain.claims import CLAIM_NAMES
from idp.domain.grants import LARGEST_CODE, Code, Token, TokenKind, Unreadable

SEALING = 35  # bytes that sealing adds
moments = st.datetimes(datetime(2026, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
words = st.text(st.characters(codec="ascii", exclude_categories=("Z", "C")), min_size=1, max_size=20)
texts = st.text(st.characters(codec="utf-8"), max_size=200)
bits = st.integers(0, 2 ** len(CLAIM_NAMES) - 1)
codes = st.builds(
    Code,
    grant_id=st.uuids(),
    service_id=st.uuids(),
    session_id=st.uuids(),
    subject_id=st.uuids(),
    redirect_uri=texts,
    code_challenge=st.none() | texts,
    nonce=st.none() | texts,
    scopes=st.lists(words, max_size=8).map(tuple),
    userinfo_bits=bits,
    id_token_bits=bits,
    basis_kind=st.sampled_from(["consent", "notice"]),
    basis_id=st.uuids(),
    offline=st.booleans(),
    issued_at=moments,
    expires_at=moments,
)
tokens = st.builds(
    Token,
    kind=st.sampled_from(TokenKind),
    grant_id=st.uuids(),
    service_id=st.uuids(),
    scopes=st.lists(words, max_size=8).map(tuple),
    generation=st.integers(0, 2**53),
    expires_at=moments.map(lambda at: at.replace(microsecond=0)),
)
foreign = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=17) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(codes)
def test_a_code_says_what_was_put_into_it(code: Code) -> None:
    assert Code.unpack(code.pack()) == code


@given(tokens)
def test_a_token_says_what_was_put_into_it(token: Token) -> None:
    assert Token.unpack(token.pack()) == token


def test_a_plain_code_fits_the_room_of_a_code() -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    code = Code(
        grant_id=UUID(int=2**128 - 1),
        service_id=UUID(int=2**128 - 1),
        session_id=UUID(int=2**128 - 1),
        subject_id=UUID(int=2**128 - 1),
        redirect_uri="https://dichvucong.bacninh.gov.vn/dang-nhap/quay-lai",
        code_challenge="x" * 43,
        nonce="n" * 43,
        scopes=("openid", "profile", "email", "phone", "address", "personal_id_number", "offline_access"),
        userinfo_bits=2 ** len(CLAIM_NAMES) - 1,
        id_token_bits=2 ** len(CLAIM_NAMES) - 1,
        basis_kind="consent",
        basis_id=UUID(int=2**128 - 1),
        offline=True,
        issued_at=now,
        expires_at=now,
    )
    assert (len(code.pack()) + SEALING) * 4 / 3 < LARGEST_CODE


@given(st.binary() | foreign.map(orjson.dumps))
def test_a_foreign_format_is_unreadable_and_never_a_fault(packed: bytes) -> None:
    for kind in (Code, Token):
        with pytest.raises(Unreadable):
            kind.unpack(packed)


@pytest.mark.parametrize("place", range(16))
@pytest.mark.parametrize("value", [None, 5, "x", 1e300, ["x"], {"a": 1}, True])
def test_a_code_with_one_foreign_part_is_read_or_unreadable(place: int, value: object) -> None:
    hexes = [UUID(int=7).hex] * 4
    parts: list[object] = [
        1,
        *hexes,
        "https://a.example",
        None,
        None,
        "openid",
        0,
        0,
        "notice",
        hexes[0],
        False,
        1.0,
        2.0,
    ]
    assert Code.unpack(orjson.dumps(parts)).scopes == ("openid",)
    parts[place] = value
    is_readable = True
    try:
        Code.unpack(orjson.dumps(parts))
    except Unreadable:
        is_readable = False
    assert not (is_readable and place in (1, 2, 3, 4, 12)), "an id was made out of nothing"


def test_a_code_of_another_version_is_unreadable() -> None:
    hexes = [UUID(int=7).hex] * 4
    parts = [2, *hexes, "https://a.example", None, None, "openid", 0, 0, "notice", hexes[0], False, 1.0, 2.0]
    with pytest.raises(Unreadable):
        Code.unpack(orjson.dumps(parts))


@pytest.mark.parametrize("kind", ["", "code", "A", None, 1])
def test_only_access_and_refresh_tokens_are_tokens(kind: object) -> None:
    with pytest.raises(Unreadable):
        Token.unpack(orjson.dumps([kind, UUID(int=7).hex, UUID(int=7).hex, "openid", 0, 1]))
