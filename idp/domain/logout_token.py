"""The logout token: tells a service which session of which person ended (OIDC Back-Channel Logout 1.0, 2.4)."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

TYPE: Final = "logout+jwt"
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
GOOD_FOR: Final = timedelta(minutes=2)


def claims(issuer: str, client_id: str, *, sub: str, sid: str, jti: UUID, now: datetime) -> dict[str, Any]:
    """The token's claims. `jti` is of this one alone: services may refuse one they know. No `nonce` may stand here."""
    return {
        "iss": issuer,
        "aud": client_id,
        "iat": int(now.timestamp()),
        "exp": int((now + GOOD_FOR).timestamp()),
        "jti": jti.hex,
        "sub": sub,
        "sid": sid,
        "events": {EVENT: {}},
    }
