"""Starts the clients of the pages; one running client serves all tests of a module."""

from collections.abc import Callable, Iterator

import pytest

from tests.clients.pages import read_page
from tests.clients.running import Client
from tests.demo.test_supervisor import a_free_port
from tests.journeys.demo_process import DemoProcess


@pytest.fixture(scope="module")
def install_client(demo: DemoProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Client]]:
    """`install_client("native-app")`: the client of that page, registered and installed, not yet started."""
    made: list[Client] = []

    def install(name: str) -> Client:
        base = f"http://localhost:{a_free_port()}"
        made.append(Client(read_page(name), demo.provider, base, tmp_path_factory.mktemp(name)))
        made[-1].install()
        return made[-1]

    yield install
    for each in made:
        each.stop()


@pytest.fixture(scope="module")
def start_client(install_client: Callable[[str], Client]) -> Callable[[str], Client]:
    """`start_client("openid-client")`: the client of that page, registered, installed and listening."""

    def start(name: str) -> Client:
        client = install_client(name)
        client.start()
        return client

    return start
