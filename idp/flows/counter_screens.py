"""Making a browser the screen of a counter: a code is made by an operator, and used once in that browser."""

from idp import storage
from idp.domain import counter_screens, factors
from idp.domain.audit import Entry, Event
from idp.runtime import chance
from idp.runtime.runtime import Runtime


def make_code(tx: storage.Tx, runtime: Runtime, name: str, *, actor: str) -> str:
    """A code for the browser at the counter of this name, shown once; raises Refusal('invalid_name')."""
    name, now = counter_screens.clean_name(name), runtime.clock.now()
    code = chance.new_digits(factors.RECOVERY_DIGITS)
    until = now + counter_screens.CODE_FOR
    storage.screen_codes.insert_code(tx, runtime.keyring, code, name, now=now, expires_at=until)
    _note(tx, runtime, Event.SCREEN_CODE_MADE, actor, name)
    return code


def use_code(tx: storage.Tx, runtime: Runtime, typed: str, *, address: str) -> str | None:
    """The name of the counter whose code this is, once; None when it is none, was used or is too old."""
    name = storage.screen_codes.use_code(tx, runtime.keyring, factors.read_code(typed), runtime.clock.now())
    if name is not None:
        _note(tx, runtime, Event.COUNTER_SCREEN_SET, "whoever had the code", f"{name}; {address}")
    return name


def _note(tx: storage.Tx, runtime: Runtime, event: Event, actor: str, details: str) -> None:
    now = runtime.clock.now()
    entry = Entry(id=chance.new_id(now), at=now, event=event, actor=actor, details=details)
    storage.audit.insert_entry(tx, entry, runtime.keyring.house_key())
