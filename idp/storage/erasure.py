"""Erasing a person: the data key that opens everything sealed goes, and every row by which one could be found.

What stays are rows that say nothing without the key: the history with its hashes, grants, consents, and the subject
itself, closed, so that a `sub` is never given to somebody else. Backups are another matter (docs/operate/backup.md).
"""

from typing import Final
from uuid import UUID

from sqlalchemy import delete

from idp.storage.database import Tx
from idp.storage.tables import contacts, data_keys, identifiers, identity_links, name_words, sign_in_names

FOUND_BY: Final = (sign_in_names, name_words, contacts, identifiers, identity_links, data_keys)


def end_data(tx: Tx, subject_id: UUID) -> None:
    """Erase a person's data key and all look-ups; nothing brings them back."""
    for table in FOUND_BY:
        tx.execute(delete(table).where(table.c.subject_id == subject_id))
