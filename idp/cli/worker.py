"""`flask worker`: delivers the outbox, ends what time ended, tidies. Any number may run; each row goes to one."""

import signal
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from uuid import UUID

import click
from flask import Flask

from idp import flows, storage
from idp.cli.refusing import refusals_as_sentences
from idp.runtime import log
from idp.runtime.runtime import Runtime
from idp.storage.outbox import Parcel

TIDY_EVERY = 600.0
SHORT_WAIT = 0.05
_log = log.get(__name__)


def command(app: Flask, runtime: Runtime) -> click.Command:
    @click.command("worker")
    @click.option("--once", is_flag=True, help="Do what is due now, then stop.")
    @refusals_as_sentences
    def worker(once: bool) -> None:
        """Deliver the outbox, end sessions that ran out, tidy. Stops on SIGTERM after the deliveries under way."""
        stop = Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        Worker(app, runtime).run(stop, once=once)

    return worker


class Worker:
    """One worker process. At most one delivery a service is under way, so that no service keeps another waiting."""

    def __init__(self, app: Flask, runtime: Runtime) -> None:
        self._app, self._runtime = app, runtime
        self._tidied_at: float | None = None
        self._under_way: dict[Future[None], UUID | None] = {}

    def run(self, stop: Event, *, once: bool = False) -> None:
        """Work until `stop` is set; with `once`, until nothing is due. Raises storage.Unavailable only with `once`."""
        settings = self._runtime.settings.worker
        with ThreadPoolExecutor(settings.parallel, thread_name_prefix="delivery") as pool:
            while not stop.is_set():
                try:
                    busy = self.round(pool)
                except storage.Unavailable as error:
                    if once:
                        raise
                    _log.error("the database did not answer", fault=str(error))
                    busy = False
                if once and not busy and not self._under_way:
                    return
                if not busy:
                    stop.wait(settings.poll_every if not self._under_way else SHORT_WAIT)

    def round(self, pool: ThreadPoolExecutor) -> bool:
        """One look at everything that is due; True when there was something, so that there may be more."""
        runtime, settings = self._runtime, self._runtime.settings.worker
        self._forget_finished()
        with self._app.app_context():
            with storage.begin() as tx:
                ended = flows.housekeeping.end_run_out_sessions(tx, runtime)
            self._tidy()
            with storage.begin() as tx:
                parcels = storage.outbox.use_due(
                    tx,
                    runtime.keyring,
                    now=runtime.clock.now(),
                    lease_for=timedelta(seconds=settings.lease_for),
                    limit=settings.parallel - len(self._under_way),
                    but_services={service for service in self._under_way.values() if service is not None},
                )
        for parcel in parcels:
            self._under_way[pool.submit(self._deliver, parcel)] = parcel.service_id
        return bool(ended or parcels)

    def _forget_finished(self) -> None:
        """A delivery whose outcome could not be written is taken up again when its lease ends."""
        for future in [future for future in self._under_way if future.done()]:
            del self._under_way[future]
            if (fault := future.exception()) is not None:
                _log.error("an outcome could not be written", fault=type(fault).__name__)

    def _deliver(self, parcel: Parcel) -> None:
        with self._app.app_context():
            try:
                failure = flows.delivery.deliver(self._runtime, parcel)
            except Exception as error:
                # Whatever went wrong with one parcel, the others go on and this one is tried again.
                _log.exception("a delivery failed", parcel=str(parcel.id), fault=type(error).__name__)
                failure = type(error).__name__
            with storage.begin() as tx:
                flows.delivery.note(tx, self._runtime, parcel, failure)
            self._runtime.metrics.tried_to_deliver(parcel.kind, "failed" if failure else "delivered")
            _log.info("delivery", parcel=str(parcel.id), kind=parcel.kind, failure=failure)

    def _tidy(self) -> None:
        now = self._runtime.clock.now().timestamp()
        if self._tidied_at is not None and now - self._tidied_at < TIDY_EVERY:
            return
        self._tidied_at = now
        with storage.begin() as tx:
            flows.housekeeping.tidy(tx, self._runtime)
            flows.key_care.withdraw_old(tx, self._runtime)
