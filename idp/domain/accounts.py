"""A subject: a person or a member of staff, its state, what was proved of it, and its facts.

Staff and citizens live in separate identifier spaces; one human being with both has two subjects, never merged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from idp.domain.levels import AccountLevel, ProofSource


class SubjectKind(StrEnum):
    PERSON = "person"
    STAFF = "staff"


class AccountState(StrEnum):
    """pending (not yet usable), active, locked (comes back), closed (never comes back)."""

    PENDING = "pending"
    ACTIVE = "active"
    LOCKED = "locked"
    CLOSED = "closed"


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


EMPTY: Mapping[str, object] = MappingProxyType({})
