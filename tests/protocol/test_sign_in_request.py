"""What an authentication request may ask of the sign-in: OIDC Core 3.1.2.1, 3.1.2.2, 3.1.2.3, 3.1.2.6, 5.5.1."""

import json

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp.domain import logout_token
from idp.runtime import chance
from idp.runtime.runtime import Runtime
from tests.builders import (
    Citizen,
    Service,
    answer_in,
    ask,
    claims_in,
    follow,
    obtain_code,
    obtain_tokens,
    page_of,
    parked_in,
    request_of,
    sign_in,
    spend,
    walk,
)
from tests.builders_provider import Provider
from tests.protocol.test_authorize import told


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    """Signed in some time ago."""
    signed_in = provider.signed_in()
    provider.clock.advance(minutes=1)
    return signed_in


def page_after(browser: FlaskClient, service: Service, **parameters: str | None) -> str:
    return page_of(follow(browser, ask(browser, service, **parameters)))


def auth_time_in(browser: FlaskClient, service: Service, response: TestResponse) -> int:
    tokens = spend(browser, service, answer_in(response)["code"]).get_json()
    return int(claims_in(browser, tokens["id_token"])["auth_time"])


# -- prompt --------------------------------------------------------------------------------------------------------


def test_oidc_core_3_1_2_1_prompt_none_issues_where_nothing_is_to_be_asked(
    provider: Provider, browser: FlaskClient
) -> None:
    assert "code" in answer_in(ask(browser, provider.service, prompt="none"))


def test_oidc_core_3_1_2_6_prompt_none_without_a_session_is_login_required(provider: Provider) -> None:
    said = told(ask(provider.browser(), provider.service, prompt="none"), provider.service)
    assert said["error"] == "login_required"


def test_oidc_core_3_1_2_6_prompt_none_with_an_ended_session_is_login_required(provider: Provider) -> None:
    browser = provider.signed_in()
    provider.clock.advance(minutes=31)
    assert told(ask(browser, provider.service, prompt="none"), provider.service)["error"] == "login_required"


def test_oidc_core_3_1_2_6_prompt_none_with_too_old_a_sign_in_is_login_required(
    provider: Provider, browser: FlaskClient
) -> None:
    for max_age in ("0", "59"):
        response = ask(browser, provider.service, prompt="none", max_age=max_age)
        assert told(response, provider.service)["error"] == "login_required"


def test_oidc_core_3_1_2_6_prompt_none_without_consent_is_consent_required(
    provider: Provider, browser: FlaskClient
) -> None:
    service = provider.new_service()
    assert told(ask(browser, service, prompt="none"), service)["error"] == "consent_required"


def test_oidc_core_3_1_2_6_prompt_none_for_more_than_was_agreed_is_consent_required(
    provider: Provider, browser: FlaskClient
) -> None:
    service = provider.agreed(scope="openid email")
    assert "code" in answer_in(ask(browser, service, prompt="none", scope="openid email"))
    for more in ({"scope": "openid email phone"}, {"scope": "openid offline_access"}):
        assert told(ask(browser, service, prompt="none", **more), service)["error"] == "consent_required"
    claims = '{"id_token": {"birthdate": null}}'
    assert told(ask(browser, service, prompt="none", claims=claims), service)["error"] == "consent_required"


@pytest.mark.parametrize(
    "prompt",
    [
        "none login",
        "login none",
        "none consent",
        "none select_account",
        "create login",
        "none create",
        "x",
        "NONE",
        "login,consent",
        "<x>",
    ],
)
def test_oidc_core_3_1_2_1_contradicting_or_unknown_prompts_are_refused(
    provider: Provider, browser: FlaskClient, prompt: str
) -> None:
    assert told(ask(browser, provider.service, prompt=prompt), provider.service)["error"] == "invalid_request"


def test_oidc_core_3_1_2_1_prompt_login_asks_again(provider: Provider, browser: FlaskClient) -> None:
    response = follow(browser, ask(browser, provider.service, prompt="login"))
    assert page_of(response) == "sign_in"
    provider.clock.advance(seconds=30)
    done = walk(browser, response, provider.citizen)
    assert auth_time_in(browser, provider.service, done) == int(provider.clock.now().timestamp())


def test_oidc_core_3_1_2_1_prompt_login_cannot_be_walked_around(provider: Provider, browser: FlaskClient) -> None:
    """Going back to the spine without having signed in leads to the sign-in page again."""
    page = follow(browser, ask(browser, provider.service, prompt="login"))
    again = follow(browser, browser.get("/oauth2/authorize", query_string={"parked": parked_in(page)}))
    assert page_of(again) == "sign_in"
    provider.clock.advance(minutes=5)
    again = follow(browser, browser.get("/oauth2/authorize", query_string={"parked": parked_in(page)}))
    assert page_of(again) == "sign_in"


def test_oidc_core_3_1_2_1_prompt_consent_asks_again_and_is_remembered_anew(
    provider: Provider, browser: FlaskClient
) -> None:
    response = follow(browser, ask(browser, provider.service, prompt="consent"))
    assert page_of(response) == "consent"
    assert "code" in answer_in(walk(browser, response))
    provider.clock.advance(seconds=1)
    assert page_after(browser, provider.service, prompt="consent") == "consent"


def test_oidc_prompt_create_4_1_the_sign_in_page_says_how_to_get_an_account(
    provider: Provider, browser: FlaskClient
) -> None:
    """Somebody else may be signed in: who wants a new account is asked all the same, and comes back by signing in."""
    page = follow(browser, ask(browser, provider.service, prompt="create"))
    assert page_of(page) == "sign_in"
    assert 'id="register-first"' in page.text
    assert 'id="register-first"' not in follow(browser, ask(browser, provider.service, prompt="login")).text
    assert "code" in answer_in(walk(browser, page, provider.citizen))


def test_oidc_core_3_1_2_1_prompt_select_account_offers_the_choice(provider: Provider, browser: FlaskClient) -> None:
    page = follow(browser, ask(browser, provider.service, prompt="select_account"))
    assert page_of(page) == "choose_account"
    assert "code" in answer_in(walk(browser, page))


def test_oidc_core_3_1_2_1_select_account_may_lead_to_another_person(provider: Provider, browser: FlaskClient) -> None:
    service = provider.agreed(provider.other)
    before = claims_in(browser, obtain_tokens(browser, service, provider.citizen)["id_token"])["sub"]
    provider.clock.advance(seconds=1)
    response = walk(browser, ask(browser, service, prompt="select_account"), provider.other, choice="other")
    tokens = spend(browser, service, answer_in(response)["code"]).get_json()
    assert claims_in(browser, tokens["id_token"])["sub"] != before


def test_oidc_core_3_1_2_1_prompts_may_be_combined(provider: Provider, browser: FlaskClient) -> None:
    page = follow(browser, ask(browser, provider.service, prompt="login consent"))
    assert page_of(page) == "sign_in"
    typed = {"identifier": provider.citizen.number, "password": provider.citizen.password}
    page = follow(browser, browser.post("/sign-in", data={"parked": parked_in(page), **typed}))
    assert page_of(page) == "consent"
    assert "code" in answer_in(walk(browser, page))


# -- max_age -------------------------------------------------------------------------------------------------------


def test_oidc_core_3_1_2_1_max_age_asks_again_when_the_sign_in_is_older(
    provider: Provider, browser: FlaskClient
) -> None:
    assert "code" in answer_in(ask(browser, provider.service, max_age="60"))
    page = follow(browser, ask(browser, provider.service, max_age="59"))
    assert page_of(page) == "sign_in"
    done = walk(browser, page, provider.citizen)
    assert auth_time_in(browser, provider.service, done) == int(provider.clock.now().timestamp())


def test_oidc_core_3_1_2_1_max_age_0_always_asks_again(provider: Provider, browser: FlaskClient) -> None:
    for _ in range(2):
        page = follow(browser, ask(browser, provider.service, max_age="0"))
        assert page_of(page) == "sign_in"
        provider.clock.advance(seconds=20)
        done = walk(browser, page, provider.citizen)
        assert auth_time_in(browser, provider.service, done) == int(provider.clock.now().timestamp())
        provider.clock.advance(seconds=1)


def test_oidc_core_3_1_2_1_max_age_holds_for_the_request_not_for_the_pages(
    provider: Provider, browser: FlaskClient
) -> None:
    """Who reads the consent page for long after signing in for this request is not sent round in a circle."""
    service = provider.new_service()
    page = follow(browser, ask(browser, service, max_age="10"))
    typed = {"identifier": provider.citizen.number, "password": provider.citizen.password}
    page = follow(browser, browser.post("/sign-in", data={"parked": parked_in(page), **typed}))
    assert page_of(page) == "consent"
    provider.clock.advance(minutes=5)
    assert "code" in answer_in(walk(browser, page))


def test_oidc_core_3_1_2_1_a_sign_in_for_a_request_does_not_satisfy_its_max_age_for_ever(
    provider: Provider, browser: FlaskClient
) -> None:
    service = provider.new_service()
    page = follow(browser, ask(browser, service, max_age="10"))
    typed = {"identifier": provider.citizen.number, "password": provider.citizen.password}
    page = follow(browser, browser.post("/sign-in", data={"parked": parked_in(page), **typed}))
    assert page_of(page) == "consent"
    provider.clock.advance(minutes=5, seconds=1)
    asked_again = follow(browser, browser.post("/consent", data={"parked": parked_in(page), "decision": "allow"}))
    assert page_of(asked_again) == "sign_in"
    assert "code" in answer_in(walk(browser, asked_again, provider.citizen))


@pytest.mark.parametrize("max_age", ["-1", "1.5", "x", "1e3", "٣", "9" * 11, " 5", "0x10", "+5", "<b>"])
def test_oidc_core_3_1_2_1_a_max_age_that_is_no_number_is_refused(
    provider: Provider, browser: FlaskClient, max_age: str
) -> None:
    assert told(ask(browser, provider.service, max_age=max_age), provider.service)["error"] == "invalid_request"


def test_oidc_core_3_1_2_1_the_longest_max_age_is_no_fault(provider: Provider, browser: FlaskClient) -> None:
    assert "code" in answer_in(ask(browser, provider.service, max_age="9" * 10))


def test_oidc_registration_2_default_max_age_stands_in_for_max_age(provider: Provider, browser: FlaskClient) -> None:
    service = provider.agreed(default_max_age=30)
    provider.clock.advance(minutes=1)
    assert page_after(browser, service) == "sign_in"
    assert "code" in answer_in(ask(browser, service, max_age="1000"))


# -- id_token_hint -------------------------------------------------------------------------------------------------


def test_oidc_core_3_1_2_1_a_hint_of_the_same_person_passes_even_expired(
    provider: Provider, browser: FlaskClient
) -> None:
    hint = obtain_tokens(browser, provider.service)["id_token"]
    provider.clock.advance(minutes=20)
    assert "code" in answer_in(ask(browser, provider.service, id_token_hint=hint, prompt="none"))


def test_oidc_core_3_1_2_2_a_hint_of_another_person_is_login_required(provider: Provider, browser: FlaskClient) -> None:
    service = provider.agreed()
    hint = obtain_tokens(provider.signed_in(provider.other), service, provider.other)["id_token"]
    assert told(ask(browser, service, id_token_hint=hint, prompt="none"), service)["error"] == "login_required"
    page = follow(browser, ask(browser, service, id_token_hint=hint))
    assert page_of(page) == "sign_in"
    assert told(walk(browser, page, provider.citizen), service)["error"] == "login_required"
    provider.clock.advance(seconds=1)
    assert "code" in answer_in(walk(browser, ask(browser, service, id_token_hint=hint), provider.other))


def test_oidc_core_3_1_2_2_what_is_no_id_token_for_this_service_is_no_hint(
    provider: Provider, browser: FlaskClient
) -> None:
    elsewhere = provider.agreed()
    tokens = obtain_tokens(browser, provider.service)
    header, payload, signature = tokens["id_token"].split(".")
    unsigned = "eyJhbGciOiJub25lIn0." + payload + "."
    wrong = [
        obtain_tokens(browser, elsewhere)["id_token"],
        a_logout_token(provider, provider.service, provider.citizen),
        tokens["access_token"],
        "x",
        "x.y.z",
        "." * 5,
        unsigned,
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}..{signature}",
        f"{header}.{payload}",
        "ộ\0",
        "x" * 7000,
    ]
    for hint in wrong:
        response = ask(browser, provider.service, id_token_hint=hint)
        assert told(response, provider.service)["error"] == "invalid_request", hint


def a_logout_token(provider: Provider, service: Service, citizen: Citizen) -> str:
    runtime: Runtime = provider.app.extensions["idp"]
    now = runtime.clock.now()
    with provider.app.app_context():
        claims = logout_token.claims(
            runtime.settings.issuer, service.client_id, sub="x", sid="y", jti=chance.new_id(now), now=now
        )
        return runtime.keyring.sign("ES256", claims, typ=logout_token.TYPE)


# -- sub and acr in the claims parameter ---------------------------------------------------------------------------

PLACES = ["id_token", "userinfo"]


def sub_at(browser: FlaskClient, service: Service, citizen: Citizen) -> str:
    return str(claims_in(browser, obtain_tokens(browser, service, citizen)["id_token"])["sub"])


@pytest.mark.parametrize("place", PLACES)
def test_oidc_core_5_5_1_a_sub_of_another_person_is_never_answered_for_this_one(
    provider: Provider, browser: FlaskClient, place: str
) -> None:
    service = provider.agreed()
    mine = sub_at(browser, service, provider.citizen)
    theirs = sub_at(provider.signed_in(provider.other), service, provider.other)
    asked = json.dumps({place: {"sub": {"value": theirs}}})
    assert told(ask(browser, service, claims=asked, prompt="none"), service)["error"] == "login_required"
    provider.clock.advance(seconds=1)
    page = follow(browser, ask(browser, service, claims=asked))
    assert page_of(page) == "sign_in"
    assert told(walk(browser, page, provider.citizen), service)["error"] == "login_required"
    provider.clock.advance(seconds=1)
    tokens = obtain_tokens(browser, service, provider.other, claims=asked)
    assert claims_in(browser, tokens["id_token"])["sub"] == theirs != mine


@pytest.mark.parametrize("place", PLACES)
def test_oidc_core_5_5_1_a_sub_of_this_person_is_answered(provider: Provider, browser: FlaskClient, place: str) -> None:
    mine = sub_at(browser, provider.service, provider.citizen)
    for said in ({"value": mine}, {"essential": True}, {"value": None}, None):
        asked = json.dumps({place: {"sub": said}})
        assert "code" in answer_in(ask(browser, provider.service, claims=asked, prompt="none"))


def test_oidc_core_5_5_1_hint_and_claims_that_name_different_persons_are_refused(
    provider: Provider, browser: FlaskClient
) -> None:
    tokens = obtain_tokens(browser, provider.service, provider.citizen)
    mine = claims_in(browser, tokens["id_token"])["sub"]
    same = json.dumps({"id_token": {"sub": {"value": mine}}})
    hint = {"id_token_hint": tokens["id_token"]}
    assert "code" in answer_in(ask(browser, provider.service, claims=same, prompt="none", **hint))
    other = json.dumps({"id_token": {"sub": {"value": "ai-khac"}}})
    assert told(ask(browser, provider.service, claims=other, **hint), provider.service)["error"] == "invalid_request"
    two = json.dumps({"id_token": {"sub": {"value": mine}}, "userinfo": {"sub": {"value": "ai-khac"}}})
    assert told(ask(browser, provider.service, claims=two), provider.service)["error"] == "invalid_request"


@pytest.mark.parametrize("place", PLACES)
def test_oidc_core_5_5_1_a_sub_of_a_list_of_values_is_answered_for_one_of_them_or_nobody(
    provider: Provider, browser: FlaskClient, place: str
) -> None:
    tokens = obtain_tokens(browser, provider.service, provider.citizen)
    mine = claims_in(browser, tokens["id_token"])["sub"]

    def answered(said: object, **more: str) -> dict[str, str]:
        asked = json.dumps({place: {"sub": said}})
        return answer_in(ask(browser, provider.service, claims=asked, prompt="none", **more))

    assert "code" in answered({"values": ["ai-khac", mine]})
    assert "code" in answered({"values": []}), "a list of nobody asks for nobody"
    assert answered({"values": ["ai-khac", "ai-nua"]})["error"] == "login_required"
    hint = {"id_token_hint": tokens["id_token"]}
    assert "code" in answered({"values": ["ai-khac", mine]}, **hint)
    assert answered({"values": ["ai-khac", "ai-nua"]}, **hint)["error"] == "invalid_request"
    assert answered({"values": ["ai-khac", mine], "value": "ai-khac"})["error"] == "login_required"
    for values in (mine, 7, {"a": mine}, [mine, 7], [[mine]]):
        assert answered({"values": values})["error"] == "invalid_request"


@pytest.mark.parametrize("value", [5, True, [], ["x"], {}, {"a": 1}, 1.5])
def test_oidc_core_5_5_1_a_sub_that_is_no_text_is_refused(
    provider: Provider, browser: FlaskClient, value: object
) -> None:
    for place in PLACES:
        response = ask(browser, provider.service, claims=json.dumps({place: {"sub": {"value": value}}}))
        assert told(response, provider.service)["error"] == "invalid_request"


ONE, TWO, THREE = (f"urn:bacninh:xacthuc:{level}" for level in (1, 2, 3))


@pytest.mark.parametrize("said", [{"value": THREE}, {"values": [THREE]}, {"values": ["x"]}, {"values": ["4", THREE]}])
@pytest.mark.parametrize("place", PLACES)
def test_oidc_core_5_5_1_1_an_essential_acr_that_cannot_be_reached_is_unmet(
    provider: Provider, browser: FlaskClient, place: str, said: dict[str, object]
) -> None:
    asked = json.dumps({place: {"acr": {"essential": True, **said}}})
    for prompt in (None, "none"):
        response = ask(browser, provider.service, claims=asked, prompt=prompt)
        assert told(response, provider.service)["error"] == "unmet_authentication_requirements"
    stranger = provider.browser()
    response = walk(stranger, ask(stranger, provider.service, claims=asked), provider.citizen)
    assert told(response, provider.service)["error"] == "unmet_authentication_requirements"


@pytest.mark.parametrize("said", [{"value": ONE}, {"values": [TWO, ONE]}, {"values": ["x", ONE]}, {}])
def test_oidc_core_5_5_1_1_an_essential_acr_that_is_reached_is_answered(
    provider: Provider, browser: FlaskClient, said: dict[str, object]
) -> None:
    asked = json.dumps({"id_token": {"acr": {"essential": True, **said}}})
    tokens = obtain_tokens(browser, provider.service, claims=asked, prompt="none")
    assert claims_in(browser, tokens["id_token"])["acr"] == ONE


@pytest.mark.parametrize(
    "asked",
    [
        {"acr_values": TWO},
        {"acr_values": f"{TWO} x"},
        {"claims": json.dumps({"id_token": {"acr": {"value": TWO}}})},
        {"claims": json.dumps({"id_token": {"acr": {"values": [TWO], "essential": False}}})},
        {"claims": json.dumps({"id_token": {"acr": None}}), "acr_values": TWO},
    ],
)
def test_oidc_core_5_5_1_1_a_level_that_is_only_wished_for_is_answered_with_the_true_one(
    provider: Provider, browser: FlaskClient, asked: dict[str, str]
) -> None:
    tokens = obtain_tokens(browser, provider.service, prompt="none", **asked)
    assert claims_in(browser, tokens["id_token"])["acr"] == ONE


@pytest.mark.parametrize("value", [{}, {"a": 1}, 5, [[]], [{}], [None], None, "", []])
def test_oidc_core_5_5_1_1_an_acr_of_any_kind_is_no_fault(
    provider: Provider, browser: FlaskClient, value: object
) -> None:
    for name in ("value", "values"):
        claims = json.dumps({"id_token": {"acr": {"essential": True, name: value}}})
        response = ask(browser, provider.service, claims=claims, prompt="none")
        assert answer_in(response).get("error", "") in ("", "unmet_authentication_requirements")


def test_unmet_authentication_requirements_2_a_service_that_wants_more_than_a_password_is_told(
    provider: Provider, browser: FlaskClient
) -> None:
    service = provider.new_service(minimum_auth_level=3)
    assert told(ask(browser, service), service)["error"] == "unmet_authentication_requirements"


# -- login_hint, ui_locales, display, acr_values -------------------------------------------------------------------


def test_oidc_core_3_1_2_1_login_hint_fills_the_name_and_nothing_else(provider: Provider) -> None:
    browser = provider.browser()
    page = follow(browser, ask(browser, provider.service, login_hint='nguoi"><script>alert(1)</script>'))
    assert page_of(page) == "sign_in"
    assert "<script>alert" not in page.text
    assert "nguoi&#34;&gt;&lt;script&gt;" in page.text
    signed_in = provider.signed_in()
    assert "code" in answer_in(ask(signed_in, provider.service, login_hint="ai khác"))


@pytest.mark.parametrize(
    ("wished", "language"),
    [
        ("en", "en"),
        ("vi", "vi"),
        ("en-GB vi", "en"),
        ("fr en", "en"),
        ("fr-CA", "vi"),
        ("<x> \0", "vi"),
        ("x" * 999, "vi"),
    ],
)
def test_oidc_core_3_1_2_1_ui_locales_choose_the_pages_language(provider: Provider, wished: str, language: str) -> None:
    browser = provider.browser()
    page = follow(browser, ask(browser, provider.service, ui_locales=wished))
    assert f'<html lang="{language}"' in page.text


# -- POST ----------------------------------------------------------------------------------------------------------


def test_oidc_core_3_1_2_1_post_is_answered_as_get(provider: Provider, browser: FlaskClient) -> None:
    response = browser.post("/oauth2/authorize", data=request_of(provider.service))
    assert "code" in answer_in(follow(browser, response))


def test_oidc_core_3_1_2_1_post_walks_the_pages_too(provider: Provider) -> None:
    browser = provider.browser()
    response = browser.post("/oauth2/authorize?client_id=x", data=request_of(provider.service, state="trạng & thái"))
    assert answer_in(walk(browser, response, provider.citizen))["state"] == "trạng & thái"


def test_oidc_core_3_1_2_1_post_keeps_what_get_refuses(provider: Provider, browser: FlaskClient) -> None:
    given = request_of(provider.service)
    response = follow(browser, browser.post("/oauth2/authorize", data={**given, "scope": ["openid", "openid"]}))
    assert told(response, provider.service)["error"] == "invalid_request"
    response = follow(
        browser, browser.post("/oauth2/authorize", data={**given, "redirect_uri": "https://evil.example"})
    )
    assert response.status_code == 400
    assert 'id="error"' in response.text


# -- 3.1.2.3, 3.1.2.4 ----------------------------------------------------------------------------------------------


def test_oidc_core_3_1_2_4_nothing_is_released_before_the_person_agreed(provider: Provider) -> None:
    service, browser = provider.new_service(), provider.signed_in()
    page = follow(browser, ask(browser, service, scope="openid email"))
    assert page_of(page) == "consent"
    again = follow(browser, browser.get("/oauth2/authorize", query_string={"parked": parked_in(page)}))
    assert page_of(again) == "consent"
    assert "code=" in walk(browser, again).location


def test_oidc_core_3_1_2_4_an_answer_given_by_somebody_else_does_not_count(provider: Provider) -> None:
    service, browser = provider.new_service(), provider.signed_in()
    shown = parked_in(follow(browser, ask(browser, service)))
    provider.clock.advance(seconds=1)
    sign_in_other(provider, browser)
    answer = browser.post("/consent", data={"parked": shown, "decision": "allow"})
    assert page_of(follow(browser, answer)) == "consent", "the other person is asked"
    stranger = provider.signed_in()
    answer = stranger.post("/consent", data={"parked": shown, "decision": "allow"})
    assert page_of(follow(stranger, answer)) == "consent", "another browser is asked"


def sign_in_other(provider: Provider, browser: FlaskClient) -> None:
    page = follow(browser, ask(browser, provider.service, prompt="login"))
    typed = {"identifier": provider.other.number, "password": provider.other.password}
    browser.post("/sign-in", data={"parked": parked_in(page), **typed})


def test_oidc_core_3_1_2_4_a_law_gives_a_notice_shown_once(provider: Provider) -> None:
    service, browser = provider.new_service(legal_basis="Nghị định mẫu, Điều 1"), provider.signed_in()
    page = follow(browser, ask(browser, service, scope="openid email"))
    assert "Nghị định mẫu, Điều 1" in page.text
    assert "code" in answer_in(walk(browser, page))
    assert "code" in answer_in(ask(browser, service, scope="openid email", prompt="none"))


def test_oidc_core_3_1_2_3_another_person_signing_in_gets_their_own_code(provider: Provider) -> None:
    browser = provider.signed_in()
    provider.clock.advance(seconds=1)
    service = provider.agreed(provider.other)
    code = obtain_code(browser, service, provider.other, prompt="login")
    own = obtain_tokens(provider.signed_in(provider.other), service)
    theirs = spend(browser, service, code).get_json()
    assert claims_in(browser, theirs["id_token"])["sub"] == claims_in(browser, own["id_token"])["sub"]


def test_the_sign_in_of_the_builders_is_a_real_one(provider: Provider) -> None:
    browser = provider.browser()
    sign_in(browser, provider.citizen)
    assert browser.get("/account").status_code == 200
