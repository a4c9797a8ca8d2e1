"""Merges of two accounts: which services know which, whose `sub` they see, and what is put back when one is undone.

What an undo needs is sealed with the merged account's own data key, so that erasing that account ends it too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import delete, insert, or_, select, union, update
from sqlalchemy.exc import IntegrityError

from idp.domain.accounts import AccountState, Ground, Lock
from idp.domain.merging import Merge
from idp.runtime.data_keys import DataKey
from idp.storage.database import Tx
from idp.storage.relying_services import REMOVED
from idp.storage.tables import consents, identifiers, merges, relying_services, sign_in_names, subjects, subs

PLACE = "merges.undo_sealed"


@dataclass(frozen=True, slots=True)
class Before:
    """What a merge takes from an account: its state, names to sign in with (kind, value, proof), the identifiers it
    ended, and the sectors whose `sub` went over to the kept account."""

    state: AccountState
    lock: Lock | None
    names: tuple[tuple[str, str, str], ...]
    identifier_ids: tuple[UUID, ...]
    sectors: tuple[str, ...]


# -- who knows whom ------------------------------------------------------------------------------------------------


def list_known(tx: Tx, subject_ids: Sequence[UUID]) -> list[tuple[UUID, UUID, str]]:
    """Person, service, sector: where one agreed or was told of a law, and where a `sub` was given for the sector.

    Nothing is released without such an answer, and answers are kept for ever. None of a service that was removed.
    """
    told = (relying_services.c.id.label("service_id"), relying_services.c.sector)
    answered = (
        select(consents.c.subject_id, *told)
        .join(relying_services, relying_services.c.id == consents.c.service_id)
        .where(consents.c.subject_id.in_(subject_ids), relying_services.c.state != REMOVED)
    )
    named = (
        select(subs.c.subject_id, *told)
        .join(relying_services, relying_services.c.sector == subs.c.sector)
        .where(subs.c.subject_id.in_(subject_ids), relying_services.c.state != REMOVED)
    )
    return [(row.subject_id, row.service_id, row.sector) for row in tx.execute(union(answered, named))]


def list_subs(tx: Tx, subject_ids: Sequence[UUID]) -> dict[tuple[UUID, str], str]:
    """By person and sector, each `sub` that is not the derived one."""
    rows = tx.execute(select(subs).where(subs.c.subject_id.in_(subject_ids)))
    return {(row.subject_id, row.sector): row.sub for row in rows}


def give_sub(tx: Tx, sector: str, sub: str, *, of: UUID, to: UUID) -> None:
    """From now on a sector sees this `sub`, which was one person's, for another account."""
    moved = update(subs).where(subs.c.sector == sector, subs.c.subject_id == of).values(subject_id=to)
    if tx.execute(moved).rowcount == 0:
        tx.execute(insert(subs).values(sector=sector, subject_id=to, sub=sub))


def give_subs_back(tx: Tx, sectors: Sequence[str], *, of: UUID, to: UUID) -> None:
    """Undo of `give_sub`: what was derived stands written out from now on, and is the same."""
    tx.execute(update(subs).where(subs.c.sector.in_(sectors), subs.c.subject_id == of).values(subject_id=to))


# -- what the merged account had -----------------------------------------------------------------------------------


def end_names(tx: Tx, key: DataKey, subject_id: UUID) -> tuple[tuple[str, str, str], ...]:
    """Nobody signs in with this account's names any more; gives them: kind, value, proof."""
    where = sign_in_names.c.subject_id == subject_id
    rows = tx.execute(select(sign_in_names).where(where).order_by(sign_in_names.c.id)).all()
    tx.execute(delete(sign_in_names).where(where))
    return tuple(
        (row.kind, key.open("sign_in_names.value_sealed", row.id, row.value_sealed), row.proof) for row in rows
    )


def restore_identifiers(tx: Tx, identifier_ids: Sequence[UUID]) -> bool:
    """They count again; False when one was proved to be another's meanwhile, and the transaction is of no more use."""
    try:
        tx.execute(update(identifiers).where(identifiers.c.id.in_(identifier_ids)).values(ended_at=None))
    except IntegrityError:
        return False
    return True


# -- the merges ----------------------------------------------------------------------------------------------------


def insert_merge(tx: Tx, key: DataKey, merge: Merge, before: Before) -> None:
    lock = before.lock
    kept = {
        "state": before.state.value,
        "lock": lock and [lock.ground, lock.source, lock.legal_basis, lock.until and lock.until.isoformat()],
        "names": before.names,
        "identifiers": [each.hex for each in before.identifier_ids],
        "sectors": before.sectors,
    }
    tx.execute(
        insert(merges).values(
            id=merge.id,
            kept_id=merge.kept_id,
            merged_id=merge.merged_id,
            merged_at=merge.merged_at,
            undo_until=merge.undo_until,
            undo_sealed=key.seal(PLACE, merge.id, orjson.dumps(kept).decode()),
            asked_as=merge.asked_as[:64],
            approved_as=merge.approved_as[:64],
        )
    )


def find_merge(tx: Tx, merge_id: UUID, *, held: bool = False) -> Merge | None:
    """A merge; `held`, nobody else undoes it before this transaction ends."""
    statement = select(merges).where(merges.c.id == merge_id)
    row = tx.execute(statement.with_for_update() if held else statement).one_or_none()
    return _merge(row) if row else None


def find_before(tx: Tx, key: DataKey, merge_id: UUID) -> Before | None:
    """What is to be put back; None once that was let go."""
    sealed = tx.scalar(select(merges.c.undo_sealed).where(merges.c.id == merge_id))
    if sealed is None:
        return None
    kept = orjson.loads(key.open(PLACE, merge_id, sealed))
    return Before(
        state=AccountState(kept["state"]),
        lock=_lock(*kept["lock"]) if kept["lock"] else None,
        names=tuple((kind, value, proof) for kind, value, proof in kept["names"]),
        identifier_ids=tuple(UUID(each) for each in kept["identifiers"]),
        sectors=tuple(kept["sectors"]),
    )


def end_merge(tx: Tx, merge_id: UUID, approved_as: str, now: datetime) -> None:
    """It was undone, by whom; what was kept for that goes."""
    values = {"undone_at": now, "undone_as": approved_as[:64], "undo_sealed": None}
    tx.execute(update(merges).where(merges.c.id == merge_id).values(values))


def end_undo(tx: Tx, now: datetime) -> int:
    """Let go of what nobody can put back any more; gives how many."""
    where = (merges.c.undo_until <= now, merges.c.undo_sealed.is_not(None))
    return tx.execute(update(merges).where(*where).values(undo_sealed=None)).rowcount


def list_of_person(tx: Tx, subject_id: UUID) -> list[Merge]:
    """The merges of which an account is a part, the newest first."""
    where = or_(merges.c.kept_id == subject_id, merges.c.merged_id == subject_id)
    return [_merge(row) for row in tx.execute(select(merges).where(where).order_by(merges.c.id.desc()))]


def find_created_at(tx: Tx, subject_id: UUID) -> datetime:
    """When an account was made."""
    made: datetime = tx.execute(select(subjects.c.created_at).where(subjects.c.id == subject_id)).scalar_one()
    return made


def _lock(ground: str, source: str, legal_basis: str, until: str | None) -> Lock:
    ends = datetime.fromisoformat(until) if until else None
    return Lock(Ground(ground), source=source, legal_basis=legal_basis, until=ends)


def _merge(row: Any) -> Merge:
    return Merge(
        id=row.id,
        kept_id=row.kept_id,
        merged_id=row.merged_id,
        merged_at=row.merged_at,
        undo_until=row.undo_until,
        asked_as=row.asked_as,
        approved_as=row.approved_as,
        undone_at=row.undone_at,
    )
