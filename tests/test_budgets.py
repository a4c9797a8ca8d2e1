"""What a plain request may cost the database: round trips on PostgreSQL's wire, statements on SQLite.

Counted after a warm-up: statements are prepared, services and keys are in memory.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from idp import storage
from idp.storage.tables import sessions
from tests.builders import (
    VERIFIER,
    Service,
    a_citizen,
    a_service,
    answer_in,
    ask,
    obtain_code,
    obtain_tokens,
    refresh,
    spend,
    userinfo,
    walk,
)
from tests.builders_assertions import a_key, assertion_form, signed
from tests.doubles import FixedClock
from tests.wire import StatementCounter, WireCounter

WARM_UP = 16  # psycopg prepares a statement at its fifth use, on each of two connections
WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|MERGE|TRUNCATE)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Warm:
    """A provider that has answered each of the hot requests a few times, for a person who is signed in."""

    app: Flask
    browser: FlaskClient
    service: Service

    def code(self) -> str:
        return answer_in(ask(self.browser, self.service, scope="openid email"))["code"]

    def tokens(self) -> dict[str, Any]:
        return obtain_tokens(self.browser, self.service, scope="openid email")


def warm(app: Flask) -> Warm:
    service, browser = a_service(app), app.test_client()
    obtain_code(browser, service, a_citizen(app), scope="openid email")
    made = Warm(app, browser, service)
    for _ in range(WARM_UP):
        tokens = made.tokens()
        assert userinfo(browser, tokens["access_token"]).status_code == 200
        assert refresh(browser, service, tokens["refresh_token"]).status_code == 200
    return made


@pytest.fixture
def wire() -> Iterator[WireCounter]:
    with WireCounter() as counter:
        yield counter


@pytest.fixture
def on_postgres(make_app: Callable[..., Flask], postgres_url: str, wire: WireCounter) -> Warm:
    # Few connections, so that what was prepared in the warm-up is prepared for what is counted.
    return warm(make_app(wire.url(postgres_url), IDP_DATABASE_POOL_SIZE="2"))


@pytest.mark.postgres
def test_hot_requests_keep_their_round_trips_on_postgresql(on_postgres: Warm, wire: WireCounter) -> None:
    browser, service = on_postgres.browser, on_postgres.service
    wire.reset()
    code = on_postgres.code()
    assert wire.round_trips == 2, wire.statements
    assert not any(WRITES.search(statement) for statement in wire.statements), "authorize writes nothing"
    told = list(wire.statements)

    wire.reset()
    tokens = spend(browser, service, code).get_json()
    assert wire.round_trips == 1, wire.statements
    told += wire.statements

    wire.reset()
    assert "email" in userinfo(browser, tokens["access_token"]).get_json()
    assert wire.round_trips == 1, wire.statements
    assert not any(WRITES.search(statement) for statement in wire.statements), "userinfo writes nothing"
    told += wire.statements

    wire.reset()
    assert refresh(browser, service, tokens["refresh_token"]).status_code == 200
    assert wire.round_trips == 1, wire.statements
    told += wire.statements
    assert len(told) == 5
    assert "throttles" not in " ".join(told), "a successful hot request touches no throttle row"


@pytest.mark.postgres
def test_who_was_merged_costs_no_trip_more(on_postgres: Warm, wire: WireCounter) -> None:
    """The `sub` that an earlier account left behind stands in a row that is joined anyway."""
    app, browser, service = on_postgres.app, on_postgres.browser, on_postgres.service
    with app.app_context(), storage.begin() as tx:
        found = storage.relying_services.find_service(tx, service.id)
        person = tx.scalar(sessions.select().with_only_columns(sessions.c.subject_id).limit(1))
        assert found is not None and person is not None
        storage.merges.give_sub(tx, found.sector, "so-cu-4711", of=found.id, to=person)
    wire.reset()
    code = on_postgres.code()
    assert wire.round_trips == 2, wire.statements
    wire.reset()
    tokens = spend(browser, service, code).get_json()
    assert wire.round_trips == 1, wire.statements
    wire.reset()
    assert userinfo(browser, tokens["access_token"]).get_json()["sub"] == "so-cu-4711"
    assert wire.round_trips == 1, wire.statements
    wire.reset()
    assert refresh(browser, service, tokens["refresh_token"]).status_code == 200
    assert wire.round_trips == 1, wire.statements


@pytest.mark.postgres
def test_a_token_for_an_interface_costs_no_trip_more(on_postgres: Warm, wire: WireCounter) -> None:
    """Who guards it, and whom the guard lets in, is in memory; what was agreed to stands in the row read anyway."""
    browser, service, resource = on_postgres.browser, on_postgres.service, "https://kho.example/api"
    a_service(on_postgres.app, resources=[resource], callers=[{"client_id": service.client_id}])
    obtain_code(browser, service, scope="openid email", resource=resource)
    wire.reset()
    code = answer_in(ask(browser, service, scope="openid email", resource=resource))["code"]
    assert wire.round_trips == 2, wire.statements
    wire.reset()
    assert spend(browser, service, code).status_code == 200
    assert wire.round_trips == 1, wire.statements


@pytest.mark.postgres
def test_introspection_takes_one_round_trip_and_an_assertion_anywhere_one_more(
    on_postgres: Warm, wire: WireCounter
) -> None:
    app, browser, key = on_postgres.app, on_postgres.browser, a_key()
    keyed = a_service(app, client_secret=None, token_endpoint_auth_method="private_key_jwt", jwks=key.jwks)
    now, places = int(app.extensions["idp"].clock.now().timestamp()), itertools.count()

    def assertion() -> dict[str, str]:
        said = {"iss": keyed.client_id, "sub": keyed.client_id, "aud": "http://localhost:8000", "exp": now + 60}
        return assertion_form(signed({**said, "jti": str(next(places))}, key))

    def ask_about(token: str, form: dict[str, str], headers: dict[str, str]) -> bool:
        response = browser.post("/oauth2/introspect", data={"token": token, **form}, headers=headers)
        assert response.status_code == 200, response.text
        return bool(response.get_json()["active"])

    def exchange(code: str) -> str:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": keyed.redirect_uri}
        response = browser.post("/oauth2/token", data={**form, "code_verifier": VERIFIER, **assertion()})
        return str(response.get_json()["access_token"])

    of_basic, own = on_postgres.tokens()["access_token"], on_postgres.service.credentials()["headers"]
    for _ in range(WARM_UP):
        of_keyed = exchange(answer_in(walk(browser, ask(browser, keyed)))["code"])
        ask_about(of_basic, {}, own)
        ask_about(of_keyed, assertion(), {})

    code = answer_in(ask(browser, keyed))["code"]
    wire.reset()
    of_keyed = exchange(code)
    assert wire.round_trips == 2, wire.statements
    wire.reset()
    assert ask_about(of_basic, {}, own)
    assert wire.round_trips == 1, wire.statements
    assert not any(WRITES.search(statement) for statement in wire.statements), "introspection writes nothing"
    wire.reset()
    assert ask_about(of_keyed, assertion(), {})
    assert wire.round_trips == 2, wire.statements
    wire.reset()
    assert not ask_about(of_basic, assertion(), {})
    assert wire.round_trips == 1, wire.statements  # another's token: its jti is all that is asked of the database


@pytest.mark.postgres
def test_constant_documents_cost_nothing(on_postgres: Warm, wire: WireCounter) -> None:
    wire.reset()
    for address in ("/oauth2/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"):
        assert on_postgres.browser.get(address).status_code == 200
    assert wire.round_trips == 0, wire.statements


@pytest.mark.postgres
def test_what_is_refused_by_its_form_alone_costs_nothing(on_postgres: Warm, wire: WireCounter) -> None:
    browser, service = on_postgres.browser, on_postgres.service
    code = on_postgres.code()
    wire.reset()
    assert spend(browser, service, code, code_verifier="x" * 43).status_code == 400
    assert spend(browser, service, "x").status_code == 400
    assert refresh(browser, service, "x").status_code == 400
    assert userinfo(browser, "x").status_code == 401
    assert ask(browser, service, prompt="x").status_code == 303
    assert wire.round_trips == 0, wire.statements


@pytest.mark.postgres
def test_prompt_none_and_a_hint_cost_one_trip_more_at_most(on_postgres: Warm, wire: WireCounter) -> None:
    hint = on_postgres.tokens()["id_token"]
    for _ in range(WARM_UP):
        ask(on_postgres.browser, on_postgres.service, prompt="none", id_token_hint=hint)
    wire.reset()
    assert "code=" in ask(on_postgres.browser, on_postgres.service, prompt="none", id_token_hint=hint).location
    assert wire.round_trips <= 3, wire.statements


def test_hot_requests_take_at_most_two_statements_more_on_sqlite(sqlite_app: Flask) -> None:
    made = warm(sqlite_app)
    with sqlite_app.app_context():
        engine = storage.db.engine
    with StatementCounter(engine) as counter:
        code = made.code()
        assert counter.count <= 4, counter.statements
        assert not any(WRITES.search(statement) for statement in counter.statements)
        told = list(counter.statements)

        counter.reset()
        tokens = spend(made.browser, made.service, code).get_json()
        assert counter.count <= 3, counter.statements
        told += counter.statements

        counter.reset()
        assert userinfo(made.browser, tokens["access_token"]).status_code == 200
        assert counter.count <= 3, counter.statements
        assert not any(WRITES.search(statement) for statement in counter.statements)
        told += counter.statements

        counter.reset()
        assert refresh(made.browser, made.service, tokens["refresh_token"]).status_code == 200
        assert counter.count <= 3, counter.statements
        assert "throttles" not in " ".join([*told, *counter.statements])


def test_the_idle_time_is_written_at_most_every_five_minutes(app: Flask, clock: FixedClock) -> None:
    service, browser = a_service(app), app.test_client()
    tokens = obtain_tokens(browser, service, a_citizen(app))
    signed_in_at = clock.now()
    assert seen_at(app) == signed_in_at
    clock.advance(minutes=4, seconds=59)
    tokens = refresh(browser, service, tokens["refresh_token"]).get_json()
    obtain_tokens(browser, service)
    assert seen_at(app) == signed_in_at
    clock.advance(seconds=1)
    obtain_tokens(browser, service)
    assert seen_at(app) == clock.now()
    clock.advance(minutes=5)
    assert refresh(browser, service, tokens["refresh_token"]).status_code == 200
    assert seen_at(app) == clock.now()


def seen_at(app: Flask) -> datetime:
    with app.app_context(), storage.once() as tx:
        [row] = tx.execute(sessions.select()).all()
    found: datetime = row.seen_at
    return found
