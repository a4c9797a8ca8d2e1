"""Tokens of others that may be used once: client assertions by their `jti`. A row lasts as long as the token could."""

from datetime import datetime

from sqlalchemy.dialects import postgresql, sqlite

from idp.runtime import chance
from idp.storage.database import Tx
from idp.storage.tables import spent_tokens


def use_token(tx: Tx, issuer: str, jti: str, expires_at: datetime) -> bool:
    """Spend a token; False when it was spent before. The insert is the single use."""
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    digest = chance.digest(f"{len(issuer)}:{issuer}:{jti}")
    statement = dialect.insert(spent_tokens).values(token_digest=digest, expires_at=expires_at)
    # The row comes back, because psycopg's row count of an INSERT is gone by the time SQLAlchemy is asked for it.
    inserted = statement.on_conflict_do_nothing().returning(spent_tokens.c.token_digest)
    return tx.execute(inserted).one_or_none() is not None
