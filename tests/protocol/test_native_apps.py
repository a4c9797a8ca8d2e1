"""Programs on the person's own machine (RFC 8252 8.6, RFC 6749 10.2): nobody is answered behind the person's back."""

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.builders import Service, answer_in, ask, follow, page_of, parked_in
from tests.builders_provider import Provider

LOOPBACK, PRIVATE = "http://127.0.0.1/cb", "vn.example.ung-dung:/cb"
LISTENING = {LOOPBACK: "http://127.0.0.1:51004/cb", PRIVATE: PRIVATE}
LAW = "Nghị định 118/2025/NĐ-CP"


def a_program(provider: Provider, address: str, **members: object) -> Service:
    """A public native app that the citizen has agreed to before."""
    usual = {"application_type": "native", "token_endpoint_auth_method": "none", "redirect_uris": [address]}
    program = provider.agreed(**{**usual, **members})
    provider.clock.advance(seconds=1)
    return program


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    return provider.signed_in()


def allow(browser: FlaskClient, page: TestResponse) -> TestResponse:
    return browser.post("/consent", data={"parked": parked_in(page), "decision": "allow"})


@pytest.mark.parametrize("law", [None, LAW], ids=["consent", "notice"])
@pytest.mark.parametrize("address", [LOOPBACK, PRIVATE])
def test_rfc8252_8_6_a_program_is_answered_after_a_page_each_time(
    provider: Provider, browser: FlaskClient, address: str, law: str | None
) -> None:
    program = a_program(provider, address, legal_basis=law)
    for _ in range(2):
        page = follow(browser, ask(browser, program, redirect_uri=LISTENING[address]))
        assert page_of(page) == "consent"
        answered = follow(browser, allow(browser, page))
        assert answered.location.startswith(LISTENING[address] + "?code=")
        provider.clock.advance(seconds=1)


def test_rfc8252_8_6_prompt_none_is_told_that_a_page_is_needed(provider: Provider, browser: FlaskClient) -> None:
    program = a_program(provider, LOOPBACK)
    said = answer_in(ask(browser, program, prompt="none"))
    assert said["error"] == "interaction_required"
    assert "(RFC 8252 8.6)" in said["error_description"]
    assert answer_in(ask(provider.browser(), program, prompt="none"))["error"] == "login_required"


def test_rfc6749_10_2_the_answer_to_one_request_answers_no_other(provider: Provider, browser: FlaskClient) -> None:
    """A second program that waits behind the first one's page gets nothing by the yes to the first."""
    program = a_program(provider, LOOPBACK)
    thief = "http://127.0.0.1:51999/cb"
    waiting = ask(browser, program, redirect_uri=thief)
    behind = follow(browser, waiting)
    provider.clock.advance(seconds=1)
    page = follow(browser, ask(browser, program, redirect_uri=LISTENING[LOOPBACK]))
    assert "code" in answer_in(follow(browser, allow(browser, page)))
    for late in (
        browser.get(waiting.location),  # its page, looked at anew
        browser.post("/consent", data={"parked": parked_in(behind), "decision": ""}),
    ):
        asked_again = follow(browser, late)
        assert page_of(asked_again) == "consent"
    assert follow(browser, allow(browser, asked_again)).location.startswith(thief + "?code="), "its own page answers it"


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"token_endpoint_auth_method": "client_secret_basic"}, id="it has a secret"),
        pytest.param({"redirect_uris": ["https://ung-dung.example/cb"]}, id="a claimed https address"),
        pytest.param(
            {"application_type": "web", "redirect_uris": ["https://trang.example/cb"]}, id="a page in the browser"
        ),
    ],
)
def test_who_can_be_told_apart_is_answered_at_once(
    provider: Provider, browser: FlaskClient, members: dict[str, object]
) -> None:
    program = a_program(provider, LOOPBACK, **members)
    assert "code" in answer_in(ask(browser, program))
    assert "code" in answer_in(ask(browser, program, prompt="none"))
