"""What time does by itself: sessions that ran out end like any other, old counts go, new months are made."""

from datetime import timedelta
from typing import Final

from idp import storage
from idp.domain.sessions import EndReason
from idp.runtime.runtime import Runtime

BATCH: Final = 200


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


def tidy(tx: storage.Tx, runtime: Runtime) -> None:
    """Drop what nobody needs any more and make the months ahead."""
    now = runtime.clock.now()
    storage.throttles.end_windows(tx, now)
    storage.large_requests.end_expired(tx, now)
    storage.spent_tokens.end_expired(tx, now)
    storage.partitions.ensure_months(tx, now)
