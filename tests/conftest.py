"""The fixtures that all tests may use; what they are made of stands in the modules they import.

The application and the browser are imported by the fixtures that need them, so that tests of a lower floor
start fast and run while an upper floor is broken.
"""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.doubles import FixedClock, RecordingOutbound
from tests.postgres import PostgresCluster, PostgresMissing

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.stores import Stores

pytest_plugins = ["tests.specs_plugin", "tests.demonstration"]

# A shared machine has slow moments, and a run is to be repeatable.
hypothesis.settings.register_profile("project", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("project")


def _refuse_the_network(name: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: tests reach this machine alone."""
    if name == "socket.connect" and isinstance(arguments[1], tuple):
        host = str(arguments[1][0])
        if not host.startswith("127.") and host not in ("::1", "localhost"):
            raise RuntimeError(f"tests have no network, but {host} was called")


def pytest_configure(config: pytest.Config) -> None:
    sys.addaudithook(_refuse_the_network)
    # A developer's own settings are not the tests'.
    for name in [name for name in os.environ if name.startswith("IDP_")]:
        del os.environ[name]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Journeys take one lane: they start servers and a browser, and two at once starve each other."""
    for item in items:
        if item.get_closest_marker("journey"):
            item.add_marker(pytest.mark.xdist_group("journeys"))


def _missing(reason: Exception) -> Any:
    """On a developer's machine a missing part skips; in CI it is a fault."""
    if os.environ.get("CI"):
        pytest.fail(str(reason))
    pytest.skip(str(reason))


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder shared by all processes of this test run."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def postgres(run_folder: Path) -> Iterator[PostgresCluster]:
    """The run's PostgreSQL server."""
    cluster = PostgresCluster(run_folder / "postgres", os.environ.get("TEST_DATABASE_URL"))
    try:
        cluster.start()
    except PostgresMissing as reason:
        _missing(reason)
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """Makes fresh migrated databases of either kind; for fixtures that live longer than one test."""
    from tests.stores import Stores

    return Stores(
        tmp_path_factory.mktemp("stores"),
        f"idp_test_{uuid.uuid4().hex[:12]}",
        lambda: request.getfixturevalue("postgres"),
    )


@pytest.fixture
def sqlite_url(stores: Stores) -> Iterator[str]:
    """An empty migrated SQLite database of this test's own."""
    url = stores.fresh("sqlite")
    yield url
    stores.discard(url)


@pytest.fixture
def postgres_url(postgres: PostgresCluster, stores: Stores) -> Iterator[str]:
    """An empty migrated PostgreSQL database of this test's own."""
    url = stores.fresh("postgresql")
    yield url
    stores.discard(url)


@pytest.fixture(
    params=[
        pytest.param("sqlite_url", id="sqlite"),
        pytest.param("postgres_url", id="postgresql", marks=pytest.mark.postgres),
    ]
)
def store_url(request: pytest.FixtureRequest) -> str:
    """An empty migrated database of this test's own; the test runs once on each store."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def outbound() -> RecordingOutbound:
    return RecordingOutbound()


@pytest.fixture
def make_app(clock: FixedClock, outbound: RecordingOutbound) -> Iterator[Callable[..., Flask]]:
    """`make_app(database_url, IDP_…="…")`: the whole application, on this test's clock and network."""
    from idp.app import create_app
    from tests.builders_settings import testing_settings
    from tests.stores import close

    made: list[Flask] = []

    def make(database_url: str, **overrides: str) -> Flask:
        made.append(create_app(testing_settings(database_url, **overrides), clock=clock, outbound=outbound))
        return made[-1]

    yield make
    for app in made:
        close(app)


@pytest.fixture
def app(make_app: Callable[..., Flask], store_url: str) -> Flask:
    """The application on an empty database; the test runs once on each store."""
    return make_app(store_url)


@pytest.fixture
def sqlite_app(make_app: Callable[..., Flask], sqlite_url: str) -> Flask:
    """The application on an empty SQLite database, for tests in which the store plays no part."""
    return make_app(sqlite_url)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium for the whole process."""
    from tests.browser import BrowserMissing, open_browser

    try:
        with open_browser() as opened:
            yield opened
    except BrowserMissing as reason:
        _missing(reason)


@pytest.fixture
def new_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """`new_context()` or `new_context("phone", locale="en-GB")`: a browser profile without cookies."""
    from tests.browser import WIDTHS

    opened: list[BrowserContext] = []

    def open_context(width: str = "desktop", **options: Any) -> BrowserContext:
        opened.append(browser.new_context(viewport=WIDTHS[width], **{"locale": "vi-VN", **options}))
        return opened[-1]

    yield open_context
    for context in opened:
        context.close()


@pytest.fixture
def page(new_context: Callable[..., BrowserContext]) -> Page:
    """An empty page at desktop width in a profile of its own."""
    return new_context().new_page()
