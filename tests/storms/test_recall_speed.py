"""10,000 checks taken back in under a minute on PostgreSQL, with sign-ins and services among them (issue 7)."""

import time
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import insert, select, text

from idp import flows, storage
from idp.domain.identifiers import ContactKind
from idp.domain.notices import Notice
from idp.domain.proofing import CounterCheck
from idp.flows.recall import Approved
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from idp.storage import tables
from tests.builders import a_service, lend_keys
from tests.doubles import FixedClock
from tests.rows import events

PEOPLE, WITHIN = 10_000, 60.0
NOTICE = Notice("Đã thu hồi", "Việc đối chiếu đã được thu hồi.")


@pytest.mark.slow
@pytest.mark.postgres
def test_ten_thousand_checks_are_taken_back_within_a_minute(
    make_app: object, postgres_url: str, clock: FixedClock
) -> None:
    app: Flask = make_app(postgres_url)  # type: ignore[operator]
    lend_keys(app)
    runtime: Runtime = app.extensions["idp"]
    service = a_service(app, backchannel_logout_uri="https://dich-vu.example/ra")
    with app.app_context():
        for at in range(0, PEOPLE, 500):
            with storage.begin() as tx:
                for number in range(at, at + 500):
                    prove(tx, runtime, number)
        sign_everybody_in(runtime, service.id)
        with storage.begin() as tx:
            tx.execute(text("ANALYZE"))
        clock.advance(seconds=1)
        day = runtime.today.isoformat()
        body = {
            "recall_source": "counter",
            "recall_officer": "xau.a",
            "recall_from": day,
            "recall_until": day,
            "reason": "QĐ 1",
        }
        with storage.begin() as tx:
            begun = flows.recall.start(tx, runtime, Approved(body, "a@H05", "b@H05"))
        assert begun.persons == PEOPLE
        started, more, reads = time.monotonic(), True, []
        while more:
            with storage.begin() as tx:
                more = flows.recall.work_off(tx, runtime, NOTICE)
            asked = time.monotonic()
            with storage.once() as tx:
                storage.recalls.list_recalls(tx, limit=20)
            reads.append(time.monotonic() - asked)
        took = time.monotonic() - started
        assert events()["proof.recalled"] == PEOPLE
        with storage.once() as tx:
            assert set(tx.scalars(select(tables.subjects.c.proof_source).distinct())) == {"self"}
            assert set(tx.scalars(select(tables.grants.c.ended_at.is_(None)).distinct())) == {False}
            told = Counter(tx.scalars(select(tables.outbox.c.kind)))
        assert (told["backchannel_logout"], told["mail"]) == (PEOPLE, PEOPLE)
    assert took < WITHIN, f"{PEOPLE} in {took:.1f} s"
    assert max(reads) < 0.2, "the progress is read at once"


def prove(tx: storage.Tx, runtime: Runtime, number: int) -> None:
    """One of them, with a mailbox of one's own."""
    contact = (ContactKind.EMAIL, f"nguoi-{number}@mau.example")
    check = CounterCheck(f"0031990{number:05d}", "Lê Thị Lụa", "1999-01-02", "thẻ căn cước", "xau.a@H05", contact)
    flows.proofing.take_down(tx, runtime, check)


def sign_everybody_in(runtime: Runtime, service_id: UUID) -> None:
    """A session and a grant each, written as rows."""
    now = runtime.clock.now()
    with storage.begin() as tx:
        people = list(tx.scalars(select(tables.subjects.c.id)))
        sessions = [
            {
                "id": chance.new_id(now),
                "subject_id": person,
                "token_digest": chance.digest(chance.new_secret()),
                "auth_time": now,
                "amr": "pwd",
                "auth_level": 1,
                "address_sealed": b"-",
                "agent_sealed": b"-",
                "created_at": now,
                "seen_at": now,
                "expires_at": now + timedelta(hours=8),
            }
            for person in people
        ]
        tx.execute(insert(tables.sessions), sessions)
        grants = [
            {
                "id": chance.new_id(now),
                "subject_id": session["subject_id"],
                "session_id": session["id"],
                "service_id": service_id,
                "scopes": "openid",
                "userinfo_bits": 0,
                "id_token_bits": 0,
                "auth_time": now,
                "amr": "pwd",
                "auth_level": 1,
                "offline": False,
                "generation": 0,
                "created_at": now,
                "expires_at": now + timedelta(hours=8),
            }
            for session in sessions
        ]
        tx.execute(insert(tables.grants), grants)
