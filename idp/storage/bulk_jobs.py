"""Bulk jobs and the parts of their files: lines are sealed while they wait, and gone once they are worked off."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import insert, select, update

from idp.domain.bulk_files import Fault, Line
from idp.domain.bulk_jobs import A_PART, BulkJob, JobKind, JobState, Passed
from idp.runtime import chance
from idp.runtime.keyring import Keyring
from idp.storage.database import Tx
from idp.storage.tables import bulk_jobs, bulk_parts

_PLACE = "bulk_parts.lines_sealed"
AT_WORK = (JobState.CHECKING, JobState.RUNNING)
NOT_OVER = (*AT_WORK, JobState.CHECKED)


def insert_job(tx: Tx, keyring: Keyring, job: BulkJob, lines: Sequence[Line]) -> None:
    """A job with its lines, sealed part by part under the house's key."""
    tx.execute(
        insert(bulk_jobs).values(
            id=job.id,
            kind=job.kind,
            state=job.state,
            said=dict(job.said),
            digest=job.digest,
            lines=job.lines,
            done=job.done,
            good=job.good,
            part=job.part,
            asked_as=job.asked_as[:64],
            approved_as=job.approved_as[:64],
            created_at=job.created_at,
        )
    )
    house, rows = keyring.house_key(), []
    for number, at in enumerate(range(0, len(lines), A_PART)):
        id_ = chance.new_id(job.created_at)
        text = orjson.dumps([[each.number, each.is_twice, *each.cells] for each in lines[at : at + A_PART]]).decode()
        sealed = house.seal(_PLACE, id_, text)
        rows.append({"id": id_, "job_id": job.id, "number": number, "lines_sealed": sealed, "passed": []})
    tx.execute(insert(bulk_parts), rows)


def find_job(tx: Tx, job_id: UUID, *, held: bool = False) -> BulkJob | None:
    """A job; `held`, for this transaction alone until it ends."""
    statement = select(bulk_jobs).where(bulk_jobs.c.id == job_id)
    row = tx.execute(statement.with_for_update() if held else statement).one_or_none()
    return _job(row) if row else None


def find_same(tx: Tx, kind: JobKind, digest: str, said: Mapping[str, str]) -> BulkJob | None:
    """The job that is not over and was asked for with this very file and these words: a page that was sent twice."""
    where = (bulk_jobs.c.kind == kind, bulk_jobs.c.digest == digest, bulk_jobs.c.state.in_(NOT_OVER))
    found = [_job(row) for row in tx.execute(select(bulk_jobs).where(*where).order_by(bulk_jobs.c.id.desc()))]
    return next((each for each in found if dict(each.said) == dict(said)), None)


def list_jobs(tx: Tx, *, limit: int) -> list[BulkJob]:
    """The newest first."""
    return [_job(row) for row in tx.execute(select(bulk_jobs).order_by(bulk_jobs.c.id.desc()).limit(limit))]


def lock_next(tx: Tx) -> BulkJob | None:
    """The oldest job that wants work, for this worker alone until the transaction ends: a lock before any import."""
    is_lock = bulk_jobs.c.kind == JobKind.LOCK
    statement = (
        select(bulk_jobs).where(bulk_jobs.c.state.in_(AT_WORK)).order_by(is_lock.desc(), bulk_jobs.c.id).limit(1)
    )
    row = tx.execute(statement.with_for_update(skip_locked=True)).one_or_none()
    return _job(row) if row else None


def find_lines(tx: Tx, keyring: Keyring, job: BulkJob) -> list[Line] | None:
    """The lines of the next part of a job; None where all were worked off."""
    where = (bulk_parts.c.job_id == job.id, bulk_parts.c.number == job.part)
    row = tx.execute(select(bulk_parts.c.id, bulk_parts.c.lines_sealed).where(*where)).one_or_none()
    if row is None or row.lines_sealed is None:
        return None
    text = keyring.house_key_of(row.lines_sealed).open(_PLACE, row.id, row.lines_sealed)
    return [Line(number, tuple(cells), is_twice) for number, is_twice, *cells in orjson.loads(text)]


def save_part(tx: Tx, job: BulkJob, passed: Sequence[Passed], *, looked_at: int) -> None:
    """What came of the next part; its lines are gone once they were worked off, not merely checked."""
    where = (bulk_parts.c.job_id == job.id, bulk_parts.c.number == job.part)
    values: dict[str, Any] = {"passed": [[each.line, each.fault] for each in passed]}
    if job.state is JobState.RUNNING:
        values["lines_sealed"] = None
    tx.execute(update(bulk_parts).where(*where).values(values))
    steps = {"done": job.done + looked_at, "good": job.good + looked_at - len(passed), "part": job.part + 1}
    tx.execute(update(bulk_jobs).where(bulk_jobs.c.id == job.id).values(steps))


def save_state(
    tx: Tx, job: BulkJob, state: JobState, *, approved_as: str = "", ended_at: datetime | None = None
) -> None:
    """The job's next state; a pass that begins counts anew."""
    values: dict[str, Any] = {"state": state, "ended_at": ended_at}
    if state is JobState.RUNNING:
        values |= {"done": 0, "good": 0, "part": 0, "approved_as": approved_as[:64]}
    tx.execute(update(bulk_jobs).where(bulk_jobs.c.id == job.id).values(values))


def list_passed(tx: Tx, job_id: UUID, *, limit: int | None = None, offset: int = 0) -> list[Passed]:
    """The lines that were passed over, in the order of the file."""
    found: list[Passed] = []
    parts = select(bulk_parts.c.passed).where(bulk_parts.c.job_id == job_id).order_by(bulk_parts.c.number)
    for passed in tx.scalars(parts):
        found += [Passed(line, Fault(fault)) for line, fault in passed]
        if limit is not None and len(found) >= offset + limit:
            break
    return found[offset : None if limit is None else offset + limit]


def list_unwanted(tx: Tx, before: datetime, *, limit: int) -> list[BulkJob]:
    """Jobs that were checked before this moment, and that nobody approved, for this worker alone."""
    where = (bulk_jobs.c.state == JobState.CHECKED, bulk_jobs.c.created_at < before)
    statement = select(bulk_jobs).where(*where).order_by(bulk_jobs.c.id).limit(limit)
    return [_job(row) for row in tx.execute(statement.with_for_update(skip_locked=True))]


def end_lines(tx: Tx, job_id: UUID) -> None:
    """The file's lines are gone."""
    tx.execute(update(bulk_parts).where(bulk_parts.c.job_id == job_id).values(lines_sealed=None))


def _job(row: Any) -> BulkJob:
    return BulkJob(
        id=row.id,
        kind=JobKind(row.kind),
        state=JobState(row.state),
        said=row.said,
        digest=row.digest,
        lines=row.lines,
        done=row.done,
        good=row.good,
        part=row.part,
        asked_as=row.asked_as,
        approved_as=row.approved_as,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )
