"""What a view is given: the runtime and the protocol server of its application, and who is signed in."""

from datetime import date, timedelta

from flask import Flask, current_app

from idp import storage
from idp.protocol.server import Server
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from idp.storage.sessions import SignedIn
from idp.web import cookies


def runtime() -> Runtime:
    return runtime_of(current_app)


def runtime_of(app: Flask) -> Runtime:
    given: Runtime = app.extensions["idp"]
    return given


def today() -> date:
    """The day in the province."""
    return runtime().today


def server() -> Server:
    given: Server = current_app.extensions["idp.server"]
    return given


def signed_in() -> SignedIn | None:
    """Who is signed in in this browser: one read."""
    return find_signed_in(cookies.read(cookies.SESSION))


def find_signed_in(secret: str) -> SignedIn | None:
    """Whose session cookie this is."""
    if not secret:
        return None
    given = runtime()
    with storage.once() as tx:
        return storage.sessions.find_signed_in(
            tx,
            given.keyring,
            chance.digest(secret),
            now=given.clock.now(),
            idle_for=timedelta(seconds=given.settings.sessions.idle_for),
        )
