"""`flask officers`: the first administrator, new codes on paper, assignments by hand, and break-glass."""

import click
from flask.cli import AppGroup

from idp import flows, storage
from idp.cli.refusing import refusals_as_sentences
from idp.domain.agencies import Agency, check_agency_code
from idp.domain.officers import Role
from idp.domain.refusals import Refusal
from idp.runtime.runtime import Runtime

_COMMAND_LINE = "the command line"
_CODE = click.option("--code", "staff_code", required=True, help="The staff code that the officer signs in with.")
_AGENCY = click.option("--agency", required=True, help="The code of the unit, such as H05.")


def group(runtime: Runtime) -> AppGroup:
    officers = AppGroup("officers", help="Officers: administrators, registrars, approvers and others.")

    @officers.command("create-admin")
    @_CODE
    @click.option("--name", required=True, help="The officer's full name.")
    @click.option("--number", required=True, help="The officer's own personal number: nobody decides on oneself.")
    @_AGENCY
    @refusals_as_sentences
    def create_admin(staff_code: str, name: str, number: str, agency: str) -> None:
        """Make the first administrator of a unit, and print the code for the first sign-in."""
        with storage.begin() as tx:
            unit = _agency(tx, agency)
            made = flows.officers.create(tx, runtime, staff_code, name, number, actor=_COMMAND_LINE)
            _assign(tx, runtime, staff_code, unit, Role.SYSTEM_ADMINISTRATOR)
        click.echo(f"Made {staff_code}. Open {runtime.settings.issuer}/admin/enrol\nCode on paper: {made.code}")

    @officers.command("create")
    @_CODE
    @click.option("--name", required=True, help="The officer's full name.")
    @click.option("--number", required=True, help="The officer's own personal number.")
    @_AGENCY
    @click.option(
        "--role", type=click.Choice([each.value for each in Role]), required=True, help="What they are there."
    )
    @refusals_as_sentences
    def create(staff_code: str, name: str, number: str, agency: str, role: str) -> None:
        """Make an officer with a role, without a second officer's approval, and print the code for the sign-in."""
        with storage.begin() as tx:
            unit = _agency(tx, agency)
            made = flows.officers.create(tx, runtime, staff_code, name, number, actor=_COMMAND_LINE)
            _assign(tx, runtime, staff_code, unit, Role(role))
        click.echo(f"Made {staff_code}. Open {runtime.settings.issuer}/admin/enrol\nCode on paper: {made.code}")

    _add_care(officers, runtime)
    return officers


def _add_care(officers: AppGroup, runtime: Runtime) -> None:
    """What becomes of officers that are there."""

    @officers.command("print-code")
    @_CODE
    @refusals_as_sentences
    def print_code(staff_code: str) -> None:
        """Print a new code on paper, with which the officer sets password and app anew."""
        with storage.begin() as tx:
            officer = flows.officers.find(tx, runtime, staff_code)
            code = flows.officers.print_code(tx, runtime, officer.subject.id, actor=_COMMAND_LINE)
        click.echo(f"Open {runtime.settings.issuer}/admin/enrol\nCode on paper: {code}")

    @officers.command("end")
    @_CODE
    @refusals_as_sentences
    def end(staff_code: str) -> None:
        """End every assignment of an officer at once, as on a transfer."""
        with storage.begin() as tx:
            officer = flows.officers.find(tx, runtime, staff_code)
            for assignment in officer.assignments:
                flows.officers.end_assignment(tx, runtime, assignment, actor=_COMMAND_LINE)
        click.echo(f"Ended {len(officer.assignments)} assignments of {staff_code}.")

    @officers.command("break-glass")
    @_CODE
    @_AGENCY
    @click.option("--reason", required=True, help="Why nobody can be asked; everybody will read it.")
    @refusals_as_sentences
    def break_glass(staff_code: str, agency: str, reason: str) -> None:
        """Make an officer system administrator for a day without approval; it is written down loudly."""
        with storage.begin() as tx:
            officer = flows.officers.find(tx, runtime, staff_code)
            given = flows.officers.break_glass(tx, runtime, officer, _agency(tx, agency), reason)
        click.echo(f"{staff_code} is system administrator until the end of {given.valid_until:%d/%m/%Y}.")


def _agency(tx: storage.Tx, code: str) -> Agency:
    found = storage.agencies.find_by_code(tx, check_agency_code(code))
    if found is None:
        raise Refusal("not_found", "no unit has this code: see flask agencies")
    return found


def _assign(tx: storage.Tx, runtime: Runtime, staff_code: str, unit: Agency, role: Role) -> None:
    officer = flows.officers.find(tx, runtime, staff_code)
    today = runtime.today
    flows.officers.assign(tx, runtime, officer, unit, role, valid_from=today, valid_until=None, actor=_COMMAND_LINE)
