"""What the tests of storage stand on: the application's context, and a house to put people and sign-ins into."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from tests.doubles import FixedClock
from tests.storage.house import House


@pytest.fixture
def house(app: Flask, clock: FixedClock) -> Iterator[House]:
    """An empty house on either store, inside the application's context."""
    with app.app_context():
        yield House(app, clock)


@pytest.fixture
def sqlite_house(sqlite_app: Flask, clock: FixedClock) -> Iterator[House]:
    with sqlite_app.app_context():
        yield House(sqlite_app, clock)


@pytest.fixture
def postgres_house(make_app: Callable[..., Flask], postgres_url: str, clock: FixedClock) -> Iterator[House]:
    app = make_app(postgres_url)
    with app.app_context():
        yield House(app, clock)
