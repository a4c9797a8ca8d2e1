"""`flask counter`: the officer at a counter without pages, and taking checks back, with two names on each deed."""

import click
from flask.cli import AppGroup

from idp import flows, storage
from idp.cli.refusing import refusals_as_sentences
from idp.domain import birth_dates, factors, identifiers, names, recalls
from idp.domain.proofing import CounterCheck
from idp.domain.refusals import Refusal
from idp.flows.recall import Approved
from idp.runtime.runtime import Runtime


def group(runtime: Runtime) -> AppGroup:
    counter = AppGroup("counter", help="What officers do at a counter, in person.")
    number = click.option("--number", required=True, help="The 12-digit personal number, as on the ID card.")
    officer = click.option("--officer", required=True, help="Who looked: the officer's name or code, for the history.")
    full_name = click.option("--name", "full_name", required=True, help="The full name, as on the card.")
    birth_date = click.option("--birth-date", required=True, help="dd/mm/yyyy, mm/yyyy or yyyy.")

    @counter.command("prove")
    @number
    @full_name
    @birth_date
    @click.option("--document", required=True, help="Which paper was seen, such as: ID card 12/03/2024.")
    @click.option("--contact", help="The phone or e-mail that the person confirms here; all others of the account end.")
    @officer
    @refusals_as_sentences
    def prove(number: str, full_name: str, birth_date: str, document: str, contact: str | None, officer: str) -> None:
        """Take down that a person was compared with a document; prints the code for the person's paper."""
        today = runtime.clock.now().date()
        check = CounterCheck(
            personal_number=identifiers.check_personal_number(number, today=today).value,
            name=names.clean_name(full_name),
            birthdate=birth_dates.parse_birth_date(birth_date, today=today).iso,
            document=document,
            officer=officer,
            kept_contact=identifiers.recognise_contact(contact) if contact else None,
        )
        with storage.begin() as tx:
            proved = flows.proofing.prove(tx, runtime, check)
        click.echo(f"Proved {proved.subject_id}.\nCode on paper: {proved.code}")

    @counter.command("print-code")
    @number
    @officer
    @refusals_as_sentences
    def print_code(number: str, officer: str) -> None:
        """Print a new code for somebody who was seen in person: sets a new password, or is a second factor, once."""
        with storage.begin() as tx:
            person = flows.account_care.find_person(tx, runtime, number)
            code = flows.proofing.issue_code(tx, runtime, person.id, officer=officer)
        click.echo(f"Code on paper: {code}")

    @counter.command("preload")
    @number
    @full_name
    @birth_date
    @click.option("--phone", help="The phone number on the old portal's record.")
    @click.option("--email", help="The e-mail address on the old portal's record.")
    @refusals_as_sentences
    def preload(number: str, full_name: str, birth_date: str, phone: str | None, email: str | None) -> None:
        """Take over an account of an old portal; nobody signs in with it until the person claims it."""
        born = birth_dates.parse_birth_date(birth_date, today=runtime.clock.now().date())
        claims: dict[str, object] = {"name": full_name, "birthdate": born.iso}
        claims |= {claim: value for claim, value in (("phone_number", phone), ("email", email)) if value}
        with storage.begin() as tx:
            flows.registration.preload(tx, runtime, number, claims, actor="the command line")
        click.echo("Pre-loaded.")

    _add_screen(counter, runtime)
    _add_recall(counter, runtime)
    return counter


def _add_screen(counter: AppGroup, runtime: Runtime) -> None:
    @counter.command("screen")
    @click.option("--name", required=True, help="The counter's name, as people there read it on every page.")
    @refusals_as_sentences
    def screen(name: str) -> None:
        """Print a code that makes a browser the screen of this counter, once, within the hour."""
        with storage.begin() as tx:
            code = flows.counter_screens.make_code(tx, runtime, name, actor="the command line")
        click.echo(f"Open {runtime.settings.issuer}/counter-mode there and type: {factors.written(code)}")


def _add_recall(counter: AppGroup, runtime: Runtime) -> None:
    @counter.command("recall")
    @click.option("--source", default="counter", show_default=True, help="Whose checks: counter, or national_id.")
    @click.option("--officer", default="", help="Only those of this officer, by the staff code.")
    @click.option("--from", "first", required=True, help="The first day, dd/mm/yyyy.")
    @click.option("--until", "last", required=True, help="The last day, dd/mm/yyyy.")
    @click.option("--reason", required=True, help="Why, and by which document.")
    @click.option("--asked-by", required=True, help="Who asks for it, for the history.")
    @click.option("--approved-by", default="", help="Who approved it, somebody else; without, it is only counted.")
    @refusals_as_sentences
    def recall(source: str, officer: str, first: str, last: str, reason: str, asked_by: str, approved_by: str) -> None:
        """Take checks of people back: count them, or, approved by a second person, begin; the worker goes on."""
        said = {"source": source, "officer": officer, "since": first, "until": last, "reason": reason}
        body = recalls.check_recall(said, runtime.today)
        if approved_by and approved_by == asked_by:
            raise Refusal("same_officer", "who asks does not approve")
        with storage.begin() as tx:
            persons = flows.recall.count(tx, runtime, body)
            begun = flows.recall.start(tx, runtime, Approved(body, asked_by, approved_by)) if approved_by else None
        counted = f"Checks of {persons} people would be taken back."
        click.echo(f"Began {begun.id}: {begun.persons} people." if begun else counted)

    @counter.command("recalls")
    def list_recalls() -> None:
        """How far recalls are, the newest first."""
        with storage.once() as tx:
            found = storage.recalls.list_recalls(tx, limit=20)
        for each in found:
            click.echo(f"{each.id} {each.state} {each.done} of {each.persons}, {each.percent}%, {each.reason}")
