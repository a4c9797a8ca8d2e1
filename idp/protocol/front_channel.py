"""What the authorization endpoint hands out itself: an access token, an ID token, or both, with or without a code.

OIDC Core 3.2.2.5, 3.2.2.10, 3.3.2.5, 3.3.2.11; OAuth 2.0 Multiple Response Types 5. It is a grant of its own, made and
told at once; the code beside it, if there is one, becomes another when it is exchanged.
"""

from dataclasses import replace

from idp import storage
from idp.domain.grants import Code
from idp.protocol import issuing
from idp.protocol.authorize import AuthorizationRequest, RefusedAtService
from idp.protocol.server import Server
from idp.runtime import chance


def hand_out(
    tx: storage.Tx, server: Server, asked: AuthorizationRequest, code: Code, code_text: str | None
) -> dict[str, str | None]:
    """The parameters of the answer. `code` says who agreed to what; `code_text` is what the service gets of it."""
    runtime, now = server.runtime, code.issued_at
    scopes = tuple(scope for scope in code.scopes if scope != "offline_access")
    held = storage.grants.exchange(
        tx,
        runtime.keyring,
        replace(code, grant_id=chance.new_id(now), scopes=scopes, offline=False),
        service=asked.service,
        expires_at=issuing.grant_ends_at(runtime, code),
        times=issuing.times(runtime),
    )
    if held is None:
        raise RefusedAtService(asked.back, "login_required", "the sign-in has just ended (OIDC Core 3.1.2.6)")
    said: dict[str, str | None] = {"code": code_text}
    beside = None
    if "token" in asked.wanted:
        issued = issuing.access_token_for(tx, server, asked.service, held, scopes, guard=asked.guard, now=now)
        beside, lives_for = issued.text, int((issued.expires_at - now).total_seconds())
        said |= {"access_token": beside, "token_type": "Bearer", "expires_in": str(lives_for)}
        said["scope"] = " ".join(scopes)
    if "id_token" in asked.wanted:
        said["id_token"] = issuing.id_token(
            server, asked.service, held, beside=beside, nonce=asked.nonce, code=code_text
        )
    return said
