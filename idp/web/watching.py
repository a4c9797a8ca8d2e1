"""What is kept of every request: an id, one line in the log (its path without the query), a count and a time."""

import time

from flask import Flask, Response, g, request

from idp.runtime import chance, log
from idp.web import given


def begin() -> None:
    """Give the request its id, and start its clock."""
    g.request_id = chance.new_bytes(8).hex()
    g.began = time.perf_counter()


def note(endpoint: str, method: str, path: str, status: int) -> None:
    seconds = time.perf_counter() - g.began
    given.runtime().metrics.answered(endpoint, method, status, seconds)
    log.write_plain(
        __name__,
        "answered",
        request=g.request_id,
        method=log.scrub(method),
        path=log.scrub(path[:200]),
        status=status,
        ms=round(seconds * 1000, 1),
    )


def install(app: Flask) -> None:
    app.before_request(begin)

    @app.after_request
    def noted(response: Response) -> Response:
        note(request.endpoint or "none", request.method, request.path, response.status_code)
        return response
