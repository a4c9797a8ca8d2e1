"""Keys of tokens and of the log, and the pairwise key, their private parts sealed under the master key."""

from datetime import datetime

from sqlalchemy import exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from idp.runtime.data_keys import Unsealable
from idp.runtime.encryption import DecryptionKey
from idp.runtime.keyring import Keyring, StoredKeys
from idp.runtime.signing import SigningKey
from idp.storage import data_keys
from idp.storage.database import Tx
from idp.storage.tables import keys, subjects

SIGNING = "signing"
DECRYPTION = "decryption"
PAIRWISE = "pairwise"
LOG = "log"
# What services are told of. The key of the log has the same algorithm as one of these, and is none of them.
_PUBLISHED = (SIGNING, DECRYPTION)


def find_stored_keys(tx: Tx, keyring: Keyring) -> StoredKeys | None:
    """All keys as the keyring uses them, or None when some are still to be made."""
    signing, decryption, log, pairwise = [], [], [], b""
    for row in tx.execute(select(keys).order_by(keys.c.created_at, keys.c.kid)):
        private = keyring.open("wrap", row.private_sealed, _context(row.kid))
        if row.purpose == PAIRWISE:
            pairwise = private
        elif row.state != "gone" and row.purpose == SIGNING:
            signing.append(SigningKey(kid=row.kid, alg=row.alg, state=row.state, private=private))
        elif row.state != "gone" and row.purpose == DECRYPTION:
            decryption.append(DecryptionKey(kid=row.kid, alg=row.alg, state=row.state, private=private))
        elif row.purpose == LOG:
            log.append(SigningKey(kid=row.kid, alg=row.alg, state=row.state, private=private))
    house = data_keys.list_house_keys(tx, keyring)
    current = {key.alg for key in signing if key.state == "current"}
    if not pairwise or not house or not current >= {"ES256", "RS256"}:
        return None
    return StoredKeys(tuple(signing), pairwise, house, tuple(decryption), tuple(log))


def are_opened_by(tx: Tx, keyring: Keyring) -> bool:
    """Whether the keyring's master keys open every stored key; asks only for columns that every schema has."""
    try:
        for kid, sealed in tx.execute(select(keys.c.kid, keys.c.private_sealed)):
            keyring.open("wrap", sealed, _context(kid))
    except Unsealable:
        return False
    return True


def lock_keys(tx: Tx) -> None:
    """Let no other transaction change keys meanwhile: of a rotation and a revocation at once, one sees the other."""
    tx.execute(select(keys.c.kid).where(keys.c.purpose == PAIRWISE).with_for_update())


def list_keys(tx: Tx, alg: str, state: str) -> list[str]:
    """The kids of the key pairs for `alg` in `state`, oldest first; no algorithm both signs and encrypts."""
    where = (keys.c.purpose.in_(_PUBLISHED), keys.c.alg == alg, keys.c.state == state)
    return list(tx.scalars(select(keys.c.kid).where(*where).order_by(keys.c.created_at)))


def list_made_at(tx: Tx) -> dict[str, datetime]:
    """When each published key was made, by its kid."""
    where = (keys.c.purpose.in_(_PUBLISHED), keys.c.state != "gone")
    return {row.kid: row.created_at for row in tx.execute(select(keys.c.kid, keys.c.created_at).where(*where))}


def list_log_keys(tx: Tx) -> list[str]:
    """The kid of the key that signs heads of the log now; at most one."""
    return list(tx.scalars(select(keys.c.kid).where(keys.c.purpose == LOG, keys.c.state == "current")))


def have_people(tx: Tx) -> bool:
    """Whether anybody has an account here, whom only the pairwise key of this database can name to services."""
    return bool(tx.scalar(select(exists().where(subjects.c.id.is_not(None)))))


def insert_key(
    tx: Tx, keyring: Keyring, *, kid: str, purpose: str, alg: str, state: str, private: bytes, now: datetime
) -> bool:
    """Keep a new key; False when another worker made the current one at the same moment."""
    try:
        with tx.begin_nested():
            tx.execute(
                insert(keys).values(
                    kid=kid,
                    purpose=purpose,
                    alg=alg,
                    state=state,
                    private_sealed=keyring.seal("wrap", private, _context(kid)),
                    created_at=now,
                    activated_at=now if state == "current" else None,
                )
            )
    except IntegrityError:
        return False
    return True


def set_state(tx: Tx, kid: str, state: str, now: datetime) -> None:
    moment = {"current": "activated_at", "retired": "retired_at"}.get(state)
    tx.execute(update(keys).where(keys.c.kid == kid).values({"state": state} | ({moment: now} if moment else {})))


def find_newest_next(tx: Tx) -> datetime | None:
    """When the youngest key that does not sign yet was made."""
    where = (keys.c.purpose == SIGNING, keys.c.state == "next")
    found: datetime | None = tx.scalar(select(func.max(keys.c.created_at)).where(*where))
    return found


def list_retired_before(tx: Tx, moment: datetime) -> list[str]:
    where = (keys.c.purpose.in_(_PUBLISHED), keys.c.state == "retired", keys.c.retired_at < moment)
    return list(tx.scalars(select(keys.c.kid).where(*where)))


def _context(kid: str) -> bytes:
    return f"keys.private_sealed:{kid}".encode()
