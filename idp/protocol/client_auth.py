"""How a service proves that it is itself: by its secret, by a signed assertion, or, being public, not at all.

RFC 6749 2.3, 3.2.1; OIDC Core 9; RFC 7521 4.2, RFC 7523 3. Secrets are stored as keyed digests, compared in constant
time; a service is held to the one method and the one algorithm it registered; unknown service and wrong proof
get the same answer. `prove` needs no transaction; `spend` keeps an assertion's `jti` in that of the request.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError

from idp import storage
from idp.domain import assertions
from idp.domain.relying_services import RelyingService
from idp.protocol.adapters import Client
from idp.protocol.answers import Asked
from idp.protocol.registry import Registry
from idp.runtime import chance, foreign_keys
from idp.runtime.data_keys import Unsealable
from idp.runtime.runtime import Runtime
from idp.runtime.signing import read_unverified_header

METHODS: Final = ("client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none")
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PRIVATE_ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
ASSERTION_METHODS: Final = ("client_secret_jwt", "private_key_jwt")
# The digest of no secret that anybody could find: what is compared where there is nothing to compare with.
_NOBODY: Final = bytes(chance.DIGEST_BYTES)
_LONGEST_ASSERTION: Final = 8192


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request offers as proof: a secret, an assertion, or neither."""

    method: str
    client_id: str
    secret: str | None = field(default=None, repr=False)
    assertion: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Proof:
    """A service that proved itself, by which method; an assertion is good once only `spend` has kept its `jti`."""

    client: Client
    method: str
    jti: str | None = None
    expires_at: datetime | None = None

    @property
    def service(self) -> RelyingService:
        return self.client.service


def prove(runtime: Runtime, registry: Registry, asked: Asked, audiences: Sequence[str]) -> Proof:
    """The service that sent the request; raises Authlib's errors.

    Everything that may have to ask somebody else happens here, before a connection is taken: the service, its keys.
    """
    form = dict(asked.pairs)
    given = _credentials(asked.authorization, form)
    service = registry.find_by_client_id(given.client_id)
    if service is None or not service.is_active:
        service = None
    proof = _prove_by_assertion if given.assertion is not None else _prove_by_secret
    proved = proof(runtime, registry, service, given, audiences)
    expected = proved.service.token_endpoint_auth_method
    if expected != proved.method:
        raise InvalidClientError(
            description=f"the service is registered for {expected}, but used {proved.method} (OIDC Core 9)",
            status_code=401,
        )
    if form.get("client_id", given.client_id) != given.client_id:
        raise InvalidRequestError("client_id differs from the one that was proved (RFC 6749 2.3)")
    return proved


def spend(tx: storage.Tx, proof: Proof) -> None:
    """Keep that an assertion was used, in one statement; raises when it was used before. A secret costs nothing."""
    if not try_to_spend(tx, proof):
        raise InvalidClientError(description="the assertion was used before (OIDC Core 9)", status_code=401)


def try_to_spend(tx: storage.Tx, proof: Proof) -> bool:
    if proof.jti is None or proof.expires_at is None:
        return True
    return storage.spent_tokens.use_token(tx, proof.service.client_id, proof.jti, proof.expires_at)


def _unknown() -> InvalidClientError:
    return InvalidClientError(
        description="the service is not known, is suspended, or its proof is wrong (RFC 6749 5.2)", status_code=401
    )


def _credentials(authorization: str | None, form: Mapping[str, str]) -> Credentials:
    """What stands in the request; more than one way at once is refused (RFC 6749 2.3)."""
    assertion = form.get("client_assertion")
    ways = [authorization is not None, "client_secret" in form, assertion is not None]
    if sum(ways) > 1:
        raise InvalidRequestError("more than one way of client authentication was used (RFC 6749 2.3)")
    if authorization is not None:
        client_id, secret = _read_basic(authorization)
        return Credentials("client_secret_basic", client_id, secret)
    if assertion is not None:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise InvalidRequestError(f"client_assertion_type must be {ASSERTION_TYPE} (RFC 7521 4.2)")
        return Credentials("assertion", form.get("client_id") or _claimed_by(assertion), assertion=assertion)
    client_id = form.get("client_id", "")
    if not client_id:
        raise InvalidClientError(
            description="the request names no service: client_id is missing (RFC 6749 3.2.1)", status_code=401
        )
    if "client_secret" in form:
        return Credentials("client_secret_post", client_id, form["client_secret"])
    return Credentials("none", client_id)


def _claimed_by(assertion: str) -> str:
    """Whose assertion it says it is: only to find the service whose keys then judge it."""
    if len(assertion) > _LONGEST_ASSERTION:
        return ""
    try:
        claimed: Any = foreign_keys.read_unverified_claims(assertion).get("sub")
    except Unsealable:
        return ""
    return claimed if isinstance(claimed, str) else ""


def _prove_by_secret(
    runtime: Runtime,
    _registry: Registry,
    service: RelyingService | None,
    given: Credentials,
    _audiences: Sequence[str],
) -> Proof:
    matches = _matches(runtime, service, given.secret)
    if service is None or not matches:
        raise _unknown()
    return Proof(Client(service), given.method)


def _prove_by_assertion(
    runtime: Runtime, registry: Registry, service: RelyingService | None, given: Credentials, audiences: Sequence[str]
) -> Proof:
    """Signature by the service's key and algorithm, then the claims."""
    assertion = given.assertion or ""
    if service is None or len(assertion) > _LONGEST_ASSERTION:
        raise _unknown()
    method = service.token_endpoint_auth_method
    try:
        if not _has_type_of_an_assertion(assertion):
            raise Unsealable
        if method == "client_secret_jwt":
            claims = _verify_with_secret(registry, service, assertion)
        else:
            registered = service.token_endpoint_auth_signing_alg
            algorithms = (registered,) if registered else PRIVATE_ALGORITHMS
            claims = runtime.foreign_keys.verify(assertion, algorithms, jwks=service.jwks, jwks_uri=service.jwks_uri)
    except Unsealable:
        raise _unknown() from None
    try:
        expires_at = assertions.check(claims, service.client_id, audiences, runtime.clock.now())
    except assertions.BadAssertion as bad:
        raise InvalidClientError(description=str(bad), status_code=401) from None
    used = method if method in ASSERTION_METHODS else "private_key_jwt"
    return Proof(Client(service), used, str(claims["jti"]), expires_at)


def _has_type_of_an_assertion(token: str) -> bool:
    """No other kind of JWT proves a service (RFC 8725 3.11); most libraries name no kind."""
    typ = str(read_unverified_header(token).get("typ", "")).lower()
    return typ.removeprefix("application/") in ("", "jwt", "client-authentication+jwt")


def _verify_with_secret(registry: Registry, service: RelyingService, assertion: str) -> dict[str, Any]:
    """The claims of an assertion made with the shared secret; raises Unsealable, as fast where there is no secret.

    Without one anybody could sign: with nothing.
    """
    secret = registry.find_shared_secret(service)
    claims = foreign_keys.verify_with_secret(assertion, secret or _NOBODY)
    if not secret:
        raise Unsealable
    return claims


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


def _matches(runtime: Runtime, service: RelyingService | None, secret: str | None) -> bool:
    if secret is None:
        return service is not None and service.is_public
    given = runtime.keyring.secret_digests(secret)
    live = service.digests_at(runtime.clock.now()) if service else ()
    stored = live or (_NOBODY,)
    return any(chance.equal(each, digest) for each in given for digest in stored)
