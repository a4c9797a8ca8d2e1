"""The consent page and the notice: what is asked, who may answer, and when it is asked again."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import storage
from tests.builders import (
    NUMBERS,
    Citizen,
    Service,
    a_citizen,
    a_service,
    answer_in,
    ask,
    follow,
    obtain_tokens,
    page_of,
    parked_in,
    sign_in,
    userinfo,
    walk,
)
from tests.doubles import FixedClock
from tests.rows import events, rows_of
from tests.web.policy import error_of

LAW = "Nghị định 118/2025/NĐ-CP"


@pytest.fixture
def citizen(sqlite_app: Flask) -> Citizen:
    return a_citizen(sqlite_app)


@pytest.fixture
def service(sqlite_app: Flask) -> Service:
    return a_service(sqlite_app, purpose={"vi": "Điền sẵn hồ sơ"})


@pytest.fixture
def browser(sqlite_app: Flask, citizen: Citizen, clock: FixedClock) -> FlaskClient:
    """A browser in which the citizen is signed in, for a while already."""
    client = sqlite_app.test_client()
    sign_in(client, citizen)
    clock.advance(seconds=30)
    return client


def question(browser: FlaskClient, service: Service, scope: str = "openid email", **parameters: str) -> TestResponse:
    page = follow(browser, ask(browser, service, scope=scope, **parameters))
    assert page_of(page) == "consent", page.status
    return page


def answer(browser: FlaskClient, page: TestResponse, decision: str) -> TestResponse:
    return browser.post("/consent", data={"parked": parked_in(page), "decision": decision})


def test_it_says_who_receives_what_and_why_and_what_is_not_sent(browser: FlaskClient, service: Service) -> None:
    page = question(browser, service)
    for part in ("Dịch vụ thử", "nguyen.thi.mau@nguoi-mau.example", "Điền sẵn hồ sơ", "mật khẩu"):
        assert part in page.text
    assert 'id="consent-allow"' in page.text
    assert 'id="consent-deny"' in page.text
    assert "+84912000013" not in page.text
    assert "0912 000 013" not in page.text


def test_a_yes_leads_to_the_service_and_is_remembered(browser: FlaskClient, service: Service) -> None:
    code = answer_in(walk(browser, answer(browser, question(browser, service), "allow")))
    assert "code" in code
    assert "code" in answer_in(ask(browser, service, scope="openid email")), "not asked a second time"


def test_rfc6749_4_1_2_1_a_no_is_told_to_the_service_with_state_and_iss(
    sqlite_app: Flask, browser: FlaskClient, service: Service
) -> None:
    said = answer_in(answer(browser, question(browser, service, state="cua toi & 1"), "deny"))
    assert said["error"] == "access_denied"
    assert said["state"] == "cua toi & 1"
    assert said["iss"] == "http://localhost:8000", "RFC 9207 2"
    assert "code" not in said
    assert said["error_description"].isascii()
    with sqlite_app.app_context():
        assert rows_of("consents") == []
        assert events()["consent.refused"] == 1


def test_after_a_no_one_is_asked_again(browser: FlaskClient, service: Service) -> None:
    answer(browser, question(browser, service), "deny")
    question(browser, service)


@pytest.mark.parametrize("decision", ["", "yes", "ALLOW", "allow deny"])
def test_anything_but_yes_or_no_is_no_answer(
    sqlite_app: Flask, browser: FlaskClient, service: Service, decision: str
) -> None:
    asked_again = follow(browser, answer(browser, question(browser, service), decision))
    assert page_of(asked_again) == "consent"
    with sqlite_app.app_context():
        assert rows_of("consents") == []


def test_an_answer_to_a_page_that_was_shown_to_another_person_does_not_count(
    sqlite_app: Flask, browser: FlaskClient, service: Service, clock: FixedClock
) -> None:
    page = question(browser, service)
    other = a_citizen(sqlite_app, NUMBERS[1])
    form = {"identifier": other.number, "password": other.password}
    taken_over = browser.post("/sign-in", data={"parked": parked_in(follow(browser, browser.get("/sign-in"))), **form})
    assert taken_over.status_code == 303
    clock.advance(seconds=5)
    asked_again = follow(browser, answer(browser, page, "allow"))
    assert page_of(asked_again) == "consent"
    assert "tran.van.thu@nguoi-mau.example" in asked_again.text
    with sqlite_app.app_context():
        assert rows_of("consents") == []


def test_after_signing_out_an_answer_leads_to_signing_in(browser: FlaskClient, service: Service) -> None:
    page = question(browser, service)
    browser.delete_cookie("idp_session")
    assert page_of(follow(browser, answer(browser, page, "allow"))) == "sign_in"


def test_csrf_a_page_of_another_browser_agrees_to_nothing(
    sqlite_app: Flask, citizen: Citizen, browser: FlaskClient, service: Service, clock: FixedClock
) -> None:
    attacker = sqlite_app.test_client()
    sign_in(attacker, citizen)
    clock.advance(seconds=5)
    page = question(attacker, service)
    answer(browser, page, "allow")
    with sqlite_app.app_context():
        assert rows_of("consents") == []


def test_more_than_was_agreed_to_is_asked_for_and_less_is_not(browser: FlaskClient, service: Service) -> None:
    walk(browser, answer(browser, question(browser, service, "openid email phone"), "allow"))
    assert "code" in answer_in(ask(browser, service, scope="openid email"))
    page = question(browser, service, "openid email address")
    assert "12 Đường Mẫu" in page.text


def test_what_was_withdrawn_is_asked_again(
    sqlite_app: Flask, browser: FlaskClient, service: Service, clock: FixedClock
) -> None:
    walk(browser, answer(browser, question(browser, service), "allow"))
    with sqlite_app.app_context():
        [consent] = rows_of("consents")
        with storage.begin() as tx:
            assert storage.consents.end_consents(tx, consent.subject_id, service.id, clock.now()) == 1
    question(browser, service)


def test_oidc_core_11_lasting_access_needs_a_consent_of_its_own_and_is_remembered(
    browser: FlaskClient, service: Service
) -> None:
    walk(browser, answer(browser, question(browser, service), "allow"))
    page = question(browser, service, "openid email offline_access")
    walk(browser, answer(browser, page, "allow"))
    assert "code" in answer_in(ask(browser, service, scope="openid email offline_access"))


def test_oidc_core_3_1_2_1_prompt_consent_asks_again_once(
    browser: FlaskClient, service: Service, clock: FixedClock
) -> None:
    walk(browser, answer(browser, question(browser, service), "allow"))
    clock.advance(seconds=5)
    page = question(browser, service, prompt="consent")
    assert "code" in answer_in(walk(browser, answer(browser, page, "allow")))


def test_a_question_that_is_settled_meanwhile_is_not_asked(browser: FlaskClient, service: Service) -> None:
    """The back button, or a second tab."""
    one, other = question(browser, service), question(browser, service, state="hai")
    walk(browser, answer(browser, one, "allow"))
    for late in (
        answer(browser, other, "deny"),
        browser.get("/consent", query_string={"parked": parked_in(other)}),
    ):
        assert answer_in(follow(browser, late))["state"] == "hai"


def test_a_law_is_told_of_once(sqlite_app: Flask, browser: FlaskClient) -> None:
    service = a_service(sqlite_app, legal_basis=LAW)
    page = question(browser, service)
    assert LAW in page.text
    walk(browser, answer(browser, page, "allow"))
    assert "code" in answer_in(ask(browser, service, scope="openid email"))
    with sqlite_app.app_context():
        assert [row.kind for row in rows_of("consents")] == ["notice"]
        assert events()["consent.given"] == 0, "never a fake choice"


def test_a_notice_can_be_left_without_entering(sqlite_app: Flask, browser: FlaskClient) -> None:
    service = a_service(sqlite_app, legal_basis=LAW)
    assert answer_in(answer(browser, question(browser, service), "deny"))["error"] == "access_denied"


def test_when_the_law_changes_people_are_told_again(sqlite_app: Flask, browser: FlaskClient, clock: FixedClock) -> None:
    service = a_service(sqlite_app, legal_basis=LAW)
    walk(browser, answer(browser, question(browser, service), "allow"))
    a_service(sqlite_app, client_id=service.client_id, legal_basis="Luật khác")
    clock.advance(seconds=6)
    assert "Luật khác" in question(browser, service).text


def test_lasting_access_and_a_law_each_ask_once_and_never_in_turns(
    sqlite_app: Flask, browser: FlaskClient, clock: FixedClock
) -> None:
    service = a_service(sqlite_app, legal_basis=LAW)
    walk(browser, answer(browser, question(browser, service), "allow"))
    clock.advance(seconds=5)
    walk(browser, answer(browser, question(browser, service, "openid email offline_access"), "allow"))
    for scope in ("openid email", "openid email offline_access", "openid email"):
        assert "code" in answer_in(ask(browser, service, scope=scope))


def test_what_is_shown_is_what_is_released(sqlite_app: Flask, citizen: Citizen, service: Service) -> None:
    client = sqlite_app.test_client()
    tokens = obtain_tokens(client, service, citizen, scope="openid email")
    released = userinfo(client, tokens["access_token"]).get_json()
    assert set(released) == {"sub", "email", "email_verified"}


def test_when_the_service_is_suspended_meanwhile_nobody_is_sent_there(
    sqlite_app: Flask, browser: FlaskClient, service: Service, clock: FixedClock
) -> None:
    page = question(browser, service)
    with sqlite_app.app_context(), storage.begin() as tx:
        tx.execute(storage.tables.relying_services.update().values(state="suspended"))
    clock.advance(seconds=6)
    for decision in ("allow", "deny"):
        late = answer(browser, page, decision)
        assert late.status_code == 400
        assert error_of(late)


@pytest.mark.parametrize(
    "renewed",
    [{"legal_basis": "Nghị định khác"}, {"purpose": {"vi": "Việc khác"}}, {"scope": "openid"}],
    ids=lambda renewed: next(iter(renewed)),
)
@pytest.mark.parametrize("law", [None, LAW], ids=["consent", "notice"])
def test_an_answer_to_what_was_changed_meanwhile_does_not_count(
    sqlite_app: Flask, browser: FlaskClient, clock: FixedClock, renewed: dict[str, object], law: str | None
) -> None:
    members: dict[str, object] = {"client_id": "doi-y", "purpose": {"vi": "Điền sẵn hồ sơ"}, "legal_basis": law}
    page = question(browser, a_service(sqlite_app, **members))
    a_service(sqlite_app, **{**members, **renewed})
    clock.advance(seconds=6)
    asked_again = follow(browser, answer(browser, page, "allow"))
    assert page_of(asked_again) == "consent"
    with sqlite_app.app_context():
        assert rows_of("consents") == []
    assert "code" in answer_in(walk(browser, answer(browser, asked_again, "allow")))


# -- interfaces of others (RFC 8707) -------------------------------------------------------------------------------

ONE, OTHER = "https://api.ho-tich.example/v1", "https://api.dat-dai.example/v1"


@pytest.fixture
def guards(sqlite_app: Flask) -> None:
    """Two interfaces that let the service `hoi-ho` ask in people's names."""
    callers = [{"client_id": "hoi-ho"}]
    for resource, client_id, name, english in (
        (ONE, "ho-tich", "Hệ thống Hộ tịch", "Civil Status System"),
        (OTHER, "dat-dai", "Hệ thống Đất đai", "Land System"),
    ):
        names = {"client_name": None, "client_name#vi": name, "client_name#en": english}
        a_service(sqlite_app, client_id=client_id, resources=[resource], callers=callers, **names)


@pytest.mark.parametrize("law", [None, LAW], ids=["consent", "notice"])
@pytest.mark.parametrize("scope", ["openid", "openid email"])
def test_rfc8707_2_the_page_names_the_system_that_would_be_asked_and_its_host(
    sqlite_app: Flask, browser: FlaskClient, guards: None, law: str | None, scope: str
) -> None:
    service = a_service(sqlite_app, client_id="hoi-ho", legal_basis=law)
    page = question(browser, service, scope, resource=ONE)
    assert "Dịch vụ thử sẽ được thay mặt Ông/Bà hỏi dữ liệu ở Hệ thống Hộ tịch." in page.text
    assert ONE.split("/")[2] in page.text.replace("<wbr>", "")
    english = question(browser, service, scope, resource=ONE, ui_locales="en")
    assert "Dịch vụ thử will be able to ask Civil Status System for data on your behalf." in english.text
    plain = question(browser, service, scope)
    assert "thay mặt" not in plain.text
    assert "Hộ tịch" not in plain.text


def test_what_a_service_will_find_elsewhere_is_not_promised_away(
    sqlite_app: Flask, browser: FlaskClient, guards: None
) -> None:
    service = a_service(sqlite_app, client_id="hoi-ho")
    for scope in ("openid", "openid email"):
        assert "số định danh cá nhân" in question(browser, service, scope).text
        page = question(browser, service, scope, resource=ONE)
        assert "số định danh cá nhân" not in page.text
        assert "Không thông tin cá nhân nào khác được gửi đi" not in page.text
        assert "mật khẩu của Ông/Bà" in page.text


@pytest.mark.parametrize("law", [None, LAW], ids=["consent", "notice"])
def test_rfc8707_2_an_interface_is_asked_about_once_and_a_plain_answer_covers_none(
    sqlite_app: Flask, browser: FlaskClient, guards: None, clock: FixedClock, law: str | None
) -> None:
    service = a_service(sqlite_app, client_id="hoi-ho", legal_basis=law)
    walk(browser, answer(browser, question(browser, service), "allow"))
    for resource in (ONE, OTHER):
        said = answer_in(ask(browser, service, scope="openid email", resource=resource, prompt="none"))
        assert said["error"] == "consent_required"
        clock.advance(seconds=1)
        walk(browser, answer(browser, question(browser, service, resource=resource), "allow"))
    for resource in (None, ONE, OTHER, ONE):
        assert "code" in answer_in(ask(browser, service, scope="openid email", resource=resource, prompt="none"))


@pytest.mark.parametrize(
    "renewed", [{"client_name#vi": "Hệ thống khác"}, {"resources": ["https://khac.example"]}], ids=["name", "guard"]
)
def test_an_answer_about_a_system_that_was_changed_meanwhile_does_not_count(
    sqlite_app: Flask, browser: FlaskClient, guards: None, clock: FixedClock, renewed: dict[str, object]
) -> None:
    service = a_service(sqlite_app, client_id="hoi-ho")
    page = question(browser, service, resource=ONE)
    callers = [{"client_id": "hoi-ho"}]
    a_service(sqlite_app, client_id="ho-tich", **{"resources": [ONE], "callers": callers, **renewed})
    if "resources" in renewed:
        a_service(sqlite_app, client_id="dat-dai", resources=[ONE], callers=callers)
    clock.advance(seconds=6)
    assert page_of(follow(browser, answer(browser, page, "allow"))) == "consent"
    with sqlite_app.app_context():
        assert rows_of("consents") == []


def test_what_the_person_allowed_elsewhere_stands_in_the_audit(
    sqlite_app: Flask, browser: FlaskClient, guards: None
) -> None:
    service = a_service(sqlite_app, client_id="hoi-ho")
    walk(browser, answer(browser, question(browser, service, resource=ONE), "allow"))
    runtime = sqlite_app.extensions["idp"]
    with sqlite_app.app_context():
        [row] = [row for row in rows_of("audit") if row.event == "consent.given"]
        with storage.once() as tx:
            key = storage.data_keys.find_data_key(tx, runtime.keyring, row.subject_id)
        assert key is not None
        assert ONE in key.open("audit.details_sealed", row.id, row.details_sealed)
