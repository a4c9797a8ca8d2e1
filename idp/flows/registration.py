"""Making an account: by an operator's command today; the person's own registration comes to stand beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from idp import storage
from idp.domain import identifiers, names
from idp.domain.accounts import AccountState, Fact, Profile, Subject, SubjectKind
from idp.domain.audit import Entry, Event
from idp.domain.claims import NUMBER_VERIFIED
from idp.domain.levels import AccountLevel, ProofSource
from idp.domain.passwords import Hasher, check_new_password
from idp.domain.refusals import Refusal
from idp.runtime import chance
from idp.runtime.data_keys import DataKey
from idp.runtime.runtime import Runtime


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What is known of the person. `claims` are OIDC standard claims in their JSON types, phone and e-mail included."""

    personal_number: str
    claims: Mapping[str, object]
    password_hash: str
    proof_source: ProofSource = ProofSource.SELF
    account_level: AccountLevel = AccountLevel.NONE


def hash_new_password(runtime: Runtime, password: str, personal_number: str) -> str:
    """Refuse a weak password, hash a good one; takes a hash slot and no transaction."""
    check_new_password(password, own_words=lambda: [personal_number])
    settings = runtime.settings.passwords
    hasher = Hasher(settings.memory_kib, settings.passes, settings.lanes)
    return runtime.hash_slots.run(lambda: hasher.hash(password))


def create_account(tx: storage.Tx, runtime: Runtime, new: NewAccount, *, actor: str) -> Subject:
    """Make a person's account with all its rows; raises Refusal('already_exists') when the number signs in already."""
    now, keyring = runtime.clock.now(), runtime.keyring
    number = identifiers.check_personal_number(new.personal_number, today=now.date()).value
    name = names.clean_name(str(new.claims.get("name", "")))
    subject = Subject(
        id=chance.new_id(now),
        kind=SubjectKind.PERSON,
        state=AccountState.ACTIVE,
        account_level=new.account_level,
        proof_source=new.proof_source,
    )
    key = storage.accounts.insert_subject(tx, keyring, subject, now)
    named = storage.accounts.insert_sign_in_name(
        tx, keyring, key, subject, kind="personal_number", value=number, proof="operator", now=now
    )
    if not named:
        raise Refusal("already_exists", "an account with this personal number exists", field="personal_number")
    storage.accounts.insert_identifier(
        tx,
        keyring,
        key,
        subject,
        kind="personal_number",
        country="VN",
        value=number,
        source=new.proof_source,
        verified_by=None if new.proof_source is ProofSource.SELF else actor,
        valid_from=None,
        valid_until=None,
        now=now,
    )
    claims = _with_plain_contacts(new.claims)
    _insert_contacts(tx, runtime, key, subject, claims, now)
    stamped = {
        "name": name,
        "personal_id_number": number,
        NUMBER_VERIFIED: new.proof_source is not ProofSource.SELF,
        "updated_at": int(now.timestamp()),
    }
    profile = Profile(
        subject_id=subject.id,
        claims={**claims, **stamped},
        proof_source=new.proof_source,
    )
    _insert_facts(tx, key, subject, profile, actor, now)
    storage.accounts.save_profile(tx, key, profile, now)
    storage.accounts.insert_name_words(tx, keyring, key, subject.id, names.search_prefixes(name))
    storage.credentials.insert_password(tx, subject.id, new.password_hash, now)
    entry = Entry(id=chance.new_id(now), at=now, event=Event.ACCOUNT_CREATED, subject_id=subject.id, actor=actor)
    storage.audit.insert_entry(tx, entry, key)
    return subject


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


def _insert_contacts(
    tx: storage.Tx,
    runtime: Runtime,
    key: DataKey,
    subject: Subject,
    claims: Mapping[str, object],
    now: datetime,
) -> None:
    """Contacts, each of which becomes a sign-in name where it is verified and nobody else's."""
    for kind, claim in (("phone", "phone_number"), ("email", "email")):
        if claim not in claims:
            continue
        value = str(claims[claim])
        is_verified = bool(claims.get(f"{claim}_verified"))
        storage.accounts.insert_contact(
            tx, runtime.keyring, key, subject.id, kind=kind, value=value, is_verified=is_verified, now=now
        )
        if is_verified:
            storage.accounts.insert_sign_in_name(
                tx, runtime.keyring, key, subject, kind=kind, value=value, proof="operator", now=now
            )


def _insert_facts(tx: storage.Tx, key: DataKey, subject: Subject, profile: Profile, actor: str, now: datetime) -> None:
    for name, value in profile.claims.items():
        if name.endswith("_verified") or name == "updated_at":
            continue
        storage.accounts.insert_fact(
            tx,
            key,
            Fact(
                id=chance.new_id(now),
                subject_id=subject.id,
                name=name,
                value=storage.accounts.as_text(value),
                source=profile.proof_source,
                method="entered by an operator",
                verified_by=actor,
                verified_at=None if profile.proof_source is ProofSource.SELF else now,
                evidence="",
                valid_from=now,
                valid_until=None,
            ),
        )
