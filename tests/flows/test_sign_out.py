"""Signing out: session and grants end, every visited service is told (Back-Channel Logout 1.0, 2.3 and 2.7)."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from idp import storage
from idp.flows import sign_out
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from idp.storage.sessions import SignedIn
from tests.builders import Citizen, a_citizen, a_service, obtain_tokens
from tests.rows import count_rows, events, rows_of


def find_signed_in(runtime: Runtime, client: FlaskClient) -> SignedIn | None:
    cookie = client.get_cookie("idp_session")
    assert cookie is not None
    with storage.once() as tx:
        return storage.sessions.find_signed_in(
            tx,
            runtime.keyring,
            chance.digest(cookie.value),
            now=runtime.clock.now(),
            idle_for=timedelta(seconds=runtime.settings.sessions.idle_for),
        )


@pytest.fixture
def citizen(app: Flask, runtime: Runtime) -> Citizen:
    return a_citizen(app)


def test_everything_of_the_session_ends_and_each_visited_service_is_told_once(
    app: Flask, runtime: Runtime, citizen: Citizen, client: FlaskClient
) -> None:
    portal = a_service(app, client_id="cong")
    one_stop = a_service(app, client_id="mot-cua", redirect_uris=["https://mot-cua.example/cb"])
    silent = a_service(app, client_id="im-lang", backchannel_logout_uri=None)
    for service in (portal, portal, one_stop, silent):
        obtain_tokens(client, service, citizen)
    signed_in = find_signed_in(runtime, client)
    assert signed_in is not None
    with storage.begin() as tx:
        visited = sign_out.sign_out(tx, runtime, signed_in)
    assert sorted(visited) == sorted([portal.id, one_stop.id, silent.id])
    assert find_signed_in(runtime, client) is None
    assert all(row.ended_at is not None for row in rows_of("grants"))
    assert sorted(row.service_id for row in rows_of("outbox")) == sorted([portal.id, one_stop.id])
    assert events()["session.signed_out"] == 1


def test_back_channel_logout_2_7_a_grant_with_offline_access_outlives_the_sign_out(
    app: Flask, runtime: Runtime, citizen: Citizen, client: FlaskClient
) -> None:
    service = a_service(app)
    obtain_tokens(client, service, citizen, scope="openid offline_access")
    signed_in = find_signed_in(runtime, client)
    assert signed_in is not None
    with storage.begin() as tx:
        sign_out.sign_out(tx, runtime, signed_in)
    [grant] = rows_of("grants")
    assert grant.ended_at is None
    assert len(rows_of("outbox")) == 1, "the service is told all the same"


def test_signing_out_a_second_time_tells_nobody_again(
    app: Flask, runtime: Runtime, citizen: Citizen, client: FlaskClient
) -> None:
    obtain_tokens(client, a_service(app), citizen)
    signed_in = find_signed_in(runtime, client)
    assert signed_in is not None
    for _ in range(2):
        with storage.begin() as tx:
            sign_out.sign_out(tx, runtime, signed_in)
    assert count_rows()["outbox"] == 1


def test_who_is_told_does_not_stand_readable_in_the_outbox(
    app: Flask, runtime: Runtime, citizen: Citizen, client: FlaskClient
) -> None:
    obtain_tokens(client, a_service(app), citizen)
    signed_in = find_signed_in(runtime, client)
    assert signed_in is not None
    with storage.begin() as tx:
        sign_out.sign_out(tx, runtime, signed_in)
    [parcel] = rows_of("outbox")
    assert citizen.id.hex.encode() not in parcel.body_sealed
