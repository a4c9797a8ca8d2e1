"""How a service does: counted from what is stored anyway, each count over one index and from one moment on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select

from idp.domain.audit import Event
from idp.storage.database import Tx
from idp.storage.outbox import BACKCHANNEL_LOGOUT
from idp.storage.partitions import lowest_id
from idp.storage.tables import audit, outbox, releases

# What goes wrong at a service and stands in the audit under it.
FAILURES: Final = (Event.CODE_REPLAYED, Event.REFRESH_REUSED, Event.CONSENT_REFUSED)


@dataclass(frozen=True, slots=True)
class Health:
    """Since one moment: sign-ins, failures by their cause, logouts by what became of them."""

    sign_ins: int
    failures: Mapping[str, int]
    logouts: Mapping[str, int]


def find_health(tx: Tx, service_id: UUID, since: datetime) -> Health:
    lowest = lowest_id(since)
    of_release = (releases.c.service_id == service_id, releases.c.id >= lowest)
    of_audit = (audit.c.service_id == service_id, audit.c.id >= lowest, audit.c.event.in_(FAILURES))
    of_outbox = (outbox.c.service_id == service_id, outbox.c.id >= lowest, outbox.c.kind == BACKCHANNEL_LOGOUT)
    return Health(
        sign_ins=tx.scalar(select(func.count()).select_from(releases).where(*of_release)) or 0,
        failures=_by(tx, audit.c.event, *of_audit),
        logouts=_by(tx, outbox.c.state, *of_outbox),
    )


def find_last_contact(tx: Tx, service_id: UUID) -> datetime | None:
    """When the service last exchanged a code, as far back as releases are kept."""
    where = releases.c.service_id == service_id
    found: datetime | None = tx.scalar(select(releases.c.at).where(where).order_by(releases.c.id.desc()).limit(1))
    return found


def _by(tx: Tx, column: Any, *where: Any) -> dict[str, int]:
    return {row[0]: row[1] for row in tx.execute(select(column, func.count()).where(*where).group_by(column))}
