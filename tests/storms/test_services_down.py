"""Two of twenty services are down when somebody signs out: the others hear of it at once, those two once they are back.

One takes connections and never answers, the other refuses them. They stay away until each pause between two tries has
its longest, so that their return is the worst one there is.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from idp import storage
from idp.flows.delivery import RETRY_AFTER
from tests.builders import Citizen, Service, a_citizen, a_service, follow, obtain_tokens, parked_in
from tests.demo.test_supervisor import a_free_port, until
from tests.operations.conftest import MASTER_KEY
from tests.operations.inside import inside
from tests.operations.provider_process import ROOT, ProviderProcess
from tests.stores import STORES, Stores
from tests.storms.conftest import Figures
from tests.storms.receiver import Receiver, claims_of
from tests.storms.worker_process import WorkerProcess

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.xdist_group("storms")]
SERVICES = 20
HANGING, REFUSING, FIRST = "service-0", "service-1", "service-2"
OTHERS = {f"service-{number}" for number in range(2, SERVICES)}
# Seconds after a sign-out, and after a service's return.
TOLD_WITHIN, TOLD_AGAIN_WITHIN = 10.0, 60.0
AWAY_AT_MOST = 300.0


# The path of a service, and the id of the session that ended as that service knows it.
Ending = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """A provider with its worker process, and twenty services behind two servers: `gone` does not run yet."""

    app: Flask
    worker: WorkerProcess
    there: Receiver
    gone: Receiver
    services: Mapping[str, Service]

    def leave(self, citizen: Citizen, services: Mapping[str, Service]) -> set[Ending]:
        """Somebody visits these services and signs out; gives what each must be told."""
        browser = self.app.test_client()
        tokens = {path: obtain_tokens(browser, service, citizen) for path, service in services.items()}
        sign_out(browser)
        return {(path, claims_of(each["id_token"])["sid"]) for path, each in tokens.items()}

    def told(self) -> Counter[Ending]:
        """What each service took, and how often."""
        return Counter((each.path, each.sid) for each in [*self.there.told, *self.gone.told])

    def ledger(self) -> list[storage.outbox.LedgerLine]:
        with self.app.app_context(), storage.once() as tx:
            return storage.outbox.list_ledger(tx, service_id=None, state=None, limit=SERVICES)

    def waiting(self) -> list[storage.outbox.LedgerLine]:
        return [line for line in self.ledger() if line.state == "queued"]


def sign_out(browser: FlaskClient) -> None:
    page = follow(browser, browser.get("/sign-out"))
    assert browser.post("/sign-out", data={"parked": parked_in(page)}).status_code == 303


@contextmanager
def a_neighbourhood(url: str, folder: Path) -> Iterator[Neighbourhood]:
    environment = {"IDP_DATABASE_URL": url, **MASTER_KEY}
    settings = ProviderProcess(folder, workers=1, root=ROOT, **environment).settings
    gone, worker = Receiver(a_free_port()), WorkerProcess(folder, settings)
    with Receiver().running() as there, inside(settings) as app:
        there.hanging.add(HANGING)
        places = {path: gone if path == REFUSING else there for path in (HANGING, REFUSING, *OTHERS)}
        services = {path: a_service(app, backchannel_logout_uri=at.address(path)) for path, at in places.items()}
        with worker:
            yield Neighbourhood(app, worker, there, gone, services)


@pytest.mark.parametrize("store", STORES)
def test_services_that_are_down_delay_no_other_and_hear_of_it_when_they_are_back(
    stores: Stores, tmp_path: Path, store: str, figures: Figures
) -> None:
    url = stores.fresh(store)
    with a_neighbourhood(url, tmp_path) as around:
        citizen = a_citizen(around.app)
        first = around.leave(citizen, {FIRST: around.services[FIRST]})
        until(lambda: first <= set(around.told()), 60)  # the worker is up now
        endings = around.leave(citizen, around.services)
        began = time.monotonic()
        of_others = {ending for ending in endings if ending[0] in OTHERS}
        until(lambda: of_others <= set(around.told()), TOLD_WITHIN)
        took = time.monotonic() - began

        until(lambda: around.there.hung[HANGING] >= len(RETRY_AFTER), AWAY_AT_MOST)
        assert set(around.told()) == first | of_others
        assert len(around.waiting()) == 2
        with around.gone.running():
            around.there.hanging.clear()
            back = time.monotonic()
            until(lambda: endings <= set(around.told()), TOLD_AGAIN_WITHIN)
            came = time.monotonic() - back
            until(lambda: around.waiting() == [], 20)
        assert around.worker.is_alive
        assert around.told() == dict.fromkeys(first | endings, 1), "each heard of it once"
        lines = around.ledger()
    figures.write(
        f"two of {SERVICES} services down, {store}: {len(OTHERS)} told in {took:.1f} s; away for {back - began:.0f} s; "
        f"both told {came:.1f} s after their return, "
        f"by {' and '.join(str(line.tries) for line in lines if line.tries > 1)} tries"
    )
    stores.discard(url)
