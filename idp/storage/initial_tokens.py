"""Initial access tokens: with one, a vendor registers services where registration is not open (RFC 7591 3)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, update

from idp.domain.invitations import USUAL, Invitation
from idp.runtime import chance
from idp.storage.database import Tx
from idp.storage.tables import initial_access_tokens


@dataclass(frozen=True, slots=True)
class UsedToken:
    agency_id: UUID | None
    invitation: Invitation


def insert_token(
    tx: Tx,
    token_digest: bytes,
    *,
    agency_id: UUID | None,
    invitation: Invitation = USUAL,
    uses: int,
    expires_at: datetime,
    now: datetime,
) -> None:
    tx.execute(
        insert(initial_access_tokens).values(
            id=chance.new_id(now),
            token_digest=token_digest,
            agency_id=agency_id,
            scopes=" ".join(invitation.scopes),
            hosts=" ".join(invitation.hosts) or None,
            uses_left=uses,
            expires_at=expires_at,
            created_at=now,
        )
    )


def find_agency_id(tx: Tx, token_digest: bytes, now: datetime) -> UUID | None:
    """Whose services a token that is still good registers."""
    columns = initial_access_tokens.c
    where = (columns.token_digest == token_digest, columns.uses_left > 0, columns.expires_at > now)
    found: UUID | None = tx.scalar(select(columns.agency_id).where(*where))
    return found


@dataclass(frozen=True, slots=True)
class OpenToken:
    """A token that is still good; what it says itself is known to nobody here."""

    id: UUID
    agency_id: UUID
    uses_left: int
    created_at: datetime
    expires_at: datetime


def list_open(tx: Tx, agency_ids: Collection[UUID], now: datetime) -> list[OpenToken]:
    """The tokens of these agencies that are still good, the newest first."""
    columns = initial_access_tokens.c
    where = (columns.agency_id.in_(list(agency_ids)), columns.uses_left > 0, columns.expires_at > now)
    return [
        OpenToken(row.id, row.agency_id, row.uses_left, row.created_at, row.expires_at)
        for row in tx.execute(select(initial_access_tokens).where(*where).order_by(columns.id.desc()))
    ]


def end_token(tx: Tx, token_id: UUID, agency_ids: Collection[UUID], now: datetime) -> bool:
    """A token of one of these agencies is good no more; False when there is none such."""
    columns = initial_access_tokens.c
    where = (columns.id == token_id, columns.agency_id.in_(list(agency_ids)), columns.uses_left > 0)
    statement = update(initial_access_tokens).where(*where, columns.expires_at > now)
    return tx.execute(statement.values(uses_left=0)).rowcount == 1


def use_token(tx: Tx, token_digest: bytes, now: datetime) -> UsedToken | None:
    """Count one use down; None when there is none left, it expired, or it is nobody's."""
    columns = initial_access_tokens.c
    statement = (
        update(initial_access_tokens)
        .where(columns.token_digest == token_digest, columns.uses_left > 0, columns.expires_at > now)
        .values(uses_left=columns.uses_left - 1)
        .returning(columns.agency_id, columns.scopes, columns.hosts)
    )
    row = tx.execute(statement).one_or_none()
    if row is None:
        return None
    # The version before says nothing of scopes.
    scopes = USUAL.scopes if row.scopes is None else tuple(row.scopes.split())
    return UsedToken(row.agency_id, Invitation(scopes, tuple((row.hosts or "").split())))
