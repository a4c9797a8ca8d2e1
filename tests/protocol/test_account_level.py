"""The least account level that a service takes (`minimum_account_level`, Decree 69/2024 Art 6; RFC 6749 4.1.2.1)."""

import pytest

from idp.domain.levels import AccountLevel, ProofSource
from tests.builders import a_citizen, answer_in, ask, obtain_code, sign_in, walk
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
