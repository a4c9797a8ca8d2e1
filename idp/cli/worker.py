"""`flask worker`: delivers the outbox, and does the timed jobs. Any number may run; each parcel goes to one."""

import signal
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from threading import Event, Thread

import click
from flask import Flask

from idp import flows, storage
from idp.cli.refusing import refusals_as_sentences
from idp.cli.timed_jobs import TimedJobs
from idp.runtime import log
from idp.runtime.runtime import Runtime
from idp.storage.outbox import Parcel

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
        self._under_way: set[Future[None]] = set()

    def run(self, stop: Event, *, once: bool = False) -> None:
        """Work until `stop` is set; with `once`, until nothing is due. Raises storage.Unavailable only with `once`."""
        jobs = TimedJobs(self._app, self._runtime)
        if once:
            while not stop.is_set() and jobs.run():
                pass
            jobs.leave()
            self._deliver_all(stop, once=True)
            return
        # A thread of their own, so that a month that takes long to drop keeps no service waiting.
        timed = Thread(target=jobs.go_on, args=(stop,), name="timed jobs")
        timed.start()
        try:
            self._deliver_all(stop)
        finally:
            stop.set()
            timed.join()

    def _deliver_all(self, stop: Event, *, once: bool = False) -> None:
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
        """One look at what is due; True when there was something, so that there may be more."""
        runtime, settings = self._runtime, self._runtime.settings.worker
        self._forget_finished()
        with self._app.app_context(), storage.begin() as tx:
            parcels = storage.outbox.use_due(
                tx,
                runtime.keyring,
                now=runtime.clock.now(),
                lease_for=timedelta(seconds=settings.lease_for),
                limit=settings.parallel - len(self._under_way),
            )
        self._under_way |= {pool.submit(self._deliver, parcel) for parcel in parcels}
        return bool(parcels)

    def _forget_finished(self) -> None:
        """A delivery whose outcome could not be written is taken up again when its lease ends."""
        for future in [future for future in self._under_way if future.done()]:
            self._under_way.remove(future)
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
