"""The least account level that a service takes (`minimum_account_level`, Decree 69/2024 Art 6; RFC 6749 4.1.2.1)."""

import json

import pytest

from idp.domain.levels import AccountLevel, ProofSource
from tests.builders import a_citizen, answer_in, ask, follow, obtain_code, parked_in, sign_in, walk
from tests.builders_provider import Provider
from tests.rows import rows_of


@pytest.mark.parametrize("prompt", [None, "none", "consent"])
def test_rfc6749_4_1_2_1_a_person_below_the_services_account_level_is_denied_and_asked_nothing(
    provider: Provider, prompt: str | None
) -> None:
    """Even where the person agreed before the service raised its minimum."""
    service = provider.agreed(client_id=f"muc-{prompt}")
    provider.new_service(client_id=f"muc-{prompt}", redirect_uris=[service.redirect_uri], minimum_account_level=1)
    provider.clock.advance(seconds=6)
    browser = provider.signed_in()
    with provider.app.app_context():
        before = len(rows_of("consents"))
        said = answer_in(walk(browser, ask(browser, service, prompt=prompt)))
        assert said["error"] == "access_denied"
        assert "minimum_account_level" in said["error_description"]
        assert len(rows_of("consents")) == before


def test_who_has_the_level_comes_in(provider: Provider) -> None:
    service = provider.new_service(minimum_account_level=1)
    verified = a_citizen(
        provider.app, "097090000017", proof_source=ProofSource.NATIONAL_ID, account_level=AccountLevel.ONE
    )
    assert obtain_code(provider.browser(), service, verified)
    stricter = provider.new_service(minimum_account_level=2)
    browser = provider.browser()
    sign_in(browser, verified)
    assert answer_in(walk(browser, ask(browser, stricter)))["error"] == "access_denied"


def test_after_the_refusal_somebody_else_can_be_let_sign_in(provider: Provider) -> None:
    service = provider.new_service(minimum_account_level=1)
    browser = provider.signed_in()
    assert answer_in(walk(browser, ask(browser, service)))["error"] == "access_denied"
    verified = a_citizen(
        provider.app, "097090000025", proof_source=ProofSource.NATIONAL_ID, account_level=AccountLevel.TWO
    )
    provider.clock.advance(seconds=1)
    assert "code" in answer_in(walk(browser, ask(browser, service, prompt="login"), verified))


def wanting(*levels: int, place: str = "id_token", **more: object) -> str:
    """A `claims` parameter that demands one of these account levels."""
    asked = {"account_level": {"essential": True, "values": list(levels), **more}}
    return json.dumps({place: asked})


@pytest.mark.parametrize("place", ["id_token", "userinfo"])
def test_oidc_core_5_5_1_a_request_may_demand_more_than_the_services_record(provider: Provider, place: str) -> None:
    service, browser = provider.agreed(), provider.signed_in()
    denied = answer_in(walk(browser, ask(browser, service, claims=wanting(1, 2, place=place))))
    assert denied["error"] == "access_denied"
    silent = answer_in(ask(browser, service, claims=wanting(2, place=place), prompt="none"))
    assert silent["error"] == "access_denied"
    for harmless in ({"values": [2]}, {"essential": True}):
        wished = json.dumps({place: {"account_level": harmless}})
        assert "code" in answer_in(walk(browser, ask(browser, service, claims=wished))), "this bars nobody"


def test_oidc_core_5_5_1_a_level_that_nobody_has_is_refused(provider: Provider) -> None:
    service, browser = provider.new_service(), provider.browser()
    proved = a_citizen(
        provider.app, "097090000033", proof_source=ProofSource.NATIONAL_ID, account_level=AccountLevel.TWO
    )
    sign_in(browser, proved)
    assert "code" in answer_in(walk(browser, ask(browser, service, claims=wanting(1, 2))))
    for levels in ((3,), (True,), ("2",)):
        refused = answer_in(walk(browser, ask(browser, service, claims=wanting(*levels))))  # type: ignore[arg-type]
        assert refused["error"] == "access_denied", levels


@pytest.mark.parametrize(
    ("language", "level", "told"),
    [("vi", 2, "công an xã, phường"), ("en", 2, "commune police"), ("en", 1, "Level 1 is enough")],
)
def test_the_person_is_told_what_is_missing_and_how_to_get_it(
    provider: Provider, language: str, level: int, told: str
) -> None:
    service = provider.new_service(minimum_account_level=level)
    page = follow(browser := provider.signed_in(), ask(browser, service, ui_locales=language))
    assert page.status_code == 200
    assert told in page.text
    back = follow(browser, browser.post("/account-level", data={"parked": parked_in(page)}))
    assert answer_in(back)["error"] == "access_denied"
