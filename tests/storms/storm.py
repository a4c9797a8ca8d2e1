"""A provider under load on a database of its own: web processes, the outbox worker, services that hear of sign-outs."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask

from idp import storage
from tests.builders import NUMBERS, Citizen, Service, a_citizen, a_service, obtain_code
from tests.demo.test_supervisor import until
from tests.operations.browsing import Browser
from tests.operations.conftest import MASTER_KEY
from tests.operations.inside import inside
from tests.operations.provider_process import ProviderProcess
from tests.stores import close
from tests.storms.load import Doer, Tally, Visitor, run_load
from tests.storms.receiver import Receiver
from tests.storms.worker_process import WorkerProcess

VISITORS = 6
SETTLED_WITHIN = 120  # seconds


@dataclass
class Storm:
    """`app` is the same provider inside the test's process, for people, services and a look at the rows."""

    provider: ProviderProcess
    worker: WorkerProcess
    receiver: Receiver
    app: Flask
    tally: Tally = field(default_factory=Tally)
    citizens: list[Citizen] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    took: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Provider and worker with two people, and a service for each visitor that a person has agreed to."""
        with self.provider:
            self.citizens = [a_citizen(self.app, number) for number in NUMBERS[:2]]
            for number in range(VISITORS):
                service = a_service(self.app, backchannel_logout_uri=self.receiver.address(f"visitor-{number}"))
                with Browser(self.provider.address) as browser:
                    obtain_code(browser, service, self.citizens[number % 2])  # type: ignore[arg-type]
                self.services.append(service)
            with self.worker:
                yield

    def rage(self, enough: Callable[[], bool], meanwhile: Callable[[], None], *more: Doer) -> None:
        """Let all visitors work until it is `enough`, and do something meanwhile; gives back the first fault."""
        given = (self.provider.address, self.tally)
        visitors: list[Doer] = [
            Visitor(given[0], self.citizens[number % 2], service, given[1], enough, seed=number)
            for number, service in enumerate(self.services)
        ]
        faults: list[BaseException] = []

        def load() -> None:
            try:
                run_load([*visitors, *more])
            except BaseException as fault:
                faults.append(fault)

        began = time.monotonic()
        thread = threading.Thread(target=load)
        thread.start()
        try:
            meanwhile()
        finally:
            thread.join()
            self.took = time.monotonic() - began
        if faults:
            raise faults[0]

    def settle(self) -> None:
        """Wait until nothing waits in the outbox."""
        close(self.app)  # its own connections may have died in the storm
        with self.app.app_context():
            until(lambda: self._waiting() == 0, SETTLED_WITHIN)

    def _waiting(self) -> int:
        with storage.once() as tx:
            waiting, _ = storage.outbox.count_waiting(tx, self.app.extensions["idp"].clock.now())
        return waiting


@contextmanager
def a_storm(url: str, folder: Path, *, workers: int) -> Iterator[Storm]:
    """A storm on an empty database; nothing runs yet but the services that hear of sign-outs."""
    settings = {
        **MASTER_KEY,
        "IDP_DATABASE_URL": url,
        "IDP_THROTTLE_TRIES_PER_NETWORK": "100000",
        "IDP_WORKER_LEASE_FOR": "5",  # what a worker took to its grave comes back while the storm goes on
    }
    provider = ProviderProcess(folder, workers=workers, **settings)
    worker = WorkerProcess(folder, provider.settings)
    with Receiver().running() as receiver, inside(provider.settings) as app:
        yield Storm(provider, worker, receiver, app)
