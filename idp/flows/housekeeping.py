"""What time does by itself: sessions that ran out end like any other, what nobody needs goes, new months are made."""

from datetime import datetime, timedelta
from typing import Final

from idp import storage
from idp.domain.audit import Entry, Event
from idp.domain.sessions import EndReason
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from idp.storage.partitions import LetGo, first_of_month
from idp.storage.retention import KeptSince

# How much one transaction does, so that none is long.
BATCH: Final = 200
ROWS: Final = 1000


def end_run_out_sessions(tx: storage.Tx, runtime: Runtime) -> int:
    """End a batch of sessions that are idle or old, and tell their services; gives how many."""
    now = runtime.clock.now()
    idle_for = timedelta(seconds=runtime.settings.sessions.idle_for)
    run_out = storage.sessions.list_run_out(tx, now=now, idle_for=idle_for, limit=BATCH)
    for session in run_out:
        storage.endings.end_session(
            tx, runtime.keyring, session, EndReason.EXPIRED, now, actor="the worker", offline_too=False
        )
    return len(run_out)


def let_go(tx: storage.Tx, runtime: Runtime, table: str) -> int:
    """Delete a batch of what the rule of this table lets go; gives how many."""
    now, settings = runtime.clock.now(), runtime.settings
    since = KeptSince(
        now=now,
        sessions_ended=now - timedelta(days=settings.retention.ended_sessions_for_days),
        devices_seen=now - timedelta(seconds=settings.sessions.device_for),
        parcels_queued=now - timedelta(days=settings.retention.ledger_for_days),
    )
    return storage.retention.delete_batch(tx, table, since, limit=ROWS)


def detach_months(tx: storage.Tx, runtime: Runtime) -> bool:
    """Take months that are over out of their tables; False when somebody was in the way. Takes `storage.once()`."""
    return storage.partitions.detach_months(tx, kept_since(runtime), runtime.clock.now())


def let_months_go(tx: storage.Tx, runtime: Runtime) -> list[LetGo]:
    """Drop a month that was taken out, and note it where it held history; on SQLite a batch of rows of tokens."""
    since = kept_since(runtime)
    dropped = storage.partitions.drop_month(tx, since)
    if dropped is None:
        return storage.partitions.delete_rows(tx, since, runtime.clock.now(), limit=ROWS)
    if dropped.is_history:
        now = runtime.clock.now()
        entry = Entry(
            id=chance.new_id(now),
            at=now,
            event=Event.HISTORY_DROPPED,
            actor="the worker",
            details=f"{dropped.table} {dropped.month}: {dropped.rows} rows",
        )
        storage.audit.insert_entry(tx, entry, runtime.keyring.house_key())
    return [dropped]


def kept_since(runtime: Runtime) -> dict[str, datetime]:
    """For each table that is cut by month, the moment whose month is the first that is kept.

    A grant's id is as old as its code; what is sealed in the code and in its tokens ends at the latest so much later.
    """
    now, tokens = runtime.clock.now(), runtime.settings.tokens
    longest = {
        "grants": max(tokens.code_for, tokens.grant_for, tokens.offline_grant_for),
        "machine_grants": tokens.access_token_for,
    }
    since = {name: now - timedelta(seconds=longest[name]) for name in storage.tables.OF_TOKENS}
    history = first_of_month(now, -runtime.settings.retention.history_for_months)
    return since | dict.fromkeys(storage.tables.HISTORY, history)


def make_months(tx: storage.Tx, runtime: Runtime) -> None:
    """Make the months ahead, so that none is missing when its first row comes."""
    storage.partitions.ensure_months(tx, runtime.clock.now())
