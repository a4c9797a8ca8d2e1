"""Dynamic registration: reading the request and answering it (RFC 7591 3). Who is registered is a flow's matter."""

from typing import Any

import orjson

from idp.domain.refusals import Refusal
from idp.domain.relying_services import RelyingService
from idp.domain.service_metadata import to_registration_response
from idp.protocol.answers import Answer, error_answer, json_answer

LARGEST_BODY = 32_768


def read(media_type: str, body: bytes) -> dict[str, Any]:
    """The metadata document of a registration request; raises Refusal('invalid_client_metadata')."""
    if media_type != "application/json":
        raise Refusal("invalid_client_metadata", "the request must be application/json (RFC 7591 3.1)")
    if len(body) > LARGEST_BODY:
        raise Refusal("invalid_client_metadata", f"the request is larger than {LARGEST_BODY} bytes")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refusal("invalid_client_metadata", "the request is not JSON (RFC 7591 3.1)") from None
    if not isinstance(document, dict):
        raise Refusal("invalid_client_metadata", "the metadata must be a JSON object (RFC 7591 3.1)")
    return document


def answer(service: RelyingService, secret: str | None) -> Answer:
    """The registered metadata; the secret is shown this once (RFC 7591 3.2.1)."""
    document = to_registration_response(service)
    if secret is not None:
        document |= {"client_secret": secret, "client_secret_expires_at": 0}
    return json_answer(201, document)


def refuse(refusal: Refusal) -> Answer:
    """RFC 7591 3.2.2."""
    error = "invalid_redirect_uri" if refusal.code == "invalid_redirect_uri" else "invalid_client_metadata"
    return error_answer(400, error, refusal.detail)
