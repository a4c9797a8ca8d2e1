"""Cookies: `__Host-`, Secure, HttpOnly, SameSite=Lax on https (RFC 6265bis 4.1.3.2); on http loopback without both."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.builders import a_citizen, parked_in
from tests.web.policy import cookies_of

HTTPS = "https://dinh-danh.example"


def all_cookies(app: Flask, base_url: str) -> dict[str, object]:
    """Every cookie that signing in and choosing language and text size sets."""
    client, citizen, seen = app.test_client(), a_citizen(app), dict[str, object]()
    first = client.get("/sign-in", base_url=base_url)
    page = client.get(first.location, base_url=base_url)
    form = {"parked": parked_in(page), "identifier": citizen.number, "password": citizen.password}
    entered = client.post("/sign-in", data=form, base_url=base_url)
    assert client.get(entered.location, base_url=base_url).status_code == 200
    for answer in (first, entered, client.get("/language/en", base_url=base_url), client.get("/text/large")):
        seen |= cookies_of(answer)
    assert client.get("/account", base_url=base_url).status_code == 200, (
        "the cookies are understood when they come back"
    )
    return seen


def test_on_https_every_cookie_is_bound_to_the_host_and_hidden_from_scripts(
    make_app: Callable[..., Flask], sqlite_url: str
) -> None:
    seen = all_cookies(make_app(sqlite_url, IDP_ISSUER=HTTPS), HTTPS)
    assert set(seen) == {f"__Host-idp_{name}" for name in ("session", "device", "page", "language", "text")}
    for name, morsel in seen.items():
        assert (morsel["secure"], morsel["httponly"], morsel["samesite"], morsel["path"], morsel["domain"]) == (  # type: ignore[index]
            True,
            True,
            "Lax",
            "/",
            "",
        ), name


def test_on_http_loopback_there_is_neither_prefix_nor_secure(sqlite_app: Flask) -> None:
    seen = all_cookies(sqlite_app, "http://localhost:8000")
    assert set(seen) == {f"idp_{name}" for name in ("session", "device", "page", "language", "text")}
    for morsel in seen.values():
        assert (morsel["secure"], morsel["httponly"], morsel["samesite"]) == ("", True, "Lax")  # type: ignore[index]


def test_the_session_goes_with_the_browser_and_the_device_stays_a_year(sqlite_app: Flask) -> None:
    seen = all_cookies(sqlite_app, "http://localhost:8000")
    assert seen["idp_session"]["max-age"] == seen["idp_page"]["max-age"] == ""  # type: ignore[index]
    assert seen["idp_device"]["max-age"] == "31536000"  # type: ignore[index]


@pytest.mark.parametrize("value", ["", "x", "x" * 65, "x" * 4000, "\x00", "é", "a=b", '"'])
def test_a_foreign_session_cookie_is_nobody(sqlite_app: Flask, value: str) -> None:
    client = sqlite_app.test_client()
    client.set_cookie("idp_session", value)
    answer = client.get("/account")
    assert answer.status_code == 303
    assert answer.location.startswith("/sign-in?")


def test_on_https_a_cookie_without_the_prefix_is_not_looked_at(make_app: Callable[..., Flask], sqlite_url: str) -> None:
    """A neighbour host could set it; only `__Host-` cookies are ours for sure."""
    app = make_app(sqlite_url, IDP_ISSUER=HTTPS)
    client = app.test_client()
    client.set_cookie("idp_language", "en", domain="dinh-danh.example")
    assert '<html lang="vi"' in client.get("/", base_url=HTTPS).text
