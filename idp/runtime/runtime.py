"""The runtime: one frozen bundle of all that a deed needs from outside, made once in app.py."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from idp.runtime.breached import Breached
from idp.runtime.chip import Trust
from idp.runtime.clock import Clock
from idp.runtime.foreign_documents import ForeignDocuments
from idp.runtime.foreign_keys import ForeignKeys
from idp.runtime.gate import Gate
from idp.runtime.hash_slots import HashSlots
from idp.runtime.heads_file import HeadsFile
from idp.runtime.keyring import Keyring
from idp.runtime.messages import Messages
from idp.runtime.metrics import Metrics
from idp.runtime.outbound import Outbound
from idp.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Runtime:
    settings: Settings
    clock: Clock
    keyring: Keyring
    outbound: Outbound
    foreign_keys: ForeignKeys
    foreign_documents: ForeignDocuments
    gate: Gate
    hash_slots: HashSlots
    trust: Trust
    breached: Breached
    messages: Messages
    metrics: Metrics
    heads_file: HeadsFile

    @property
    def today(self) -> date:
        """The day in the province."""
        return self.day_of(self.clock.now())

    def day_of(self, moment: datetime) -> date:
        """The day in the province on which something was."""
        return moment.astimezone(ZoneInfo(self.settings.province.time_zone)).date()
