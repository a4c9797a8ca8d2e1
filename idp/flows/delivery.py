"""Delivering what waits in the outbox: logout tokens to services, and logos from them.

At least once: a service that took a token whose answer was lost is told again, by a token with a `jti` of its own.

A suspended service is told as well: the suspension may be a mistake, and that its own sessions end is the safe way. A
removed one gets nothing: nobody answers for its address any more.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from idp import storage
from idp.domain import logout_token
from idp.domain.audit import Entry, Event
from idp.domain.refusals import Refusal
from idp.domain.relying_services import RelyingService
from idp.runtime import chance
from idp.runtime.messages import Message, Undelivered
from idp.runtime.outbound import OutboundFailure
from idp.runtime.runtime import Runtime
from idp.storage.outbox import Parcel

# First retries within seconds, so that a service that comes back is told within a minute; a day in all. A logo is asked
# for as often as there are numbers here.
RETRY_AFTER: Final = (1, 2, 5, 10, 15, 20, 30)
GIVE_UP_AFTER: Final = timedelta(hours=24)
WAS_REMOVED: Final = "the service was removed"
CAME_TOO_LATE: Final = "it came too late"
IMAGE_TYPES: Final = {"image/png", "image/jpeg", "image/webp", "image/gif"}


def deliver(runtime: Runtime, parcel: Parcel) -> str | None:
    """Try one delivery; None when it is done, else what failed, without any personal value. Opens its own doors."""
    if parcel.kind in storage.outbox.MESSAGES:
        return _send_message(runtime, parcel)
    with storage.once() as tx:
        service = storage.relying_services.find_service(tx, parcel.service_id) if parcel.service_id else None
    if service is None:
        return None  # nobody is left to be told
    if service.is_removed:
        return WAS_REMOVED
    try:
        if parcel.kind == storage.outbox.BACKCHANNEL_LOGOUT:
            return _send_logout_token(runtime, parcel, service)
        return _fetch_logo(runtime, service)
    except OutboundFailure as failure:
        return str(failure)


def note(tx: storage.Tx, runtime: Runtime, parcel: Parcel, failure: str | None) -> None:
    """Write the outcome of a try into the ledger."""
    now = runtime.clock.now()
    if failure is None:
        storage.outbox.end_delivered(tx, parcel, now)
        return
    if failure in (WAS_REMOVED, CAME_TOO_LATE):
        storage.outbox.end_failed_try(tx, parcel.id, failure, next_try_at=None)
        return
    next_try_at = now + timedelta(seconds=RETRY_AFTER[min(parcel.tries, len(RETRY_AFTER) - 1)])
    if parcel.kind == storage.outbox.FETCH_LOGO:
        is_over = parcel.tries + 1 >= len(RETRY_AFTER)
    else:
        is_over = next_try_at - parcel.created_at > GIVE_UP_AFTER
        if parcel.service_id is not None:
            storage.outbox.put_off(tx, parcel.service_id, next_try_at)
    storage.outbox.end_failed_try(tx, parcel.id, failure, next_try_at=None if is_over else next_try_at)


def retry_parcel(tx: storage.Tx, runtime: Runtime, parcel_id: UUID, *, actor: str) -> int:
    """Have one parcel tried now; one that was given up gets one more try."""
    due = storage.outbox.retry(tx, runtime.clock.now(), parcel_id=parcel_id)
    if not due:
        raise Refusal("unknown_parcel", f"no parcel {parcel_id} waits or was given up")
    return _note_retry(tx, runtime, due, str(parcel_id), actor)


def retry_service(tx: storage.Tx, runtime: Runtime, client_id: str, *, actor: str) -> int:
    """Have all that waits for a service, or was given up, tried now, one after the other; gives how many."""
    service = storage.relying_services.find_by_client_id(tx, client_id)
    if service is None:
        raise Refusal("unknown_service", f"no service has the client_id {client_id[:80]}")
    due = storage.outbox.retry(tx, runtime.clock.now(), service_id=service.id)
    return _note_retry(tx, runtime, due, f"{client_id}: {len(due)}", actor) if due else 0


def _note_retry(tx: storage.Tx, runtime: Runtime, due: list[tuple[UUID, UUID | None]], details: str, actor: str) -> int:
    now = runtime.clock.now()
    entry = Entry(
        id=chance.new_id(now),
        at=now,
        event=Event.DELIVERIES_RETRIED,
        service_id=due[0][1],
        actor=actor,
        details=details,
    )
    storage.audit.insert_entry(tx, entry, runtime.keyring.house_key())
    return len(due)


def _send_message(runtime: Runtime, parcel: Parcel) -> str | None:
    """Hand a message to its gateway; one to nobody stands for a name that nobody has, and is never sent."""
    if not parcel.body["to"]:
        return None
    if runtime.clock.now() >= datetime.fromisoformat(parcel.body["until"]):
        return CAME_TOO_LATE
    try:
        runtime.messages.send(Message(parcel.kind, parcel.body["to"], parcel.body["subject"], parcel.body["text"]))
    except Undelivered as failure:
        return str(failure)
    return None


def _send_logout_token(runtime: Runtime, parcel: Parcel, service: RelyingService) -> str | None:
    if not service.backchannel_logout_uri:
        return None
    subject_id, session_id = UUID(parcel.body["subject"]), UUID(parcel.body["session"])
    sub = parcel.body.get("sub")
    if sub is None:  # the derived one; the version before looked for another here
        with storage.once() as tx:
            sub = storage.grants.find_sub_override(tx, service.sector, subject_id)
    now = runtime.clock.now()
    claims = logout_token.claims(
        runtime.settings.issuer,
        service.client_id,
        sub=sub or runtime.keyring.pairwise_sub(service.sector, subject_id),
        sid=runtime.keyring.pairwise_sid(service.sector, session_id),
        jti=chance.new_id(now),
        now=now,
    )
    token = runtime.keyring.sign(service.id_token_signed_response_alg, claims, typ=logout_token.TYPE)
    answer = runtime.outbound.post(service.backchannel_logout_uri, {"logout_token": token})
    return None if answer.status in (200, 204) else f"answered {answer.status}"


def _fetch_logo(runtime: Runtime, service: RelyingService) -> str | None:
    if not service.logo_uri:
        return None
    answer = runtime.outbound.get(service.logo_uri)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.status != 200 or media_type not in IMAGE_TYPES:
        return f"answered {answer.status} with no picture"
    with storage.begin() as tx:
        digest = chance.digest(answer.body.hex())
        storage.logos.save_logo(tx, service.id, media_type, answer.body, digest, runtime.clock.now())
    return None
