"""`flask metrics` over HTTP: what several workers counted, added up, through deaths and faults; nothing in public."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import requests
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from tests.builders import a_citizen, a_service, follow, obtain_tokens, parked_in
from tests.demo.test_supervisor import until
from tests.operations.browsing import Browser
from tests.operations.conftest import MASTER_KEY
from tests.operations.line import Line
from tests.operations.provider_process import ROOT, ProviderProcess, bare_environment

pytestmark = [pytest.mark.postgres, pytest.mark.xdist_group("operations-metrics")]

PAGE = ROOT / "docs" / "operate" / "watching.md"
ANSWERED = ("idp_requests_total", (("endpoint", "information.help"), ("method", "GET"), ("status", "200")))
TIMED = ("idp_request_seconds_count", (("endpoint", "information.help"),))
Sums = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@dataclass(frozen=True, slots=True)
class Scraped:
    """`flask metrics` in a process of its own, beside the provider it counts for."""

    address: str

    def fetch(self, path: str = "/metrics") -> requests.Response:
        return requests.get(f"{self.address}{path}", timeout=30)

    def sums(self) -> Sums:
        """Every sample, as Prometheus would read it."""
        answer = self.fetch()
        assert answer.status_code == 200
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }

    def families(self) -> set[str]:
        return {family.name for family in text_string_to_metric_families(self.fetch().text)}


@pytest.fixture(scope="module")
def line(database_url: str) -> Iterator[Line]:
    with Line(database_url) as line:
        yield line


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {"IDP_METRICS_FOLDER": str(tmp_path_factory.mktemp("metrics"))}


@pytest.fixture(scope="module")
def provider(line: Line, counting: dict[str, str], start_provider: Callable[..., ProviderProcess]) -> ProviderProcess:
    return start_provider(line.url, **counting)


@pytest.fixture(scope="module")
def scraped(line: Line, counting: dict[str, str]) -> Iterator[Scraped]:
    settings = {"IDP_PROFILE": "testing", "IDP_DATABASE_URL": line.url, **MASTER_KEY, **counting}
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "metrics", "--port", "0"],
        cwd=ROOT,
        env=bare_environment(settings),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    found = re.search(r"serving (http://127\.0\.0\.1:\d+)/metrics", said)
    assert found, said
    yield Scraped(found[1])
    process.terminate()
    assert process.wait(timeout=30) == -signal.SIGTERM
    process.stdout.close()


def ask_each(provider: ProviderProcess, *times: int) -> int:
    """A request that nobody else makes, as often as said at each worker; gives how many there were."""
    with provider.each_worker() as connections:
        for connection, count in zip(connections.values(), times, strict=True):
            for _ in range(count):
                connection.request("GET", "/help")
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200
    return sum(times)


def test_the_counts_of_all_workers_are_added_up(provider: ProviderProcess, scraped: Scraped) -> None:
    before = scraped.sums()
    asked = ask_each(provider, 3, 4)
    after = scraped.sums()
    assert after[ANSWERED] - before.get(ANSWERED, 0) == asked
    assert after[TIMED] - before.get(TIMED, 0) == asked


def test_what_a_killed_worker_counted_stays_and_its_successor_goes_on(
    provider: ProviderProcess, scraped: Scraped
) -> None:
    before = scraped.sums().get(ANSWERED, 0)
    asked = ask_each(provider, 2, 2)
    killed, kept = provider.worker_pids()
    os.kill(killed, signal.SIGKILL)
    until(lambda: killed not in provider.worker_pids(), 30)
    assert scraped.sums()[ANSWERED] - before == asked, "while one is dead"
    until(lambda: len(provider.worker_pids()) == provider.workers, 30)
    asked += ask_each(provider, 5, 6)
    assert kept in provider.worker_pids()
    assert scraped.sums()[ANSWERED] - before == asked


def test_counts_are_not_told_on_the_public_port(provider: ProviderProcess, scraped: Scraped) -> None:
    with Browser(provider.address) as browser:
        for path in ("/metrics", "/metrics/"):
            answer = browser.get(path)
            assert answer.status_code == 404
            assert "idp_requests" not in answer.text
    assert scraped.fetch("/").status_code == 404
    assert scraped.fetch("/readyz").status_code == 404


def test_without_the_database_the_counts_are_told_and_that_it_is_down(
    provider: ProviderProcess, scraped: Scraped, line: Line
) -> None:
    ask_each(provider, 1, 1)
    assert scraped.sums()["idp_database_up", ()] == 1
    line.cut()
    try:
        sums = scraped.sums()
        assert sums["idp_database_up", ()] == 0
        assert sums[ANSWERED] > 0
    finally:
        line.mend()
    until(lambda: scraped.sums()["idp_database_up", ()] == 1, 30)
    provider.wait_until_ready()


def test_somebody_who_connects_and_says_nothing_keeps_no_scrape_waiting(scraped: Scraped) -> None:
    host, port = scraped.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))), socket.create_connection((host, int(port))):
        assert scraped.fetch().status_code == 200


def test_every_family_is_on_the_page_and_every_name_on_the_page_is_there(
    provider: ProviderProcess, scraped: Scraped, database_url: str, make_app: Callable[..., Flask]
) -> None:
    sign_in_and_out(provider, make_app(database_url))
    delivered = provider.flask("worker", "--once")
    assert delivered.returncode == 0, delivered.stderr
    named = set(re.findall(r"`(idp_\w+)`", PAGE.read_text("utf-8")))
    told = {sample for sample, _ in scraped.sums()} | scraped.families()
    ours = {family for family in scraped.families() if family.startswith("idp_")}
    assert {name for name in named if name not in told} == set()
    assert {family for family in ours if not {family, f"{family}_total"} & named} == set()
    assert ours == scraped.families()


def sign_in_and_out(provider: ProviderProcess, app: Flask) -> None:
    """Somebody signs in to a service and out again, so that there is something to deliver."""
    citizen = a_citizen(app)
    service = a_service(app, backchannel_logout_uri="http://localhost:1/tat", redirect_uris=["http://localhost:1/cb"])
    with Browser(provider.address) as browser:
        obtain_tokens(browser, service, citizen)  # type: ignore[arg-type]
        parked = parked_in(follow(browser, browser.get("/sign-out")))  # type: ignore[arg-type]
        assert browser.post("/sign-out", data={"parked": parked}).status_code == 303
