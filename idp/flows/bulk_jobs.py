"""One deed for many people: accounts of old portals taken over, or everybody of a leak locked out.

A file is handed over and checked part by part, which changes nothing; a second officer decides on that very file; then
it is worked off part by part. Each part is one transaction that holds the job's row, so that a worker that dies leaves
whole parts only, and the next one goes on from there. A line whose person is there already is passed over, so that the
same file twice does nothing twice.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from uuid import UUID

from idp import storage
from idp.domain import bulk_files, bulk_jobs, names
from idp.domain.accounts import (
    TAKEN_OVER,
    AccountState,
    Deed,
    Ground,
    Lock,
    Profile,
    Subject,
    SubjectKind,
    check_lock,
    facts_of,
    move,
)
from idp.domain.audit import Entry, Event
from idp.domain.bulk_files import Fault, Line, Person
from idp.domain.bulk_jobs import BulkJob, JobKind, JobState, Passed
from idp.domain.claims import NUMBER_VERIFIED
from idp.domain.identifiers import CONTACT_CLAIMS, ContactKind
from idp.domain.levels import AccountLevel, ProofSource
from idp.domain.notices import Notice
from idp.domain.refusals import Refusal
from idp.domain.sessions import EndReason
from idp.runtime import chance
from idp.runtime.data_keys import DataKey
from idp.runtime.runtime import Runtime
from idp.storage.people import NewPerson

WORKER = "the worker"


def hand_over(
    tx: storage.Tx,
    runtime: Runtime,
    kind: JobKind,
    raw: bytes,
    lines: Sequence[Line],
    said: Mapping[str, str],
    *,
    actor: str,
) -> BulkJob:
    """Keep a file, sealed, for the worker to check. The same file with the same words is the job that there is."""
    digest, now = sha256(raw).hexdigest(), runtime.clock.now()
    same = storage.bulk_jobs.find_same(tx, kind, digest, said)
    if same is not None:
        return same
    job = BulkJob(
        id=chance.new_id(now),
        kind=kind,
        state=JobState.CHECKING,
        said=dict(said),
        digest=digest,
        lines=len(lines),
        done=0,
        good=0,
        part=0,
        asked_as=actor,
        approved_as="",
        created_at=now,
        ended_at=None,
    )
    storage.bulk_jobs.insert_job(tx, runtime.keyring, job, lines)
    _note(tx, runtime, job, Event.BULK_HANDED_OVER, actor)
    return job


def start(tx: storage.Tx, runtime: Runtime, body: Mapping[str, str], *, asked_as: str, approved_as: str) -> BulkJob:
    """Begin what two officers want: the very file that was checked, and no other.

    Raises Refusal('not_found', 'wrong_state', 'case_changed').
    """
    job = storage.bulk_jobs.find_job(tx, UUID(body["job"]), held=True)
    if job is None:
        raise Refusal("not_found", "there is no such job")
    if job.state is not JobState.CHECKED:
        raise Refusal("wrong_state", f"the job is {job.state}")
    if job.body != dict(body):
        raise Refusal("case_changed", "the job is not what was asked about")
    storage.bulk_jobs.save_state(tx, job, JobState.RUNNING, approved_as=approved_as)
    _note(tx, runtime, job, Event.BULK_STARTED, f"{asked_as} {approved_as}")
    return job


def work_off(tx: storage.Tx, runtime: Runtime, notice: Notice) -> bool:
    """One part of the oldest job that wants work; True while there may be more to do.

    `notice` is what each person is told who is locked out, by every contact that was proved.
    """
    job = storage.bulk_jobs.lock_next(tx)
    if job is None:
        return False
    lines = storage.bulk_jobs.find_lines(tx, runtime.keyring, job)
    if lines is None:
        _end_pass(tx, runtime, job)
        return True
    passed = _import(tx, runtime, job, lines) if job.kind is JobKind.IMPORT else _lock(tx, runtime, job, lines, notice)
    storage.bulk_jobs.save_part(tx, job, sorted(passed, key=lambda each: each.line), looked_at=len(lines))
    return True


def drop_unwanted(tx: storage.Tx, runtime: Runtime, *, limit: int) -> int:
    """Throw away what was checked and nobody approved in time; gives how many."""
    now = runtime.clock.now()
    unwanted = storage.bulk_jobs.list_unwanted(tx, now - bulk_jobs.KEPT_FOR, limit=limit)
    for job in unwanted:
        storage.bulk_jobs.end_lines(tx, job.id)
        storage.bulk_jobs.save_state(tx, job, JobState.DROPPED, ended_at=now)
        _note(tx, runtime, job, Event.BULK_DROPPED, WORKER)
    return len(unwanted)


def _end_pass(tx: storage.Tx, runtime: Runtime, job: BulkJob) -> None:
    if job.state is JobState.CHECKING:
        storage.bulk_jobs.save_state(tx, job, JobState.CHECKED)
        return
    storage.bulk_jobs.save_state(tx, job, JobState.DONE, ended_at=runtime.clock.now())
    _note(tx, runtime, job, Event.BULK_DONE, WORKER)


# -- taking over ---------------------------------------------------------------------------------------------------


def _import(tx: storage.Tx, runtime: Runtime, job: BulkJob, lines: Sequence[Line]) -> list[Passed]:
    """What is passed over; where the job runs, the others are accounts now that wait for their owners to claim them."""
    checked = [(line.number, bulk_files.check_person(line, today=runtime.today)) for line in lines]
    passed = [Passed(number, found) for number, found in checked if isinstance(found, Fault)]
    people = [(number, found) for number, found in checked if isinstance(found, Person)]
    there = storage.people.list_on_record(tx, runtime.keyring, [person.number for _, person in people])
    passed += [Passed(number, Fault.THERE) for number, person in people if person.number in there]
    new = [person for _, person in people if person.number not in there]
    if job.state is JobState.RUNNING and new:
        _insert(tx, runtime, job, new)
    return passed


def _insert(tx: storage.Tx, runtime: Runtime, job: BulkJob, new: Sequence[Person]) -> None:
    now, actor = runtime.clock.now(), job.approved_as[:64]
    made = [_new_person(runtime, person, actor) for person in new]
    storage.people.insert_people(tx, runtime.keyring, made, now)
    entries = [
        Entry(id=chance.new_id(now), at=now, event=Event.ACCOUNT_PRELOADED, subject_id=each.subject.id, actor=actor)
        for each in made
    ]
    storage.audit.insert_entries(tx, entries)


def _new_person(runtime: Runtime, person: Person, actor: str) -> NewPerson:
    now = runtime.clock.now()
    subject = Subject(chance.new_id(now), SubjectKind.PERSON, AccountState.PENDING, AccountLevel.NONE, ProofSource.SELF)
    contacts = {ContactKind.PHONE: person.phone, ContactKind.EMAIL: person.email}
    found = {kind: value for kind, value in contacts.items() if value}
    claims: dict[str, object] = {"name": person.name, "birthdate": person.birthdate}
    claims |= {CONTACT_CLAIMS[kind]: value for kind, value in found.items()}
    claims |= {"updated_at": int(now.timestamp()), "personal_id_number": person.number, NUMBER_VERIFIED: False}
    profile = Profile(subject.id, claims, ProofSource.SELF)
    return NewPerson(
        subject=subject,
        key=runtime.keyring.new_data_key(),
        number=person.number,
        profile=profile,
        facts=facts_of(profile, method=TAKEN_OVER, actor=actor, now=now, new_id=lambda: chance.new_id(now)),
        contacts=found,
        words=names.search_prefixes(person.name),
    )


# -- locking out ---------------------------------------------------------------------------------------------------


def _lock(tx: storage.Tx, runtime: Runtime, job: BulkJob, lines: Sequence[Line], notice: Notice) -> list[Passed]:
    """What is passed over; where the job runs, everybody who signs in with the other numbers is locked out now."""
    checked = [(line.number, bulk_files.check_number(line, today=runtime.today)) for line in lines]
    passed = [Passed(line, found) for line, found in checked if isinstance(found, Fault)]
    numbers = {line: str(found) for line, found in checked if not isinstance(found, Fault)}
    is_running = job.state is JobState.RUNNING
    owners = storage.people.list_owners_of(tx, runtime.keyring, list(numbers.values()), held=is_running)
    new = Lock(
        Ground(job.said["ground"]),
        job.said["reason"],
        job.said["source"],
        job.said.get("legal_basis", ""),
    )
    open_ones = _open_to(tx, runtime, new, [each for of_one in owners.values() for each in of_one])
    for line, number in numbers.items():
        if number not in owners:
            passed.append(Passed(line, Fault.UNKNOWN))
        elif not any(each.id in open_ones for each in owners[number]):
            passed.append(Passed(line, Fault.NOT_OPEN))
    if is_running and open_ones:
        _lock_out(tx, runtime, job, new, list(open_ones.values()), notice)
    return passed


def _open_to(tx: storage.Tx, runtime: Runtime, new: Lock, people: Sequence[Subject]) -> dict[UUID, Subject]:
    """Those of these accounts on which this lock may be put."""
    locks, now = storage.account_states.list_locks(tx, [each.id for each in people]), runtime.clock.now()
    found = {}
    for each in people:
        try:
            move(each.state, Deed.LOCK)
            check_lock(new, locks.get(each.id), now)
        except Refusal:
            continue
        found[each.id] = each
    return found


def _lock_out(
    tx: storage.Tx, runtime: Runtime, job: BulkJob, new: Lock, people: Sequence[Subject], notice: Notice
) -> None:
    now, keyring, actor = runtime.clock.now(), runtime.keyring, job.approved_as[:64]
    ids = [each.id for each in people]
    storage.account_states.save_locks(tx, ids, new, now)
    keys: dict[UUID, DataKey] = storage.data_keys.list_data_keys(tx, keyring, ids)
    told = "\n".join(part for part in (new.ground, new.reason, new.source, new.legal_basis) if part)
    entries = [
        Entry(id=chance.new_id(now), at=now, event=Event.ACCOUNT_LOCKED, subject_id=each, actor=actor, details=told)
        for each in keys
    ]
    storage.audit.insert_entries(tx, entries, keys)
    storage.endings.end_people(tx, keyring, ids, EndReason.LOCKED, now, actor=actor)
    for subject_id, contacts in storage.factors.list_contacts_of(tx, keys).items():
        storage.outbox.insert_notices(tx, keyring, contacts, notice, subject_id, now)


def _note(tx: storage.Tx, runtime: Runtime, job: BulkJob, event: Event, actor: str) -> None:
    now = runtime.clock.now()
    details = f"{job.kind} {job.id} {job.lines} {job.good} {job.digest}"
    entry = Entry(id=chance.new_id(now), at=now, event=event, actor=actor[:64], details=details)
    storage.audit.insert_entry(tx, entry, runtime.keyring.house_key())
