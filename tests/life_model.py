"""The life of a grant in plain Python: which token must be live at which moment, and what each ending leaves behind.

It knows no table and no endpoint. tests/test_life_of_a_grant.py does each deed here and in the real provider, and
compares.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from idp.domain.audit import Event
from idp.domain.sessions import EndReason

# Lifetimes in seconds, as the provider under test is set: short enough that each of them ends in some walk.
CODE_FOR, ACCESS_FOR, SIGNED_FOR, GRACE = 60, 600, 300, 10
IDLE_FOR, ABSOLUTE_FOR, TOUCH_EVERY = 1800, 4800, 300
GRANT_FOR, OFFLINE_FOR = 6000, 40_000

# (event, person, service, session) as they stand in the audit.
Noted = tuple[str, str | None, str | None, UUID | None]

_OF_SESSION: Final = {
    EndReason.SIGNED_OUT: Event.SIGNED_OUT,
    EndReason.EXPIRED: Event.SESSION_EXPIRED,
    EndReason.ANOTHER_PERSON: Event.SESSION_REPLACED,
    EndReason.LOCKED: Event.SESSION_ENDED,
}


@dataclass(eq=False)
class Session:
    id: UUID
    person: str
    seen_at: datetime
    expires_at: datetime
    end_reason: EndReason | None = None


@dataclass(eq=False)
class Grant:
    id: UUID
    session: Session
    service: str
    offline: bool
    expires_at: datetime
    generation: int = 0
    refreshed_at: datetime | None = None
    end_reason: EndReason | None = None


@dataclass(eq=False)
class Code:
    text: str = field(repr=False)
    session: Session
    service: str
    offline: bool
    resource: str | None
    issued_at: datetime
    is_withdrawn: bool = False
    grant: Grant | None = None


@dataclass(eq=False)
class Machine:
    """A service's access in its own name."""

    service: str
    is_ended: bool = False


@dataclass(eq=False)
class Token:
    """An access or refresh token; `generation` says that it is a refresh token and which, `kid` that it is signed."""

    text: str = field(repr=False)
    of: Grant | Machine
    resource: str | None
    expires_at: datetime
    generation: int | None = None
    kid: str | None = None


class Life:
    """What is, by the rules. `guards` says which service guards which resource."""

    def __init__(self, now: Callable[[], datetime], guards: dict[str, str]) -> None:
        self.now, self._guards = now, guards
        self.sessions: list[Session] = []
        self.grants: list[Grant] = []
        self.codes: list[Code] = []
        self.in_browser: dict[int, Session] = {}
        self.agreed: dict[tuple[str, str], bool] = {}  # to lasting access too?
        self.named: set[tuple[str, str, str | None]] = set()  # to access to which interface
        self.locked: set[str] = set()
        self.suspended: set[str] = set()
        self.lost_kids: set[str] = set()
        self.noted: Counter[Noted] = Counter()
        self.told: Counter[tuple[str, UUID]] = Counter()  # (service, session)

    # -- questions -------------------------------------------------------------------------------------------------

    def session_lives(self, session: Session) -> bool:
        is_idle = self.now() - session.seen_at >= timedelta(seconds=IDLE_FOR)
        is_ended = session.end_reason is not None or self.now() >= session.expires_at
        return not is_idle and not is_ended and session.person not in self.locked

    def signed_in(self, browser: int) -> Session | None:
        session = self.in_browser.get(browser)
        return session if session is not None and self.session_lives(session) else None

    def grant_lives(self, grant: Grant) -> bool:
        is_ended = grant.end_reason is not None or self.now() >= grant.expires_at
        is_held = grant.session.person not in self.locked if grant.offline else self.session_lives(grant.session)
        return is_held and not is_ended

    def is_over(self, token: Token) -> bool:
        """Whether it says nothing any more, to anybody: it ran out, or the key that signed it was taken away."""
        return self.now() >= token.expires_at or token.kid in self.lost_kids

    def token_lives(self, token: Token) -> bool:
        if self.is_over(token):
            return False
        if isinstance(token.of, Machine):
            return not token.of.is_ended
        return self.grant_lives(token.of) and token.generation in (None, token.of.generation)

    def may_ask(self, service: str, resource: str | None) -> bool:
        """Whether the service may do anything at all, and tokens for this resource can be made."""
        return service not in self.suspended and (resource is None or self._guards[resource] not in self.suspended)

    def has_agreed(self, person: str, service: str, resource: str | None, *, offline: bool) -> bool:
        if (person, service) not in self.agreed or (resource and (person, service, resource) not in self.named):
            return False
        return self.agreed[person, service] or not offline

    # -- deeds of people -------------------------------------------------------------------------------------------

    def sign_in(self, browser: int, person: str, new_id: UUID) -> Session:
        """`new_id` is what the session is called if there must be a new one."""
        before = self.signed_in(browser)
        if before is not None and before.person != person:
            self.end_session(before, EndReason.ANOTHER_PERSON)
            before = None
        expires_at = self.now() + timedelta(seconds=ABSOLUTE_FOR)
        if before is None:
            before = self.in_browser[browser] = Session(new_id, person, self.now(), expires_at)
            self.sessions.append(before)
        before.seen_at, before.expires_at = self.now(), expires_at
        self.note(Event.SIGNED_IN, person, session=before)
        return before

    def agree(self, session: Session, service: str, resource: str | None, *, offline: bool) -> None:
        key = (session.person, service)
        self.named.add((*key, resource))
        self.agreed[key] = offline or self.agreed.get(key, False)
        self.note(Event.CONSENT_GIVEN, session.person, service, session)

    def use(self, session: Session) -> None:
        """Using a session keeps it from being idle; that is written now and then."""
        if self.now() - session.seen_at >= timedelta(seconds=TOUCH_EVERY):
            session.seen_at = self.now()

    # -- deeds of services -----------------------------------------------------------------------------------------

    def may_exchange(self, code: Code) -> bool:
        is_late = self.now() >= code.issued_at + timedelta(seconds=CODE_FOR)
        return code.grant is None and not is_late and not code.is_withdrawn and self.session_lives(code.session)

    def exchange(self, code: Code, new_id: UUID) -> Grant:
        lasts = timedelta(seconds=OFFLINE_FOR if code.offline else GRANT_FOR)
        code.grant = Grant(new_id, code.session, code.service, code.offline, code.issued_at + lasts)
        self.grants.append(code.grant)
        self.use(code.session)
        return code.grant

    def fail_exchange(self, code: Code) -> None:
        """Of a code that was spent before, everything it gave ends."""
        if code.grant is not None:
            self._end_grant(code.grant, EndReason.CODE_REPLAYED, Event.CODE_REPLAYED)

    def refresh(self, token: Token, grant: Grant) -> bool:
        """Whether there are tokens: the next ones, or those of a refresh that is asked for once more."""
        if self.now() >= token.expires_at or grant.end_reason is not None:
            return False
        if token.generation == grant.generation:
            if not self.grant_lives(grant):
                return False
            grant.generation, grant.refreshed_at = grant.generation + 1, self.now()
            if not grant.offline:
                self.use(grant.session)
            return True
        assert grant.refreshed_at is not None
        is_soon = self.now() - grant.refreshed_at <= timedelta(seconds=GRACE)
        if token.generation == grant.generation - 1 and is_soon and self.grant_lives(grant):
            return True
        self._end_grant(grant, EndReason.REFRESH_REUSED, Event.REFRESH_REUSED)
        return False

    def revoke(self, token: Token) -> None:
        if self.is_over(token):
            return  # nothing that could be taken back
        if isinstance(token.of, Machine):
            if not token.of.is_ended:
                self.note(Event.GRANT_REVOKED, service=token.of.service)
            token.of.is_ended = True
        else:
            self._end_grant(token.of, EndReason.REVOKED, Event.GRANT_REVOKED)

    # -- endings ---------------------------------------------------------------------------------------------------

    def sign_out(self, browser: int) -> None:
        session = self.signed_in(browser)
        if session is not None:
            self.end_session(session, EndReason.SIGNED_OUT)
        self.in_browser.pop(browser, None)

    def end_session(self, session: Session, reason: EndReason, *, offline_too: bool = False) -> None:
        """Lasting access outlives a logout (Back-Channel Logout 2.7); each service that was visited is told once."""
        if session.end_reason is not None:
            return
        session.end_reason = reason
        self.note(_OF_SESSION[reason], session.person, session=session)
        visits = [grant for grant in self.grants if grant.session is session]
        for grant in visits:
            if grant.end_reason is None and (offline_too or not grant.offline):
                grant.end_reason = reason
        self.told.update({(grant.service, session.id) for grant in visits})

    def run_out(self) -> None:
        """What the worker does to sessions that time ended."""
        for session in self.sessions:
            if session.end_reason is None and not self.session_lives(session):
                self.end_session(session, EndReason.EXPIRED)

    def lock(self, person: str) -> None:
        self.note(Event.ACCOUNT_LOCKED, person)
        for session in self.sessions:
            if session.person == person:
                self.end_session(session, EndReason.LOCKED, offline_too=True)
        self._end_grants(
            [grant for grant in self.grants if grant.session.person == person], EndReason.LOCKED, Event.GRANT_REVOKED
        )
        self.locked.add(person)

    def unlock(self, person: str) -> None:
        self.note(Event.ACCOUNT_UNLOCKED, person)
        self.locked.remove(person)

    def withdraw(self, person: str, service: str) -> None:
        self.note(Event.CONSENT_WITHDRAWN, person, service)
        del self.agreed[person, service]
        self.named = {each for each in self.named if each[:2] != (person, service)}
        of_both = [grant for grant in self.grants if (grant.session.person, grant.service) == (person, service)]
        self._end_grants(of_both, EndReason.WITHDRAWN, Event.GRANT_WITHDRAWN)
        for code in self.codes:
            if (code.session.person, code.service) == (person, service):
                code.is_withdrawn = True

    def _end_grants(self, grants: list[Grant], reason: EndReason, event: Event) -> None:
        """Those that had not ended with a session: each is noted; each service is told once of each session."""
        ended = [grant for grant in grants if self._end_grant(grant, reason, event)]
        self.told.update({(grant.service, grant.session.id) for grant in ended})

    def _end_grant(self, grant: Grant, reason: EndReason, event: Event) -> bool:
        if grant.end_reason is not None:
            return False
        grant.end_reason = reason
        self.note(event, grant.session.person, grant.service, grant.session)
        return True

    def note(
        self, event: Event, person: str | None = None, service: str | None = None, session: Session | None = None
    ) -> None:
        self.noted[str(event), person, service, session.id if session else None] += 1
