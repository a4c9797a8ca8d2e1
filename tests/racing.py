"""Two deeds at once, in an order that the test chooses: the later one must wait for the transaction of the earlier."""

import threading
from collections.abc import Callable

from flask import Flask
from sqlalchemy import text

from idp import storage

_WAITING = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


class Waiting:
    """A deed in another thread, in a context of the application, that must wait for the transaction under way here."""

    def __init__(self, app: Flask, deed: Callable[[], object]) -> None:
        self._app, self._deed = app, deed
        self._thread = threading.Thread(target=self._do)

    def _do(self) -> None:
        with self._app.app_context():
            self._deed()

    def start(self, tx: storage.Tx) -> None:
        """Begin it; on PostgreSQL go on only when it waits. On SQLite it waits at the door."""
        self._thread.start()
        while tx.dialect.name == "postgresql" and not _is_somebody_waiting():
            assert self._thread.is_alive(), "it did not wait"

    def join(self) -> None:
        self._thread.join()


def _is_somebody_waiting() -> bool:
    with storage.once() as tx:
        return bool(tx.scalar(text(_WAITING)))
