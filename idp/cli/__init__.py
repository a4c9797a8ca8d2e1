"""What operators type: `flask --app wsgi <command>`."""

from flask import Flask

from idp.cli import (
    accounts,
    agencies,
    audit,
    counter,
    demo,
    keys,
    metrics,
    officers,
    outbox,
    rights,
    serve,
    services,
    worker,
)
from idp.runtime.runtime import Runtime


def add_commands(app: Flask, runtime: Runtime) -> None:
    """Put every command on the application."""
    for room in (accounts, counter, rights, agencies, officers, services, keys, audit, outbox, demo):
        app.cli.add_command(room.group(runtime))
    app.cli.add_command(serve.command(runtime.settings))
    app.cli.add_command(worker.command(app, runtime))
    app.cli.add_command(metrics.command(app, runtime))
