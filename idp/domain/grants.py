"""A grant: one sign-in of one person at one service, from the code exchange to the last refresh; and its tokens.

The authorization code, the access token and the refresh token are sealed references to the grant. This module says what
stands in them; the keyring seals, storage spends.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

import orjson

LARGEST_CODE: Final = 1000
_FORMAT: Final = 1
# What reading the parts of a foreign format as ours may raise.
_OF_ANOTHER_FORMAT: Final = (ValueError, TypeError, AttributeError, OverflowError, OSError)


class Unreadable(Exception):
    """A sealed value that opened, but was written in another format."""


@dataclass(frozen=True, slots=True)
class Code:
    """What an authorization code says: who, at which service, what was asked, which grant it will become."""

    grant_id: UUID
    service_id: UUID
    session_id: UUID
    subject_id: UUID
    redirect_uri: str
    code_challenge: str | None
    nonce: str | None
    scopes: tuple[str, ...]
    userinfo_bits: int
    id_token_bits: int
    basis_kind: str
    basis_id: UUID
    offline: bool
    issued_at: datetime
    expires_at: datetime
    resource: str | None = None

    def pack(self) -> bytes:
        return orjson.dumps(
            [
                _FORMAT,
                self.grant_id.hex,
                self.service_id.hex,
                self.session_id.hex,
                self.subject_id.hex,
                self.redirect_uri,
                self.code_challenge,
                self.nonce,
                " ".join(self.scopes),
                self.userinfo_bits,
                self.id_token_bits,
                self.basis_kind,
                self.basis_id.hex,
                self.offline,
                self.issued_at.timestamp(),
                self.expires_at.timestamp(),
                self.resource,
            ]
        )

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """Raises Unreadable for a format of another version."""
        try:
            version, grant, service, session, subject, *rest = orjson.loads(packed)
            uri, challenge, nonce, scopes, userinfo, id_token, kind, basis, offline, issued, expires, *later = rest
            if version != _FORMAT:
                raise Unreadable
            return cls(
                grant_id=UUID(grant),
                service_id=UUID(service),
                session_id=UUID(session),
                subject_id=UUID(subject),
                redirect_uri=uri,
                code_challenge=challenge,
                nonce=nonce,
                scopes=tuple(scopes.split()),
                userinfo_bits=userinfo,
                id_token_bits=id_token,
                basis_kind=kind,
                basis_id=UUID(basis),
                offline=offline,
                issued_at=datetime.fromtimestamp(issued, UTC),
                expires_at=datetime.fromtimestamp(expires, UTC),
                resource=later[0] if later else None,
            )
        except _OF_ANOTHER_FORMAT:
            raise Unreadable from None


@dataclass(frozen=True, slots=True)
class KeptCode:
    """A code that says more than fits into one: the row that holds it, and the interface it is for."""

    id: UUID
    resource: str | None


class TokenKind(StrEnum):
    ACCESS = "a"
    MACHINE = "m"
    REFRESH = "r"


@dataclass(frozen=True, slots=True)
class Token:
    """What an access or refresh token says. A narrowed access token carries fewer scopes than its grant."""

    kind: TokenKind
    grant_id: UUID
    service_id: UUID
    scopes: tuple[str, ...]
    generation: int
    expires_at: datetime
    resource: str | None = None

    def pack(self) -> bytes:
        expires = int(self.expires_at.timestamp())
        return orjson.dumps(
            [
                self.kind,
                self.grant_id.hex,
                self.service_id.hex,
                " ".join(self.scopes),
                self.generation,
                expires,
                self.resource,
            ]
        )

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """Raises Unreadable for a format of another version."""
        try:
            kind, grant, service, scopes, generation, expires, *rest = orjson.loads(packed)
            return cls(
                kind=TokenKind(kind),
                grant_id=UUID(grant),
                service_id=UUID(service),
                scopes=tuple(scopes.split()),
                generation=generation,
                expires_at=datetime.fromtimestamp(expires, UTC),
                resource=rest[0] if rest else None,
            )
        except _OF_ANOTHER_FORMAT:
            raise Unreadable from None


@dataclass(frozen=True, slots=True)
class Grant:
    """A row of the grants table. `generation` counts refreshes; only the newest refresh token is good."""

    id: UUID
    session_id: UUID
    subject_id: UUID
    service_id: UUID
    scopes: tuple[str, ...]
    userinfo_bits: int
    id_token_bits: int
    auth_time: datetime
    amr: tuple[str, ...]
    auth_level: int
    offline: bool
    generation: int
    created_at: datetime
    refreshed_at: datetime | None
    expires_at: datetime
    ended_at: datetime | None
    end_reason: str | None
    resource: str | None = None


@dataclass(frozen=True, slots=True)
class MachineGrant:
    """A service's access in its own name (client_credentials): no person, no session, no refresh."""

    id: UUID
    service_id: UUID
    scopes: tuple[str, ...]
    resource: str | None
    created_at: datetime
    expires_at: datetime
