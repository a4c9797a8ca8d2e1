"""Who gets tokens for an interface: the callers that its guard names in the trusted file (RFC 8707 2)."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from idp import flows, storage
from idp.domain.relying_services import Caller
from tests.builders import Service, answer_in, ask, obtain_code, page_of, refresh, spend, walk
from tests.builders_provider import Provider
from tests.protocol.test_authorize import told
from tests.protocol.test_code_grant import error_in
from tests.protocol.test_registration import registered
from tests.protocol.test_registration_management import good, manage
from tests.protocol.test_resources import ask_machine
from tests.rows import rows_of

ONE, OTHER = "https://ho-tich.example/api", "https://dat-dai.example/api"
NOT_LET_IN = "the service is not among the callers of this resource (RFC 8707 2)"
GRANTS = ["authorization_code", "client_credentials", "refresh_token"]


@pytest.fixture(scope="module")
def machine(provider: Provider) -> Service:
    """It may read at one interface and write at the other."""
    return provider.new_service(client_id="may", grant_types=GRANTS, machine_scopes="doc ghi")


@pytest.fixture(scope="module", autouse=True)
def guards(provider: Provider, machine: Service) -> dict[str, Service]:
    people = {"client_id": provider.service.client_id}
    return {
        ONE: guard(provider, "ho-tich", ONE, people, {"client_id": "may", "scopes": "doc"}),
        OTHER: guard(provider, "dat-dai", OTHER, {"client_id": "may", "scopes": "ghi trich-luc"}),
    }


def guard(provider: Provider, client_id: str, resource: str, *callers: dict[str, str], **members: Any) -> Service:
    """The guard of an interface, imported from a file, perhaps anew."""
    members = {"grant_types": GRANTS, "machine_scopes": "trong-nha", "resource_token_format": "jwt", **members}
    return provider.new_service(client_id=client_id, resources=[resource], callers=list(callers), **members)


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    return provider.signed_in()


# -- in a person's name --------------------------------------------------------------------------------------------


def test_rfc8707_2_who_is_not_among_the_callers_is_refused_at_authorize(
    provider: Provider, browser: FlaskClient
) -> None:
    said = told(ask(browser, provider.service, resource=OTHER), provider.service)
    assert (said["error"], said["error_description"]) == ("invalid_target", NOT_LET_IN)
    assert page_of(walk(browser, ask(browser, provider.service, resource=ONE))) == ""


def test_rfc8707_2_a_caller_that_was_taken_off_gets_nothing_and_loses_nothing(
    provider: Provider, browser: FlaskClient
) -> None:
    people = {"client_id": provider.service.client_id}
    address = "https://tam.example/api"
    guard(provider, "tam", address, people)
    code, late = (obtain_code(browser, provider.service, resource=address) for _ in range(2))
    tokens = spend(browser, provider.service, code).get_json()
    guard(provider, "tam", address)
    provider.clock.advance(seconds=6)
    for refused in (
        spend(browser, provider.service, late),
        refresh(browser, provider.service, tokens["refresh_token"]),
    ):
        assert error_in(refused) == "invalid_target"
        assert refused.get_json()["error_description"] == NOT_LET_IN
    guard(provider, "tam", address, people)
    provider.clock.advance(seconds=6)
    assert spend(browser, provider.service, late).status_code == 200
    assert refresh(browser, provider.service, tokens["refresh_token"]).status_code == 200


def test_rfc8707_2_without_callers_only_the_guard_itself_is_let_in(provider: Provider, browser: FlaskClient) -> None:
    own = "https://rieng.example/api"
    alone = guard(provider, "rieng", own)
    assert "code" in answer_in(walk(browser, ask(browser, alone, resource=own)))
    assert told(ask(browser, provider.service, resource=own), provider.service)["error"] == "invalid_target"


# -- in its own name -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [None, "", "doc"])
def test_rfc8707_2_a_machine_without_an_entry_gets_no_token_and_leaves_no_row(
    provider: Provider, scope: str | None
) -> None:
    stranger = provider.new_service(grant_types=GRANTS, machine_scopes="doc ghi")
    with provider.app.app_context():
        before = len(rows_of("machine_grants"))
        refused = ask_machine(provider, stranger, resource=ONE, scope=scope)
        assert error_in(refused) == "invalid_target"
        assert refused.get_json()["error_description"] == NOT_LET_IN
        assert len(rows_of("machine_grants")) == before


def test_rfc8707_2_what_a_machine_may_hold_is_said_by_the_guard_of_each_interface(
    provider: Provider, machine: Service
) -> None:
    def asked(resource: str | None, scope: str | None) -> str:
        said = ask_machine(provider, machine, resource=resource, scope=scope).get_json()
        return str(said.get("scope", said.get("error")))

    assert [asked(ONE, scope) for scope in (None, "doc", "ghi", "doc ghi", "trich-luc")] == [
        *("doc", "doc"),
        *["invalid_scope"] * 3,
    ]
    assert [asked(OTHER, scope) for scope in (None, "trich-luc", "doc")] == [
        *("ghi trich-luc", "trich-luc"),
        "invalid_scope",
    ]
    assert [asked(None, scope) for scope in (None, "ghi", "trich-luc")] == ["doc ghi", "ghi", "invalid_scope"]


def test_rfc6749_3_3_a_caller_without_scopes_holds_nothing_in_its_own_name(
    provider: Provider, browser: FlaskClient
) -> None:
    """A token that says nothing would be taken by an interface that looks at no scope."""
    address = "https://chi-nguoi.example/api"
    service = provider.new_service(client_id="chi-nguoi", grant_types=GRANTS, machine_scopes="doc")
    guard(provider, "canh-chi-nguoi", address, {"client_id": "chi-nguoi"})
    for scope in (None, "doc"):
        assert error_in(ask_machine(provider, service, resource=address, scope=scope)) == "invalid_scope"
    assert "code" in answer_in(walk(browser, ask(browser, service, resource=address)))


def test_rfc8707_2_the_guard_holds_at_its_own_interface_what_it_is_registered_for(
    provider: Provider, guards: dict[str, Service]
) -> None:
    said = ask_machine(provider, guards[ONE], resource=ONE).get_json()
    assert said["scope"] == "trong-nha"
    assert error_in(ask_machine(provider, guards[ONE], resource=OTHER)) == "invalid_target"


# -- nobody lets himself in ----------------------------------------------------------------------------------------


def test_rfc7591_5_a_self_registered_service_names_no_callers_and_is_let_in_by_nobody(
    provider: Provider, browser: FlaskClient
) -> None:
    said = registered(provider, callers=[{"client_id": "may"}], resources=["https://cua-toi.example/api"])
    wish = good(said, callers=[{"client_id": "may", "scopes": "doc"}], resources=["https://cua-toi.example/api"])
    changed = manage(provider, said, "PUT", json=wish)
    assert changed.status_code == 200
    assert "callers" not in {**said, **changed.get_json()}
    provider.clock.advance(seconds=6)
    with provider.app.app_context(), storage.once() as tx:
        kept = storage.relying_services.find_by_client_id(tx, said["client_id"])
    assert kept is not None
    assert (kept.callers, kept.resources) == ((), ())
    mine = Service(kept.id, kept.client_id, said["client_secret"], said["redirect_uris"][0], "client_secret_basic")
    assert told(ask(browser, mine, resource=ONE), mine)["error"] == "invalid_target"


def test_callers_survive_what_a_guard_changes_of_itself(provider: Provider, guards: dict[str, Service]) -> None:
    runtime = provider.app.extensions["idp"]
    with provider.app.app_context(), storage.begin() as tx:
        before = storage.relying_services.find_service(tx, guards[ONE].id)
        assert before is not None
        wish = {"client_id": before.client_id, "redirect_uris": list(before.redirect_uris), "callers": []}
        flows.service_registry.change(tx, runtime, before, wish)
        after = storage.relying_services.find_service(tx, guards[ONE].id)
    assert after is not None
    assert after.callers == before.callers == (Caller(provider.service.client_id), Caller("may", ("doc",)))
