"""Relying services as they were registered."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update

from idp.domain.relying_services import RelyingService, ServiceException
from idp.storage.database import Tx
from idp.storage.tables import relying_services

_FIELDS = frozenset(field.name for field in fields(RelyingService))
_COLUMNS = ("id", "client_id", "agency_id", "sector", "state", "secret_digests", "created_at", "updated_at")


def find_by_client_id(tx: Tx, client_id: str) -> RelyingService | None:
    row = tx.execute(select(relying_services).where(relying_services.c.client_id == client_id)).one_or_none()
    return _service(row) if row else None


def find_service(tx: Tx, service_id: UUID) -> RelyingService | None:
    row = tx.execute(select(relying_services).where(relying_services.c.id == service_id)).one_or_none()
    return _service(row) if row else None


def list_services(tx: Tx) -> list[RelyingService]:
    return [_service(row) for row in tx.execute(select(relying_services).order_by(relying_services.c.client_id))]


def insert_service(tx: Tx, service: RelyingService, *, registered_by: str) -> None:
    tx.execute(insert(relying_services).values(**_row(service), registered_by=registered_by))


def save_service(tx: Tx, service: RelyingService) -> None:
    """Write a changed record over the one with the same id."""
    tx.execute(update(relying_services).where(relying_services.c.id == service.id).values(**_row(service)))


def _row(service: RelyingService) -> dict[str, Any]:
    values = {field.name: getattr(service, field.name) for field in fields(service)}
    row = {name: values.pop(name) for name in _COLUMNS}
    row["secret_digests"] = [b64encode(digest).decode() for digest in service.secret_digests]
    values["exceptions"] = [{**asdict(each), "until": each.until.isoformat()} for each in service.exceptions]
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
    columns: dict[str, Any] = {name: getattr(row, name) for name in _COLUMNS}
    columns["secret_digests"] = tuple(b64decode(digest) for digest in row.secret_digests)
    return RelyingService(**columns, **values)
