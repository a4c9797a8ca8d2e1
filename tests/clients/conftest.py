"""Starts the clients of the pages; one running client serves all tests of a module."""

from collections.abc import Callable, Iterator

import pytest

from tests.clients.pages import read_page
from tests.clients.running import Client
from tests.demo.test_supervisor import a_free_port
from tests.journeys.demo_process import DemoProcess


@pytest.fixture(scope="module")
def start_client(demo: DemoProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Client]]:
    """`start_client("openid-client")`: the client of that page, registered, installed and listening."""
    made: list[Client] = []

    def start(name: str) -> Client:
        base = f"http://localhost:{a_free_port()}"
        made.append(Client(read_page(name), demo.provider, base, tmp_path_factory.mktemp(name)))
        made[-1].install()
        made[-1].start()
        return made[-1]

    yield start
    for each in made:
        each.stop()
