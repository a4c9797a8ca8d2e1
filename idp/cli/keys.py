"""`flask keys`: rotating signing keys, and moving to a new master key."""

import click
from flask.cli import AppGroup
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from idp import flows, storage
from idp.cli.refusing import refusals_as_sentences
from idp.runtime import log
from idp.runtime.runtime import Runtime

# Whoever has a shell here has the keys; the consoles ask two officers (docs/operate/keys.md).
ALONE = "keys were changed by one person, from the command line"
_log = log.get(__name__)


def group(runtime: Runtime) -> AppGroup:
    keys = AppGroup("keys", help="Signing keys and the master key.")

    @keys.command("rotate")
    @refusals_as_sentences
    def rotate() -> None:
        """Next becomes current, current retires, a new next is published; running workers follow within seconds."""
        with storage.begin() as tx:
            lines = flows.key_care.rotate(tx, runtime, actor="the command line")
        _log.warning(ALONE, deed="rotate")
        for line in lines:
            click.echo(line)

    # One kid in 64 begins with a dash, and is no option.
    @keys.command("revoke", context_settings={"ignore_unknown_options": True})
    @click.argument("kid")
    @refusals_as_sentences
    def revoke(kid: str) -> None:
        """Take the leaked key KID out of use at once; workers follow within five seconds."""
        with storage.begin() as tx:
            lines = flows.key_care.revoke(tx, runtime, kid, actor="the command line")
        _log.warning(ALONE, deed="revoke", kid=kid)
        for line in lines:
            click.echo(line)

    @keys.command("list")
    @refusals_as_sentences
    def list_keys() -> None:
        """Every published signing key: algorithm, state, kid."""
        for alg, state, kid in runtime.keyring.list_keys():
            click.echo(f"{alg} {state:8} {kid}")

    @keys.command("rewrap")
    @refusals_as_sentences
    def rewrap() -> None:
        """Move everything to the current master key. May be stopped and run again; services stay up meanwhile.

        Before: the new key in keys.master_key_file, the old one in keys.previous_master_key_files, workers restarted.
        After: the old file may go when the last refresh token sealed with it has ended (tokens.offline_grant_for).
        """
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns) as bar:
            with storage.once() as tx:
                counts = storage.rewrap.count_stale(tx, runtime.keyring)
            tasks = {name: bar.add_task(name, total=count) for name, count in counts.items()}
            total = flows.key_care.rewrap(
                storage.begin,
                runtime,
                actor="the command line",
                progress=lambda name, renewed: bar.advance(tasks[name], renewed),
            )
        click.echo(f"{total} rows now stand under the current master key.")

    return keys
