"""The client credentials grant: a service in its own name, for interfaces that let it in (RFC 6749 4.4)."""

from datetime import timedelta
from typing import Any, ClassVar

from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidScopeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant

from idp import storage
from idp.domain.grants import MachineGrant, Token, TokenKind
from idp.domain.relying_services import RelyingService
from idp.protocol import access_token, client_auth
from idp.runtime import chance


class ClientCredentials(ClientCredentialsGrant):
    """Authlib's grant; every token is a row before it is a token, so that it can be asked for and revoked."""

    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar = [method for method in client_auth.METHODS if method != "none"]

    def validate_requested_scope(self) -> None:
        """A confidential service, and scopes it may hold where it wants to use them (RFC 6749 4.4, 3.3; RFC 8707 2)."""
        service = self.request.client.service
        if service.is_public:
            raise InvalidClientError(
                description="a public service has no access in its own name (RFC 6749 4.4)", status_code=401
            )
        wanted = (self.request.payload.scope or "").split()
        permitted = self._permitted(self._find_guard())
        if not set(wanted) <= set(permitted):
            raise InvalidScopeError("scope holds what the service is not registered for (RFC 6749 3.3)")

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        service, runtime = self.request.client.service, self.server.runtime
        resource, guard = self._resource(), self._find_guard()
        scopes = tuple((self.request.payload.scope or "").split()) or self._permitted(guard)
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

    def _resource(self) -> str | None:
        """The interface the token is for, None for none; raises InvalidTarget where there are several (RFC 8707 2)."""
        named = [value for name, value in self.request.asked.pairs if name == "resource"]
        if len(named) > 1:
            raise access_token.InvalidTarget(description="one token is for one resource (RFC 8707 2)")
        return named[0] if named else None

    def _find_guard(self) -> RelyingService | None:
        """Who guards it, if it lets the service in; from memory. Raises InvalidTarget."""
        return access_token.find_guard(self.server, self._resource(), self.request.client.service)

    def _permitted(self, guard: RelyingService | None) -> tuple[str, ...]:
        """What the service may hold: at an interface what its guard says, elsewhere what it is registered for.

        Where a guard lets it in for people alone there is nothing to hold, and a token that says nothing would be
        taken by an interface that looks at no scope.
        """
        service: RelyingService = self.request.client.service
        if guard is None:
            return service.machine_scopes
        permitted = guard.scopes_of(service)
        if not permitted:
            raise InvalidScopeError("the resource gives the service no scopes in its own name (RFC 8707 2)")
        return permitted
