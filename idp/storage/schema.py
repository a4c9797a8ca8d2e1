"""Which step of migrations/versions the database stands at, and which one this version needs."""

from typing import Final

from sqlalchemy import text

from idp.storage.database import Tx

NEWEST: Final = "0016"


def find_step(tx: Tx) -> str | None:
    """The step the database stands at, such as 0002."""
    found: str | None = tx.scalar(text("SELECT version_num FROM alembic_version"))
    return found
