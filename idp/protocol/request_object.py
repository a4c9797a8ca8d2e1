"""Request objects: an authorization request as a JWT, given by value (`request`) or by reference (`request_uri`).

OIDC Core 6.1, 6.2 and 6.3; RFC 9101 4, 6 and 10.8. It is unpacked once, when the request first comes: what it says
takes the place of what stands beside it, and from then on the request is one of plain parameters.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urldefrag

import orjson
from authlib.oauth2.rfc6749.errors import OAuth2Error

from idp.domain import assertions
from idp.domain.refusals import Refusal
from idp.domain.relying_services import RelyingService
from idp.protocol import authorize, client_auth, wording
from idp.protocol.answers import Pairs, repeated
from idp.protocol.authorize import RefusedAtService
from idp.protocol.server import Server
from idp.runtime import foreign_keys
from idp.runtime.data_keys import Unsealable
from idp.runtime.outbound import OutboundFailure
from idp.runtime.signing import read_unverified_header

PARAMETERS: Final = frozenset({"request", "request_uri"})
LONGEST: Final = 16_384
LONGEST_URI: Final = 512
TYPES: Final = frozenset({"", "jwt", "oauth-authz-req+jwt"})
# Who says it, to whom and when: what is said of the object itself.
_OF_THE_OBJECT: Final = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti"})


def unpack(server: Server, pairs: Pairs) -> Pairs:
    """The request in plain parameters; as it came where it has no request object.

    Raises RefusedAtService, or Refusal where nobody may be redirected: nothing in an object that was refused is
    believed, its redirect URI neither.
    """
    if not any(name in PARAMETERS and value for name, value in pairs):
        return pairs
    try:
        return _unpack(server, pairs)
    except OAuth2Error as error:
        description = wording.describe(error)
        try:
            _, back = authorize.find_way_back(server, pairs)
        except Refusal:
            raise Refusal("request_malformed", description) from None
        raise RefusedAtService(back, error.error, description) from None


def _unpack(server: Server, pairs: Pairs) -> Pairs:
    given = {name: value for name, value in pairs if value}
    again = PARAMETERS.intersection(repeated(pairs))
    if again:
        raise OAuth2Error(error="invalid_request", description=f"{min(again)} stands more than once (RFC 6749 3.1)")
    if given.keys() >= PARAMETERS:
        raise OAuth2Error(
            error="invalid_request", description="request and request_uri stand together (OIDC Core 6.1, 6.2)"
        )
    service = server.registry.find_by_client_id(given.get("client_id", ""))
    if service is None or not service.is_active:
        return [(name, value) for name, value in pairs if name not in PARAMETERS]  # and so the reader meets nobody
    token = given["request"] if "request" in given else _fetch(server, service, given["request_uri"])
    said = _read(server, service, token)
    _check_same(said, given, service)
    inside = list(_as_pairs(said))
    names = {name for name, _ in inside} | PARAMETERS
    return [*((name, value) for name, value in pairs if name not in names), *inside]


def _fetch(server: Server, service: RelyingService, uri: str) -> str:
    """The object at a registered address (6.2); the fragment only says which edition is meant."""
    registered = {urldefrag(each).url for each in service.request_uris}
    if len(uri) > LONGEST_URI or urldefrag(uri).url not in registered:
        raise _bad_uri("request_uri is not one of the registered request_uris (OIDC Core 6.2)")
    try:
        return server.runtime.foreign_documents.fetch(urldefrag(uri).url).decode("ascii").strip()
    except (OutboundFailure, UnicodeDecodeError):
        raise _bad_uri("request_uri did not answer with a request object (OIDC Core 6.2)") from None


def _read(server: Server, service: RelyingService, token: str) -> dict[str, Any]:
    """What the object says, once its signature, type, names and times are good."""
    if len(token) > LONGEST:
        raise _bad(f"the request object is longer than {LONGEST} characters (limit of this provider)")
    try:
        if token.count(".") == 4:
            # RFC 7516, RFC 9101 6.1: signed first, so that what is opened is a request object again.
            token = server.runtime.keyring.decrypt(token).decode("ascii")
        header = read_unverified_header(token)
        if str(header.get("typ", "")).lower().removeprefix("application/") not in TYPES or "crit" in header:
            raise _bad("typ of the request object must be oauth-authz-req+jwt or JWT, without crit (RFC 9101 10.8)")
        said = _verify(server, service, token, header.get("alg"))
    except (Unsealable, UnicodeDecodeError):
        raise _bad(
            "the request object is not signed by a key of the service with its registered algorithm, "
            "or not encrypted to ours (OIDC Core 6.3)"
        ) from None
    _check_names(said, service, server.runtime.settings.issuer)
    try:
        assertions.check_times(said, server.runtime.clock.now(), "the request object", "OIDC Core 6.3.3")
    except assertions.BadAssertion as bad:
        raise _bad(str(bad)) from None
    return said


def _verify(server: Server, service: RelyingService, token: str, alg: object) -> dict[str, Any]:
    registered = service.request_object_signing_alg
    if alg == "none":
        # OIDC Core 6.1 lets one go unsigned; here only where the service registered that its objects are.
        if registered != "none" and (registered is not None or server.runtime.settings.services.strict):
            raise Unsealable
        if not token.endswith("."):
            raise Unsealable
        return foreign_keys.read_unverified_claims(token)
    if registered == "none":
        raise Unsealable
    algorithms = (registered,) if registered else client_auth.PRIVATE_ALGORITHMS
    return server.runtime.foreign_keys.verify(token, algorithms, jwks=service.jwks, jwks_uri=service.jwks_uri)


def _check_names(said: Mapping[str, Any], service: RelyingService, issuer: str) -> None:
    """OIDC Core 6.1; an assertion that was made to prove the service is no request (RFC 9101 10.8)."""
    if said.get("iss", service.client_id) != service.client_id:
        raise _bad("iss of the request object must be the client_id (OIDC Core 6.1)")
    aud = said.get("aud", issuer)
    if issuer not in (aud if isinstance(aud, list) else [aud]):
        raise _bad("aud of the request object must be the issuer (OIDC Core 6.1)")
    if "sub" in said:
        raise _bad("the request object must not have sub (RFC 9101 10.8)")
    if PARAMETERS & said.keys():
        raise _bad("the request object must hold neither request nor request_uri (OIDC Core 6.1)")


def _check_same(said: Mapping[str, Any], given: Mapping[str, str], service: RelyingService) -> None:
    """What stands on both sides must be the same there (6.1)."""
    if said.get("client_id", service.client_id) != service.client_id:
        raise _bad("client_id of the request object differs from the one beside it (OIDC Core 6.1)")
    if "response_type" in given and said.get("response_type", given["response_type"]) != given["response_type"]:
        raise _bad("response_type of the request object differs from the one beside it (OIDC Core 6.1)")


def _as_pairs(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The parameters as text: numbers in digits, objects as JSON (OIDC Core 5.5, 6.1)."""
    for name, value in said.items():
        if name in _OF_THE_OBJECT:
            continue
        for each in value if name == "resource" and isinstance(value, list) else [value]:
            if isinstance(each, str):
                yield name, each
            elif isinstance(each, int) and not isinstance(each, bool):
                yield name, str(each)
            elif isinstance(each, dict):
                yield name, orjson.dumps(each).decode()
            elif each is not None and name in authorize.PARAMETERS:
                raise _bad("the request object holds a value that its parameter cannot have (OIDC Core 6.1)")


def _bad(description: str) -> OAuth2Error:
    return OAuth2Error(error="invalid_request_object", description=description)


def _bad_uri(description: str) -> OAuth2Error:
    return OAuth2Error(error="invalid_request_uri", description=description)
