"""`flask outbox`: the ledger of what leaves the house, and trying again by hand."""

import sys
from uuid import UUID

import click
from flask.cli import AppGroup
from rich.console import Console
from rich.table import Table

from idp import flows, storage
from idp.cli.refusing import refusals_as_sentences
from idp.domain.refusals import Refusal
from idp.runtime.runtime import Runtime
from idp.storage.outbox import LedgerLine


def group(runtime: Runtime) -> AppGroup:
    outbox = AppGroup("outbox", help="What leaves the house: logout tokens to services, logos from them.")

    @outbox.command("list")
    @click.option("--service", help="The client_id of one service.")
    @click.option("--state", type=click.Choice(storage.outbox.STATES))
    @click.option("--limit", default=50, type=click.IntRange(1, 10_000), show_default=True)
    @refusals_as_sentences
    def list_ledger(service: str | None, state: str | None, limit: int) -> None:
        """The newest parcels: state, kind, service, tries, next try, last failure. Times are UTC."""
        with storage.once() as tx:
            found = storage.relying_services.find_by_client_id(tx, service) if service else None
            if service and found is None:
                raise Refusal("unknown_service", f"no service has the client_id {service[:80]}")
            lines = storage.outbox.list_ledger(tx, service_id=found.id if found else None, state=state, limit=limit)
        table = Table("parcel", "state", "kind", "service", "queued", "tries", "next try", "last failure", box=None)
        for line in lines:
            table.add_row(*_cells(line))
        # Nothing is cut off where another program reads along.
        console = Console(width=None if sys.stdout.isatty() else 400)
        console.print(table if lines else "Nothing of that is in the ledger.")

    @outbox.command("retry")
    @click.argument("parcel", required=False, type=click.UUID)
    @click.option("--service", help="All that waits for this client_id or was given up.")
    @refusals_as_sentences
    def retry(parcel: UUID | None, service: str | None) -> None:
        """Have PARCEL tried now, or all parcels of a service; what was given up gets one more try."""
        if (parcel is None) is (service is None):
            raise click.UsageError("Name either a parcel or a service.")
        actor = "the command line"
        with storage.begin() as tx:
            if service is not None:
                count = flows.delivery.retry_service(tx, runtime, service, actor=actor)
            elif parcel is not None:
                count = flows.delivery.retry_parcel(tx, runtime, parcel, actor=actor)
        click.echo(f"{count} will be tried now")

    return outbox


def _cells(line: LedgerLine) -> tuple[str, ...]:
    return (
        str(line.id),
        line.state,
        line.kind,
        line.client_id or "",
        f"{line.created_at:%Y-%m-%d %H:%M:%S}",
        str(line.tries),
        f"{line.next_try_at:%Y-%m-%d %H:%M:%S}" if line.state == "queued" else "",
        line.last_failure or "",
    )
