"""`flask audit`: checking the log, and handing it out with what proves it."""

from pathlib import Path
from typing import IO
from uuid import UUID

import click
import orjson
from flask.cli import AppGroup

from idp import flows, storage
from idp.cli.refusing import refusals_as_sentences
from idp.flows.log_check import Report
from idp.runtime.runtime import Runtime

_READER = click.option("--reader", required=True, help="Who reads: a name or code, which the log keeps.")
_PURPOSE = click.option("--purpose", required=True, help="Why, which the log keeps.")


def group(runtime: Runtime) -> AppGroup:
    audit = AppGroup("audit", help="The log: what happened and who received what, sealed month by month.")

    @audit.command("verify")
    @click.option("--heads", type=click.File("r", encoding="ascii", errors="replace"), help="The file of tree heads.")
    @click.pass_context
    @refusals_as_sentences
    def verify(context: click.Context, heads: IO[str] | None) -> None:
        """Check the whole log: entries, leaves, signed heads and, if given, their file outside the database.

        Exit status 1 and the first bad entry of each month where something is not as it was sealed.
        """
        with storage.once() as tx:
            report = flows.log_check.check(tx, runtime, heads or ())
        for line in _lines(report):
            click.echo(line)
        if report.faults:
            context.exit(1)

    @audit.command("export")
    @click.option("--month", required=True, help="Such as 2026-12, by UTC.")
    @_PURPOSE
    @_READER
    @click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
    @refusals_as_sentences
    def export(month: str, purpose: str, reader: str, file: Path) -> None:
        """Write a month into FILE, for tools/verify_log.py; that it was taken stands in the log."""
        if file.exists():
            raise click.ClickException(f"{file} is there already")
        with storage.begin() as tx:
            flows.log_export.note_export(tx, runtime, month, reader=reader, purpose=purpose)
        file.touch(mode=0o600)
        entries = 0
        with storage.once() as tx, file.open("wb") as written:
            for line in flows.log_export.export(tx, runtime, month, reader=reader, purpose=purpose):
                written.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
                entries += line["type"] == "entry"
        click.echo(f"{entries} entries of {month}")

    @audit.command("prove")
    @click.argument("entry_id", type=click.UUID)
    @_PURPOSE
    @_READER
    @refusals_as_sentences
    def prove(entry_id: UUID, purpose: str, reader: str) -> None:
        """Print an entry as it is stored, with the proof that it is in the log; for tools/verify_log.py."""
        with storage.begin() as tx:
            proof = flows.log_export.prove(tx, runtime, entry_id, reader=reader, purpose=purpose)
        click.echo(orjson.dumps(proof, option=orjson.OPT_INDENT_2))

    return audit


def _lines(report: Report) -> list[str]:
    """Bad entries before bad heads: whoever reads the first line knows where to look."""
    faults = sorted(report.faults, key=lambda fault: (fault.month == "", fault.month, fault.number is None))
    lines = [f"BAD {fault}" for fault in faults]
    lines += [f"{month} was let go by retention, as the log says." for month in report.let_go]
    if report.late:
        lines.append(
            f"{report.late} were sealed more than ten minutes after they were made; the first: {report.first_late}"
        )
    if report.waiting:
        lines.append(f"{report.waiting} wait to be sealed.")
    said = "The log is NOT as it was sealed." if report.faults else "The log is as it was sealed."
    return [*lines, f"{report.entries} entries, {report.heads} heads. {said}"]
