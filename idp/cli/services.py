"""`flask services`: relying services by hand."""

import sys
from pathlib import Path

import click
import orjson
from flask.cli import AppGroup
from rich.console import Console
from rich.table import Table

from idp import flows, storage
from idp.cli.refusing import refusals_as_sentences
from idp.domain.invitations import USUAL, read_invitation
from idp.domain.refusals import Refusal
from idp.runtime.runtime import Runtime


def group(runtime: Runtime) -> AppGroup:
    services = AppGroup("services", help="Relying services.")

    @services.command("import")
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @refusals_as_sentences
    def import_file(file: Path) -> None:
        """Register or renew the services of FILE: RFC 7591 metadata objects in a list, or under `clients`.

        All or nothing. A secret that was made here is printed this once.
        """
        try:
            document = orjson.loads(file.read_bytes())
        except orjson.JSONDecodeError as error:
            raise Refusal("invalid_file", f"the file is not JSON: {error.msg} at line {error.lineno}") from None
        with storage.begin() as tx:
            done = flows.service_registry.import_services(tx, runtime, document, actor="the command line")
            for registered in done:
                flows.key_care.ensure_for(tx, runtime, registered.service)
        for registered in done:
            verb = "registered" if registered.is_new else "renewed"
            click.echo(f"{verb} {registered.service.client_id}")
            if registered.secret:
                click.echo(f"  client_secret (shown once): {registered.secret}")

    _add_care(services, runtime)

    @services.command("list")
    @refusals_as_sentences
    def list_services() -> None:
        """Every registered service."""
        with storage.once() as tx:
            found = storage.relying_services.list_services(tx)
        table = Table("client_id", "name", "state", "sector", "basis", "redirect URIs", box=None)
        for service in found:
            table.add_row(
                service.client_id,
                service.name("vi"),
                service.state,
                service.sector,
                service.legal_basis or "consent",
                "\n".join(service.redirect_uris),
            )
        # Nothing is cut off where another program reads along.
        console = Console(width=None if sys.stdout.isatty() else 400)
        console.print(table if found else "No service is registered.")

    return services


def _add_care(services: AppGroup, runtime: Runtime) -> None:
    """What becomes of services that are registered, and who may register more."""

    @services.command("suspend")
    @click.argument("client_id")
    @refusals_as_sentences
    def suspend(client_id: str) -> None:
        """Stop a service: no sign-in, no token, no userinfo; workers follow within five seconds."""
        with storage.begin() as tx:
            flows.service_registry.suspend(tx, runtime, client_id, actor="the command line")
        click.echo(f"{client_id} is suspended")

    @services.command("resume")
    @click.argument("client_id")
    @refusals_as_sentences
    def resume(client_id: str) -> None:
        """Let a suspended service go on."""
        with storage.begin() as tx:
            flows.service_registry.suspend(tx, runtime, client_id, actor="the command line", resume=True)
        click.echo(f"{client_id} is active")

    @services.command("invite")
    @click.option("--agency", help="The code of the agency whose services may be registered; required in production.")
    @click.option("--scopes", default=" ".join(USUAL.scopes), show_default=True, help="What they may register.")
    @click.option("--hosts", multiple=True, help="A host they may have people sent to, again for each; else any.")
    @click.option("--uses", default=1, type=click.IntRange(1, 100), show_default=True)
    @click.option("--days", default=7, type=click.IntRange(1, 90), show_default=True)
    @refusals_as_sentences
    def invite(agency: str | None, scopes: str, hosts: tuple[str, ...], uses: int, days: int) -> None:
        """Make an initial access token, with which a vendor registers services (RFC 7591). It is shown this once."""
        if agency is None and not runtime.settings.insecure_loopback:
            raise click.UsageError("--agency is missing: every service belongs to an agency.")
        invitation = read_invitation(scopes, hosts)
        with storage.begin() as tx:
            token = flows.service_registry.invite(
                tx,
                runtime,
                agency_code=agency,
                invitation=invitation,
                uses=uses,
                days=days,
                actor="the command line",
            )
        click.echo(token)
