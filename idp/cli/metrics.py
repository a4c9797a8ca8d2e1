"""`flask metrics`: serves the counts of all worker processes to Prometheus, on a port of its own."""

from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import click
from flask import Flask

from idp import storage
from idp.runtime import metrics
from idp.runtime.runtime import Runtime
from idp.runtime.settings import ROOT


class _Server(ThreadingMixIn, WSGIServer):
    """Whoever opens a connection and says nothing keeps no scrape waiting."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are not worth a line each."""


def command(app: Flask, runtime: Runtime) -> click.Command:
    @click.command("metrics")
    @click.option("--host", default="127.0.0.1", show_default=True)
    @click.option("--port", default=9464, show_default=True)
    def serve(host: str, port: int) -> None:
        """Serve /metrics; keep the port inside the operations network."""
        folder = runtime.settings.metrics.folder
        if not folder:
            raise click.ClickException("the setting metrics.folder is empty, so nothing is counted")

        def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            if environ["PATH_INFO"] != "/metrics":
                start("404 Not Found", [("Content-Type", "text/plain")])
                return [b"see /metrics\n"]
            body, media_type = metrics.exposition(ROOT / folder, _gauges(app))
            start("200 OK", [("Content-Type", media_type)])
            return [body]

        with make_server(host, port, answer, server_class=_Server, handler_class=_Quiet) as server:
            click.echo(f"serving http://{host}:{server.server_port}/metrics")
            server.serve_forever()

    return serve


def _gauges(app: Flask) -> dict[str, tuple[str, float]]:
    """How much waits in the outbox, and how long the oldest has waited past its time; what the law calls late."""
    runtime: Runtime = app.extensions["idp"]
    try:
        with app.app_context(), storage.once() as tx:
            overdue = storage.rights.count_overdue(tx, runtime.today)
            waiting, late = storage.outbox.count_waiting(tx, runtime.clock.now())
    except storage.Unavailable:
        return {"idp_database_up": ("Whether the database answers.", 0.0)}
    return {
        "idp_database_up": ("Whether the database answers.", 1.0),
        "idp_outbox_waiting": ("Parcels that are queued.", float(waiting)),
        "idp_outbox_late_seconds": ("How late the latest parcel is.", late),
        "idp_rights_overdue": ("Requests about personal data past a day that the law sets.", float(overdue)),
    }
