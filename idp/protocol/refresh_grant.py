"""The refresh token grant: every refresh spends the token and gives the next one.

RFC 6749 6, RFC 9700 4.14.2; OIDC Core 12. A repeated request with the token just spent is taken for a retry for a few
seconds and answered with the same next token; a later one ends the grant with all it gave.
"""

from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from authlib.oauth2.rfc6749.errors import OAuth2Error
from authlib.oauth2.rfc6749.grants import RefreshTokenGrant

from idp import storage
from idp.domain.grants import Grant, Token
from idp.domain.relying_services import RelyingService
from idp.protocol import client_auth, issuing
from idp.protocol.adapters import Client, RefreshToken
from idp.protocol.answers import Answer, json_answer
from idp.protocol.server import Server

FAILED = "the refresh token was used before, has expired, or its sign-in has ended (RFC 6749 6)"


class RefreshFailed(Exception):
    """The grant did not count up: it was spent before, or it lives no more."""

    description = FAILED

    def __init__(self, client: Client, token: Token, scopes: tuple[str, ...], guard: RelyingService | None) -> None:
        super().__init__(FAILED)
        self.client, self.token, self.scopes, self.guard = client, token, scopes, guard

    @property
    def grant_id(self) -> UUID:
        return self.token.grant_id

    def retry(self, tx: storage.Tx, server: Server, grant: Grant, now: datetime) -> Answer | None:
        """The answer to a request repeated within the grace window, or None when it is not one."""
        grace = timedelta(seconds=server.runtime.settings.tokens.refresh_grace)
        just_spent = grant.generation == self.token.generation + 1 and grant.refreshed_at is not None
        if not just_spent or grant.refreshed_at is None or now - grant.refreshed_at > grace:
            return None
        service = self.client.service
        held = storage.grants.find_live(
            tx, server.runtime.keyring, grant.id, sector=service.sector, times=issuing.times(server.runtime)
        )
        if held is None:
            return None
        body = issuing.token_response(tx, server, service, held, self.scopes, nonce=None, guard=self.guard)
        return json_answer(200, body)


class RefreshGrant(RefreshTokenGrant):
    """Authlib's grant over sealed tokens."""

    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar = list(client_auth.METHODS)

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshToken | None:
        spent = self.request.spent
        return RefreshToken(spent) if isinstance(spent, Token) else None

    def _validate_token_scope(self, token: RefreshToken) -> None:
        """A refresh may narrow the scope, never widen it, and stays an OpenID sign-in (RFC 6749 6)."""
        scope = self.request.payload.scope
        if not scope:
            return
        wanted = set(scope.split())
        if not wanted <= set(token.token.scopes) or "openid" not in wanted:
            raise OAuth2Error(
                error="invalid_scope",
                description="scope holds what the sign-in did not give, or lacks openid (RFC 6749 6)",
            )

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        token, client = self.request.refresh_token.token, self.request.client
        guard = issuing.find_guard(self.server, self.request.asked, token.resource, client.service)
        wanted = self.request.payload.scope
        scopes = tuple(scope for scope in token.scopes if scope in wanted.split()) if wanted else token.scopes
        held = storage.grants.refresh(
            self.request.tx,
            self.server.runtime.keyring,
            token.grant_id,
            client.service.id,
            token.generation,
            sector=client.service.sector,
            times=issuing.times(self.server.runtime),
        )
        if held is None:
            raise RefreshFailed(client, token, scopes, guard)
        body = issuing.token_response(
            self.request.open_tx, self.server, client.service, held, scopes, nonce=None, guard=guard
        )
        return 200, body, []
