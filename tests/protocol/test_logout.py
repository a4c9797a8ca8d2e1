"""Signing out: OpenID Connect RP-Initiated Logout 1.0 (2, 3, 4) and Back-Channel Logout 1.0 (2.4 to 2.7)."""

import re
from threading import Event
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import flows, storage
from idp.cli.worker import Worker
from idp.domain import logout_token
from idp.runtime import chance
from idp.runtime.outbound import Answer
from tests.builders import (
    Service,
    ask,
    claims_in,
    follow,
    obtain_tokens,
    page_of,
    parked_in,
    refresh,
    userinfo,
)
from tests.builders_provider import Provider
from tests.protocol.test_authorize import told
from tests.protocol.test_sign_in_request import a_logout_token

BACK = "https://dich-vu.example/da-dang-xuat"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    return provider.signed_in()


def leave(browser: FlaskClient, **parameters: str) -> TestResponse:
    return follow(browser, browser.get("/oauth2/logout", query_string=parameters))


def is_signed_in(provider: Provider, browser: FlaskClient) -> bool:
    response = ask(browser, provider.service, prompt="none")
    return "code=" in response.location


# -- RP-Initiated Logout 2 -----------------------------------------------------------------------------------------


def test_rp_logout_2_a_hint_of_this_session_signs_out_at_once(provider: Provider, browser: FlaskClient) -> None:
    tokens = obtain_tokens(browser, provider.service)
    response = leave(browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=BACK, state="a&b ộ")
    assert response.location == BACK + "?" + urlencode({"state": "a&b ộ"})
    assert not is_signed_in(provider, browser)
    assert userinfo(browser, tokens["access_token"]).status_code == 401
    assert refresh(browser, provider.service, tokens["refresh_token"]).get_json()["error"] == "invalid_grant"


def test_rp_logout_2_post_is_answered_as_get(provider: Provider, browser: FlaskClient) -> None:
    hint = obtain_tokens(browser, provider.service)["id_token"]
    form = {"id_token_hint": hint, "post_logout_redirect_uri": BACK}
    response = follow(browser, browser.post("/oauth2/logout", data=form))
    assert response.location == BACK
    assert not is_signed_in(provider, browser)


def test_rp_logout_2_an_expired_hint_is_a_hint(provider: Provider, browser: FlaskClient) -> None:
    hint = obtain_tokens(browser, provider.service)["id_token"]
    provider.clock.advance(minutes=20)
    assert leave(browser, id_token_hint=hint, post_logout_redirect_uri=BACK).location == BACK
    assert not is_signed_in(provider, browser)


def test_rp_logout_2_without_a_hint_the_person_is_asked(provider: Provider, browser: FlaskClient) -> None:
    page = leave(browser, client_id=provider.service.client_id, post_logout_redirect_uri=BACK, state="s")
    assert page_of(page) == "sign_out"
    assert is_signed_in(provider, browser), "nothing ends before the person agrees"
    response = browser.post("/sign-out", data={"parked": parked_in(page)})
    assert response.location == BACK + "?state=s"
    assert not is_signed_in(provider, browser)


def test_rp_logout_2_a_bare_request_asks_and_stays_here(provider: Provider, browser: FlaskClient) -> None:
    page = leave(browser)
    assert page_of(page) == "sign_out"
    response = follow(browser, browser.post("/sign-out", data={"parked": parked_in(page)}))
    assert response.status_code == 200
    assert not is_signed_in(provider, browser)


def test_rp_logout_2_a_hint_of_another_session_or_person_asks(provider: Provider, browser: FlaskClient) -> None:
    elsewhere = obtain_tokens(provider.signed_in(), provider.service)["id_token"]
    other = obtain_tokens(provider.signed_in(provider.other), provider.service, provider.other)["id_token"]
    for hint in (elsewhere, other):
        assert page_of(leave(browser, id_token_hint=hint, post_logout_redirect_uri=BACK)) == "sign_out"
    assert is_signed_in(provider, browser)


def test_rp_logout_2_what_is_no_id_token_is_no_hint(provider: Provider, browser: FlaskClient) -> None:
    tokens = obtain_tokens(browser, provider.service)
    head, payload, signature = tokens["id_token"].split(".")
    foreign = jwt.encode(claims_in(browser, tokens["id_token"]), "x" * 32, algorithm="HS256")
    wrong = [
        tokens["access_token"],
        a_logout_token(provider, provider.service, provider.citizen),
        "x",
        "a.b.c",
        foreign,
        f"eyJhbGciOiJub25lIn0.{payload}.",
        f"{head}.{payload}.{signature[:-4]}AAAA",
        "\0ộ",
    ]
    for hint in wrong:
        page = leave(browser, id_token_hint=hint, post_logout_redirect_uri=BACK, client_id=provider.service.client_id)
        assert page_of(page) == "sign_out", hint
        assert is_signed_in(provider, browser)
        away = leave(
            provider.browser(), id_token_hint=hint, post_logout_redirect_uri=BACK, client_id=provider.service.client_id
        )
        assert "Location" not in away.headers, "nobody is redirected on the word of a hint that is not ours"


def test_house_a_suspended_service_redirects_nobody(provider: Provider) -> None:
    service, browser = provider.agreed(), provider.signed_in()
    hint = obtain_tokens(browser, service)["id_token"]
    with provider.app.app_context(), storage.begin() as tx:
        storage.relying_services.save_state(tx, service.id, "suspended", provider.clock.now())
    provider.clock.advance(seconds=6)
    response = leave(browser, id_token_hint=hint, post_logout_redirect_uri=BACK, client_id=service.client_id)
    assert "Location" not in response.headers
    while page_of(response) == "sign_out":
        response = follow(browser, browser.post("/sign-out", data={"parked": parked_in(response)}))
    assert "Location" not in response.headers
    assert not is_signed_in(provider, browser)


def test_after_160_services_the_person_is_signed_out_and_told_so(provider: Provider) -> None:
    provider.clock.advance(seconds=1)  # so that its grant is the newest
    browser, runtime = provider.signed_in(), provider.app.extensions["idp"]
    tokens = obtain_tokens(browser, provider.service)
    documents = [
        {"client_name": f"Nơi {number:03}", "redirect_uris": [f"https://noi-{number}.example/cb"]}
        for number in range(160)
    ]
    with provider.app.app_context(), storage.begin() as tx:
        made = flows.service_registry.import_services(tx, runtime, documents, actor="the tests")
        grants = storage.db.metadata.tables["grants"]
        one = tx.execute(grants.select().order_by(grants.c.id.desc()).limit(1)).one()._asdict()
        for each in made:
            new_id = chance.new_id(runtime.clock.now())
            tx.execute(grants.insert().values({**one, "id": new_id, "service_id": each.service.id}))
    provider.clock.advance(seconds=6)
    response = leave(browser, id_token_hint=tokens["id_token"])
    assert response.status_code == 200
    assert 0 < response.text.count("Nơi ") <= 20
    cookie = browser.get_cookie("idp_session")
    assert cookie is None or not cookie.value
    assert not is_signed_in(provider, browser)


def test_rp_logout_2_client_id_must_be_the_hints_audience(provider: Provider, browser: FlaskClient) -> None:
    hint = obtain_tokens(browser, provider.service)["id_token"]
    response = leave(browser, id_token_hint=hint, client_id=provider.new_service().client_id)
    assert response.status_code == 400
    assert 'id="error"' in response.text
    assert is_signed_in(provider, browser)


@pytest.mark.parametrize("name", ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"])
def test_rp_logout_2_a_repeated_parameter_is_refused(provider: Provider, browser: FlaskClient, name: str) -> None:
    response = browser.get("/oauth2/logout?" + urlencode([(name, "x"), (name, "y")]))
    assert response.status_code == 400
    assert 'id="error"' in response.text
    assert is_signed_in(provider, browser)


def test_rp_logout_2_unknown_parameters_and_logout_hint_are_ignored(provider: Provider, browser: FlaskClient) -> None:
    hint = obtain_tokens(browser, provider.service)["id_token"]
    given = {"id_token_hint": hint, "logout_hint": "x", "ui_locales": "en", "la": "1"}
    assert leave(browser, **given, post_logout_redirect_uri=BACK).location == BACK


def test_rp_logout_2_ui_locales_choose_the_language(provider: Provider, browser: FlaskClient) -> None:
    assert '<html lang="en"' in leave(browser, ui_locales="en").text


# -- RP-Initiated Logout 3 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        "//evil.example",
        "https://evil.example/",
        BACK + "/",
        BACK + ".evil",
        BACK + "?x=1",
        BACK + "#x",
        BACK.upper(),
        "https://dich-vu.example@evil.example/da-dang-xuat",
        "https://dich-vu.example:443/da-dang-xuat",
        "https://dich-vu.example/cb",
        "javascript:alert(1)",
        BACK + "\r\nX: y",
    ],
)
def test_rp_logout_3_nobody_is_sent_to_an_unregistered_address(provider: Provider, wrong: str) -> None:
    browser = provider.signed_in()
    hint = obtain_tokens(browser, provider.service)["id_token"]
    response = leave(browser, id_token_hint=hint, post_logout_redirect_uri=wrong, state="s")
    assert response.status_code == 200, "signed out, and still here"
    assert "Location" not in response.headers
    assert not is_signed_in(provider, browser)


def test_rp_logout_3_another_services_address_is_not_gone_to(provider: Provider, browser: FlaskClient) -> None:
    thief = provider.new_service(post_logout_redirect_uris=["https://evil.example/ra"])
    hint = obtain_tokens(browser, provider.service)["id_token"]
    response = leave(browser, id_token_hint=hint, post_logout_redirect_uri="https://evil.example/ra")
    assert "Location" not in response.headers
    response = leave(provider.browser(), post_logout_redirect_uri="https://evil.example/ra", id_token_hint="x.y.z")
    assert "evil.example" not in response.headers.get("Location", "")
    assert thief.client_id not in response.text


def test_rp_logout_3_without_knowing_the_service_nobody_is_sent_away(provider: Provider) -> None:
    assert "Location" not in leave(provider.browser(), post_logout_redirect_uri=BACK).headers


@pytest.mark.parametrize("state", ["x" * 2048, "&=?#+ %00", "<script>", "ộ🇻🇳"])
def test_rp_logout_3_state_comes_back_exactly(provider: Provider, state: str) -> None:
    browser = provider.signed_in()
    hint = obtain_tokens(browser, provider.service)["id_token"]
    location = leave(browser, id_token_hint=hint, post_logout_redirect_uri=BACK, state=state).location
    assert parse_qs(urlsplit(location).query)["state"] == [state]


def test_rp_logout_3_who_is_signed_out_already_is_sent_back(provider: Provider, browser: FlaskClient) -> None:
    hint = obtain_tokens(browser, provider.service)["id_token"]
    leave(browser, id_token_hint=hint)
    assert leave(browser, id_token_hint=hint, post_logout_redirect_uri=BACK, state="2").location == BACK + "?state=2"


# -- RP-Initiated Logout 4, 6 --------------------------------------------------------------------------------------


def test_rp_logout_6_another_browser_cannot_answer_for_the_person(provider: Provider, browser: FlaskClient) -> None:
    """A forged post to the confirmation, with a page shown to somebody else, ends nothing."""
    stranger = provider.signed_in()
    forged = parked_in(leave(stranger))
    browser.post("/sign-out", data={"parked": forged})
    browser.post("/sign-out", data={"parked": "x"})
    browser.post("/sign-out")
    assert is_signed_in(provider, browser)


def test_rp_logout_4_after_it_prompt_none_is_login_required(provider: Provider, browser: FlaskClient) -> None:
    hint = obtain_tokens(browser, provider.service)["id_token"]
    leave(browser, id_token_hint=hint)
    assert told(ask(browser, provider.service, prompt="none"), provider.service)["error"] == "login_required"


# -- Back-Channel Logout 2.4 to 2.7 --------------------------------------------------------------------------------


def deliver_all(provider: Provider) -> None:
    """Deliver what waits in the outbox and is due, as the worker does."""
    Worker(provider.app, provider.app.extensions["idp"]).run(Event(), once=True)


def told_at(provider: Provider, service_uri: str) -> list[str]:
    return [str((call.form or {})["logout_token"]) for call in provider.outbound.calls_to(service_uri)]


def signed_out_of(provider: Provider, **members: Any) -> tuple[Service, str, dict[str, Any], FlaskClient]:
    """A service that was visited, told of the sign-out: the service, its logout token, its tokens, the browser."""
    uri = f"https://dich-vu.example/bc-{chance.new_bytes(6).hex()}"
    service = provider.agreed(backchannel_logout_uri=uri, **members)
    browser = provider.signed_in()
    tokens = obtain_tokens(browser, service)
    leave(browser, id_token_hint=tokens["id_token"])
    deliver_all(provider)
    [token] = told_at(provider, uri)
    return service, token, tokens, browser


@pytest.mark.parametrize("alg", ["ES256", "RS256"])
def test_backchannel_2_4_the_logout_token_has_its_claims(provider: Provider, alg: str) -> None:
    service, token, tokens, browser = signed_out_of(provider, id_token_signed_response_alg=alg)
    header, said = jwt.get_unverified_header(token), claims_in(browser, token)
    signed_in = claims_in(browser, tokens["id_token"])
    assert (header["alg"], header["typ"]) == (alg, "logout+jwt")
    assert set(said) == {"iss", "sub", "aud", "iat", "exp", "jti", "events", "sid"}
    assert said["iss"] == signed_in["iss"]
    assert said["aud"] == service.client_id
    assert (said["sub"], said["sid"]) == (signed_in["sub"], signed_in["sid"])
    assert said["events"] == {EVENT: {}}
    assert said["iat"] == int(provider.clock.now().timestamp())
    assert 0 < said["exp"] - said["iat"] <= 120
    assert said["jti"]


def test_backchannel_2_4_a_nonce_is_prohibited(provider: Provider) -> None:
    _, token, _, browser = signed_out_of(provider)
    assert "nonce" not in claims_in(browser, token)


def test_backchannel_2_4_the_jti_is_new_for_each_retries_too(provider: Provider) -> None:
    uri = "https://dich-vu.example/bc-thu-lai"
    service = provider.agreed(backchannel_logout_uri=uri)
    provider.outbound.answer(uri, Answer(503, {}, b""), Answer(200, {}, b""))
    browser = provider.signed_in()
    leave(browser, id_token_hint=obtain_tokens(browser, service)["id_token"])
    deliver_all(provider)
    provider.clock.advance(seconds=10)
    deliver_all(provider)
    browser = provider.signed_in()
    leave(browser, id_token_hint=obtain_tokens(browser, service)["id_token"])
    deliver_all(provider)
    told = [claims_in(browser, token)["jti"] for token in told_at(provider, uri)]
    assert len(told) == len(set(told)) == 3


def test_backchannel_2_5_it_is_posted_as_a_form_and_nothing_else(provider: Provider) -> None:
    signed_out_of(provider)
    call = provider.outbound.calls[-1]
    assert call.method == "POST"
    assert set(call.form or {}) == {"logout_token"}


def test_backchannel_2_5_every_visited_service_is_told_and_no_other(provider: Provider) -> None:
    uris = [f"https://dich-vu.example/bc-{number}" for number in range(3)]
    visited = [provider.agreed(backchannel_logout_uri=uri) for uri in uris[:2]]
    provider.agreed(backchannel_logout_uri=uris[2])
    deliver_all(provider)
    browser = provider.signed_in()
    told_before = [len(told_at(provider, uri)) for uri in uris]
    hints = [obtain_tokens(browser, service)["id_token"] for service in visited]
    leave(browser, id_token_hint=hints[0])
    deliver_all(provider)
    assert [len(told_at(provider, uri)) for uri in uris] == [told_before[0] + 1, told_before[1] + 1, told_before[2]]


def test_backchannel_2_6_a_logout_token_cannot_be_used_as_an_id_token(provider: Provider) -> None:
    service, token, _, _ = signed_out_of(provider)
    browser = provider.signed_in()
    assert told(ask(browser, service, id_token_hint=token), service)["error"] == "invalid_request"
    assert page_of(leave(browser, id_token_hint=token)) == "sign_out"


def test_backchannel_2_7_the_sessions_tokens_end_and_offline_ones_stay(provider: Provider) -> None:
    service = provider.agreed(scope="openid offline_access")
    browser = provider.signed_in()
    bound, offline = (obtain_tokens(browser, service, scope=scope) for scope in ("openid", "openid offline_access"))
    leave(browser, id_token_hint=bound["id_token"])
    assert refresh(browser, service, bound["refresh_token"]).get_json()["error"] == "invalid_grant"
    assert refresh(browser, service, offline["refresh_token"]).status_code == 200


def test_backchannel_2_2_a_service_without_an_address_is_not_told(provider: Provider) -> None:
    service = provider.agreed(backchannel_logout_uri=None)
    deliver_all(provider)
    before = len(provider.outbound.calls)
    browser = provider.signed_in()
    leave(browser, id_token_hint=obtain_tokens(browser, service)["id_token"])
    deliver_all(provider)
    assert len(provider.outbound.calls) == before


def test_backchannel_3_the_token_type_is_named(provider: Provider) -> None:
    assert (logout_token.TYPE, logout_token.EVENT) == ("logout+jwt", EVENT)


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"post_logout_redirect_uri": "https://evil.example/"}, "registered"),
        ({"id_token_hint": "a.b.c", "post_logout_redirect_uri": BACK}, "id_token_hint"),
        ({"post_logout_redirect_uri": BACK}, "client_id"),
    ],
)
def test_rp_logout_3_what_was_wrong_is_said_on_the_page(
    provider: Provider, browser: FlaskClient, parameters: dict[str, str], word: str
) -> None:
    named = {"client_id": provider.service.client_id} if word == "registered" else {}
    page = leave(browser, **named, **parameters)
    assert page_of(page) == "sign_out"
    assert re.search(f'id="fault"[^>]*>[^<]*{word}', page.text)
    after = follow(browser, browser.post("/sign-out", data={"parked": parked_in(page)}))
    assert re.search(f'id="fault"[^>]*>[^<]*{word}', after.text)
    assert "evil.example" not in after.text


def test_rp_logout_2_a_logout_hint_signs_nobody_out_unasked(provider: Provider, browser: FlaskClient) -> None:
    for hint in (provider.citizen.number, "somebody", "x" * 3000):
        page = leave(browser, client_id=provider.service.client_id, logout_hint=hint, post_logout_redirect_uri=BACK)
        assert page_of(page) == "sign_out"
        assert hint[:50] not in page.text
