"""Signing out, here or elsewhere: a session ends, its grants end, every visited service is told through the outbox."""

from uuid import UUID

from idp import storage
from idp.domain.audit import Entry, Event
from idp.domain.sessions import EndReason
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from idp.storage.sessions import SignedIn


def sign_out(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn) -> list[UUID]:
    """End the session of this browser; gives the services that had been visited in it.

    A screen that it was lent to, and that has not gone on yet, does not.
    """
    storage.other_screens.end_of_people(tx, [signed_in.subject.id])
    return storage.endings.end_session(
        tx,
        runtime.keyring,
        signed_in.session,
        EndReason.SIGNED_OUT,
        runtime.clock.now(),
        actor="the person",
        offline_too=False,
    )


def end_one(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn, session_id: UUID) -> bool:
    """End one other session of the same person, with all that was given in it; False when there is none such.

    Its browser is not known any more: a password alone is not enough there.
    """
    others = storage.sessions.list_live(tx, signed_in.subject.id)
    found = next((each for each in others if each.id == session_id and each.id != signed_in.session.id), None)
    if found is None:
        return False
    now, reason = runtime.clock.now(), EndReason.SIGNED_OUT
    storage.endings.end_session(tx, runtime.keyring, found, reason, now, actor="the person", offline_too=True)
    storage.credentials.end_devices_of_sessions(tx, signed_in.subject.id, now, of=found.id, but=signed_in.session.id)
    return True


def forget_device(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn, device_id: UUID) -> bool:
    """A browser is not known any more; False when the person has none such. Sessions in it go on."""
    now, subject_id = runtime.clock.now(), signed_in.subject.id
    if not storage.credentials.end_device(tx, subject_id, device_id, now):
        return False
    entry = Entry(
        id=chance.new_id(now),
        at=now,
        event=Event.DEVICE_FORGOTTEN,
        subject_id=subject_id,
        session_id=signed_in.session.id,
        actor="the person",
    )
    storage.audit.insert_entry(tx, entry)
    return True


def end_others(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn) -> int:
    """End every session of the person but this one; gives how many."""
    now = runtime.clock.now()
    return storage.endings.end_other_sessions(tx, runtime.keyring, signed_in.session, now, actor="the person")
