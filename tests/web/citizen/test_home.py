"""Home, the public register, and every address that people type and bookmark."""

import pytest
from flask import Flask

from idp import flows, storage
from tests.builders import a_citizen, a_service, follow, page_of, sign_in

ADDRESSES = [
    *("/", "/register", "/recover", "/lock", "/account", "/business", "/counter", "/admin", "/services", "/status"),
    *("/help", "/privacy", "/accessibility"),
]


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
    page = client.get(path)
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


def test_a_service_that_registered_itself_or_is_suspended_is_nobodys_offer(sqlite_app: Flask) -> None:
    a_service(sqlite_app, client_name="Bị treo", client_uri="https://treo.example/")
    runtime = sqlite_app.extensions["idp"]
    with sqlite_app.app_context():
        with storage.begin() as tx:
            tx.execute(storage.tables.relying_services.update().values(state="suspended"))
        with storage.begin() as tx:
            metadata = {"client_name": "Tự ghi danh", "redirect_uris": ["https://x.example/cb"]}
            flows.service_registry.register(tx, runtime, metadata)
    for path in ("/services", "/"):
        text = sqlite_app.test_client().get(path).text
        assert "Bị treo" not in text
        assert "Tự ghi danh" not in text


def test_home_links_only_to_services_that_have_an_address(sqlite_app: Flask) -> None:
    a_service(sqlite_app, client_name="Có địa chỉ", client_uri="https://co.example/")
    a_service(sqlite_app, client_name="Không địa chỉ")
    home = sqlite_app.test_client().get("/").text
    assert "Có địa chỉ" in home
    assert "Không địa chỉ" not in home


def test_a_name_with_markup_is_text(sqlite_app: Flask) -> None:
    a_service(sqlite_app, client_name="<script>alert(1)</script>", client_uri="https://x.example/")
    for path in ("/", "/services"):
        assert "<script>alert" not in sqlite_app.test_client().get(path).text


def test_the_sign_in_address_leads_home(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    assert page_of(follow(client, client.get("/sign-in"))) == "sign_in"
    sign_in(client, a_citizen(sqlite_app))
    assert client.get("/").status_code == 200
