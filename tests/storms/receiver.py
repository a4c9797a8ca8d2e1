"""Services that hear of sign-outs: one small server, a path a service; each can be made to refuse or to hang."""

import base64
import contextlib
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

PATIENCE = 30.0  # seconds: longer than anybody waits for an answer


@dataclass(frozen=True, slots=True)
class Told:
    """One logout token that came and was taken: which session it ends, and its own id."""

    path: str
    sid: str
    jti: str


class Receiver:
    """`told` lists the logout tokens that were taken, in order; paths in `hanging` get no answer."""

    def __init__(self, port: int = 0) -> None:
        """`port` 0 is one that is free."""
        self.told: list[Told] = []
        self.hung: dict[str, int] = defaultdict(int)
        self.hanging: set[str] = set()
        self.port = port
        self._changed = threading.Condition()
        self._is_over = threading.Event()
        self._before_answer: Callable[[], None] | None = None

    @contextmanager
    def running(self) -> Iterator["Receiver"]:
        server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        server.daemon_threads = True
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._is_over.set()
            server.shutdown()
            thread.join()
            server.server_close()

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def wait_for(self, paths: set[str], sid: str, patience: float) -> set[str]:
        """Wait until each of these was told of a session's end; gives those that were by then."""
        with self._changed:
            self._changed.wait_for(lambda: paths <= self._told_of(sid), patience)
            return paths & self._told_of(sid)

    def strike(self, deed: Callable[[], None], patience: float) -> bool:
        """Do this when the next token has come and before it is answered; False when none came in time."""
        is_done = threading.Event()

        def do() -> None:
            deed()
            is_done.set()

        with self._changed:
            self._before_answer = do
        is_done.wait(patience)
        with self._changed:
            was_taken, self._before_answer = self._before_answer is None, None
        return is_done.wait(PATIENCE) if was_taken else False

    def _told_of(self, sid: str) -> set[str]:
        return {each.path for each in self.told if each.sid == sid}

    def _take(self, path: str, body: str) -> int:
        if path in self.hanging:
            self.hung[path] += 1
            self._is_over.wait(PATIENCE)
            return 503
        claims = claims_of(parse_qs(body)["logout_token"][0])
        with self._changed:
            self.told.append(Told(path, claims["sid"], claims["jti"]))
            self._changed.notify_all()
            before_answer, self._before_answer = self._before_answer, None
        if before_answer:
            before_answer()
        return 200

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status = receiver._take(self.path.strip("/"), body)
                with contextlib.suppress(OSError):  # who asked may be dead
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Tests say themselves what matters."""

        return Handler


def claims_of(token: str) -> dict[str, Any]:
    """What a JWT says, unverified."""
    middle = token.split(".")[1]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return said
