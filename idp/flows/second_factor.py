"""The second step: one more factor of a person whose password was right, or who is signed in and needs a higher level.

`check` says by which methods a factor was proved; the view then begins the session (flows/sign_in.begin). Wrong tries
are counted by person and network, so that nobody who has the password alone guesses a code, and are kept. Only codes
short enough to be guessed from many networks are counted everywhere: a thief's tries keep no owner from the other ways.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from idp import storage
from idp.domain import factors, throttles
from idp.domain.accounts import Subject, SubjectKind
from idp.domain.audit import Entry, Event
from idp.domain.factors import Way
from idp.domain.identifiers import ContactKind
from idp.domain.one_time_codes import CodePurpose
from idp.runtime import chance, passkeys, totp
from idp.runtime.data_keys import DataKey
from idp.runtime.passkeys import NoProof
from idp.runtime.runtime import Runtime
from idp.storage.factors import Factors, Reachable

HERE: Final = "second step here"
ANYWHERE: Final = "second step"


@dataclass(frozen=True, slots=True)
class Person:
    """Whose step it is."""

    subject: Subject
    key: DataKey
    factors: Factors

    def contact_for(self, way: Way) -> Reachable | None:
        """Where a code by this way goes: the newest contact of its kind."""
        kind = factors.BY_CONTACT.get(way)
        return next((each for each in reversed(self.factors.contacts) if each.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Proof:
    """What was typed or signed: a code, with its id where it was sent; or a passkey's answer, with its challenge."""

    way: Way
    typed: str = field(default="", repr=False)
    code_id: UUID | None = None
    challenge: bytes = field(default=b"", repr=False)


def find_person(
    tx: storage.Tx, runtime: Runtime, subject_id: UUID, kind: SubjectKind = SubjectKind.PERSON
) -> Person | None:
    """Whose second step it is, with the factors in force; None when they may not sign in, or are of the other kind."""
    subject = storage.accounts.find_subject(tx, subject_id, held=True)
    key = storage.data_keys.find_data_key(tx, runtime.keyring, subject_id)
    if subject is None or key is None or not subject.may_sign_in or subject.kind is not kind:
        return None
    found = storage.factors.list_factors(tx, key, subject_id, runtime.clock.now())
    return Person(subject, key, found)


def find_by_passkey(
    tx: storage.Tx, runtime: Runtime, answer: str, kind: SubjectKind = SubjectKind.PERSON
) -> Person | None:
    """Whose passkey answers, of those who may sign in; nothing is proved by it yet."""
    try:
        found = storage.factors.find_owner(tx, passkeys.named_in(answer))
    except NoProof:
        return None
    return find_person(tx, runtime, found, kind) if found is not None else None


def check(tx: storage.Tx, runtime: Runtime, person: Person, proof: Proof, *, address: str) -> tuple[str, ...] | None:
    """The methods by which a factor was proved; None for a wrong or spent one, or after too many tries."""
    if _is_throttled(tx, runtime, person, proof.way, address):
        return None
    methods = _prove(tx, runtime, person, proof)
    if methods is None:
        _note(tx, runtime, person, Event.SECOND_FACTOR_FAILED, f"{proof.way} {address}")
        return None
    if runtime.settings.throttle.enabled:
        ended = _counted(person, proof.way, address)
        if proof.way is Way.TOTP:
            ended |= throttles.app_codes(person.subject.id)
        storage.throttles.end_tries(tx, runtime.keyring, ended)
    if proof.way in (Way.RECOVERY_CODE, Way.COUNTER_CODE):
        _note(tx, runtime, person, Event.PRINTED_CODE_USED, str(proof.way))
    return methods


def _prove(tx: storage.Tx, runtime: Runtime, person: Person, proof: Proof) -> tuple[str, ...] | None:
    match proof.way:
        case Way.PASSKEY:
            return _prove_passkey(tx, runtime, person, proof)
        case Way.TOTP:
            proved = _prove_totp(tx, runtime, person, proof.typed)
        case Way.SMS | Way.EMAIL:
            proved = _prove_contact(tx, runtime, person, proof)
        case Way.RECOVERY_CODE | Way.COUNTER_CODE:
            typed = factors.read_code(proof.typed)
            proved = storage.factors.use_printed_code(
                tx, runtime.keyring, person.subject.id, proof.way, typed, runtime.clock.now()
            )
    return factors.METHODS[proof.way] if proved else None


def _prove_totp(tx: storage.Tx, runtime: Runtime, person: Person, typed: str) -> bool:
    now, code = runtime.clock.now(), factors.read_code(typed)
    for app in person.factors.totp:
        step = totp.step_of(app.secret, code, now)
        if step is not None and storage.factors.use_step(tx, app.id, step, now):
            return True
    return False


def _prove_contact(tx: storage.Tx, runtime: Runtime, person: Person, proof: Proof) -> bool:
    contact = person.contact_for(proof.way)
    return (
        contact is not None
        and proof.code_id is not None
        and storage.one_time_codes.use_code(
            tx,
            runtime.keyring,
            proof.code_id,
            CodePurpose.SIGN_IN,
            ContactKind(contact.kind),
            contact.value,
            factors.read_code(proof.typed),
            most_tries=runtime.settings.codes.tries,
            now=runtime.clock.now(),
        )
    )


def _prove_passkey(tx: storage.Tx, runtime: Runtime, person: Person, proof: Proof) -> tuple[str, ...] | None:
    try:
        named = passkeys.named_in(proof.typed)
        passkey = next((each for each in person.factors.passkeys if each.credential_id == named), None)
        if passkey is None:
            return None
        count = passkeys.read_signed(
            runtime.settings.issuer,
            proof.challenge,
            proof.typed,
            public_key=passkey.public_key,
            sign_count=passkey.sign_count,
        )
    except NoProof:
        return None
    now = runtime.clock.now()
    until = now + timedelta(seconds=runtime.settings.sessions.page_for)
    is_new = storage.spent_tokens.use_token(tx, "passkey", proof.challenge.hex(), until)
    if not (is_new and storage.factors.use_passkey(tx, passkey, count, now)):
        return None
    return factors.DEVICE_BOUND if passkey.device_bound else factors.METHODS[Way.PASSKEY]


def _is_throttled(tx: storage.Tx, runtime: Runtime, person: Person, way: Way, address: str) -> bool:
    settings, now = runtime.settings.throttle, runtime.clock.now()
    if not settings.enabled or way is Way.PASSKEY:
        return False
    counts = storage.throttles.use_tries(
        tx,
        runtime.keyring,
        _counted(person, way, address),
        now=now,
        window_ends_at=now + timedelta(seconds=settings.window),
    )
    if counts[HERE] > settings.tries_per_account or counts.get(ANYWHERE, 0) > settings.wide_attack_from:
        return True
    if way is not Way.TOTP:
        return False
    ever = throttles.app_codes(person.subject.id)
    ends_at = now + throttles.APP_CODES_FOR
    seen = storage.throttles.use_tries(tx, runtime.keyring, ever, now=now, window_ends_at=ends_at)
    return seen[throttles.APP_CODES] > throttles.MOST_APP_CODES


def _counted(person: Person, way: Way, address: str) -> dict[str, str]:
    counted = {HERE: f"{person.subject.id}\0{throttles.network_of(address)}"}
    if way is Way.TOTP:
        counted |= {ANYWHERE: str(person.subject.id)}
    return counted


def _note(tx: storage.Tx, runtime: Runtime, person: Person, event: Event, details: str) -> None:
    now = runtime.clock.now()
    entry = Entry(
        id=chance.new_id(now),
        at=now,
        event=event,
        subject_id=person.subject.id,
        actor="the person",
        details=details,
    )
    storage.audit.insert_entry(tx, entry, person.key)
