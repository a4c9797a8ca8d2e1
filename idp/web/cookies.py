"""Cookies: `__Host-`, Secure, HttpOnly, SameSite=Lax; on a plain-http loopback issuer without prefix and Secure.

On the screen of a counter no cookie outlives its browser but the setting itself, and none tells of an earlier person.
"""

import re
from datetime import UTC, datetime
from typing import Final

import orjson
from flask import Response, current_app, g, request

from idp.domain.counter_screens import SETTING_FOR, CounterScreen
from idp.runtime import chance
from idp.runtime.data_keys import Unsealable
from idp.runtime.runtime import Runtime

SESSION: Final = "idp_session"
DEVICE: Final = "idp_device"
PAGE: Final = "idp_page"
# Of an officer at the consoles: never the session of a person, though one browser may hold both.
STAFF: Final = "idp_staff"
LANGUAGE: Final = "idp_language"
TEXT: Final = "idp_text"
BROWSER_STATE: Final = "idp_browser_state"
COUNTER: Final = "idp_counter"
# On the screen of a counter: when a page was shown there last.
ATTENDED: Final = "idp_attended"
_OF_ONE_PERSON: Final = (SESSION, DEVICE, PAGE, ATTENDED, LANGUAGE, TEXT)
# Seconds after which a page that nobody touched is gone for sure, and the sign-in with it, once its time is over.
AFTERWARDS: Final = 5
_LONGEST: Final = 64
_LONGEST_SETTING: Final = 512
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def read(name: str) -> str:
    """A cookie's value, '' when absent or longer than any we set."""
    value = request.cookies.get(name_of(name), "")
    return value if len(value) <= _LONGEST else ""


def read_from(header: str, name: str) -> str:
    """A cookie's value in a Cookie header, without Flask; '' when it is not there exactly once, as we set it."""
    name = f"{name_of(name)}="
    found = [part[len(name) :] for part in header.replace(" ", "").split(";") if part.startswith(name)]
    return found[0] if len(found) == 1 and len(found[0]) <= _LONGEST and '"' not in found[0] else ""


def write(response: Response, name: str, value: str, *, max_age: int | None = None) -> None:
    """Set a cookie; without `max_age`, and on the screen of a counter, it goes when the browser closes."""
    kept_for = None if counter_screen() else max_age
    response.set_cookie(
        name_of(name), value, max_age=kept_for, path="/", secure=_is_https(), httponly=True, samesite="Lax"
    )


def show_state(response: Response, state: str) -> None:
    """Let the frame of Session Management know the browser's state: a cookie for scripts, in frames of others too."""
    if state == read(BROWSER_STATE):
        return
    across = "None" if _is_https() else "Lax"
    if state:
        response.set_cookie(name_of(BROWSER_STATE), state, path="/", secure=_is_https(), samesite=across)
    else:
        response.delete_cookie(name_of(BROWSER_STATE), path="/", secure=_is_https(), samesite=across)


def forget(response: Response, name: str) -> None:
    response.delete_cookie(name_of(name), path="/", secure=_is_https(), httponly=True, samesite="Lax")


def page_secret() -> tuple[str, bool]:
    """The secret that binds pages to this browser, and whether it is new and must be set."""
    value = bound_page()
    return (value, False) if value else (chance.new_secret(), True)


def bound_page() -> str:
    """The secret that pages of this browser are bound to, '' where there is none: of a counter's screen before which
    nobody is any more, however it was left."""
    return read(PAGE) if _is_attended() else ""


def device_secret() -> str:
    """What this browser is known by from now on: as it was; anew where that is none of ours, and at a counter."""
    value = "" if counter_screen() else read(DEVICE)
    return value if _SECRET.fullmatch(value) else chance.new_secret()


def counter_screen() -> CounterScreen | None:
    """The counter whose screen this browser is; None for a setting that is forged, too old or not there."""
    if "counter_screen" not in g:
        g.counter_screen = _read_setting()
    screen: CounterScreen | None = g.counter_screen
    return screen


def _read_setting() -> CounterScreen | None:
    value = request.cookies.get(name_of(COUNTER), "")
    if not value or len(value) > _LONGEST_SETTING:
        return None
    runtime: Runtime = current_app.extensions["idp"]
    try:
        name, since = orjson.loads(runtime.keyring.open_text("counter screen", value))
    except (Unsealable, ValueError):
        return None
    screen = CounterScreen(name, datetime.fromtimestamp(since, UTC))
    return screen if screen.is_current(runtime.clock.now()) else None


def note_attended(response: Response) -> None:
    """On the screen of a counter, write when somebody was before it."""
    if counter_screen() is None:
        return
    runtime: Runtime = current_app.extensions["idp"]
    moment = str(int(runtime.clock.now().timestamp())).encode()
    write(response, ATTENDED, runtime.keyring.seal_text("counter screen", moment))


def _is_attended() -> bool:
    """Whether a page was shown here as lately as a person may sit before it; everywhere but at a counter, always."""
    if counter_screen() is None:
        return True
    runtime: Runtime = current_app.extensions["idp"]
    value = request.cookies.get(name_of(ATTENDED), "")
    try:
        shown_at = int(runtime.keyring.open_text("counter screen", value)) if len(value) <= _LONGEST_SETTING else 0
    except (Unsealable, ValueError):
        return False
    return runtime.clock.now().timestamp() - shown_at <= runtime.settings.counter_mode.idle_for + AFTERWARDS


def make_counter_screen(response: Response, name: str) -> None:
    """Make this browser the screen of a counter: the one cookie there that lasts."""
    runtime: Runtime = current_app.extensions["idp"]
    packed = orjson.dumps([name, int(runtime.clock.now().timestamp())])
    response.set_cookie(
        name_of(COUNTER),
        runtime.keyring.seal_text("counter screen", packed),
        max_age=int(SETTING_FOR.total_seconds()),
        path="/",
        secure=_is_https(),
        httponly=True,
        samesite="Lax",
    )


def forget_person(response: Response) -> None:
    """Take away every cookie of ours that one person leaves to the next."""
    for name in _OF_ONE_PERSON:
        forget(response, name)
    show_state(response, "")


def name_of(name: str) -> str:
    """A cookie's name as browsers know it."""
    return f"__Host-{name}" if _is_https() else name


def _is_https() -> bool:
    runtime: Runtime = current_app.extensions["idp"]
    return runtime.settings.issuer.startswith("https://")
