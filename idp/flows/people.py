"""Officers find people and look at records: never without a purpose, which the person reads at once."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from idp import storage
from idp.domain import identifiers, names
from idp.domain.accounts import AccountState, Lock, Subject
from idp.domain.audit import Entry, Event
from idp.domain.identifiers import ContactKind, SignInKind
from idp.domain.refusals import Refusal
from idp.runtime import chance
from idp.runtime.runtime import Runtime

# How many a search gives, and how many lines of the history an officer sees.
MOST_FOUND: Final = 50
HISTORY: Final = 100


@dataclass(frozen=True, slots=True)
class Shown:
    """What an officer sees of an account; contacts are masked."""

    subject: Subject
    name: str
    number: str
    birthdate: str
    contacts: tuple[str, ...]
    lock: Lock | None
    history: tuple[Entry, ...]


def look(tx: storage.Tx, runtime: Runtime, person: Subject, *, purpose: str, actor: str) -> Shown:
    """A person's record, for an officer who says why: the look stands in the person's own history at once.

    Raises Refusal('reason_missing').
    """
    if not purpose.strip():
        raise Refusal("reason_missing", "say why you look")
    now = runtime.clock.now()
    record = storage.accounts.find_record(tx, runtime.keyring, person.id)
    if record is None:
        raise Refusal("no_such_account", "the person's data were erased")
    entry = Entry(
        id=chance.new_id(now), at=now, event=Event.RECORD_READ, subject_id=person.id, actor=actor[:64], details=purpose
    )
    storage.audit.insert_entry(tx, entry, record.key)
    own = storage.factors.list_factors(tx, record.key, person.id, now)
    return Shown(
        subject=person,
        name=record.profile.name,
        number=str(record.profile.claims.get("personal_id_number", "")),
        birthdate=str(record.profile.claims.get("birthdate", "")),
        contacts=tuple(identifiers.mask(ContactKind(each.kind), each.value) for each in own.contacts),
        lock=storage.account_states.find_lock(tx, person.id),
        history=tuple(storage.audit.list_entries(tx, record.key, person.id, limit=HISTORY)),
    )


@dataclass(frozen=True, slots=True)
class Found:
    """One line of a search, of which no more can be read than whom to look at."""

    id: UUID
    name: str
    number: str
    born: str
    state: AccountState


def search(tx: storage.Tx, runtime: Runtime, typed: str, *, purpose: str, actor: str) -> list[Found]:
    """Whose number, phone or e-mail this is, or whose name has these words; the search is noted, what was typed is not.

    Raises Refusal('reason_missing').
    """
    if not purpose.strip():
        raise Refusal("reason_missing", "say why you search")
    named = identifiers.recognise(typed)
    is_word = named is not None and named[0] is SignInKind.PASSPORT and typed.strip().isalpha()
    if named is not None and not is_word:
        kind, value = named
        ids = storage.sign_in_names.list_owners(tx, runtime.keyring, kind=kind, value=value, limit=MOST_FOUND)
        kept = storage.people.list_subjects_by_value(tx, runtime.keyring, kind=kind, value=value, limit=MOST_FOUND)
        ids = list(dict.fromkeys([*ids, *kept]))[:MOST_FOUND]
        how = str(kind)
    else:
        words = names.fold_words(typed)
        ids = storage.people.list_subjects_by_name(tx, runtime.keyring, words, limit=MOST_FOUND) if words else []
        how = "name"
    now = runtime.clock.now()
    entry = Entry(
        id=chance.new_id(now),
        at=now,
        event=Event.PEOPLE_SEARCHED,
        actor=actor[:64],
        details=f"{how} {len(ids)} {purpose}"[:200],
    )
    storage.audit.insert_entry(tx, entry, runtime.keyring.house_key())
    return [_found(each) for each in storage.people.list_records(tx, runtime.keyring, ids)]


def _found(record: storage.accounts.Record) -> Found:
    claims = record.profile.claims
    number = str(claims.get("personal_id_number", ""))
    return Found(
        id=record.subject.id,
        name=names.initials(record.profile.name),
        number=identifiers.mask(SignInKind.PERSONAL_NUMBER, number) if number else "",
        born=str(claims.get("birthdate", ""))[:4],
        state=record.subject.state,
    )
