"""The rows of a person's account as they are stored, made without a statement: for one person, or for many at once."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from uuid import UUID

import orjson

from idp.domain.accounts import Fact, Profile, Subject
from idp.domain.levels import ProofSource
from idp.runtime import chance
from idp.runtime.data_keys import DataKey
from idp.runtime.keyring import Keyring

Row = dict[str, object]


def subject_row(subject: Subject, now: datetime) -> Row:
    return {
        "id": subject.id,
        "kind": subject.kind,
        "state": subject.state,
        "account_level": subject.account_level,
        "proof_source": subject.proof_source,
        "created_at": now,
        "updated_at": now,
    }


def data_key_row(keyring: Keyring, key: DataKey, subject_id: UUID | None, now: datetime) -> Row:
    wrapped = keyring.wrap(key, subject_id)
    return {"id": chance.new_id(now), "subject_id": subject_id, "wrapped": wrapped, "created_at": now}


def identifier_row(
    keyring: Keyring,
    key: DataKey,
    subject: Subject,
    *,
    kind: str,
    country: str,
    value: str,
    source: ProofSource,
    verified_by: str | None,
    valid_from: date | None,
    valid_until: date | None,
    now: datetime,
) -> Row:
    id_ = chance.new_id(now)
    return {
        "id": id_,
        "subject_id": subject.id,
        "space": subject.kind,
        "kind": kind,
        "country": country,
        "value_sealed": key.seal("identifiers.value_sealed", id_, value),
        "value_index": keyring.index(f"identifier/{kind}", value),
        "source": source,
        "verified_at": now if verified_by else None,
        "verified_by": verified_by,
        "valid_from": valid_from,
        "valid_until": valid_until,
        "created_at": now,
    }


def contact_row(
    keyring: Keyring, key: DataKey, subject_id: UUID, *, kind: str, value: str, is_verified: bool, now: datetime
) -> Row:
    id_ = chance.new_id(now)
    return {
        "id": id_,
        "subject_id": subject_id,
        "kind": kind,
        "value_sealed": key.seal("contacts.value_sealed", id_, value),
        "value_index": keyring.index(f"contact/{kind}", value),
        "last_four_index": keyring.index("contact/last-four", value[-4:]) if kind == "phone" else None,
        "verified_at": now if is_verified else None,
        "is_shared": False,
        "created_at": now,
    }


def fact_row(key: DataKey, fact: Fact) -> Row:
    return {
        "id": fact.id,
        "subject_id": fact.subject_id,
        "name": fact.name,
        "value_sealed": key.seal("facts.value_sealed", fact.id, fact.value),
        "source": fact.source,
        "method": fact.method,
        "verified_by": fact.verified_by,
        "verified_at": fact.verified_at,
        "evidence_sealed": key.seal("facts.evidence_sealed", fact.id, fact.evidence) if fact.evidence else None,
        "valid_from": fact.valid_from,
        "valid_until": fact.valid_until,
    }


def profile_row(key: DataKey, profile: Profile, now: datetime) -> Row:
    text = orjson.dumps(dict(profile.claims)).decode()
    sealed = key.seal("profiles.claims_sealed", profile.subject_id, text)
    return {"subject_id": profile.subject_id, "claims_sealed": sealed, "updated_at": now}


def name_word_rows(index_of: Callable[[str], bytes], key: DataKey, subject_id: UUID, words: Iterable[str]) -> list[Row]:
    """The keyed digests by which a person is found by folded words of the name and their beginnings."""
    return [
        {
            "subject_id": subject_id,
            "word_index": index_of(word),
            "word_sealed": key.seal("name_words.word_sealed", subject_id, word),
        }
        for word in sorted(set(words))
    ]


def claims_of(text: str) -> Mapping[str, object]:
    """The claims of a profile, as `profile_row` sealed them."""
    found: Mapping[str, object] = orjson.loads(text)
    return found
