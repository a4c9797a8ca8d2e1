"""Everything that is held on a person, for that person: looked at, or taken away as a file, which is noted."""

from typing import Final

from idp import storage
from idp.domain.audit import Entry, Event
from idp.domain.refusals import Refusal
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from idp.storage.own_data import Part
from idp.storage.sessions import SignedIn

# Rows of one part. Nobody comes near it but by a program of one's own; whoever does is told that there are more.
MOST: Final = 10_000


def look(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn) -> list[Part]:
    """All that is held on the person; raises Refusal('not_found') where the data were erased."""
    key = storage.data_keys.find_data_key(tx, runtime.keyring, signed_in.subject.id)
    if key is None:
        raise Refusal("not_found", "the person's data key was erased")
    return storage.own_data.list_parts(tx, key, signed_in.subject.id, most=MOST)


def take(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn) -> list[Part]:
    """The same for a file, which goes where nobody guards it any more: that it was taken stands in the history."""
    parts, now = look(tx, runtime, signed_in), runtime.clock.now()
    entry = Entry(
        id=chance.new_id(now),
        at=now,
        event=Event.DATA_TAKEN,
        subject_id=signed_in.subject.id,
        session_id=signed_in.session.id,
        actor="the person",
    )
    storage.audit.insert_entry(tx, entry)
    return parts
