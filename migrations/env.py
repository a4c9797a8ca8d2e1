"""Alembic's entry: runs the numbered steps of migrations/versions against the application's database."""

from alembic import context
from flask import current_app
from sqlalchemy import inspect

from idp.runtime.clock import SystemClock
from idp.storage import partitions
from idp.storage.database import in_transactions
from idp.storage.tables import Moment

database = current_app.extensions["migrate"].db


def include_object(_item: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
    return not (kind == "table" and partitions.is_partition(name))


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    return not (kind == "table" and partitions.is_partition(name))


def render_item(_kind: str, item: object, _context: object) -> str | bool:
    """Steps speak SQLAlchemy alone, so that an old one still runs when the code has moved on."""
    return "sa.DateTime(timezone=True)" if isinstance(item, Moment) else False


with in_transactions(database.engine).connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=database.metadata,
        include_object=include_object,
        include_name=include_name,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
    with connection.begin():
        has_tables = inspect(connection).has_table("keys")  # not after a downgrade to the bare ground
        if has_tables:
            partitions.ensure_months(connection, SystemClock().now())

if has_tables:
    # A new database gets its keys here, outside any transaction of a deed that would need them.
    current_app.extensions["idp"].keyring.public_key_set()
