"""Cookies: `__Host-`, Secure, HttpOnly, SameSite=Lax; on a plain-http loopback issuer without prefix and Secure."""

import re
from typing import Final

from flask import Response, current_app, request

from idp.runtime import chance
from idp.runtime.runtime import Runtime

SESSION: Final = "idp_session"
DEVICE: Final = "idp_device"
PAGE: Final = "idp_page"
LANGUAGE: Final = "idp_language"
TEXT: Final = "idp_text"
BROWSER_STATE: Final = "idp_browser_state"
_LONGEST: Final = 64
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
    """Set a cookie; without `max_age` it goes when the browser closes."""
    response.set_cookie(
        name_of(name), value, max_age=max_age, path="/", secure=_is_https(), httponly=True, samesite="Lax"
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
    value = read(PAGE)
    return (value, False) if value else (chance.new_secret(), True)


def device_secret() -> str:
    """What this browser is known by from now on: as it was, or anew where that is none of ours."""
    value = read(DEVICE)
    return value if _SECRET.fullmatch(value) else chance.new_secret()


def name_of(name: str) -> str:
    """A cookie's name as browsers know it."""
    return f"__Host-{name}" if _is_https() else name


def _is_https() -> bool:
    runtime: Runtime = current_app.extensions["idp"]
    return runtime.settings.issuer.startswith("https://")
