"""Signing out: the session ends here, its grants end, and every visited service is told through the outbox."""

from uuid import UUID

from idp import storage
from idp.domain.audit import Entry, Event
from idp.domain.sessions import EndReason
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from idp.storage.sessions import SignedIn


def sign_out(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn) -> list[UUID]:
    """End the session of this browser; gives the services that had been visited in it."""
    now, session = runtime.clock.now(), signed_in.session
    visited = storage.endings.end_session(tx, runtime.keyring, session, EndReason.SIGNED_OUT, now, offline_too=False)
    key = storage.data_keys.find_data_key(tx, runtime.keyring, session.subject_id)
    entry = Entry(
        id=chance.new_id(now),
        at=now,
        event=Event.SIGNED_OUT,
        subject_id=session.subject_id,
        session_id=session.id,
        actor="the person",
    )
    storage.audit.insert_entry(tx, entry, key or runtime.keyring.house_key())
    return visited
