"""The one way out for every ending: session, grants, audit, news to services, in one transaction.

The grants that end with their session stand under its line of the audit; every other grant that ends has its own.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import and_, select

from idp.domain.audit import Entry, Event
from idp.domain.grants import Grant
from idp.domain.sessions import EndReason, Session
from idp.runtime import chance
from idp.runtime.keyring import Keyring
from idp.storage import audit, credentials, grants, machine_grants, other_screens, outbox, recoveries, sessions
from idp.storage.database import Tx
from idp.storage.relying_services import REMOVED
from idp.storage.tables import relying_services, subs

EVENTS: Final = {
    EndReason.SIGNED_OUT: Event.SIGNED_OUT,
    EndReason.EXPIRED: Event.SESSION_EXPIRED,
    EndReason.ANOTHER_PERSON: Event.SESSION_REPLACED,
}
# Taken back by us or given back by the service: the actor tells which, the grant's own row why.
GRANT_EVENTS: Final = {
    EndReason.LOCKED: Event.GRANT_REVOKED,
    EndReason.CLOSED: Event.GRANT_REVOKED,
    EndReason.SERVICE_REMOVED: Event.GRANT_REVOKED,
    EndReason.CODE_REPLAYED: Event.CODE_REPLAYED,
    EndReason.REFRESH_REUSED: Event.REFRESH_REUSED,
    EndReason.REVOKED: Event.GRANT_REVOKED,
    EndReason.WITHDRAWN: Event.GRANT_WITHDRAWN,
}


def end_session(
    tx: Tx, keyring: Keyring, session: Session, reason: EndReason, now: datetime, *, actor: str, offline_too: bool
) -> list[UUID]:
    """End a session with its grants, note it, and queue a logout token for each visited service that takes one.

    Gives all services it had visited; an empty list when it had ended before, and then nothing is written.
    `offline_too` for locks, closures and withdrawals, which no grant outlives.
    """
    if not sessions.end_session(tx, session.id, reason, now):
        return []
    audit.insert_entry(tx, _ending(session.id, session.subject_id, reason, now, actor))
    visited = [
        service_id for _, service_id in grants.end_of_sessions(tx, [session.id], reason, now, offline_too=offline_too)
    ]
    _queue_logouts(tx, keyring, [(service_id, session.id, session.subject_id) for service_id in visited], now)
    return visited


def end_person(tx: Tx, keyring: Keyring, subject_id: UUID, reason: EndReason, now: datetime, *, actor: str) -> None:
    """End every session and every grant of a person, those that outlived their session too.

    What would open the account later by what was proved before ends as well: recoveries, screens that were approved,
    browsers in which the password alone was enough.
    """
    end_people(tx, keyring, [subject_id], reason, now, actor=actor)


def end_people(
    tx: Tx, keyring: Keyring, subject_ids: Sequence[UUID], reason: EndReason, now: datetime, *, actor: str
) -> None:
    """The same for many people at once, in as many statements as for one."""
    recoveries.end_of_people(tx, subject_ids, now)
    other_screens.end_of_people(tx, subject_ids)
    credentials.end_devices(tx, subject_ids, now)
    ended = sessions.end_of_people(tx, subject_ids, reason, now)
    audit.insert_entries(tx, [_ending(session_id, of, reason, now, actor) for session_id, of in ended.items()])
    visited = grants.end_of_sessions(tx, list(ended), reason, now, offline_too=True)
    news = [(service_id, session_id, ended[session_id]) for session_id, service_id in visited]
    _queue_logouts(tx, keyring, news, now)
    _end_grants(tx, keyring, grants.end_of_people(tx, subject_ids, reason, now), reason, now, actor)


def end_other_sessions(tx: Tx, keyring: Keyring, session: Session, now: datetime, *, actor: str) -> int:
    """End all sessions of a person but this one, with all that was given in them; gives how many.

    A screen that waits to go on with what was lent to it does not, and no other browser is known any more.
    """
    other_screens.end_of_people(tx, [session.subject_id])
    credentials.end_devices_of_sessions(tx, session.subject_id, now, but=session.id)
    others = [each for each in sessions.list_live(tx, session.subject_id) if each.id != session.id]
    for each in others:
        end_session(tx, keyring, each, EndReason.REVOKED, now, actor=actor, offline_too=True)
    return len(others)


def end_at_service(
    tx: Tx, keyring: Keyring, subject_id: UUID, service_id: UUID, reason: EndReason, now: datetime, *, actor: str
) -> int:
    """End every grant of a person at one service, and tell it to end its sessions; gives how many had lived."""
    ended = grants.end_of_person(tx, subject_id, reason, now, service_id=service_id)
    _end_grants(tx, keyring, ended, reason, now, actor)
    return len(ended)


def end_service(tx: Tx, keyring: Keyring, service_id: UUID, now: datetime, *, actor: str) -> None:
    """End all access at a service, people's and its own. It is removed before this, so that nobody tells it."""
    reason = EndReason.SERVICE_REMOVED
    _end_grants(tx, keyring, grants.end_of_service(tx, service_id, reason, now), reason, now, actor)
    for _ in machine_grants.end_of_service(tx, service_id, now):
        _note_machine_grant(tx, service_id, reason, now, actor)


def end_on_other_laws(tx: Tx, keyring: Keyring, service_id: UUID, law: str | None, now: datetime, *, actor: str) -> int:
    """End what a service holds by notice of any law but `law`, the one it has now; gives how many grants ended.

    What people agreed to themselves stays. The notices go first: an exchange holds the one its code stands on, so that
    it wins, and its grant ends here, or waits and finds it gone.
    """
    reason = EndReason.WITHDRAWN
    grants.end_notices(tx, service_id, law, now)
    ended = grants.end_by_notice(tx, service_id, law, reason, now)
    _end_grants(tx, keyring, ended, reason, now, actor)
    return len(ended)


def end_grant(tx: Tx, grant_id: UUID, reason: EndReason, now: datetime, *, actor: str) -> bool:
    """End one grant with all its tokens and note it; False, and nothing is written, when it had ended before."""
    ended = grants.end_grant(tx, grant_id, reason, now)
    if ended is None:
        return False
    audit.insert_entry(tx, _grant_ending(ended, reason, now, actor))
    return True


def end_machine_grant(
    tx: Tx, grant_id: UUID, service_id: UUID, reason: EndReason, now: datetime, *, actor: str
) -> bool:
    """End a service's access in its own name and note it; False, and nothing is written, when it had ended before."""
    if not machine_grants.end_grant(tx, grant_id, now):
        return False
    _note_machine_grant(tx, service_id, reason, now, actor)
    return True


def _end_grants(tx: Tx, keyring: Keyring, ended: Iterable[Grant], reason: EndReason, now: datetime, actor: str) -> None:
    """What follows for grants that just ended: a line each; a logout token once for each service and session."""
    ended = list(ended)
    audit.insert_entries(tx, [_grant_ending(grant, reason, now, actor) for grant in ended])
    visits = {(grant.service_id, grant.session_id, grant.subject_id) for grant in ended}
    _queue_logouts(tx, keyring, sorted(visits), now)


def _grant_ending(grant: Grant, reason: EndReason, now: datetime, actor: str) -> Entry:
    return Entry(
        id=chance.new_id(now),
        at=now,
        event=GRANT_EVENTS[reason],
        subject_id=grant.subject_id,
        service_id=grant.service_id,
        session_id=grant.session_id,
        actor=actor,
    )


def _note_machine_grant(tx: Tx, service_id: UUID, reason: EndReason, now: datetime, actor: str) -> None:
    entry = Entry(id=chance.new_id(now), at=now, event=GRANT_EVENTS[reason], service_id=service_id, actor=actor)
    audit.insert_entry(tx, entry)


def _ending(session_id: UUID, subject_id: UUID, reason: EndReason, now: datetime, actor: str) -> Entry:
    return Entry(
        id=chance.new_id(now),
        at=now,
        event=EVENTS.get(reason, Event.SESSION_ENDED),
        subject_id=subject_id,
        session_id=session_id,
        actor=actor,
    )


def _queue_logouts(tx: Tx, keyring: Keyring, news: Sequence[tuple[UUID, UUID, UUID]], now: datetime) -> None:
    """A logout token for each service, session and person, where the service takes them; for none that was removed.

    Where the person's `sub` there is not the derived one, the parcel carries it: a merge, or its undoing, may give it
    to another account before the token leaves.
    """
    told = _with_logout_address(tx, {service_id for service_id, _, _ in news}, {of for _, _, of in news})
    parcels = []
    for service_id, session_id, subject_id in news:
        if service_id not in told:
            continue
        sub = told[service_id].get(subject_id)
        named = {"session": session_id.hex, "subject": subject_id.hex}
        parcels.append(
            outbox.parcel_values(
                keyring,
                outbox.BACKCHANNEL_LOGOUT,
                named if sub is None else {**named, "sub": sub},
                now=now,
                service_id=service_id,
                subject_id=subject_id,
                session_id=session_id,
            )
        )
    outbox.insert_parcels(tx, parcels)


def _with_logout_address(
    tx: Tx, service_ids: Collection[UUID], subject_ids: Collection[UUID]
) -> dict[UUID, dict[UUID, str]]:
    """Those that take logout tokens, each with the `sub`s of these people that are not the derived ones."""
    if not service_ids:
        return {}
    own = and_(subs.c.sector == relying_services.c.sector, subs.c.subject_id.in_(list(subject_ids)))
    where = (relying_services.c.id.in_(list(service_ids)), relying_services.c.state != REMOVED)
    statement = (
        select(relying_services.c.id, relying_services.c.metadata, subs.c.subject_id, subs.c.sub)
        .outerjoin(subs, own)
        .where(*where)
    )
    found: dict[UUID, dict[UUID, str]] = {}
    for row in tx.execute(statement):
        if row.metadata.get("backchannel_logout_uri"):
            of_service = found.setdefault(row.id, {})
            if row.sub is not None:
                of_service[row.subject_id] = row.sub
    return found
