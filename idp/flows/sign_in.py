"""Signing in with a password, in three steps: `find_candidate` counts the try, `check` hashes, `complete` keeps.

The hash is computed between two transactions, so that no connection waits for it. An unknown name runs the same
statements, rows and hash as a known one. A wrong password is counted and kept; it is returned, not raised.

Long because the three steps, and what a session begins with, are only right together.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

from idp import storage
from idp.domain import identifiers, levels, throttles
from idp.domain.accounts import AccountState, Subject, SubjectKind
from idp.domain.audit import Entry, Event
from idp.domain.levels import auth_level
from idp.domain.notices import Notice
from idp.domain.passwords import Hasher
from idp.domain.refusals import Refusal
from idp.domain.sessions import EndReason, Session
from idp.runtime import chance, mail_tokens
from idp.runtime.data_keys import DataKey
from idp.runtime.hash_slots import NoSlot
from idp.runtime.runtime import Runtime
from idp.runtime.settings import Passwords
from idp.storage.sessions import SignedIn
from idp.storage.sign_in_names import Candidate

PASSWORD_METHODS = ("pwd",)
THE_PERSON = "the person"
# The deed of the link in the mail about a new device.
NOT_ME = "not me"


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a sign-in comes from. `device` is the secret of the device cookie, `address` the network address;
    `idle_for` is how long a session may be idle there, where it is less than elsewhere."""

    device: str
    address: str
    agent: str
    idle_for: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to sign in. `candidate` is None for a name that nobody has; nothing else shows the difference."""

    candidate: Candidate | None
    counted: dict[str, str]
    excess: int
    browser: Browser

    @property
    def is_throttled(self) -> bool:
        return self.excess > 0


@dataclass(frozen=True, slots=True)
class Checked:
    attempt: Attempt
    matches: bool
    renewed_hash: str | None


class Failure(StrEnum):
    """Why nobody is signed in; the page says the same for all of WRONG. LOCKED is said to the right password alone."""

    WRONG = "wrong"
    LOCKED = "locked"
    THROTTLED = "throttled"


@dataclass(frozen=True, slots=True)
class NeedsSecondFactor:
    """The password was right, and is not enough here: one more step, and nobody is signed in before it."""

    subject_id: UUID


@dataclass(frozen=True, slots=True)
class SignedInNow:
    """A sign-in that succeeded: the session, and the secret for its cookie."""

    session: Session
    secret: str


def find_candidate(
    tx: storage.Tx, runtime: Runtime, identifier: str, browser: Browser, space: SubjectKind = SubjectKind.PERSON
) -> Attempt:
    """Look up whom the typed name means and count the try, before any password is looked at.

    People and staff are looked for apart: a name of one kind never opens an account of the other.
    """
    settings, now = runtime.settings.throttle, runtime.clock.now()
    if space is SubjectKind.STAFF:
        kind, value = identifiers.SignInKind.STAFF_CODE, identifier.lower()[:254]
    else:
        kind, value = identifiers.recognise(identifier) or (identifiers.SignInKind.PERSONAL_NUMBER, identifier[:254])
    candidate = storage.sign_in_names.find_candidate(
        tx,
        runtime.keyring,
        space=space,
        kind=kind,
        value=value,
        device_digest=chance.digest(browser.device),
        device_since=now - timedelta(seconds=runtime.settings.sessions.device_for),
    )
    known_device = candidate is not None and candidate.device_id is not None
    counted = throttles.keys(
        f"{kind}\0{value}", throttles.network_of(browser.address), browser.device if known_device else None
    )
    if not settings.enabled:
        return Attempt(candidate, counted, excess=0, browser=browser)
    ends_at = now + timedelta(seconds=settings.window)
    network = {throttles.NETWORK: counted[throttles.NETWORK]}
    seen = storage.throttles.use_tries(tx, runtime.keyring, network, now=now, window_ends_at=ends_at)
    over = seen[throttles.NETWORK] - settings.tries_per_network
    if over > 0 and not known_device:
        # Nothing more is written for a network that is over its limit, whatever names it makes up.
        return Attempt(candidate, counted, excess=over, browser=browser)
    of_account = {name: value for name, value in counted.items() if name != throttles.NETWORK}
    counts = storage.throttles.use_tries(tx, runtime.keyring, of_account, now=now, window_ends_at=ends_at)
    excess = throttles.excess(
        throttles.Counts(
            account_here=counts[throttles.ACCOUNT_HERE], account_anywhere=counts[throttles.ACCOUNT_ANYWHERE]
        ),
        throttles.Limits(
            per_account=settings.tries_per_account,
            per_account_under_attack=settings.tries_per_account_under_attack,
            wide_attack_from=settings.wide_attack_from,
        ),
        known_device=known_device,
    )
    return Attempt(candidate, counted, excess=excess, browser=browser)


def check(runtime: Runtime, attempt: Attempt, password: str) -> Checked:
    """Compare the password, in a hash slot and outside any transaction; raises Refusal('busy') when none is free."""
    if attempt.is_throttled:
        return Checked(attempt, matches=False, renewed_hash=None)
    hasher = _hasher(runtime.settings.passwords)
    stored = attempt.candidate.password_hash if attempt.candidate else None

    def compare() -> tuple[bool, str | None]:
        decoy = hasher.decoy  # made with the first try of a process, whoever it names
        matches = hasher.verify(password, stored or decoy)
        renew = matches and stored is not None and hasher.is_stale(stored)
        return matches, hasher.hash(password) if renew else None

    try:
        matches, renewed = runtime.hash_slots.run(compare)
    except NoSlot:
        raise Refusal("busy", "all slots for hashing are taken") from None
    return Checked(attempt, matches=matches and stored is not None, renewed_hash=renewed)


def complete(
    tx: storage.Tx,
    runtime: Runtime,
    checked: Checked,
    *,
    before: SignedIn | None,
    notice: Notice | None = None,
    remember: bool = True,
) -> SignedInNow | NeedsSecondFactor | Failure:
    """Keep the outcome: a session and its proof, or the failed try in the audit; or nobody is signed in yet.

    `before` is who was signed in in this browser: the same person's session is renewed under a new cookie, another
    person's ends, with all services told. With `remember` the browser becomes known to the account.
    """
    attempt = checked.attempt
    if attempt.is_throttled or not checked.matches or attempt.candidate is None:
        failure = Failure.THROTTLED if attempt.is_throttled else Failure.WRONG
        _note_failure(tx, runtime, attempt, failure)
        return failure
    now, candidate = runtime.clock.now(), attempt.candidate
    # Held, so that a lock comes first and is seen here, or waits and ends the session that is made here.
    subject = storage.accounts.find_subject(tx, candidate.subject.id, held=True)
    if subject is None or not storage.credentials.is_in_force(tx, candidate.credential_id, candidate.password_hash):
        _note_failure(tx, runtime, attempt, Failure.WRONG)  # changed while the hash was computed
        return Failure.WRONG
    if not subject.may_sign_in:
        _note_failure(tx, runtime, attempt, Failure.WRONG)
        return Failure.LOCKED if subject.state is AccountState.LOCKED else Failure.WRONG
    if checked.renewed_hash and candidate.credential_id and candidate.password_hash:
        if storage.credentials.save_password(
            tx, candidate.credential_id, candidate.password_hash, checked.renewed_hash, now
        ):
            _note(tx, runtime, attempt, Event.PASSWORD_REHASHED)
    _forgive(tx, runtime, attempt)
    known_device = candidate.device_id is not None
    if subject.kind is SubjectKind.STAFF or levels.needs_second_factor(
        subject.account_level, subject.proof_source, known_device=known_device, reached=auth_level(PASSWORD_METHODS)
    ):
        return NeedsSecondFactor(subject.id)
    return begin(
        tx,
        runtime,
        candidate.subject,
        candidate.data_key,
        attempt.browser,
        PASSWORD_METHODS,
        before=before,
        notice=None if known_device else notice,
        remember=remember,
    )


def begin(
    tx: storage.Tx,
    runtime: Runtime,
    subject: Subject,
    key: DataKey,
    browser: Browser,
    methods: tuple[str, ...],
    *,
    before: SignedIn | None,
    notice: Notice | None = None,
    remember: bool = True,
    proved_at: datetime | None = None,
) -> SignedInNow:
    """Sign in who has been proved by `methods` (RFC 8176 names), with all rows of it.

    `proved_at` is the time of the sign-in where a factor was merely added to it.

    The browser is known from now on, unless it is not to be remembered; where it was not known before, `notice` goes to
    every contact. Whoever was signed in in this browser before: see `complete`.
    """
    now = runtime.clock.now()
    if before is not None and before.subject.id != subject.id:
        storage.endings.end_session(
            tx,
            runtime.keyring,
            before.session,
            EndReason.ANOTHER_PERSON,
            now,
            actor="the next person",
            offline_too=False,
        )
        before = None
    token_digest = chance.digest(browser.device)
    if notice is not None and storage.credentials.find_device(tx, subject.id, token_digest) is None:
        token = mail_tokens.seal(runtime, NOT_ME, subject.id)
        told = replace(notice, in_mail=notice.in_mail.replace("{token}", token))
        storage.outbox.insert_notices_to_person(tx, runtime.keyring, key, subject.id, told, now)
    device_id = None
    if remember:
        device_id = storage.credentials.save_device(tx, key, subject.id, token_digest, browser.agent, now)
    session, secret = _start(tx, runtime, subject, key, browser, methods, before, device_id, proved_at)
    storage.sessions.insert_authentication(
        tx, key, session, source=runtime.settings.issuer, address=browser.address, now=now
    )
    entry = Entry(
        id=chance.new_id(now),
        at=now,
        event=Event.SIGNED_IN,
        subject_id=subject.id,
        session_id=session.id,
        actor=THE_PERSON,
        details=f"{browser.address} {browser.agent}",
    )
    storage.audit.insert_entry(tx, entry, key)
    return SignedInNow(session=session, secret=secret)


def _start(
    tx: storage.Tx,
    runtime: Runtime,
    subject: Subject,
    key: DataKey,
    browser: Browser,
    methods: tuple[str, ...],
    before: SignedIn | None,
    device_id: UUID | None,
    proved_at: datetime | None,
) -> tuple[Session, str]:
    now, secret = runtime.clock.now(), chance.new_secret()
    session = Session(
        id=before.session.id if before else chance.new_id(now),
        subject_id=subject.id,
        auth_time=proved_at or now,
        amr=methods,
        auth_level=auth_level(methods),
        created_at=before.session.created_at if before else now,
        seen_at=now,
        expires_at=now + timedelta(seconds=runtime.settings.sessions.absolute_for),
        ended_at=None,
        idle_for=browser.idle_for,
    )
    if before is None or not storage.sessions.renew_session(tx, session, chance.digest(secret)):
        if before is not None:  # it ended in the meantime: the same proof makes a session of its own
            session = replace(session, id=chance.new_id(now), created_at=now)
        storage.sessions.insert_session(
            tx,
            key,
            session,
            token_digest=chance.digest(secret),
            device_id=device_id,
            address=browser.address,
            agent=browser.agent,
        )
    return session, secret


def _forgive(tx: storage.Tx, runtime: Runtime, attempt: Attempt) -> None:
    """The right password ends the account's counts; the network, which others share, gets just this try back."""
    if not runtime.settings.throttle.enabled:
        return
    of_account = {name: value for name, value in attempt.counted.items() if name != throttles.NETWORK}
    storage.throttles.end_tries(tx, runtime.keyring, of_account)
    storage.throttles.give_back_try(tx, runtime.keyring, throttles.NETWORK, attempt.counted[throttles.NETWORK])


def give_back(tx: storage.Tx, runtime: Runtime, attempt: Attempt) -> None:
    """The password was not looked at: the try that was counted for it is given back."""
    if runtime.settings.throttle.enabled:
        for name, value in attempt.counted.items():
            storage.throttles.give_back_try(tx, runtime.keyring, name, value)


def note_use(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn) -> None:
    """Write that a sign-in was used just now, from which on it may be idle anew."""
    storage.sessions.touch(tx, signed_in.session.id, runtime.clock.now())


def _note_failure(tx: storage.Tx, runtime: Runtime, attempt: Attempt, failure: Failure) -> None:
    """A wrong try is noted; of those that are not even looked at, the first of a window stands for all."""
    if failure is Failure.WRONG:
        _note(tx, runtime, attempt, Event.SIGN_IN_FAILED)
    elif attempt.excess == 1:
        _note(tx, runtime, attempt, Event.SIGN_IN_THROTTLED)


def _note(tx: storage.Tx, runtime: Runtime, attempt: Attempt, event: Event) -> None:
    now, candidate = runtime.clock.now(), attempt.candidate
    entry = Entry(
        id=chance.new_id(now),
        at=now,
        event=event,
        subject_id=candidate.subject.id if candidate else None,
        actor=THE_PERSON,
        details=f"{attempt.browser.address} {attempt.browser.agent}",
    )
    house = runtime.keyring.house_key()  # looked at for everybody: reading it anew must not tell who has no account
    storage.audit.insert_entry(tx, entry, candidate.data_key if candidate else house)


@lru_cache(maxsize=8)
def _hasher(settings: Passwords) -> Hasher:
    return Hasher(settings.memory_kib, settings.passes, settings.lanes)
