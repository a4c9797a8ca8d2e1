"""Statements of the hot path: written as Core like all others, compiled once, run on the driver's own cursor.

What SQLAlchemy does anew at each execution (looking up the compiled text, or compiling where a part of a statement has
no cache key; building a result with its own rows) costs more than PostgreSQL's own work here. On SQLite, which is not
for peaks, the statement runs as any other. No parameter may be a list: the text is the same for all values.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError

from idp.storage.database import Tx

_DIALECT = PGDialect_psycopg(paramstyle="numeric_dollar", dbapi=psycopg)  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class _Compiled:
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
        driver: Any = tx.connection.dbapi_connection
        try:
            row = psycopg.RawCursor(driver).execute(compiled.text, given, prepare=True).fetchone()
        except psycopg.Error as error:
            if driver.closed:  # then so are the others that wait in the pool, and SQLAlchemy saw nothing of it
                tx.engine.dispose()
            fault: Any = DBAPIError.instance(compiled.text, None, error, psycopg.Error, hide_parameters=True)
            raise fault from error
        return None if row is None else compiled.row(row)


def _compile(core: Any) -> _Compiled:
    compiled = core.compile(dialect=_DIALECT)
    places = []
    for name in compiled.positiontup:
        bind = compiled.binds[name]
        process = bind.type.dialect_impl(_DIALECT).bind_processor(_DIALECT)
        places.append((name, bind.value, process))
    make_row_type: Any = namedtuple
    row = make_row_type("Row", [column.key for column in core.exported_columns])
    return _Compiled(compiled.string, tuple(places), row._make)
