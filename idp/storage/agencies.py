"""Agencies that own relying services."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, update

from idp.domain.agencies import Agency
from idp.runtime import chance
from idp.storage.database import Tx
from idp.storage.tables import agencies


def find_agency_id(tx: Tx, code: str) -> UUID | None:
    found: UUID | None = tx.scalar(select(agencies.c.id).where(agencies.c.code == code))
    return found


def list_agencies(tx: Tx) -> list[Agency]:
    return [
        Agency(
            id=row.id,
            code=row.code,
            name_vi=row.name_vi,
            name_en=row.name_en,
            parent_id=row.parent_id,
            aliases=tuple(row.aliases),
            valid_from=row.valid_from,
            valid_until=row.valid_until,
        )
        for row in tx.execute(select(agencies).order_by(agencies.c.code))
    ]


def insert_agency(tx: Tx, code: str, *, name_vi: str, name_en: str, now: datetime) -> UUID:
    id_ = chance.new_id(now)
    tx.execute(insert(agencies).values(id=id_, code=code, name_vi=name_vi, name_en=name_en, aliases=[]))
    return id_


def save_names(tx: Tx, agency_id: UUID, *, name_vi: str, name_en: str) -> None:
    tx.execute(update(agencies).where(agencies.c.id == agency_id).values(name_vi=name_vi, name_en=name_en))
