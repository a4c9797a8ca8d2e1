"""The claims of a person; the toolkit by itself gives `sub` alone."""

from collections.abc import Callable
from typing import Any

from oauth2_provider.oauth2_validators import OAuth2Validator


class ClaimsValidator(OAuth2Validator):
    """The form that does not take the request, so that the claims stand in the discovery document."""

    def get_additional_claims(self) -> dict[str, Callable[[Any], str]]:
        return {
            "name": lambda request: request.user.get_full_name(),
            "given_name": lambda request: request.user.first_name,
            "family_name": lambda request: request.user.last_name,
            "preferred_username": lambda request: request.user.get_username(),
            "email": lambda request: request.user.email,
        }
