"""What a client assertion must say: the JWT by which a service proves at the token endpoint that it is itself; and the
times of any JWT that a service made.

RFC 7523 3, OIDC Core 9, RFC 7521 4.2. Signature and algorithm are checked before; `jti` is spent afterwards.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

LEEWAY: Final = timedelta(seconds=60)
LONGEST_LIFE: Final = timedelta(minutes=15)
LONGEST_JTI: Final = 255
# The last second of the year 9999: no calendar of ours goes further.
LAST_SECOND: Final = 253_402_300_799


class BadAssertion(Exception):
    """What is wrong with an assertion, in ASCII English with its specification section."""


def check(claims: Mapping[str, object], client_id: str, audiences: Collection[str], now: datetime) -> datetime:
    """Judge the claims of an assertion; gives when it expires. `audiences` are the names this provider answers to."""
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise BadAssertion("iss and sub of the assertion must both be the client_id (RFC 7523 3)")
    aud = claims.get("aud")
    named = [aud] if isinstance(aud, str) else aud
    if not isinstance(named, list) or not any(one in audiences for one in named if isinstance(one, str)):
        raise BadAssertion("aud of the assertion must be the issuer or the token endpoint (RFC 7523 3)")
    expires_at = check_times(claims, now, "the assertion", "RFC 7523 3")
    if expires_at is None:
        raise BadAssertion("exp of the assertion is missing or past (RFC 7523 3)")
    if expires_at > now + LONGEST_LIFE + LEEWAY:
        raise BadAssertion("exp of the assertion is too far away: 15 minutes at most (RFC 7523 3)")
    _check_jti(claims.get("jti"))
    return expires_at + LEEWAY


def check_times(claims: Mapping[str, object], now: datetime, of: str, spec: str) -> datetime | None:
    """Judge the times that a JWT, called `of`, says of itself; gives when it expires, None if it never does.

    RFC 7519 4.1.4 to 4.1.6, each as far as it is there.
    """
    expires_at = _moment(claims.get("exp"), "exp", of)
    if expires_at is not None and now - LEEWAY >= expires_at:
        raise BadAssertion(f"exp of {of} is missing or past ({spec})")
    for name in ("nbf", "iat"):
        moment = _moment(claims.get(name), name, of)
        if moment is not None and moment > now + LEEWAY:
            raise BadAssertion(f"{name} of {of} lies in the future ({spec})")
    return expires_at


def _check_jti(jti: object) -> None:
    """It is kept, so it must be a text that can be: JSON also writes halves of characters, and NUL."""
    if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_JTI:
        raise BadAssertion("jti of the assertion is missing or too long (OIDC Core 9)")
    if "\0" in jti or any("\ud800" <= each <= "\udfff" for each in jti):
        raise BadAssertion("jti of the assertion is no text (RFC 7519 4.1.7)")


def _moment(value: object, name: str, of: str) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LAST_SECOND:
        raise BadAssertion(f"{name} of {of} is no time (RFC 7519 2)")
    return datetime.fromtimestamp(value, UTC)
