"""What is kept of every request: an id, one line in the log (its path without the query), a count and a time."""

import time

from flask import Flask, Response, g, request

from idp.runtime import chance, log
from idp.runtime.metrics import Metrics
from idp.web import given


class Watch:
    """One request: its id, and since when it is worked on."""

    __slots__ = ("_began", "id")

    def __init__(self) -> None:
        self.id, self._began = chance.new_reference(), time.perf_counter()

    def note(self, metrics: Metrics, endpoint: str, method: str, path: str, status: int) -> None:
        """It is answered; `method` and `path` hold nothing any more that a stranger should not find in a log."""
        seconds = time.perf_counter() - self._began
        metrics.answered(endpoint, method, status, seconds)
        log.write_plain(
            __name__,
            "answered",
            request=self.id,
            method=method,
            path=path,
            status=status,
            ms=round(seconds * 1000, 1),
        )


def begin(watch: Watch) -> None:
    """Let whatever is said about the request name its id."""
    g.watch = watch


def install(app: Flask) -> None:
    @app.before_request
    def begun() -> None:
        begin(Watch())

    @app.after_request
    def noted(response: Response) -> Response:
        method, path = log.scrub(request.method), log.scrub(request.path[:200])
        g.watch.note(given.runtime().metrics, request.endpoint or "none", method, path, response.status_code)
        return response
