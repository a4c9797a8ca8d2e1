"""`make demo` as it is typed: on SQLite, on ports of its own, until it is told to end."""

import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from tests.demo.test_supervisor import a_free_port
from tests.demonstration import demo_settings
from tests.journeys import story
from tests.journeys.demo_process import DemoProcess
from tests.journeys.visitor import Visitor, until

pytestmark = pytest.mark.journey
ROOT = Path(__file__).resolve().parents[2]
PROVIDER, WORKER, SERVICES = 1, 1, 2


@pytest.fixture(scope="module")
def own_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    folder = tmp_path_factory.mktemp("make-demo")
    settings = demo_settings(f"sqlite:///{folder}/idp.sqlite3", folder)
    with DemoProcess(a_free_port(with_next=2), folder, **settings) as running:
        yield running


def test_the_makefile_starts_what_is_tested_here() -> None:
    recipe = re.search(r"^demo:.*\n\t(.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert recipe is not None
    assert recipe[1] == "@exec $(BIN)/python -m demo.run"


def test_the_whole_story_on_sqlite(own_demo: DemoProcess, new_context: Callable[..., BrowserContext]) -> None:
    visitor = Visitor(own_demo, new_context())
    story.tell(visitor)
    assert visitor.violations == []


def test_what_is_printed_tells_a_newcomer_where_to_go(own_demo: DemoProcess) -> None:
    for person in (story.MAU, story.THU):
        assert f"{person.number}  {person.name}" in own_demo.output
        assert person.password in own_demo.output
    for address in (own_demo.provider, own_demo.portal, own_demo.one_stop):
        assert address in own_demo.output


def test_it_is_reached_from_this_machine_alone(own_demo: DemoProcess) -> None:
    for step in range(3):
        listening = _listening_on(own_demo.port + step)
        assert listening, "it answers"
        assert listening <= {"0100007F", "0" * 24 + "01000000"}, "on loopback only"


def test_sigterm_ends_every_process(own_demo: DemoProcess) -> None:
    """The last test of this module: it ends what the others used."""
    family = _descendants(own_demo.pid)
    assert len(family) >= PROVIDER + WORKER + SERVICES
    assert own_demo.stop() == 0
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family), patience=5)
    for step in range(3):
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", own_demo.port + step), 1):
            pass


def _listening_on(port: int) -> set[str]:
    """The addresses, as /proc writes them, on which somebody listens at a port."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, _, number = local.rpartition(":")
            if state == "0A" and int(number, 16) == port:
                found.add(address)
    return found


def _descendants(ancestor: int) -> set[int]:
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found, fresh = set(), {ancestor}
    while fresh:
        found |= fresh
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - found
    return found - {ancestor, os.getpid()}
