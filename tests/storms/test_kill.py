"""kill -9 of web workers and of the outbox worker under 2,000 exchanges and refreshes: nothing is half-done.

A service whose connection is cut sends the same request again. What it may not see: two good answers for one code, a
token without its row, a sign-out that no service hears of.
"""

import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.builders import obtain_code
from tests.demo.test_supervisor import until
from tests.operations.browsing import Browser
from tests.operations.conftest import MASTER_KEY
from tests.operations.provider_process import ProviderProcess
from tests.stores import STORES, Stores
from tests.storms.conftest import Figures
from tests.storms.reckoning import Reckoning, check_nothing_is_held
from tests.storms.storm import Storm, a_storm

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.xdist_group("storms")]
EXCHANGES_AND_REFRESHES = 2_000
WEB_KILLS, WORKER_KILLS = 8, 8
MOST_SECONDS = 240.0
# Granian takes a process that dies within 5.5 seconds of replacing another for broken, and ends as a whole.
OLD_ENOUGH = 6.0


@pytest.mark.parametrize("store", STORES)
def test_no_kill_leaves_anything_half_done(stores: Stores, tmp_path: Path, store: str, figures: Figures) -> None:
    url = stores.fresh(store)
    with a_storm(url, tmp_path, workers=3) as storm:
        tally, killer = storm.tally, Killer(storm)
        with storm.running():
            storm.rage(killer.is_enough, killer.kill_until_enough)
            storm.settle()
            storm.provider.wait_until_ready()
            with storm.app.app_context():
                reckoning = Reckoning(storm.app, tally)
                with Browser(storm.provider.address) as browser:
                    alive = reckoning.check_tokens(browser, {str(each.id): each for each in storm.services})
                    obtain_code(browser, storm.services[0], storm.citizens[0])  # type: ignore[arg-type]
        assert tally.good >= EXCHANGES_AND_REFRESHES
        assert killer.web >= WEB_KILLS
        assert killer.worker >= WORKER_KILLS
        assert tally.cut > 0, "the kills were felt"
        assert tally.sign_outs >= 10
        assert alive > 0
        assert tally.statuses() <= {200, 303, 400, 503}, [each for each in tally.seen if each.status >= 500]
        with storm.app.app_context():
            check_nothing_is_held()
            reckoning.check_all(storm.receiver.told)
        twice = len(storm.receiver.told) - len(reckoning.parcels)
        assert twice > 0, "a worker died between a service's answer and its own note of it"
    figures.write(
        f"kill -9, {store}: {tally.good} exchanges and refreshes in {storm.took:.0f} s "
        f"({tally.good / storm.took:.0f}/s), {killer.web} web and {killer.worker} outbox workers killed, "
        f"{tally.cut} connections cut, {len(tally.turned_away())} answers 503, slowest {tally.longest():.1f} s, "
        f"{tally.sign_outs} sign-outs, {twice} told twice, "
        f"{reckoning.count_lost()} grants ended by a code or token sent again"
    )
    stores.discard(url)


class Killer:
    """kill -9 about once a second, at moments and of processes that a seed chose."""

    def __init__(self, storm: Storm) -> None:
        self.web = self.worker = 0
        self._storm = storm
        self._chance = random.Random(2026)
        self._seen: dict[int, float] = {}
        self._pause = threading.Event()
        self._began = time.monotonic()

    def is_enough(self) -> bool:
        is_done = self.web >= WEB_KILLS and self.worker >= WORKER_KILLS
        is_done = is_done and self._storm.tally.good >= EXCHANGES_AND_REFRESHES
        return is_done or time.monotonic() - self._began > MOST_SECONDS

    def kill_until_enough(self) -> None:
        self._began = time.monotonic()
        while not self.is_enough():
            self._pause.wait(self._chance.uniform(0.5, 1.5))
            now, pids = time.monotonic(), self._storm.provider.worker_pids()
            self._seen = {pid: self._seen.get(pid, now) for pid in pids}
            old = [pid for pid in pids if now - self._seen[pid] > OLD_ENOUGH]
            if old and len(pids) > 1:  # one stays, or the storm would be a standstill
                os.kill(self._chance.choice(old), signal.SIGKILL)
                self.web += 1
            else:
                self._kill_outbox_worker()

    def _kill_outbox_worker(self) -> None:
        """Now, or at the worst moment: a service has taken a logout token, and the worker does not know it yet."""
        worker = self._storm.worker
        if self._chance.random() < 0.5:
            worker.kill()
        elif not self._storm.receiver.strike(worker.kill, patience=5):
            return
        self.worker += 1


def test_a_process_that_dies_again_at_once_ends_the_server_for_its_supervisor(stores: Stores, tmp_path: Path) -> None:
    """Whoever runs `flask serve` must start it again (docs/operate/install.md): it ends as a whole, and says so."""
    url = stores.fresh("sqlite")
    with ProviderProcess(tmp_path, workers=1, IDP_DATABASE_URL=url, **MASTER_KEY) as provider:
        [first] = provider.worker_pids()
        os.kill(first, signal.SIGKILL)
        until(lambda: [pid for pid in provider.worker_pids() if pid != first] != [], 30)
        [second] = provider.worker_pids()
        os.kill(second, signal.SIGKILL)
        assert provider.wait() == 1
        assert provider.worker_pids() == []
        assert "Worker crash loop detected" in provider.output
    stores.discard(url)
