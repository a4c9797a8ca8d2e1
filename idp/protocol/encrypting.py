"""Answers that only the service can read: signed, then encrypted to its key (OIDC Core 5.3.2, 10.2, 16.14; RFC 7516).

`find_key` may have to ask the service's server, so it is called before a connection is taken; afterwards the key is in
memory.
"""

from collections.abc import Mapping
from typing import Any

from authlib.oauth2.rfc6749.errors import InvalidRequestError

from idp.domain.relying_services import RelyingService
from idp.protocol.server import Server
from idp.runtime import encryption
from idp.runtime.encryption import Unencryptable


def find_key(server: Server, service: RelyingService, alg: str | None) -> Mapping[str, Any] | None:
    """The service's key for an algorithm it registered, None where it registered none; raises Authlib's error."""
    if alg is None:
        return None
    key = server.runtime.foreign_keys.find_encryption_key(alg, jwks=service.jwks, jwks_uri=service.jwks_uri)
    if key is None:
        raise _no_key()
    return key


def encrypt_id_token(server: Server, service: RelyingService, signed: str) -> str:
    """The ID token as the service registered it."""
    alg, enc = service.id_token_encrypted_response_alg, service.id_token_encrypted_response_enc
    return _encrypt(server, service, alg, enc, signed, is_jwt=True)


def encrypt_userinfo(server: Server, service: RelyingService, content: str, *, is_jwt: bool) -> str:
    """Userinfo as the service registered it: a signed JWT, or claims alone."""
    alg, enc = service.userinfo_encrypted_response_alg, service.userinfo_encrypted_response_enc
    return _encrypt(server, service, alg, enc, content, is_jwt=is_jwt)


def _encrypt(
    server: Server, service: RelyingService, alg: str | None, enc: str | None, content: str, *, is_jwt: bool
) -> str:
    key = find_key(server, service, alg)
    if key is None or alg is None or enc is None:
        return content
    try:
        return encryption.encrypt_to(key, alg, enc, content, is_jwt=is_jwt)
    except Unencryptable:
        raise _no_key() from None


def _no_key() -> InvalidRequestError:
    return InvalidRequestError("no key of the service can be encrypted to: publish one with use enc (OIDC Core 10.2)")
