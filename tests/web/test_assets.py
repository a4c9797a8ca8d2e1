"""Styles and scripts: named by their content, compressed once, kept by browsers for a year (RFC 8246)."""

import gzip
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from idp.web.assets import STATIC, Assets


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    return sqlite_app.test_client()


def address(name: str) -> str:
    return Assets().url(name)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("site.css", "text/css; charset=utf-8"),
        ("show-password.js", "text/javascript; charset=utf-8"),
        ("favicon.svg", "image/svg+xml"),
    ],
)
def test_a_file_is_served_under_its_hash_and_kept_for_ever(client: FlaskClient, name: str, media_type: str) -> None:
    assert re.fullmatch(r"/static/[\w-]+\.[0-9a-f]{16}\.\w+", address(name))
    answer = client.get(address(name), headers={"Accept-Encoding": "identity"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(media_type)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers


def test_what_was_kept_is_not_sent_again(client: FlaskClient) -> None:
    first = client.get(address("site.css"))
    again = client.get(address("site.css"), headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert client.get(address("site.css"), headers={"If-None-Match": '"khac"'}).status_code == 200


@pytest.mark.parametrize(
    ("accepts", "compressed"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("*", True), ("identity", False), ("gzip;q=0", False), ("", False)],
)
def test_it_is_compressed_for_who_can_read_that(client: FlaskClient, accepts: str, compressed: bool) -> None:
    answer = client.get(address("site.css"), headers={"Accept-Encoding": accepts})
    assert (answer.headers.get("Content-Encoding") == "gzip") is compressed
    plain = gzip.decompress(answer.data) if compressed else answer.data
    assert plain.endswith((STATIC / "theme.css").read_bytes())
    assert b"sourceMappingURL" not in plain


def test_a_first_visit_to_the_sign_in_page_moves_less_than_100_kb(client: FlaskClient) -> None:
    page = client.get("/sign-in", follow_redirects=True)
    wanted = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text))
    assert len(wanted) == 4
    sizes = [len(client.get(each, headers={"Accept-Encoding": "gzip"}).data) for each in wanted]
    assert sum(sizes) + len(gzip.compress(page.data)) < 100_000


@pytest.mark.parametrize(
    "path", ["/static/site.css", "/static/", "/static/../config/default.toml", "/static/%2e%2e/errors.py", "/static/x"]
)
def test_nothing_else_is_served(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_icon_that_browsers_ask_for_by_themselves(client: FlaskClient) -> None:
    assert client.get("/favicon.ico").mimetype == "image/svg+xml"
