"""What relying services do: OAuth 2.0 and OpenID Connect, on Authlib. The only floor that knows it.

Functions here take and give plain values (parameters, headers; then status, headers, body), so that any door can
mount them.
"""

from idp.protocol import (
    answers,
    authorization_code,
    authorize,
    authorize_answer,
    client_auth,
    discovery,
    front_channel,
    introspection,
    logout,
    presented_token,
    registration,
    registry,
    request_object,
    revocation,
    session_management,
    token,
    userinfo,
)

__all__ = [
    "answers",
    "authorization_code",
    "authorize",
    "authorize_answer",
    "client_auth",
    "discovery",
    "front_channel",
    "introspection",
    "logout",
    "presented_token",
    "registration",
    "registry",
    "request_object",
    "revocation",
    "session_management",
    "token",
    "userinfo",
]
