"""The plans by which PostgreSQL answers what a page asks, taken from the very statements that it sent."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy import event

from idp import storage


def plans_of(app: Flask, ask: Callable[[], object], wanted: str) -> list[str]:
    """EXPLAIN ANALYZE of each SELECT that names `wanted` while `ask` runs, one text each."""
    sent: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.lstrip().upper().startswith("SELECT") and wanted in statement:
            sent.append((statement, parameters))

    with app.app_context():
        engine = storage.db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        ask()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    plans = []
    with app.app_context(), engine.connect() as connection:
        for statement, parameters in sent:
            rows = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {statement}", parameters)
            plans.append("\n".join(row[0] for row in rows))
    return plans
