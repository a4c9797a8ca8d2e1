"""Cookies: `__Host-`, Secure, HttpOnly, SameSite=Lax; on a plain-http loopback issuer without prefix and Secure."""

from typing import Final

from flask import Response, current_app, request

from idp.runtime import chance
from idp.runtime.runtime import Runtime

SESSION: Final = "idp_session"
DEVICE: Final = "idp_device"
PAGE: Final = "idp_page"
LANGUAGE: Final = "idp_language"
TEXT: Final = "idp_text"
_LONGEST: Final = 64


def read(name: str) -> str:
    """A cookie's value, '' when absent or longer than any we set."""
    value = request.cookies.get(_name(name), "")
    return value if len(value) <= _LONGEST else ""


def read_session(header: str) -> str:
    """The session's secret in a Cookie header, without Flask; '' when it is not there exactly once, as we set it."""
    name = f"{_name(SESSION)}="
    found = [part[len(name) :] for part in header.replace(" ", "").split(";") if part.startswith(name)]
    return found[0] if len(found) == 1 and len(found[0]) <= _LONGEST and '"' not in found[0] else ""


def write(response: Response, name: str, value: str, *, max_age: int | None = None) -> None:
    """Set a cookie; without `max_age` it goes when the browser closes."""
    response.set_cookie(
        _name(name), value, max_age=max_age, path="/", secure=_is_https(), httponly=True, samesite="Lax"
    )


def forget(response: Response, name: str) -> None:
    response.delete_cookie(_name(name), path="/", secure=_is_https(), httponly=True, samesite="Lax")


def page_secret() -> tuple[str, bool]:
    """The secret that binds pages to this browser, and whether it is new and must be set."""
    value = read(PAGE)
    return (value, False) if value else (chance.new_secret(), True)


def _name(name: str) -> str:
    return f"__Host-{name}" if _is_https() else name


def _is_https() -> bool:
    runtime: Runtime = current_app.extensions["idp"]
    return runtime.settings.issuer.startswith("https://")
