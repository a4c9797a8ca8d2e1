"""What a view is given: the runtime and the protocol server of its application, and who is signed in."""

from dataclasses import dataclass
from datetime import date, timedelta

from flask import Flask, current_app

from idp import storage
from idp.domain.accounts import SubjectKind
from idp.domain.agencies import Agency
from idp.domain.cases import CaseKind, Hand, decided_by
from idp.domain.officers import Assignment, Permission, actor_of
from idp.domain.refusals import Refusal
from idp.domain.sessions import Session
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
        found = _find_session(tx, given, secret)
    return found if found is not None and found.subject.kind is SubjectKind.PERSON else None


@dataclass(frozen=True, slots=True)
class Officer:
    """Who is signed in at the consoles; without an assignment, at which unit is still to be chosen, or over."""

    signed_in: SignedIn
    staff_code: str
    assignment: Assignment | None

    @property
    def session(self) -> Session:
        return self.signed_in.session

    @property
    def hand(self) -> Hand:
        """The officer as who asks or decides."""
        return Hand(self.signed_in.subject.id, self.actor, self.session.id, chance.digest(cookies.read(cookies.DEVICE)))

    @property
    def actor(self) -> str:
        """How the audit names the officer."""
        return actor_of(self.staff_code, self.unit.code)

    @property
    def work(self) -> Assignment:
        """What the officer is just now; raises Refusal('not_permitted')."""
        if self.assignment is None:
            raise Refusal("not_permitted", "no assignment is in force")
        return self.assignment

    @property
    def unit(self) -> Agency:
        """The agency that the officer works for just now."""
        return self.work.agency

    @property
    def decides(self) -> list[CaseKind]:
        """The kinds of cases that this officer may decide, being not who asked."""
        return [kind for kind in CaseKind if self.may(decided_by(kind))]

    def may(self, permission: Permission) -> bool:
        return self.assignment is not None and self.assignment.may(permission)


def officer() -> Officer | None:
    """Who is signed in at the consoles in this browser, with what is in force at this moment."""
    given, secret = runtime(), cookies.read(cookies.STAFF)
    if not secret:
        return None
    with storage.once() as tx:
        found = _find_session(tx, given, secret)
        if found is None or found.subject.kind is not SubjectKind.STAFF:
            return None
        known = storage.officers.find_by_id(tx, given.keyring, found.subject.id, given.today)
        assignment = storage.officers.find_of_session(tx, found.session.id, given.today)
    return Officer(found, known.staff_code if known else "", assignment)


def _find_session(tx: storage.Tx, given: Runtime, secret: str) -> SignedIn | None:
    return storage.sessions.find_signed_in(
        tx,
        given.keyring,
        chance.digest(secret),
        now=given.clock.now(),
        idle_for=timedelta(seconds=given.settings.sessions.idle_for),
    )
