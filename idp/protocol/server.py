"""Authlib's framework-free authorization server, given our request, our client check and our answers.

The request is one parsed dict and carries the open transaction; nothing is global. Tokens are not saved by Authlib: the
grants spend codes and refresh tokens in storage, then seal and sign what they hand out.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Payload, OAuth2Request
from authlib.oauth2.rfc6749.errors import OAuth2Error

from idp import storage
from idp.domain.grants import Code, KeptCode, Token
from idp.domain.relying_services import RelyingService
from idp.protocol import client_auth, wording
from idp.protocol.adapters import Client
from idp.protocol.answers import NO_STORE, Answer, Asked, Pairs, error_answer, json_answer
from idp.protocol.registry import Registry
from idp.runtime.runtime import Runtime

TOKEN_PATH: Final = "/oauth2/token"


class Payload(OAuth2Payload):
    """One dict, read once; a name that stands twice was refused before."""

    def __init__(self, pairs: Pairs) -> None:
        self._data = dict(pairs)

    @property
    def data(self) -> Mapping[str, str]:
        return self._data

    @cached_property
    def datalist(self) -> Mapping[str, list[str]]:
        return {name: [value] for name, value in self._data.items()}


class Request(OAuth2Request):
    """Authlib's request with ours inside: `tx` is the open transaction (None at authorize, which writes nothing).

    `spent` is the code or refresh token that a token request carries, opened; None where that is not one of ours.
    """

    def __init__(
        self,
        asked: Asked,
        issuer: str,
        tx: storage.Tx | None,
        proof: client_auth.Proof | None = None,
        spent: Code | KeptCode | Token | None = None,
    ) -> None:
        # The address is only looked at for https, which the settings have checked already.
        super().__init__(asked.method, "https://" + issuer.partition("://")[2], headers={})
        self.payload = Payload(asked.pairs)
        self.asked = asked
        self.tx = tx
        self.proof = proof
        self.spent = spent

    @property
    def open_tx(self) -> storage.Tx:
        if self.tx is None:
            raise LookupError("this request came without a transaction")
        return self.tx

    @property
    def form(self) -> Mapping[str, str]:
        data: Mapping[str, str] = self.payload.data
        return data

    @property
    def args(self) -> Mapping[str, str]:
        return self.form


class Server(AuthorizationServer):
    """One a process. Authlib asks it for clients, requests and answers."""

    def __init__(self, runtime: Runtime, registry: Registry) -> None:
        super().__init__()
        self.runtime = runtime
        self.registry = registry

    def recall(self) -> None:
        """Renew what is remembered of keys, before the caller takes a connection.

        Renewing takes one too: with all of the pool held by requests that want a second, none would go on.
        """
        self.runtime.keyring.recall()

    def prove(self, asked: Asked) -> client_auth.Proof:
        """The service behind a request, before the caller takes a connection; raises Authlib's errors."""
        self.recall()
        issuer = self.runtime.settings.issuer
        audiences = (issuer, issuer + TOKEN_PATH, issuer + asked.path)
        return client_auth.prove(self.runtime, self.registry, asked, audiences)

    def sub_of(self, service: RelyingService, subject_id: UUID, override: str | None) -> str:
        """The person's identifier at a service (OIDC Core 8.1): derived, unless an override says otherwise."""
        return override or self.runtime.keyring.pairwise_sub(service.sector, subject_id)

    def query_client(self, client_id: str) -> Client | None:
        service = self.registry.find_by_client_id(client_id)
        return Client(service) if service is not None and service.is_active else None

    def authenticate_client(self, request: Request, methods: list[str], endpoint: str = "token") -> Client:
        if request.proof is None:
            raise LookupError("this request was not proved")
        client_auth.spend(request.open_tx, request.proof)
        request.client, request.auth_method = request.proof.client, request.proof.method
        return request.proof.client

    def create_oauth2_request(self, request: Request) -> Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Answer:
        return json_answer(status, body)

    def handle_error_response(self, request: Request, error: OAuth2Error) -> Answer:
        return self.refuse(error)

    def refuse(self, error: OAuth2Error) -> Answer:
        """An OAuth error as an answer, with its challenge where the service failed to prove itself (RFC 6749 5.2)."""
        headers = dict(NO_STORE)
        if error.status_code == 401:
            headers["WWW-Authenticate"] = f'Basic realm="{self.runtime.settings.issuer}"'
        return error_answer(error.status_code, error.error, wording.describe(error), headers)

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Authlib's signals have no listeners here."""
