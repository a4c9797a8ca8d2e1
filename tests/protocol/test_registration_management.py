"""Managing one's own registration (RFC 7592 2 and 3) and initial access tokens (RFC 7591 3)."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.domain.invitations import Invitation
from idp.domain.refusals import Refusal
from tests.builders import lend_keys, obtain_tokens, refresh, userinfo
from tests.builders_provider import Provider
from tests.doubles import FixedClock
from tests.protocol.test_code_grant import error_in
from tests.protocol.test_registration import GOOD, register, registered, service_of
from tests.rows import events


def manage(
    provider: Provider, said: dict[str, Any], method: str = "GET", token: str | None = None, **more: Any
) -> TestResponse:
    path = urlsplit(said["registration_client_uri"]).path
    headers = {"Authorization": f"Bearer {token or said['registration_access_token']}"}
    return provider.browser().open(path, method=method, headers=headers, **more)


def good(said: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {**GOOD, "client_id": said["client_id"], **changed}


def test_rfc7592_3_the_answer_tells_where_and_with_what(provider: Provider) -> None:
    said = registered(provider)
    assert said["registration_client_uri"] == f"http://localhost:8000/oauth2/register/{said['client_id']}"
    assert len(said["registration_access_token"]) >= 32


def test_rfc7592_2_1_reading_tells_what_is_registered_and_no_secret(provider: Provider) -> None:
    said = registered(provider)
    response = manage(provider, said)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    read = response.get_json()
    assert read["redirect_uris"] == GOOD["redirect_uris"]
    assert not {"client_secret", "registration_access_token"} & set(read)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_rfc7592_2_another_services_token_opens_nothing(provider: Provider, method: str) -> None:
    mine, theirs = registered(provider), registered(provider)
    for token in (theirs["registration_access_token"], "x", mine["client_secret"]):
        response = manage(provider, mine, method, token, json=good(mine))
        assert error_in(response, 401) == "invalid_token"
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    path = urlsplit(mine["registration_client_uri"]).path
    assert provider.browser().open(path, method=method).status_code == 401
    assert manage(provider, mine).get_json()["redirect_uris"] == GOOD["redirect_uris"]


def test_rfc7592_2_an_unknown_service_is_answered_like_a_wrong_token(provider: Provider) -> None:
    said = registered(provider)
    wrong = manage(provider, said, token="x")
    unknown = manage(provider, {**said, "registration_client_uri": "http://localhost:8000/oauth2/register/khong-co"})
    assert (unknown.status_code, unknown.get_json()) == (wrong.status_code, wrong.get_json())


def test_rfc7592_2_2_a_change_replaces_the_whole_record(provider: Provider) -> None:
    said = registered(provider, logo_uri="https://tu-dang-ky.example/logo.png")
    changed = manage(provider, said, "PUT", json=good(said, redirect_uris=["https://moi.example/cb"]))
    assert changed.status_code == 200
    assert changed.get_json()["redirect_uris"] == ["https://moi.example/cb"]
    assert "logo_uri" not in changed.get_json()
    assert "client_secret" not in changed.get_json()
    provider.clock.advance(seconds=6)
    service = service_of({**changed.get_json(), "client_secret": said["client_secret"]})
    assert obtain_tokens(provider.browser(), service, provider.citizen)


def test_rfc7592_2_2_the_client_id_cannot_be_changed(provider: Provider) -> None:
    said = registered(provider)
    for document in (good(said, client_id="khac"), GOOD):
        assert error_in(manage(provider, said, "PUT", json=document)) == "invalid_client_metadata"


def test_rfc7592_2_2_a_secret_that_is_sent_must_be_the_one_it_has(provider: Provider) -> None:
    said = registered(provider)
    right = good(said, client_secret=said["client_secret"])
    assert manage(provider, said, "PUT", json=right).status_code == 200
    for secret in ("cua-toi-tu-chon-0123456789", 7, ""):
        wrong = good(said, client_secret=secret)
        assert error_in(manage(provider, said, "PUT", json=wrong)) == "invalid_client_metadata"


def test_rfc7592_2_2_what_cannot_be_registered_cannot_be_changed_to(provider: Provider) -> None:
    said = registered(provider)
    for changed in ({"redirect_uris": ["https://x.example/#a"]}, {"redirect_uris": ["https://*.example/"]}):
        assert error_in(manage(provider, said, "PUT", json=good(said, **changed))) == "invalid_redirect_uri"
    for name in ("id_token_signed_response_alg", "userinfo_signed_response_alg"):
        none = good(said, **{name: "none"})
        assert error_in(manage(provider, said, "PUT", json=none)) == "invalid_client_metadata"


def test_house_what_the_province_agreed_to_is_not_the_services_to_change(provider: Provider) -> None:
    said = registered(provider)
    wish = good(said, legal_basis="Luật tự chọn", resources=["https://a.example"], machine_scopes="doc", sector="x")
    assert manage(provider, said, "PUT", json=wish).status_code == 200
    with provider.app.app_context(), storage.once() as tx:
        service = storage.relying_services.find_by_client_id(tx, said["client_id"])
    assert service is not None
    assert (service.legal_basis, service.resources, service.machine_scopes) == (None, (), ())
    assert service.sector == f"self-registered:{said['client_id']}"


def test_rfc7592_2_3_a_removed_service_and_its_tokens_are_over(provider: Provider) -> None:
    said = registered(provider, grant_types=["authorization_code", "refresh_token"])
    service, browser = service_of(said), provider.browser()
    tokens = obtain_tokens(browser, service, provider.citizen)
    assert userinfo(browser, tokens["access_token"]).status_code == 200
    with provider.app.app_context():
        before = events()["service.removed"]
        response = manage(provider, said, "DELETE")
        assert (response.status_code, response.data) == (204, b"")
        assert events()["service.removed"] == before + 1
        for resume in (True, False):
            with pytest.raises(Refusal, match="wrong_state"), storage.begin() as tx:
                flows.service_registry.suspend(
                    tx, provider.app.extensions["idp"], said["client_id"], actor="the tests", resume=resume
                )
    assert userinfo(browser, tokens["access_token"]).status_code == 401
    assert manage(provider, said).status_code == 401
    provider.clock.advance(seconds=6)
    assert userinfo(browser, tokens["access_token"]).status_code == 401
    assert error_in(refresh(browser, service, tokens["refresh_token"]), 401) == "invalid_client"


def switch(provider: Provider, said: dict[str, Any], *, resume: bool) -> None:
    with provider.app.app_context(), storage.begin() as tx:
        runtime = provider.app.extensions["idp"]
        flows.service_registry.suspend(tx, runtime, said["client_id"], actor="the tests", resume=resume)


def test_rfc7592_2_while_a_service_is_suspended_its_token_opens_nothing(provider: Provider) -> None:
    """Who has stolen it plants no redirect URI that goes live when the service goes on, and removes nothing."""
    said = registered(provider)
    switch(provider, said, resume=False)
    planted = good(said, redirect_uris=["https://ke-trom.example/cb"])
    for method in ("GET", "PUT", "DELETE"):
        assert error_in(manage(provider, said, method, json=planted), 403) == "access_denied"
        assert error_in(manage(provider, said, method, "x", json=planted), 401) == "invalid_token"
    switch(provider, said, resume=True)
    assert manage(provider, said).get_json()["redirect_uris"] == GOOD["redirect_uris"]
    assert manage(provider, said, "PUT", json=good(said)).status_code == 200


def test_rfc7592_2_other_methods_are_not_taken(provider: Provider) -> None:
    assert manage(provider, registered(provider), "POST", json={}).status_code == 405


# -- initial access tokens -----------------------------------------------------------------------------------------


@pytest.fixture
def closed(make_app: Callable[..., Flask], store_url: str) -> Flask:
    app = make_app(store_url, IDP_REGISTRATION_OPEN="false")
    lend_keys(app)
    return app


def invite(app: Flask, **changed: Any) -> str:
    with app.app_context(), storage.begin() as tx:
        usual: dict[str, Any] = {"agency_code": None, "uses": 1, "days": 7, "actor": "the tests"}
        return flows.service_registry.invite(tx, app.extensions["idp"], **{**usual, **changed})


def register_with(app: Flask, token: str | None, document: object = GOOD) -> TestResponse:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return app.test_client().post("/oauth2/register", json=document, headers=headers)


def test_rfc7591_3_an_initial_access_token_lets_in_as_often_as_it_says(closed: Flask) -> None:
    token = invite(closed, uses=2)
    assert [register_with(closed, token).status_code for _ in range(3)] == [201, 201, 401]


def test_rfc7591_3_a_stranger_is_refused(closed: Flask) -> None:
    invite(closed)
    for token in (None, "x", "x" * 300):
        assert error_in(register_with(closed, token), 401) == "invalid_token"


def test_rfc7591_3_an_expired_token_is_refused(closed: Flask, clock: FixedClock) -> None:
    token = invite(closed, days=7)
    clock.advance(days=7)
    assert error_in(register_with(closed, token), 401) == "invalid_token"


def test_rfc7591_3_a_refused_try_uses_nothing_up(closed: Flask) -> None:
    token = invite(closed)
    for document in ({**GOOD, "redirect_uris": ["x"]}, {**GOOD, "scope": 7}, []):
        assert register_with(closed, token, document).status_code == 400
    assert register_with(closed, token).status_code == 201


def test_rfc7591_3_the_service_belongs_to_the_agency_that_was_invited(closed: Flask) -> None:
    token = invite(closed, agency_code="H05.01")
    said = register_with(closed, token).get_json()
    with closed.app_context(), storage.once() as tx:
        service = storage.relying_services.find_by_client_id(tx, said["client_id"])
        assert service is not None
        assert service.agency_id == storage.agencies.find_agency_id(tx, "H05.01")


def test_open_registration_asks_for_no_token(provider: Provider) -> None:
    assert register(provider, GOOD).status_code == 201


# -- what an initial access token allows ---------------------------------------------------------------------------


def manage_at(app: Flask, said: dict[str, Any], document: dict[str, Any]) -> TestResponse:
    path, token = urlsplit(said["registration_client_uri"]).path, said["registration_access_token"]
    document = {"client_id": said["client_id"], **document}
    return app.test_client().put(path, json=document, headers={"Authorization": f"Bearer {token}"})


def test_rfc7591_3_an_invited_service_gets_the_scopes_that_were_allowed_and_no_more(closed: Flask) -> None:
    token = invite(closed, uses=9)
    said = register_with(closed, token).get_json()
    assert said["scope"] == "openid profile", "what is not named is what is allowed"
    assert register_with(closed, token, {**GOOD, "scope": "openid"}).get_json()["scope"] == "openid"
    for scope in ("openid phone", "openid profile address", "email"):
        refused = register_with(closed, token, {**GOOD, "scope": scope})
        assert error_in(refused) == "invalid_client_metadata"
        assert refused.get_json()["error_description"].startswith("scope holds more than the initial access token")
        assert error_in(manage_at(closed, said, {**GOOD, "scope": scope})) == "invalid_client_metadata"
    assert manage_at(closed, said, {**GOOD, "scope": "openid"}).get_json()["scope"] == "openid"
    assert manage_at(closed, said, dict(GOOD)).get_json()["scope"] == "openid profile"


def test_rfc7591_3_what_a_token_allows_is_said_by_who_gives_it(closed: Flask) -> None:
    token = invite(closed, invitation=Invitation(("openid", "phone", "offline_access")), uses=2)
    grants = ["authorization_code", "refresh_token"]
    said = register_with(closed, token, {**GOOD, "grant_types": grants}).get_json()
    assert said["scope"] == "openid phone offline_access"
    assert register_with(closed, token).get_json()["scope"] == "openid phone", "without a refresh token"


@pytest.mark.parametrize(
    "wrong",
    [
        {"redirect_uris": ["https://khac.example/cb"]},
        {"redirect_uris": ["https://duoc.example/cb", "https://khac.example/cb"]},
        {"redirect_uris": ["https://duoc.example.khac.example/cb"]},
        {"redirect_uris": ["https://con.duoc.example/cb"]},
        {"redirect_uris": ["vn.example.app:/cb"], "application_type": "native"},
        {"redirect_uris": ["http://127.0.0.1/cb"], "application_type": "native"},
        {"post_logout_redirect_uris": ["https://khac.example/ra"]},
    ],
    ids=str,
)
def test_rfc7591_3_an_invited_service_sends_people_only_where_that_was_allowed(
    closed: Flask, wrong: dict[str, Any]
) -> None:
    token = invite(closed, invitation=Invitation(("openid",), ("duoc.example", "cung.example")), uses=9)
    right = {"redirect_uris": ["https://duoc.example/cb", "https://cung.example:8443/cb"]}
    said = register_with(closed, token, right)
    assert said.status_code == 201
    document = {**right, **wrong}
    for refused in (register_with(closed, token, document), manage_at(closed, said.get_json(), document)):
        assert error_in(refused) == "invalid_redirect_uri"
        assert "duoc.example, cung.example" in refused.get_json()["error_description"]
    moved = {"redirect_uris": ["https://cung.example/moi"]}
    assert manage_at(closed, said.get_json(), moved).get_json()["redirect_uris"] == moved["redirect_uris"]


def test_rfc7592_2_2_many_changes_widen_nothing(closed: Flask) -> None:
    said = register_with(closed, invite(closed)).get_json()
    for _ in range(3):
        assert manage_at(closed, said, dict(GOOD)).get_json()["scope"] == "openid profile"
        assert error_in(manage_at(closed, said, {**GOOD, "scope": "openid email"})) == "invalid_client_metadata"


def test_a_token_of_the_version_before_allows_the_usual(closed: Flask) -> None:
    token = invite(closed, invitation=Invitation(("openid", "phone")))
    with closed.app_context(), storage.begin() as tx:
        tx.execute(storage.tables.initial_access_tokens.update().values(scopes=None, hosts=None))
    assert register_with(closed, token).get_json()["scope"] == "openid profile"


def test_a_token_counts_where_registration_is_open_too(provider: Provider) -> None:
    token = invite(provider.app)
    assert register_with(provider.app, token).get_json()["scope"] == "openid profile"
    assert "phone" in register_with(provider.app, None).get_json()["scope"]
