"""Headers of every answer: a policy per page (CSP 3), nothing cached that is of a person, nothing told to others."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.builders import (
    Citizen,
    Service,
    a_citizen,
    a_service,
    ask,
    follow,
    page_of,
    parked_in,
    sign_in,
    walk,
)
from tests.web.policy import csp_of

ORIGIN = "https://dich-vu.example"


@pytest.fixture
def citizen(sqlite_app: Flask) -> Citizen:
    return a_citizen(sqlite_app)


@pytest.fixture
def service(sqlite_app: Flask) -> Service:
    return a_service(sqlite_app)


PUBLIC = [
    "/",
    "/services",
    "/help",
    "/register",
    "/account",
    "/sign-in",
    "/signed-out",
    "/khong-co",
    "/oauth2/authorize",
]


@pytest.mark.parametrize("path", PUBLIC)
def test_every_page_has_the_headers(sqlite_app: Flask, path: str) -> None:
    answer = follow(sqlite_app.test_client(), sqlite_app.test_client().get(path))
    policy = csp_of(answer)
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["img-src"] == ["'self'"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in answer.headers, "only on https"
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["X-Request-Id"])


def test_on_https_the_browser_is_told_to_stay_there(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    app = make_app(sqlite_url, IDP_ISSUER="https://dinh-danh.example")
    answer = app.test_client().get("/", base_url="https://dinh-danh.example")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize("path", PUBLIC)
def test_no_page_has_inline_script_or_style(sqlite_app: Flask, path: str) -> None:
    text = follow(sqlite_app.test_client(), sqlite_app.test_client().get(path)).text
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|javascript:", text)
    for address in re.findall(r'(?:src|href)="([^"]+)"', text):
        if address.endswith((".css", ".js", ".svg", ".png")):
            assert address.startswith("/static/"), "nothing is loaded from elsewhere"


def test_a_form_may_end_at_its_service(sqlite_app: Flask, citizen: Citizen, service: Service) -> None:
    """Chromium holds redirects after a post to form-action too, those that the service makes of them as well."""
    client = sqlite_app.test_client()
    page = follow(client, ask(client, service, scope="openid email"))
    assert page_of(page) == "sign_in"
    assert csp_of(page)["form-action"] == ["'self'", "https:"]
    typed = {"identifier": citizen.number, "password": "sai"}
    wrong = client.post("/sign-in", data={"parked": parked_in(page), **typed})
    assert csp_of(wrong)["form-action"] == ["'self'", "https:"], "the page after a wrong password has the form again"
    typed["password"] = citizen.password
    consent = follow(client, client.post("/sign-in", data={"parked": parked_in(page), **typed}))
    assert page_of(consent) == "consent"
    assert csp_of(consent)["form-action"] == ["'self'", "https:"]


def test_choosing_an_account_and_signing_out_may_end_at_the_service(
    sqlite_app: Flask, citizen: Citizen, service: Service
) -> None:
    client = sqlite_app.test_client()
    walk(client, ask(client, service), citizen)
    choice = follow(client, ask(client, service, prompt="select_account"))
    assert page_of(choice) in ("choose_account", "")
    out = follow(
        client,
        client.get(
            "/oauth2/logout",
            query_string={"client_id": service.client_id, "post_logout_redirect_uri": f"{ORIGIN}/da-dang-xuat"},
        ),
    )
    assert page_of(out) == "sign_out"
    assert csp_of(out)["form-action"] == ["'self'", "https:"]


@pytest.mark.parametrize(
    ("members", "ends"),
    [
        ({"redirect_uris": ["http://localhost:9001/cb"]}, ["'self'", "http:"]),
        ({"redirect_uris": ["https://a.example/cb", "https://b.example:8443/cb"]}, ["'self'", "https:"]),
        ({"redirect_uris": ["vn.example.app:/cb"], "application_type": "native"}, ["'self'", "vn.example.app:"]),
    ],
)
def test_the_ends_of_all_kinds_of_services(sqlite_app: Flask, members: dict[str, Any], ends: list[str]) -> None:
    service = a_service(sqlite_app, **members)
    client = sqlite_app.test_client()
    assert csp_of(follow(client, ask(client, service)))["form-action"] == ends


def test_pages_of_our_own_post_to_ourselves_alone(sqlite_app: Flask, citizen: Citizen) -> None:
    client = sqlite_app.test_client()
    assert csp_of(follow(client, client.get("/sign-in")))["form-action"] == ["'self'"]
    sign_in(client, citizen)
    for path in ("/", "/account", "/sign-out", "/services", "/khong-co"):
        assert csp_of(follow(client, client.get(path)))["form-action"] == ["'self'"]


def test_a_refusal_page_posts_nowhere_else_even_when_a_service_asked(sqlite_app: Flask, service: Service) -> None:
    answer = ask(sqlite_app.test_client(), service, redirect_uri=f"{ORIGIN}/khac")
    assert answer.status_code == 400
    assert csp_of(answer)["form-action"] == ["'self'"]


@pytest.mark.parametrize("path", ["/oauth2/jwks", "/.well-known/openid-configuration", "/oauth2/userinfo"])
def test_a_machines_answer_can_be_no_page(sqlite_app: Flask, path: str) -> None:
    answer = sqlite_app.test_client().get(path)
    assert csp_of(answer) == {"default-src": ["'none'"], "frame-ancestors": ["'none'"]}
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_each_request_has_a_number_of_its_own(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    assert len({client.get("/").headers["X-Request-Id"] for _ in range(20)}) == 20
