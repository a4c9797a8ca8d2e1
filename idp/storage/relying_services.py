"""Relying services as they were registered."""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, delete, insert, select, update

from idp.domain.relying_services import SANDBOX_SUFFIX, Caller, RelyingService, ServiceException, ServiceState
from idp.domain.service_secrets import SecretTerm
from idp.runtime.keyring import Keyring
from idp.storage.database import Tx
from idp.storage.tables import relying_services, service_origins, service_resources

REMOVED: Final[ServiceState] = "removed"
_FIELDS = frozenset(field.name for field in fields(RelyingService))
SECRET_PLACE = "relying_services.secret_sealed"
_COLUMNS = ("id", "client_id", "agency_id", "sector", "state", "secret_digests", "created_at", "updated_at")


def find_by_client_id(tx: Tx, client_id: str, *, held: bool = False) -> RelyingService | None:
    """`held` for who changes it: nobody else does before this transaction ends, and a change under way comes first."""
    return _find(tx, relying_services.c.client_id == client_id, held=held)


def find_service(tx: Tx, service_id: UUID, *, held: bool = False) -> RelyingService | None:
    return _find(tx, relying_services.c.id == service_id, held=held)


def find_legal_basis(tx: Tx, service_id: UUID) -> str | None:
    """The law a service has now; it stays until this transaction ends, and a change under way comes first."""
    where = relying_services.c.id == service_id
    found: str | None = tx.execute(
        select(relying_services.c.metadata).where(where).with_for_update(read=True)
    ).scalar_one()["legal_basis"]
    return found


def find_by_resource(tx: Tx, resource: str) -> RelyingService | None:
    """The service that guards the interface at this address (RFC 8707 2)."""
    statement = (
        select(relying_services)
        .join(service_resources, service_resources.c.service_id == relying_services.c.id)
        .where(service_resources.c.resource == resource)
    )
    row = tx.execute(statement).one_or_none()
    return _service(row) if row else None


def find_by_origin(tx: Tx, origin: str) -> RelyingService | None:
    """Any active service with a redirect URI on this web origin."""
    statement = (
        select(relying_services)
        .join(service_origins, service_origins.c.service_id == relying_services.c.id)
        .where(service_origins.c.origin == origin, relying_services.c.state == "active")
        .limit(1)
    )
    row = tx.execute(statement).one_or_none()
    return _service(row) if row else None


def find_shared_secret(tx: Tx, keyring: Keyring, service_id: UUID) -> bytes | None:
    """The secret itself: kept, sealed, only for services registered for a symmetric method."""
    sealed = tx.scalar(select(relying_services.c.secret_sealed).where(relying_services.c.id == service_id))
    if sealed is None:
        return None
    return keyring.house_key_of(sealed).open(SECRET_PLACE, service_id, sealed).encode()


def save_shared_secret(tx: Tx, keyring: Keyring, service_id: UUID, secret: str | None) -> None:
    sealed = keyring.house_key().seal(SECRET_PLACE, service_id, secret) if secret else None
    tx.execute(update(relying_services).where(relying_services.c.id == service_id).values(secret_sealed=sealed))


def find_by_registration_token(
    tx: Tx, client_id: str, token_digest: bytes, *, held: bool = False
) -> RelyingService | None:
    """The service that this registration access token was given to (RFC 7592 2); `held` for who changes it."""
    of_client = relying_services.c.client_id == client_id
    return _find(tx, of_client, relying_services.c.registration_token_digest == token_digest, held=held)


def save_registration_token(tx: Tx, service_id: UUID, token_digest: bytes | None) -> None:
    values = {"registration_token_digest": token_digest}
    tx.execute(update(relying_services).where(relying_services.c.id == service_id).values(values))


def end_service(tx: Tx, service_id: UUID) -> None:
    """Take a service out of use for good: its record stays for the audit, its ways in are gone (RFC 7592 2.3)."""
    values: dict[str, Any] = {
        "state": REMOVED,
        "secret_digests": [],
        "secret_sealed": None,
        "registration_token_digest": None,
    }
    tx.execute(update(relying_services).where(relying_services.c.id == service_id).values(values))
    tx.execute(delete(service_resources).where(service_resources.c.service_id == service_id))


def list_services(tx: Tx) -> list[RelyingService]:
    return [_service(row) for row in tx.execute(select(relying_services).order_by(relying_services.c.client_id))]


ORDERS: Final = {
    "client_id": relying_services.c.client_id,
    "state": relying_services.c.state,
    "unit": relying_services.c.agency_id,
}


def list_of_agencies(
    tx: Tx,
    agency_ids: Sequence[UUID],
    *,
    limit: int,
    offset: int = 0,
    by: str = "client_id",
    is_descending: bool = False,
) -> list[RelyingService]:
    """The services of these units for production, in the order of one of ORDERS."""
    is_sandbox = relying_services.c.client_id.like(f"%{SANDBOX_SUFFIX}")
    where = (relying_services.c.agency_id.in_(agency_ids), ~is_sandbox)
    order = [ORDERS[by], relying_services.c.client_id]
    ordered = [each.desc() if is_descending else each for each in order]
    rows = select(relying_services).where(*where).order_by(*ordered).limit(limit).offset(offset)
    return [_service(row) for row in tx.execute(rows)]


def insert_service(tx: Tx, service: RelyingService, *, registered_by: str) -> None:
    tx.execute(insert(relying_services).values(**_row(service), registered_by=registered_by))
    _save_addresses(tx, service)


def save_service(tx: Tx, service: RelyingService) -> None:
    """Write a changed record over the one with the same id, which was found `held`; not its state."""
    row = _row(service)
    del row["state"]
    tx.execute(update(relying_services).where(relying_services.c.id == service.id).values(**row))
    _save_addresses(tx, service)


def save_state(tx: Tx, service_id: UUID, state: ServiceState, now: datetime) -> None:
    """Suspend a service, or let it go on; nothing else of it is written."""
    values = {"state": state, "updated_at": now}
    tx.execute(update(relying_services).where(relying_services.c.id == service_id).values(values))


def _find(tx: Tx, *where: ColumnElement[bool], held: bool = False) -> RelyingService | None:
    statement = select(relying_services).where(*where)
    # Not FOR UPDATE: a person may be shown its pages, which refer to its key, while it is changed.
    row = tx.execute(statement.with_for_update(key_share=True) if held else statement).one_or_none()
    return _service(row) if row else None


def _save_addresses(tx: Tx, service: RelyingService) -> None:
    """What a service is found by: its interfaces, each of one service alone, and its web origins."""
    tx.execute(delete(service_resources).where(service_resources.c.service_id == service.id))
    for resource in service.resources:
        tx.execute(insert(service_resources).values(resource=resource, service_id=service.id))
    tx.execute(delete(service_origins).where(service_origins.c.service_id == service.id))
    for origin in sorted(service.origins):
        tx.execute(insert(service_origins).values(origin=origin, service_id=service.id))


def _row(service: RelyingService) -> dict[str, Any]:
    values = {field.name: getattr(service, field.name) for field in fields(service)}
    row = {name: values.pop(name) for name in _COLUMNS}
    row["secret_digests"] = [b64encode(digest).decode() for digest in service.secret_digests]
    values["callers"] = [asdict(each) for each in service.callers]
    values["exceptions"] = [{**asdict(each), "until": each.until.isoformat()} for each in service.exceptions]
    values["secret_terms"] = [
        {"mark": each.mark, "made_at": each.made_at.isoformat(), "expires_at": each.expires_at.isoformat()}
        | ({} if each.reminded is None else {"reminded": each.reminded})
        for each in service.secret_terms
    ]
    row["metadata"] = {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}
    return row


def _service(row: Any) -> RelyingService:
    # What a newer version wrote and this one does not know is passed over: both run side by side.
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in row.metadata.items()
        if name in _FIELDS
    }
    values["exceptions"] = tuple(
        ServiceException(rule=each["rule"], reason=each["reason"], until=date.fromisoformat(each["until"]))
        for each in row.metadata["exceptions"]
    )
    values["callers"] = tuple(
        Caller(client_id=each["client_id"], scopes=tuple(each["scopes"])) for each in row.metadata.get("callers", ())
    )
    values["secret_terms"] = tuple(
        SecretTerm(
            each["mark"],
            datetime.fromisoformat(each["made_at"]),
            datetime.fromisoformat(each["expires_at"]),
            each.get("reminded"),
        )
        for each in row.metadata.get("secret_terms", ())
    )
    columns: dict[str, Any] = {name: getattr(row, name) for name in _COLUMNS}
    columns["secret_digests"] = tuple(b64decode(digest) for digest in row.secret_digests)
    return RelyingService(**columns, **values)
