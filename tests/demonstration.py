"""What journeys and clients share: one demonstration on PostgreSQL for all of them, people of their own, visitors.

A plugin, so that both folders get the same demonstration; its fixtures import the application when they need it.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

    from idp.runtime.runtime import Runtime
    from tests.journeys.demo_process import DemoProcess
    from tests.journeys.visitor import Person, Visitor
    from tests.postgres import PostgresCluster

_PASSWORD = "Lua-vang-thang-muoi-2026"
# Two of these make a name that stands in no page and no log line.
_WORDS = ("Giáp", "Ất", "Bính", "Đinh", "Mậu", "Kỷ", "Canh", "Tân", "Nhâm", "Quý")


def demo_settings(database_url: str, folder: Path) -> dict[str, str]:
    return {
        "IDP_DATABASE_URL": database_url,
        "IDP_KEYS_MASTER_KEY_FILE": str(folder / "master.key"),
        "IDP_LOGGING_LEVEL": "debug",
    }


@pytest.fixture(scope="session")
def demo(postgres: PostgresCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    """The demonstration on PostgreSQL; what a test leaves behind there belongs to a person of its own."""
    from tests.demo.test_supervisor import a_free_port
    from tests.journeys.demo_process import DemoProcess

    folder = tmp_path_factory.mktemp("demo")
    name = f"idp_test_demo_{uuid.uuid4().hex[:12]}"
    url = postgres.create_database(name)
    with DemoProcess(a_free_port(with_next=2), folder, **demo_settings(url, folder)) as running:
        yield running
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def a_person(demo: DemoProcess) -> Iterator[Callable[[], Person]]:
    """`a_person()`: somebody new, with every fact that services ask for."""
    from idp.app import create_app
    from idp.runtime import log
    from idp.runtime.settings import load_settings
    from tests.stores import close

    settings = load_settings(environ={**demo.settings, "IDP_PORT": str(demo.port), "IDP_PROFILE": "development"})
    app = create_app(settings)
    log.configure("warning")  # the debug level is for the demonstration's own processes
    serials = itertools.count(1)

    def make() -> Person:
        with app.app_context():  # one a call: a context does not last from one test to the next
            return _make(app.extensions["idp"], next(serials))

    yield make
    close(app)


def _make(runtime: Runtime, serial: int) -> Person:
    from idp import flows, storage
    from idp.flows.registration import NewAccount
    from tests.journeys.visitor import Person

    middle, given = f"Văn {_WORDS[serial // 10 % 10]}", _WORDS[serial % 10]
    person = Person(
        number=f"098088{serial:06}",
        name=f"Lường {middle} {given}",
        password=_PASSWORD,
        phone=f"+84987000{serial:03}",
        email=f"luong.{serial}@nguoi-thu.example",
    )
    claims: dict[str, object] = {
        "name": person.name,
        "family_name": "Lường",
        "middle_name": middle,
        "given_name": given,
        "gender": "male",
        "birthdate": "1988-04-30",
        "phone_number": person.phone,
        "phone_number_verified": True,
        "email": person.email,
        "email_verified": True,
        "address": {"formatted": f"Số {serial}, Ngõ Thử Nghiệm, Phường Vũ Ninh"},
    }
    hashed = flows.registration.hash_new_password(runtime, person.password, person.number)
    with storage.begin() as tx:
        flows.registration.create_account(tx, runtime, NewAccount(person.number, claims, hashed), actor="a test")
    return person


@pytest.fixture
def new_visitor(demo: DemoProcess, new_context: Callable[..., BrowserContext]) -> Iterator[Callable[..., Visitor]]:
    """`new_visitor()` or `new_visitor("phone", java_script_enabled=False)`: somebody at a browser of their own."""
    from tests.journeys.visitor import Visitor

    visitors: list[Visitor] = []

    def come(width: str = "desktop", **options: Any) -> Visitor:
        visitors.append(Visitor(demo, new_context(width, **options)))
        return visitors[-1]

    yield come
    assert [violation for visitor in visitors for violation in visitor.violations] == []


@pytest.fixture
def visitor(new_visitor: Callable[..., Visitor]) -> Visitor:
    return new_visitor()


@pytest.fixture
def person(a_person: Callable[[], Person]) -> Person:
    """Somebody who was never here before."""
    return a_person()
