"""Dynamic registration and its management: reading requests and answering them (RFC 7591 3, RFC 7592 2).

Who may register, and what becomes of it, is a flow's matter.
"""

from typing import Any

import orjson

from idp.domain.refusals import Refusal
from idp.domain.relying_services import RelyingService
from idp.domain.service_metadata import to_registration_response
from idp.protocol.answers import NO_STORE, Answer, error_answer, json_answer

LARGEST_BODY = 32_768


def read(media_type: str, body: bytes) -> dict[str, Any]:
    """The metadata document of a registration request; raises Refusal('invalid_client_metadata')."""
    if media_type != "application/json":
        raise Refusal("invalid_client_metadata", "the request must be application/json (RFC 7591 3.1)")
    if len(body) > LARGEST_BODY:
        raise Refusal(
            "invalid_client_metadata", f"the request is larger than {LARGEST_BODY} bytes (limit of this provider)"
        )
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refusal("invalid_client_metadata", "the request is not JSON (RFC 7591 3.1)") from None
    if not isinstance(document, dict):
        raise Refusal("invalid_client_metadata", "the metadata must be a JSON object (RFC 7591 3.1)")
    return document


def read_bearer(authorization: str | None) -> str | None:
    """The token of an Authorization header (RFC 6750 2.1), None without one."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and 0 < len(token.strip()) <= 256 else None


def answer(
    service: RelyingService,
    *,
    issuer: str,
    management: str,
    secret: str | None = None,
    registration_token: str | None = None,
    status: int = 201,
) -> Answer:
    """The registered metadata; secret and registration access token are shown this once (RFC 7591 3.2.1, 7592 3)."""
    document = to_registration_response(service)
    if secret is not None:
        document |= {"client_secret": secret, "client_secret_expires_at": 0}
    if registration_token is not None:
        document["registration_access_token"] = registration_token
    document["registration_client_uri"] = f"{issuer}{management}"
    return json_answer(status, document)


def removed() -> Answer:
    """RFC 7592 2.3."""
    return Answer(204, b"", dict(NO_STORE))


def refuse(refusal: Refusal) -> Answer:
    """RFC 7591 3.2.2."""
    error = "invalid_redirect_uri" if refusal.code == "invalid_redirect_uri" else "invalid_client_metadata"
    return error_answer(400, error, refusal.detail)


def refuse_token(issuer: str) -> Answer:
    """RFC 7592 2: nothing is said about whether the service exists."""
    headers = {**NO_STORE, "WWW-Authenticate": f'Bearer realm="{issuer}", error="invalid_token"'}
    return error_answer(401, "invalid_token", "the registration access token is missing or wrong (RFC 7592 2)", headers)


def refuse_stranger(issuer: str) -> Answer:
    headers = {**NO_STORE, "WWW-Authenticate": f'Bearer realm="{issuer}", error="invalid_token"'}
    return error_answer(
        401,
        "invalid_token",
        "registration needs an initial access token: ask the province's service office (RFC 7591 3)",
        headers,
    )
