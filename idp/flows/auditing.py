"""Auditors read the history of everybody; that they read, and what they looked for, stands in it too."""

from uuid import UUID

from idp import storage
from idp.domain import identifiers, spreadsheets
from idp.domain.audit import Entry, Event
from idp.domain.refusals import Refusal
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from idp.storage.audit import Search

# A page; a file. Further entries are a search over fewer days.
A_PAGE = 50
A_FILE = 10_000
# Each proof is some twenty look-ups; whole months are taken away by `flask audit export`.
PROVED = 500
COLUMNS = ("id", "at", "event", "actor", "subject", "service", "session", "details", "leaf_hash")


def find_person(tx: storage.Tx, runtime: Runtime, personal_number: str) -> UUID:
    """Whose history is asked for by a number; raises Refusal('invalid_identifier', 'no_such_account')."""
    number = identifiers.check_personal_number(personal_number, today=runtime.today).value
    found = storage.people.find_by_number(tx, runtime.keyring, number)
    if found is None:
        raise Refusal("no_such_account", "nobody signs in with this number")
    return found.id


def search(
    tx: storage.Tx, runtime: Runtime, wanted: Search, *, purpose: str, actor: str, below: UUID | None = None
) -> list[Entry]:
    """One page of what was found, and one entry more where there is more. Raises Refusal('reason_missing')."""
    found = _read(tx, runtime, wanted, A_PAGE + 1, below)
    _note(tx, runtime, Event.LOG_READ, wanted, purpose, actor, len(found))
    return found


def export(tx: storage.Tx, runtime: Runtime, wanted: Search, *, purpose: str, actor: str) -> str:
    """What was found as CSV, at most A_FILE lines, the newest first; a cell never begins a formula."""
    found = _read(tx, runtime, wanted, A_FILE, None)
    _note(tx, runtime, Event.LOG_EXPORTED, wanted, purpose, actor, len(found))
    return spreadsheets.write(
        COLUMNS, (_cells(entry, digest) for entry, digest in storage.audit.list_hashes(tx, found))
    )


def _cells(entry: Entry, digest: bytes) -> list[str]:
    cells: tuple[object, ...] = (
        entry.id,
        entry.at.isoformat(),
        entry.event,
        entry.actor,
        entry.subject_id or "",
        entry.service_id or "",
        entry.session_id or "",
        entry.details,
        digest.hex(),
    )
    return [str(cell) for cell in cells]


def list_to_prove(tx: storage.Tx, runtime: Runtime, wanted: Search, *, purpose: str, actor: str) -> list[UUID]:
    """Which entries were found, the newest PROVED at most, for who takes them away each with its proof."""
    found = _read(tx, runtime, wanted, PROVED, None)
    _note(tx, runtime, Event.LOG_EXPORTED, wanted, purpose, actor, len(found))
    return [each.id for each in found]


def _read(tx: storage.Tx, runtime: Runtime, wanted: Search, limit: int, below: UUID | None) -> list[Entry]:
    return storage.audit.list_found(tx, runtime.keyring, wanted, limit=limit, below=below)


def _note(tx: storage.Tx, runtime: Runtime, event: Event, wanted: Search, purpose: str, actor: str, found: int) -> None:
    """The person whose history was asked for reads who looked, and why."""
    if not purpose.strip():
        raise Refusal("reason_missing", "say why you look")
    now, person = runtime.clock.now(), wanted.subject_id
    days = f"{wanted.since.isoformat()} {wanted.before.isoformat()}"
    details = f"{purpose[:150]}\n{days} {wanted.event or ''} {wanted.actor} {found}"
    entry = Entry(id=chance.new_id(now), at=now, event=event, actor=actor[:64], details=details)
    storage.audit.insert_entry(tx, entry, runtime.keyring.house_key())
    key = storage.data_keys.find_data_key(tx, runtime.keyring, person) if person is not None else None
    if key is not None:
        look = Entry(
            id=chance.new_id(now),
            at=now,
            event=Event.RECORD_READ,
            subject_id=person,
            actor=actor[:64],
            details=purpose[:150],
        )
        storage.audit.insert_entry(tx, look, key)
