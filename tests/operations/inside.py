"""The application of a provider process, in the test's own process: for people, services and a look at the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


@contextmanager
def inside(settings: Mapping[str, str]) -> Iterator[Flask]:
    """`with inside(provider.settings) as app:` is the same provider, on the same database and keys, but quiet."""
    from idp.app import create_app
    from idp.runtime.settings import load_settings
    from tests.stores import close

    unheard = {name: value for name, value in settings.items() if name != "IDP_METRICS_FOLDER"}
    app = create_app(load_settings({**unheard, "IDP_LOGGING_LEVEL": "warning"}))
    try:
        yield app
    finally:
        close(app)
