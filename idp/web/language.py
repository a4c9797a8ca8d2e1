"""Which language a page speaks: the person's choice, else what the service asked for, else Vietnamese."""

from typing import Final

from flask import Flask, g, has_request_context
from flask_babel import Babel

from idp.web import cookies

LANGUAGES: Final = ("vi", "en")


def install(app: Flask, time_zone: str) -> None:
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "web/translations"
    Babel(app, default_locale="vi", default_timezone=time_zone, locale_selector=current)


def current() -> str:
    if not has_request_context():
        return LANGUAGES[0]
    chosen = cookies.read(cookies.LANGUAGE)
    wanted = [chosen, *str(g.get("ui_locales", "")).split()]
    found = (tag.split("-")[0].lower() for tag in wanted)
    return next((tag for tag in found if tag in LANGUAGES), LANGUAGES[0])


def wish(ui_locales: str) -> None:
    """Take note of the languages a service asked for (OIDC Core 3.1.2.1)."""
    g.ui_locales = ui_locales[:100]


def local_path(text: str) -> str:
    """An address on this site, or its home page: never anywhere else."""
    is_local = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() and "\\" not in text
    return text if is_local and len(text) <= 10_000 else "/"
