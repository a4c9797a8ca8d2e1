"""What is let go row by row: one rule a table, a batch at a time. Months of rows go in storage/partitions.py.

Which tables are kept for ever, and why each rule is what it is, stands in docs/operate/retention.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select

from idp.storage import keys as signing_keys
from idp.storage.database import Tx, db
from idp.storage.partitions import lowest_id
from idp.storage.tables import (
    devices,
    grants,
    initial_access_tokens,
    keys,
    large_requests,
    one_time_codes,
    other_screens,
    outbox,
    screen_codes,
    sessions,
    spent_tokens,
    throttles,
)


@dataclass(frozen=True, slots=True)
class KeptSince:
    """The moments before which rows have no use any more."""

    now: datetime
    sessions_ended: datetime
    devices_seen: datetime
    parcels_queued: datetime


def _sessions(since: KeptSince) -> ColumnElement[bool]:
    # A refresh under lasting access reads the session it came from.
    lasting = exists().where(
        grants.c.session_id == sessions.c.id, grants.c.ended_at.is_(None), grants.c.expires_at > since.now
    )
    # No session ends before it begins: the bound on the id keeps the search to old rows, here and below.
    is_old = and_(sessions.c.id < lowest_id(since.sessions_ended), sessions.c.ended_at <= since.sessions_ended)
    return and_(is_old, ~lasting)


def _devices(since: KeptSince) -> ColumnElement[bool]:
    return and_(devices.c.id < lowest_id(since.devices_seen), devices.c.seen_at <= since.devices_seen)


RULES: Final[Mapping[str, Callable[[KeptSince], ColumnElement[bool]]]] = {
    "throttles": lambda since: throttles.c.window_ends_at <= since.now,
    "spent_tokens": lambda since: spent_tokens.c.expires_at <= since.now,
    "one_time_codes": lambda since: one_time_codes.c.expires_at <= since.now,
    "other_screens": lambda since: other_screens.c.expires_at <= since.now,
    "screen_codes": lambda since: screen_codes.c.expires_at <= since.now,
    "large_requests": lambda since: large_requests.c.expires_at <= since.now,
    "initial_access_tokens": lambda since: or_(
        initial_access_tokens.c.expires_at <= since.now, initial_access_tokens.c.uses_left == 0
    ),
    "sessions": _sessions,
    "devices": _devices,
    "outbox": lambda since: and_(outbox.c.id < lowest_id(since.parcels_queued), outbox.c.state != "queued"),
    # A private key that signs no more is only something to steal.
    "keys": lambda _: and_(keys.c.purpose == signing_keys.SIGNING, keys.c.state == "gone"),
}


def delete_batch(tx: Tx, name: str, since: KeptSince, *, limit: int) -> int:
    """Delete a batch of what the rule of this table lets go; gives how many. What others hold is passed over."""
    table = db.metadata.tables[name]
    (key,) = table.primary_key
    old = select(key).where(RULES[name](since)).limit(limit).with_for_update(skip_locked=True, of=table)
    found = tx.scalars(old).all()
    if found:
        tx.execute(delete(table).where(key.in_(found)))
    return len(found)
