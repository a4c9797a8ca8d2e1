"""The authorization code grant: check everything, then spend the code in one act.

RFC 6749 4.1, RFC 7636, RFC 9700 2.1; OIDC Core 3.1.3. Traps of Authlib that are closed here: `plain` challenges, a
challenge asked of public services only, and tokens saved before the code is spent.
"""

from typing import Any, ClassVar

from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge

from idp import storage
from idp.domain.grants import Code, KeptCode
from idp.domain.service_metadata import RESPONSE_TYPES
from idp.protocol import authorization_code, client_auth, issuing
from idp.protocol.adapters import AuthorizationCode, Client
from idp.storage.grants import AlreadySpent

SPENT = "the code was used before, has expired, or its sign-in has ended (RFC 6749 4.1.2)"


class CodeSpentBefore(Exception):
    """The code's grant exists already, or can no longer be made; what exists must end."""

    description = SPENT

    def __init__(self, client: Client, grant_id: Any) -> None:
        super().__init__(SPENT)
        self.client, self.grant_id = client, grant_id


class CodeGrant(AuthorizationCodeGrant):
    """Authlib's grant over sealed codes; its checks of client, code and redirect URI run before ours."""

    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar = list(client_auth.METHODS)
    # What any of them asks is checked alike; whether a service may use one, its record says.
    RESPONSE_TYPES: ClassVar = set(RESPONSE_TYPES)

    def query_authorization_code(self, code: str, client: Client) -> AuthorizationCode | None:
        """The code's contents, if it is ours and this service's; its age is judged when it is spent."""
        spent = self.request.spent
        if isinstance(spent, KeptCode):
            spent = authorization_code.find_kept_code(self.request.open_tx, self.server, spent)
        if not isinstance(spent, Code) or spent.service_id != client.service.id:
            return None
        return AuthorizationCode(spent)

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        code, client, runtime = self.request.authorization_code.code, self.request.client, self.server.runtime
        times = issuing.times(runtime)
        guard = issuing.find_guard(self.server, self.request.asked, code.resource, client.service)
        if times.now >= code.expires_at:
            raise CodeSpentBefore(client, code.grant_id)
        try:
            held = storage.grants.exchange(
                self.request.tx,
                runtime.keyring,
                code,
                service=client.service,
                expires_at=issuing.grant_ends_at(runtime, code),
                times=times,
            )
        except AlreadySpent:
            raise CodeSpentBefore(client, code.grant_id) from None
        if held is None:
            raise CodeSpentBefore(client, code.grant_id)
        body = issuing.token_response(
            self.request.open_tx,
            self.server,
            client.service,
            held,
            held.grant.scopes,
            nonce=code.nonce,
            guard=guard,
        )
        return 200, body, []


class S256Challenge(CodeChallenge):
    """PKCE for every service, with S256 only (RFC 7636 4.2, RFC 9700 2.1.1); exceptions are named and dated."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD: ClassVar = ["S256"]
    CODE_CHALLENGE_METHODS: ClassVar = {"S256": CodeChallenge.CODE_CHALLENGE_METHODS["S256"]}

    def validate_code_challenge(self, grant: CodeGrant, redirect_uri: str) -> None:
        given = grant.request.payload.data
        if "code" not in given["response_type"].split():
            return
        today = grant.server.runtime.clock.now().date()
        if "code_challenge" not in given:
            if "code_challenge_method" in given or grant.request.client.service.must_use_pkce(
                today, strict=grant.server.runtime.settings.services.strict
            ):
                raise InvalidRequestError("code_challenge is missing: PKCE is required (RFC 7636 4.4.1)")
            return
        if given.get("code_challenge_method") != "S256":
            raise InvalidRequestError("code_challenge_method must be S256 (RFC 9700 2.1.1)")
        super().validate_code_challenge(grant, redirect_uri)

    def validate_code_verifier(self, grant: CodeGrant, result: object) -> None:
        """As Authlib does, but a missing verifier is the code's fault, not the request's (RFC 7636 4.6)."""
        code = grant.request.authorization_code
        if code.code_challenge and not grant.request.form.get("code_verifier"):
            raise InvalidGrantError("code_verifier is missing (RFC 7636 4.6)")
        super().validate_code_verifier(grant, result)
