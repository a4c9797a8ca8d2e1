"""The runtime: one frozen bundle of all that a deed needs from outside, made once in app.py."""

from dataclasses import dataclass

from idp.runtime.clock import Clock
from idp.runtime.hash_slots import HashSlots
from idp.runtime.keyring import Keyring
from idp.runtime.outbound import Outbound
from idp.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Runtime:
    settings: Settings
    clock: Clock
    keyring: Keyring
    outbound: Outbound
    hash_slots: HashSlots
