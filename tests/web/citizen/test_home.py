"""Home, the public register, and every address that people type and bookmark."""

import html
from collections.abc import Callable, Mapping
from typing import Final

import pytest
from flask import Flask

from idp import flows, storage
from tests.builders import a_citizen, a_service, follow, page_of, sign_in

ADDRESSES = [
    *("/", "/register", "/recover", "/lock", "/account", "/business", "/counter", "/admin", "/services", "/status"),
    *("/help", "/privacy", "/accessibility"),
]

ITSELF: Final = {"client_name": "Tự ghi danh", "redirect_uris": ["https://tu-ghi.example/cb"]}


def register_itself(app: Flask, metadata: Mapping[str, object], agency_code: str | None = None) -> None:
    """A service registers itself; with an agency's code by the initial access token that the agency was given."""
    runtime = app.extensions["idp"]
    with app.app_context(), storage.begin() as tx:
        token = None
        if agency_code:
            token = flows.service_registry.invite(
                tx, runtime, agency_code=agency_code, uses=1, days=1, actor="the tests"
            )
        permission = flows.service_registry.may_register(tx, runtime, token)
        assert permission is not None
        flows.service_registry.register(tx, runtime, metadata, agency_id=permission.agency_id)


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_address_answers_a_stranger_with_a_page_or_with_sign_in(sqlite_app: Flask, path: str) -> None:
    client = sqlite_app.test_client()
    page = follow(client, client.get(path))
    assert page.status_code == 200
    assert "<h1" in page.text
    assert 'id="error"' not in page.text
    assert 'href="/"' in page.text, "there is a way on"


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_address_answers_who_is_signed_in(sqlite_app: Flask, path: str) -> None:
    client = sqlite_app.test_client()
    sign_in(client, a_citizen(sqlite_app))
    page = follow(client, client.get(path))
    assert page.status_code == 200
    assert "<h1" in page.text


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_address_speaks_english(sqlite_app: Flask, path: str) -> None:
    client = sqlite_app.test_client()
    client.get("/language/en")
    assert '<html lang="en"' in follow(client, client.get(path)).text


def test_home_says_who_one_is(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    assert 'href="/sign-in"' in client.get("/").text
    sign_in(client, a_citizen(sqlite_app))
    home = client.get("/").text
    assert "Nguyễn Thị Mẫu" in home
    assert 'href="/sign-out"' in home
    assert "003190000013" not in home


def test_the_register_says_who_runs_a_service_what_for_and_on_what_basis(sqlite_app: Flask) -> None:
    law = "Nghị định 118/2025/NĐ-CP"
    a_service(sqlite_app, purpose={"vi": "Nhận hồ sơ", "en": "To receive"}, legal_basis=law, agency_code="H05")
    register = sqlite_app.test_client().get("/services").text.replace("<wbr>", "")
    for part in ("Dịch vụ thử", "Nhận hồ sơ", law, "dich-vu.example", "H05"):
        assert part in register


def test_a_service_that_is_suspended_or_that_anybody_registered_is_nobodys_offer(sqlite_app: Flask) -> None:
    a_service(sqlite_app, client_name="Bị treo", client_uri="https://treo.example/")
    with sqlite_app.app_context(), storage.begin() as tx:
        tx.execute(storage.tables.relying_services.update().values(state="suspended"))
    register_itself(sqlite_app, ITSELF)
    for path in ("/services", "/"):
        text = sqlite_app.test_client().get(path).text
        assert "Bị treo" not in text
        assert "Tự ghi danh" not in text


@pytest.mark.parametrize("is_open", ["true", "false"])
def test_a_service_that_an_agency_invited_is_on_the_list(
    make_app: Callable[..., Flask], sqlite_url: str, is_open: str
) -> None:
    """People are told that only the services of the list receive anything."""
    app = make_app(sqlite_url, IDP_REGISTRATION_OPEN=is_open)
    register_itself(app, ITSELF, agency_code="H05.14")
    text = app.test_client().get("/services").text.replace("<wbr>", "")
    for part in ("Tự ghi danh", "tu-ghi.example", "H05.14"):
        assert part in text


@pytest.mark.parametrize(
    ("own_page", "is_linked"),
    [
        ("https://tu-ghi.example/trang-chu", True),
        ("https://noi-khac.example/", False),
        ("https://xtu-ghi.example/", False),
    ],
)
def test_a_vendor_puts_no_link_to_elsewhere_on_the_provinces_pages(
    sqlite_app: Flask, own_page: str, is_linked: bool
) -> None:
    """RFC 7591 5."""
    register_itself(sqlite_app, {**ITSELF, "client_uri": own_page}, agency_code="H05.14")
    home, register = (sqlite_app.test_client().get(path).text.replace("<wbr>", "") for path in ("/", "/services"))
    assert (own_page in home) is is_linked
    assert ">tu-ghi.example</dd>" in register
    assert "noi-khac" not in home + register


def test_where_registration_is_closed_whoever_was_invited_is_on_the_list(
    make_app: Callable[..., Flask], sqlite_url: str
) -> None:
    """An invitation may name no agency; it is the province's all the same."""
    register_itself(make_app(sqlite_url), ITSELF)
    closed = make_app(sqlite_url, IDP_REGISTRATION_OPEN="false")
    assert "Tự ghi danh" in closed.test_client().get("/services").text


def test_a_service_that_signs_nobody_in_is_not_on_the_list_and_takes_no_page_down(sqlite_app: Flask) -> None:
    machine = {"grant_types": ["client_credentials"], "machine_scopes": "doc", "redirect_uris": None}
    a_service(sqlite_app, client_name="Chỉ có máy", client_uri="https://may.example/", **machine)
    for path in ("/services", "/"):
        page = sqlite_app.test_client().get(path)
        assert page.status_code == 200
        assert "Chỉ có máy" not in page.text


@pytest.mark.parametrize(
    ("members", "address"),
    [
        ({"client_uri": "https://cong.example/trang-chu"}, "cong.example"),
        ({"redirect_uris": ["https://quay-ve.example:8443/cb"]}, "quay-ve.example:8443"),
        ({"application_type": "native", "redirect_uris": ["vn.example.app:/cb"]}, ""),
        ({"application_type": "native", "redirect_uris": ["http://127.0.0.1/cb"]}, ""),
        (
            {"application_type": "native", "redirect_uris": ["vn.example.app:/cb", "https://ung-dung.example/cb"]},
            "ung-dung.example",
        ),
    ],
)
def test_the_register_shows_the_address_by_which_people_know_a_service_or_none(
    sqlite_app: Flask, members: dict[str, object], address: str
) -> None:
    a_service(sqlite_app, **members)
    text = sqlite_app.test_client().get("/services").text.replace("<wbr>", "")
    assert "Dịch vụ thử" in text
    assert ("Địa chỉ" in text) is bool(address)
    assert f">{address}</dd>" in text or not address
    assert "></dd>" not in text, "no line is empty"


def test_home_links_only_to_services_that_have_an_address(sqlite_app: Flask) -> None:
    a_service(sqlite_app, client_name="Có địa chỉ", client_uri="https://co.example/")
    a_service(sqlite_app, client_name="Không địa chỉ")
    home = sqlite_app.test_client().get("/").text
    assert "Có địa chỉ" in home
    assert "Không địa chỉ" not in home


@pytest.mark.parametrize(("query", "joint"), [("", "?"), ("?a=b", "&")])
def test_oidc_core_4_home_leads_to_where_a_service_begins_a_sign_in(sqlite_app: Flask, query: str, joint: str) -> None:
    begin = f"https://co.example/bat-dau{query}"
    a_service(sqlite_app, client_name="Có", client_uri="https://co.example/", initiate_login_uri=begin)
    home = html.unescape(sqlite_app.test_client().get("/").text)
    assert f'href="{begin}{joint}iss=http%3A%2F%2Flocalhost%3A8000"' in home


def test_oidc_core_4_a_service_that_registered_itself_begins_nowhere_else(sqlite_app: Flask) -> None:
    register_itself(sqlite_app, {**ITSELF, "initiate_login_uri": "https://noi-khac.example/"}, agency_code="H05.14")
    assert "noi-khac" not in sqlite_app.test_client().get("/").text


def test_under_test_suites_what_they_registered_is_on_the_list(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    app = make_app(sqlite_url, IDP_SERVICES_STRICT="false")
    register_itself(app, {**ITSELF, "initiate_login_uri": "https://tu-ghi.example/bat-dau"})
    assert "https://tu-ghi.example/bat-dau?iss=" in app.test_client().get("/").text


def test_a_name_with_markup_is_text(sqlite_app: Flask) -> None:
    a_service(sqlite_app, client_name="<script>alert(1)</script>", client_uri="https://x.example/")
    for path in ("/", "/services"):
        assert "<script>alert" not in sqlite_app.test_client().get(path).text


def test_the_sign_in_address_leads_home(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    assert page_of(follow(client, client.get("/sign-in"))) == "sign_in"
    sign_in(client, a_citizen(sqlite_app))
    assert client.get("/").status_code == 200
