"""What must hold after a storm, whatever was cut: read from the tables, and from what the services know."""

from collections import Counter

from flask import Flask
from sqlalchemy import select, text

from idp import storage
from idp.domain.audit import Event
from idp.domain.grants import Code, TokenKind
from idp.domain.sessions import EndReason
from idp.protocol import access_token
from idp.storage import tables
from tests.builders import Service, refresh, userinfo
from tests.operations.browsing import Browser
from tests.storms.load import Spending, Tally
from tests.storms.receiver import Told

_LOCKS = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class Reckoning:
    """The rows of a store after a storm, beside the tally of its services. Inside an application context."""

    def __init__(self, app: Flask, tally: Tally) -> None:
        self._runtime, self._tally = app.extensions["idp"], tally
        with storage.once() as tx:
            self.grants = {row.id: row for row in tx.execute(select(tables.grants))}
            self.releases = list(tx.execute(select(tables.releases)))
            self.sessions = {row.id: row for row in tx.execute(select(tables.sessions))}
            # Those to services; messages to people stand there too.
            self.parcels = list(tx.execute(select(tables.outbox).where(tables.outbox.c.service_id.is_not(None))))
            self.audit = list(tx.execute(select(tables.audit)))
            found = (storage.relying_services.find_service(tx, id_) for id_ in {row.service_id for row in self.parcels})
            self._sectors = {service.id: service.sector for service in found if service}
        self._by_spending = {self.code_of(spending).grant_id: spending for spending in tally.spendings}

    def check_all(self, told: list[Told]) -> None:
        self.check_codes()
        self.check_refreshes()
        self.check_endings()
        self.check_audit()
        self.check_deliveries(told)

    def code_of(self, spending: Spending) -> Code:
        return Code.unpack(self._runtime.keyring.open_text("code", spending.code))

    def check_codes(self) -> None:
        """No code spends twice: one good answer, one grant, one release, and no token without its row."""
        released = Counter(row.grant_id for row in self.releases)
        assert set(released) == set(self.grants), "each grant has its release and each release its grant"
        assert set(released.values()) <= {1}
        assert set(self.grants) <= set(self._by_spending), "no grant comes from nowhere"
        for grant_id, spending in self._by_spending.items():
            assert len(spending.won) <= 1
            for answer in spending.won:
                token = access_token.unseal_of_any_age(self._runtime, answer["access_token"], TokenKind.ACCESS)
                assert token is not None
                assert token.grant_id == grant_id
                assert grant_id in self.grants

    def check_refreshes(self) -> None:
        """Each refresh that was answered was counted, and nothing was counted that nobody asked for."""
        for grant_id, spending in self._by_spending.items():
            grant = self.grants.get(grant_id)
            if grant is None:
                assert spending.refreshes == 0
                continue
            assert spending.refreshes <= grant.generation <= spending.refreshes_sent

    def check_endings(self) -> None:
        """An ended session left no grant alive, and queued its news once for the service it visited."""
        queued = Counter(row.session_id for row in self.parcels)
        visited = {row.session_id for row in self.grants.values()}
        for session in self.sessions.values():
            is_over = session.ended_at is not None
            assert queued[session.id] == int(is_over and session.id in visited), "no row of the outbox is lost"
        for grant in self.grants.values():
            if self.sessions[grant.session_id].ended_at is not None:
                assert grant.ended_at is not None

    def check_audit(self) -> None:
        """What happened once is noted once, and what did not happen is not."""
        noted = Counter((row.event, row.session_id) for row in self.audit)
        for session in self.sessions.values():
            assert noted[Event.SIGNED_IN, session.id] == 1
            assert noted[Event.SIGNED_OUT, session.id] == int(session.ended_at is not None)
        events, reasons = Counter(row.event for row in self.audit), self._reasons()
        assert events[Event.SIGNED_IN] == len(self.sessions)
        assert events[Event.CODE_REPLAYED] == reasons[EndReason.CODE_REPLAYED]
        assert events[Event.REFRESH_REUSED] == reasons[EndReason.REFRESH_REUSED]

    def check_deliveries(self, told: list[Told]) -> None:
        """Each sign-out arrived, however often it came, each time in a token of its own."""
        assert {row.state for row in self.parcels} == {"delivered"}
        assert {row.leased_until for row in self.parcels} == {None}
        sid = self._runtime.keyring.pairwise_sid
        expected = {sid(self._sectors[row.service_id], row.session_id) for row in self.parcels}
        assert expected == {each.sid for each in told}
        assert len({each.jti for each in told}) == len(told)

    def check_tokens(self, browser: Browser, services: dict[str, Service]) -> int:
        """The newest tokens that a service holds work while their grant lives, and are nothing after; gives how many.

        Changes rows: what was read before stays as it was.
        """
        alive = 0
        for grant_id, spending in self._by_spending.items():
            if not spending.won:
                continue
            grant = self.grants[grant_id]
            lives = grant.ended_at is None
            alive += lives
            tokens, service = spending.last, services[str(grant.service_id)]
            told = userinfo(browser, tokens["access_token"])  # type: ignore[arg-type]
            assert told.status_code == (200 if lives else 401), (told.status_code, told.text[:200], grant)
            answer = refresh(browser, service, tokens["refresh_token"])  # type: ignore[arg-type]
            assert answer.status_code == (200 if lives else 400), answer.text
        return alive

    def count_lost(self) -> int:
        """Grants that ended because a cut answer made a service send its code or token again, as they should."""
        reasons = self._reasons()
        return reasons[EndReason.CODE_REPLAYED] + reasons[EndReason.REFRESH_REUSED]

    def _reasons(self) -> Counter[str]:
        return Counter(row.end_reason for row in self.grants.values())


def check_nothing_is_held() -> None:
    """No process of the storm lives: no lock is left, and the file of SQLite is whole."""
    with storage.once() as tx:
        if tx.dialect.name == "postgresql":
            assert tx.scalar(text(_LOCKS)) == 0
            return
        assert tx.scalar(text("PRAGMA integrity_check")) == "ok"
        assert tx.execute(text("PRAGMA foreign_key_check")).all() == []
        is_busy, _, _ = tx.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()
        assert is_busy == 0
