"""Signing out: the session ends here, its grants end, and every visited service is told through the outbox."""

from uuid import UUID

from idp import storage
from idp.domain.sessions import EndReason
from idp.runtime.runtime import Runtime
from idp.storage.sessions import SignedIn


def sign_out(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn) -> list[UUID]:
    """End the session of this browser; gives the services that had been visited in it."""
    return storage.endings.end_session(
        tx,
        runtime.keyring,
        signed_in.session,
        EndReason.SIGNED_OUT,
        runtime.clock.now(),
        actor="the person",
        offline_too=False,
    )
