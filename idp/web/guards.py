"""Who may pass a door: every blueprint is mounted with one of these, and a test refuses a door without."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from flask import current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from idp import flows, storage
from idp.domain.officers import FRESH_FOR, SENSITIVE, Permission
from idp.domain.refusals import Refusal
from idp.storage.sessions import SignedIn
from idp.web import forms, given
from idp.web.pages import shown_at

Guard = Callable[[], ResponseReturnValue | None]
View = Callable[..., ResponseReturnValue]


def anyone() -> None:
    """A page for strangers; whatever it changes is proved inside (a password, a sealed page)."""


def services() -> None:
    """A machine endpoint: who calls proves itself in the protocol, no cookie is looked at."""
    g.is_machine = True


def signed_in_person() -> ResponseReturnValue | None:
    """A page of a person's own: a stranger is sent to sign in, and comes back; after a post, to the page it was on."""
    found = given.signed_in()
    if found is None:
        door, _ = current_app.url_map.bind("").match(shown_at(request.path), "GET")
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


def needs(*permissions: Permission) -> Callable[[View], View]:
    """Say beside a view of the consoles what an officer must be allowed, any of these; without, it is shut."""

    def mark(view: View) -> View:
        view.permissions = permissions  # type: ignore[attr-defined]
        return view

    return mark


def officer() -> ResponseReturnValue | None:
    """A page of the consoles: for officers whose assignment, in force at this moment, has what the view asks for."""
    found = given.officer()
    if found is None:
        return forms.go("staff.sign_in", parked_path())
    _note_use(found.signed_in)
    if found.assignment is None:
        return redirect(url_for("staff.choose"), 303)
    g.officer = found
    view = current_app.view_functions[str(request.endpoint)]
    permissions: tuple[Permission, ...] = getattr(view, "permissions", ())
    held = [each for each in permissions if found.may(each)]
    if not held:
        note_refused(found, f"{request.endpoint}: {' '.join(permissions)}")
        raise Refusal("not_permitted", "the assignment does not allow this")
    if SENSITIVE.issuperset(held) and not is_fresh(found):
        return forms.go("staff.sign_in", parked_path())
    return None


def parked_path() -> forms.Parked:
    """The page of the consoles that is asked for, to come back to; after a post, the page that was posted from."""
    path = request.path if request.method == "GET" else ""
    return forms.Parked("staff.path", (("path", path),), at=given.runtime().clock.now())


def is_fresh(found: given.Officer) -> bool:
    """Whether the officer proved oneself not long ago."""
    return given.runtime().clock.now() - found.session.auth_time <= FRESH_FOR


def note_refused(found: given.Officer, what: str) -> None:
    """A door that stayed shut for an officer stands in the history."""
    with storage.begin() as tx:
        flows.officers.note_refused(tx, given.runtime(), found.signed_in, found.actor, what)


GUARDS: Final = (anyone, services, signed_in_person, officer)
