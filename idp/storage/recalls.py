"""Recalls: which proofs fall, the rows of a recall's progress, and the falling itself, many people in one statement."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, bindparam, func, insert, literal_column, or_, select, update

from idp.domain.levels import AccountLevel, ProofSource
from idp.domain.recalls import ANCHORS, METHOD, Recall, RecallState, Scope
from idp.runtime import chance
from idp.runtime.keyring import Keyring
from idp.storage.accounts import SHARED_PROOFS, Record, profile_columns, profile_of, subject_columns, subject_of
from idp.storage.database import Tx
from idp.storage.tables import data_keys, facts, identifiers, profiles, recalls, sign_in_names, subjects


def count_people(tx: Tx, scope: Scope) -> int:
    """How many people's proofs stand today on a check within the scope."""
    statement = select(func.count(facts.c.subject_id.distinct())).select_from(_RECORDED)
    return int(tx.scalar(statement.where(*_within(scope))) or 0)


def list_people(tx: Tx, scope: Scope, *, after: UUID | None, limit: int) -> list[UUID]:
    """Whose proofs those are, in the order of their ids; nobody who was erased."""
    statement = select(facts.c.subject_id).select_from(_RECORDED).where(*_within(scope))
    if after is not None:
        statement = statement.where(facts.c.subject_id > after)
    return list(tx.scalars(statement.distinct().order_by(facts.c.subject_id).limit(limit)))


def lock_people(tx: Tx, keyring: Keyring, scope: Scope, subject_ids: Sequence[UUID]) -> list[Record]:
    """The accounts of those of these people whose proofs still fall, held until the transaction ends.

    They are held first and asked after: who was proved again in between, by somebody else, is none of them.
    """
    held = (
        select(*subject_columns(), *profile_columns())
        .select_from(subjects)
        .join(data_keys, data_keys.c.subject_id == subjects.c.id)
        .join(profiles, profiles.c.subject_id == subjects.c.id)
        .where(subjects.c.id.in_(subject_ids))
        .order_by(subjects.c.id)
        .with_for_update(of=subjects)
    )
    ids = [row.subject_id for row in tx.execute(held)]
    still = select(facts.c.subject_id).where(*_within(scope), facts.c.subject_id.in_(ids)).distinct()
    # Read anew: what stood in the rows may have been written over while they were waited for.
    fresh = held.where(subjects.c.id.in_(list(tx.scalars(still))))
    return [
        Record(subject_of(row), keyring.unwrap(row.wrapped, row.subject_id), profile_of(keyring, row))
        for row in tx.execute(fresh)
    ]


def save_fallen(tx: Tx, records: Sequence[Record], claims: Mapping[UUID, Mapping[str, object]], now: datetime) -> None:
    """Nobody vouches for these people any more: account, number, names and facts are what they say of themselves.

    `claims` are their profiles as they stand from now on. The facts that fall stay on record as superseded.
    """
    ids = [record.subject.id for record in records]
    fallen = {"proof_source": ProofSource.SELF, "account_level": AccountLevel.NONE, "updated_at": now}
    tx.execute(update(subjects).where(subjects.c.id.in_(ids)).values(fallen))
    _save_facts(tx, records, now)
    vouched = (identifiers.c.subject_id.in_(ids), identifiers.c.ended_at.is_(None), _vouched(identifiers.c.source))
    declared = {"source": ProofSource.SELF, "verified_at": None, "verified_by": None}
    tx.execute(update(identifiers).where(*vouched).values(declared))
    proved = (sign_in_names.c.subject_id.in_(ids), sign_in_names.c.proof.not_in(SHARED_PROOFS))
    tx.execute(update(sign_in_names).where(*proved).values(proof="self"))
    written = update(profiles).where(profiles.c.subject_id == bindparam("of")).values(updated_at=now)
    place = "profiles.claims_sealed"
    rows = [
        {"of": id_, "claims_sealed": record.key.seal(place, id_, orjson.dumps(dict(claims[id_])).decode())}
        for id_, record in zip(ids, records, strict=True)
    ]
    tx.execute(written, rows)


def insert_recall(tx: Tx, recall: Recall) -> None:
    tx.execute(
        insert(recalls).values(
            id=recall.id,
            officer=recall.scope.officer,
            source=recall.scope.source,
            since=recall.scope.since,
            before=recall.scope.before,
            reason=recall.reason,
            state=recall.state,
            persons=recall.persons,
            done=recall.done,
            cursor=recall.cursor,
            asked_as=recall.asked_as[:64],
            approved_as=recall.approved_as[:64],
            created_at=recall.created_at,
        )
    )


def lock_running(tx: Tx) -> Recall | None:
    """The oldest recall that is not done, for this worker alone until the transaction ends."""
    statement = select(recalls).where(recalls.c.state == RecallState.RUNNING).order_by(recalls.c.id).limit(1)
    row = tx.execute(statement.with_for_update(skip_locked=True)).one_or_none()
    return _recall(row) if row else None


def save_progress(tx: Tx, recall_id: UUID, *, fallen: int, cursor: UUID | None) -> None:
    """So many more are done, up to this person."""
    where = recalls.c.id == recall_id
    tx.execute(update(recalls).where(where).values(done=recalls.c.done + fallen, cursor=cursor))


def end_recall(tx: Tx, recall_id: UUID, now: datetime) -> None:
    tx.execute(update(recalls).where(recalls.c.id == recall_id).values(state=RecallState.DONE, ended_at=now))


def list_recalls(tx: Tx, *, limit: int) -> list[Recall]:
    """The newest first."""
    return [_recall(row) for row in tx.execute(select(recalls).order_by(recalls.c.id.desc()).limit(limit))]


def _save_facts(tx: Tx, records: Sequence[Record], now: datetime) -> None:
    keys = {record.subject.id: record.key for record in records}
    standing = (facts.c.subject_id.in_(list(keys)), facts.c.superseded_at.is_(None), _vouched(facts.c.source))
    rows = tx.execute(select(facts.c.id, facts.c.subject_id, facts.c.name, facts.c.value_sealed).where(*standing)).all()
    tx.execute(update(facts).where(*standing).values(superseded_at=now))
    place, said = "facts.value_sealed", []
    for row in rows:
        id_, key = chance.new_id(now), keys[row.subject_id]
        value = key.seal(place, id_, key.open(place, row.id, row.value_sealed))
        said.append({"id": id_, "subject_id": row.subject_id, "name": row.name, "value_sealed": value})
    same = {"source": ProofSource.SELF, "method": METHOD, "verified_by": "", "valid_from": now}
    if said:
        tx.execute(insert(facts), [{**each, **same} for each in said])


def _within(scope: Scope) -> tuple[ColumnElement[bool], ...]:
    """The facts that say who somebody is, stand today, and were checked within the scope."""
    where = (
        facts.c.superseded_at.is_(None),
        _vouched(facts.c.source),
        facts.c.source == scope.source,
        facts.c.verified_at >= scope.since,
        facts.c.verified_at < scope.before,
        facts.c.name.in_(ANCHORS),
    )
    if not scope.officer:
        return where
    by = facts.c.verified_by
    return (*where, or_(by == scope.officer, by.startswith(f"{scope.officer}@", autoescape=True)))


def _vouched(source: Any) -> ColumnElement[bool]:
    """Written out, so that the index over such facts alone is known to hold them all."""
    said: ColumnElement[bool] = source != literal_column(f"'{ProofSource.SELF.value}'")
    return said


def _recall(row: Any) -> Recall:
    return Recall(
        id=row.id,
        scope=Scope(row.officer, ProofSource(row.source), row.since, row.before),
        reason=row.reason,
        state=RecallState(row.state),
        persons=row.persons,
        done=row.done,
        cursor=row.cursor,
        asked_as=row.asked_as,
        approved_as=row.approved_as,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )


# The facts of people who have a record: nobody who was erased.
_RECORDED = facts.join(data_keys, data_keys.c.subject_id == facts.c.subject_id).join(
    profiles, profiles.c.subject_id == facts.c.subject_id
)
