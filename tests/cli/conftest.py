"""What tests of commands share: one application on a store with keys, and a way to type."""

import signal
from collections.abc import Callable, Iterator

import pytest
from click.testing import Result
from flask import Flask

from tests.builders import lend_keys

Type = Callable[..., Result]


@pytest.fixture
def type_in(sqlite_app: Flask) -> Iterator[Type]:
    """`type_in("accounts", "create", "--number", "…", input="…")`: a command as an operator types it."""
    lend_keys(sqlite_app)
    runner = sqlite_app.test_cli_runner()
    handlers = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}

    def run(*words: str, **options: object) -> Result:
        return runner.invoke(args=list(words), **options)

    yield run
    for name, handler in handlers.items():
        signal.signal(name, handler)
