"""The person's answer is kept, what was agreed goes on being agreed, and a no leaves a trace."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from idp import storage
from idp.domain.consent import BasisKind, Consent, Need, is_settled
from idp.domain.relying_services import RelyingService
from idp.flows import consent, service_registry
from idp.runtime.runtime import Runtime
from idp.storage.sessions import SignedIn
from tests.builders import a_citizen, a_service, sign_in
from tests.doubles import FixedClock
from tests.flows.test_sign_out import find_signed_in
from tests.racing import Waiting
from tests.rows import count_rows, events, rows_of

LAW = "Nghị định 118/2025/NĐ-CP"
NEED = Need(BasisKind.CONSENT, frozenset({"name"}), offline=False, legal_basis=None)
NOTICE = Need(BasisKind.NOTICE, frozenset({"name"}), offline=False, legal_basis=LAW)


class Table:
    """A person who is signed in, before a service's question."""

    def __init__(self, app: Flask, runtime: Runtime, clock: FixedClock) -> None:
        client, service = app.test_client(), a_service(app, legal_basis=LAW)
        self.members = {"client_id": service.client_id, "legal_basis": LAW}
        sign_in(client, a_citizen(app))
        signed_in = find_signed_in(runtime, client)
        assert signed_in is not None
        with storage.once() as tx:
            found = storage.relying_services.find_service(tx, service.id)
        assert found is not None
        self.runtime, self.clock = runtime, clock
        self.signed_in: SignedIn = signed_in
        self.service: RelyingService = found

    def give(self, need: Need) -> Consent:
        given = self.try_to_give(need)
        assert given is not None
        return given

    def try_to_give(self, need: Need) -> Consent | None:
        self.clock.advance(seconds=1)
        with storage.begin() as tx:
            return consent.give(tx, self.runtime, self.signed_in, self.service, need)

    def latest(self) -> Consent | None:
        with storage.once() as tx:
            return storage.consents.find_latest(tx, self.signed_in.subject.id, self.service.id, BasisKind.NOTICE)

    def covers(self, need: Need) -> bool:
        return is_settled(need, self.latest(), asked_again_at=None)


@pytest.fixture
def table(app: Flask, runtime: Runtime, clock: FixedClock) -> Table:
    return Table(app, runtime, clock)


def test_an_answer_is_kept_as_it_was_given(table: Table) -> None:
    given = table.give(NEED)
    assert table.latest() == given
    assert (given.kind, given.names, given.offline, given.legal_basis) == (BasisKind.CONSENT, {"name"}, False, None)
    assert table.covers(NEED)
    assert events()["consent.given"] == 1


def test_what_was_agreed_before_goes_on_being_agreed(table: Table) -> None:
    table.give(replace(NEED, names=frozenset({"name", "email"}), offline=True))
    later = table.give(replace(NEED, names=frozenset({"birthdate"})))
    assert later.names == {"name", "email", "birthdate"}
    assert later.offline
    assert count_rows()["consents"] == 2, "answers are added, never changed"


def test_rfc8707_2_interfaces_that_were_named_stay_named_and_no_other_is(table: Table) -> None:
    one, other, third = (f"https://{name}.example/api" for name in ("mot", "hai", "ba"))
    table.give(replace(NEED, resource=one))
    later = table.give(replace(NEED, resource=other))
    assert later.resources == {one, other}
    assert table.latest() == later
    assert table.give(NEED).resources == {one, other}
    assert [table.covers(replace(NEED, resource=each)) for each in (None, one, other, third)] == [True] * 3 + [False]


def test_what_was_withdrawn_does_not_come_back_with_the_next_answer(table: Table) -> None:
    first = table.give(replace(NEED, names=frozenset({"name", "email"}), offline=True))
    with storage.begin() as tx:
        assert storage.consents.end_consents(tx, first.subject_id, first.service_id, table.clock.now()) == 1
    assert not table.covers(NEED)
    later = table.give(replace(NEED, names=frozenset({"birthdate"})))
    assert (later.names, later.offline) == ({"birthdate"}, False)


def test_a_law_is_told_by_a_notice_that_names_it_and_is_no_consent(table: Table) -> None:
    told = table.give(NOTICE)
    assert (told.kind, told.legal_basis) == (BasisKind.NOTICE, LAW)
    assert events()["notice.shown"] == 1
    assert events()["consent.given"] == 0
    assert table.covers(NOTICE)
    assert not table.covers(NEED)


@pytest.mark.parametrize("law", [None, "Luật khác"])
def test_a_notice_of_a_law_that_was_taken_off_the_service_meanwhile_is_not_kept(
    app: Flask, table: Table, law: str | None
) -> None:
    """What a process knows of a service may be five seconds old."""
    a_service(app, **{**table.members, "legal_basis": law})
    before = count_rows()
    assert table.try_to_give(NOTICE) is None
    assert count_rows() == before
    assert table.give(NEED), "consent needs no law"


@pytest.mark.postgres
def test_a_notice_waits_for_a_change_of_the_law_that_is_under_way(
    make_app: Callable[..., Flask], postgres_url: str, clock: FixedClock
) -> None:
    app = make_app(postgres_url)
    with app.app_context():
        table = Table(app, app.extensions["idp"], clock)
        given: list[Consent | None] = []

        later = Waiting(app, lambda: given.append(table.try_to_give(NOTICE)))
        document = {"redirect_uris": list(table.service.redirect_uris), "client_id": table.service.client_id}
        with storage.begin() as tx:
            service_registry.import_services(tx, table.runtime, [document], actor="the tests")
            later.start(tx)
        later.join()
        assert given == [None]


def test_lasting_access_at_a_service_with_a_law_is_consent_and_is_asked_once(table: Table) -> None:
    table.give(NOTICE)
    lasting = replace(NOTICE, kind=BasisKind.CONSENT, offline=True)
    assert not table.covers(lasting)
    agreed = table.give(lasting)
    assert (agreed.kind, agreed.offline, agreed.legal_basis) == (BasisKind.CONSENT, True, None)
    assert table.covers(lasting)
    assert table.covers(NOTICE), "who agreed was told: the next plain sign-in shows no page"


def test_a_refusal_is_kept_in_the_audit_and_nowhere_else(table: Table) -> None:
    before = count_rows()
    table.clock.advance(seconds=timedelta(minutes=1).seconds)
    with storage.begin() as tx:
        consent.refuse(tx, table.runtime, table.signed_in, table.service, NEED)
    assert events()["consent.refused"] == 1
    assert count_rows() == {**before, "audit": before["audit"] + 1}


def test_what_was_agreed_to_is_sealed_in_the_audit(table: Table) -> None:
    table.give(replace(NEED, names=frozenset({"personal_id_number"})))
    [entry] = [row for row in rows_of("audit") if row.event == "consent.given"]
    assert b"personal_id_number" not in entry.details_sealed
    assert (entry.subject_id, entry.service_id) == (table.signed_in.subject.id, table.service.id)
