"""The bar on every page of a counter's screen: whose turn it is, the tap that ends it, when it ends by itself."""

from dataclasses import dataclass, field
from typing import Final

from flask import g
from flask_babel import format_decimal

from idp import storage
from idp.storage.sessions import SignedIn
from idp.web import cookies, forms, given

DOOR: Final = "counter_mode.finish"


@dataclass(frozen=True, slots=True)
class CounterBar:
    """`parked` makes the button this page's own; `person` is empty while nobody is signed in."""

    name: str
    minutes: str
    person: str = ""
    parked: str = field(default="", repr=False)


def find_bar() -> CounterBar | None:
    """What the bar says; None in a browser that is no counter's screen."""
    screen = cookies.counter_screen()
    if screen is None:
        return None
    minutes = format_decimal(given.runtime().settings.counter_mode.idle_for / 60, "0.#")
    signed_in = _find_person()
    if signed_in is None:
        return CounterBar(screen.name, minutes)
    sealed = forms.seal(forms.bound(forms.of_session(DOOR, signed_in.session.id)))
    return CounterBar(screen.name, minutes, signed_in.profile.name, sealed)


def _find_person() -> SignedIn | None:
    found: SignedIn | None = g.get("signed_in")
    if found is not None:
        return found
    try:
        return given.signed_in()
    except storage.Unavailable:  # the page that says so is on its way
        return None


def closes_after() -> int | None:
    """Seconds after which a page goes from the screen by itself, whatever is on it."""
    return given.runtime().settings.counter_mode.idle_for + cookies.AFTERWARDS if cookies.counter_screen() else None
