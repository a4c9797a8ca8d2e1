"""A line to the database that can be cut or go dead, as a network or a machine does, without troubling the server."""

import contextlib
import socket
import threading
from types import TracebackType

from sqlalchemy.engine import make_url


class Line:
    """`with Line(database_url) as line:` relays `line.url` to the database until `cut()`; `mend()` opens it again.

    With `dead` it is a machine that is there and says nothing: connections are taken, and nobody answers.
    """

    def __init__(self, database_url: str, *, dead: bool = False) -> None:
        self._target = make_url(database_url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = int(self._listener.getsockname()[1])
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        if not dead:
            self._open()

    @property
    def url(self) -> str:
        return self._target.set(host="127.0.0.1", port=self._port).render_as_string(hide_password=False)

    def cut(self) -> None:
        """Refuse new connections and break the old ones."""
        for each in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()
        self._sockets.clear()
        self._threads.clear()

    def mend(self) -> None:
        self.cut()
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._open()

    def __enter__(self) -> "Line":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()

    def _open(self) -> None:
        self._start(self._accept, self._listener)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection((self._target.host or "127.0.0.1", self._target.port or 5432))
                self._sockets += [near, far]
                self._start(_pump, near, far)
                self._start(_pump, far, near)

    def _start(self, target: object, *given: socket.socket) -> None:
        thread = threading.Thread(target=target, args=given, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    for each in (source, sink):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
