"""Authorization codes: sealed promises of a grant, small enough to be sent, or the names of rows that hold more.

RFC 6749 4.1.2; what a code says is domain/grants.py. The grant's id is minted with the code and spent at the exchange.
"""

from datetime import datetime, timedelta
from uuid import UUID

from idp import storage
from idp.domain import claims
from idp.domain.claims import Release
from idp.domain.consent import Consent
from idp.domain.grants import LARGEST_CODE, Code, KeptCode, Unreadable
from idp.protocol.authorize import AuthorizationRequest
from idp.protocol.server import Server
from idp.runtime import chance
from idp.runtime.data_keys import Unsealable
from idp.storage.sessions import SignedIn


def make_code(
    server: Server,
    asked: AuthorizationRequest,
    signed_in: SignedIn,
    release: Release,
    *,
    consent: Consent,
    now: datetime,
) -> Code:
    """The code that answers the request."""
    return Code(
        grant_id=chance.new_id(now),
        service_id=asked.service.id,
        session_id=signed_in.session.id,
        subject_id=signed_in.subject.id,
        redirect_uri=asked.redirect_uri,
        code_challenge=asked.code_challenge,
        nonce=asked.nonce,
        scopes=asked.scopes,
        userinfo_bits=claims.to_bits(release.userinfo),
        id_token_bits=claims.to_bits(release.id_token),
        basis_kind=consent.kind,
        basis_id=consent.id,
        offline=asked.offline,
        issued_at=now,
        expires_at=now + timedelta(seconds=server.runtime.settings.tokens.code_for),
        resource=asked.resource,
    )


def seal_code(server: Server, code: Code) -> str | None:
    """The code as the service gets it; None when it would be too long, and must be kept as a row."""
    text = server.runtime.keyring.seal_text("code", code.pack())
    return text if len(text) <= LARGEST_CODE else None


def keep_large_code(tx: storage.Tx, server: Server, code: Code) -> str:
    """Keep a large code as a row, and give a code that names the row."""
    storage.large_requests.insert_body(tx, server.runtime.keyring, code.grant_id, code.pack(), code.expires_at)
    return server.runtime.keyring.seal_text("code", code.grant_id.bytes + (code.resource or "").encode())


def open_code(server: Server, text: str) -> Code | KeptCode | None:
    """What a code says, or the row that holds it, without asking the database; None when it is not one of ours."""
    try:
        opened = server.runtime.keyring.open_text("code", text) if len(text) <= LARGEST_CODE else b""
        if _names_a_row(opened):
            return KeptCode(UUID(bytes=opened[:16]), opened[16:].decode() or None)
        return Code.unpack(opened)
    except (Unsealable, Unreadable):
        return None


def find_kept_code(tx: storage.Tx, server: Server, kept: KeptCode) -> Code | None:
    """What a large code says; None when its row is gone."""
    try:
        return Code.unpack(storage.large_requests.find_body(tx, server.runtime.keyring, kept.id) or b"")
    except (Unsealable, Unreadable):
        return None


def _names_a_row(opened: bytes) -> bool:
    """The id of a row begins with a time of this century, never with the bracket of a list."""
    return len(opened) >= 16 and not opened.startswith(b"[")
