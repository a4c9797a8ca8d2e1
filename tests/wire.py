"""Counts what work costs the database: round trips to PostgreSQL on the wire, statements to SQLite.

    with WireCounter() as wire:
        app = create_app(testing_settings(wire.url(postgres_url)))
        ...
        wire.reset(); do_it(); assert wire.round_trips == 1

The wire is read as the PostgreSQL protocol says (version 3.0, "Message Formats"): the client waits for the
server once per simple Query ('Q'), function call ('F') or Sync ('S'). Starting and ending a connection are
not counted.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from sqlalchemy import event
from sqlalchemy.engine import Engine, make_url

_WAITS = frozenset(b"QFS")
_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104
_NOT_COUNTED = ("PRAGMA", "BEGIN", "COMMIT", "ROLLBACK")


class FrontendReader:
    """Cuts one connection's client bytes into messages and tells of trips and statements."""

    def __init__(self, trip: Callable[[], None], statement: Callable[[str], None]) -> None:
        self._trip, self._statement = trip, statement
        self._buffer = b""
        self._prepared: dict[bytes, str] = {}

    def feed(self, data: bytes) -> None:
        """Take bytes sent after the startup message."""
        self._buffer += data
        while len(self._buffer) >= 5:
            end = 1 + struct.unpack_from("!I", self._buffer, 1)[0]
            if len(self._buffer) < end:
                return
            kind, body, self._buffer = self._buffer[0], self._buffer[5:end], self._buffer[end:]
            self._read(kind, body)

    def _read(self, kind: int, body: bytes) -> None:
        if kind in _WAITS:
            self._trip()
        if kind == ord("Q"):
            self._statement(body.split(b"\0")[0].decode())
        elif kind == ord("P"):
            name, text = body.split(b"\0")[:2]
            self._prepared[name] = text.decode()
        elif kind == ord("B"):  # told at each use, so that a statement prepared long ago is told as well
            _portal, name = body.split(b"\0")[:2]
            self._statement(self._prepared.get(name, "(prepared before)"))


class WireCounter:
    """A TCP proxy on loopback, between psycopg and PostgreSQL, for as long as the `with` block lasts."""

    def __init__(self) -> None:
        self.round_trips = 0
        self.statements: list[str] = []
        self._lock = threading.Lock()
        self._server: tuple[str, int] | None = None
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._closing = False

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._run(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        _shut([self._listener])
        with self._lock:
            _shut(self._open)
        for thread in self._threads:
            thread.join(timeout=10)
        self._listener.close()

    def url(self, database_url: str) -> str:
        """The same database, reached through the counter; all URLs of one counter name the same server."""
        address = make_url(database_url)
        server = (address.host or "127.0.0.1", address.port or 5432)
        assert self._server in (None, server), "one counter stands before one server"
        self._server = server
        host, port = self._listener.getsockname()
        return address.set(host=host, port=port).render_as_string(hide_password=False)

    def reset(self) -> None:
        with self._lock:
            self.round_trips, self.statements = 0, []

    def _accept(self) -> None:
        while not self._closing:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            assert self._server is not None
            self._run(self._serve, client, self._server)

    def _serve(self, client: socket.socket, address: tuple[str, int]) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(address) as server:
            with self._lock:
                self._open |= {client, server}
            try:
                self._relay(client, server)
            finally:
                with self._lock:
                    self._open -= {client, server}

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        server.sendall(_startup(client))
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        reader = FrontendReader(self._count_trip, self._note_statement)
        while data := client.recv(65536):
            # Counted before it is passed on, so that whoever has the answer sees the count.
            reader.feed(data)
            server.sendall(data)
        _shut([server])
        back.join(timeout=10)

    def _count_trip(self) -> None:
        with self._lock:
            self.round_trips += 1

    def _note_statement(self, text: str) -> None:
        with self._lock:
            self.statements.append(text)

    def _run(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()


def _startup(client: socket.socket) -> bytes:
    """The startup message, whole; offers to encrypt are declined, since what is encrypted cannot be read."""
    while True:
        head = _exactly(client, 8)
        length, code = struct.unpack("!II", head)
        if code not in (_SSL_REQUEST, _GSS_REQUEST):
            return head + _exactly(client, length - 8)
        client.sendall(b"N")


def _exactly(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = source.recv(count - len(data))
        if not more:
            raise ConnectionError("the client left before it had introduced itself")
        data += more
    return data


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    _shut([target])


def _shut(sockets: Iterable[socket.socket]) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


class StatementCounter:
    """Statements that an engine sends (SQLite has no wire); PRAGMA and transaction words are not counted."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.statements: list[str] = []

    @property
    def count(self) -> int:
        return len(self.statements)

    def reset(self) -> None:
        self.statements = []

    def __enter__(self) -> Self:
        event.listen(self._engine, "before_cursor_execute", self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        event.remove(self._engine, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.lstrip().upper().startswith(_NOT_COUNTED):
            self.statements.append(statement)
