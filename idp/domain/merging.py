"""Two accounts of one person made one: which is kept, what each service sees afterwards, how long it can be undone.

The kept account goes on as it is. The merged one is closed, and no way into it becomes a way into the kept one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final
from uuid import UUID

import orjson

from idp.domain import names
from idp.domain.accounts import AccountState, Ground, Lock, Profile, Subject, SubjectKind
from idp.domain.levels import ProofSource
from idp.domain.refusals import Refusal

# So long two officers can put back what was merged; long enough for a wrong one to be noticed by who lost the account.
UNDO_FOR: Final = timedelta(days=30)
LONGEST_REASON: Final = 200
# Who vouches for an account, from nobody to the State.
_ORDER: Final = (ProofSource.SELF, ProofSource.COUNTER, ProofSource.NATIONAL_ID)


class Hindrance(StrEnum):
    """Why two accounts are not merged, or not this way round."""

    ONE_ACCOUNT = "one_account"
    STAFF = "staff"
    KEPT_NOT_OPEN = "kept_not_open"
    KEPT_NOT_PROVED = "kept_not_proved"
    MERGED_PROVED_BETTER = "merged_proved_better"
    MERGED_CLOSED = "merged_closed"
    MERGED_LOCKED = "merged_locked"
    MERGED_MAY_BE_UNDONE = "merged_may_be_undone"


class Likeness(StrEnum):
    """How a fact of one account stands to that of the other."""

    SAME = "same"
    OTHER = "other"
    UNKNOWN = "unknown"


class Known(StrEnum):
    """Which of the two accounts a service knows; services of one sector know together."""

    KEPT = "kept"
    MERGED = "merged"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two accounts, with what a decision rests on. `may_be_undone`: it was itself kept not long ago."""

    subject: Subject
    profile: Profile
    lock: Lock | None
    created_at: datetime
    may_be_undone: bool

    def said(self, name: str) -> str:
        return str(self.profile.claims.get(name, ""))


@dataclass(frozen=True, slots=True)
class Visit:
    """A service that knows one of the two accounts: the `sub` it sees afterwards, and the one that it sees no more."""

    service_id: UUID
    sector: str
    known: Known
    sees: str
    no_more: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge would do now. Both officers decide on this, and on nothing else."""

    kept: Side
    merged: Side
    visits: tuple[Visit, ...]

    @property
    def hindrance(self) -> Hindrance | None:
        return hindrance(self.kept, self.merged)

    @property
    def inherited(self) -> dict[str, str]:
        """The sectors that go on seeing the merged account's `sub`, now for the kept one."""
        return {each.sector: each.sees for each in self.visits if each.known is Known.MERGED}

    def likeness(self) -> dict[str, Likeness]:
        """How number, name (without its accents) and birth date compare."""
        return {
            "number": _compare(self.kept.said("personal_id_number"), self.merged.said("personal_id_number")),
            "name": _compare(_plain_name(self.kept), _plain_name(self.merged)),
            "birthdate": _compare_dates(self.kept.said("birthdate"), self.merged.said("birthdate")),
        }

    def digest(self) -> str:
        """SHA-256 over what was seen: whose accounts, how they stand and are proved, which service knows which."""
        sides = [
            [
                side.subject.id.hex,
                side.subject.state.value,
                side.subject.proof_source.value,
                int(side.subject.account_level),
                side.lock.ground.value if side.lock else "",
                *(side.said(name) for name in ("personal_id_number", "name", "birthdate")),
            ]
            for side in (self.kept, self.merged)
        ]
        visits = sorted([each.service_id.hex, each.sector, each.known.value, each.sees] for each in self.visits)
        return sha256(b"idp merge 1" + orjson.dumps([sides, visits])).hexdigest()


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge that was done."""

    id: UUID
    kept_id: UUID
    merged_id: UUID
    merged_at: datetime
    undo_until: datetime
    asked_as: str
    approved_as: str
    undone_at: datetime | None = None

    def may_be_undone(self, now: datetime) -> bool:
        return self.undone_at is None and now < self.undo_until


def hindrance(kept: Side, merged: Side) -> Hindrance | None:
    """Why the one is not merged into the other; None where nothing stands against it.

    A way into the kept account is a way to all that services know of the merged one, so that it must be proved whose it
    is. A lock that somebody decided is not got round by merging.
    """
    rules = {
        Hindrance.ONE_ACCOUNT: kept.subject.id == merged.subject.id,
        Hindrance.STAFF: {kept.subject.kind, merged.subject.kind} != {SubjectKind.PERSON},
        Hindrance.MERGED_CLOSED: merged.subject.state is AccountState.CLOSED,
        Hindrance.KEPT_NOT_OPEN: kept.subject.state is not AccountState.ACTIVE,
        Hindrance.MERGED_LOCKED: _is_shut_by_others(merged),
        Hindrance.KEPT_NOT_PROVED: kept.subject.proof_source is ProofSource.SELF,
        Hindrance.MERGED_PROVED_BETTER: rank(merged.subject) > rank(kept.subject),
        Hindrance.MERGED_MAY_BE_UNDONE: merged.may_be_undone,
    }
    return next((each for each, stands in rules.items() if stands), None)


def rank(subject: Subject) -> tuple[int, int]:
    """How well an account is proved: who vouches for it, then the level that the State gave."""
    return _ORDER.index(subject.proof_source), int(subject.account_level)


def check_reason(said: Mapping[str, str]) -> dict[str, str]:
    """Why, and by which document, as a case keeps it; raises Refusal('reason_missing') with the field."""
    body = {name: said.get(name, "").strip()[:LONGEST_REASON] for name in ("reason", "document")}
    for name, text in body.items():
        if not text:
            raise Refusal("reason_missing", "say why they are one person's, and by which document", field=name)
    return body


def visits(known: Iterable[tuple[UUID, str, bool]], subs: Mapping[tuple[str, bool], str]) -> tuple[Visit, ...]:
    """What each service sees afterwards. `known`: service, sector, and whether it is the kept account that is known;
    `subs`: the present `sub` by sector and whether it is the kept one's.

    Who knew the merged account alone goes on with its `sub`, so that no dossier is lost; who knows the kept one, or
    both, sees the kept one's: two identifiers cannot both go on, and one that is in use is not changed.
    """
    rows = list(known)
    sectors = {is_kept: {sector for _, sector, kept in rows if kept is is_kept} for is_kept in (True, False)}
    found: dict[UUID, Visit] = {}
    for service_id, sector, _ in rows:
        is_kept, is_merged = sector in sectors[True], sector in sectors[False]
        which = Known.BOTH if is_kept and is_merged else Known.KEPT if is_kept else Known.MERGED
        no_more = subs[sector, False] if which is Known.BOTH else ""
        found[service_id] = Visit(service_id, sector, which, subs[sector, is_kept], no_more)
    return tuple(sorted(found.values(), key=lambda each: each.service_id))


def _is_shut_by_others(side: Side) -> bool:
    """Locked by a decision: neither at the own wish nor on an automatic ground."""
    return side.lock is not None and side.lock.ground is not Ground.OWN_WISH and not side.lock.ground.is_automatic


def _plain_name(side: Side) -> str:
    return names.fold(side.said("name"))


def _compare(one: str, other: str) -> Likeness:
    if not one or not other:
        return Likeness.UNKNOWN
    return Likeness.SAME if one == other else Likeness.OTHER


def _compare_dates(one: str, other: str) -> Likeness:
    """A date that is known to the year alone agrees with every day of it."""
    length = min(len(one), len(other))
    return _compare(one[:length], other[:length])
