"""`flask rights`: plays the officer who takes, answers and does people's requests about their own data."""

from collections.abc import Callable
from datetime import date
from uuid import UUID

import click
from flask.cli import AppGroup

from idp import flows, storage
from idp.cli.refusing import refusals_as_sentences
from idp.domain.rights import Act, RightKind, RightsRequest
from idp.flows.rights import Shown
from idp.runtime.runtime import Runtime
from idp.web import rights_texts

_REQUEST = click.argument("request_id", type=click.UUID)
_OFFICER = click.option("--officer", required=True, help="Who acts: a name or code, which the person sees.")
_WORDS = click.option("--words", required=True, help="What the person is told, in words that the person reads.")


def group(runtime: Runtime) -> AppGroup:
    rights = AppGroup("rights", help="Requests of people about their own data.")

    @rights.command("list")
    @click.option("--overdue", is_flag=True, help="Only what is past a day that the law sets.")
    @click.option("--limit", default=50, show_default=True, help="How many, the most urgent first.")
    @refusals_as_sentences
    def list_open(overdue: bool, limit: int) -> None:
        """List what is open: number, kind, state and days; nobody's name, and nothing that was said."""
        with storage.once() as tx:
            late = storage.rights.count_overdue(tx, runtime.today)
            found = storage.rights.list_open(tx, overdue_on=runtime.today if overdue else None, limit=limit)
        for request in found:
            click.echo(_line(request, runtime.today))
        click.echo(f"{late} overdue.")

    @rights.command("show")
    @_REQUEST
    @_OFFICER
    @click.option("--purpose", required=True, help="Why; the person sees it at once, under devices and history.")
    @refusals_as_sentences
    def show(request_id: UUID, officer: str, purpose: str) -> None:
        """Show a request with what was said; the look stands in the person's own history."""
        with storage.begin() as tx:
            shown = flows.rights.look(tx, runtime, request_id, purpose=purpose, actor=officer)
        click.echo(_record(shown, runtime))

    @rights.command("open")
    @click.option("--number", required=True, help="The 12-digit personal number.")
    @click.option("--kind", type=click.Choice([each.value for each in RightKind]), required=True, help="What is asked.")
    @click.option("--words", default="", help="What the person says, in the person's own words.")
    @_OFFICER
    @refusals_as_sentences
    def open_(number: str, kind: str, words: str, officer: str) -> None:
        """Take a request of somebody who calls or stands at the counter, a locked account's holder too."""
        with storage.begin() as tx:
            person = flows.account_care.find_person(tx, runtime, number)
            asked = flows.rights.ask(tx, runtime, person.id, RightKind(kind), words, rights_texts.notice, actor=officer)
        click.echo(f"Opened {asked.id}: answer by {_day(asked.due.answer_by)}, done by {_day(asked.due.done_by)}.")

    _add_deeds(rights, runtime)
    return rights


def _add_deeds(rights: AppGroup, runtime: Runtime) -> None:
    """What becomes of a request; each step is told to every contact of the person."""

    @rights.command("answer")
    @_REQUEST
    @_WORDS
    @click.option("--through-others", is_flag=True, help="A service or a processor must act too.")
    @_OFFICER
    @refusals_as_sentences
    def answer(request_id: UUID, words: str, through_others: bool, officer: str) -> None:
        """Tell the person what happens next."""
        with storage.begin() as tx:
            after = flows.rights.answer(
                tx, runtime, request_id, words, rights_texts.notice, through_others=through_others, actor=officer
            )
        click.echo(f"Answered; done by {_day(after.due.done_by)}.")

    @rights.command("refuse")
    @_REQUEST
    @_WORDS
    @click.option("--legal-ground", required=True, help="The law by which it is refused, with its article.")
    @_OFFICER
    @refusals_as_sentences
    def refuse(request_id: UUID, words: str, legal_ground: str, officer: str) -> None:
        """Refuse, with the reason and the law."""
        with storage.begin() as tx:
            flows.rights.refuse(
                tx, runtime, request_id, words, rights_texts.notice, legal_ground=legal_ground, actor=officer
            )
        click.echo("Refused.")

    def add(name: str, deed: Callable[..., RightsRequest], about: str, done: str) -> None:
        @rights.command(name, help=about)
        @_REQUEST
        @_WORDS
        @_OFFICER
        @refusals_as_sentences
        def run(request_id: UUID, words: str, officer: str) -> None:
            with storage.begin() as tx:
                after = deed(tx, runtime, request_id, words, rights_texts.notice, actor=officer)
            click.echo(done.format(day=_day(after.due.done_by)))

    add("extend", flows.rights.extend, "Take 15 days more, once, and say why.", "Extended; done by {day}.")
    add("fulfil", flows.rights.fulfil, "Note that it was done, and say what was done.", "Done.")


def _line(request: RightsRequest, today: date) -> str:
    late = "  OVERDUE" if request.is_overdue(today) else ""
    days = f"answer by {_day(request.due.answer_by)}, done by {_day(request.due.done_by)}"
    return f"{request.id}  {request.kind:8}  {request.state:9}  {days}{late}"


def _record(shown: Shown, runtime: Runtime) -> str:
    request = shown.request
    lines = [_line(request, runtime.today), ", ".join(filter(None, [shown.number, shown.name, shown.birthdate]))]
    for what in ("received", "answered", "extended", "ended"):
        act: Act | None = getattr(request, what)
        if act:
            lines.append(f"{what} {_day(runtime.day_of(act.at))} by {act.by}: {act.words or '(nothing was said)'}")
    if request.through_others:
        lines.append("others must act too")
    if request.legal_ground:
        lines.append(f"legal ground: {request.legal_ground}")
    return "\n".join(filter(None, lines))


def _day(value: date) -> str:
    return value.strftime("%d/%m/%Y")
