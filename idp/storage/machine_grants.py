"""Access that services got in their own name: one row a token, so that each can be asked for and revoked."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, update

from idp.domain.grants import MachineGrant
from idp.storage.database import Tx
from idp.storage.tables import machine_grants


def insert_grant(tx: Tx, grant: MachineGrant) -> None:
    tx.execute(
        insert(machine_grants).values(
            id=grant.id,
            service_id=grant.service_id,
            scopes=" ".join(grant.scopes),
            resource=grant.resource,
            created_at=grant.created_at,
            expires_at=grant.expires_at,
        )
    )


def find_live(tx: Tx, grant_id: UUID, now: datetime) -> MachineGrant | None:
    where = (
        machine_grants.c.id == grant_id,
        machine_grants.c.ended_at.is_(None),
        machine_grants.c.expires_at > now,
    )
    row = tx.execute(select(machine_grants).where(*where)).one_or_none()
    if row is None:
        return None
    return MachineGrant(
        id=row.id,
        service_id=row.service_id,
        scopes=tuple(row.scopes.split()),
        resource=row.resource,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def end_of_service(tx: Tx, service_id: UUID, now: datetime) -> int:
    """End all access a service got in its own name; gives how many."""
    where = (machine_grants.c.service_id == service_id, machine_grants.c.ended_at.is_(None))
    return tx.execute(update(machine_grants).where(*where).values(ended_at=now)).rowcount


def end_grant(tx: Tx, grant_id: UUID, now: datetime) -> bool:
    where = (machine_grants.c.id == grant_id, machine_grants.c.ended_at.is_(None))
    return tx.execute(update(machine_grants).where(*where).values(ended_at=now)).rowcount == 1
