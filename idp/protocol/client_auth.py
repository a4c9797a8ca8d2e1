"""How a service proves that it is itself at the token endpoint: client_secret_basic, client_secret_post, or none.

RFC 6749 2.3, 3.2.1; OIDC Core 9. Secrets are random and stored as digests, compared in constant time; a service is held
to the one method it registered; unknown service and wrong secret get the same answer.
"""

import base64
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError

from idp.domain.relying_services import RelyingService
from idp.protocol.adapters import Client
from idp.protocol.answers import Asked
from idp.runtime import chance

METHODS: Final = ("client_secret_basic", "client_secret_post", "none")
_NOBODY: Final = chance.digest("no service has this secret")


def authenticate(find: Callable[[str], Client | None], asked: Asked) -> tuple[Client, str]:
    """The service that sent the request and the method it used; raises Authlib's errors."""
    form = dict(asked.pairs)
    method, client_id, secret = _credentials(asked.authorization, form)
    client = find(client_id)
    service = client.service if client else None
    if not _matches(service, secret) or client is None:
        raise InvalidClientError(
            description="the service is not known, is suspended, or its secret is wrong (RFC 6749 5.2)",
            status_code=401,
        )
    if client.service.token_endpoint_auth_method != method:
        raise InvalidClientError(
            description=f"the service is registered for {client.service.token_endpoint_auth_method}, "
            f"but used {method} (OIDC Core 9)",
            status_code=401,
        )
    if form.get("client_id", client_id) != client_id:
        raise InvalidRequestError("client_id differs from the one in the Authorization header (RFC 6749 2.3)")
    return client, method


def claimed_client_id(asked: Asked) -> str | None:
    """Who the sender says it is, unproved; None where it does not say so in one of our ways."""
    try:
        return _credentials(asked.authorization, dict(asked.pairs))[1]
    except (InvalidClientError, InvalidRequestError):
        return None


def _credentials(authorization: str | None, form: dict[str, str]) -> tuple[str, str, str | None]:
    """Method, client_id and secret; more than one way at once is refused (RFC 6749 2.3)."""
    if authorization is not None:
        if "client_secret" in form:
            raise InvalidRequestError("more than one way of client authentication was used (RFC 6749 2.3)")
        client_id, secret = _read_basic(authorization)
        return "client_secret_basic", client_id, secret
    client_id = form.get("client_id", "")
    if not client_id:
        raise InvalidClientError(
            description="the request names no service: client_id is missing (RFC 6749 3.2.1)", status_code=401
        )
    if "client_secret" in form:
        return "client_secret_post", client_id, form["client_secret"]
    return "none", client_id, None


def _read_basic(authorization: str) -> tuple[str, str]:
    """RFC 7617, both parts form-encoded before (RFC 6749 2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode() if scheme.lower() == "basic" else ""
    except ValueError:
        text = ""
    client_id, colon, secret = text.partition(":")
    if not colon:
        raise InvalidClientError(
            description="the Authorization header is not HTTP Basic (RFC 6749 2.3.1)", status_code=401
        )
    return unquote_plus(client_id), unquote_plus(secret)


def _matches(service: RelyingService | None, secret: str | None) -> bool:
    if secret is None:
        return service is not None and service.is_public
    given = chance.digest(secret)
    stored = service.secret_digests if service and service.secret_digests else (_NOBODY,)
    return any(chance.equal(given, digest) for digest in stored)
