"""A provider that a module's tests share: two people, a service they have agreed to, a moving clock."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from idp.app import create_app
from tests.builders import NUMBERS, Citizen, Service, a_citizen, a_service, obtain_code, sign_in
from tests.builders_settings import testing_settings
from tests.doubles import FixedClock, RecordingOutbound
from tests.stores import Stores, close

EVERY_SCOPE = "openid profile email phone address offline_access"


@dataclass(frozen=True, slots=True)
class Provider:
    """`citizen` has agreed to `service` reading everything, offline too; `other` is a stranger to it."""

    app: Flask
    clock: FixedClock
    outbound: RecordingOutbound
    citizen: Citizen
    other: Citizen
    service: Service
    _ports: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def browser(self) -> FlaskClient:
        """A browser nobody is signed in with."""
        return self.app.test_client()

    def signed_in(self, citizen: Citizen | None = None) -> FlaskClient:
        """A browser in which somebody, by default the citizen, is signed in anew."""
        browser = self.browser()
        sign_in(browser, citizen or self.citizen)
        return browser

    def new_service(self, **members: Any) -> Service:
        """A service more, which nobody has agreed to yet; its redirect URI is its own."""
        members.setdefault("redirect_uris", [f"https://dich-vu-{next(self._ports)}.example/cb"])
        return a_service(self.app, **members)

    def agreed(self, citizen: Citizen | None = None, scope: str = "openid", **members: Any) -> Service:
        """A service more, which somebody has agreed to already."""
        service = self.new_service(**members)
        obtain_code(self.browser(), service, citizen or self.citizen, scope=scope)
        return service


@contextmanager
def open_provider(stores: Stores, kind: str = "sqlite", **overrides: str) -> Iterator[Provider]:
    """A provider on a database of its own."""
    url = stores.fresh(kind)
    clock, outbound = FixedClock(), RecordingOutbound()
    app = create_app(testing_settings(url, **overrides), clock=clock, outbound=outbound)
    citizen, other = (a_citizen(app, number) for number in NUMBERS)
    service = a_service(app)
    obtain_code(app.test_client(), service, citizen, scope=EVERY_SCOPE)
    yield Provider(app, clock, outbound, citizen, other, service)
    close(app)
    stores.discard(url)


@pytest.fixture(scope="module")
def provider(stores: Stores) -> Iterator[Provider]:
    """On SQLite, for tests in which the store plays no part."""
    with open_provider(stores) as opened:
        yield opened
