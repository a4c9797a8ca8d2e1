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
        self._resource = self._read_resource()
        self._guard = access_token.find_guard(self.server, self._resource, service)
        permitted = self._permitted()
        wanted = tuple((self.request.payload.scope or "").split())
        if not set(wanted) <= set(permitted):
            raise InvalidScopeError("scope holds what the service is not registered for (RFC 6749 3.3)")
        self._scopes = wanted or permitted

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        service, runtime = self.request.client.service, self.server.runtime
        resource, scopes = self._resource, self._scopes
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
        issued = access_token.issue(self.server, service, token, self._guard, now=now)
        body = {
            "access_token": issued.text,
            "token_type": "Bearer",
            "expires_in": int((issued.expires_at - now).total_seconds()),
            "scope": " ".join(scopes),
        }
        return 200, body, []

    def _read_resource(self) -> str | None:
        """The interface the token is for, None for none; raises InvalidTarget where there are several (RFC 8707 2)."""
        named = [value for name, value in self.request.asked.pairs if name == "resource"]
        if len(named) > 1:
            raise access_token.InvalidTarget(description="one token is for one resource (RFC 8707 2)")
        return named[0] if named else None

    def _permitted(self) -> tuple[str, ...]:
        """What the service may hold: at an interface what its guard says, elsewhere what it is registered for.

        Where a guard lets it in for people alone there is nothing to hold, and a token that says nothing would be
        taken by an interface that looks at no scope.
        """
        service: RelyingService = self.request.client.service
        if self._guard is None:
            return service.machine_scopes
        permitted = self._guard.scopes_of(service)
        if not permitted:
            raise InvalidScopeError("the resource gives the service no scopes in its own name (RFC 8707 2)")
        return permitted
