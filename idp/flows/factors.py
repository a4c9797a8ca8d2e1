"""A person's own factors: adding and removing passkeys and authenticator apps, printing codes, a new password.

Each change is noted and told to every contact that was proved, so that a thief's is seen at once.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

from idp import storage
from idp.domain import factors, levels, other_screens, recovery, throttles
from idp.domain.audit import Entry, Event
from idp.domain.factors import Way
from idp.domain.levels import AuthLevel
from idp.domain.notices import Notice
from idp.domain.refusals import Refusal
from idp.runtime import chance, passkeys, totp
from idp.runtime.data_keys import DataKey
from idp.runtime.passkeys import NoProof
from idp.runtime.runtime import Runtime
from idp.storage.sessions import SignedIn

# A sign-in older than this is taken anew before anything of this is changed.
FRESH_FOR: Final = timedelta(minutes=5)
LONGEST_NAME: Final = 40


def find_own(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn) -> storage.factors.Factors:
    """The factors in force of who is signed in."""
    return storage.factors.list_factors(tx, _key(tx, runtime, signed_in), signed_in.subject.id, runtime.clock.now())


def needs_stronger_sign_in(signed_in: SignedIn, own: storage.factors.Factors) -> bool:
    """Whether factors are changed only after a second one: of who was proved, or who has a strong one already."""
    subject = signed_in.subject
    is_proved = levels.is_proved(subject.account_level, subject.proof_source)
    has_strong = bool(own.passkeys or own.totp)
    return (is_proved or has_strong) and signed_in.session.auth_level < AuthLevel.TWO


def is_cooling_down(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn) -> bool:
    """Whether the account was got back so lately that nothing is taken from it yet."""
    used = storage.recoveries.list_used_since(tx, signed_in.subject.id, runtime.clock.now() - recovery.COOL_DOWN)
    return recovery.cools_down([each.proved for each in used])


def is_fresh(runtime: Runtime, signed_in: SignedIn) -> bool:
    """Whether the person proved oneself in this very browser, and not long ago."""
    if other_screens.is_lent(signed_in.session.amr):
        return False
    return runtime.clock.now() - signed_in.session.auth_time <= FRESH_FOR


def add_totp(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn, secret: str, typed: str, notice: Notice) -> bool:
    """Keep an app's secret, once a code of it was shown; False for a wrong one."""
    now = runtime.clock.now()
    step = totp.step_of(secret, factors.read_code(typed), now)
    if step is None:
        return False
    own = find_own(tx, runtime, signed_in)
    if len(own.totp) >= factors.MOST_OF_A_KIND:
        raise Refusal("too_many", "the person has the most authenticator apps that one may have")
    key = _key(tx, runtime, signed_in)
    storage.factors.insert_totp(tx, key, signed_in.subject.id, secret, step=step, now=now)
    _note(tx, runtime, signed_in, Event.FACTOR_ADDED, Way.TOTP, own, notice)
    return True


def add_passkey(
    tx: storage.Tx, runtime: Runtime, signed_in: SignedIn, challenge: bytes, answer: str, name: str, notice: Notice
) -> bool:
    """Keep a passkey that the browser made; False when its answer does not hold or was given before."""
    try:
        made = passkeys.read_made(runtime.settings.issuer, challenge, answer)
    except NoProof:
        return False
    now = runtime.clock.now()
    own = find_own(tx, runtime, signed_in)
    if len(own.passkeys) >= factors.MOST_OF_A_KIND:
        raise Refusal("too_many", "the person has the most passkeys that one may have")
    until = now + timedelta(seconds=runtime.settings.sessions.page_for)
    if not storage.spent_tokens.use_token(tx, "passkey", challenge.hex(), until):
        return False
    key = _key(tx, runtime, signed_in)
    is_new = storage.factors.insert_passkey(
        tx,
        key,
        signed_in.subject.id,
        credential_id=made.credential_id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        device_bound=made.device_bound,
        name=name[:LONGEST_NAME],
        now=now,
    )
    if is_new:
        _note(tx, runtime, signed_in, Event.FACTOR_ADDED, Way.PASSKEY, own, notice)
    return is_new


def remove(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn, way: Way, factor_id: UUID, notice: Notice) -> bool:
    """Take a factor out of force; False when there is none such, or the account was got back just lately."""
    now, own = runtime.clock.now(), find_own(tx, runtime, signed_in)
    if is_cooling_down(tx, runtime, signed_in):
        return False
    end = {Way.PASSKEY: storage.factors.end_passkey, Way.TOTP: storage.factors.end_totp}.get(way)
    if end is None or not end(tx, signed_in.subject.id, factor_id, now):
        return False
    _note(tx, runtime, signed_in, Event.FACTOR_REMOVED, way, own, notice)
    return True


def print_codes(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn, notice: Notice) -> list[str]:
    """New recovery codes, shown once; those before are worth nothing any more.

    An empty list where there are some and the account was got back just lately: the owner may need those in the drawer.
    """
    own = find_own(tx, runtime, signed_in)
    if own.recovery_codes and is_cooling_down(tx, runtime, signed_in):
        return []
    codes = [chance.new_digits(factors.RECOVERY_DIGITS) for _ in range(factors.RECOVERY_CODES)]
    storage.factors.replace_codes(
        tx,
        runtime.keyring,
        signed_in.subject.id,
        Way.RECOVERY_CODE,
        codes,
        issued_by="the person",
        expires_at=None,
        now=runtime.clock.now(),
    )
    _note(tx, runtime, signed_in, Event.PRINTED_CODES_ISSUED, Way.RECOVERY_CODE, own, notice)
    return [factors.written(code) for code in codes]


def change_password(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn, password_hash: str, notice: Notice) -> None:
    """A new password; sessions elsewhere end, since whoever knew the old one may be there, and so does a recovery that
    waits."""
    now, own = runtime.clock.now(), find_own(tx, runtime, signed_in)
    storage.recoveries.end_of_people(tx, [signed_in.subject.id], now)
    storage.credentials.replace_password(tx, signed_in.subject.id, password_hash, now)
    storage.throttles.end_tries(tx, runtime.keyring, throttles.app_codes(signed_in.subject.id))
    storage.endings.end_other_sessions(tx, runtime.keyring, signed_in.session, now, actor="the person")
    _note(tx, runtime, signed_in, Event.PASSWORD_CHANGED, None, own, notice)


def _key(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn) -> DataKey:
    key = storage.data_keys.find_data_key(tx, runtime.keyring, signed_in.subject.id)
    if key is None:
        raise Refusal("not_found", "the person's data key was erased")
    return key


def _note(
    tx: storage.Tx,
    runtime: Runtime,
    signed_in: SignedIn,
    event: Event,
    way: Way | None,
    own: storage.factors.Factors,
    notice: Notice,
) -> None:
    """The entry, and the notice to every contact that was proved before the change."""
    now, subject_id = runtime.clock.now(), signed_in.subject.id
    entry = Entry(
        id=chance.new_id(now),
        at=now,
        event=event,
        subject_id=subject_id,
        session_id=signed_in.session.id,
        actor="the person",
        details=str(way or ""),
    )
    storage.audit.insert_entry(tx, entry, _key(tx, runtime, signed_in))
    storage.outbox.insert_notices(tx, runtime.keyring, own.contacts, notice, subject_id, now)
