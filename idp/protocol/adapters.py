"""Thin views that put Authlib's method names over our frozen values."""

from dataclasses import dataclass

from idp.domain.grants import Code, Token
from idp.domain.relying_services import RelyingService


@dataclass(frozen=True, slots=True)
class Client:
    """A relying service under Authlib's name for it (its ClientMixin, by shape)."""

    service: RelyingService

    def get_client_id(self) -> str:
        return self.service.client_id

    def get_default_redirect_uri(self) -> None:
        """None: OIDC Core 3.1.2.1 requires redirect_uri in every request."""

    def get_allowed_scope(self, scope: str | None) -> str:
        """Scopes that are not known or not registered for the service are ignored (OIDC Core 3.1.2.1)."""
        return " ".join(dict.fromkeys(each for each in (scope or "").split() if self.service.may_ask_for(each)))

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return self.service.has_redirect_uri(redirect_uri)

    def check_response_type(self, response_type: str) -> bool:
        return response_type in self.service.response_types

    def check_grant_type(self, grant_type: str) -> bool:
        return self.service.may_use_grant(grant_type)


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    code: Code

    def get_redirect_uri(self) -> str:
        return self.code.redirect_uri

    def get_scope(self) -> str:
        return " ".join(self.code.scopes)

    @property
    def code_challenge(self) -> str | None:
        return self.code.code_challenge

    @property
    def code_challenge_method(self) -> str:
        return "S256"


@dataclass(frozen=True, slots=True)
class RefreshToken:
    token: Token

    def get_scope(self) -> str:
        return " ".join(self.token.scopes)

    def check_client(self, client: Client) -> bool:
        return self.token.service_id == client.service.id
