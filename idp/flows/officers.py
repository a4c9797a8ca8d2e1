"""Officers: made with a code on paper, enrolled by themselves with two factors, assigned to units, disabled at once.

What is given is written down twice: in the officer's own history and, where nobody asked a second officer (the command
line, break-glass), in a loud line of the log.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from idp import storage
from idp.domain import factors, identifiers, names, throttles
from idp.domain.accounts import AccountState, Profile, Subject, SubjectKind
from idp.domain.agencies import Agency
from idp.domain.audit import Entry, Event
from idp.domain.factors import Way
from idp.domain.identifiers import SignInKind
from idp.domain.levels import AccountLevel, ProofSource
from idp.domain.officers import BREAK_GLASS, BREAK_GLASS_FOR, ENROLMENT_FOR, Assignment, Role, check_staff_code
from idp.domain.refusals import Refusal
from idp.domain.sessions import EndReason, Session
from idp.runtime import chance, log, totp
from idp.runtime.data_keys import DataKey
from idp.runtime.runtime import Runtime
from idp.storage.officers import Officer
from idp.storage.sessions import SignedIn

_log = log.get(__name__)
TRIES = "enrolment"


@dataclass(frozen=True, slots=True)
class Created:
    """A new officer, and the code for the paper, shown once."""

    subject: Subject
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an officer types at the first sign-in."""

    staff_code: str
    code: str = field(repr=False)
    password_hash: str = field(repr=False)
    secret: str = field(repr=False)
    shown: str = field(repr=False)


def find(tx: storage.Tx, runtime: Runtime, staff_code: str) -> Officer:
    """The officer of this code; raises Refusal('no_such_account')."""
    found = storage.officers.find_officer(tx, runtime.keyring, check_staff_code(staff_code), runtime.today)
    if found is None:
        raise Refusal("no_such_account", "no officer has this staff code")
    return found


def create(tx: storage.Tx, runtime: Runtime, staff_code: str, name: str, number: str, *, actor: str) -> Created:
    """A new officer without any assignment; raises Refusal('already_exists', 'invalid_identifier', 'invalid_name')."""
    now, keyring, code = runtime.clock.now(), runtime.keyring, check_staff_code(staff_code)
    own_number = identifiers.check_personal_number(number, today=runtime.today).value
    subject = Subject(chance.new_id(now), SubjectKind.STAFF, AccountState.ACTIVE, AccountLevel.NONE, ProofSource.SELF)
    key = storage.accounts.insert_subject(tx, keyring, subject, now)
    if not storage.sign_in_names.insert_name(
        tx, keyring, key, subject, kind=SignInKind.STAFF_CODE, value=code, proof="staff", now=now
    ):
        raise Refusal("already_exists", "another officer has this staff code")
    storage.officers.insert_own_number(tx, keyring, key, subject, own_number, now)
    profile = Profile(subject.id, {"name": names.clean_name(name)}, ProofSource.SELF)
    storage.accounts.save_profile(tx, key, profile, now)
    _note(tx, runtime, subject.id, key, Event.OFFICER_CREATED, actor, code)
    return Created(subject, print_code(tx, runtime, subject.id, actor=actor))


def print_code(tx: storage.Tx, runtime: Runtime, subject_id: UUID, *, actor: str) -> str:
    """A code on paper with which an officer sets password and app, once; the one before is worth nothing any more."""
    now, code = runtime.clock.now(), chance.new_digits(factors.RECOVERY_DIGITS)
    storage.factors.replace_codes(
        tx,
        runtime.keyring,
        subject_id,
        Way.COUNTER_CODE,
        [code],
        issued_by=actor[:64],
        expires_at=now + ENROLMENT_FOR,
        now=now,
    )
    _note(tx, runtime, subject_id, None, Event.PRINTED_CODES_ISSUED, actor, "")
    return factors.written(code)


def enrol(tx: storage.Tx, runtime: Runtime, enrolment: Enrolment, *, address: str) -> bool:
    """Set password and app by the code on paper; what the officer had before ends. False, and counted, when wrong."""
    now = runtime.clock.now()
    if _has_tried_enough(tx, runtime, enrolment.staff_code, address):
        return False
    found = storage.officers.find_officer(tx, runtime.keyring, enrolment.staff_code, runtime.today)
    step = totp.step_of(enrolment.secret, factors.read_code(enrolment.shown), now)
    if found is None or step is None or not found.subject.may_sign_in:
        return False
    typed = factors.read_code(enrolment.code)
    subject_id = found.subject.id
    if not storage.factors.use_printed_code(tx, runtime.keyring, subject_id, Way.COUNTER_CODE, typed, now):
        return False
    key = storage.data_keys.find_data_key(tx, runtime.keyring, subject_id)
    if key is None:
        return False
    storage.endings.end_person(tx, runtime.keyring, subject_id, EndReason.REVOKED, now, actor="the person")
    storage.credentials.end_all(tx, subject_id, now)
    storage.factors.end_all(tx, subject_id, now)
    storage.credentials.replace_password(tx, subject_id, enrolment.password_hash, now)
    storage.factors.insert_totp(tx, key, subject_id, enrolment.secret, step=step, now=now)
    _note(tx, runtime, subject_id, key, Event.OFFICER_ENROLLED, "the person", "")
    return True


def assign(
    tx: storage.Tx,
    runtime: Runtime,
    officer: Officer,
    agency: Agency,
    role: Role,
    *,
    valid_from: date,
    valid_until: date | None,
    actor: str,
) -> Assignment:
    """Give an officer a role at a unit; raises Refusal('already_exists', 'wrong_state')."""
    if valid_until is not None and valid_until < max(valid_from, runtime.today):
        raise Refusal("wrong_state", "the last day is before the first, or over")
    same = (agency.id, role)
    if any((each.agency.id, each.role) == same for each in officer.assignments):
        raise Refusal("already_exists", "the officer has this role there already")
    now = runtime.clock.now()
    assignment = Assignment(chance.new_id(now), officer.subject.id, agency, role, valid_from, valid_until, actor)
    storage.officers.insert_assignment(tx, assignment, now)
    until = valid_until.isoformat() if valid_until else ""
    _note(tx, runtime, officer.subject.id, None, Event.OFFICER_ASSIGNED, actor, f"{role} {agency.code} {until}".strip())
    return assignment


def end_assignment(tx: storage.Tx, runtime: Runtime, assignment: Assignment, *, actor: str) -> None:
    """Take a role away: the next use of any session that works under it is refused. Raises Refusal('wrong_state')."""
    now = runtime.clock.now()
    if not storage.officers.end_assignment(tx, assignment.id, ended_by=actor[:64], now=now):
        raise Refusal("wrong_state", "the assignment is over already")
    told = f"{assignment.role} {assignment.agency.code}"
    _note(tx, runtime, assignment.subject_id, None, Event.OFFICER_UNASSIGNED, actor, told)


def break_glass(tx: storage.Tx, runtime: Runtime, officer: Officer, agency: Agency, reason: str) -> Assignment:
    """A day as system administrator without anybody's approval, for the night when nobody else can: loudly.

    Raises Refusal('reason_missing', 'already_exists').
    """
    if not reason.strip():
        raise Refusal("reason_missing", "say why")
    until = runtime.day_of(runtime.clock.now() + BREAK_GLASS_FOR)
    given = assign(
        tx,
        runtime,
        officer,
        agency,
        Role.SYSTEM_ADMINISTRATOR,
        valid_from=runtime.today,
        valid_until=until,
        actor=BREAK_GLASS,
    )
    _note(tx, runtime, officer.subject.id, None, Event.BREAK_GLASS, BREAK_GLASS, reason)
    _log.error("break-glass: a system administrator without approval", officer=officer.staff_code, until=str(until))
    return given


def choose(tx: storage.Tx, runtime: Runtime, session: Session, assignment_id: UUID) -> bool:
    """Work under one of one's assignments from now on; False for one that is another's or not in force."""
    assignment = storage.officers.find_assignment(tx, assignment_id, runtime.today)
    if assignment is None or assignment.subject_id != session.subject_id:
        return False
    storage.officers.save_choice(tx, session.id, assignment.id)
    return True


def note_refused(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn, actor: str, what: str) -> None:
    """A deed that was refused to an officer."""
    _note(tx, runtime, signed_in.subject.id, None, Event.ACCESS_REFUSED, actor, what)


def _has_tried_enough(tx: storage.Tx, runtime: Runtime, staff_code: str, address: str) -> bool:
    settings, now = runtime.settings.throttle, runtime.clock.now()
    if not settings.enabled:
        return False
    counted = {TRIES: staff_code, throttles.NETWORK: throttles.network_of(address)}
    ends_at = now + timedelta(seconds=settings.window)
    counts = storage.throttles.use_tries(tx, runtime.keyring, counted, now=now, window_ends_at=ends_at)
    return counts[TRIES] > settings.tries_per_account or counts[throttles.NETWORK] > settings.tries_per_network


def _note(
    tx: storage.Tx, runtime: Runtime, subject_id: UUID, key: DataKey | None, event: Event, actor: str, details: str
) -> None:
    now = runtime.clock.now()
    key = key or storage.data_keys.find_data_key(tx, runtime.keyring, subject_id)
    entry = Entry(
        id=chance.new_id(now), at=now, event=event, subject_id=subject_id, actor=actor[:64], details=details[:200]
    )
    storage.audit.insert_entry(tx, entry, key)
