"""The token endpoint: who asks, which grant, and the answer; plus what must be kept of a refused second use.

RFC 6749 3.2, 4.1.3, 5 and 6; OIDC Core 3.1.3 and 12. `answer` runs in the door of the hot path (one statement on
PostgreSQL); a second use of a code or a refresh token raises out of it, and `settle` keeps the consequence in a
transaction of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from authlib.oauth2.rfc6749.errors import OAuth2Error

from idp import storage
from idp.domain.grants import Code, KeptCode, Token, TokenKind
from idp.domain.sessions import EndReason
from idp.protocol import access_token, authorization_code, client_auth, encrypting
from idp.protocol.answers import Answer, Asked, error_answer, repeated
from idp.protocol.client_auth import Proof
from idp.protocol.code_grant import CodeGrant, CodeSpentBefore, S256Challenge
from idp.protocol.machine_grant import ClientCredentials
from idp.protocol.refresh_grant import RefreshFailed, RefreshGrant
from idp.protocol.registry import Registry
from idp.protocol.server import Request, Server
from idp.runtime.runtime import Runtime

SecondUse = CodeSpentBefore | RefreshFailed


def build_server(runtime: Runtime, registry: Registry) -> Server:
    """The protocol server with every grant it offers."""
    server = Server(runtime, registry)
    server.register_grant(CodeGrant, [S256Challenge()])
    server.register_grant(RefreshGrant)
    server.register_grant(ClientCredentials)
    return server


@dataclass(frozen=True, slots=True)
class Read:
    """A token request whose sender proved itself, with the code or refresh token it spends, None without a good one.

    Everything that had to be looked up is in memory.
    """

    asked: Asked
    proof: Proof
    spent: Code | KeptCode | Token | None


def read(server: Server, asked: Asked) -> Read | Answer:
    """Who asks, before a connection is taken."""
    again = repeated(asked.pairs)
    if again:
        return error_answer(400, "invalid_request", "a parameter stands more than once (RFC 6749 3.2)")
    given = [(name, value) for name, value in asked.pairs if value != ""]
    if not any(name == "grant_type" for name, _ in given):
        return error_answer(400, "invalid_request", "grant_type is missing (RFC 6749 4.1.3)")
    sound = replace(asked, pairs=given)
    try:
        proof = server.prove(sound)
        encrypting.find_key(server, proof.service, proof.service.id_token_encrypted_response_alg)
    except OAuth2Error as error:
        return server.refuse(error)
    spent = _open(server, dict(given))
    resources = {value for name, value in given if name == "resource"}
    if spent is not None and spent.resource is not None:
        resources.add(spent.resource)
    for resource in resources:
        server.registry.find_by_resource(resource)
    return Read(sound, proof, spent)


def _open(server: Server, form: Mapping[str, str]) -> Code | KeptCode | Token | None:
    """What the request spends, opened once."""
    match form["grant_type"]:
        case "authorization_code":
            return authorization_code.open_code(server, form.get("code", ""))
        case "refresh_token":
            return access_token.unseal(server.runtime, form.get("refresh_token", ""), TokenKind.REFRESH)
    return None


def answer(tx: storage.Tx, server: Server, read: Read) -> Answer:
    """Answer a token request; raises CodeSpentBefore or RefreshFailed for `settle`."""
    request = Request(read.asked, server.runtime.settings.issuer, tx, read.proof, read.spent)
    try:
        made: Answer = server.create_token_response(request)
    except OAuth2Error as error:
        made = server.handle_error_response(request, error)
    return made.readable_from(read.proof.service)


def settle(tx: storage.Tx, server: Server, read: Read, second: SecondUse) -> Answer:
    """Keep what a second use means: a retry within the grace window is answered, anything else ends the grant."""
    # Where `answer` was undone as a whole, so was the spending of the assertion; else it stands already.
    client_auth.try_to_spend(tx, read.proof)
    return _settle(tx, server, second).readable_from(read.proof.service)


def _settle(tx: storage.Tx, server: Server, second: SecondUse) -> Answer:
    now = server.runtime.clock.now()
    grant = storage.grants.find_grant(tx, second.grant_id)
    if grant is None or grant.ended_at is not None or grant.service_id != second.client.service.id:
        return error_answer(400, "invalid_grant", second.description)
    if isinstance(second, RefreshFailed):
        retried = second.retry(tx, server, grant, now)
        if retried is not None:
            return retried
        if grant.generation == second.token.generation:
            # Nothing was spent twice: session or person ended, or the grant is too old.
            return error_answer(400, "invalid_grant", second.description)
        reason = EndReason.REFRESH_REUSED
    else:
        reason = EndReason.CODE_REPLAYED
    # Of two second uses at once, the first ends and notes it.
    storage.endings.end_grant(tx, grant.id, reason, now, actor=second.client.service.client_id[:64])
    return error_answer(400, "invalid_grant", second.description)
