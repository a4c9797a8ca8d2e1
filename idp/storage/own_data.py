"""Everything that is held on one person: the tables with rows of people, and what of each is told to whom it concerns.

Not told is what opens something (hashes, secrets, codes that were sent) and what tells nothing (digests, row numbers).
A test holds HELD and the few exceptions, each with its reason, against the schema, column by column.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Table, select

from idp.domain import claims
from idp.runtime.data_keys import DataKey, Unsealable
from idp.storage import tables
from idp.storage.database import Tx

SEALED: Final = "_sealed"


@dataclass(frozen=True, slots=True)
class Held:
    """A table with rows of people: what it is called towards them, and the columns they are told, the moment first."""

    part: str
    table: Table
    columns: tuple[str, ...]


def _held(part: str, table: Table, columns: str) -> Held:
    return Held(part, table, tuple(columns.split()))


HELD: Final = (
    _held(
        "account",
        tables.subjects,
        "created_at updated_at kind state state_reason state_source state_legal_basis state_until account_level"
        " proof_source",
    ),
    _held("claims", tables.profiles, "updated_at claims_sealed"),
    _held(
        "facts",
        tables.facts,
        "valid_from valid_until name value_sealed source method verified_by verified_at evidence_sealed superseded_at",
    ),
    _held(
        "identifiers",
        tables.identifiers,
        "created_at kind country value_sealed source verified_by verified_at valid_from valid_until ended_at",
    ),
    _held("contacts", tables.contacts, "created_at kind value_sealed verified_at is_shared ended_at"),
    _held("sign_in_names", tables.sign_in_names, "created_at kind value_sealed proof"),
    _held("identity_links", tables.identity_links, "linked_at issuer upstream_sealed account_level ended_at"),
    _held("passwords", tables.credentials, "created_at kind changed_at ended_at"),
    _held("passkeys", tables.passkeys, "created_at name_sealed device_bound sign_count used_at ended_at"),
    _held("authenticator_apps", tables.totp_secrets, "created_at used_at ended_at"),
    _held("printed_codes", tables.recovery_codes, "created_at kind issued_by expires_at used_at"),
    _held("sent_codes", tables.one_time_codes, "created_at purpose tries expires_at used_at"),
    _held("recoveries", tables.recoveries, "opened_at state proved ready_at expires_at ended_at"),
    _held("devices", tables.devices, "first_seen_at agent_sealed seen_at ended_at"),
    _held(
        "sessions",
        tables.sessions,
        "created_at auth_time amr auth_level address_sealed agent_sealed seen_at idle_for expires_at ended_at"
        " end_reason",
    ),
    _held("other_screens", tables.other_screens, "created_at state amr expires_at"),
    _held("sign_ins", tables.authentications, "at source amr auth_level address_sealed"),
    _held(
        "agreements",
        tables.consents,
        "given_at service_id kind name_bits offline legal_basis resources withdrawn_at",
    ),
    _held(
        "received",
        tables.releases,
        "at service_id name_bits basis_kind legal_basis personal_number_basis",
    ),
    _held(
        "access",
        tables.grants,
        "created_at service_id scopes userinfo_bits id_token_bits offline resource auth_time amr auth_level"
        " refreshed_at expires_at ended_at end_reason",
    ),
    _held(
        "requests",
        tables.rights_requests,
        "received_at kind state through_others answer_by done_by legal_ground received_by received_sealed answered_at"
        " answered_by answered_sealed extended_at extended_by extended_sealed ended_at ended_by ended_sealed",
    ),
    _held("names_at_services", tables.subs, "sector sub"),
    _held("messages", tables.outbox, "created_at kind service_id state tries delivered_at"),
    _held("history", tables.audit, "at event service_id actor details_sealed"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one table, the newest first; not whole where more stand there than were read.

    Values are texts, numbers, moments, lists of words; of a service its id.
    """

    name: str
    rows: tuple[Mapping[str, object], ...]
    is_whole: bool


def list_parts(tx: Tx, key: DataKey, subject_id: UUID, *, most: int) -> list[Part]:
    """All that is held on a person, `most` rows of each part; parts without a row too."""
    return [_part(held, _rows(tx, held, subject_id, most + 1), key, most) for held in HELD]


def name_of(column: str) -> str:
    """By which name a column is told."""
    return _NAMES.get(column, column.removesuffix(SEALED))


def _rows(tx: Tx, held: Held, subject_id: UUID, limit: int) -> list[Any]:
    table = held.table
    whose = table.c.subject_id if "subject_id" in table.c else table.c.id
    newest_first = [column.desc() for column in table.primary_key]
    told = [table.c[name] for name in held.columns]
    row_id = (table.c.id if "id" in table.c else table.c.subject_id).label("row_id")
    return list(tx.execute(select(row_id, *told).where(whose == subject_id).order_by(*newest_first).limit(limit)))


def _part(held: Held, rows: list[Any], key: DataKey, most: int) -> Part:
    told = [dict(_told(held, row, key)) for row in rows[:most]]
    return Part(held.part, tuple(told), is_whole=len(rows) <= most)


def _told(held: Held, row: Any, key: DataKey) -> Iterable[tuple[str, object]]:
    """Each column by the name it is told by, opened and read."""
    for column in held.columns:
        value, read = getattr(row, column), _READ.get(column)
        if column.endswith(SEALED) and value is not None:
            value = _open(key, f"{held.table.name}.{column}", row.row_id, value)
        yield name_of(column), value if read is None or value is None else read(value)


def _open(key: DataKey, place: str, row_id: UUID, sealed: bytes) -> str | None:
    """What was sealed under the person's key. Of the history the house keeps a few details for itself."""
    try:
        return key.open(place, row_id, sealed)
    except Unsealable:
        if place == "audit.details_sealed":
            return None
        raise


def _words(text: str) -> list[str]:
    return text.split()


def _claim_names(bits: int) -> list[str]:
    return sorted(claims.from_bits(bits))


_NAMES: Final = {"name_bits": "names", "userinfo_bits": "userinfo", "id_token_bits": "id_token"}
_READ: Final[Mapping[str, Callable[[Any], object]]] = {
    **dict.fromkeys(("amr", "proved", "scopes", "resources"), _words),
    **dict.fromkeys(("name_bits", "userinfo_bits", "id_token_bits"), _claim_names),
    "claims_sealed": orjson.loads,
}
