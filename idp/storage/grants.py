"""Grants: spent codes become rows here, refreshes count in them, and every use of a token asks them whether it lives.

The INSERT at the exchange is the single use of a code: its grant's id was minted with it, so a second use finds the id
taken. Liveness is joined from session and subject at every use, never copied and never cached. On PostgreSQL each of
`exchange`, `refresh` and `find_live` is one statement, the latter two over the month where the grant stands; SQLite,
which can write in one place a statement, takes up to three (one more when the session is touched) inside the
transaction that `once(writes=True)` opens for it.

Rows are locked in one order, session before grant, so that a logout that races an exchange or a refresh wins or waits.

Long because the statements of a grant's life are only right together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Integer, Uuid, and_, bindparam, exists, func, not_, or_, select, true, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ProgrammingError

from idp.domain import claims
from idp.domain.accounts import Profile
from idp.domain.consent import BasisKind
from idp.domain.grants import Code, Grant
from idp.domain.levels import AccountLevel
from idp.domain.relying_services import RelyingService
from idp.domain.sessions import EndReason
from idp.runtime import chance
from idp.runtime.keyring import Keyring
from idp.storage import accounts, audit, idleness, partitions
from idp.storage.database import Tx
from idp.storage.statements import Statement
from idp.storage.tables import Moment, consents, data_keys, grants, profiles, releases, sessions, subjects, subs


@dataclass(frozen=True, slots=True)
class Held:
    """A live grant with what its tokens and claims are made of. `sub` is set only where an override table says so."""

    grant: Grant
    profile: Profile
    account_level: AccountLevel
    sub: str | None


@dataclass(frozen=True, slots=True)
class Times:
    """The moments that liveness is judged by."""

    now: datetime
    idle_for: timedelta
    touch_every: timedelta

    def values(self) -> dict[str, datetime]:
        return {"now": self.now, "idle_since": self.now - self.idle_for, "touch_before": self.now - self.touch_every}


NUMBER: Final = "personal_id_number"


class AlreadySpent(Exception):
    """The code's grant exists: this is a second use."""


def _moment(name: str) -> Any:
    return bindparam(name, type_=Moment)


def _uuid(name: str) -> Any:
    return bindparam(name, type_=Uuid)


_SESSION_LIVES: Final = and_(
    sessions.c.ended_at.is_(None),
    sessions.c.expires_at > _moment("now"),
    idleness.is_in_use(_moment("now"), _moment("idle_since")),
)
_WANTS_TOUCH: Final = idleness.wants_touch(_moment("now"), _moment("touch_before"))
_SUBJECT_LIVES: Final = subjects.c.state == "active"


def _grant_lives(of: Any) -> Any:
    return and_(
        of.c.ended_at.is_(None),
        of.c.expires_at > _moment("now"),
        _SUBJECT_LIVES,
        or_(of.c.offline, _SESSION_LIVES),
    )


_FACTS: Final = (*accounts.profile_columns(), subjects.c.proof_source, subjects.c.account_level, subs.c.sub)
_GRANT_COLUMNS: Final = tuple(grants.c)


# -- exchange ------------------------------------------------------------------------------------------------------


def exchange(
    tx: Tx, keyring: Keyring, code: Code, *, service: RelyingService, expires_at: datetime, times: Times
) -> Held | None:
    """Spend a code: the grant and its release are written if the session still lives, else None.

    Raises AlreadySpent when the grant is there already; the caller ends it then, in a transaction of its own.
    """
    released = claims.from_bits(code.userinfo_bits | code.id_token_bits)
    values = {
        **times.values(),
        "grant_id": code.grant_id,
        "session_id": code.session_id,
        "service_id": code.service_id,
        "sector": service.sector,
        "basis_id": code.basis_id,
    }
    grant_values = {
        "id": code.grant_id,
        "session_id": code.session_id,
        "subject_id": code.subject_id,
        "service_id": code.service_id,
        "scopes": " ".join(code.scopes),
        "userinfo_bits": code.userinfo_bits,
        "id_token_bits": code.id_token_bits,
        "offline": code.offline,
        "generation": 0,
        "created_at": times.now,
        "expires_at": expires_at,
        "resource": code.resource,
    }
    release = audit.release_values(
        id=chance.new_id(times.now),
        at=times.now,
        subject_id=code.subject_id,
        service_id=code.service_id,
        grant_id=code.grant_id,
        name_bits=claims.to_bits(released),
        basis_kind=code.basis_kind,
        basis_id=code.basis_id,
        legal_basis=service.legal_basis if code.basis_kind == BasisKind.NOTICE else None,
        personal_number_basis=service.personal_number_basis if NUMBER in released else None,
    )
    if tx.dialect.name == "postgresql":
        prefixed = {f"g_{name}": value for name, value in grant_values.items()}
        prefixed |= {f"r_{name}": value for name, value in release.items()}
        row = _EXCHANGE.find(tx, values | prefixed)
        if row is not None and not row.inserted:
            raise AlreadySpent
    else:
        row = _exchange_on_sqlite(tx, values, grant_values, release, times)
    if row is None:
        return None
    facts = {"auth_time": row.auth_time, "amr": row.amr, "auth_level": row.auth_level}
    return Held(
        grant=_grant(SimpleNamespace(**grant_values, **facts, refreshed_at=None, ended_at=None, end_reason=None)),
        profile=accounts.profile_of(keyring, row),
        account_level=AccountLevel(row.account_level),
        sub=row.sub,
    )


def _live_session() -> Any:
    """The session of a code while it, its person and what was agreed to live, locked so that an ending waits.

    The session not FOR SHARE: the touch that may follow would need a stronger lock, and two exchanges would deadlock.
    """
    agreed = (
        select(consents.c.id)
        .where(consents.c.id == _uuid("basis_id"), consents.c.withdrawn_at.is_(None))
        .with_for_update(read=True)
        .cte("agreed")
    )
    return (
        select(sessions.c.auth_time, sessions.c.amr, sessions.c.auth_level, sessions.c.subject_id, *_FACTS)
        .select_from(sessions)
        .join(agreed, true())
        .join(subjects, subjects.c.id == sessions.c.subject_id)
        .join(data_keys, data_keys.c.subject_id == subjects.c.id)
        .join(profiles, profiles.c.subject_id == subjects.c.id)
        .outerjoin(subs, and_(subs.c.subject_id == subjects.c.id, subs.c.sector == bindparam("sector")))
        .where(sessions.c.id == _uuid("session_id"), _SESSION_LIVES, _SUBJECT_LIVES)
        .with_for_update(of=sessions, key_share=True)
    )


def _bound(table: Any, prefix: str, name: str) -> Any:
    return bindparam(f"{prefix}_{name}", type_=table.c[name].type).label(name)


def _exchange_statement() -> Any:
    live = _live_session().cte("live")
    from_session = ("auth_time", "amr", "auth_level")
    names = [column.name for column in grants.c if column.name not in ("refreshed_at", "ended_at", "end_reason")]
    source = select(
        *(live.c[name] if name in from_session else _bound(grants, "g", name) for name in names)
    ).select_from(live)
    inserted = (
        postgresql.insert(grants)
        .from_select(names, source)
        .on_conflict_do_nothing()
        .returning(grants.c.id)
        .cte("inserted")
    )
    release_names = [column.name for column in releases.c]
    released = (
        postgresql.insert(releases)
        .from_select(
            release_names, select(*(_bound(releases, "r", name) for name in release_names)).select_from(inserted)
        )
        .returning(releases.c.id)
        .cte("released")
    )
    touched = (
        update(sessions)
        .where(
            sessions.c.id == _uuid("session_id"),
            _WANTS_TOUCH,
            exists(select(inserted.c.id)),
        )
        .values(seen_at=_moment("now"))
        .returning(sessions.c.id)
        .cte("touched")
    )
    count = select(func.count()).select_from(inserted).scalar_subquery()
    return select(live, count.label("inserted")).add_cte(released, touched)


_EXCHANGE: Final = Statement(_exchange_statement())
_LIVE_SESSION: Final = _live_session()


def _exchange_on_sqlite(
    tx: Tx,
    values: Mapping[str, Any],
    grant_values: Mapping[str, Any],
    release: Mapping[str, Any],
    times: Times,
) -> Any:
    row = tx.execute(_LIVE_SESSION.add_columns(_WANTS_TOUCH.label("wants_touch")), values).one_or_none()
    if row is None:
        return None
    facts = {"auth_time": row.auth_time, "amr": row.amr, "auth_level": row.auth_level}
    statement = sqlite.insert(grants).values({**grant_values, **facts}).on_conflict_do_nothing()
    if tx.execute(statement).rowcount == 0:
        raise AlreadySpent
    tx.execute(sqlite.insert(releases).values(dict(release)))
    if row.wants_touch:
        tx.execute(update(sessions).where(sessions.c.id == values["session_id"]).values(seen_at=times.now))
    return row


# -- refresh -------------------------------------------------------------------------------------------------------


def refresh(
    tx: Tx, keyring: Keyring, grant_id: UUID, service_id: UUID, generation: int, *, sector: str, times: Times
) -> Held | None:
    """Spend the refresh token of `generation`: the grant counts one up if it lives and none was spent since."""
    values = {
        **times.values(),
        "grant_id": grant_id,
        # Not named as their columns: SQLAlchemy would take them for values to set.
        "of_service": service_id,
        "of_generation": generation,
        "sector": sector,
    }
    if tx.dialect.name == "postgresql":
        return _held(keyring, _find_in_month(tx, _refresh_statement, values))
    tx.execute(_touch_of(grants), values)
    if tx.execute(_count_up(grants), values).rowcount == 0:
        return None
    return _held(keyring, _live_statement(grants).find(tx, values))


def _count_up(of: Any) -> Any:
    return (
        update(of)
        .where(
            of.c.id == _uuid("grant_id"),
            of.c.service_id == _uuid("of_service"),
            of.c.generation == bindparam("of_generation", type_=Integer),
            of.c.session_id == sessions.c.id,
            of.c.subject_id == subjects.c.id,
            _grant_lives(of),
        )
        .values(generation=of.c.generation + 1, refreshed_at=_moment("now"))
    )


def _touch_of(of: Any) -> Any:
    """A refresh counts as use of its session: not an offline one, made when the person is away, nor a refused one."""
    refreshed = and_(
        of.c.id == _uuid("grant_id"),
        of.c.service_id == _uuid("of_service"),
        of.c.generation == bindparam("of_generation", type_=Integer),
        of.c.ended_at.is_(None),
        of.c.expires_at > _moment("now"),
        of.c.subject_id == subjects.c.id,
        _SUBJECT_LIVES,
        not_(of.c.offline),
    )
    session_id = select(of.c.session_id).where(refreshed).scalar_subquery()
    return (
        update(sessions).where(sessions.c.id == session_id, _WANTS_TOUCH, _SESSION_LIVES).values(seen_at=_moment("now"))
    )


@cache
def _refresh_statement(of: Any) -> Statement:
    # The count of touched rows is always >= 0: asking for it makes PostgreSQL lock the session before the grant.
    touched = _touch_of(of).returning(sessions.c.id).cte("touched")
    first = select(func.count()).select_from(touched).scalar_subquery() >= 0
    spent = _count_up(of).where(first).returning(*of.c).cte("spent")
    return Statement(_with_facts(spent))


@cache
def _live_statement(of: Any) -> Statement:
    return Statement(
        _with_facts(of)
        .join(sessions, sessions.c.id == of.c.session_id, isouter=True)
        .where(of.c.id == _uuid("grant_id"), _grant_lives(of))
    )


def _with_facts(source: Any) -> Any:
    """The columns of grants, from the table or from what was just written, with the facts of their person."""
    own_sub = and_(subs.c.subject_id == source.c.subject_id, subs.c.sector == bindparam("sector"))
    return (
        select(*source.c, *_FACTS)
        .select_from(source)
        .join(subjects, subjects.c.id == source.c.subject_id)
        .join(data_keys, data_keys.c.subject_id == source.c.subject_id)
        .join(profiles, profiles.c.subject_id == source.c.subject_id)
        .outerjoin(subs, own_sub)
    )


# -- use and end ---------------------------------------------------------------------------------------------------


def find_live(tx: Tx, keyring: Keyring, grant_id: UUID, *, sector: str, times: Times) -> Held | None:
    """A grant with its person's facts, if grant, session and person live at this moment."""
    values = {**times.values(), "grant_id": grant_id, "sector": sector}
    if tx.dialect.name == "postgresql":
        return _held(keyring, _find_in_month(tx, _live_statement, values))
    return _held(keyring, _live_statement(grants).find(tx, values))


def find_grant(tx: Tx, grant_id: UUID) -> Grant | None:
    """A grant, living or not."""
    row = tx.execute(select(*_GRANT_COLUMNS).where(grants.c.id == grant_id)).one_or_none()
    return _grant(row) if row else None


def end_grant(tx: Tx, grant_id: UUID, reason: EndReason, now: datetime) -> Grant | None:
    """End one grant with all its tokens; None when there was none to end."""
    return next(iter(_end(tx, reason, now, grants.c.id == grant_id)), None)


def end_of_sessions(
    tx: Tx, session_ids: Sequence[UUID], reason: EndReason, now: datetime, *, offline_too: bool
) -> list[tuple[UUID, UUID]]:
    """End the grants of these sessions; gives each session with each service it had visited.

    Grants with offline_access outlive a logout (OIDC Back-Channel Logout 2.7), never a lock, closure or withdrawal.
    """
    of_sessions = grants.c.session_id.in_(session_ids)
    visited = tx.execute(select(grants.c.session_id, grants.c.service_id).where(of_sessions).distinct()).all()
    where = and_(of_sessions, grants.c.ended_at.is_(None), true() if offline_too else not_(grants.c.offline))
    tx.execute(update(grants).where(where).values(ended_at=now, end_reason=reason))
    return [(row.session_id, row.service_id) for row in visited]


def end_of_person(tx: Tx, subject_id: UUID, reason: EndReason, now: datetime, *, service_id: UUID) -> list[Grant]:
    """End every grant of a person at one service, lasting ones too; gives those that lived."""
    return _end(tx, reason, now, grants.c.subject_id == subject_id, grants.c.service_id == service_id)


def end_of_people(tx: Tx, subject_ids: Sequence[UUID], reason: EndReason, now: datetime) -> list[Grant]:
    """End every grant of these people, lasting ones too; gives those that lived."""
    return _end(tx, reason, now, grants.c.subject_id.in_(subject_ids))


def end_of_service(tx: Tx, service_id: UUID, reason: EndReason, now: datetime) -> list[Grant]:
    """End every grant at a service, lasting ones too; gives those that lived."""
    return _end(tx, reason, now, grants.c.service_id == service_id)


def end_notices(tx: Tx, service_id: UUID, law: str | None, now: datetime) -> int:
    """Take back the notices by which a service named another law than `law`: no code that stands on one is spent."""
    where = (
        consents.c.service_id == service_id,
        consents.c.kind == BasisKind.NOTICE.value,
        consents.c.withdrawn_at.is_(None),
        _is_other(consents.c.legal_basis, law),
    )
    return tx.execute(update(consents).where(*where).values(withdrawn_at=now)).rowcount


def end_by_notice(tx: Tx, service_id: UUID, law: str | None, reason: EndReason, now: datetime) -> list[Grant]:
    """End every grant at a service whose release stands on a notice of another law than `law`; gives those that lived.

    What a grant stands on is said by its release alone; that is found through its person.
    """
    stands_on_other = exists().where(
        releases.c.subject_id == grants.c.subject_id,
        releases.c.grant_id == grants.c.id,
        releases.c.basis_kind == BasisKind.NOTICE.value,
        _is_other(releases.c.legal_basis, law),
    )
    return _end(tx, reason, now, grants.c.service_id == service_id, stands_on_other)


def _end(tx: Tx, reason: EndReason, now: datetime, *where: Any) -> list[Grant]:
    """End the grants that these conditions name; gives those that lived."""
    living = (grants.c.ended_at.is_(None), *where)
    statement = update(grants).where(*living).values(ended_at=now, end_reason=reason).returning(*_GRANT_COLUMNS)
    return [_grant(row) for row in tx.execute(statement)]


def _is_other(named: Any, law: str | None) -> Any:
    """Whether a notice named another law than the one there is now; where there is none, every one did."""
    return true() if law is None else func.coalesce(named, "") != law


def _find_in_month(tx: Tx, statement: Callable[[Any], Statement], values: Mapping[str, Any]) -> Any:
    """The row of a statement over the month where its grant stands; None where that month was let go."""
    try:
        return statement(partitions.month_of(grants, values["grant_id"])).find(tx, values)
    except ProgrammingError as error:
        if type(error.orig).__name__ != "UndefinedTable":
            raise
        return None


def find_sub_override(tx: Tx, sector: str, subject_id: UUID) -> str | None:
    found: str | None = tx.scalar(select(subs.c.sub).where(subs.c.sector == sector, subs.c.subject_id == subject_id))
    return found


def _held(keyring: Keyring, row: Any) -> Held | None:
    if row is None:
        return None
    return Held(_grant(row), accounts.profile_of(keyring, row), AccountLevel(row.account_level), row.sub)


def _grant(row: Any) -> Grant:
    return Grant(
        id=row.id,
        session_id=row.session_id,
        subject_id=row.subject_id,
        service_id=row.service_id,
        scopes=tuple(row.scopes.split()),
        userinfo_bits=row.userinfo_bits,
        id_token_bits=row.id_token_bits,
        auth_time=row.auth_time,
        amr=tuple(row.amr.split()),
        auth_level=row.auth_level,
        offline=row.offline,
        generation=row.generation,
        created_at=row.created_at,
        refreshed_at=row.refreshed_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        resource=row.resource,
    )
