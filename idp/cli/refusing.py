"""How a command says no: one sentence on standard error and exit status 1, never a trace."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click

from idp import storage
from idp.domain.refusals import Refusal

P = ParamSpec("P")
R = TypeVar("R")


def refusals_as_sentences(command: Callable[P, R]) -> Callable[P, R]:
    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except Refusal as refusal:
            raise click.ClickException(refusal.detail or refusal.code) from None
        except storage.Unavailable:
            raise click.ClickException("the database does not answer, or has not been migrated") from None

    return run
