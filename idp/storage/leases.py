"""Leases: work that one process does for all, by a row that names it and runs out when it dies."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, or_
from sqlalchemy.dialects import postgresql, sqlite

from idp.storage.database import Tx
from idp.storage.tables import leases

TIMED_JOBS: Final = "timed_jobs"


def use_lease(tx: Tx, name: str, holder: UUID, *, now: datetime, lease_for: timedelta) -> bool:
    """Take the lease, or hold it longer, in one statement; False while it is another's."""
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(leases).values(name=name, holder=holder, ends_at=now + lease_for)
    wanted = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": statement.excluded.holder, "ends_at": statement.excluded.ends_at},
        where=or_(leases.c.holder == statement.excluded.holder, leases.c.ends_at <= now),
    ).returning(leases.c.name)
    return tx.execute(wanted).one_or_none() is not None


def end_lease(tx: Tx, name: str, holder: UUID) -> None:
    """Give the lease back, so that another need not wait for its end; nothing if it is another's."""
    tx.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))
