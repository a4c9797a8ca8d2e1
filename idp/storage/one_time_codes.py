"""Codes that were sent: a keyed digest, the tries left in it, used once.

A digest of six digits is soon guessed by whoever holds its key; the key is never in the database.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, update

from idp.domain.identifiers import ContactKind
from idp.domain.one_time_codes import CodePurpose
from idp.runtime import chance
from idp.runtime.keyring import Keyring
from idp.storage.database import Tx
from idp.storage.tables import one_time_codes


def insert_code(
    tx: Tx,
    keyring: Keyring,
    purpose: CodePurpose,
    kind: ContactKind,
    contact: str,
    code: str,
    *,
    subject_id: UUID | None,
    now: datetime,
    expires_at: datetime,
) -> UUID:
    """Keep what was sent; the id belongs into the sealed page that asked for it."""
    id_ = chance.new_id(now)
    tx.execute(
        insert(one_time_codes).values(
            id=id_,
            purpose=purpose,
            subject_id=subject_id,
            contact_index=keyring.index(f"contact/{kind}", contact),
            code_index=keyring.index(f"code/{id_}", code),
            tries=0,
            created_at=now,
            expires_at=expires_at,
        )
    )
    return id_


def use_code(
    tx: Tx,
    keyring: Keyring,
    code_id: UUID,
    purpose: CodePurpose,
    kind: ContactKind,
    contact: str,
    typed: str,
    *,
    most_tries: int,
    now: datetime,
) -> bool:
    """Whether `typed` is the code that was sent there for this purpose; each call is a try, a right one the last."""
    is_open = (
        one_time_codes.c.id == code_id,
        one_time_codes.c.purpose == purpose,
        one_time_codes.c.contact_index.in_(keyring.indexes(f"contact/{kind}", contact)),
        one_time_codes.c.used_at.is_(None),
        one_time_codes.c.expires_at > now,
        one_time_codes.c.tries < most_tries,
    )
    # Counted before it is looked at: the row is held, so that tries at the same moment come one after the other.
    statement = update(one_time_codes).where(*is_open).values(tries=one_time_codes.c.tries + 1)
    kept = tx.scalar(statement.returning(one_time_codes.c.code_index))
    digests = keyring.indexes(f"code/{code_id}", typed)
    if kept is None or not any(chance.equal(bytes(kept), digest) for digest in digests):
        return False
    tx.execute(update(one_time_codes).where(one_time_codes.c.id == code_id).values(used_at=now))
    return True
