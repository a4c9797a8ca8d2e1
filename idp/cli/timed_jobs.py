"""The worker's timed jobs: what time ends, what is let go, the months ahead, keys; done by one worker, under a lease.

The lease saves work and keeps the log quiet. Nothing rests on it: each job is right if two workers do it at once.
Sealing the log is done by all of them.
"""

from datetime import datetime, timedelta
from threading import Event
from typing import Final

from flask import Flask

from idp import flows, storage
from idp.cli.sealing import Sealing
from idp.runtime import chance, log
from idp.runtime.runtime import Runtime
from idp.web import wording

TIDY_EVERY: Final = timedelta(minutes=10)
AT_ONCE: Final = 200
_log = log.get(__name__)


class TimedJobs:
    def __init__(self, app: Flask, runtime: Runtime) -> None:
        self._app, self._runtime = app, runtime
        self._holder = chance.new_id(runtime.clock.now())
        self._is_holder = False
        self._asked_at: datetime | None = None
        self._tidied_at: datetime | None = None
        self._overdue = 0
        self._sealing = Sealing(runtime)

    def go_on(self, stop: Event) -> None:
        """Do what is due until `stop` is set, then give the lease back. Whatever goes wrong is tried again."""
        while not stop.is_set():
            is_more = False
            try:
                is_more = self.run()
            except storage.Unavailable as error:
                _log.error("the database did not answer", fault=str(error))
            except Exception as error:
                _log.exception("a timed job failed", fault=type(error).__name__)
            if not is_more:
                stop.wait(self._runtime.settings.worker.poll_every)
        try:
            self.leave()
        except storage.Unavailable as error:
            _log.error("the lease could not be given back, and runs out by itself", fault=str(error))

    def run(self) -> bool:
        """Do what is due if the lease is ours; True when there may be more at once.

        The log is sealed without it: a worker that dies must not leave entries unguarded until its lease runs out, and
        each worker keeps a file of heads of its own.
        """
        with self._app.app_context():
            is_more = self._holds_lease() and self._do_timed()
            return self._sealing.go_on() or is_more

    def _do_timed(self) -> bool:
        with storage.begin() as tx:
            is_more = bool(flows.housekeeping.end_run_out_sessions(tx, self._runtime))
        with storage.begin() as tx:
            is_more = bool(self._reopen(tx)) or is_more
        is_more = self._take_checks_back() or is_more
        is_more = self._work_in_bulk() or is_more
        return self._tidy() or is_more

    def _reopen(self, tx: storage.Tx) -> int:
        return flows.account_care.reopen_run_out(tx, self._runtime, wording.opened_again(), limit=AT_ONCE)

    def _take_checks_back(self) -> bool:
        """One batch of a recall; what else is due has its turn between two of them."""
        with storage.begin() as tx:
            return flows.recall.work_off(tx, self._runtime, wording.proof_recalled())

    def _work_in_bulk(self) -> bool:
        """One part of a deed for many people."""
        with storage.begin() as tx:
            return flows.bulk_jobs.work_off(tx, self._runtime, wording.locked_with_many())

    def leave(self) -> None:
        """Give the lease back, so that another worker need not wait for its end."""
        with self._app.app_context(), storage.once(writes=True) as tx:
            storage.leases.end_lease(tx, storage.leases.TIMED_JOBS, self._holder)

    def _holds_lease(self) -> bool:
        """Asked three times in the time of a lease, by who holds it and who does not."""
        now, lease_for = self._runtime.clock.now(), timedelta(seconds=self._runtime.settings.worker.lease_for)
        if self._asked_at is not None and now - self._asked_at < lease_for / 3:
            return self._is_holder
        was_holder, self._is_holder = self._is_holder, False
        with storage.once(writes=True) as tx:
            self._is_holder = storage.leases.use_lease(
                tx, storage.leases.TIMED_JOBS, self._holder, now=now, lease_for=lease_for
            )
        self._asked_at = now
        if self._is_holder is not was_holder:
            _log.info("timed jobs", holder=str(self._holder), ours=self._is_holder)
        return self._is_holder

    def _tidy(self) -> bool:
        now = self._runtime.clock.now()
        if self._tidied_at is not None and now - self._tidied_at < TIDY_EVERY:
            return False
        is_more = False
        jobs = (
            self._let_rows_go,
            self._let_months_go,
            self._make_months,
            self._care_for_keys,
            self._end_cases,
            self._drop_unwanted_files,
            self._end_undo,
            self._remind_of_secrets,
            self._watch_clocks,
        )
        for job in (*jobs, self._sealing.look_back):
            try:
                is_more = job() or is_more
            except storage.Unavailable:
                raise
            except Exception as error:
                # One that cannot be done keeps no other from being done.
                _log.exception("a timed job failed", job=job.__name__, fault=type(error).__name__)
        self._tidied_at = None if is_more else now
        return is_more

    def _let_rows_go(self) -> bool:
        is_more = False
        for table in storage.retention.RULES:
            with storage.begin() as tx:
                rows = flows.housekeeping.let_go(tx, self._runtime, table)
            if rows:
                _log.info("let go", table=table, rows=rows)
            is_more = is_more or rows == flows.housekeeping.ROWS
        return is_more

    def _let_months_go(self) -> bool:
        with storage.once() as tx:
            is_done = flows.housekeeping.detach_months(tx, self._runtime)
        if not is_done:
            _log.info("a month that is over is still being read; next time")
        with storage.begin() as tx:
            gone = flows.housekeeping.let_months_go(tx, self._runtime)
        for each in gone:
            _log.info("let go", table=each.table, month=each.month, rows=each.rows)
        return bool(gone)

    def _make_months(self) -> bool:
        with storage.begin() as tx:
            flows.housekeeping.make_months(tx, self._runtime)
        return False

    def _care_for_keys(self) -> bool:
        with storage.begin() as tx:
            flows.key_care.withdraw_old(tx, self._runtime)
        return False

    def _end_cases(self) -> bool:
        """What no second officer decided in time."""
        with storage.begin() as tx:
            return flows.cases.expire(tx, self._runtime, limit=AT_ONCE) == AT_ONCE

    def _drop_unwanted_files(self) -> bool:
        with storage.begin() as tx:
            return flows.bulk_jobs.drop_unwanted(tx, self._runtime, limit=AT_ONCE) == AT_ONCE

    def _end_undo(self) -> bool:
        """Merges that are final now."""
        with storage.begin() as tx:
            flows.merging.end_undo(tx, self._runtime)
        return False

    def _remind_of_secrets(self) -> bool:
        with storage.begin() as tx:
            flows.service_secrets.remind(tx, self._runtime, wording.secret_ends)
        return False

    def _watch_clocks(self) -> bool:
        """Warn when the number of requests about personal data that are late by law is another one."""
        with storage.once() as tx:
            overdue = storage.rights.count_overdue(tx, self._runtime.today)
        if overdue and overdue != self._overdue:
            _log.warning("rights requests are overdue", number=overdue)
        self._overdue = overdue
        return False
