"""Sending a code to a phone or a mailbox, and taking it back: the half-deed that registration, recovery, a second step
and a lock have in common. Views put both together in one transaction.

Where nobody is behind the name that was typed, the same rows are written and nothing is sent.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from idp import storage
from idp.domain import one_time_codes as rules
from idp.domain import throttles
from idp.domain.identifiers import ContactKind
from idp.domain.one_time_codes import CodePurpose, NotSent
from idp.runtime import chance, log
from idp.runtime.runtime import Runtime

CHANNELS: Final = {kind: storage.outbox.CHANNEL_OF[kind] for kind in ContactKind}
AN_HOUR: Final = timedelta(hours=1)
A_DAY: Final = timedelta(days=1)
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a code goes. A decoy stands for a contact that nobody behind the typed name has."""

    kind: ContactKind
    contact: str = field(repr=False)
    subject_id: UUID | None = None
    is_decoy: bool = False


@dataclass(frozen=True, slots=True)
class Wording:
    """What the message says, with {code} where the code belongs."""

    subject: str
    text: str


def send(
    tx: storage.Tx, runtime: Runtime, purpose: CodePurpose, target: Target, wording: Wording, *, address: str
) -> UUID | NotSent:
    """Send a new code; gives its id for the sealed page, or why none was sent. What was counted is kept."""
    channel = CHANNELS[target.kind]
    if not runtime.messages.offers(channel):
        return NotSent.NO_GATEWAY
    refused = _count(tx, runtime, target, throttles.network_of(address))
    if refused is not None:
        return refused
    now, settings = runtime.clock.now(), runtime.settings.codes
    code, expires_at = chance.new_digits(rules.DIGITS), now + timedelta(seconds=settings.good_for)
    code_id = storage.one_time_codes.insert_code(
        tx,
        runtime.keyring,
        purpose,
        target.kind,
        target.contact,
        code,
        subject_id=target.subject_id,
        now=now,
        expires_at=expires_at,
    )
    storage.outbox.insert_message(
        tx,
        runtime.keyring,
        channel,
        to="" if target.is_decoy else target.contact,
        subject=wording.subject.replace("{code}", code),
        text=wording.text.replace("{code}", code),
        until=expires_at,
        subject_id=target.subject_id,
        now=now,
    )
    return code_id


def use(tx: storage.Tx, runtime: Runtime, code_id: UUID, purpose: CodePurpose, target: Target, typed: str) -> bool:
    """Whether the right code was typed; a wrong one is counted and kept."""
    is_right = storage.one_time_codes.use_code(
        tx,
        runtime.keyring,
        code_id,
        purpose,
        target.kind,
        target.contact,
        rules.typed_digits(typed),
        most_tries=runtime.settings.codes.tries,
        now=runtime.clock.now(),
    )
    return is_right and not target.is_decoy


def _count(tx: storage.Tx, runtime: Runtime, target: Target, network: str) -> NotSent | None:
    settings, now = runtime.settings.codes, runtime.clock.now()
    counts = storage.throttles.use_tries(
        tx,
        runtime.keyring,
        rules.limits(target.kind, target.contact, network),
        now=now,
        window_ends_at=now + AN_HOUR,
    )
    if counts[rules.CONTACT] > settings.per_contact or counts[rules.NETWORK] > settings.per_network:
        return NotSent.TOO_MANY
    of_a_day, tomorrow = rules.limits_of_a_day(target.kind, target.contact), now + A_DAY
    days = storage.throttles.use_tries(tx, runtime.keyring, of_a_day, now=now, window_ends_at=tomorrow)
    if days[rules.CONTACT_TODAY] > settings.per_contact_per_day:
        return NotSent.TOO_MANY
    if target.kind is not ContactKind.PHONE:
        return None
    today = storage.outbox.use_text_message(tx, runtime.keyring, now)
    for share, alarm in ((4, rules.SMS_ALARM), (5, rules.SMS_SPENT)):
        # Notices count too, so that no code need be the one that reaches the mark.
        if today * 5 > settings.sms_per_day * share and _is_first_today(tx, runtime, alarm):
            _log.error("the day's text messages run out", sent=today, of=settings.sms_per_day)
    return NotSent.SPENT if today > settings.sms_per_day else None


def _is_first_today(tx: storage.Tx, runtime: Runtime, name: str) -> bool:
    now = runtime.clock.now()
    counts = storage.throttles.use_tries(tx, runtime.keyring, {name: ""}, now=now, window_ends_at=now + A_DAY)
    return counts[name] == 1
