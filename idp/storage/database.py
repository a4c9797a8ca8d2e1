"""The two doors to the database: `begin()` for a transaction, `once()` for one statement in autocommit.

Who is called from outside (a view, a command, the worker) opens the door; below it `tx` is the first argument, and
nobody below commits. A refusal that is raised undoes; a result that is returned is kept.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, Engine, MetaData, event, make_url, text
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from idp.runtime.settings import ROOT, Database

Tx = Connection
SILENT_FOR: Final = 15  # seconds
# A transaction that stands still for so long is ended by the server: a process hangs, or is gone without a word. The
# sealer of the log counts on it (flows/sealing.py).
IDLE_IN_TRANSACTION_FOR: Final = 2 * SILENT_FOR
_PLANNING: Final = ("plan_cache_mode=force_generic_plan", "join_collapse_limit=1", "enable_seqscan=off", "jit=off")
_IDLE: Final = f"idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_FOR}s"

_KNOWN_FAULTS: Final = {
    "ReadOnlySqlTransaction": "the database is read-only",
    "IdleInTransactionSessionTimeout": "the transaction stood still for too long",
}

db = SQLAlchemy(
    metadata=MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
)


class Unavailable(Exception):
    """The database did not answer, or no connection was free in time: try again in a moment."""


def engine_config(settings: Database) -> dict[str, Any]:
    """What Flask-SQLAlchemy is configured with: a bounded pool, a file below the project folder on SQLite."""
    url = make_url(settings.url)
    options: dict[str, Any] = {
        "pool_size": settings.pool_size,
        "pool_timeout": settings.pool_timeout,
        "max_overflow": 0,
        # The driver's messages go to the log, and what a statement carried stays out of it.
        "hide_parameters": True,
    }
    if url.get_backend_name() == "sqlite":
        if url.database and not Path(url.database).is_absolute():
            url = url.set(database=str(ROOT / url.database))
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
        options["connect_args"] = {"timeout": 15}
    else:
        # A server that vanished without a word (power, network) is noticed: at connecting, in use, and while waiting.
        options["connect_args"] = {
            "connect_timeout": settings.pool_timeout,
            "tcp_user_timeout": 1000 * SILENT_FOR,
            "keepalives_idle": SILENT_FOR // 3,
            "keepalives_interval": SILENT_FOR // 3,
            # What is worth preparing, storage/statements.py prepares: the driver would let go of all that is prepared,
            # ours too, after every rollback.
            "prepare_threshold": None,
            # Everything here is asked for by key, over an index: one plan serves all values, one that was made when a
            # table was small too. PostgreSQL itself would plan statements over partitions anew at each execution, for
            # ten times what they then cost (record 0023). Tables are joined in the order in which a statement has them.
            "options": " ".join(f"-c {setting}" for setting in (*_PLANNING, _IDLE)),
        }
        # Hot statements run alone; a connection that is in autocommit already needs no word before or after them.
        options |= {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
    return {"SQLALCHEMY_DATABASE_URI": url, "SQLALCHEMY_ENGINE_OPTIONS": options}


def prepare_engine() -> None:
    """WAL, full durability and our own BEGIN on SQLite; nothing on PostgreSQL."""
    if db.engine.dialect.name == "sqlite":
        _prepare_sqlite(db.engine)


@contextmanager
def begin() -> Iterator[Tx]:
    """A transaction: committed at the end of the block, undone by any exception."""
    with _answering(), in_transactions(db.engine).begin() as tx:
        yield tx


def in_transactions(engine: Engine) -> Engine:
    """The same pool for work of more than one statement."""
    return engine if engine.dialect.name == "sqlite" else engine.execution_options(isolation_level="READ COMMITTED")


@contextmanager
def once(*, writes: bool = False) -> Iterator[Tx]:
    """A connection in autocommit, for a single statement.

    With `writes`, SQLite gets a transaction instead: what is one statement on PostgreSQL may be up to three there.
    """
    engine = db.engine
    if writes and engine.dialect.name == "sqlite":
        with begin() as tx:
            yield tx
        return
    with _answering(), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.execution_options(isolation_level="AUTOCOMMIT")
        yield connection


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise Unavailable(type(error).__name__) from error
    except InternalError as error:
        known = _KNOWN_FAULTS.get(type(error.orig).__name__)
        if known is None:
            raise
        raise Unavailable(known) from error
    except ProgrammingError as error:
        if type(error.orig).__name__ != "UndefinedTable":
            raise
        raise Unavailable("the schema is not there: flask db upgrade") from error


def check_durable() -> str | None:
    """What makes the database lose committed work on a power cut, in one sentence, or None."""
    with once() as tx:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            if str(tx.scalar(text(f"SHOW {name}"))) == "off":
                return f"The PostgreSQL setting {name} is off, so committed work could be lost."
    return None


def is_read_only(tx: Tx) -> bool:
    """Whether the database answers but takes no work: a standby, or a server that was set so."""
    return tx.dialect.name == "postgresql" and tx.scalar(text("SHOW transaction_read_only")) == "on"


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own BEGIN is switched off; ours takes the write lock at once, so that no upgrade can fail later.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin_immediate(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
