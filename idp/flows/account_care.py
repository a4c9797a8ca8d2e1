"""What is done to an account by those who answer for it: locking, unlocking, withdrawing for the person who asks.

A lock ends everything at once: every session, every grant, lasting ones too; the services are told. Unlocking brings
nothing back: the person signs in again.
"""

from typing import Final
from uuid import UUID

from idp import storage
from idp.domain import identifiers
from idp.domain.accounts import (
    BY_LINK,
    AccountState,
    Closing,
    Deed,
    Ground,
    Lock,
    Subject,
    SubjectKind,
    check_lock,
    move,
    reopens,
    takes_own_wish,
)
from idp.domain.audit import Entry, Event
from idp.domain.identifiers import ContactKind, SignInKind
from idp.domain.notices import Notice
from idp.domain.refusals import Refusal
from idp.domain.sessions import EndReason
from idp.runtime import chance, mail_tokens
from idp.runtime.runtime import Runtime

BY_ONESELF: Final = "asked by the person"


def find_person(tx: storage.Tx, runtime: Runtime, personal_number: str) -> Subject:
    """Whose number this is; raises Refusal('invalid_identifier', 'no_such_account')."""
    number = identifiers.check_personal_number(personal_number, today=runtime.today).value
    found = storage.people.find_by_number(tx, runtime.keyring, number)
    if found is None:
        raise Refusal("no_such_account", "nobody signs in with this number")
    return found


def lock(tx: storage.Tx, runtime: Runtime, person: Subject, lock: Lock, *, actor: str) -> None:
    """Nobody signs in with this account until the lock is lifted, or its automatic ground ends; what was open ends.

    Raises Refusal('wrong_state', 'reason_missing').
    """
    if not lock.reason.strip():
        raise Refusal("reason_missing", "say why")
    now = runtime.clock.now()
    check_lock(lock, storage.account_states.find_lock(tx, person.id), now)
    _move(tx, runtime, person, Deed.LOCK, lock.ground, lock)
    told = "\n".join(part for part in (lock.ground, lock.reason, lock.source, lock.legal_basis) if part)
    _note(tx, runtime, person, Event.ACCOUNT_LOCKED, actor, told)
    storage.endings.end_person(tx, runtime.keyring, person.id, EndReason.LOCKED, now, actor=actor)


def find_by_contact(
    tx: storage.Tx, runtime: Runtime, kind: SignInKind, name: str, contact_kind: ContactKind, contact: str
) -> UUID | None:
    """Whose account has this name to sign in with and this proved contact; of several, the one proved best or first."""
    return storage.sign_in_names.find_by_contact(
        tx, runtime.keyring, kind=kind, name=name, contact_kind=contact_kind, contact=contact
    )


def find_by_name(tx: storage.Tx, runtime: Runtime, kind: SignInKind, name: str) -> UUID | None:
    """Whose account has this name to sign in with; of several, the one proved best or first."""
    found = storage.sign_in_names.find_subject(tx, runtime.keyring, space=SubjectKind.PERSON, kind=kind, value=name)
    return found.id if found else None


def lock_own(tx: storage.Tx, runtime: Runtime, subject_id: UUID, notice: Notice, *, source: str = "") -> bool:
    """Lock at the wish of who has just proved a contact of the account; all contacts are told.

    False when there is nothing to lock: it is locked already by who must open it again, or closed.
    """
    person = storage.accounts.find_subject(tx, subject_id, held=True)
    key = storage.data_keys.find_data_key(tx, runtime.keyring, subject_id)
    if person is None or key is None:
        return False
    if not takes_own_wish(person.state, storage.account_states.find_lock(tx, subject_id)):
        return False
    own_wish = Lock(Ground.OWN_WISH, BY_ONESELF, source, legal_basis="Decree 69/2024 Art 15")
    lock(tx, runtime, person, own_wish, actor="the person")
    storage.outbox.insert_notices_to_person(tx, runtime.keyring, key, subject_id, notice, runtime.clock.now())
    return True


def lock_by_link(tx: storage.Tx, runtime: Runtime, subject_id: UUID, token: str, notice: Notice) -> bool:
    """Lock by the link in a mail, which works once: who reads the mailbox later shuts nobody out again. Getting the
    account back opens it.

    True when the account is locked now, by this or from before.
    """
    if storage.spent_tokens.use_token(tx, "mail", token, runtime.clock.now() + mail_tokens.GOOD_FOR):
        lock_own(tx, runtime, subject_id, notice, source=BY_LINK)
    person = storage.accounts.find_subject(tx, subject_id)
    return person is not None and person.state is AccountState.LOCKED


def close_own(tx: storage.Tx, runtime: Runtime, subject_id: UUID, notice: Notice) -> bool:
    """Close for good, at the person's own wish: nobody signs in any more, everything ends. What the law keeps stays."""
    person = storage.accounts.find_subject(tx, subject_id, held=True)
    key = storage.data_keys.find_data_key(tx, runtime.keyring, subject_id)
    if person is None or key is None or person.state is not AccountState.ACTIVE:
        return False
    close(tx, runtime, person, Closing.WITHDRAWN, reason="", actor="the person")
    storage.outbox.insert_notices_to_person(tx, runtime.keyring, key, subject_id, notice, runtime.clock.now())
    return True


def end_sessions(tx: storage.Tx, runtime: Runtime, person: Subject, *, actor: str) -> None:
    """Sign a person out everywhere, lasting access too; the account stays as it is."""
    storage.endings.end_person(tx, runtime.keyring, person.id, EndReason.REVOKED, runtime.clock.now(), actor=actor)


def close(tx: storage.Tx, runtime: Runtime, person: Subject, closing: Closing, *, reason: str, actor: str) -> None:
    """Close an account for good, whatever state it is in; what was open ends. Raises Refusal('wrong_state').

    Its names sign nobody in any more, and neither they nor its numbers keep out who comes back, or has them next.
    """
    _move(tx, runtime, person, Deed.CLOSE, closing)
    storage.sign_in_names.end_all(tx, person.id)
    storage.accounts.end_identifiers(tx, person.id, runtime.clock.now())
    _note(tx, runtime, person, Event.ACCOUNT_CLOSED, actor, f"{closing}\n{reason}".strip())
    storage.endings.end_person(tx, runtime.keyring, person.id, EndReason.CLOSED, runtime.clock.now(), actor=actor)


def erase(tx: storage.Tx, runtime: Runtime, person: Subject, *, actor: str) -> None:
    """Erase the data of a closed account: nothing of it can be read or found again. Raises Refusal('wrong_state').

    What the law keeps is the history with its proofs, in which nobody can be recognised any more.
    """
    present = storage.accounts.find_subject(tx, person.id, held=True)
    if present is None or present.state is not AccountState.CLOSED:
        raise Refusal("wrong_state", "only a closed account is erased")
    now = runtime.clock.now()
    entry = Entry(id=chance.new_id(now), at=now, event=Event.ACCOUNT_ERASED, subject_id=person.id, actor=actor)
    storage.audit.insert_entry(tx, entry)
    storage.erasure.end_data(tx, person.id)


def unlock(tx: storage.Tx, runtime: Runtime, person: Subject, *, reason: str, actor: str) -> None:
    """Let the person sign in again. Raises Refusal('wrong_state') when the account is not locked."""
    if not reason.strip():
        raise Refusal("reason_missing", "say why")
    _move(tx, runtime, person, Deed.UNLOCK, reason[:64])
    _note(tx, runtime, person, Event.ACCOUNT_UNLOCKED, actor, reason)


def reopen_run_out(tx: storage.Tx, runtime: Runtime, notice: Notice, *, limit: int) -> int:
    """Open what was locked on an automatic ground that is over; gives how many. Takes no decision from anybody.

    All contacts are told: an account that opens is news to who thought it shut.
    """
    now = runtime.clock.now()
    run_out = [
        each for each in storage.account_states.list_run_out_locks(tx, now, limit=limit) if reopens(each[1], now)
    ]
    for person, over in run_out:
        _move(tx, runtime, person, Deed.REOPEN, f"over: {over.ground}")
        _note(tx, runtime, person, Event.ACCOUNT_UNLOCKED, "the worker", f"over: {over.ground}")
        key = storage.data_keys.find_data_key(tx, runtime.keyring, person.id)
        if key is not None:
            storage.outbox.insert_notices_to_person(tx, runtime.keyring, key, person.id, notice, now)
    return len(run_out)


def withdraw(tx: storage.Tx, runtime: Runtime, person: Subject, client_id: str, *, actor: str) -> int:
    """Take back what a person agreed to at a service, with all access that stands on it; gives how many grants ended.

    What a law lets a service read is not the person's to withdraw, and stays.
    """
    service = storage.relying_services.find_by_client_id(tx, client_id)
    if service is None:
        raise Refusal("no_such_service", "no service has this client_id")
    now = runtime.clock.now()
    if storage.consents.end_consents(tx, person.id, service.id, now) == 0:
        raise Refusal("nothing_agreed", "the person has agreed to nothing at this service")
    entry = Entry(
        id=chance.new_id(now),
        at=now,
        event=Event.CONSENT_WITHDRAWN,
        subject_id=person.id,
        service_id=service.id,
        actor=actor,
    )
    storage.audit.insert_entry(tx, entry)
    return storage.endings.end_at_service(
        tx, runtime.keyring, person.id, service.id, EndReason.WITHDRAWN, now, actor=actor
    )


def _move(tx: storage.Tx, runtime: Runtime, person: Subject, deed: Deed, reason: str, lock: Lock | None = None) -> None:
    present = storage.accounts.find_subject(tx, person.id, held=True) or person
    state, now = move(present.state, deed), runtime.clock.now()
    if not storage.account_states.save_state(tx, person.id, present.state, state, reason=reason, now=now, lock=lock):
        raise Refusal("wrong_state", f"the account is no longer {present.state}")


def _note(tx: storage.Tx, runtime: Runtime, person: Subject, event: Event, actor: str, details: str) -> None:
    now = runtime.clock.now()
    key = storage.data_keys.find_data_key(tx, runtime.keyring, person.id)
    entry = Entry(id=chance.new_id(now), at=now, event=event, subject_id=person.id, actor=actor, details=details)
    storage.audit.insert_entry(tx, entry, key or runtime.keyring.house_key())
