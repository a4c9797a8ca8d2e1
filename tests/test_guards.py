"""Every door has a guard: each address belongs to a blueprint that stands in DOORS beside one of GUARDS."""

import re
from collections.abc import Iterator

import pytest
from flask import Blueprint, Flask
from werkzeug.routing import Rule

from idp.domain.officers import OF_THE_PROVINCE, PERMISSIONS, Permission, Role
from idp.web import guards
from idp.web.mount import DOORS
from tests.builders import a_citizen, follow, lend_keys, page_of, sign_in
from tests.doubles import FixedClock
from tests.staff import a_unit, an_officer, enter

GUARD_OF = {blueprint.name: guard for blueprint, guard in DOORS}


def unguarded(app: Flask) -> list[str]:
    """The addresses that nobody guards."""
    return [rule.rule for rule in app.url_map.iter_rules() if not _is_guarded(app, rule)]


def _is_guarded(app: Flask, rule: Rule) -> bool:
    blueprint = rule.endpoint.rpartition(".")[0]
    guard = GUARD_OF.get(blueprint)
    return guard in guards.GUARDS and app.before_request_funcs.get(blueprint) == [guard]


def rules_of(app: Flask, guard: guards.Guard) -> Iterator[Rule]:
    return (rule for rule in app.url_map.iter_rules() if GUARD_OF[rule.endpoint.rpartition(".")[0]] is guard)


def test_every_address_has_its_guard(sqlite_app: Flask) -> None:
    assert unguarded(sqlite_app) == []
    assert len(list(sqlite_app.url_map.iter_rules())) > 30


def test_an_address_without_a_guard_is_found(sqlite_app: Flask) -> None:
    sqlite_app.add_url_rule("/cua-sau", view_func=lambda: "")
    stranger = Blueprint("stranger", __name__)
    stranger.add_url_rule("/cua-ben", "side", view_func=lambda: "")
    sqlite_app.register_blueprint(stranger)
    assert unguarded(sqlite_app) == ["/cua-sau", "/cua-ben"]


def test_a_guard_that_was_forgotten_or_exchanged_is_found(sqlite_app: Flask) -> None:
    sqlite_app.before_request_funcs["account"] = [guards.anyone]
    assert unguarded(sqlite_app) == ["/account", "/account/withdraw"]
    del sqlite_app.before_request_funcs["account"]
    assert unguarded(sqlite_app) == ["/account", "/account/withdraw"]


def test_every_door_stands_once_on_the_list() -> None:
    names = [blueprint.name for blueprint, _ in DOORS]
    assert len(names) == len(set(names))
    assert all(guard in guards.GUARDS for _, guard in DOORS)


def test_what_is_a_persons_own_is_on_the_list(sqlite_app: Flask) -> None:
    assert {rule.rule for rule in rules_of(sqlite_app, guards.signed_in_person)} == {
        *("/account", "/account/withdraw", "/account/activity", "/account/activity/end", "/account/activity/proof"),
        "/account/activity/forget",
        *("/account/data", "/account/download"),
        *(f"/account/contacts{deed}" for deed in ("", "/code", "/remove")),
        *("/account/rights", "/account/rights/withdraw"),
        "/account/security",
        *(
            f"/account/security/{deed}"
            for deed in ("passkey", "totp", "totp/confirm", "codes", "remove", "password", "close")
        ),
    }


def test_every_view_of_the_consoles_says_what_it_needs(sqlite_app: Flask) -> None:
    views = [sqlite_app.view_functions[rule.endpoint] for rule in rules_of(sqlite_app, guards.officer)]
    assert len(views) > 15
    needed = [getattr(view, "permissions", ()) for view in views]
    assert all(each and all(isinstance(one, Permission) for one in each) for each in needed)


def test_a_view_that_says_nothing_is_shut(sqlite_app: Flask, clock: FixedClock) -> None:
    browser = enter(sqlite_app, an_officer(sqlite_app, Role.SYSTEM_ADMINISTRATOR, "quan.tri"), clock)
    view = sqlite_app.view_functions["admin.home"]
    needed = view.permissions  # type: ignore[attr-defined]
    try:
        del view.permissions  # type: ignore[attr-defined]
        assert browser.get("/admin").status_code == 403
    finally:
        view.permissions = needed  # type: ignore[attr-defined]


@pytest.mark.parametrize("role", Role)
def test_a_role_opens_what_it_holds_and_nothing_else(sqlite_app: Flask, clock: FixedClock, role: Role) -> None:
    """Each address of the consoles, with each role, at the root and at a unit below it."""
    a_unit(sqlite_app)
    a_unit(sqlite_app, "H05.14", "Sở Tư pháp", parent="H05")
    for agency in ("H05", "H05.14"):
        code = f"{role.replace('_', '-')[:12]}.{len(agency)}"
        browser = enter(sqlite_app, an_officer(sqlite_app, role, code, agency=agency), clock)
        for rule in rules_of(sqlite_app, guards.officer):
            needed: tuple[Permission, ...] = sqlite_app.view_functions[rule.endpoint].permissions  # type: ignore[attr-defined]
            reached = PERMISSIONS[role] - (OF_THE_PROVINCE if agency != "H05" else frozenset())
            is_open = not reached.isdisjoint(needed)
            for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
                answer = browser.open(filled(rule), method=method)
                assert (answer.status_code == 403) is not is_open, f"{role} at {agency}: {method} {rule.rule}"


def filled(rule: Rule) -> str:
    """The address of a rule, for a thing that is not there."""
    return re.sub(r"<[^>]*>", "00000000-0000-0000-0000-000000000000", rule.rule)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_of_the_consoles_sends_a_stranger_and_a_citizen_to_their_own_sign_in(
    sqlite_app: Flask, method: str
) -> None:
    citizen = sqlite_app.test_client()
    sign_in(citizen, a_citizen(sqlite_app))
    for rule in rules_of(sqlite_app, guards.officer):
        if method in (rule.methods or set()):
            for browser in (sqlite_app.test_client(), citizen):
                answer = browser.open(filled(rule), method=method)
                assert (answer.status_code, answer.location.split("?")[0]) == (303, "/admin/sign-in"), rule.rule


def test_a_machine_endpoint_sets_no_cookie_and_answers_no_page(sqlite_app: Flask) -> None:
    lend_keys(sqlite_app)
    client = sqlite_app.test_client()
    sign_in(client, a_citizen(sqlite_app))
    asked = 0
    for rule in rules_of(sqlite_app, guards.services):
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            for browser in (client, sqlite_app.test_client()):
                answer = browser.open(rule.rule, method=method)
                assert "Set-Cookie" not in answer.headers, rule
                assert answer.mimetype != "text/html", rule
                asked += 1
    assert asked > 10


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_page_of_a_persons_own_sends_a_stranger_to_sign_in(sqlite_app: Flask, method: str) -> None:
    for rule in rules_of(sqlite_app, guards.signed_in_person):
        if method not in (rule.methods or set()):
            continue
        client = sqlite_app.test_client()
        answer = client.open(rule.rule, method=method)
        assert answer.status_code == 303
        assert answer.location.startswith("/sign-in?")
        assert page_of(follow(client, answer)) == "sign_in"


@pytest.mark.parametrize("path", ["/oauth2/token", "/account", "/", "/sign-in", "/static/x", "/khong-co"])
@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_no_method_is_a_fault(sqlite_app: Flask, path: str, method: str) -> None:
    assert sqlite_app.test_client().open(path, method=method).status_code in (200, 204, 303, 404, 405)
