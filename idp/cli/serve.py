"""`flask serve`: the provider behind Granian's WSGI server, as the settings of [server] say."""

import multiprocessing

import click
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server import Server

from idp.runtime.settings import Settings

RESPAWN_PAUSE = 1.0
# Milliseconds for a request's head, which holds no thread, and for the next request on a connection that is kept. For a
# body Granian knows no limit in time: docs/operate/install.md says what that leaves open.
HEAD_WITHIN = 30_000


def command(settings: Settings) -> click.Command:
    @click.command("serve")
    @click.option("--port", type=click.IntRange(1, 65535), help="The port; the setting `port` unless given.")
    def serve(port: int | None) -> None:
        """Serve the provider. SIGHUP replaces its processes one by one, SIGTERM ends them; requests finish."""
        server = settings.server
        # Each process imports the application itself: one that was forked would share our connections.
        multiprocessing.set_start_method("spawn", force=True)
        Server(
            "wsgi:application",
            address=server.host,
            port=port or settings.port,
            interface=Interfaces.WSGI,
            workers=server.processes,
            blocking_threads=server.threads,
            backlog=server.backlog,
            # Whether somebody must wait is ours to say (server.under_way), not the socket's.
            backpressure=server.backlog,
            http=HTTPModes.http1,  # what proxies speak to those behind them
            http1_settings=HTTP1Settings(header_read_timeout=HEAD_WITHIN),
            websockets=False,
            respawn_failed_workers=True,
            respawn_interval=RESPAWN_PAUSE,
            workers_lifetime=server.lifetime or None,
            workers_kill_timeout=server.grace,
        ).serve()

    return serve
