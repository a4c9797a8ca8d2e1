"""The logout token: OpenID Connect Back-Channel Logout 1.0, 2.4."""

from datetime import UTC, datetime
from uuid import UUID

from idp.domain import logout_token

NOW = datetime(2026, 12, 1, 1, 30, 0, 999_999, tzinfo=UTC)
CLAIMS = logout_token.claims("https://idp.example", "cong", sub="s", sid="phien", jti=UUID(int=5), now=NOW)


def test_back_channel_logout_2_4_it_has_just_the_claims_of_the_specification() -> None:
    assert {
        "iss": "https://idp.example",
        "aud": "cong",
        "iat": 1796088600,
        "exp": 1796088720,
        "jti": UUID(int=5).hex,
        "sub": "s",
        "sid": "phien",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    } == CLAIMS


def test_back_channel_logout_2_4_no_nonce_stands_in_it() -> None:
    """So that no ID token is taken for one, nor it for an ID token."""
    assert "nonce" not in CLAIMS
    assert logout_token.TYPE == "logout+jwt"


def test_back_channel_logout_2_4_it_is_good_for_two_minutes_at_most() -> None:
    assert 0 < CLAIMS["exp"] - CLAIMS["iat"] <= 120
