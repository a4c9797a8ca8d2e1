"""PostgreSQL is restarted and crashes under load: requests are put off with 503, and go on when it is back.

Nothing of ours is restarted. The server is the test's own, and writes as durably as production demands: what it
answered it must not forget.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import psycopg
import pytest

from tests.builders import basic, obtain_code, spend
from tests.demo.test_supervisor import until
from tests.operations.browsing import Browser
from tests.postgres import Server, find_binaries
from tests.stores import migrate
from tests.storms.conftest import Figures
from tests.storms.load import Ask, Onlooker, Seen, Spending, Tally
from tests.storms.reckoning import Reckoning, check_nothing_is_held
from tests.storms.storm import Storm, a_storm

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.xdist_group("storms")]
DURABLE = {"jit": "off", "listen_addresses": "127.0.0.1", "max_connections": "200"}
AWAY = 3.0  # seconds
CALM = 4.0
# Seconds, on a busy machine: to answer anything at all, and to answer well once the database is back.
ANSWERED_WITHIN, RECOVERED_WITHIN = 8.0, 10.0
LANGUAGES = ("vi", "en")
MACHINES = ("/oauth2/token", "/oauth2/userinfo", "/oauth2/introspect", "/oauth2/revoke", "/oauth2/jwks")


@dataclass(frozen=True, slots=True)
class Gap:
    """One time without the database: when it began, and when PostgreSQL took connections again."""

    name: str
    began: float
    ended: float


class Database:
    """The server under the provider, with the ways in which it goes away."""

    def __init__(self, server: Server, port: int) -> None:
        self._server, self._port = server, port
        self._pause = threading.Event()

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/idp"

    def restart(self) -> None:
        """As an upgrade of its package does it: every session is ended in order."""
        self._away(signal.SIGINT)

    def crash(self) -> None:
        """As when its machine is switched off: at its next start it recovers from its log."""
        self._away(signal.SIGQUIT)

    def lose_a_backend(self) -> None:
        """As when the kernel kills one for its memory: the server ends all others and recovers by itself."""
        with self._connect("postgres") as connection:
            query = "SELECT pid FROM pg_stat_activity WHERE datname = 'idp' ORDER BY query_start DESC LIMIT 1"
            row = connection.execute(query).fetchone()
        assert row is not None
        os.kill(row[0], signal.SIGKILL)
        until(self._answers, 30)

    def create(self) -> None:
        with self._connect("postgres") as connection:
            connection.execute("CREATE DATABASE idp")

    def _away(self, how: signal.Signals) -> None:
        self._server.halt(how)
        self._pause.wait(AWAY)
        self._server.resume()

    def _answers(self) -> bool:
        try:
            self._connect("idp").close()
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self, name: str) -> "psycopg.Connection[tuple[int]]":
        return psycopg.connect(host="127.0.0.1", port=self._port, user="postgres", dbname=name, autocommit=True)


@pytest.fixture
def database() -> Iterator[Database]:
    server = Server(find_binaries(), DURABLE)
    try:
        database = Database(server, server.start())
        database.create()
        migrate(database.url)
        yield database
    finally:
        server.stop()


def test_a_database_that_goes_away_is_503_and_nothing_is_doubled(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    with a_storm(database.url, tmp_path, workers=2) as storm:
        tally = storm.tally
        with storm.running():
            pids = storm.provider.worker_pids()
            weather = Weather(tally, [database.restart, database.lose_a_backend, database.crash])
            storm.rage(weather.is_over, weather.blow, an_onlooker(storm, weather.is_over))
            storm.settle()
            with storm.app.app_context():
                reckoning = Reckoning(storm.app, tally)
                with Browser(storm.provider.address) as browser:
                    assert reckoning.check_tokens(browser, {str(each.id): each for each in storm.services}) > 0
                    obtain_code(browser, storm.services[0], storm.citizens[0])  # type: ignore[arg-type]
            assert storm.provider.worker_pids() == pids, "nothing of ours was restarted"
            assert storm.worker.is_alive
        assert tally.cut == 0, "every request was answered"
        assert tally.statuses() <= {200, 303, 400, 401, 503}, [each for each in tally.seen if each.status == 500]
        assert tally.longest() < ANSWERED_WITHIN
        check_turned_away(tally.turned_away(), MACHINES)
        for gap in weather.gaps:
            late = [each.ended_at - gap.ended for each in tally.turned_away(since=gap.began, until=gap.ended + CALM)]
            assert late, f"nobody noticed: {gap.name}"
            assert max(late) < RECOVERED_WITHIN
            figures.write(f"{gap.name}: {describe(tally, gap)}")
        with storm.app.app_context():
            check_nothing_is_held()
            reckoning.check_all(storm.receiver.told)
    figures.write(
        f"PostgreSQL away three times: {tally.good} exchanges and refreshes in {storm.took:.0f} s, "
        f"{tally.sign_outs} sign-outs, slowest answer {tally.longest():.1f} s"
    )


class Weather:
    """One fault after another, each when the load has recovered from the one before."""

    def __init__(self, tally: Tally, faults: list[Callable[[], None]]) -> None:
        self.gaps: list[Gap] = []
        self._tally, self._faults = tally, faults
        self._is_over = threading.Event()

    def is_over(self) -> bool:
        return self._is_over.is_set()

    def blow(self) -> None:
        try:
            self._wait_for_good(50)
            for fault in self._faults:
                began = time.monotonic()
                fault()
                self.gaps.append(Gap(fault.__name__, began, time.monotonic()))
                self._wait_for_good(200)
                self._is_over.wait(CALM)
        finally:
            self._is_over.set()

    def _wait_for_good(self, more: int) -> None:
        enough = self._tally.good + more
        until(lambda: self._tally.good >= enough, 60)


def an_onlooker(storm: Storm, enough: Callable[[], bool]) -> Onlooker:
    """Asks for all that needs the database, with the tokens of somebody who is signed in."""
    service = storm.services[0]
    with Browser(storm.provider.address) as browser:
        code = obtain_code(browser, service, storm.citizens[0])  # type: ignore[arg-type]
        tokens = spend(browser, service, code).get_json()  # type: ignore[arg-type]
    storm.tally.spendings.append(Spending(code, won=[tokens], last=tokens))
    own, bearer = basic(service.client_id, service.client_secret or ""), f"Bearer {tokens['access_token']}"
    asks = [
        Ask("/oauth2/userinfo", bearer),
        Ask("/oauth2/introspect", own, {"token": tokens["access_token"]}),
        Ask("/oauth2/revoke", own, {"token": "nobody's"}),
        Ask("/oauth2/jwks"),
        Ask("/sign-in"),
        Ask("/services"),
        Ask("/oauth2/logout"),
    ]
    return Onlooker(storm.provider.address, storm.tally, enough, asks)


def check_turned_away(answers: list[Seen], machines: tuple[str, ...]) -> None:
    """Each says when to come back: to machines in JSON, to people on a page in their language."""
    for each in answers:
        assert 0 < int(each.retry_after) <= 10, each
        if each.path in machines:
            assert each.media_type.startswith("application/json"), each
            assert orjson.loads(each.text)["error"] == "temporarily_unavailable"
        else:
            assert each.media_type.startswith("text/html"), each
            assert f'<html lang="{each.language}"' in each.text, each
    pages = [each for each in answers if each.path not in machines]
    assert {each.language for each in pages} == set(LANGUAGES)
    assert {each.path for each in answers} >= {"/oauth2/token", "/oauth2/userinfo", "/oauth2/authorize"}


def describe(tally: Tally, gap: Gap) -> str:
    turned_away = tally.turned_away(since=gap.began, until=gap.ended + CALM)
    first, last = min(each.ended_at for each in turned_away), max(each.ended_at for each in turned_away)
    return (
        f"away for {gap.ended - gap.began:.1f} s, {len(turned_away)} answers 503 over {last - first:.1f} s, "
        f"the last {last - gap.ended:+.1f} s after its return"
    )
