"""A person's second factors: passkeys, secrets of authenticator apps, codes printed for a day without them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Table, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from idp.domain.factors import Way
from idp.runtime import chance
from idp.runtime.data_keys import DataKey
from idp.runtime.keyring import Keyring
from idp.storage.database import Tx
from idp.storage.tables import contacts, passkeys, recovery_codes, totp_secrets


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey in force. `credential_id` and `public_key` (COSE) are the authenticator's own bytes."""

    id: UUID
    subject_id: UUID
    credential_id: bytes = field(repr=False)
    public_key: bytes = field(repr=False)
    sign_count: int
    device_bound: bool
    name: str
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Totp:
    """An authenticator app's secret in force (base32)."""

    id: UUID
    secret: str = field(repr=False)
    last_step: int
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reachable:
    """A contact that was proved, where a code may be sent."""

    id: UUID
    kind: str
    value: str = field(repr=False)
    is_shared: bool
    verified_at: datetime


@dataclass(frozen=True, slots=True)
class Factors:
    """All that a person may prove oneself with beside the password."""

    passkeys: tuple[Passkey, ...]
    totp: tuple[Totp, ...]
    contacts: tuple[Reachable, ...]
    recovery_codes: int
    counter_codes: int

    @property
    def ways(self) -> list[Way]:
        """What may be asked for in a second step, the strongest first."""
        has = {
            Way.PASSKEY: bool(self.passkeys),
            Way.TOTP: bool(self.totp),
            Way.SMS: any(each.kind == "phone" for each in self.contacts),
            Way.EMAIL: any(each.kind == "email" for each in self.contacts),
            Way.RECOVERY_CODE: self.recovery_codes > 0,
            Way.COUNTER_CODE: self.counter_codes > 0,
        }
        return [way for way, is_there in has.items() if is_there]


def list_factors(tx: Tx, key: DataKey, subject_id: UUID, now: datetime) -> Factors:
    """The factors in force of a person."""
    found_passkeys = tx.execute(select(passkeys).where(*_in_force(passkeys, subject_id)).order_by(passkeys.c.id))
    found_totp = tx.execute(
        select(totp_secrets).where(*_in_force(totp_secrets, subject_id)).order_by(totp_secrets.c.id)
    )
    codes = select(recovery_codes.c.kind, func.count()).where(*_unused(subject_id, now)).group_by(recovery_codes.c.kind)
    counts: dict[str, int] = {row[0]: row[1] for row in tx.execute(codes)}
    return Factors(
        passkeys=tuple(_passkey(key, row) for row in found_passkeys),
        totp=tuple(
            Totp(
                row.id,
                key.open("totp_secrets.secret_sealed", row.id, row.secret_sealed),
                row.last_step,
                row.created_at,
                row.used_at,
            )
            for row in found_totp
        ),
        contacts=tuple(list_contacts_of(tx, {subject_id: key})[subject_id]),
        recovery_codes=counts.get(Way.RECOVERY_CODE, 0),
        counter_codes=counts.get(Way.COUNTER_CODE, 0),
    )


def list_contacts_of(tx: Tx, keys: Mapping[UUID, DataKey]) -> dict[UUID, list[Reachable]]:
    """The contacts that each of these people has proved, in the order they came; `keys` are their data keys."""
    proved = (
        contacts.c.subject_id.in_(list(keys)),
        contacts.c.ended_at.is_(None),
        contacts.c.verified_at.is_not(None),
    )
    found: dict[UUID, list[Reachable]] = {subject_id: [] for subject_id in keys}
    for row in tx.execute(select(contacts).where(*proved).order_by(contacts.c.id)):
        value = keys[row.subject_id].open("contacts.value_sealed", row.id, row.value_sealed)
        found[row.subject_id].append(Reachable(row.id, row.kind, value, row.is_shared, row.verified_at))
    return found


def end_counter_codes(tx: Tx, subject_ids: Sequence[UUID], now: datetime) -> None:
    """The codes on paper that officers gave these people are worth nothing any more."""
    where = (
        recovery_codes.c.subject_id.in_(subject_ids),
        recovery_codes.c.kind == Way.COUNTER_CODE,
        recovery_codes.c.used_at.is_(None),
    )
    tx.execute(update(recovery_codes).where(*where).values(used_at=now))


def count_ways(tx: Tx, subject_id: UUID, now: datetime) -> int:
    """How many factors a person has beside the password; their secrets stay sealed."""
    proved = (contacts.c.subject_id == subject_id, contacts.c.ended_at.is_(None), contacts.c.verified_at.is_not(None))
    counts = [
        select(func.count()).select_from(table).where(*where).scalar_subquery()
        for table, where in (
            (passkeys, _in_force(passkeys, subject_id)),
            (totp_secrets, _in_force(totp_secrets, subject_id)),
            (contacts, proved),
            (recovery_codes, _unused(subject_id, now)),
        )
    ]
    return sum(tx.execute(select(*counts)).one())


# -- authenticator apps --------------------------------------------------------------------------------------------


def insert_totp(tx: Tx, key: DataKey, subject_id: UUID, secret: str, *, step: int, now: datetime) -> None:
    """Keep a secret whose code of time step `step` was just shown: the next one must be later."""
    id_ = chance.new_id(now)
    tx.execute(
        insert(totp_secrets).values(
            id=id_,
            subject_id=subject_id,
            secret_sealed=key.seal("totp_secrets.secret_sealed", id_, secret),
            last_step=step,
            created_at=now,
            used_at=now,
        )
    )


def use_step(tx: Tx, totp_id: UUID, step: int, now: datetime) -> bool:
    """Spend a time step; False when it, or a later one, was spent before (RFC 6238 5.2)."""
    where = (totp_secrets.c.id == totp_id, totp_secrets.c.last_step < step, totp_secrets.c.ended_at.is_(None))
    return tx.execute(update(totp_secrets).where(*where).values(last_step=step, used_at=now)).rowcount == 1


def end_totp(tx: Tx, subject_id: UUID, totp_id: UUID, now: datetime) -> bool:
    where = (totp_secrets.c.id == totp_id, *_in_force(totp_secrets, subject_id))
    return tx.execute(update(totp_secrets).where(*where).values(ended_at=now)).rowcount == 1


# -- passkeys ------------------------------------------------------------------------------------------------------


def insert_passkey(
    tx: Tx,
    key: DataKey,
    subject_id: UUID,
    *,
    credential_id: bytes,
    public_key: bytes,
    sign_count: int,
    device_bound: bool,
    name: str,
    now: datetime,
) -> bool:
    """Keep a passkey; False when this authenticator's credential is known already, whoever's."""
    id_ = chance.new_id(now)
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    statement = (
        dialect.insert(passkeys)
        .values(
            id=id_,
            subject_id=subject_id,
            credential_id=credential_id,
            public_key=public_key,
            sign_count=sign_count,
            device_bound=device_bound,
            name_sealed=key.seal("passkeys.name_sealed", id_, name),
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(passkeys.c.id)
    )
    return tx.scalar(statement) is not None


def find_owner(tx: Tx, credential_id: bytes) -> UUID | None:
    """Whose passkey in force an authenticator names."""
    found: UUID | None = tx.scalar(
        select(passkeys.c.subject_id).where(passkeys.c.credential_id == credential_id, passkeys.c.ended_at.is_(None))
    )
    return found


def use_passkey(tx: Tx, passkey: Passkey, sign_count: int, now: datetime) -> bool:
    """Note a use; False when its counter moved meanwhile, as a copy's would (WebAuthn 7.2 step 22)."""
    where = (passkeys.c.id == passkey.id, passkeys.c.sign_count == passkey.sign_count, passkeys.c.ended_at.is_(None))
    values = {"sign_count": sign_count, "used_at": now}
    return tx.execute(update(passkeys).where(*where).values(values)).rowcount == 1


def end_passkey(tx: Tx, subject_id: UUID, passkey_id: UUID, now: datetime) -> bool:
    where = (passkeys.c.id == passkey_id, *_in_force(passkeys, subject_id))
    return tx.execute(update(passkeys).where(*where).values(ended_at=now)).rowcount == 1


# -- printed codes -------------------------------------------------------------------------------------------------


def replace_codes(
    tx: Tx,
    keyring: Keyring,
    subject_id: UUID,
    way: Way,
    codes: list[str],
    *,
    issued_by: str,
    expires_at: datetime | None,
    now: datetime,
) -> None:
    """New codes of a kind; those before are worth nothing any more."""
    before = (*_unused(subject_id, now), recovery_codes.c.kind == way)
    tx.execute(update(recovery_codes).where(*before).values(used_at=now))
    rows = [
        {
            "id": chance.new_id(now),
            "subject_id": subject_id,
            "kind": way,
            "code_index": keyring.index(f"recovery/{subject_id}", code),
            "issued_by": issued_by,
            "created_at": now,
            "expires_at": expires_at,
        }
        for code in codes
    ]
    tx.execute(insert(recovery_codes), rows)


def use_printed_code(tx: Tx, keyring: Keyring, subject_id: UUID, way: Way, typed: str, now: datetime) -> bool:
    """Spend a printed code; False when there is none such, or it was spent or is too old."""
    where = (
        *_unused(subject_id, now),
        recovery_codes.c.kind == way,
        recovery_codes.c.code_index.in_(keyring.indexes(f"recovery/{subject_id}", typed)),
    )
    return tx.execute(update(recovery_codes).where(*where).values(used_at=now)).rowcount == 1


def end_all(tx: Tx, subject_id: UUID, now: datetime) -> None:
    """No passkey, app or printed code of the person counts any more."""
    for table in (passkeys, totp_secrets):
        tx.execute(update(table).where(*_in_force(table, subject_id)).values(ended_at=now))
    tx.execute(update(recovery_codes).where(*_unused(subject_id, now)).values(used_at=now))


def end_added_since(tx: Tx, subject_id: UUID, since: datetime, now: datetime) -> list[Way]:
    """No passkey, app or code one printed that came from this moment on counts any more; gives what there was."""
    ended = []
    for way, table in ((Way.PASSKEY, passkeys), (Way.TOTP, totp_secrets)):
        where = (*_in_force(table, subject_id), table.c.created_at >= since)
        ended += [way] * tx.execute(update(table).where(*where).values(ended_at=now)).rowcount
    printed = (
        *_unused(subject_id, now),
        recovery_codes.c.kind == Way.RECOVERY_CODE,
        recovery_codes.c.created_at >= since,
    )
    if tx.execute(update(recovery_codes).where(*printed).values(used_at=now)).rowcount:
        ended.append(Way.RECOVERY_CODE)
    return ended


def _in_force(table: Table, subject_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return (table.c.subject_id == subject_id, table.c.ended_at.is_(None))


def _unused(subject_id: UUID, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        recovery_codes.c.subject_id == subject_id,
        recovery_codes.c.used_at.is_(None),
        or_(recovery_codes.c.expires_at.is_(None), recovery_codes.c.expires_at > now),
    )


def _passkey(key: DataKey, row: Row[Any]) -> Passkey:
    return Passkey(
        id=row.id,
        subject_id=row.subject_id,
        credential_id=row.credential_id,
        public_key=row.public_key,
        sign_count=row.sign_count,
        device_bound=row.device_bound,
        name=key.open("passkeys.name_sealed", row.id, row.name_sealed),
        created_at=row.created_at,
        used_at=row.used_at,
    )
