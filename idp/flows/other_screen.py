"""Signing in on another screen with a phone that is signed in: the screen asks, the phone answers, the screen goes on.

One answer a screen: a wrong number is a no, since who is talked into guessing must not get a second try.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from idp import storage
from idp.domain import levels, throttles
from idp.domain import other_screens as rules
from idp.domain.accounts import Subject
from idp.domain.audit import Entry, Event
from idp.domain.levels import AuthLevel
from idp.domain.other_screens import ScreenState
from idp.runtime import chance
from idp.runtime.data_keys import DataKey
from idp.runtime.runtime import Runtime
from idp.storage.other_screens import Asking, Screen
from idp.storage.sessions import SignedIn


@dataclass(frozen=True, slots=True)
class Lent:
    """Who is signed in on the screen, and by which methods."""

    subject: Subject
    key: DataKey
    methods: tuple[str, ...]


def ask(tx: storage.Tx, runtime: Runtime, asking: Asking) -> UUID | None:
    """A new screen that waits for its phone; None when the network asked for too many. What was counted is kept."""
    now, settings = runtime.clock.now(), runtime.settings.throttle
    if settings.enabled:
        counted = {rules.NETWORK: throttles.network_of(asking.address)}
        ends_at = now + timedelta(seconds=settings.window)
        counts = storage.throttles.use_tries(tx, runtime.keyring, counted, now=now, window_ends_at=ends_at)
        if counts[rules.NETWORK] > settings.tries_per_network:
            return None
    screen_id, number = chance.new_id(now), chance.new_digits(rules.DIGITS)
    storage.other_screens.insert_screen(
        tx, runtime.keyring, screen_id, number, asking, now=now, expires_at=now + rules.OPEN_FOR
    )
    return screen_id


def may_lend(signed_in: SignedIn) -> bool:
    """Whether the phone's sign-in is strong enough to be lent: what was proved opens on no new screen with less."""
    subject, reached = signed_in.subject, AuthLevel(signed_in.session.auth_level)
    return not levels.needs_second_factor(
        subject.account_level, subject.proof_source, known_device=False, reached=reached
    )


def approve(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn, screen: Screen, typed: str) -> bool:
    """Sign in on the screen if it shows the number that was typed; with any other number it is refused for good."""
    is_right = typed == screen.number and may_lend(signed_in)
    is_kept = _answer(tx, runtime, signed_in, screen, ScreenState.APPROVED if is_right else ScreenState.REFUSED)
    return is_right and is_kept


def refuse(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn, screen: Screen) -> None:
    _answer(tx, runtime, signed_in, screen, ScreenState.REFUSED)


def take_up(tx: storage.Tx, runtime: Runtime, screen_id: UUID) -> Lent | None:
    """Who may go on at the screen, this once; None as long as, or when, nobody may."""
    used = storage.other_screens.use_screen(tx, screen_id, runtime.clock.now())
    if used is None:
        return None
    subject_id, methods = used
    subject = storage.accounts.find_subject(tx, subject_id, held=True)
    key = storage.data_keys.find_data_key(tx, runtime.keyring, subject_id)
    if subject is None or key is None or not subject.may_sign_in:
        return None
    return Lent(subject, key, rules.methods_of(methods))


def _answer(tx: storage.Tx, runtime: Runtime, signed_in: SignedIn, screen: Screen, state: ScreenState) -> bool:
    now, subject_id = runtime.clock.now(), signed_in.subject.id
    methods = signed_in.session.amr if state is ScreenState.APPROVED else ()
    is_kept = storage.other_screens.save_answer(tx, screen.id, state, now, subject_id=subject_id, methods=methods)
    if not is_kept:
        return False
    entry = Entry(
        id=chance.new_id(now),
        at=now,
        event=Event.SCREEN_APPROVED if state is ScreenState.APPROVED else Event.SCREEN_REFUSED,
        subject_id=subject_id,
        service_id=UUID(screen.asking.service_id) if screen.asking.service_id else None,
        session_id=signed_in.session.id,
        actor="the person",
        details=f"{screen.asking.address} {screen.asking.agent}",
    )
    storage.audit.insert_entry(tx, entry, storage.data_keys.find_data_key(tx, runtime.keyring, subject_id))
    return True
