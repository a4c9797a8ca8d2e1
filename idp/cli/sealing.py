"""The worker's part in the log: entries are sealed a few seconds after they came, and each head is published."""

from datetime import datetime, timedelta
from typing import Final

from idp import flows, storage
from idp.domain.tree_heads import MARGIN
from idp.flows.sealing import TreesDiffer
from idp.runtime import log
from idp.runtime.runtime import Runtime

# With the worker's own second between two looks, no entry waits for five.
SEAL_EVERY: Final = timedelta(seconds=3)
_log = log.get(__name__)


class Sealing:
    """What goes wrong is told once, not at every look; it is tried again at each."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._sealed_at: datetime | None = None
        self._fault = ""

    def go_on(self) -> bool:
        """Seal a batch and publish what is new; True when there may be more at once."""
        now = self._runtime.clock.now()
        if self._sealed_at is not None and now - self._sealed_at < SEAL_EVERY:
            return False
        is_more, fault = False, ""
        try:
            is_more = self._seal(MARGIN)
            self._publish()
        except TreesDiffer as error:
            fault = str(error)
        except OSError as error:
            fault = f"log.heads_file cannot be written: {type(error).__name__}"
        if fault and fault != self._fault:
            _log.error("the log is not sealed or not published", fault=fault)
        self._fault = fault
        self._sealed_at = None if is_more else now
        return is_more

    def look_back(self) -> bool:
        """The slower look: what a long transaction or another machine's clock kept from being seen in time."""
        try:
            return self._seal(flows.sealing.LOOK_BACK)
        except TreesDiffer:
            return False  # told by the other look

    def _seal(self, look_back: timedelta) -> bool:
        if not self._runtime.keyring.log.is_there():
            with storage.begin() as tx:
                flows.key_care.ensure_log_key(tx, self._runtime)
            self._runtime.keyring.forget()
        with storage.begin() as tx:
            return flows.sealing.seal(tx, self._runtime, look_back=look_back) == flows.sealing.BATCH

    def _publish(self) -> None:
        if self._runtime.heads_file.is_kept:
            with storage.once() as tx:
                flows.sealing.publish(tx, self._runtime)
