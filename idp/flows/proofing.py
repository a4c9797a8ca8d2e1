"""A person checked at a counter: the number is theirs from now on, whoever said it before.

What stood in an account that was merely declared does not carry over: its password, passkeys, contacts, sessions and
everything given in them end, but for the contact that the person confirms at the counter (pre-hijacking). The person
leaves with a code on paper.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from idp import storage
from idp.domain import birth_dates, factors, identifiers, names
from idp.domain.accounts import AccountState, Fact, Profile, Subject, SubjectKind, as_text
from idp.domain.audit import Entry, Event
from idp.domain.claims import NUMBER_VERIFIED
from idp.domain.factors import Way
from idp.domain.identifiers import CONTACT_CLAIMS, IdentifierKind
from idp.domain.levels import AccountLevel, ProofSource
from idp.domain.proofing import CODE_GOOD_FOR, METHOD, CounterCheck
from idp.domain.refusals import Refusal
from idp.domain.sessions import EndReason
from idp.runtime import chance
from idp.runtime.data_keys import DataKey
from idp.runtime.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Proved:
    """Whose account it is now, and the code for the paper, shown once."""

    subject_id: UUID
    code: str = field(repr=False)


def prove(tx: storage.Tx, runtime: Runtime, check: CounterCheck) -> Proved:
    """Take down what was checked, and print the code for the person's paper."""
    subject_id = take_down(tx, runtime, check)
    return Proved(subject_id, issue_code(tx, runtime, subject_id, officer=check.officer))


def take_down(tx: storage.Tx, runtime: Runtime, check: CounterCheck) -> UUID:
    """Take down what was checked: in the account that has the number already, in the one the person showed, or anew."""
    now, keyring = runtime.clock.now(), runtime.keyring
    number = identifiers.check_personal_number(check.personal_number, today=now.date()).value
    subject, key, earlier = _account_of(tx, runtime, number, check)
    if earlier is None or earlier.proof_source is ProofSource.SELF:
        _let_go_of_what_was_declared(tx, runtime, subject, check, now)
    _write(tx, runtime, subject, key, earlier, number, check)
    storage.sign_in_names.end_declared(tx, keyring, kind=IdentifierKind.PERSONAL_NUMBER, value=number)
    storage.sign_in_names.insert_name(
        tx, keyring, key, subject, kind=IdentifierKind.PERSONAL_NUMBER, value=number, proof="counter", now=now
    )
    entry = Entry(
        id=chance.new_id(now),
        at=now,
        event=Event.PERSON_PROVED,
        subject_id=subject.id,
        actor=check.officer,
        details=check.document,
    )
    storage.audit.insert_entry(tx, entry, key)
    return subject.id


def check_correction(runtime: Runtime, said: Mapping[str, str]) -> dict[str, str]:
    """What is to be corrected, as it would be stored: some of `name`, `birthdate` and `number`, and the `document`.

    Raises Refusal('reason_missing', 'invalid_name', 'invalid_birth_date', 'invalid_identifier').
    """
    body = {"document": said.get("document", "").strip()}
    if said.get("name"):
        body["name"] = names.clean_name(said["name"])
    if said.get("birthdate"):
        body["birthdate"] = birth_dates.parse_birth_date(said["birthdate"], today=runtime.today).iso
    if said.get("number"):
        body["number"] = identifiers.check_personal_number(said["number"], today=runtime.today).value
    if not body["document"] or len(body) == 1:
        raise Refusal("reason_missing", "say what is wrong, and by which document")
    return body


def correct(tx: storage.Tx, runtime: Runtime, subject_id: UUID, body: Mapping[str, str], *, officer: str) -> None:
    """Write what a document corrects into the record of somebody who was checked; what stood there stays on record.

    Raises Refusal('wrong_state') for an account that is merely declared (it is checked whole), or has been closed;
    'already_exists' where the number was proved to be another's.
    """
    now, keyring = runtime.clock.now(), runtime.keyring
    record = storage.accounts.find_record(tx, keyring, subject_id)
    if record is None or record.subject.state is AccountState.CLOSED or record.profile.proof_source is ProofSource.SELF:
        raise Refusal("wrong_state", "only the record of somebody who was checked is corrected")
    changed: dict[str, object] = {name: body[name] for name in ("name", "birthdate") if name in body}
    if "name" in body:
        parts = names.name_parts(body["name"])
        changed |= {"given_name": parts.given, "family_name": parts.family, "middle_name": parts.middle}
    if "number" in body:
        changed |= {"personal_id_number": body["number"]}
        _change_number(tx, runtime, record, body["number"], officer)
    kept = {name: value for name, value in {**record.profile.claims, **changed}.items() if value != ""}
    claims = {**kept, "updated_at": int(now.timestamp())}
    storage.accounts.save_profile(tx, record.key, Profile(subject_id, claims, record.profile.proof_source), now)
    storage.accounts.end_facts(tx, subject_id, list(changed), now)
    check = CounterCheck("", "", "", body["document"], officer)
    for name, value in changed.items():
        if value:
            storage.accounts.insert_fact(tx, record.key, _fact(subject_id, name, value, check, now))
    if "name" in body:
        words = names.search_prefixes(body["name"])
        storage.accounts.replace_name_words(tx, keyring, record.key, subject_id, words)
    entry = Entry(
        id=chance.new_id(now),
        at=now,
        event=Event.PERSON_CORRECTED,
        subject_id=subject_id,
        actor=officer[:64],
        details=f"{' '.join(sorted(set(body) - {'document'}))}\n{body['document']}",
    )
    storage.audit.insert_entry(tx, entry, record.key)


def _change_number(
    tx: storage.Tx, runtime: Runtime, record: storage.accounts.Record, number: str, officer: str
) -> None:
    """Another personal number: the one before stays on record as ended, and opens nothing any more."""
    now, keyring, kind = runtime.clock.now(), runtime.keyring, IdentifierKind.PERSONAL_NUMBER
    before = str(record.profile.claims.get("personal_id_number", ""))
    if before:
        storage.sign_in_names.end_name(tx, keyring, record.subject.id, kind=kind, value=before)
        storage.accounts.end_identifier(tx, keyring, record.subject.id, kind=kind, value=before, now=now)
    if not storage.sign_in_names.insert_name(
        tx, keyring, record.key, record.subject, kind=kind, value=number, proof="counter", now=now
    ):
        raise Refusal("already_exists", "the number was proved to be another person's")
    storage.accounts.insert_identifier(
        tx,
        keyring,
        record.key,
        record.subject,
        kind=kind,
        country="VN",
        value=number,
        source=ProofSource.COUNTER,
        verified_by=officer[:64],
        valid_from=None,
        valid_until=None,
        now=now,
    )


def issue_code(tx: storage.Tx, runtime: Runtime, subject_id: UUID, *, officer: str) -> str:
    """A code on paper for somebody who was seen in person: sets a new password, or is a second factor, once."""
    now, code = runtime.clock.now(), chance.new_digits(factors.RECOVERY_DIGITS)
    storage.factors.replace_codes(
        tx,
        runtime.keyring,
        subject_id,
        Way.COUNTER_CODE,
        [code],
        issued_by=officer[:64],
        expires_at=now + CODE_GOOD_FOR,
        now=now,
    )
    key = storage.data_keys.find_data_key(tx, runtime.keyring, subject_id)
    entry = Entry(id=chance.new_id(now), at=now, event=Event.PRINTED_CODES_ISSUED, subject_id=subject_id, actor=officer)
    storage.audit.insert_entry(tx, entry, key)
    return factors.written(code)


def _account_of(
    tx: storage.Tx, runtime: Runtime, number: str, check: CounterCheck
) -> tuple[Subject, DataKey, Profile | None]:
    kind = IdentifierKind.PERSONAL_NUMBER
    found = storage.sign_in_names.find_proved(tx, runtime.keyring, kind=kind, value=number)
    if found is None and check.kept_contact is not None:
        contact_kind, contact = check.kept_contact
        found = storage.sign_in_names.find_by_contact(
            tx, runtime.keyring, kind=kind, name=number, contact_kind=contact_kind, contact=contact
        )
    if found is not None:
        record = storage.accounts.find_record(tx, runtime.keyring, found)
        if record is not None:
            return record.subject, record.key, record.profile
    now = runtime.clock.now()
    subject = Subject(
        chance.new_id(now), SubjectKind.PERSON, AccountState.ACTIVE, AccountLevel.NONE, ProofSource.COUNTER
    )
    return subject, storage.accounts.insert_subject(tx, runtime.keyring, subject, now), None


def _let_go_of_what_was_declared(
    tx: storage.Tx, runtime: Runtime, subject: Subject, check: CounterCheck, now: datetime
) -> None:
    storage.endings.end_person(tx, runtime.keyring, subject.id, EndReason.REVOKED, now, actor=check.officer)
    storage.credentials.end_all(tx, subject.id, now)
    storage.factors.end_all(tx, subject.id, now)
    storage.accounts.end_declared(tx, runtime.keyring, subject.id, kept=check.kept_contact, now=now)
    storage.sign_in_names.end_all(tx, subject.id)


def _write(
    tx: storage.Tx,
    runtime: Runtime,
    subject: Subject,
    key: DataKey,
    earlier: Profile | None,
    number: str,
    check: CounterCheck,
) -> None:
    now, keyring = runtime.clock.now(), runtime.keyring
    parts = names.name_parts(check.name)
    proved: dict[str, object] = {"name": check.name, "birthdate": check.birthdate, "given_name": parts.given}
    proved |= {f"{part}_name": text for part, text in (("family", parts.family), ("middle", parts.middle)) if text}
    proved |= {"gender": identifiers.check_personal_number(number, today=now.date()).sex, "personal_id_number": number}
    if check.kept_contact is not None:
        kind, value = check.kept_contact
        proved |= {CONTACT_CLAIMS[kind]: value, f"{CONTACT_CLAIMS[kind]}_verified": True}
        storage.accounts.save_contact(tx, keyring, key, subject.id, kind=kind, value=value, now=now)
        storage.sign_in_names.insert_name(tx, keyring, key, subject, kind=kind, value=value, proof="code", now=now)
    was_proved = earlier is not None and earlier.proof_source is not ProofSource.SELF
    kept = dict(earlier.claims) if earlier is not None and was_proved else {}
    claims = {**kept, **proved, NUMBER_VERIFIED: True, "updated_at": int(now.timestamp())}
    storage.accounts.save_proof(tx, subject.id, ProofSource.COUNTER, now)
    if not was_proved:
        storage.accounts.insert_identifier(
            tx,
            keyring,
            key,
            subject,
            kind=IdentifierKind.PERSONAL_NUMBER,
            country="VN",
            value=number,
            source=ProofSource.COUNTER,
            verified_by=check.officer,
            valid_from=None,
            valid_until=None,
            now=now,
        )
    profile = Profile(subject.id, claims, ProofSource.COUNTER)
    storage.accounts.save_profile(tx, key, profile, now)
    storage.accounts.end_facts(tx, subject.id, [name for name in proved if not name.endswith("_verified")], now)
    for name, fact in proved.items():
        if not name.endswith("_verified"):
            storage.accounts.insert_fact(tx, key, _fact(subject.id, name, fact, check, now))
    storage.accounts.replace_name_words(tx, keyring, key, subject.id, names.search_prefixes(check.name))


def _fact(subject_id: UUID, name: str, value: object, check: CounterCheck, now: datetime) -> Fact:
    return Fact(
        id=chance.new_id(now),
        subject_id=subject_id,
        name=name,
        value=as_text(value),
        source=ProofSource.COUNTER,
        method=METHOD,
        verified_by=check.officer,
        verified_at=now,
        evidence=check.document,
        valid_from=now,
        valid_until=None,
    )
