"""On the way to the second step: who takes it, and where it leads on, sealed into its page."""

from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from flask.typing import ResponseReturnValue

from idp.web import forms, given
from idp.web.forms import Parked

DOOR: Final = "second_step.second_step"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who waits there: somebody of the password alone, or (with `session`) who is signed in; and where it leads on."""

    subject: str
    onward: str
    session: str = ""
    way: str = ""
    code_id: str = ""


def start(onward: Parked, subject_id: UUID, *, session: str = "") -> ResponseReturnValue:
    """Send the browser to its second step."""
    waiting = Waiting(subject_id.hex, forms.seal(onward), session)
    return forms.go(DOOR, park(waiting, Parked(DOOR, at=given.runtime().clock.now())))


def park(waiting: Waiting, parked: Parked) -> Parked:
    pairs = tuple((name, getattr(waiting, name)) for name in Waiting.__slots__ if getattr(waiting, name))
    return replace(parked, pairs=pairs)
