"""Statements of the hot path: written as Core like all others, compiled once, prepared once a connection.

What SQLAlchemy does anew at each execution (looking up the compiled text, or compiling where a part of a statement has
no cache key; building a result with its own rows) costs more than PostgreSQL's own work here, and so does a cursor of
the driver, which gives up Python's lock several times for one statement: here it is one call. On SQLite, which is not
for peaks, the statement runs as any other. No parameter may be a list: the text is the same for all values.
"""

import itertools
from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError

from idp.storage.database import Tx

_DIALECT = PGDialect_psycopg(paramstyle="numeric_dollar", dbapi=psycopg)  # type: ignore[no-untyped-call]


_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class _Compiled:
    name: bytes
    text: str
    # Of each place in the text: its name, the value it has unless one is given, and what the driver wants done to it.
    places: tuple[tuple[str, Any, Callable[[Any], Any] | None], ...]
    row: Callable[[Any], Any]


class Statement:
    """One Core statement that gives at most one row, of scalars that the driver reads as they are."""

    def __init__(self, core: Any) -> None:
        self.core = core
        self._compiled: _Compiled | None = None

    def find(self, tx: Tx, values: Mapping[str, Any]) -> Any:
        """The row, with its columns as attributes, or None; names in `values` that the text lacks are passed over."""
        if tx.dialect.name != "postgresql":
            return tx.execute(self.core, dict(values)).one_or_none()
        compiled = self._compiled
        if compiled is None:
            compiled = self._compiled = _compile(self.core)
        given = []
        for name, default, process in compiled.places:
            value = values.get(name, default)
            given.append(value if process is None or value is None else process(value))
        try:
            row = _run(tx, compiled, given)
        except psycopg.Error as error:
            if tx.connection.dbapi_connection.closed:  # type: ignore[union-attr]
                # Then so are the others that wait in the pool, and SQLAlchemy saw nothing of it.
                tx.engine.dispose()
            fault: Any = DBAPIError.instance(compiled.text, None, error, psycopg.Error, hide_parameters=True)
            raise fault from error
        return row


def _run(tx: Tx, compiled: _Compiled, given: list[Any]) -> Any:
    """The statement's one row, or None; prepared first where this connection does not have it yet."""
    driver: Any = tx.connection.dbapi_connection
    prepared = tx.connection.info.setdefault("prepared", set())
    if compiled.name not in prepared:
        _check(driver, driver.pgconn.prepare(compiled.name, compiled.text.encode()))
        prepared.add(compiled.name)
    transformer = Transformer(driver)
    values = transformer.dump_sequence(given, [PyFormat.TEXT] * len(given))
    result = _check(driver, driver.pgconn.exec_prepared(compiled.name, values))
    if result.ntuples == 0:
        return None
    transformer.set_pgresult(result)
    return transformer.load_row(0, compiled.row)


def _check(driver: Any, result: Any) -> Any:
    if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        return result
    fault = psycopg.errors.error_from_result(result)
    # A server that vanished leaves no code of an error.
    raise psycopg.OperationalError(str(fault)) if driver.closed else fault


def _compile(core: Any) -> _Compiled:
    compiled = core.compile(dialect=_DIALECT)
    places = []
    for name in compiled.positiontup:
        bind = compiled.binds[name]
        process = bind.type.dialect_impl(_DIALECT).bind_processor(_DIALECT)
        places.append((name, bind.value, process))
    make_row_type: Any = namedtuple
    row = make_row_type("Row", [column.key for column in core.exported_columns])
    name = b"hot_%d" % next(_numbers)
    return _Compiled(name, compiled.string, tuple(places), row._make)
