"""Caring for keys: made on first use, rotated next -> current -> retired, moved to a new master key."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from idp import storage
from idp.domain.audit import Entry, Event
from idp.domain.refusals import Refusal
from idp.domain.relying_services import RelyingService
from idp.runtime import chance, encryption, signing
from idp.runtime.encryption import DecryptionKey
from idp.runtime.keyring import Keyring, StoredKeys
from idp.runtime.runtime import Runtime
from idp.runtime.settings import Settings
from idp.runtime.signing import SigningKey

# A retired key is published this long after the last token it signed may have been handed out.
CACHES_FOR: Final = timedelta(hours=24)
# A key may sign once every process publishes it: they read keys every few seconds, and a key is made before its commit.
KNOWN_AFTER: Final = timedelta(seconds=15)
# What heads of the log are signed with: a module holds it too, and every library verifies it.
LOG_ALG: Final = "ES256"


class KeysMissing(storage.Unavailable):
    """The database has people, but not the key that makes their `sub`: a new one would make all of them strangers."""


def ensure_keys(tx: storage.Tx, keyring: Keyring, now: datetime) -> StoredKeys:
    """The stored keys; on an empty database they are made, by whichever process comes first. Raises KeysMissing."""
    stored = storage.keys.find_stored_keys(tx, keyring)
    if stored is not None:
        return stored
    # The pairwise key is there once only: whoever inserts it makes the others, a second process waits here and reads.
    is_first = storage.keys.insert_key(
        tx,
        keyring,
        kid="pairwise",
        purpose=storage.keys.PAIRWISE,
        alg="HS256",
        state="current",
        private=chance.new_bytes(32),
        now=now,
    )
    stored = None if is_first else storage.keys.find_stored_keys(tx, keyring)
    if stored is not None:
        return stored
    if is_first and storage.keys.have_people(tx):
        raise KeysMissing("the keys are gone from a database with accounts: restore the table keys")
    if not storage.data_keys.list_house_keys(tx, keyring):
        storage.data_keys.insert_data_key(tx, keyring, None, now)
    for alg in signing.ALWAYS:
        for state in ("current", "next"):
            _make(tx, keyring, alg, state, now)
    made = storage.keys.find_stored_keys(tx, keyring)
    if made is None:
        raise LookupError("the keys could not be made")
    for key in made.signing:
        _note(tx, made, Event.KEY_MADE, f"{key.alg} {key.state} {key.kid}", actor="the first start", now=now)
    return made


def ensure_for(tx: storage.Tx, runtime: Runtime, service: RelyingService) -> None:
    """Make the keys that a service has registered for, where it is the first one; the others learn of them in seconds.

    A key for an algorithm that nobody used has nobody who could miss it, so it signs at once.
    """
    signed = (
        service.id_token_signed_response_alg,
        service.userinfo_signed_response_alg,
        service.introspection_signed_response_alg,
    )
    to_us = service.request_object_encryption_alg
    wanted = {alg for alg in signed if alg in signing.ON_DEMAND} | ({encryption.kind_of(to_us)} if to_us else set())
    have = {alg for alg, state, _ in runtime.keyring.list_keys() if state == "current"}
    if wanted <= have:
        return
    now, keyring = runtime.clock.now(), runtime.keyring
    storage.keys.lock_keys(tx)
    stored = ensure_keys(tx, keyring, now)
    for alg in sorted(each for each in wanted if not storage.keys.list_keys(tx, each, "current")):
        for state in _states_of(alg):
            kid = _make(tx, keyring, alg, state, now)
            _note(tx, stored, Event.KEY_MADE, f"{alg} {state} {kid}", "the first service for it", now)
    keyring.forget()


def _states_of(alg: str) -> tuple[str, ...]:
    """What signs is published before it does; what is encrypted to, whoever sees it may use."""
    return ("current",) if alg in encryption.OWN_KINDS else ("current", "next")


def rotate(tx: storage.Tx, runtime: Runtime, actor: str) -> list[str]:
    """Each algorithm's next key becomes current, the current one retires, a new next one is published.

    The house gets a new data key too. Gives what was done, a line each. Refused while the next key is so young that a
    process may not publish it yet: a service that met it would look for it in vain.
    """
    now, keyring = runtime.clock.now(), runtime.keyring
    storage.keys.lock_keys(tx)
    stored = ensure_keys(tx, keyring, now)
    made_at = storage.keys.find_newest_next(tx)
    if made_at is not None and timedelta() <= now - made_at < KNOWN_AFTER:
        rest = math.ceil((made_at + KNOWN_AFTER - now).total_seconds())
        raise Refusal("too_soon", f"a process may not know the next key yet: rotate in {rest} seconds")
    done = []
    for alg in (*signing.ALGORITHMS, *encryption.OWN_KINDS):
        done += _rotate(tx, keyring, alg, now)
    done += _rotate_log_key(tx, keyring, now)
    storage.data_keys.insert_data_key(tx, keyring, None, now)
    for line in done:
        _note(tx, stored, Event.KEY_STATE_CHANGED, line, actor, now)
    return done


def ensure_log_key(tx: storage.Tx, runtime: Runtime) -> None:
    """Make the key that signs heads of the log, where there is none; the worker sees to it before it seals."""
    now, keyring = runtime.clock.now(), runtime.keyring
    stored = ensure_keys(tx, keyring, now)
    if not storage.keys.list_log_keys(tx):
        kid = _make_log_key(tx, keyring, now)
        if kid:
            _note(tx, stored, Event.KEY_MADE, f"{LOG_ALG} log {kid}", "the worker", now)
    keyring.forget()


def _rotate_log_key(tx: storage.Tx, keyring: Keyring, now: datetime) -> list[str]:
    """The log's key needs no next one: who checks a head asks for its key then. The former is published for ever."""
    done = []
    for kid in storage.keys.list_log_keys(tx):
        storage.keys.set_state(tx, kid, "retired", now)
        done += [f"{LOG_ALG} log {kid} retired", f"{LOG_ALG} log {_make_log_key(tx, keyring, now)} current"]
    return done


def _make_log_key(tx: storage.Tx, keyring: Keyring, now: datetime) -> str:
    """Its kid; '' when another process made one at the same moment."""
    kid, private = keyring.new_key(LOG_ALG)
    is_first = storage.keys.insert_key(
        tx, keyring, kid=kid, purpose=storage.keys.LOG, alg=LOG_ALG, state="current", private=private, now=now
    )
    return kid if is_first else ""


def _rotate(tx: storage.Tx, keyring: Keyring, alg: str, now: datetime) -> list[str]:
    done = []
    current = storage.keys.list_keys(tx, alg, "current")
    for kid in current:
        storage.keys.set_state(tx, kid, "retired", now)
        done.append(f"{alg} {kid} retired")
    for kid in storage.keys.list_keys(tx, alg, "next")[:1]:
        storage.keys.set_state(tx, kid, "current", now)
        done.append(f"{alg} {kid} current")
    if current:
        newest = _states_of(alg)[-1]
        done.append(f"{alg} {_make(tx, keyring, alg, newest, now)} {newest}")
    return done


def revoke(tx: storage.Tx, runtime: Runtime, kid: str, actor: str) -> list[str]:
    """A key leaked: it is gone from the public set and from signing at once, in every worker within seconds.

    What it signed is worthless from then on. A current key is replaced by its next one.
    """
    now, keyring = runtime.clock.now(), runtime.keyring
    storage.keys.lock_keys(tx)
    stored = ensure_keys(tx, keyring, now)
    published: tuple[SigningKey | DecryptionKey, ...] = (*stored.signing, *stored.decryption)
    key = next((key for key in published if key.kid == kid), None)
    if key is None:
        raise Refusal("unknown_key", f"no published signing key has the kid {kid[:80]}")
    storage.keys.set_state(tx, kid, "gone", now)
    done = [f"{key.alg} {kid} gone"]
    if key.state == "current":
        for heir in storage.keys.list_keys(tx, key.alg, "next")[:1]:
            storage.keys.set_state(tx, heir, "current", now)
            done.append(f"{key.alg} {heir} current")
    if key.state in ("current", "next"):
        newest = _states_of(key.alg)[-1]
        done.append(f"{key.alg} {_make(tx, keyring, key.alg, newest, now)} {newest}")
    for line in done:
        _note(tx, stored, Event.KEY_STATE_CHANGED, line, actor, now)
    return done


def withdraw_old(tx: storage.Tx, runtime: Runtime) -> list[str]:
    """Retired keys that no token and no cache can still need leave the public set; the worker sees to it."""
    now = runtime.clock.now()
    storage.keys.lock_keys(tx)
    done = []
    for kid in storage.keys.list_retired_before(tx, now - published_for(runtime.settings)):
        storage.keys.set_state(tx, kid, "gone", now)
        done.append(f"{kid} gone")
    if done:
        stored = ensure_keys(tx, runtime.keyring, now)
        for line in done:
            _note(tx, stored, Event.KEY_STATE_CHANGED, line, "the worker", now)
    return done


def published_for(settings: Settings) -> timedelta:
    """How long a key is published after it retired: the longest token it signs, and the longest cache."""
    return timedelta(seconds=settings.tokens.id_token_for) + CACHES_FOR


def rewrap(
    begin: Callable[[], AbstractContextManager[storage.Tx]],
    runtime: Runtime,
    actor: str,
    progress: Callable[[str, int], None],
) -> int:
    """Move everything to the current master key, a batch a transaction; may be stopped and run again.

    Opens its own doors, since it is called by the command alone and is too long for one transaction.
    """
    keyring = runtime.keyring
    steps: dict[str, Callable[[storage.Tx], int]] = {
        "data_keys": lambda tx: storage.rewrap.rewrap_data_keys(tx, keyring),
        "keys": lambda tx: storage.rewrap.rewrap_keys(tx, keyring),
    }
    for name in storage.rewrap.INDEXED_TABLES:
        steps[name] = lambda tx, name=name: storage.rewrap.reindex(tx, keyring, name)  # type: ignore[misc]
    total = 0
    for name, step in steps.items():
        renewed = 1
        while renewed:
            with begin() as tx:
                renewed = step(tx)
            total += renewed
            progress(name, renewed)
    with begin() as tx:
        stored = ensure_keys(tx, keyring, runtime.clock.now())
        _note(tx, stored, Event.KEYS_REWRAPPED, f"{total} rows", actor, runtime.clock.now())
    return total


def _make(tx: storage.Tx, keyring: Keyring, alg: str, state: str, now: datetime) -> str:
    kid, private = keyring.new_key(alg)
    purpose = storage.keys.DECRYPTION if alg in encryption.OWN_KINDS else storage.keys.SIGNING
    storage.keys.insert_key(tx, keyring, kid=kid, purpose=purpose, alg=alg, state=state, private=private, now=now)
    return kid


def _note(tx: storage.Tx, stored: StoredKeys, event: Event, details: str, actor: str, now: datetime) -> None:
    id_: UUID = chance.new_id(now)
    entry = Entry(id=id_, at=now, event=event, actor=actor, details=details)
    storage.audit.insert_entry(tx, entry, stored.house[0])
