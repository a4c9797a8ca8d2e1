"""Checks a logout token before a service believes it.

OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.6.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

EVENT = "http://schemas.openid.net/event/backchannel-logout"
# Public-key algorithms only: `none` proves nothing, and HMAC might take a public key for the secret.
ALGORITHMS = ("ES256", "RS256", "PS256", "ES384", "ES512", "RS384", "RS512", "PS384", "PS512")
_TYPES = ("logout+jwt", "jwt", "")  # the first is named by 2.4; older providers say JWT or nothing
_SKEW = 60  # seconds that two clocks may differ
_LONGEST_LIFE = 600  # seconds; also how long a `jti` must be remembered at most


class BadLogoutToken(Exception):
    """The token is refused; the text is for the province's engineers and holds nothing of the token."""


class UnknownKey(BadLogoutToken):
    """No key we hold has this key id; the province may have rotated, so its keys are worth reading again."""


@dataclass(frozen=True, slots=True)
class LogoutToken:
    sub: str | None
    sid: str | None
    jti: str
    expires_at: float


class SeenTokens:
    """The `jti` values lately honoured: each ends a session once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}

    def use(self, token: LogoutToken, now: float) -> bool:
        """Whether the token is new. One that was honoured before is answered alike: its first answer may be lost."""
        with self._lock:
            self._until = {jti: until for jti, until in self._until.items() if until > now}
            if token.jti in self._until:
                return False
            self._until[token.jti] = token.expires_at + _SKEW
            return True


def check_logout_token(value: str, keys: KeySet, issuer: str, client_id: str, now: float) -> LogoutToken:
    """What `value` says, or BadLogoutToken naming the rule it breaks; `SeenTokens` asks whether it is new."""
    try:
        decoded = jwt.decode(value, keys, algorithms=ALGORITHMS)
    except InvalidKeyIdError as error:
        raise UnknownKey("kid is unknown") from error
    except (JoseError, ValueError) as error:
        raise BadLogoutToken("signature, algorithm or form is not acceptable") from error
    if str(decoded.header.get("typ", "")).lower() not in _TYPES:
        raise BadLogoutToken("typ is not logout+jwt")
    claims: Mapping[str, Any] = decoded.claims
    _check_addressing(claims, issuer, client_id)
    _check_times(claims, now)
    _check_meaning(claims)
    return LogoutToken(claims.get("sub"), claims.get("sid"), claims["jti"], float(claims["exp"]))


def _check_addressing(claims: Mapping[str, Any], issuer: str, client_id: str) -> None:
    if claims.get("iss") != issuer:
        raise BadLogoutToken("iss is not the province")
    audience = claims.get("aud")
    if client_id not in (audience if isinstance(audience, list) else [audience]):
        raise BadLogoutToken("aud is not this service")


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    times = {name: claims.get(name) for name in ("iat", "exp")}
    for name, at in times.items():
        if isinstance(at, bool) or not isinstance(at, int | float):
            raise BadLogoutToken(f"{name} is missing or not a time")
    issued_at, expires_at = float(claims["iat"]), float(claims["exp"])
    if expires_at + _SKEW <= now:
        raise BadLogoutToken("exp is past")
    if issued_at - _SKEW > now:
        raise BadLogoutToken("iat is in the future")
    if expires_at - issued_at > _LONGEST_LIFE:
        raise BadLogoutToken("exp is too long after iat")


def _check_meaning(claims: Mapping[str, Any]) -> None:
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise BadLogoutToken("events does not name a back-channel logout")
    if "nonce" in claims:
        raise BadLogoutToken("nonce is present: an ID token is no logout token")
    for name in ("sub", "sid"):
        if name in claims and (not isinstance(claims[name], str) or not claims[name]):
            raise BadLogoutToken(f"{name} is not a text")
    if "sub" not in claims and "sid" not in claims:
        raise BadLogoutToken("neither sub nor sid is present")
    if not isinstance(claims.get("jti"), str) or not claims["jti"]:
        raise BadLogoutToken("jti is missing")
