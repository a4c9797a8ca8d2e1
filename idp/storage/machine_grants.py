"""Access that services got in their own name: one row a token, so that each can be asked for and revoked."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Uuid, bindparam, insert, select, update

from idp.domain.grants import MachineGrant
from idp.storage.database import Tx
from idp.storage.statements import Statement
from idp.storage.tables import Moment, machine_grants

_COLUMNS: Final = ("id", "service_id", "scopes", "resource", "created_at", "expires_at")
_INSERT: Final = Statement(
    insert(machine_grants)
    .values({name: bindparam(name, type_=machine_grants.c[name].type) for name in _COLUMNS})
    .returning(machine_grants.c.id)
)
_FIND_LIVE: Final = Statement(
    select(*(machine_grants.c[name] for name in _COLUMNS)).where(
        machine_grants.c.id == bindparam("grant_id", type_=Uuid),
        machine_grants.c.ended_at.is_(None),
        machine_grants.c.expires_at > bindparam("now", type_=Moment),
    )
)


def insert_grant(tx: Tx, grant: MachineGrant) -> None:
    values = {name: getattr(grant, name) for name in _COLUMNS}
    _INSERT.find(tx, {**values, "scopes": " ".join(grant.scopes)})


def find_live(tx: Tx, grant_id: UUID, now: datetime) -> MachineGrant | None:
    row = _FIND_LIVE.find(tx, {"grant_id": grant_id, "now": now})
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


def end_of_service(tx: Tx, service_id: UUID, now: datetime) -> list[UUID]:
    """End all access a service got in its own name; gives what lived, not what time had ended before."""
    where = (
        machine_grants.c.service_id == service_id,
        machine_grants.c.ended_at.is_(None),
        machine_grants.c.expires_at > now,
    )
    statement = update(machine_grants).where(*where).values(ended_at=now).returning(machine_grants.c.id)
    return list(tx.scalars(statement))


def end_grant(tx: Tx, grant_id: UUID, now: datetime) -> bool:
    where = (machine_grants.c.id == grant_id, machine_grants.c.ended_at.is_(None))
    return tx.execute(update(machine_grants).where(*where).values(ended_at=now)).rowcount == 1
