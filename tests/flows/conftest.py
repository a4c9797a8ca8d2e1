"""What tests of flows share: a runtime on an empty store with keys, inside its application's context."""

from collections.abc import Iterator

import pytest
from flask import Flask

from idp.runtime.runtime import Runtime
from tests.builders import lend_keys


@pytest.fixture
def runtime(app: Flask) -> Iterator[Runtime]:
    """The runtime of `app`, on both stores; the test stands inside the application's context."""
    lend_keys(app)
    with app.app_context():
        yield app.extensions["idp"]
