"""Services' logos, fetched once and served by us, so that a sign-in page calls no foreign host."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from idp.runtime import chance
from idp.storage.database import Tx
from idp.storage.tables import logos


def save_logo(tx: Tx, service_id: UUID, media_type: str, image: bytes, image_digest: bytes, now: datetime) -> None:
    values = {"media_type": media_type, "image": image, "image_digest": image_digest, "fetched_at": now}
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    tx.execute(
        dialect.insert(logos)
        .values(service_id=service_id, **values)
        .on_conflict_do_update(index_elements=["service_id"], set_=values)
    )


def find_logo_digest(tx: Tx, service_id: UUID) -> bytes | None:
    """Under which digest a service's logo is served, None while there is none."""
    digest = tx.scalar(select(logos.c.image_digest).where(logos.c.service_id == service_id))
    return bytes(digest) if digest else None


def find_logo(tx: Tx, image_digest: bytes) -> tuple[str, bytes] | None:
    """Media type and bytes of the logo with this digest."""
    row = tx.execute(
        select(logos.c.media_type, logos.c.image, logos.c.image_digest).where(logos.c.image_digest == image_digest)
    ).first()
    if row is None or not chance.equal(bytes(row.image_digest), image_digest):
        return None
    return row.media_type, bytes(row.image)
