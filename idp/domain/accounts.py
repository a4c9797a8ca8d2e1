"""A subject: a person or a member of staff, its state, what was proved of it, and its facts.

Staff and citizens live in separate identifier spaces; one human being with both has two subjects, never merged.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

import orjson

from idp.domain.levels import AccountLevel, ProofSource
from idp.domain.refusals import Refusal


class SubjectKind(StrEnum):
    PERSON = "person"
    STAFF = "staff"


class AccountState(StrEnum):
    """pending (not yet usable), active, locked (comes back), closed (never comes back, but by undoing a merge)."""

    PENDING = "pending"
    ACTIVE = "active"
    LOCKED = "locked"
    CLOSED = "closed"


class Deed(StrEnum):
    """What moves an account from one state to another."""

    ACTIVATE = "activate"
    LOCK = "lock"
    UNLOCK = "unlock"
    REOPEN = "reopen"
    CLOSE = "close"


# What is not here is refused: closed is the end, and what was never claimed is neither locked nor opened by it.
MOVES: Final = {
    (AccountState.PENDING, Deed.ACTIVATE): AccountState.ACTIVE,
    (AccountState.ACTIVE, Deed.LOCK): AccountState.LOCKED,
    (AccountState.LOCKED, Deed.LOCK): AccountState.LOCKED,
    (AccountState.LOCKED, Deed.UNLOCK): AccountState.ACTIVE,
    (AccountState.LOCKED, Deed.REOPEN): AccountState.ACTIVE,
    (AccountState.PENDING, Deed.CLOSE): AccountState.CLOSED,
    (AccountState.ACTIVE, Deed.CLOSE): AccountState.CLOSED,
    (AccountState.LOCKED, Deed.CLOSE): AccountState.CLOSED,
}


class Ground(StrEnum):
    """Why an account is locked (Law 26/2023 Art 34; Decree 69/2024 Art 15, 30)."""

    CARD_EXPIRED = "card_expired"
    PASSPORT_EXPIRED = "passport_expired"
    RESIDENCE_EXPIRED = "residence_expired"
    OWN_WISH = "own_wish"
    BREACH = "breach"
    MISUSE = "misuse"
    CARD_HELD = "card_held"
    AUTHORITY = "authority"

    @property
    def is_automatic(self) -> bool:
        """Whether the lock comes and goes with its ground, and nobody decides."""
        return self in {Ground.CARD_EXPIRED, Ground.PASSPORT_EXPIRED, Ground.RESIDENCE_EXPIRED}


class Closing(StrEnum):
    """Why an account is closed, for good."""

    DIED = "died"
    DISSOLVED = "dissolved"
    MERGED = "merged"
    WITHDRAWN = "withdrawn"


# The source of a lock that the owner put on by the link in a mail: who is in the mailbox gets the account back without
# a counter, as from an open account. One that was put on with /lock, for a phone that was stolen, opens in person.
BY_LINK: Final = "the link in a mail"


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock with its why: `source` names the document or register; `until` is when an automatic ground ends."""

    ground: Ground
    reason: str = ""
    source: str = ""
    legal_basis: str = ""
    until: datetime | None = None

    @property
    def opens_by_recovery(self) -> bool:
        """Whether getting the account back opens it again."""
        return self.ground is Ground.OWN_WISH and self.source == BY_LINK


def move(state: AccountState, deed: Deed) -> AccountState:
    """The state after this deed; raises Refusal('wrong_state')."""
    try:
        return MOVES[state, deed]
    except KeyError:
        raise Refusal("wrong_state", f"an account that is {state} cannot be moved by: {deed}") from None


def check_lock(new: Lock, present: Lock | None, now: datetime) -> None:
    """Whether this lock may be put on, over `present` where there is one; raises Refusal.

    Only an automatic ground has an end by the clock. What an authority closed does not open by a later, lesser lock;
    what it asks for names its document.
    """
    if new.until is not None and not new.ground.is_automatic:
        raise Refusal("wrong_state", "only an automatic ground ends by itself")
    if new.until is not None and new.until <= now:
        raise Refusal("wrong_state", "the ground has ended already")
    if new.ground is Ground.AUTHORITY and not new.source.strip():
        raise Refusal("reason_missing", "name the document in which the authority asks for it")
    if present is not None and not _gives_way(present, new):
        raise Refusal("wrong_state", f"the account is locked already: {present.ground}")


def takes_own_wish(state: AccountState, present: Lock | None) -> bool:
    """Whether the person's own wish locks the account: it is open, or would open again by less."""
    if present is None:
        return state is AccountState.ACTIVE
    return present.ground.is_automatic or present.opens_by_recovery


def _gives_way(present: Lock, new: Lock) -> bool:
    """An automatic lock to any decision, the own wish too, and to one that lasts longer; the own wish to a decision of
    another; a decision to nothing."""
    if present.ground.is_automatic:
        lasts_longer = present.until is not None and (new.until is None or new.until > present.until)
        return lasts_longer if new.ground.is_automatic else True
    if present.ground is not Ground.OWN_WISH or new.ground.is_automatic:
        return False
    return new.ground is not Ground.OWN_WISH or (present.opens_by_recovery and not new.opens_by_recovery)


def reopens(lock: Lock, now: datetime) -> bool:
    """Whether the account opens again by itself: its ground was automatic, and is over."""
    return lock.ground.is_automatic and lock.until is not None and lock.until <= now


@dataclass(frozen=True, slots=True)
class Subject:
    id: UUID
    kind: SubjectKind
    state: AccountState
    account_level: AccountLevel
    proof_source: ProofSource

    @property
    def may_sign_in(self) -> bool:
        return self.state is AccountState.ACTIVE


@dataclass(frozen=True, slots=True)
class Profile:
    """The person's present facts in one row: claim name -> value, in the JSON types of OIDC Core 5.1."""

    subject_id: UUID
    claims: Mapping[str, object]
    proof_source: ProofSource

    @property
    def name(self) -> str:
        return str(self.claims.get("name", ""))


# How facts of an account came to us that nobody has claimed yet.
TAKEN_OVER: Final = "taken over from an old portal"


@dataclass(frozen=True, slots=True)
class Fact:
    """One attribute with its provenance: who says so, how it was checked, by whom and when."""

    id: UUID
    subject_id: UUID
    name: str
    value: str
    source: ProofSource
    method: str
    verified_by: str
    verified_at: datetime | None
    evidence: str
    valid_from: datetime
    valid_until: datetime | None


def as_text(value: object) -> str:
    """A fact's value as it is kept: texts as they are, anything else as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def facts_of(profile: Profile, *, method: str, actor: str, now: datetime, new_id: Callable[[], UUID]) -> list[Fact]:
    """The facts of a new profile, a fact a claim, as `actor` entered or declared them."""
    return [
        Fact(
            id=new_id(),
            subject_id=profile.subject_id,
            name=name,
            value=as_text(value),
            source=profile.proof_source,
            method=method,
            verified_by=actor,
            verified_at=None if profile.proof_source is ProofSource.SELF else now,
            evidence="",
            valid_from=now,
            valid_until=None,
        )
        for name, value in profile.claims.items()
        if not name.endswith("_verified") and name != "updated_at"
    ]


def proved_by_code(id_: UUID, subject_id: UUID, claim: str, contact: str, now: datetime) -> Fact:
    """The fact of a contact whose holder typed the code that was sent there."""
    return Fact(
        id=id_,
        subject_id=subject_id,
        name=claim,
        value=contact,
        source=ProofSource.SELF,
        method="proved by a code",
        verified_by="the person",
        verified_at=now,
        evidence="",
        valid_from=now,
        valid_until=None,
    )


EMPTY: Mapping[str, object] = MappingProxyType({})
