"""Agencies: a tree of units that own services and employ officers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update

from idp.domain.agencies import Agency
from idp.runtime import chance
from idp.storage.database import Tx
from idp.storage.tables import agencies


def find_agency_id(tx: Tx, code: str) -> UUID | None:
    found: UUID | None = tx.scalar(select(agencies.c.id).where(agencies.c.code == code))
    return found


def find_agency(tx: Tx, agency_id: UUID) -> Agency | None:
    row = tx.execute(select(agencies).where(agencies.c.id == agency_id)).one_or_none()
    return agency_of(row) if row else None


def find_by_code(tx: Tx, code: str) -> Agency | None:
    """The agency that has this code now."""
    row = tx.execute(select(agencies).where(agencies.c.code == code)).one_or_none()
    return agency_of(row) if row else None


def list_agencies(tx: Tx) -> list[Agency]:
    return [agency_of(row) for row in tx.execute(select(agencies).order_by(agencies.c.code))]


def list_below(tx: Tx, agency_id: UUID) -> list[UUID]:
    """A unit and all units below it."""
    below: dict[UUID | None, list[UUID]] = {}
    for id_, parent_id in tx.execute(select(agencies.c.id, agencies.c.parent_id)):
        below.setdefault(parent_id, []).append(id_)
    found = [agency_id]
    for each in found:
        found += [child for child in below.get(each, []) if child not in found]
    return found


def insert_agency(
    tx: Tx, code: str, *, name_vi: str, name_en: str, now: datetime, parent_id: UUID | None = None
) -> UUID:
    id_ = chance.new_id(now)
    values = {"id": id_, "code": code, "name_vi": name_vi, "name_en": name_en, "parent_id": parent_id, "aliases": []}
    tx.execute(insert(agencies).values(values))
    return id_


def save_names(tx: Tx, agency_id: UUID, *, name_vi: str, name_en: str) -> None:
    tx.execute(update(agencies).where(agencies.c.id == agency_id).values(name_vi=name_vi, name_en=name_en))


def save_place(tx: Tx, agency: Agency) -> None:
    """Where a unit stands in the tree, its former codes and its days."""
    values = {
        "parent_id": agency.parent_id,
        "aliases": list(agency.aliases),
        "valid_from": agency.valid_from,
        "valid_until": agency.valid_until,
    }
    tx.execute(update(agencies).where(agencies.c.id == agency.id).values(values))


def agency_of(row: Any) -> Agency:
    return Agency(
        id=row.id,
        code=row.code,
        name_vi=row.name_vi,
        name_en=row.name_en,
        parent_id=row.parent_id,
        aliases=tuple(row.aliases),
        valid_from=row.valid_from,
        valid_until=row.valid_until,
    )
