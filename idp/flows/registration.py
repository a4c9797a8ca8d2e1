"""Making an account: by the person, by an operator's command, or pre-loaded from an old portal to be claimed.

What people say of themselves reserves nothing: many may say the same number, and each has an account of one's own, so
that nobody learns from registering who else has one. Whoever proves more takes the number later (flows/proofing).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from idp import storage
from idp.domain import identifiers, names
from idp.domain.accounts import (
    TAKEN_OVER,
    AccountState,
    Deed,
    Profile,
    Subject,
    SubjectKind,
    facts_of,
    move,
    proved_by_code,
)
from idp.domain.audit import Entry, Event
from idp.domain.claims import NUMBER_VERIFIED
from idp.domain.identifiers import CONTACT_CLAIMS, ContactKind, IdentifierKind
from idp.domain.levels import AccountLevel, ProofSource
from idp.domain.passwords import Hasher, check_new_password
from idp.domain.refusals import Refusal
from idp.runtime import chance
from idp.runtime.data_keys import DataKey
from idp.runtime.runtime import Runtime

PERSON = "the person"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What is known of the person. `claims` are OIDC standard claims in their JSON types, phone and e-mail included."""

    personal_number: str
    claims: Mapping[str, object]
    password_hash: str
    proof_source: ProofSource = ProofSource.SELF
    account_level: AccountLevel = AccountLevel.NONE


@dataclass(frozen=True, slots=True)
class Declared:
    """What a person says of oneself: a personal number, or a passport and the country that gave it (ISO 3166)."""

    name: str
    birthdate: str
    personal_number: str = ""
    passport: str = ""
    country: str = "VN"

    @property
    def identifier(self) -> tuple[IdentifierKind, str]:
        if self.personal_number:
            return IdentifierKind.PERSONAL_NUMBER, self.personal_number
        return IdentifierKind.PASSPORT, self.passport


@dataclass(frozen=True, slots=True)
class Contact:
    """A phone (E.164) or an e-mail address that the person has just proved by a code."""

    kind: ContactKind
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Registered:
    subject: Subject
    key: DataKey


def hash_new_password(runtime: Runtime, password: str, *own_words: str) -> str:
    """Refuse a weak password, hash a good one; takes a hash slot and no transaction."""
    check_new_password(password, own_words=lambda: list(own_words))
    if runtime.breached.contains(password):
        raise Refusal("invalid_password", "the password was stolen elsewhere", field="password")
    settings = runtime.settings.passwords
    hasher = Hasher(settings.memory_kib, settings.passes, settings.lanes)
    return runtime.hash_slots.run(lambda: hasher.hash(password))


def register(
    tx: storage.Tx, runtime: Runtime, declared: Declared, contact: Contact, password_hash: str, *, proof: str
) -> Registered:
    """The person's own registration, after a contact was proved: a new account, or the pre-loaded one that is theirs.

    The same rows come to be whoever else says the same number. `proof` names the code that was right; it makes one
    account. Raises Refusal('page_expired') when it has made one.
    """
    now = runtime.clock.now()
    until = now + timedelta(seconds=runtime.settings.sessions.page_for)
    if not storage.spent_tokens.use_token(tx, "registration", proof, until):
        raise Refusal("page_expired", "this registration was finished already")
    kind, value = declared.identifier
    preloaded = storage.accounts.find_preloaded(tx, runtime.keyring, kind=kind, value=value)
    if preloaded is not None and _is_theirs(declared, contact, preloaded.profile):
        found = _claim(tx, runtime, preloaded, contact)
    else:
        found = _declare(tx, runtime, declared, contact)
    for name_kind, name, proof in ((kind, value, "self"), (contact.kind, contact.value, "code")):
        storage.sign_in_names.insert_name(
            tx, runtime.keyring, found.key, found.subject, kind=name_kind, value=name, proof=proof, now=now
        )
    storage.credentials.insert_password(tx, found.subject.id, password_hash, now)
    return found


def _is_theirs(declared: Declared, contact: Contact, profile: Profile) -> bool:
    """Whether a pre-loaded account is this person's: name, birth year, and a contact on record that they proved."""
    claims = profile.claims
    fold = names.fold(declared.name)
    same_name = bool(fold) and fold == names.fold(profile.name)
    same_year = str(claims.get("birthdate", ""))[:4] == declared.birthdate[:4]
    return same_name and same_year and claims.get(CONTACT_CLAIMS[contact.kind]) == contact.value


def _claim(tx: storage.Tx, runtime: Runtime, preloaded: storage.accounts.Record, contact: Contact) -> Registered:
    now, subject, key = runtime.clock.now(), preloaded.subject, preloaded.key
    storage.account_states.save_state(
        tx, subject.id, subject.state, move(subject.state, Deed.ACTIVATE), reason="claimed", now=now
    )
    claim = CONTACT_CLAIMS[contact.kind]
    profile = Profile(
        subject.id,
        {**preloaded.profile.claims, f"{claim}_verified": True, "updated_at": int(now.timestamp())},
        subject.proof_source,
    )
    storage.accounts.save_profile(tx, key, profile, now)
    storage.accounts.verify_contact(tx, runtime.keyring, subject.id, contact.kind, contact.value, now)
    storage.accounts.end_facts(tx, subject.id, [claim], now)
    fact = proved_by_code(chance.new_id(now), subject.id, claim, contact.value, now)
    storage.accounts.insert_fact(tx, key, fact)
    _note(tx, runtime, Registered(subject, key), Event.ACCOUNT_CLAIMED, PERSON)
    return Registered(subject, key)


def _declare(tx: storage.Tx, runtime: Runtime, declared: Declared, contact: Contact) -> Registered:
    claims: dict[str, object] = {"name": declared.name, "birthdate": declared.birthdate}
    parts = names.name_parts(declared.name)
    claims |= {"given_name": parts.given}
    claims |= {f"{part}_name": text for part, text in (("family", parts.family), ("middle", parts.middle)) if text}
    if declared.personal_number:
        today = runtime.clock.now().date()
        claims["gender"] = identifiers.check_personal_number(declared.personal_number, today=today).sex
    claims |= {CONTACT_CLAIMS[contact.kind]: contact.value, f"{CONTACT_CLAIMS[contact.kind]}_verified": True}
    found = _insert(tx, runtime, claims, declared.identifier, declared.country, method="declared by the person")
    _note(tx, runtime, found, Event.ACCOUNT_CREATED, PERSON)
    return found


def create_account(tx: storage.Tx, runtime: Runtime, new: NewAccount, *, actor: str) -> Subject:
    """Make a person's account with all its rows; raises Refusal('already_exists') when the number signs in already."""
    now, keyring = runtime.clock.now(), runtime.keyring
    number = identifiers.check_personal_number(new.personal_number, today=now.date()).value
    name = names.clean_name(str(new.claims.get("name", "")))
    claims = {**_with_plain_contacts(new.claims), "name": name}
    found = _insert(
        tx,
        runtime,
        claims,
        (IdentifierKind.PERSONAL_NUMBER, number),
        "VN",
        method="entered by an operator",
        actor=actor,
        source=new.proof_source,
        level=new.account_level,
    )
    named = storage.sign_in_names.insert_name(
        tx, keyring, found.key, found.subject, kind="personal_number", value=number, proof="operator", now=now
    )
    if not named:
        raise Refusal("already_exists", "an account with this personal number exists", field="personal_number")
    for kind, claim in CONTACT_CLAIMS.items():
        if claims.get(f"{claim}_verified"):
            storage.sign_in_names.insert_name(
                tx, keyring, found.key, found.subject, kind=kind, value=str(claims[claim]), proof="operator", now=now
            )
    storage.credentials.insert_password(tx, found.subject.id, new.password_hash, now)
    _note(tx, runtime, found, Event.ACCOUNT_CREATED, actor)
    return found.subject


def preload(
    tx: storage.Tx, runtime: Runtime, personal_number: str, claims: Mapping[str, object], *, actor: str
) -> None:
    """Take over an account of an old portal: nobody signs in with it until the person claims it."""
    number = identifiers.check_personal_number(personal_number, today=runtime.clock.now().date()).value
    plain = {**_with_plain_contacts(claims), "name": names.clean_name(str(claims.get("name", "")))}
    found = _insert(
        tx,
        runtime,
        plain,
        (IdentifierKind.PERSONAL_NUMBER, number),
        "VN",
        method=TAKEN_OVER,
        actor=actor,
        state=AccountState.PENDING,
    )
    _note(tx, runtime, found, Event.ACCOUNT_PRELOADED, actor)


def _with_plain_contacts(claims: Mapping[str, object]) -> dict[str, object]:
    """The claims with phone (E.164, OIDC Core 5.1) and e-mail in the one way they are stored and released."""
    plain = dict(claims)
    for claim, normalise in (
        ("phone_number", identifiers.normalise_phone),
        ("email", identifiers.normalise_email),
    ):
        if claim in plain:
            plain[claim] = normalise(str(plain[claim]))
    return plain


def _insert(
    tx: storage.Tx,
    runtime: Runtime,
    claims: Mapping[str, object],
    identifier: tuple[IdentifierKind, str],
    country: str,
    *,
    method: str,
    actor: str = PERSON,
    source: ProofSource = ProofSource.SELF,
    level: AccountLevel = AccountLevel.NONE,
    state: AccountState = AccountState.ACTIVE,
) -> Registered:
    """All rows of a person but the names to sign in with and the password."""
    now, keyring = runtime.clock.now(), runtime.keyring
    kind, value = identifier
    subject = Subject(chance.new_id(now), SubjectKind.PERSON, state, level, source)
    key = storage.accounts.insert_subject(tx, keyring, subject, now)
    storage.accounts.insert_identifier(
        tx,
        keyring,
        key,
        subject,
        kind=kind,
        country=country,
        value=value,
        source=source,
        verified_by=None if source is ProofSource.SELF else actor,
        valid_from=None,
        valid_until=None,
        now=now,
    )
    for contact, claim in CONTACT_CLAIMS.items():
        if claim in claims:
            is_verified = bool(claims.get(f"{claim}_verified"))
            storage.accounts.insert_contact(
                tx, keyring, key, subject.id, kind=contact, value=str(claims[claim]), is_verified=is_verified, now=now
            )
    stamped: dict[str, object] = {**claims, "updated_at": int(now.timestamp())}
    if kind is IdentifierKind.PERSONAL_NUMBER:
        stamped |= {"personal_id_number": value, NUMBER_VERIFIED: source is not ProofSource.SELF}
    profile = Profile(subject_id=subject.id, claims=stamped, proof_source=source)
    _insert_facts(tx, key, profile, method, actor, now)
    storage.accounts.save_profile(tx, key, profile, now)
    storage.accounts.insert_name_words(tx, keyring, key, subject.id, names.search_prefixes(profile.name))
    return Registered(subject, key)


def _insert_facts(tx: storage.Tx, key: DataKey, profile: Profile, method: str, actor: str, now: datetime) -> None:
    for fact in facts_of(profile, method=method, actor=actor, now=now, new_id=lambda: chance.new_id(now)):
        is_contact = fact.name in CONTACT_CLAIMS.values() and profile.claims.get(f"{fact.name}_verified")
        by_code = proved_by_code(fact.id, profile.subject_id, fact.name, fact.value, now)
        storage.accounts.insert_fact(tx, key, by_code if actor == PERSON and is_contact else fact)


def _note(tx: storage.Tx, runtime: Runtime, found: Registered, event: Event, actor: str) -> None:
    now = runtime.clock.now()
    entry = Entry(id=chance.new_id(now), at=now, event=event, subject_id=found.subject.id, actor=actor)
    storage.audit.insert_entry(tx, entry, found.key)
