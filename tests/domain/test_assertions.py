"""What a client assertion must say (RFC 7523 3, OIDC Core 9), judged without any key."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain.assertions import LAST_SECOND, LEEWAY, LONGEST_JTI, LONGEST_LIFE, BadAssertion, check

NOW = datetime(2026, 3, 2, 1, 2, 3, tzinfo=UTC)
AUDIENCES = ("https://idp.example", "https://idp.example/oauth2/token")
SECOND = timedelta(seconds=1)
TOO_LATE = (LAST_SECOND + 1, LAST_SECOND + 0.5, 2**39, 2**40, 10**400, 1e300)
NO_NUMBERS = (float("inf"), float("-inf"), float("nan"))


def claims(**changed: object) -> dict[str, object]:
    """Those of a good assertion; `changed` lie over them, moments as such, None removes one."""
    usual = {"iss": "cong", "sub": "cong", "aud": AUDIENCES[0], "exp": NOW + timedelta(minutes=1), "jti": "x"}
    said = {name: value for name, value in {**usual, **changed}.items() if value is not None}
    return {name: value.timestamp() if isinstance(value, datetime) else value for name, value in said.items()}


def judged(**changed: object) -> datetime:
    return check(claims(**changed), "cong", AUDIENCES, NOW)


def refused(**changed: object) -> str:
    with pytest.raises(BadAssertion) as bad:
        judged(**changed)
    return str(bad.value)


def test_a_good_assertion_is_kept_until_nobody_would_take_it_any_more() -> None:
    """Its `jti` must be remembered as long as the assertion itself is believed."""
    assert judged() == NOW + timedelta(minutes=1) + LEEWAY
    with pytest.raises(BadAssertion):
        check(claims(), "cong", AUDIENCES, judged())


@pytest.mark.parametrize("name", ["iss", "sub"])
@pytest.mark.parametrize("value", ["khac", "Cong", "", None, 7, ["cong"]])
def test_rfc7523_3_issuer_and_subject_are_the_service(name: str, value: object) -> None:
    assert "iss and sub" in refused(**{name: value})


@pytest.mark.parametrize("aud", [*AUDIENCES, list(AUDIENCES), ["https://x.example", AUDIENCES[1]], [7, AUDIENCES[0]]])
def test_rfc7523_3_the_audience_may_be_one_of_several(aud: object) -> None:
    assert judged(aud=aud)


@pytest.mark.parametrize(
    "aud", [None, "", [], {}, 7, "https://idp.example/", AUDIENCES[0][:-1], ["https://x.example"], {AUDIENCES[0]: 1}]
)
def test_rfc7523_3_another_audience_is_refused(aud: object) -> None:
    assert "aud" in refused(aud=aud)


def test_rfc7523_3_the_end_is_looked_at_with_a_minute_for_clocks_that_differ() -> None:
    assert judged(exp=NOW - LEEWAY + SECOND)
    assert "missing or past" in refused(exp=NOW - LEEWAY)
    assert "missing or past" in refused(exp=None)
    assert judged(exp=NOW + LONGEST_LIFE + LEEWAY)
    assert "too far away" in refused(exp=NOW + LONGEST_LIFE + LEEWAY + SECOND)


@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_rfc7523_3_what_lies_in_the_future_is_refused(name: str) -> None:
    assert judged(**{name: NOW + LEEWAY})
    assert name in refused(**{name: NOW + LEEWAY + SECOND})


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["soon", True, False, [], 0, -1, -0.0, *TOO_LATE, *NO_NUMBERS])
def test_rfc7519_2_what_is_no_time_is_refused(name: str, value: object) -> None:
    assert f"{name} of the assertion is no time" in refused(**{name: value})


@pytest.mark.parametrize("late", [LAST_SECOND, LAST_SECOND - 0.5, LAST_SECOND - 60])
def test_rfc7519_2_the_last_moment_of_our_calendar_is_a_time_like_any_other(late: float) -> None:
    """Nothing is added to it, which would leave the calendar."""
    assert "too far away" in refused(exp=late)
    assert "iat of the assertion lies in the future" in refused(iat=late)


@pytest.mark.parametrize("jti", [None, "", 7, ["x"], "j" * (LONGEST_JTI + 1)])
def test_oidc_core_9_each_has_a_jti_of_its_own(jti: object) -> None:
    assert judged(jti="j" * LONGEST_JTI)
    assert "jti" in refused(jti=jti)


@pytest.mark.parametrize("jti", ["\ud800", "a\udfff", "\udc00\ud800", "\0", "a\0b"], ids=ascii)
def test_rfc7519_4_1_7_a_jti_is_a_text_that_can_be_kept(jti: str) -> None:
    assert judged(jti="Mã số \U0001f642 \ud7ff\ue000\n")
    assert "jti of the assertion is no text" in refused(jti=jti)


JSON: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=5)
    | st.sampled_from(["cong", *AUDIENCES, LAST_SECOND, LAST_SECOND + 1, "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "nbf", "iat", "jti"]), JSON))
def test_whatever_is_signed_is_judged_and_never_a_fault(said: dict[str, object]) -> None:
    try:
        assert check({**claims(), **said}, "cong", AUDIENCES, NOW) > NOW
    except BadAssertion as bad:
        assert str(bad).isascii()
