"""The client credentials grant: a service in its own name, for interfaces that let it in (RFC 6749 4.4)."""

from datetime import timedelta
from typing import Any, ClassVar

from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidScopeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant

from idp import storage
from idp.domain.grants import MachineGrant, Token, TokenKind
from idp.protocol import access_token, client_auth
from idp.runtime import chance


class ClientCredentials(ClientCredentialsGrant):
    """Authlib's grant; every token is a row before it is a token, so that it can be asked for and revoked."""

    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar = [method for method in client_auth.METHODS if method != "none"]

    def validate_requested_scope(self) -> None:
        """A confidential service, and scopes it is registered for (RFC 6749 4.4, 3.3)."""
        service = self.request.client.service
        if service.is_public:
            raise InvalidClientError(
                description="a public service has no access in its own name (RFC 6749 4.4)", status_code=401
            )
        wanted = (self.request.payload.scope or "").split()
        if not set(wanted) <= set(service.machine_scopes):
            raise InvalidScopeError("scope holds what the service is not registered for (RFC 6749 3.3)")

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        service, runtime = self.request.client.service, self.server.runtime
        named = [value for name, value in self.request.asked.pairs if name == "resource"]
        if len(named) > 1:
            raise access_token.InvalidTarget(description="one token is for one resource (RFC 8707 2)")
        resource = named[0] if named else None
        guard = access_token.find_guard(self.server, resource)
        scopes = tuple((self.request.payload.scope or "").split()) or service.machine_scopes
        now = runtime.clock.now()
        grant = MachineGrant(
            id=chance.new_id(now),
            service_id=service.id,
            scopes=scopes,
            resource=resource,
            created_at=now,
            expires_at=now + timedelta(seconds=runtime.settings.tokens.access_token_for),
        )
        token = Token(TokenKind.MACHINE, grant.id, service.id, scopes, 0, grant.expires_at, resource)
        storage.machine_grants.insert_grant(self.request.open_tx, grant)
        issued = access_token.issue(self.server, service, token, guard, now=now)
        body = {
            "access_token": issued.text,
            "token_type": "Bearer",
            "expires_in": int((issued.expires_at - now).total_seconds()),
            "scope": " ".join(scopes),
        }
        return 200, body, []
