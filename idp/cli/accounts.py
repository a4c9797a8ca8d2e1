"""`flask accounts`: making accounts by hand."""

import sys
from datetime import datetime
from zoneinfo import ZoneInfo

import click
from flask.cli import AppGroup

from idp import flows, storage
from idp.cli.refusing import refusals_as_sentences
from idp.domain import birth_dates, names
from idp.domain.accounts import Closing, Ground, Lock
from idp.flows.registration import NewAccount
from idp.runtime.runtime import Runtime


def group(runtime: Runtime) -> AppGroup:
    accounts = AppGroup("accounts", help="People's accounts.")

    @accounts.command("create")
    @click.option("--number", required=True, help="The 12-digit personal number.")
    @click.option("--name", "full_name", required=True, help="The full name, as on the card.")
    @click.option("--birth-date", help="dd/mm/yyyy, mm/yyyy or yyyy.")
    @click.option("--phone", help="A phone number.")
    @click.option("--email", help="An e-mail address.")
    @click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
    @refusals_as_sentences
    def create(
        number: str, full_name: str, birth_date: str | None, phone: str | None, email: str | None, password_stdin: bool
    ) -> None:
        """Make an account that signs in with its number and a password. Nothing said here counts as verified."""
        password = sys.stdin.readline().rstrip("\n") if password_stdin else _ask_password()
        parts = names.name_parts(names.clean_name(full_name))
        claims: dict[str, object] = {"name": names.clean_name(full_name), "given_name": parts.given}
        claims |= {"family_name": parts.family} if parts.family else {}
        claims |= {"middle_name": parts.middle} if parts.middle else {}
        if birth_date:
            claims["birthdate"] = birth_dates.parse_birth_date(birth_date, today=runtime.clock.now().date()).iso
        for claim, value in (("phone_number", phone), ("email", email)):
            if value:
                claims |= {claim: value, f"{claim}_verified": False}
        hashed = flows.registration.hash_new_password(runtime, password, number)
        with storage.begin() as tx:
            subject = flows.registration.create_account(
                tx, runtime, NewAccount(number, claims, hashed), actor="the command line"
            )
        click.echo(f"Made the account {subject.id}.")

    _add_care(accounts, runtime)
    return accounts


def _add_care(accounts: AppGroup, runtime: Runtime) -> None:
    """What becomes of accounts that are there."""
    number = click.option("--number", required=True, help="The 12-digit personal number.")
    reason = click.option("--reason", required=True, help="Why, for the history; at most 64 characters.")

    @accounts.command("show")
    @number
    @click.option("--officer", required=True, help="Who looks: a name or code, which the person sees.")
    @click.option("--purpose", required=True, help="Why; the person sees it at once, under devices and history.")
    @refusals_as_sentences
    def show(number: str, officer: str, purpose: str) -> None:
        """Show a person's record, masked; the look stands in the person's own history."""
        with storage.begin() as tx:
            person = flows.account_care.find_person(tx, runtime, number)
            seen = flows.people.look(tx, runtime, person, purpose=purpose, actor=officer)
        lock = f" ({seen.lock.ground})" if seen.lock else ""
        click.echo(f"{seen.subject.id}\n{seen.name}, {seen.birthdate}\n{person.state}{lock}")
        click.echo(f"account level {person.account_level.value}, source {person.proof_source}")
        click.echo("\n".join(seen.contacts))

    @accounts.command("lock")
    @number
    @click.option(
        "--ground",
        type=click.Choice([each.value for each in Ground]),
        required=True,
        help="Of which kind the reason is.",
    )
    @reason
    @click.option("--source", default="", help="The document or register that says so, with its number.")
    @click.option("--legal-basis", default="", help="The decision or law, if there is one.")
    @click.option(
        "--until",
        type=click.DateTime(["%d/%m/%Y"]),
        help="Of an automatic ground, the first day (dd/mm/yyyy) on which the account opens again by itself.",
    )
    @refusals_as_sentences
    def lock(number: str, ground: str, reason: str, source: str, legal_basis: str, until: datetime | None) -> None:
        """End everything that is open under an account, and let nobody sign in with it."""
        ends_at = until.replace(tzinfo=ZoneInfo(runtime.settings.province.time_zone)) if until else None
        with storage.begin() as tx:
            person = flows.account_care.find_person(tx, runtime, number)
            new = Lock(Ground(ground), reason, source, legal_basis, ends_at)
            flows.account_care.lock(tx, runtime, person, new, actor="the command line")
        click.echo(f"Locked {person.id}: its sessions and grants have ended, and the services are being told.")

    @accounts.command("unlock")
    @number
    @reason
    @refusals_as_sentences
    def unlock(number: str, reason: str) -> None:
        """Let the person sign in again."""
        with storage.begin() as tx:
            person = flows.account_care.find_person(tx, runtime, number)
            flows.account_care.unlock(tx, runtime, person, reason=reason, actor="the command line")
        click.echo(f"Unlocked {person.id}.")

    _add_endings(accounts, runtime)


def _add_endings(accounts: AppGroup, runtime: Runtime) -> None:
    """What ends for good."""
    number = click.option("--number", required=True, help="The 12-digit personal number.")
    reason = click.option("--reason", required=True, help="Why, for the history; at most 64 characters.")

    @accounts.command("close")
    @number
    @click.option(
        "--because", type=click.Choice([each.value for each in Closing]), required=True, help="Why it is closed."
    )
    @reason
    @refusals_as_sentences
    def close(number: str, because: str, reason: str) -> None:
        """Close an account for good: nobody opens it again."""
        with storage.begin() as tx:
            person = flows.account_care.find_person(tx, runtime, number)
            flows.account_care.close(tx, runtime, person, Closing(because), reason=reason, actor="the command line")
        click.echo(f"Closed {person.id}: its sessions and grants have ended, and the services are being told.")

    @accounts.command("erase")
    @number
    @click.option("--officer", required=True, help="Who erases: a name or code, for the history.")
    @refusals_as_sentences
    def erase(number: str, officer: str) -> None:
        """Erase the data of a closed account; nobody reads or finds them again."""
        with storage.begin() as tx:
            person = flows.account_care.find_person(tx, runtime, number)
            flows.account_care.erase(tx, runtime, person, actor=officer)
        click.echo(f"Erased {person.id}. Keep this number outside the database: a restored backup brings them back.")

    @accounts.command("withdraw")
    @number
    @click.option("--service", "client_id", required=True, help="The client_id of the service.")
    @refusals_as_sentences
    def withdraw(number: str, client_id: str) -> None:
        """Take back, for the person who asks, what was agreed to at a service; its access ends at once."""
        with storage.begin() as tx:
            person = flows.account_care.find_person(tx, runtime, number)
            ended = flows.account_care.withdraw(tx, runtime, person, client_id, actor="the command line")
        click.echo(f"Withdrawn; {ended} grants at {client_id} have ended.")


def _ask_password() -> str:
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password
