"""Who may pass a door: every blueprint is mounted with one of these, and a test refuses a door without."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from flask import g, request
from flask.typing import ResponseReturnValue

from idp import flows, storage
from idp.storage.sessions import SignedIn
from idp.web import forms, given

Guard = Callable[[], ResponseReturnValue | None]


def anyone() -> None:
    """A page for strangers; whatever it changes is proved inside (a password, a sealed page)."""


def services() -> None:
    """A machine endpoint: who calls proves itself in the protocol, no cookie is looked at."""
    g.is_machine = True


def signed_in_person() -> ResponseReturnValue | None:
    """A page of a person's own: a stranger is sent to sign in, and comes back."""
    found = given.signed_in()
    if found is None:
        door = str(request.endpoint)
        return forms.go("sign_in.sign_in", forms.Parked(door=door, at=given.runtime().clock.now()))
    g.signed_in = found
    _note_use(found)
    return None


def _note_use(found: SignedIn) -> None:
    """Using these pages keeps a sign-in from becoming idle."""
    runtime = given.runtime()
    every = timedelta(seconds=runtime.settings.sessions.touch_every)
    if found.session.wants_touch(runtime.clock.now(), every):
        with storage.begin() as tx:
            flows.sign_in.note_use(tx, runtime, found)


GUARDS: Final = (anyone, services, signed_in_person)
